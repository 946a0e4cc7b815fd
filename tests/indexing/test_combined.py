"""Several indexes that are searched as one give what one index of all their articles gives."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path

import pytest

from newsgrep.engines.base import FACETS, EngineRequest, Order, ScoredDoc
from newsgrep.errors import UsageError
from newsgrep.indexing import index_at
from newsgrep.indexing.combined import combine_indexes
from newsgrep.query.ast import MatchAll
from newsgrep.query.parser import parse
from tests.support.cli import REPOSITORY, Cli

QUERIES = (
    "声明",
    "渔业 OR 电车 OR 水 OR 青石湖观察",
    "source:青石湖",
    "date:2024-05",
    "台风 -渔业",
    "*",
    "没有这个词组",
)
BOTH = ("--index", "a.index", "--index", "b.index")
ONE = ("--index", "one.index")


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Cli:
    """Run newsgrep on two indexes that share files, and on one of all of them; read-only.

    Their engines differ. The folders are not copied, so that ids are the same.
    """
    cli = Cli(tmp_path_factory.mktemp("combined"))
    shutil.copytree(REPOSITORY / "seeds", cli.folder / "seeds")
    files = sorted(path for path in (cli.folder / "seeds").iterdir() if path.is_file())
    cli("index", *files[:11], "--index", "a.index")
    cli("index", *files[8:], "--index", "b.index", "--engine", "tantivy")
    cli("index", *files, "--index", "one.index")
    return cli


def both(cli: Cli, *args: str, status: int | None = 0) -> bytes:
    return cli(*args, *BOTH, status=status).stdout


def one(cli: Cli, *args: str, status: int | None = 0) -> bytes:
    return cli(*args, *ONE, status=status).stdout


@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize("order", list(Order))
def test_combined_totals_facets_and_order_are_exact(archive: Cli, query: str, order: Order) -> None:
    indexes = [index_at(archive.folder / name) for name in ("a.index", "b.index")]
    request = EngineRequest(parse(query).root, order, limit=100, facets=FACETS)
    with (
        combine_indexes(indexes).open() as many,
        index_at(archive.folder / "one.index").open() as it,
    ):
        combined, single = many.search(request), it.search(request)
        assert (combined.total, combined.facets) == (single.total, single.facets)
        ids = [each.id for each in combined.candidates]
        assert len(ids) == len(set(ids)) == single.total
        assert set(ids) == {each.id for each in single.candidates}
        assert combined.candidates == single.candidates
        assert [article.id for article in many.get(ids)] == ids
        assert many.folded_texts(ids) == it.folded_texts(ids)
        assert [each.article_id for each in many.find_file_records(ids)] == ids
        terms = ["渔业", "声明", "渡轮"]
        assert many.document_frequencies(terms) == it.document_frequencies(terms)
        within = request.query
        assert many.document_frequencies(terms, within) == it.document_frequencies(terms, within)


@pytest.mark.parametrize("order", list(Order))
def test_combined_pages_neither_repeat_nor_skip(archive: Cli, order: Order) -> None:
    indexes = [index_at(archive.folder / name) for name in ("a.index", "b.index")]
    with combine_indexes(indexes).open() as engine:
        root = parse("声明 OR 渔业").root
        whole = engine.search(EngineRequest(root, order, limit=100)).candidates
        assert len(whole) > 5
        for size in (1, 2, 3):
            by_offset: list[ScoredDoc] = []
            by_cursor: list[ScoredDoc] = []
            for at in range(0, len(whole), size):
                page = engine.search(EngineRequest(root, order, size, at))
                assert page.before == at
                by_offset += page.candidates
                last = by_cursor[-1] if by_cursor else None
                page = engine.search(EngineRequest(root, order, size, after=last))
                assert page.before == at
                by_cursor += page.candidates
            assert tuple(by_offset) == tuple(by_cursor) == whole


@pytest.mark.parametrize(
    "command",
    [
        ("count", "渔业 OR 声明", "--by", "source,month,day"),
        ("list", "--sort", "-date", "--csv"),
        ("list", "渔业", "--sample", "3", "--sort", "date", "--jsonl"),
        ("export", "声明", "--sort", "date"),
        ("export", "声明", "--sort", "-date", "--to", "bibtex"),
        ("timeline", "声明", "--by", "month", "--csv"),
        ("timeline", "声明", "--by", "year", "--per", "source", "--json"),
        ("kwic", "声明", "--sort", "date", "--csv"),
        ("kwic", "声明", "--sort", "right", "--csv"),
        ("sources",),
        ("search", "声明", "--sort", "date", "--jsonl"),
        ("search", "--paths", "渔业", "--sort", "-date"),
        ("compare", "声明", "--sources", "青石湖,汀海", "--csv"),
    ],
    ids=" ".join,
)
def test_combined_command_prints_what_one_index_does(
    archive: Cli, command: tuple[str, ...]
) -> None:
    expected = one(archive, *command)
    assert expected
    if command[0] == "kwic" and "right" in command:  # equal contexts may change places
        rows = [
            sorted(csv.reader(io.StringIO(out.decode())))
            for out in (both(archive, *command), expected)
        ]
        assert rows[0] == rows[1]
        return
    assert both(archive, *command) == expected


def test_combined_search_finds_the_same_by_relevance(archive: Cli) -> None:
    found = [
        json.loads(run(archive, "search", "声明", "-n", "99", "--json")) for run in (both, one)
    ]
    ids = [{hit["id"] for hit in result["hits"]} for result in found]
    assert ids[0] == ids[1]
    assert found[0]["total"] == found[1]["total"] == len(ids[0])
    scores = [hit["score"] for hit in found[0]["hits"]]
    assert scores == sorted(scores, reverse=True)


def test_combined_hits_are_shown_by_number(archive: Cli) -> None:
    both(archive, "search", "电车")
    assert "電車" in both(archive, "show", "1").decode()


def test_saved_queries_and_collections_of_all_are_known(archive: Cli) -> None:
    archive("saved", "add", "fish", "渔业", "--index", "b.index")
    archive("collect", "trams", "电车", "--index", "b.index")
    assert both(archive, "count", "saved:fish") == one(archive, "count", "渔业")
    assert int(both(archive, "count", "in:trams"))
    assert archive("count", "saved:fish", *ONE, status=2).err


@pytest.mark.parametrize(
    "command",
    [
        ("index", "seeds"),
        ("delete", "渔业", "--yes"),
        ("stats",),
        ("doctor",),
        ("reindex",),
        ("saved", "list"),
        ("new",),
        ("collect", "x", "渔业"),
        ("copy", "--to", "c.index"),
    ],
    ids=" ".join,
)
def test_commands_of_one_index_refuse_several(archive: Cli, command: tuple[str, ...]) -> None:
    message = archive(*command, *BOTH, status=2).err
    assert "works on one index only. Name a single --index." in message


def test_same_index_twice_is_one(archive: Cli) -> None:
    twice = ("--index", "one.index", "--index", "./one.index/")
    assert archive("stats", *twice).out
    assert archive("count", "*", *twice).stdout == one(archive, "count", "*")


def test_missing_index_among_several_is_an_error(archive: Cli) -> None:
    message = archive("search", "x", "--index", "a.index", "--index", "nowhere", status=2).err
    assert "nowhere" in message


def test_variable_names_one_index_with_spaces(archive: Cli) -> None:
    named = archive.folder / "my index"
    named.symlink_to(archive.folder / "one.index")
    found = archive("count", "*", env={"NEWSGREP_INDEX": str(named)}).stdout
    assert found == one(archive, "count", "*")


def test_combined_engine_writes_nothing(archive: Cli) -> None:
    index = combine_indexes([index_at(archive.folder / name) for name in ("a.index", "b.index")])
    with index.open() as engine:
        for call in (lambda: engine.write([]), engine.rollback, engine.remove_leftovers):
            with pytest.raises(UsageError, match="one index only"):
                call()
        before = engine.commit()
        engine.refresh()
        assert engine.commit() == before
        assert engine.verify() == []
        paths = [record.path for record in engine.file_records()]
        assert len(paths) >= engine.search(EngineRequest(MatchAll(), limit=0)).total
    assert not Path(archive.folder / "c.index").exists()
