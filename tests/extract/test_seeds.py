"""What a careful reader takes from the sample corpus and from the outlets' shapes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from newsgrep.extract.outlets import load_outlets
from newsgrep.extract.pipeline import extract_article

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "tests" / "fixtures"
OUTLETS = load_outlets()


def cases() -> list[tuple[Path, dict[str, Any]]]:
    found = []
    for gold, folder in (
        ("seeds_gold.json", ROOT / "seeds"),
        ("outlets_gold.json", FIXTURES / "outlets"),
    ):
        articles = json.loads((FIXTURES / gold).read_text(encoding="utf-8"))["articles"]
        found += [(folder / article["file"], article) for article in articles]
    return found


@pytest.mark.parametrize(("path", "gold"), cases(), ids=lambda value: getattr(value, "name", ""))
def test_every_field_of_the_samples_holds(path: Path, gold: dict[str, Any]) -> None:
    article = extract_article(
        str(path), path.read_bytes(), outlets=OUTLETS, mtime=path.stat().st_mtime
    )
    assert article.title == gold["title"]
    assert article.source == gold["source"]
    assert article.url == gold["url"]
    assert list(article.authors) == gold["authors"]
    assert article.fetched == gold["fetched"]
    assert article.published is not None
    assert article.published.iso == gold["published"]
    assert article.published.precision == gold["precision"]
    dateline = gold.get("body_starts_may_carry_the_dateline", "")
    assert article.body.removeprefix(dateline).startswith(gold["body_starts"])
    assert article.body.endswith(gold["body_ends"])
    headings = gold.get("subheadings", [])
    assert set(headings) <= set(article.paragraphs)
    assert len([p for p in article.paragraphs if p not in headings]) == gold["paragraphs"]
    for string in gold.get("body_has", []):
        assert string in article.body
    for string in gold["body_lacks"]:
        assert string not in article.body
    for caption in gold.get("captions_have", []):
        assert any(caption in own for own in article.captions)
    assert set(article.tags) == set(gold.get("tags", article.tags))
