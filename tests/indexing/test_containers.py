"""Files of many records: what a run reads again, and that the index is what the files contain."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import random
import shutil
import tarfile
import zipfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from newsgrep.engines.base import count_matches
from newsgrep.errors import NoArticle, UsageError
from newsgrep.extraction.extraction import extract_records
from newsgrep.extraction.outlets import load_outlets
from newsgrep.extraction.pipeline import extract_record
from newsgrep.extraction.records.base import (
    DEFAULT_OPTIONS,
    ReadOptions,
    ReadReport,
    Record,
    file_source,
)
from newsgrep.indexing import index_at
from newsgrep.indexing.containers import Ledger, unpack_ledger
from newsgrep.indexing.outcomes import Outcome, UpdateSummary
from newsgrep.indexing.update import UpdateOptions, update_index
from newsgrep.models import Article, FileRecord, Status

SAMPLES = Path(__file__).parents[1] / "fixtures/formats"
WORDS = ("港口", "河堤", "学校", "电车", "渔船", "图书馆")


def line(number: int, version: int = 0) -> str:
    text = (
        f"{WORDS[number]}的{'新' * version}消息：第{number}号工程昨天完工，沿岸的村子不再需要沙袋。"
    )
    url = f"https://a.example/{number}"
    return json.dumps({"title": f"{WORDS[number]}完工", "url": url, "text": text})


def write(path: Path, lines: Sequence[str]) -> None:
    path.write_text("".join(f"{each}\n" for each in lines), "utf-8")


def update(
    folder: Path, prune: bool | None = True, read: ReadOptions = DEFAULT_OPTIONS
) -> UpdateSummary:
    options = UpdateOptions(prune=prune, read=read)
    return update_index(index_at(folder / "index"), [str(folder / "a")], options)


def stored(folder: Path) -> dict[str, FileRecord]:
    with index_at(folder / "index").open() as engine:
        return {record.path: record for record in engine.file_records()}


def bodies(folder: Path) -> dict[str, str]:
    """Return the URL and the body of each article by the path of its record."""
    indexed = {p: r for p, r in stored(folder).items() if r.status is Status.INDEXED}
    with index_at(folder / "index").open() as engine:
        assert count_matches(engine) == len(indexed)
        articles = engine.get([record.article_id or "" for record in indexed.values()])
    return {article.path: f"{article.url} {article.body}" for article in articles}


def expected(lines: Sequence[str], path: str) -> tuple[dict[str, str], int]:
    """Return what :func:`bodies` must be, and how many records are duplicates."""
    best: dict[str, tuple[int, int]] = {}
    parsed = [json.loads(each) for each in lines]
    for at, each in enumerate(parsed):
        # The longer text is preferred, then the first path in the order of strings.
        key = -len(each["text"]), f"{path}:{at + 1}"
        if each["url"] not in best or key < (
            -len(parsed[best[each["url"]][1]]["text"]),
            f"{path}:{best[each['url']][1] + 1}",
        ):
            best[each["url"]] = key[0], at
    found = {
        f"{path}:{at + 1}": f"{parsed[at]['url']} {parsed[at]['text']}" for _, at in best.values()
    }
    return found, len(lines) - len(found)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a").mkdir()
    return tmp_path


def test_unchanged_file_is_not_opened(folder: Path) -> None:
    dump = folder / "a/d.jsonl"
    write(dump, [line(0), line(1)])
    assert update(folder).counts[Outcome.ADDED] == 2
    dump.chmod(0)
    summary = update(folder)
    assert summary.counts[Outcome.UNCHANGED] == 2
    assert (summary.seen, summary.containers) == (2, 1)


def test_file_that_gets_more_records_keeps_its_article(folder: Path) -> None:
    file = folder / "a/d.json"
    file.write_text(line(0), "utf-8")
    assert update(folder).counts[Outcome.ADDED] == 1
    file.write_text(f"[{line(0)}, {line(1)}]", "utf-8")
    summary = update(folder)
    assert (summary.counts[Outcome.UPDATED], summary.counts[Outcome.ADDED]) == (1, 1)
    assert len(bodies(folder)) == summary.articles == 2
    file.write_text(line(0), "utf-8")
    assert update(folder).articles == len(bodies(folder)) == 1


def test_appended_lines_are_all_that_is_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dump = folder / "a/d.jsonl"
    write(dump, [line(0), line(1)])
    update(folder)
    with dump.open("a", encoding="utf-8") as stream:
        stream.write(f"{line(2)}\n{line(3)[:20]}")
    read: list[str] = []

    def extract(record: Record, *args: Any, **options: Any) -> Article:
        read.append(record.locator)
        return extract_record(record, *args, **options)

    monkeypatch.setattr("newsgrep.extraction.pipeline.extract_record", extract)
    summary = update(folder)
    assert read == [":3", ":4"]
    counts = summary.counts
    assert (counts[Outcome.ADDED], counts[Outcome.UNCHANGED], counts[Outcome.REJECTED]) == (1, 2, 1)
    with dump.open("a", encoding="utf-8") as stream:
        stream.write(line(3)[20:])  # the writer completes its last line
    read.clear()
    summary = update(folder)
    assert read == [":4"]
    assert summary.articles == 4
    assert summary.counts[Outcome.REJECTED] == 0


def test_random_histories_are_what_the_file_contains(folder: Path) -> None:
    dump = folder / "a/d.jsonl"
    chance = random.Random(15)
    lines: list[str] = []
    for _ in range(60):
        for _ in range(chance.randrange(1, 4)):
            new = line(chance.randrange(len(WORDS)), chance.randrange(2))
            at = chance.randrange(len(lines) + 1)
            match chance.randrange(5):
                case 0 if lines:
                    del lines[chance.randrange(len(lines))]
                case 1 if lines:
                    lines[chance.randrange(len(lines))] = new
                case 2:
                    lines.insert(at, new)
                case 3:
                    chance.shuffle(lines)
                case _:
                    lines.append(new)
        if not lines:
            lines.append(new)
        write(dump, lines)
        summary = update(folder)
        found, duplicates = expected(lines, str(dump))
        assert bodies(folder) == found
        assert summary.counts[Outcome.DUPLICATE] == duplicates
        assert summary.seen == len(lines)
        statuses = [record.status for record in stored(folder).values()]
        assert statuses.count(Status.DUPLICATE) == duplicates
        assert len(statuses) == len(lines) + 1
        again = update(folder)
        assert (again.seen, again.articles) == (len(lines), len(found))
        assert again.counts[Outcome.ADDED] + again.counts[Outcome.UPDATED] == 0


def test_records_of_a_file_that_is_gone_are_removed(folder: Path) -> None:
    write(folder / "a/d.jsonl", [line(0), line(1)])
    write(folder / "a/e.jsonl", [line(1), line(2)])
    assert update(folder).articles == 3
    (folder / "a/d.jsonl").unlink()
    summary = update(folder)
    assert (summary.removed, summary.articles) == (1, 2)
    assert list(bodies(folder)) == [f"{folder}/a/e.jsonl:1", f"{folder}/a/e.jsonl:2"]


def test_truncated_file_keeps_its_articles_unless_pruned(folder: Path) -> None:
    dump = folder / "a/d.jsonl"
    write(dump, [line(n) for n in range(5)])
    update(folder)
    write(dump, [line(0)])
    with pytest.raises(UsageError, match=r"4 articles are gone from .*d\.jsonl: was it truncated"):
        update(folder, prune=None)
    assert len(bodies(folder)) == 5
    assert update(folder, prune=False).articles == 5
    write(dump, [line(0), line(1)])
    assert update(folder, prune=True).articles == 2


def test_dump_that_becomes_one_article_and_back(folder: Path) -> None:
    dump = folder / "a/d.json"
    for value in (f"[{line(0)},{line(1)}]", line(2), f"[{line(3)}]", "[]", line(4)):
        dump.write_text(value)
        summary = update(folder)
        assert summary.articles == value.count("url")
        containers = [r for r in stored(folder).values() if r.status is Status.CONTAINER]
        assert len(containers) == (value.startswith("[{"))


def test_unreadable_records_beyond_twenty_are_counted(folder: Path) -> None:
    dump = folder / "a/d.json"
    dump.write_text(f"[{'3,' * 50}{line(0)}]")
    summary = update(folder)
    assert (summary.counts[Outcome.REJECTED], summary.uncounted) == (50, 30)
    assert summary.articles == 1
    assert update(folder).uncounted == 30


def test_copies_in_other_formats_are_duplicates(folder: Path) -> None:
    lines = [line(0), line(1)]
    write(folder / "a/d.jsonl", lines)
    (folder / "a/d.jsonl.gz").write_bytes(gzip.compress("\n".join(lines).encode()))
    summary = update(folder)
    assert (summary.articles, summary.counts[Outcome.DUPLICATE]) == (2, 2)
    (folder / "a/d.jsonl").unlink()
    summary = update(folder)
    assert (summary.articles, summary.removed) == (2, 0)
    assert all(".gz:" in path for path in bodies(folder))


def test_workers_do_not_change_the_result(folder: Path) -> None:
    lines = [line(n % 6, n % 2) for n in range(40)]
    write(folder / "a/d.jsonl", lines)
    update(folder)
    one = stored(folder)
    other = index_at(folder / "other")
    update_index(other, [str(folder / "a")], UpdateOptions(jobs=2))
    with other.open() as engine:
        assert {record.path: record for record in engine.file_records()} == one


def test_other_field_names_read_a_file_again(folder: Path) -> None:
    (folder / "a/d.jsonl").write_text('{"h": "甲", "t": "渡轮的班次会增加。"}\n{"h": "乙"}\n')
    (folder / "a/e.json").write_text('{"h": "丙", "t": "海带今天上市。"}')
    assert update(folder).articles == 0
    read = ReadOptions({"title": "h", "body": "t"})
    summary = update(folder, read=read)
    assert (summary.articles, summary.counts[Outcome.REJECTED]) == (2, 1)
    again = update(folder)
    assert (again.articles, again.counts[Outcome.UNCHANGED]) == (2, 2)
    assert update(folder, read=ReadOptions({"body": "h"})).articles == 3


def test_ledger_that_is_damaged_is_empty() -> None:
    ledger = Ledger(5, 2, "ab", {"body": "x"}, {"a reason": 3}, {"picture": 1}, "SELECT 1")
    assert unpack_ledger(ledger.pack()) == ledger
    for text in ("", "[1,2]", "[[]]", '{"a": 1}', "[" * 5000):
        assert unpack_ledger(text) == Ledger()


def test_duplicate_is_read_again_with_the_field_names_of_its_file(folder: Path) -> None:
    url = "https://a.example/1"
    line = json.dumps({"h": "甲码头", "t": "渡轮的班次会增加。", "url": url}, ensure_ascii=False)
    (folder / "a/d.jsonl").write_text(line + "\n", "utf-8")
    page = f"---\ntitle: 甲码头\nurl: {url}\n---\n渡轮的班次会增加，海带今天上市。\n"
    (folder / "a/p.md").write_text(page, "utf-8")
    summary = update(folder, read=ReadOptions({"title": "h", "body": "t"}))
    assert (summary.articles, summary.counts[Outcome.DUPLICATE]) == (1, 1)
    (folder / "a/p.md").unlink()
    assert update(folder).articles == 1
    assert list(bodies(folder).values()) == [f"{url} 渡轮的班次会增加。"]


def test_records_of_a_named_file_that_is_gone_are_removed(folder: Path) -> None:
    dump = folder / "a/d.jsonl"
    write(dump, [line(0), line(1)])
    write(folder / "a/e.jsonl", [line(2), line(3)])
    assert update(folder).articles == 4
    dump.unlink()
    index = index_at(folder / "index")
    summary = update_index(index, [str(dump)], UpdateOptions(prune=True))
    assert (summary.removed, summary.articles) == (2, 2)
    assert set(stored(folder)) == {str(folder / "a/e.jsonl") + end for end in ("", ":1", ":2")}


def test_reextraction_of_a_named_file_reads_its_records(folder: Path) -> None:
    dump = folder / "a/d.jsonl"
    write(dump, [line(0), line(1)])
    update(folder)
    rules = folder / "outlets.toml"
    rules.write_text('[[outlet]]\nname = "示例"\nhosts = ["a.example"]\n', "utf-8")
    options = UpdateOptions(reextract=True, outlets_file=rules)
    assert update_index(index_at(folder / "index"), [str(dump)], options).seen == 2


def test_progress_of_files_of_many_records_is_in_bytes(folder: Path) -> None:
    lines = "".join(f"{line(number % 6)}{' ' * number}\n" for number in range(60))
    (folder / "a/d.jsonl").write_text(lines)
    (folder / "a/e.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
    (folder / "a/p.md").write_text("# 港口\n\n渔船昨天停靠了。")
    total = sum(path.stat().st_size for path in (folder / "a").iterdir())
    shown: list[tuple[int, int | None]] = []
    options = UpdateOptions(byte_progress=lambda done, total: shown.append((done, total)))
    update_index(index_at(folder / "index"), [str(folder / "a")], options)
    numbers = [done for done, _ in shown]
    assert {each for _, each in shown} == {total}
    assert numbers == sorted(numbers)
    assert (numbers[0], numbers[-1]) == (0, total)
    assert len(set(numbers)) > 10


def test_folder_of_all_formats_gives_numbers_that_add_up(folder: Path) -> None:
    shutil.copytree(SAMPLES, folder / "a/samples", ignore=shutil.ignore_patterns("*.py"))
    articles = "".join(f"{line(number)}\n" for number in range(6))
    bad = "{}\n" * 25 + "[]\n" * 3
    (folder / "a/d.jsonl.xz").write_bytes(lzma.compress((articles + bad).encode()))
    (folder / "a/e.csv.bz2").write_bytes(bz2.compress("title,text\n甲,海带今天上市。\n".encode()))
    with tarfile.open(folder / "a/f.tar.gz", "w:gz") as archive:
        archive.add(SAMPLES / "tables/scrapy.csv", "scrapy.csv")
        archive.add(SAMPLES / "documents/page.html", "page.html")
    with zipfile.ZipFile(folder / "a/g.zip", "w") as packed:
        packed.write(folder / "a/d.jsonl.xz", "inner/d.jsonl.xz")
    (folder / "a/h.jsonl").write_bytes(b"")
    (folder / "a/i.md").write_text("# 港口\n\n渔船昨天停靠了，海带今天上市。\n", "utf-8")
    summary = update(folder)
    # What the readers yield, without an index, is counted file by file.
    found: Counter[bool] = Counter()
    others: Counter[str] = Counter()
    paths = [path for path in (folder / "a").rglob("*") if path.is_file()]
    for path in paths:
        options = ReadOptions(report=ReadReport(others=others))
        source, outlets = file_source(path), load_outlets()
        records = extract_records(str(path), source, outlets=outlets, mtime=1.8e9, options=options)
        try:
            found.update([each.article is not None for each in records] or [False])
        except NoArticle:
            found[False] += 1
    counts = summary.counts
    assert summary.files == len(paths) > 30
    assert summary.seen == counts[Outcome.ADDED] + found[False] + counts[Outcome.DUPLICATE]
    assert counts[Outcome.ADDED] + counts[Outcome.DUPLICATE] == found[True]
    assert (counts[Outcome.REJECTED], summary.uncounted) == (found[False], 10)
    assert summary.others == others
    assert summary.articles == counts[Outcome.ADDED] == len(bodies(folder))
    listed = {outcome: len(files) for outcome, files in summary.listed.items()}
    assert listed[Outcome.DUPLICATE] == counts[Outcome.DUPLICATE]
    assert listed[Outcome.REJECTED] == counts[Outcome.REJECTED] - summary.uncounted
    again = update(folder)
    assert again.counts[Outcome.UNCHANGED] == summary.articles
    assert (again.seen, again.others, again.uncounted) == (summary.seen, others, summary.uncounted)
