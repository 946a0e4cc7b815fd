"""Results become tables of pandas and Arrow, with types and missing cells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

import pytest

import newsgrep
from newsgrep import Archive
from newsgrep.views.table import Table
from tests.support.cli import Cli


@pytest.fixture(scope="module")
def archive(tides: Cli) -> Iterator[Archive]:
    with newsgrep.open(tides.folder / "index") as opened:
        yield opened


def tables(archive: Archive) -> Mapping[str, Table[Any]]:
    return {
        "hits": archive.search("潮汐", limit=30),
        "collapsed": archive.search("潮汐", collapse=True),
        "timeline": archive.timeline("潮汐", by="month"),
        "rates": archive.timeline("潮汐", by="year", measure="per-million"),
        "facets": archive.facets("潮汐", "source", "month"),
        "sources": archive.sources(),
        "kwic": archive.kwic("潮汐"),
        "groups": archive.kwic_groups("潮汐", "right"),
        "collocates": archive.collocates("潮汐"),
        "keywords": archive.keywords("台风"),
        "comparison": archive.compare("台风", periods=["2023", "2024"]),
        "similar": archive.similar(next(iter(archive))),
        "nothing": archive.search("没有的词儿"),
    }


def test_frames_have_the_rows_of_csv(archive: Archive) -> None:
    pytest.importorskip("pandas")
    for name, table in tables(archive).items():
        header, *rows = table.rows()
        frame = table.to_pandas()
        assert list(frame.columns) == list(header), name
        assert len(frame) == len(rows), name


def test_frames_have_types(archive: Archive) -> None:
    pandas = pytest.importorskip("pandas")
    frame = archive.timeline("潮汐", by="year", measure="occurrences").to_pandas()
    assert frame["first"].dtype.kind == "M"
    assert frame["count"].dtype.kind == frame["occurrences"].dtype.kind == "i"
    assert frame["partial"].dtype.kind == "b"
    assert frame["characters"].isna().all()
    keywords = archive.keywords("台风").to_pandas()
    assert pandas.api.types.is_float_dtype(keywords["score"])


def test_arrow_tables_have_types_and_nulls(archive: Archive) -> None:
    arrow = pytest.importorskip("pyarrow")
    for name, each in tables(archive).items():
        assert each.to_arrow().num_rows == len(list(each.rows())) - 1, name
    table = archive.timeline("潮汐", by="year").to_arrow()
    assert table.schema.field("first").type == arrow.date32()
    assert table.schema.field("count").type == arrow.int64()
    assert table.column("per_million").null_count == table.num_rows


def test_missing_libraries_name_their_extra(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(name: str) -> NoReturn:
        raise ModuleNotFoundError(name=name)

    monkeypatch.setattr("newsgrep.views.table.import_module", refuse)
    sources = archive.sources()
    with pytest.raises(newsgrep.UsageError, match=r'pip install "newsgrep\[pandas\]"'):
        sources.to_pandas()
    with pytest.raises(newsgrep.UsageError, match=r'pip install "newsgrep\[arrow\]"'):
        sources.to_arrow()
