"""What a careful reader takes from each article of the gold archive, in every page shape."""

from __future__ import annotations

from pathlib import Path

import pytest

from newsgrep.models import Article
from tests.support.gold_corpus import BOILERPLATE, GoldArticle, extract, load_gold, write_archive


@pytest.fixture(scope="module")
def extracted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Article]:
    """Return the extracted articles by their keys."""
    written = write_archive(tmp_path_factory.mktemp("gold"))
    return {gold.key: extract(path) for path, gold in written}


@pytest.mark.parametrize("gold", load_gold(), ids=lambda gold: gold.key)
def test_extract_gold_article(gold: GoldArticle, extracted: dict[str, Article]) -> None:
    article = extracted[gold.key]
    assert article.title == gold.title
    assert article.source == gold.source
    assert article.url == (gold.url or None)
    assert article.authors == gold.authors
    assert article.published is not None
    assert article.published.iso == gold.published
    assert article.paragraphs == gold.paragraphs
    assert article.captions == gold.captions
    assert article.tags == gold.tags
    assert not any(string in article.title + article.body for string in BOILERPLATE)


def test_gold_covers_scripts_and_shapes() -> None:
    gold = load_gold()
    shapes = {"page", "meta", "feed", "linked", "markdown", "plain", "wordpress"}
    assert {article.shape for article in gold} == shapes
    titles = "".join(article.title for article in gold)
    assert set("渔漁轮輪电電") & set(titles) >= set("轮電")
    assert sum(article.title.isascii() for article in gold) >= 4
    assert len({article.key for article in gold}) == len(gold) >= 30


def test_write_archive_is_deterministic(tmp_path: Path) -> None:
    once, again = write_archive(tmp_path / "1"), write_archive(tmp_path / "2")
    assert [path.read_bytes() for path, _ in once] == [path.read_bytes() for path, _ in again]
