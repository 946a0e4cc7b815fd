"""The Python API returns what the commands print, and checks its arguments."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import newsgrep
from newsgrep import Archive
from tests.support.cli import Cli


@pytest.fixture(scope="module")
def archive(seeds: Cli) -> Iterator[Archive]:
    with newsgrep.open(seeds.folder / "index") as opened:
        yield opened


def printed(cli: Cli, *arguments: str) -> dict[str, Any]:
    """Run a command with ``--json``; return the object without what differs between runs."""
    return comparable(json.loads(cli(*arguments, "--json", status=None).stdout))


def comparable(result: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in result.items() if key not in {"took_ms", "index"}}


ANSWERS: dict[str, tuple[tuple[str, ...], Callable[[Archive], Any]]] = {
    "search": (("search", "声明", "-n", "3"), lambda a: a.search("声明", limit=3)),
    "sort, facets": (
        ("search", "声明", "--sort", "-date", "--facets", "source,month"),
        lambda a: a.search("声明", sort="-date", facets=["source", "month"]),
    ),
    "collapse": (("search", "声明", "--collapse"), lambda a: a.search("声明", collapse=True)),
    "explain": (("search", "声明", "--explain"), lambda a: a.search("声明", explain=True)),
    "no match": (("search", "没有的词儿"), lambda a: a.search("没有的词儿")),
    "options": (
        ("search", "--any", "渔业 大桥", "--since", "2024", "--variants"),
        lambda a: a.search(a.parse("渔业 大桥", any_word=True, since="2024", variants="words")),
    ),
    "literal": (
        ("search", "--literal", "联合 声明"),
        lambda a: a.search(a.parse("联合 声明", literal=True)),
    ),
    "count": (
        ("count", "声明", "--by", "source,month"),
        lambda a: a.facets("声明", "source", "month"),
    ),
    "sources": (("sources",), lambda a: a.sources()),
    "timeline": (("timeline", "声明"), lambda a: a.timeline("声明")),
    "timeline of two": (
        ("timeline", "声明", "--with", "大桥", "--by", "year", "--share"),
        lambda a: a.timeline("声明", "大桥", by="year", share=True),
    ),
    "timeline by source": (
        ("timeline", "声明", "--per", "source", "--top", "2", "--count", "occurrences"),
        lambda a: a.timeline("声明", per_source=True, max_sources=2, measure="occurrences"),
    ),
    "kwic": (
        ("kwic", "联合声明", "--width", "60", "-n", "5"),
        lambda a: a.kwic("联合声明", width=60, limit=5),
    ),
    "kwic by the right": (
        ("kwic", "联合声明", "--sort", "right", "--width", "120"),
        lambda a: a.kwic("联合声明", sort="right", limit=None),
    ),
    "groups": (("kwic", "声明", "--group", "left"), lambda a: a.kwic_groups("声明", "left")),
    "collocates": (
        ("collocates", "声明", "--min-count", "2"),
        lambda a: a.collocates("声明", min_count=2),
    ),
    "keywords": (("keywords", "大桥"), lambda a: a.keywords("大桥")),
    "compare sources": (
        ("compare", "声明", "--sources", "北河,汀海"),
        lambda a: a.compare("声明", ["北河", "汀海"]),
    ),
    "compare periods": (
        ("compare", "声明", "--periods", "2023,2024"),
        lambda a: a.compare("声明", periods=["2023", "2024"]),
    ),
    "compare queries": (
        ("compare", "声明", "--with", "大桥"),
        lambda a: a.compare("声明", queries=["大桥"]),
    ),
    "compare the rest": (("compare", "大桥"), lambda a: a.compare("大桥")),
    "similar": (("similar", "kmq7ty2unrjg"), lambda a: a.similar("kmq7ty2unrjg")),
    "similar within": (
        ("similar", "kmq7ty2unrjg", "--source", "汀海"),
        lambda a: a.similar("kmq7ty2unrjg", within="source:汀海"),
    ),
    "history": (("history", "kmq7ty2unrjg"), lambda a: a.history("kmq7ty2unrjg")),
    "show": (("show", "kmq7ty2unrjg"), lambda a: a.get("kmq7ty2unrjg")),
    "stats": (("stats",), lambda a: a.stats()),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_methods_return_what_commands_print(archive: Archive, seeds: Cli, name: str) -> None:
    arguments, call = ANSWERS[name]
    assert comparable(json.loads(json.dumps(call(archive).to_dict()))) == printed(seeds, *arguments)


def test_archive_is_a_collection_of_articles(archive: Archive) -> None:
    articles = list(archive)
    assert len(articles) == len(archive) == archive.count() == 16
    dates = [str(each.published) for each in articles if each.published]
    assert dates == sorted(dates, reverse=True)
    assert archive.get(articles[0].id) == archive.get(articles[0].path) == articles[0]
    assert archive.get("zzzzzzzzzzzz") is None
    assert [each.id for each in archive.articles("声明", limit=2)] == [
        hit.article.id for hit in archive.search("声明", limit=2)
    ]
    assert list(archive.articles(sample=3)) == list(archive.articles(sample=3))


def test_pages_continue_after_a_token(archive: Archive) -> None:
    everything = [hit.article.id for hit in archive.search("声明", limit=100)]
    assert [hit.article.id for hit in archive.hits("声明")] == everything
    assert list(archive.hits("声明", sort="date", limit=2)) == list(
        archive.search("声明", sort="date", limit=2)
    )
    page = archive.search("声明", limit=4)
    found = [hit.article.id for hit in page]
    while page.next:
        page = archive.search("声明", limit=4, after=page.next)
        found += [hit.article.id for hit in page]
    assert found == everything
    assert page.total == len(everything) == 9


def test_batch_answers_invalid_queries_with_errors(archive: Archive) -> None:
    first, second, third = archive.batch(
        ["声明", "(声明", {"query": "声明", "id": 7, "limit": 1, "until": "2023"}]
    )
    assert (first["total"], third["total"], third["id"]) == (9, 1, 7)
    assert "error" in second


def test_wrong_arguments_are_usage_errors(archive: Archive) -> None:
    wrong: list[Callable[[], object]] = [
        lambda: archive.search("声明", sort="newest"),  # type: ignore[arg-type]
        lambda: archive.search("声明", limit=-1),
        lambda: archive.search("声明", facets=["colour"]),
        lambda: archive.search("声明", recency="soon"),
        lambda: archive.search("声明", recency="30d", sort="date"),
        lambda: archive.search("声明", after="x"),
        lambda: archive.timeline("声明", by="hour"),  # type: ignore[arg-type]
        lambda: archive.kwic("source:汀海"),
        lambda: archive.collocates("声明", left=0, right=0),
        lambda: archive.similar("zzzzzzzzzzzz"),
        lambda: archive.whats_new("unknown"),
        lambda: archive.parse("声明", regex=True, literal=True),
        lambda: newsgrep.open(),
    ]
    for call in wrong:
        with pytest.raises(newsgrep.UsageError):
            call()
    with pytest.raises(newsgrep.QueryError) as caught:
        archive.count("(声明")
    assert caught.value.position == 0


def test_closed_archives_raise_errors(seeds: Cli, tmp_path: Path) -> None:
    with newsgrep.open(seeds.folder / "index") as archive:
        pass
    with pytest.raises(newsgrep.UsageError, match="closed"):
        archive.count()
    with pytest.raises(newsgrep.IndexMissing):
        newsgrep.open(tmp_path / "nothing")


def test_refresh_moves_to_the_last_commit(tmp_path: Path) -> None:
    page = tmp_path / "files" / "a.md"
    page.parent.mkdir()
    page.write_text("# 渔港新闻\n\n渔船今天早上回港，码头上挤满了人。\n", "utf-8")
    calls: list[tuple[int, int | None]] = []
    summary = newsgrep.index(
        [page.parent],
        tmp_path / "index",
        on_progress=lambda done, total: calls.append((done, total)),
    )
    assert (summary.articles, calls[-1]) == (1, (1, 1))
    with newsgrep.open(tmp_path / "index") as archive:
        reading = archive.articles()
        assert next(reading).title == "渔港新闻"
        assert not archive.refresh()
        (page.parent / "b.md").write_text("# 第二天\n\n渔船第二天没有出港，因为风大。\n", "utf-8")
        newsgrep.index([page.parent], tmp_path / "index")
        assert archive.count("渔船") == 1
        assert archive.refresh()
        assert archive.count("渔船") == 2
        assert list(reading) == []  # of the commit with which it began


def test_idle_archives_on_servers_are_opened_again(
    seeds: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = []
    monkeypatch.setattr("newsgrep.api.opened.MAX_IDLE", -1.0)
    with newsgrep.open(seeds.folder / "index") as archive:
        monkeypatch.setattr(archive, "_replace", lambda reading: opened.append(reading))
        archive.count("声明")
        assert not opened
        monkeypatch.setattr("newsgrep.indexing.folder.FolderIndex.is_local", False)
        archive.count("声明")
        monkeypatch.undo()
    assert opened
    for reading in opened:
        reading.close()


def test_results_have_short_representations(archive: Archive) -> None:
    assert repr(archive.search("声明", limit=3)) == "<Hits: 3 of 9 for 声明>"
    assert repr(archive.timeline("声明")) == "<Timeline: 1 item>"
    assert repr(archive) == f"newsgrep.open({archive.location!r})"


def test_several_indexes_are_one_archive(archive: Archive, tides: Cli, seeds: Cli) -> None:
    with newsgrep.open(seeds.folder / "index", tides.folder / "index") as both:
        assert len(both) == len(archive) + 30
        assert both.count("声明") == archive.count("声明")


def test_extract_yields_records_with_or_without_claims(seeds: Cli) -> None:
    path = seeds.folder / "seeds" / "20240612-07.md"
    (record,) = newsgrep.extract(path)
    (explained,) = newsgrep.extract(path, explain=True)
    assert record.article == explained.article
    assert (len(record.claims), len(explained.to_dict()["claims"]) > 3) == (0, True)
    with pytest.raises(newsgrep.InputError):
        newsgrep.extract(seeds.folder / "nothing.md")


def test_index_warns_of_unused_dictionary_lines(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("港务局\n\n鹭岛渡轮停航。", "utf-8")
    (tmp_path / "words.txt").write_text("鹭岛渡轮\nabc\n", "utf-8")
    with pytest.warns(UserWarning, match=r"1 line .* not used .*abc"):
        newsgrep.index([tmp_path / "a.txt"], tmp_path / "index", dictionary=tmp_path / "words.txt")
    with newsgrep.open(tmp_path / "index") as archive:
        assert archive.count("鹭岛渡轮") == 1
