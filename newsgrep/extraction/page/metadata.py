"""Claims of a page about itself: meta tags, JSON-LD, microdata, ``time`` elements, bylines.

Claims are collected with their provenance, locator and rank: smaller ranks are better evidence.
Which claims to believe is decided later, in ``dates.choice``, ``bylines``, ``sources`` and
``titles``. What states a date, and how well, is decided in ``dates.ranks``.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Final

from newsgrep.analysis.characters import strip_invisible
from newsgrep.extraction.claims import Claim, ClaimField, Claims
from newsgrep.extraction.dates import places, ranks
from newsgrep.extraction.page.dom import Element, Tree, css_selector, iter_text, short_text
from newsgrep.extraction.page.headlines import Shown, find_headlines
from newsgrep.extraction.page.jsonld import JsonArticle, choose_articles, read_articles, text_values
from newsgrep.extraction.page.source_lines import author_in_line, iter_source_lines, source_in_line
from newsgrep.extraction.sources import sounds_like_outlet
from newsgrep.extraction.whitespace import clean_line, collapse_whitespace, unescape_html
from newsgrep.models import Provenance

_META_TITLES: Final = ("articletitle", "og:title", "twitter:title", "dc.title", "headline")
_META_AUTHORS: Final = frozenset(
    (
        "author",
        "article:author",
        "dc.creator",
        "parsely-author",
        "byl",
        "sailthru.author",
        "og:article:author",
    )
)
_META_SOURCES: Final = {
    "contentsource": 12,
    "source": 12,
    "mediaid": 16,
    "og:site_name": 20,
    "sitename": 21,
    "application-name": 22,
    "publisher": 22,
    "dc.publisher": 22,
}
"""Names of ``meta`` tags, with the rank of the source that they state."""
_ACCOUNT_RANK: Final = 10
_SOURCE_LINE_RANK: Final = 13
_PUBLISHER_RANK: Final = 30
_META_TAGS: Final = frozenset(("keywords", "news_keywords", "article:tag", "parsely-tags"))
_MAX_PER_KIND: Final = 200
"""Elements of a kind that are read; on a page with more of them they mean nothing."""
_MAX_COMPARED: Final = 60
"""Claims about a field that are compared with objects of JSON-LD and with the page."""
_MAX_TAG: Final = 60
"""Characters of a topic; longer values are not topics."""
OUTSIDE_PENALTY: Final = 100
"""Added to the rank of claims from elements outside the article."""
_SENTENCE_END = re.compile("[。！？]")
_AUTHOR_CLASS = re.compile(
    r"(?:^|\s)(?:byline(?:-name)?|by-line|p-author|(?:(?:post|article|entry|story|news|content|blog|page|meta"
    r"|field-{1,2}name(?:-field)?(?:-[a-z]{1,12})?)[-_]{1,2})?(?:author|autor|auteur)s?(?:[-_]{1,2}(?:name|link))?)(?:\s|$)",
    re.IGNORECASE,
)
_WRITTEN_BY = re.compile(
    r"(?:.{0,20}\s)?(?:by|von|par|por|da|di|door|av|af|przez)|author|autor(?:in|e)?|auteur|作者|撰文",
    re.IGNORECASE,
)
"""What WordPress writes in ``twitter:label1`` if ``twitter:data1`` is the author."""
_AUTHOR_ID: Final = "author_baidu"
_MARKED_IDS: Final = frozenset(("js_name", "source_baidu", _AUTHOR_ID))
"""Ids of elements: the account of a WeChat article, and what a Chinese search engine defines."""
_ACCOUNT = re.compile(
    r"""\bnick_?name\s*[=:]\s*(?:[\w.]+\()?\s*["']([^"'<>\n]{1,60})["']""", re.IGNORECASE
)
"""The account in the script of a WeChat article."""
_TAG_SPLIT = re.compile(r"[,，;；、]")


class MetadataReader:
    """Collects the claims of one page while its elements are visited."""

    def __init__(self) -> None:
        self._claims: list[Claim] = []
        self._tags: dict[str, None] = {}
        self._card_names_author = False
        self._articles: list[JsonArticle] = []
        self._shown = Shown()
        self._read_counts: Counter[str] = Counter()

    def claims(self) -> Claims:
        """Return all claims; the best evidence for each field comes first."""
        for article in self._page_articles():
            self._add_article(article)
        self._articles.clear()
        return Claims.ranked(self._claims, self._tags, self._shown.site)

    def article_body(self) -> str | None:
        """Return the text of the article in JSON-LD, with newlines between paragraphs, or None.

        Call it before :meth:`claims`.
        """
        return next((each.body for each in self._page_articles() if each.body), None)

    def _page_articles(self) -> list[JsonArticle]:
        """Return the articles in JSON-LD that describe this page."""
        return choose_articles(
            self._articles, self._values(ClaimField.TITLE), self._values(ClaimField.URL)
        )

    def _values(self, field: ClaimField, *, headings: bool = True) -> list[str]:
        found = [
            claim.value
            for claim in self._claims
            if claim.field is field and (headings or claim.provenance is not Provenance.HEADING)
        ]
        return found[:_MAX_COMPARED]

    def titles(self) -> list[str]:
        """Return the titles that were found so far."""
        return [claim.value for claim in self._claims if claim.field is ClaimField.TITLE]

    def add_author(self, text: str, provenance: Provenance, rank: int, locator: str = "") -> None:
        """Add a claim about the authors; the class of an author is also that of paragraphs."""
        if text and not _SENTENCE_END.search(text):
            self._claims.append(Claim(ClaimField.AUTHORS, text, provenance, locator, rank))

    def add_date(self, text: str, provenance: Provenance, rank: int, locator: str = "") -> None:
        """Add a claim about the publication date."""
        if text:
            self._claims.append(Claim(ClaimField.PUBLISHED, text, provenance, locator, rank))

    def _add_source(self, text: str, provenance: Provenance, rank: int, locator: str) -> None:
        self._claims.append(Claim(ClaimField.SOURCE, text, provenance, locator, rank))

    def _add_title(self, text: str, provenance: Provenance, rank: int, locator: str) -> None:
        clean = clean_line(unescape_html(text) if "&" in text else text)
        if clean:
            self._claims.append(Claim(ClaimField.TITLE, clean, provenance, locator, rank))

    def read_dates(self, tree: Tree) -> None:
        """Read what the elements of the page say about its date, after its head was read."""
        titles = [claim.value for claim in self._claims if claim.field is ClaimField.TITLE]
        dated = any(
            claim.field is ClaimField.PUBLISHED and claim.rank < ranks.SCRIPT_RANK
            for claim in self._claims
        )
        scripts = not dated and not self._articles
        for found in places.read_dates(tree, titles, scripts=scripts):
            self.add_date(found.text, found.provenance, found.rank, found.locator)

    def read_head(self, element: Element) -> None:
        """Read a ``meta``, ``title``, ``link`` or ``script`` element."""
        if element.name == "title":
            text = "".join(iter_text(element, dropped=True))
            self._add_title(text, Provenance.TITLE_ELEMENT, 60, "")
        elif element.name == "link":
            if "canonical" in element.attribute("rel").lower().split():
                href = element.attribute("href")
                self._add_url(href, Provenance.LINK_ELEMENT, 10, "rel=canonical")
        elif element.name == "script":
            self._read_script(element)
        else:
            self._read_meta(element)

    def _add_url(self, url: str, provenance: Provenance, rank: int, locator: str) -> None:
        if url.startswith(("http://", "https://")):
            self._claims.append(Claim(ClaimField.URL, url.strip(), provenance, locator, rank))

    def _read_meta(self, element: Element) -> None:
        content = element.attribute("content").strip()
        if not content:
            return
        for key in ("property", "name", "itemprop"):
            for name in element.attribute(key).lower().split():
                self._add_meta(name, content)

    def _add_meta(self, name: str, content: str) -> None:
        if (rank := ranks.meta_rank(name)) is not None:
            self.add_date(content, Provenance.META_TAG, rank, name)
        elif name in _META_TITLES:
            rank = 40 + _META_TITLES.index(name)
            self._add_title(content, Provenance.META_TAG, rank, name)
        elif name in _META_AUTHORS:
            self.add_author(content, Provenance.META_TAG, 250, name)
        elif name in _META_SOURCES:
            self._add_source(content, Provenance.META_TAG, _META_SOURCES[name], name)
        elif name in _META_TAGS:
            for item in _TAG_SPLIT.split(content):
                self._add_tag(item)
        elif name == "twitter:label1":
            self._card_names_author = _WRITTEN_BY.fullmatch(content) is not None
        elif name == "twitter:data1" and self._card_names_author:
            self.add_author(content, Provenance.META_TAG, 255, name)
        elif name in ("og:url", "url"):
            self._add_url(content, Provenance.META_TAG, 20 + (name == "url"), name)

    def _add_tag(self, text: str) -> None:
        clean = collapse_whitespace(strip_invisible(text)).lstrip("#＃").strip()
        if clean and len(clean) <= _MAX_TAG:
            self._tags.setdefault(clean)

    def _read_script(self, element: Element) -> None:
        parts = [part for part in element.contents if isinstance(part, str)]
        if "ld+json" in element.attribute("type").lower():
            self._articles += read_articles("".join(parts))
            del self._articles[_MAX_PER_KIND:]
        elif any("nick" in part for part in parts) and self._may_read("script"):
            account = _ACCOUNT.search("".join(parts))
            if account:
                self._add_source(account[1], Provenance.TEXT, _ACCOUNT_RANK + 1, "script")

    def _add_article(self, article: JsonArticle) -> None:
        for name in article.headlines:
            self._add_title(name, Provenance.JSON_LD, 35, "headline")
        for key, value, rank in ranks.json_ld_dates(article.node):
            for stated in text_values(value):
                self.add_date(stated, Provenance.JSON_LD, rank, key)
        for name in article.authors:
            self.add_author(name, Provenance.JSON_LD, 240, "author")
        for name in article.publishers:
            self._add_source(name, Provenance.JSON_LD, _PUBLISHER_RANK, "publisher")
        for name in filter(sounds_like_outlet, article.organizations):
            self._add_source(name, Provenance.JSON_LD, _PUBLISHER_RANK + 10, "author")
        for url in article.urls:
            self._add_url(url, Provenance.JSON_LD, 40, "url")
        for keywords in article.keywords:
            for item in _TAG_SPLIT.split(keywords):
                self._add_tag(item)

    def read_page(self, tree: Tree, root: Element | None, *, source_lines: bool) -> None:
        """Read where the page shows its headline and its source; call it after the elements.

        ``root`` contains the article. ``source_lines`` is whether the page contains one
        of :data:`~newsgrep.extraction.page.source_lines.SIGNS`.
        """
        stated = self._values(ClaimField.TITLE, headings=False)
        stated += [name for article in self._articles for name in article.headlines]
        self._shown = find_headlines(tree, root, stated, self._values(ClaimField.URL))
        if main := self._shown.main:
            self._add_title(short_text(main), Provenance.HEADING, 19, css_selector(main))
        for text, element in self._shown.headlines:
            self._add_title(text, Provenance.HEADING, 22, css_selector(element))
        self._read_marked(tree)
        if source_lines:
            self._read_source_lines(tree)

    def _read_marked(self, tree: Tree) -> None:
        """Read the elements whose ids say what they contain."""
        marked = [each for each in tree.elements if each.attrs.get("id") in _MARKED_IDS]
        for element in marked:
            if text := short_text(element):
                where = css_selector(element)
                if element.attrs["id"] == _AUTHOR_ID:
                    self.add_author(text, Provenance.BYLINE, 11, where)
                else:
                    self._add_source(text, Provenance.BYLINE, _ACCOUNT_RANK, where)

    def _read_source_lines(self, tree: Tree) -> None:
        """Read the first source in the lines with its label, and the first author in them."""
        named = False
        for line, element in iter_source_lines(tree):
            where = css_selector(element)
            if not named and (name := source_in_line(line)):
                self._add_source(name, Provenance.BYLINE, _SOURCE_LINE_RANK, where)
                named = True
            if author := author_in_line(line):
                self.add_author(author, Provenance.BYLINE, 14, where)
                return

    def read_properties(self, element: Element, penalty: int) -> None:
        """Read microdata and RDFa of an element, which may be hidden; add ``penalty`` to ranks."""
        stated = (
            (element.attribute("itemprop") + " " + element.attribute("property")).lower().split()
        )
        if not stated:
            return
        value = element.attribute("content") or element.attribute("datetime")
        for name in stated:
            if (rank := ranks.property_rank(name)) is not None:
                text = value or short_text(element)
                self.add_date(text, Provenance.MICRODATA, rank + penalty, name)
            elif name in ("dc:title", "headline", "schema:headline") and value:
                self._add_title(value, Provenance.MICRODATA, 30 + penalty, name)
            elif name in ("author", "schema:author", "dc:creator"):
                text = value or short_text(element)
                self.add_author(text, Provenance.MICRODATA, 220 + penalty, name)
            elif name == "keywords":
                for item in _TAG_SPLIT.split(value or short_text(element)):
                    self._add_tag(item)

    def read_element(self, element: Element, *, outside: bool) -> None:
        """Read a visible element; ``outside`` is True outside the article."""
        penalty = OUTSIDE_PENALTY * outside
        name = element.name
        if name == "h1" and self._may_read("h1"):
            where = css_selector(element)
            self._add_title(short_text(element), Provenance.HEADING, 20 + penalty, where)
        elif name == "address" and self._may_read("address"):
            where = css_selector(element)
            self.add_author(short_text(element), Provenance.ADDRESS_ELEMENT, 5 + penalty, where)
        elif name == "a":
            rel = element.attribute("rel").lower().split()
            if "author" in rel:
                where = css_selector(element)
                self.add_author(short_text(element), Provenance.BYLINE, 10 + penalty, where)
            if "tag" in rel and not outside:
                self._add_tag(short_text(element))
        author = "class" in element.attrs and _AUTHOR_CLASS.search(element.attribute("class")[:300])
        if author and self._may_read("byline"):
            where = css_selector(element)
            self.add_author(short_text(element), Provenance.BYLINE, 12 + penalty, where)
        if ("property" in element.attrs or "itemprop" in element.attrs) and self._may_read(
            "property"
        ):
            self.read_properties(element, penalty)

    def _may_read(self, kind: str) -> bool:
        self._read_counts[kind] += 1
        return self._read_counts[kind] <= _MAX_PER_KIND
