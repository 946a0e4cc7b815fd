"""CSV and TSV: dialects, encodings, damage, and files that grow."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsgrep.extraction.records.base import BadRecord, ReadOptions, Record, bytes_source
from newsgrep.extraction.records.csv_rows import FORMAT
from newsgrep.extraction.records.registry import read_records
from newsgrep.indexing import index_at
from newsgrep.indexing.outcomes import Outcome, UpdateSummary
from newsgrep.indexing.update import UpdateOptions, update_index

ROWS = [
    {"title": "东港码头", "content": "扩建明年开工，两年完成。", "date": "2024-05-17"},
    {"title": "北堤水闸", "content": "他说：“渡轮照常。”", "date": "2024-05-18"},
]


def read(
    data: bytes, name: str = "a.csv", options: ReadOptions | None = None
) -> list[Record | BadRecord]:
    return list(read_records(bytes_source(name, data), options or ReadOptions()))


def values(data: bytes, name: str = "a.csv", **fields: str) -> list[dict[str, str]]:
    found = read(data, name, ReadOptions(fields))
    return [json.loads(each.data) for each in found if isinstance(each, Record)]


def written(dialect: str = "excel", **options: object) -> str:
    stream = io.StringIO(newline="")
    writer = csv.DictWriter(stream, list(ROWS[0]), dialect, **options)  # type: ignore[arg-type]
    writer.writeheader()
    writer.writerows(ROWS)
    return stream.getvalue()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|"])
def test_delimiters_and_encodings(delimiter: str, encoding: str) -> None:
    for text in (written(delimiter=delimiter), written("unix", delimiter=delimiter)):
        assert values(text.encode(encoding)) == ROWS


def test_separator_line_of_excel_is_read() -> None:
    text = "sep=;\r\n" + written(delimiter=";")
    assert values(text.encode("utf-8-sig")) == ROWS
    assert [each.locator for each in read(text.encode())] == [":3", ":4"]


def test_line_ends_of_old_computers_are_read() -> None:
    assert values(written(lineterminator="\r").encode()) == ROWS


def test_quotes_may_be_escaped_by_a_backslash() -> None:
    text = written("unix", escapechar="\\", doublequote=False).replace("“", '\\"')
    text = text.replace("”", '\\"').replace("2024-05-18", "\\N")
    found = values(text.encode())
    assert found[1] == {"title": "北堤水闸", "content": '他说："渡轮照常。"', "date": ""}
    assert found[0] == ROWS[0]


def test_quotes_of_unquoted_files_are_text() -> None:
    text = 'title\tcontent\n"东港码头\t扩建明年开工。\n北堤水闸\t"渡轮" 照常。\n'
    assert values(text.encode(), "a.tsv") == [
        {"title": '"东港码头', "content": "扩建明年开工。"},
        {"title": "北堤水闸", "content": '"渡轮" 照常。'},
    ]


def test_columns_without_names_have_numbers() -> None:
    text = "港口,扩建明年开工。\n水闸,渡轮照常。\n"
    assert values(text.encode(), title="1", body="2") == [
        {"1": "港口", "2": "扩建明年开工。"},
        {"1": "水闸", "2": "渡轮照常。"},
    ]
    assert values(text.encode()) == [{"港口": "水闸", "扩建明年开工。": "渡轮照常。"}]


def test_header_may_have_several_lines() -> None:
    assert values(b'title,"content\n(text)"\nA,B\n') == [{"title": "A", "content\n(text)": "B"}]


def test_truncated_row_is_listed() -> None:
    text = written(quoting=csv.QUOTE_ALL).rstrip("\r\n")
    assert len(values(text.encode())) == 2
    for cut in (1, 8, 15):
        *rows, bad = read(text[:-cut].encode())
        assert len(rows) == 1
        assert bad == BadRecord(":3", "the file ends in the middle of a row")
    assert read(b"title,content\n") == []


def test_lines_in_another_encoding_are_read() -> None:
    data = b"title,content\n" + b"a,b\n" * 30_000 + "水闸,渡轮照常开行。\n".encode("gb18030")
    assert values(data)[-1] == {"title": "水闸", "content": "渡轮照常开行。"}


CELLS = st.text("a甲,;\"'\n\t ", max_size=6)


@given(st.lists(st.tuples(CELLS, CELLS), max_size=6))
def test_rows_are_those_of_the_writer(rows: list[tuple[str, str]]) -> None:
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, "unix")
    writer.writerows([("title", "content"), *rows])
    expected = [{"title": a, "content": b} for a, b in rows if a.strip() or b.strip()]
    assert values(stream.getvalue().encode()) == expected


@given(st.lists(st.tuples(CELLS, CELLS), max_size=6), st.data())
def test_resumed_rows_are_the_rest(rows: list[tuple[str, str]], data: st.DataObject) -> None:
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, "unix")
    writer.writerows([("title", "content"), ("a", "b"), *rows])
    whole = stream.getvalue().encode()
    cut = data.draw(st.integers(len(b"title,content\n"), len(whole)))
    options = ReadOptions()
    before = list(FORMAT.read(bytes_source("a.csv", whole[:cut]), options))
    report = options.report
    kept = [each for each in before if int(each.locator[1:]) <= report.number]
    assert FORMAT.resume
    after = FORMAT.resume(bytes_source("a.csv", whole), ReadOptions(), report.end, report.number)
    assert [*kept, *after] == list(FORMAT.read(bytes_source("a.csv", whole), ReadOptions()))


def test_appended_rows_are_all_that_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "n"
    folder.mkdir()
    path = folder / "a.csv"

    def update(text: str) -> UpdateSummary:
        with path.open("a", encoding="utf-8", newline="") as stream:
            stream.write(text)
        return update_index(index_at(tmp_path / "index"), [str(folder)], UpdateOptions())

    first = update('title,content\r\n港口,"扩建，\n明年开工。"\r\n水闸,"渡轮照')
    assert (first.articles, first.counts[Outcome.REJECTED]) == (1, 1)
    second = update('常。"\r\n码头,两年完成。\r\n')
    assert second.articles == 3
    assert (second.counts[Outcome.UNCHANGED], second.counts[Outcome.REJECTED]) == (1, 0)
