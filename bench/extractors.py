"""The tools that ``bench.extraction`` compares, each as one function of a page and its URL."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, NamedTuple


class Extracted(NamedTuple):
    """What a tool takes from a page; the date begins with ``YYYY-MM-DD``."""

    title: str | None = None
    date: str | None = None
    body: str | None = None
    authors: tuple[str, ...] = ()


Extract = Callable[[bytes, str], Extracted]


class Extractor(NamedTuple):
    """A tool: the package that it needs, what imports it, and the fields that it extracts."""

    package: str
    load: Callable[[], Extract]
    fields: frozenset[str] = frozenset(Extracted._fields)


_CHARSET = re.compile(rb"""charset\s*=\s*["']?\s*([A-Za-z0-9_-]+)""", re.IGNORECASE)
_HAN = re.compile(r"[\u4e00-\u9fff]")
_KANA = re.compile(r"[\u3040-\u30ff]")
_MIN_HAN: Final = 300


def _decode(html: bytes) -> str:
    """Return a page as text, for the tools that take no bytes: by its declaration, or UTF-8."""
    declared = _CHARSET.search(html[:4096])
    try:
        return html.decode(declared[1].decode() if declared else "utf-8", "replace")
    except LookupError:
        return html.decode("utf-8", "replace")


def _language(text: str) -> str | None:
    """Return ``zh`` for a page with much Han text, for the tools that expect its language."""
    han = len(_HAN.findall(text))
    return "zh" if han > _MIN_HAN and han > 5 * len(_KANA.findall(text)) else None


def _newsgrep() -> Extract:
    from newsgrep.errors import NoArticle
    from newsgrep.extraction.formats.base import RawFile
    from newsgrep.extraction.outlets import load_outlets
    from newsgrep.extraction.pipeline import build_article, choose_format

    outlets = load_outlets()
    page = choose_format("/page.html")

    def extract(html: bytes, url: str) -> Extracted:
        try:
            raw = page.read(RawFile(html, outlets, url or None))
            article = build_article(raw, "/page.html", outlets=outlets, mtime=0.0)
        except NoArticle:
            return Extracted()
        date = article.published.iso if article.published else None
        return Extracted(article.title, date, article.body, article.authors)

    return extract


def _trafilatura(**options: Any) -> Callable[[], Extract]:
    def load() -> Extract:
        import trafilatura

        def extract(html: bytes, url: str) -> Extracted:
            found = trafilatura.bare_extraction(
                html, url=url or None, with_metadata=True, **options
            )
            if found is None:
                return Extracted()
            authors = tuple((found.author or "").split("; "))
            return Extracted(found.title, found.date, found.text, authors)

        return extract

    return load


def _readability() -> Extract:
    from lxml.html import fromstring
    from readability import Document

    def extract(html: bytes, url: str) -> Extracted:
        try:
            document = Document(html, url=url or None)
            body = fromstring(document.summary(html_partial=True)).text_content()
            return Extracted(document.short_title(), None, body)
        except Exception:  # noqa: BLE001 - the library raises errors of many kinds
            return Extracted()

    return extract


def _newspaper() -> Extract:
    import newspaper

    def extract(html: bytes, url: str) -> Extracted:
        text = _decode(html)
        settings = newspaper.Config()
        settings.fetch_images = False  # it would download every image to find the largest
        language = _language(text)
        try:
            article = newspaper.article(
                url or "https://host.example/", language, input_html=text, config=settings
            )
        except Exception:  # noqa: BLE001 - likewise
            return Extracted()
        date = article.publish_date.isoformat() if article.publish_date else None
        return Extracted(article.title, date, article.text, tuple(article.authors))

    return extract


def _goose() -> Extract:
    from goose3 import Goose
    from goose3.text import StopWordsChinese

    general, chinese = Goose(), Goose({"stopwords_class": StopWordsChinese})

    def extract(html: bytes, _: str) -> Extracted:
        text = _decode(html)
        goose = chinese if _language(text) else general
        try:
            article = goose.extract(raw_html=text)
        except Exception:  # noqa: BLE001 - likewise
            return Extracted()
        authors = tuple(article.authors)
        return Extracted(article.title, article.publish_date, article.cleaned_text, authors)

    return extract


def _htmldate() -> Extract:
    from htmldate import find_date

    def extract(html: bytes, url: str) -> Extracted:
        date = find_date(html, url=url or None, original_date=True, outputformat="%Y-%m-%d")
        return Extracted(None, date, None)

    return extract


def _resiliparse() -> Extract:
    from resiliparse.extract.html2text import extract_plain_text

    def extract(html: bytes, _: str) -> Extracted:
        text = extract_plain_text(_decode(html), main_content=True)
        return Extracted(None, None, text)

    return extract


EXTRACTORS = {
    "newsgrep": Extractor("newsgrep", _newsgrep),
    "trafilatura": Extractor("trafilatura", _trafilatura()),
    "trafilatura fast": Extractor("trafilatura", _trafilatura(fast=True)),
    "readability-lxml": Extractor("readability-lxml", _readability, frozenset(("title", "body"))),
    "newspaper4k": Extractor("newspaper4k", _newspaper),
    "goose3": Extractor("goose3", _goose),
    "htmldate": Extractor("htmldate", _htmldate, frozenset(("date",))),
    "resiliparse": Extractor("resiliparse", _resiliparse, frozenset(("body",))),
}
