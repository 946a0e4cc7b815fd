"""Citations of articles: GB/T 7714, Chicago, BibTeX, RIS and CSL-JSON.

A citation contains what the index states and nothing that is guessed: an article without authors
or date is cited without them. A name is not divided into family and given name, because newsgrep
does not know which is which; only Chicago needs it for the first author, and does so for names in
Latin letters. The day of access is the day when the file was taken from the web.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from newsgrep.models import Article, FileRecord
from newsgrep.terminal import one_line


class CitationStyle(StrEnum):
    """The forms of a citation; the last three are read by reference managers."""

    GBT = "gbt7714"
    CHICAGO = "chicago"
    BIBTEX = "bibtex"
    RIS = "ris"
    CSL = "csl"


class Cited(NamedTuple):
    """An article to cite; ``evidence`` is the digest of its file with the name of the function."""

    article: Article
    evidence: str = ""


def index_digest(record: FileRecord | None) -> str:
    """Return the evidence that the index itself has: the digest of the file or record."""
    if record is None or not record.digest:
        return ""
    return f"BLAKE2b-128 of the {'record' if record.locator else 'file'}: {record.digest}"


def cite(cited: Cited, style: CitationStyle) -> str:
    """Return a citation as text of one or several lines; CSL is :func:`to_json`.

    >>> article = Article("voxg36vu63he", "漁場聲明", "", "/a", "澤島日報", "https://z.example/1")
    >>> cite(Cited(article), CitationStyle.GBT)
    '漁場聲明[EB/OL]. 澤島日報. https://z.example/1.'
    """
    return _STYLES[style](cited)


# GB/T 7714-2015

_MAX_NAMES: Final = 3
_HAN: Final = re.compile("[\u4e00-\u9fff]")


def _gbt(cited: Cited) -> str:
    """Return a citation by GB/T 7714-2015, 4.6 and 4.4: a newspaper article or a web page."""
    article = cited.article
    names = [one_line(name) for name in article.authors[:_MAX_NAMES]]
    if len(article.authors) > _MAX_NAMES:
        names.append("等" if _HAN.search("".join(names)) else "et al")
    day = _day(article)
    accessed = f"[{article.fetched[:10]}]" if article.fetched and article.url else ""
    is_news = bool(article.source and day)
    kind = ("N/OL" if is_news else "EB/OL") if article.url else "N"
    if is_news:
        where = f"{one_line(article.source or '')}, {day}{accessed}"
    else:
        dated = f"({day})" if day else ""
        where = ", ".join(filter(None, (one_line(article.source or ""), dated + accessed)))
    parts = [", ".join(names), f"{_title(article)}[{kind}]", where, article.url or ""]
    return ". ".join(one_line(part) for part in parts if part) + "."


def _title(article: Article) -> str:
    """Return the title without a period at its end, which a citation adds itself."""
    return re.sub(r"(?<!\.)\.$", "", one_line(article.title).strip())


def _day(article: Article) -> str:
    """Return the date of publication, to the day if it is known so precisely, or nothing."""
    return article.published.iso[:10] if article.published else ""


# Chicago Manual of Style, bibliography

_MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June", "July", "August"),
    *("September", "October", "November", "December"),
)
_LATIN_NAME: Final = re.compile(r"([A-Za-z\u00c0-\u024f.'’ -]+) ([A-Za-z\u00c0-\u024f'’-]+)")


def _chicago(cited: Cited) -> str:
    """Return an entry of a bibliography by the Chicago Manual of Style, 17th edition, 14.191."""
    article = cited.article
    title = _title(article)
    closing = "" if title.endswith(("?", "!", "？", "！", "。", "…")) else "."
    published = _english_date(_day(article))
    accessed = _english_date(article.fetched[:10]) if article.fetched and article.url else ""
    where = ", ".join(filter(None, (one_line(article.source or ""), published)))
    parts = [
        _chicago_names(article.authors),
        f"“{title}{closing}”",
        where,
        f"Accessed {accessed}" if accessed and not published else "",
        article.url or "",
    ]
    sentences = [one_line(part) for part in parts if part]
    return " ".join(each if each.endswith("”") else f"{each.rstrip('.')}." for each in sentences)


def _english_date(day: str) -> str:
    year, month, number = (*day.split("-"), "", "")[:3]
    if not month:
        return year
    name = _MONTHS[int(month) - 1]
    return f"{name} {int(number)}, {year}" if number else f"{name} {year}"


def _chicago_names(authors: Iterable[str]) -> str:
    names = [one_line(name) for name in authors]
    if names and (latin := _LATIN_NAME.fullmatch(names[0])):
        names[0] = f"{latin[2]}, {latin[1]}"
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])}, and {names[-1]}"


# BibTeX

_BIBTEX_ESCAPES: Final = {
    **{character: f"\\{character}" for character in "{}$&#%_"},
    "\\": r"\textbackslash{}",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
}


def _bibtex(cited: Cited) -> str:
    """Return an entry ``@online`` for BibLaTeX and Zotero; the id is the key."""
    article = cited.article
    names = [f"{{{_bibtex_text(name)}}}" for name in article.authors]
    fields = {
        "title": f"{{{_bibtex_text(article.title)}}}",
        "author": " and ".join(names),
        "organization": _bibtex_text(article.source or ""),
        "date": _day(article),
        "url": _bibtex_url(article.url or ""),
        "urldate": (article.fetched or "")[:10] if article.url else "",
        "keywords": ", ".join(map(_bibtex_text, article.tags)),
        "note": _bibtex_text(cited.evidence),
    }
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items() if value]
    return "\n".join((f"@online{{{article.id},", *lines, "}"))


def _bibtex_text(text: str) -> str:
    return "".join(_BIBTEX_ESCAPES.get(character, character) for character in one_line(text))


def _bibtex_url(url: str) -> str:
    """Return ``url`` for a verbatim field, in which only braces and backslashes matter."""
    return quote(one_line(url), safe="!#$%&'()*+,/:;=?@[]~-._")


# RIS


def _ris(cited: Cited) -> str:
    """Return a record of RIS: lines of a tag and a value, which ``ER`` ends."""
    article = cited.article
    day = _day(article)
    accessed = (article.fetched or "")[:10] if article.url else ""
    lines = [
        ("TY", "NEWS"),
        ("ID", article.id),
        ("TI", article.title),
        *(("AU", name) for name in article.authors),
        ("T2", article.source or ""),
        ("PY", day[:4]),
        ("DA", day.replace("-", "/")),
        ("UR", article.url or ""),
        ("Y2", accessed.replace("-", "/")),
        *(("KW", tag) for tag in article.tags),
        ("N1", cited.evidence),
    ]
    written = [f"{tag}  - {one_line(value)}" for tag, value in lines if value]
    return "\n".join((*written, "ER  - "))


# CSL-JSON


def to_json(cited: Cited) -> dict[str, Any]:
    """Return an item of CSL-JSON, as Zotero, pandoc and citeproc read it."""
    article = cited.article
    day = _day(article)
    item: dict[str, Any] = {
        "id": article.id,
        "type": "article-newspaper" if article.source else "webpage",
        "title": one_line(article.title),
        "author": [{"literal": one_line(name)} for name in article.authors],
        "container-title": one_line(article.source or ""),
        "issued": _date_parts(day),
        "URL": article.url or "",
        "accessed": _date_parts((article.fetched or "")[:10]) if article.url else {},
        "keyword": ", ".join(map(one_line, article.tags)),
        "note": cited.evidence,
    }
    return {name: value for name, value in item.items() if value}


def _date_parts(day: str) -> dict[str, Any]:
    return {"date-parts": [[int(part) for part in day.split("-")]]} if day else {}


_STYLES: Final[Mapping[CitationStyle, Callable[[Cited], str]]] = {
    CitationStyle.GBT: _gbt,
    CitationStyle.CHICAGO: _chicago,
    CitationStyle.BIBTEX: _bibtex,
    CitationStyle.RIS: _ris,
}


def citation_lines(
    articles: Iterable[Cited], style: CitationStyle, encode: Callable[[Any], str]
) -> Iterator[str]:
    """Yield the citations of ``articles`` as a file of this style, line by line or more at once.

    ``encode`` turns an item of CSL into text; together they are one JSON array.
    """
    if style is CitationStyle.CSL:
        before = "["
        for each in articles:
            yield before + encode(to_json(each))
            before = ","
        yield "]" if before == "," else "[]"
        return
    several_lines = style in {CitationStyle.BIBTEX, CitationStyle.RIS}
    for number, each in enumerate(articles):
        if number and several_lines:
            yield ""
        yield cite(each, style)
