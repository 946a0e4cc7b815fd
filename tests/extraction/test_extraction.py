"""One file with all claims and blocks: the article is that of the bulk, the reasons are true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from newsgrep.errors import NoArticle
from newsgrep.extraction.claims import Block, Claim, ClaimField, Claims, Loss, Rule
from newsgrep.extraction.extraction import Extraction, extract_records
from newsgrep.extraction.outlets import load_outlets
from newsgrep.extraction.pipeline import extract_article
from newsgrep.extraction.records.base import bytes_source
from newsgrep.extraction.trace import NO_TRACE, ClaimOutcome, FullTrace
from newsgrep.models import Provenance
from tests.support.cli import REPOSITORY

OUTLETS = load_outlets()
FILES = sorted(
    path
    for folder in ("seeds", "tests/fixtures/outlets", "tests/fixtures/cases")
    for path in (REPOSITORY / folder).rglob("*")
    if path.suffix in {".html", ".htm", ".md", ".markdown", ".txt"}
)
LONG = "河堤加固工程昨天完工，比计划早了两周，沿岸的三个村子不再需要沙袋，渡口也恢复了夜航。"


def extract(path: Path) -> Extraction:
    return extract_bytes(str(path), path.read_bytes())


def extract_bytes(name: str, data: bytes) -> Extraction:
    source = bytes_source(name, data)
    (found,) = extract_records(name, source, outlets=OUTLETS, mtime=1.7e9)
    return found


def extract_text(text: str, name: str = "/page.html") -> Extraction:
    return extract_bytes(name, text.encode())


def outcomes(extraction: Extraction, field: ClaimField) -> list[tuple[str, str | None]]:
    return [
        (each.claim.value, each.reason) for each in extraction.claims if each.claim.field is field
    ]


def test_traced_article_is_that_of_the_bulk() -> None:
    for path in FILES:
        traced = extract(path)
        if traced.article is not None:
            article = extract_article(str(path), path.read_bytes(), outlets=OUTLETS, mtime=1.7e9)
            assert traced.article == article, path
        else:
            with pytest.raises(NoArticle, match=re.escape(traced.reason or "none")):
                extract_article(str(path), path.read_bytes(), outlets=OUTLETS, mtime=1.7e9)


def test_every_field_with_a_value_has_a_claim_that_won() -> None:
    for path in FILES:
        traced = extract(path)
        article = traced.article
        if article is None:
            continue
        won = {each.claim.field for each in traced.claims if each.loss is None}
        values = {
            ClaimField.TITLE: article.title,
            ClaimField.SOURCE: article.source,
            ClaimField.PUBLISHED: article.published,
            ClaimField.AUTHORS: article.authors,
            ClaimField.URL: article.url,
        }
        assert {field for field, value in values.items() if value} == won - {ClaimField.BODY}, path


def test_provenance_of_a_field_is_that_of_its_claim() -> None:
    for path in FILES:
        traced = extract(path)
        for field, provenance in (traced.article.provenance if traced.article else {}).items():
            won = [
                each.claim.provenance
                for each in traced.claims
                if each.claim.field == field and each.loss is None
            ]
            assert provenance in won, (path, field)


def test_body_consists_of_the_blocks_that_were_kept() -> None:
    for path in FILES:
        traced = extract(path)
        if traced.article is None:
            continue
        kept = tuple(block.text for block in traced.blocks if block.rule is None)
        assert kept == traced.article.paragraphs or (  # a post of nothing but its headline
            not kept and len(traced.article.paragraphs) == 1
        ), path


def test_claim_that_loses_has_its_reason() -> None:
    page = extract_text(
        "<html><head><title>河堤加固工程完工 - 石桥晚报</title>"
        '<meta name="author" content="admin"><meta name="pubdate" content="soon">'
        f"</head><body><article><h1>河堤加固工程完工</h1><p>{LONG}</p><p>{LONG}渡口。</p></article>"
        "</body></html>"
    )
    titles = outcomes(page, ClaimField.TITLE)
    assert titles[0] == ("河堤加固工程完工", None)
    assert ("河堤加固工程完工 - 石桥晚报", "weaker than the heading") in titles
    assert outcomes(page, ClaimField.AUTHORS) == [("admin", "a placeholder")]
    assert outcomes(page, ClaimField.PUBLISHED) == [("soon", "not a date")]


def test_claims_have_locators_and_lines() -> None:
    page = extract_text(
        "---\ntitle: 河堤加固工程完工\ndate: 2021-06-11\nauthor: 姚岚\n---\n"
        f"\n{LONG}\n\n{LONG}渡口。\n",
        "/a.md",
    )
    places = {
        each.claim.field: (each.claim.provenance, each.claim.locator, each.line)
        for each in page.claims
        if each.loss is None
    }
    assert places[ClaimField.TITLE] == (Provenance.FRONT_MATTER, "title", 2)
    assert places[ClaimField.PUBLISHED] == (Provenance.FRONT_MATTER, "date", 3)
    assert places[ClaimField.AUTHORS] == (Provenance.FRONT_MATTER, "author", 4)


def test_file_without_article_has_reason_and_blocks() -> None:
    page = extract_text("<html><body><nav><a href='/'>首页</a></nav></body></html>")
    assert page.article is None
    assert page.reason
    binary = extract_bytes("/a.txt", b"\0\1\2\3" * 99)
    assert (binary.encoding, binary.blocks, binary.claims) == (None, (), ())
    with pytest.raises(NoArticle, match=r"\.mp4"):
        extract_bytes("/a.mp4", b"x")


def test_trace_orders_claims_by_field_and_rank() -> None:
    def claim(value: str, rank: int, field: ClaimField = ClaimField.TITLE) -> Claim:
        return Claim(field, value, Provenance.HEADING, rank=rank)

    best, refused, weaker, same = claim("a", 2), claim("b", 1), claim("c", 4), claim("a", 3)
    author = claim("d", 9, ClaimField.AUTHORS)
    trace = FullTrace()
    trace.lost(refused, Loss.PLACEHOLDER)
    trace.won(best)
    trace.block(Block("x"), Rule.NOTICE)
    found = trace.outcomes(
        Claims.ranked([author, weaker, same._replace(locator="h2"), best, refused])
    )
    assert found == (
        ClaimOutcome(best),
        ClaimOutcome(refused, Loss.PLACEHOLDER, best),
        ClaimOutcome(same._replace(locator="h2"), Loss.AGREES, best),
        ClaimOutcome(weaker, Loss.WEAKER, best),
        ClaimOutcome(author, Loss.WEAKER, None),
    )
    assert [each.reason for each in found[:3]] == [None, "a placeholder", "the same as the heading"]
    assert trace.blocks == [(Block("x"), Rule.NOTICE)]


def test_trace_of_the_bulk_records_nothing() -> None:
    NO_TRACE.won(Claim(ClaimField.TITLE, "a", Provenance.HEADING))
    NO_TRACE.block(Block("x"), None)
    assert not vars(NO_TRACE)
    assert not NO_TRACE.full
