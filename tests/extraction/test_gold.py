"""Extraction finds the fields that a careful reader finds: in seeds, outlet pages, real articles.

To add a case, put a page and a JSON file of the same name into ``tests/fixtures/outlets``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from newsgrep.extraction.outlets import Outlets, load_outlets
from newsgrep.extraction.pipeline import extract_article

REPOSITORY = Path(__file__).resolve().parents[2]
FIXTURES = REPOSITORY / "tests" / "fixtures"
SHARED = REPOSITORY.parent / "shared"
SHARED_GOLD = SHARED / "gold" / "seeds.json"
SHARED_ERRATA = {"003": {"paragraphs_at_least": 34}}
"""The gold of 003 counts 37 paragraphs; three of them are captions, not part of the body."""

OUTLETS = load_outlets()


def read_json(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def repository_cases() -> list[tuple[Path, dict[str, Any]]]:
    cases = [
        (REPOSITORY / "seeds" / gold["file"], gold)
        for gold in read_json(FIXTURES / "seeds_gold.json")["articles"]
    ]
    for path in sorted((FIXTURES / "outlets").glob("*.json")):
        page = next(each for each in path.parent.glob(f"{path.stem}.*") if each != path)
        cases.append((page, read_json(path)))
    return cases


def outlets_of(gold: dict[str, Any], folder: Path) -> Outlets:
    """Return the outlets; the rule that ``gold`` names also applies to the invented host."""
    if "rule" not in gold:
        return OUTLETS
    assert OUTLETS.find(gold["rule"]), gold["rule"]
    host = urlsplit(gold["url"]).hostname
    own = folder / "outlets.toml"
    own.write_text(
        f'[[outlet]]\nname = "{gold["rule"]}"\nhosts = ["{host}"]\npaths = []\n', encoding="utf-8"
    )
    return load_outlets(own)


def shared_cases() -> list[tuple[Path, dict[str, Any]]]:
    if not SHARED_GOLD.is_file() or not (SHARED / "seeds").is_dir():
        return []
    return [
        (SHARED / "seeds" / gold["file"], gold | SHARED_ERRATA.get(gold["file"][:3], {}))
        for gold in read_json(SHARED_GOLD)["articles"]
    ]


def test_shared_gold_has_five_articles() -> None:
    if not shared_cases():
        pytest.skip(f"no {SHARED_GOLD}: real articles are not part of the repository")
    assert len(shared_cases()) == 5


@pytest.mark.parametrize(
    ("path", "gold"),
    [*repository_cases(), *shared_cases()],
    ids=lambda value: value.name if isinstance(value, Path) else "",
)
def test_extract_article_finds_gold_fields(
    path: Path, gold: dict[str, Any], tmp_path: Path
) -> None:
    outlets = outlets_of(gold, tmp_path)
    article = extract_article(
        str(path), path.read_bytes(), outlets=outlets, mtime=path.stat().st_mtime
    )
    assert article.title == gold["title"]
    assert article.source == gold["source"]
    assert article.url == gold["url"]
    assert list(article.authors) == gold["authors"]
    assert article.fetched == gold.get("fetched")
    assert article.published is not None
    assert article.published.iso == gold["published"]
    assert article.published.precision == gold["precision"]
    dateline = gold.get("body_starts_may_carry_the_dateline", "")
    assert article.body.removeprefix(dateline).startswith(gold["body_starts"])
    assert article.body.endswith(gold["body_ends"])
    headings = gold.get("subheadings", [])
    assert set(headings) <= set(article.paragraphs)
    count = len([each for each in article.paragraphs if each not in headings])
    if path.is_relative_to(REPOSITORY):
        assert count == gold["paragraphs"]
        assert set(article.tags) == set(gold.get("tags", article.tags))
    else:
        assert list(article.tags) == gold.get("tags", list(article.tags))
        assert gold["published_from"].startswith(article.provenance["published"])
        assert len(article.paragraphs) >= gold.get("paragraphs_at_least", 1)
        assert "联合声明" in article.title + article.body
    for string in gold.get("body_has", []):
        assert string in article.body
    for string in gold.get("body_lacks", []):
        assert string not in article.body
    for caption in gold.get("captions_have", []):
        assert any(caption in own for own in article.captions)
