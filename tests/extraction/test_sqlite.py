"""SQLite databases: tables chosen by columns, queries, copies, damage, and hostile schemas."""

from __future__ import annotations

import gzip
import io
import sqlite3
import zipfile
import zlib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from newsgrep.errors import NoArticle
from newsgrep.extraction.extraction import Extraction, extract_records
from newsgrep.extraction.outlets import load_outlets
from newsgrep.extraction.records.base import (
    BadRecord,
    ReadOptions,
    Record,
    bytes_source,
    file_source,
)
from newsgrep.extraction.records.registry import read_records
from tests.support.cli import Cli

TEXT = "港务局昨天表示，新码头将在年内完工，渡轮的班次会随之增加。"
NEWS = "CREATE TABLE news (id INTEGER PRIMARY KEY, title TEXT, content TEXT, url TEXT)"
INSERT = "INSERT INTO news (title, content) VALUES (?, ?)"


def database(path: Path, *statements: str, rows: int = 3) -> Path:
    with closing(sqlite3.connect(path)) as connection:
        for each in (NEWS, *statements):
            connection.execute(each)
        connection.executemany(INSERT, [(f"第{n}号码头", TEXT) for n in range(1, rows + 1)])
        connection.commit()
    return path


def read(path: Path, query: str | None = None, **fields: str) -> list[Record | BadRecord]:
    return list(read_records(file_source(path), ReadOptions(fields, query)))


def extract(path: Path, query: str | None = None, **fields: str) -> list[Extraction]:
    options = ReadOptions(fields, query)
    source = file_source(path)
    return list(
        extract_records(str(path), source, outlets=load_outlets(), mtime=1.8e9, options=options)
    )


def locators(path: Path, query: str | None = None, **fields: str) -> list[str]:
    return [each.locator for each in read(path, query, **fields)]


def test_rows_are_located_by_their_number(tmp_path: Path) -> None:
    path = database(
        tmp_path / "a.db",
        "CREATE TABLE users (name TEXT, bio TEXT)",
        "CREATE TABLE comments (title_id INTEGER, content TEXT, created_at TEXT)",
        "INSERT INTO comments VALUES (1, '沙发', '2024-05-17')",
        "CREATE TABLE log (title)",
    )
    options = ReadOptions()
    assert [each.locator for each in read_records(file_source(path), options)] == [
        "#1",
        "#2",
        "#3",
    ]
    assert options.report.others == {"table comments": 1, "table log": 1, "table users": 1}
    assert [each.article.title for each in extract(path) if each.article] == [
        "第1号码头",
        "第2号码头",
        "第3号码头",
    ]


def test_several_tables_with_articles_are_in_locators(tmp_path: Path) -> None:
    other = "CREATE TABLE 旧闻 (标题, 正文, PRIMARY KEY (标题)) WITHOUT ROWID"
    row = "INSERT INTO 旧闻 VALUES ('甲', '渡轮的班次会增加。')"
    path = database(tmp_path / "a.sqlite3", other, row, rows=1)
    assert locators(path) == ["#news/1", "#旧闻/1"]


def test_full_text_index_is_not_read_twice(tmp_path: Path) -> None:
    path = database(
        tmp_path / "a.db",
        "CREATE VIRTUAL TABLE news_fts USING fts5(title, content, content=news)",
        "CREATE VIRTUAL TABLE old USING fts5(title, content)",
        "INSERT INTO old VALUES ('甲', '乙')",
        "CREATE VIEW all_news AS SELECT * FROM news",
    )
    assert locators(path) == ["#1", "#2", "#3"]
    assert locators(path, "SELECT * FROM old WHERE old MATCH '乙'") == ["#1"]


def test_map_names_the_columns(tmp_path: Path) -> None:
    other = "CREATE TABLE t (k TEXT, v TEXT)"
    path = database(tmp_path / "a.db", other, "INSERT INTO t VALUES ('题', '渡轮增加。')")
    (found,) = [each for each in extract(path, title="k", body="v") if each.article]
    assert found.locator == "#1"
    assert found.article
    assert (found.article.title, found.article.body) == ("题", "渡轮增加。")


def test_database_without_a_text_lists_its_columns(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "a.db")) as connection:
        connection.execute("CREATE TABLE visits (id, ts)")
        connection.execute("CREATE TABLE other (a, b)")
    with pytest.raises(NoArticle, match=r"--sql QUERY. Tables: other \(a, b\); visits \(id, ts\)"):
        read(tmp_path / "a.db")


def test_query_returns_the_records(tmp_path: Path) -> None:
    path = database(tmp_path / "a.db")
    query = "SELECT title AS headline, content FROM news WHERE id > 1 ORDER BY id DESC"
    found = extract(path, query)
    assert [(e.locator, e.article and e.article.title) for e in found] == [
        ("#1", "第3号码头"),
        ("#2", "第2号码头"),
    ]


@pytest.mark.parametrize(
    "query",
    [
        "DELETE FROM news",
        "ATTACH 'other.db' AS other",
        "PRAGMA user_version = 7",
        "SELECT 1; SELECT 2",
        "SELECT nothing FROM news",
        "",
        "CREATE TEMP TABLE t (a)",
        "VACUUM INTO 'other.db'",
    ],
)
def test_query_that_does_more_than_read_is_refused(
    query: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = database(tmp_path / "a.db")
    before = path.read_bytes()
    with pytest.raises(NoArticle, match=r"Use one SELECT statement. Tables: news \(id, title"):
        read(path, query)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


Pack = Callable[[bytes], bytes]


def _zipped(data: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("in/a.db", data)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("name", "pack", "member"),
    [("a.db.gz", gzip.compress, ""), ("a.zip", _zipped, "!/in/a.db"), ("a.txt", bytes, "")],
)
def test_database_is_read_in_archives(name: str, pack: Pack, member: str, tmp_path: Path) -> None:
    data = pack(database(tmp_path / "a.db").read_bytes())
    found = list(read_records(bytes_source(name, data), ReadOptions()))
    assert [each.locator for each in found] == [f"{member}#{n}" for n in (1, 2, 3)]


def test_packed_database_has_a_size_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("newsgrep.extraction.records.sqlite._MAX_COPY_BYTES", 4000)
    data = gzip.compress(database(tmp_path / "a.db").read_bytes())
    with pytest.raises(NoArticle, match="of more than 2G that is packed"):
        list(read_records(bytes_source("a.db.gz", data), ReadOptions()))


def test_open_write_ahead_log_is_read_too(tmp_path: Path) -> None:
    path = database(tmp_path / "a.db")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(INSERT, ("新码头", TEXT))
        connection.commit()
        files = {each: each.read_bytes() for each in tmp_path.iterdir()}
        assert locators(path) == ["#1", "#2", "#3", "#4"]
        assert {each: each.read_bytes() for each in tmp_path.iterdir()} == files


def test_database_in_wal_mode_is_not_changed(tmp_path: Path) -> None:
    path = database(tmp_path / "a.db", "PRAGMA journal_mode = WAL")
    assert locators(path) == ["#1", "#2", "#3"]
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "value",
    [
        TEXT.encode("gb18030"),
        TEXT.encode(),
        zlib.compress(TEXT.encode()),
        gzip.compress(TEXT.encode("gb18030")),
    ],
    ids=["gb18030", "utf-8", "zlib", "gzip"],
)
def test_blob_may_be_text_in_other_encodings(value: bytes, tmp_path: Path) -> None:
    path = database(tmp_path / "a.db", rows=0)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(INSERT, ("题", value))
        connection.execute(INSERT, ("图", b"\x89PNG\0\1\2"))
        connection.commit()
    found = extract(path)
    assert found[0].article
    assert found[0].article.body == TEXT


def test_database_in_utf_16_is_read(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "a.db")) as connection:
        connection.execute("PRAGMA encoding = 'UTF-16le'")
        connection.execute(NEWS)
        connection.execute(INSERT, ("题", TEXT))
        connection.commit()
    (found,) = extract(tmp_path / "a.db")
    assert found.article
    assert found.article.body == TEXT


def test_truncated_database_lists_the_damage(tmp_path: Path) -> None:
    path = database(tmp_path / "a.db", rows=2000)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    found = read(path)
    rows = [each for each in found if isinstance(each, Record)]
    assert 500 < len(rows) < 1500
    assert isinstance(found[-1], BadRecord)
    assert "table news is damaged" in found[-1].reason
    assert f"the file ends after {len(data) // 2:,} of {len(data):,} bytes" in found[-1].reason
    path.write_bytes(data[:50])
    with pytest.raises(NoArticle, match="damaged or encrypted"):
        read(path)


def test_damaged_page_loses_only_its_rows(tmp_path: Path) -> None:
    path = database(tmp_path / "a.db", rows=2000)
    data = bytearray(path.read_bytes())
    middle = len(data) // 4096 // 2 * 4096
    data[middle : middle + 4096] = b"\xff" * 4096
    path.write_bytes(data)
    found = read(path)
    bad = [each for each in found if isinstance(each, BadRecord)][-1]
    assert "rows at most are lost" in bad.reason
    rows = {each.locator for each in found if isinstance(each, Record)}
    assert len(rows) == sum(isinstance(each, Record) for each in found)
    assert 1900 < len(rows) < 2000
    assert {"#1", "#2000"} <= rows


def test_row_that_is_too_large_is_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = database(tmp_path / "a.db")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE news SET content = ? WHERE id = 2", ("x" * 200_000,))
        connection.commit()
    monkeypatch.setattr("newsgrep.extraction.records.sqlite.MAX_RECORD_BYTES", 100_000)
    assert read(path)[1] == BadRecord("#2", "a row of more than 64M")
    assert locators(path) == ["#1", "#2", "#3"]


def test_hostile_schema_is_not_executed(tmp_path: Path) -> None:
    path = database(
        tmp_path / "a.db",
        "CREATE TABLE more (title, content, url AS (hex(zeroblob(90000000))))",
        "INSERT INTO more (title, content) VALUES ('甲', '乙')",
        "CREATE VIEW posts AS WITH RECURSIVE n(title) AS "
        "(SELECT 1 UNION ALL SELECT title + 1 FROM n) SELECT title, title AS content FROM n",
        'CREATE TABLE "a""]; DROP TABLE news; --" (title, content, "x""y")',
    )
    assert locators(path) == ["#more/1", "#news/1", "#news/2", "#news/3"]


def test_commands_read_databases(cli: Cli) -> None:
    folder = cli.folder / "n"
    folder.mkdir()
    path = database(folder / "a.db", "CREATE TABLE old (title, body)")
    cli("index", "n")
    found = sorted(cli("search", "渡轮", "--paths").lines)
    assert found == [f"{path}#news/{n}" for n in (1, 2, 3)]
    assert "第2号码头" in cli("extract", "n/a.db#news/2").out
    cli("index", "n", "--sql", "SELECT * FROM news WHERE id = 2", "--prune")
    assert cli("search", "渡轮", "--paths").lines == [f"{path}#1"]
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(INSERT, ("四号", TEXT))
        connection.commit()
    cli("index", "n")
    assert cli("search", "渡轮", "--paths").lines == [f"{path}#1"]


def test_rows_in_the_write_ahead_log_are_indexed(cli: Cli) -> None:
    (cli.folder / "n").mkdir()
    path = database(cli.folder / "n" / "a.db", "PRAGMA journal_mode = WAL")
    with closing(sqlite3.connect(path)) as connection:
        for number in (4, 5):
            connection.execute(INSERT, (f"第{number}号", TEXT))
            connection.commit()
            cli("index", "n")
            assert len(cli("search", "渡轮", "--paths").lines) == number


def test_file_of_another_kind_is_not_a_database(cli: Cli) -> None:
    (cli.folder / "Thumbs.db").write_bytes(b"\xd0\xcf\x11\xe0" + bytes(600))
    ran: Any = cli("extract", "Thumbs.db", status=2)
    assert "a .db file that is not an SQLite database" in ran.err
