"""Kinds of files that extraction once read wrongly: each file of a case, and what is right.

``tests/fixtures/cases/README.md`` describes the files and their ``expected.json``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from newsgrep.engines.base import Engine, EngineRequest
from newsgrep.errors import NoArticle
from newsgrep.extraction.outlets import load_outlets
from newsgrep.extraction.pipeline import extract_article
from newsgrep.models import Article
from newsgrep.query.parser import parse_literal
from tests.support.factories import engine_with

CASES = Path(__file__).parent.parent / "fixtures" / "cases"
FOLDERS = sorted(path.parent for path in CASES.rglob("expected.json"))
FILES = [
    (folder, name, expected)
    for folder in FOLDERS
    for name, expected in json.loads((folder / "expected.json").read_text("utf-8")).items()
]
KEYS = {
    "title",
    "source",
    "url",
    "authors",
    "published",
    "fetched",
    "tags",
    "body",
    "body_has",
    "body_lacks",
    "body_starts",
    "body_ends",
    "paragraphs",
    "captions",
    "left_out_has",
    "notes_have",
    "same_article_as",
    "other_article_than",
    "finds",
    "finds_not",
    "no_article",
    "fault",
}
MTIME = 1_790_000_000.0  # 2026-09-21


@cache
def read(folder: Path, name: str) -> Article | str:
    """Return the article in a file, or the reason why there is none."""
    data = (folder / name).read_bytes()
    try:
        return extract_article(f"/archive/{name}", data, outlets=load_outlets(), mtime=MTIME)
    except NoArticle as exc:
        return str(exc)


@pytest.mark.parametrize(
    ("folder", "name", "expected"),
    [pytest.param(*each, id=f"{each[0].name}/{each[1]}") for each in FILES],
)
def test_case_is_read_as_expected(
    folder: Path, name: str, expected: Mapping[str, Any], tmp_path: Path
) -> None:
    assert not expected.keys() - KEYS, "unknown keys"
    assert expected.keys() - {"fault"}, "nothing is expected"
    article = read(folder, name)
    if "no_article" in expected:
        assert isinstance(article, str), "an article was found"
        assert expected["no_article"] in article
        return
    assert isinstance(article, Article), article
    check_fields(article, expected)
    check_body(article, expected)
    for other in expected.get("same_article_as", ()):
        assert getattr(read(folder, other), "id", None) == article.id
    for other in expected.get("other_article_than", ()):
        assert getattr(read(folder, other), "id", None) != article.id
    engine = engine_with("memory", tmp_path, [article])
    for text in expected.get("finds", ()):
        assert finds(engine, text), f"{text} is not found"
    for text in expected.get("finds_not", ()):
        assert not finds(engine, text), f"{text} is found"


def check_fields(article: Article, expected: Mapping[str, Any]) -> None:
    for key in ("title", "source", "url", "fetched"):
        if key in expected:
            assert getattr(article, key) == expected[key], key
    for key in ("authors", "tags", "captions", "paragraphs"):
        if key in expected:
            assert list(getattr(article, key)) == expected[key], key
    if "published" in expected:
        assert (article.published and article.published.iso) == expected["published"]
    for text in expected.get("notes_have", ()):
        assert any(text in note for note in article.notes), article.notes


def check_body(article: Article, expected: Mapping[str, Any]) -> None:
    if "body" in expected:
        assert article.body == expected["body"]
    for text in expected.get("body_has", ()):
        assert text in article.body
    for text in expected.get("body_lacks", ()):
        assert text not in article.body
    if "body_starts" in expected:
        assert article.body.startswith(expected["body_starts"])
    if "body_ends" in expected:
        assert article.body.endswith(expected["body_ends"])
    for text in expected.get("left_out_has", ()):
        assert any(text in passage.text for passage in article.left_out), article.left_out


def finds(engine: Engine, text: str) -> bool:
    """Return whether a quoted search for ``text`` finds the only article."""
    return engine.search(EngineRequest(parse_literal(text).root)).total == 1


def test_every_case_has_variations() -> None:
    """Each kind has its first file and at least three variations of it."""
    counts = {
        folder.name: len(json.loads((folder / "expected.json").read_text("utf-8")))
        for folder in FOLDERS
    }
    assert not [name for name, count in counts.items() if count < 4]


def test_every_file_of_a_case_is_checked() -> None:
    listed = {folder / name for folder, name, _ in FILES}
    present = {
        path
        for folder in FOLDERS
        for path in folder.rglob("*")
        if path.is_file() and path.name != "expected.json"
    }
    assert listed == present
