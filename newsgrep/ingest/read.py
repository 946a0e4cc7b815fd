"""One file becomes one article: its format takes it apart, the best evidence is believed.

A pure function of path, bytes, outlets' rules and file time, so that it can run anywhere.
"""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime
from typing import Final

from newsgrep.errors import Rejected
from newsgrep.ingest.body import Body, body_of
from newsgrep.ingest.formats import format_of
from newsgrep.ingest.identity import article_id
from newsgrep.ingest.layout import collapse, comparable
from newsgrep.ingest.publication import publication
from newsgrep.ingest.raw import RawArticle
from newsgrep.ingest.sites import Site, Sites
from newsgrep.ingest.source import authors_of, source_of, url_of, without_suffix
from newsgrep.models import PARAGRAPH_BREAK, Article
from newsgrep.text.characters import tidy

_BAR = re.compile(r"(?<=\S{4})\s+[|｜]\s+[^\s|｜，。,.]{2,12}$")
"""The name of a column or an outlet behind the headline of a plain text."""
_LONGEST_MADE_TITLE: Final = 60


def read_article(path: str, data: bytes, *, sites: Sites, mtime: float) -> Article:
    """Return the article in ``data``, the bytes of the file at ``path``.

    ``mtime`` is the file's time in seconds since the epoch, the last resort for a date.
    Raises ``Rejected`` with the reason if there is no article in the file, and nothing else.
    """
    kind = format_of(path)
    if kind is None:
        suffix = os.path.splitext(path)[1]  # noqa: PTH122 - any byte may stand in the name
        raise Rejected(f"newsgrep reads no {suffix or 'suffix-less'} files")
    raw = kind.read(data, sites)
    url = url_of(raw)
    site = raw.site or sites.for_url(url)
    titles = [claim.value for claim in raw.claims.titles]
    if not titles and raw.blocks:
        titles = [raw.blocks[0].text]
    source, source_where = source_of(raw, url, site, sites, titles)
    title, title_where = _title(raw, site, source)
    body = body_of(raw, site, title)
    if title is None:
        title, title_where, body = _made_title(body, path)
    if not body.paragraphs and not body.captions:
        raise Rejected("no article text in it")
    authors, authors_where = authors_of(raw, body, source, site, sites)
    published = publication(raw, body, url=url, site=site, mtime=mtime)
    places = {
        "title": title_where,
        "source": source_where,
        "authors": authors_where,
        "published": published.where,
    }
    return Article(
        id=article_id(url, path),
        title=title,
        body=PARAGRAPH_BREAK.join(body.paragraphs),
        path=path,
        source=source,
        url=url,
        authors=authors,
        published=published.published,
        fetched=_iso(raw.fetched),
        tags=tuple(dict.fromkeys((*raw.claims.tags, *body.tags))),
        captions=body.captions,
        found={field: where for field, where in places.items() if where},
        notes=(*raw.notes, *published.notes),
    )


def _iso(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).replace(microsecond=0).isoformat() if moment else None


def _title(raw: RawArticle, site: Site | None, source: str | None) -> tuple[str | None, str]:
    claims = list(raw.claims.titles)
    first = next((block for block in raw.blocks if block.text), None)
    names = (
        {source or ""} | {claim.value for claim in raw.claims.sources} | set(raw.claims.tags[:2])
    )
    if site:
        names |= {site.name, *site.aliases}
    for claim in claims:
        title = without_suffix(claim.value, site, names)
        if comparable(title):
            return title, claim.where
    if first and _is_title_line(first.text, raw):
        return _BAR.sub("", without_suffix(first.text, site, names)), "first line"
    return None, ""


def _is_title_line(line: str, raw: RawArticle) -> bool:
    """Tell whether the first line is a headline: short, one line, no sentence, not all."""
    return (
        len(line) <= 100  # no headline is longer
        and "\n" not in line
        and not line.endswith(("。", ".", "，", ",", "；", ";", "：", ":"))
        and len(raw.blocks) > 1
        and bool(comparable(line))
    )


def _made_title(body: Body, path: str) -> tuple[str, str, Body]:
    if body.paragraphs:
        line = body.paragraphs[0].partition("\n")[0]
        if len(line) <= _LONGEST_MADE_TITLE:
            return line, "first line of the body", body
        for end in range(_LONGEST_MADE_TITLE, 8, -1):
            if line[end - 1] in "。！？!?；;，,、 ":
                return line[:end].rstrip("，,、；; "), "first line of the body", body
        return line[: _LONGEST_MADE_TITLE - 1] + "…", "first line of the body", body
    name = os.path.splitext(os.path.basename(path))[0]  # noqa: PTH119, PTH122 - any byte
    shown = collapse(tidy(os.fsencode(name).decode("utf-8", "replace")))
    return shown or "untitled", "file name", body
