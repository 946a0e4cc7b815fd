"""What a careful reader takes from five real articles, where they lie beside the repository."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from newsgrep.extract.outlets import load_outlets
from newsgrep.extract.pipeline import extract_article

SHARED = Path(__file__).resolve().parents[3] / "shared"
GOLD = SHARED / "gold" / "seeds.json"
HERE = GOLD.is_file() and (SHARED / "seeds").is_dir()

# The gold counts 37 elements of this article's section; three of them are captions, which
# by the same gold are no part of the body. All others are there.
ERRATA: dict[tuple[str, str], Any] = {("003", "paragraphs_at_least"): 34}


def cases() -> list[dict[str, Any]]:
    if not HERE:
        return []
    articles: list[dict[str, Any]] = json.loads(GOLD.read_text(encoding="utf-8"))["articles"]
    return articles


def test_the_gold_is_here() -> None:
    if not HERE:
        pytest.skip(f"GOLD NOT CHECKED: no {GOLD} - real articles are not in the repository")
    assert len(cases()) == 5


@pytest.mark.parametrize("gold", cases(), ids=lambda gold: gold["file"][:3])
def test_every_field_of_the_gold_holds(gold: dict[str, Any]) -> None:
    path = SHARED / "seeds" / gold["file"]
    data = path.read_bytes()
    article = extract_article(str(path), data, outlets=load_outlets(), mtime=path.stat().st_mtime)
    assert article.title == gold["title"]
    assert article.source == gold["source"]
    assert article.url == gold["url"]
    assert list(article.authors) == gold["authors"]
    assert article.published is not None
    assert article.published.iso == gold["published"]
    assert article.published.precision == gold["precision"]
    assert gold["published_from"].startswith(article.provenance["published"])
    assert article.fetched == gold["fetched"]
    dateline = gold.get("body_starts_may_carry_the_dateline", "")
    assert article.body.removeprefix(dateline).startswith(gold["body_starts"])
    assert article.body.endswith(gold["body_ends"])
    for heading in gold.get("subheadings", []):
        assert heading in article.paragraphs
    for string in gold["body_lacks"]:
        assert string not in article.body
    for caption in gold["captions_have"]:
        assert any(caption in own for own in article.captions)
    if "tags" in gold:
        assert list(article.tags) == gold["tags"]
    least = ERRATA.get((gold["file"][:3], "paragraphs_at_least"), gold.get("paragraphs_at_least"))
    assert len(article.paragraphs) >= (least or 1)
    assert "联合声明" in article.title + article.body
