"""Samples that programs wrote: tests/fixtures/formats/make_tables_and_feeds.py makes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from newsgrep.extraction.extraction import Extraction, extract_records
from newsgrep.extraction.outlets import load_outlets
from newsgrep.extraction.records.base import file_source

FORMATS = Path(__file__).parents[1] / "fixtures" / "formats"
OUTLETS = load_outlets()


def extract(path: Path) -> list[Extraction]:
    return list(extract_records(str(path), file_source(path), outlets=OUTLETS, mtime=1.8e9))


@pytest.mark.parametrize(
    "name",
    [
        "feeds/feedgen.atom",
        "feeds/feedgen.rss",
        "tables/pandas-columns.json",
        "tables/pandas-gb18030.tsv",
        "tables/pandas-index.json",
        "tables/pandas-records.json",
        "tables/pandas-split.json",
        "tables/pandas-table.json",
        "tables/pandas.csv",
        "tables/scrapy.csv",
        "tables/scrapy.jl",
        "tables/scrapy.json",
        "tables/sqlite-utils.db",
    ],
)
def test_sample_has_its_two_articles(name: str) -> None:
    articles = [each.article for each in extract(FORMATS / name)]
    places = "东港码头", "北堤水闸"
    for place, author, day, article in zip(
        places, ("周岚", "郑一帆"), (11, 12), articles, strict=True
    ):
        assert article
        assert article.title == f"{place}明年扩建"
        assert article.url == f"https://harbour.example/news/{day}.html"
        assert article.authors == (author,)
        assert article.published
        assert article.published.iso.startswith(f"2024-05-{day}T")
        assert article.tags == ("工程", place)
        assert article.body == f"{place}的扩建工程预计两年完成。\n\n附近的居民希望渡轮照常开行。"


def test_source_is_the_title_of_the_feed() -> None:
    for name in ("feedgen.atom", "feedgen.rss"):
        sources = {
            each.article.source for each in extract(FORMATS / "feeds" / name) if each.article
        }
        assert sources == {"海港晨报"}


def test_rows_without_names_are_listed() -> None:
    found = extract(FORMATS / "tables" / "pandas-values.json")
    assert [each.reason for each in found] == ["a list of values without names"] * 2
