"""Extraction of one file: its format reads it, then the best claims and the body are chosen.

A pure function of path, bytes, outlet rules and file time. The order of the decisions is that
of :func:`extract_article`: URL, outlet, title, body, authors, date.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from newsgrep.errors import NoArticle
from newsgrep.extraction.authors import choose_authors
from newsgrep.extraction.body import build_body
from newsgrep.extraction.claims import Block, Body, Claim, ClaimField
from newsgrep.extraction.dates.choice import DatedFile, choose_date, parse_file_time
from newsgrep.extraction.dates.ranks import LAST_MODIFIED_RANK
from newsgrep.extraction.error_pages import error_page
from newsgrep.extraction.formats import RECORD_FORMATS, format_named, name_of_format
from newsgrep.extraction.formats.base import Format, RawArticle, RawFile
from newsgrep.extraction.identity import article_id, choose_url, site_address
from newsgrep.extraction.outlets import Outlet, Outlets
from newsgrep.extraction.records.base import HEAD_BYTES, NO_FIELDS, Record
from newsgrep.extraction.records.names import unknown_format
from newsgrep.extraction.sources import choose_source
from newsgrep.extraction.titles import choose_title, derive_title
from newsgrep.extraction.trace import NO_TRACE, Trace
from newsgrep.models import PARAGRAPH_BREAK, Article, Provenance

_MAX_TITLE: Final = 10_000
"""A title is part of every result, and is printed whole."""


def extract_article(path: str, data: bytes, *, outlets: Outlets, mtime: float) -> Article:
    """Return the article in ``data``, the bytes of the file at the absolute path ``path``.

    ``mtime`` is the file's time in seconds since the epoch: dates after it are mistakes. Raises
    :class:`~newsgrep.errors.NoArticle` with the reason if the file contains no article, and
    nothing else.
    """
    raw = choose_format(path, data[:HEAD_BYTES]).read(RawFile(data, outlets))
    return build_article(raw, path, outlets=outlets, mtime=mtime)


def choose_format(path: str, head: bytes = b"") -> Format:
    """Return the format of the file at ``path``, which begins with ``head``.

    Raises :class:`~newsgrep.errors.NoArticle` for a file that newsgrep does not read.
    """
    name = name_of_format(path, head)
    if name is None:
        raise NoArticle(unknown_format(path))
    return format_named(name)


def extract_record(
    record: Record,
    path: str,
    *,
    outlets: Outlets,
    mtime: float,
    fields: Mapping[str, str] = NO_FIELDS,
    trace: Trace = NO_TRACE,
) -> Article:
    """Return the article in ``record`` of the file at ``path``, which :func:`read_record` reads.

    ``mtime`` is as in :func:`extract_article`, and so is what it raises.
    """
    raw = read_record(record, outlets=outlets, fields=fields, trace=trace)
    return build_record(raw, record, path, outlets=outlets, mtime=mtime, trace=trace)


def read_record(
    record: Record,
    *,
    outlets: Outlets,
    fields: Mapping[str, str] = NO_FIELDS,
    url: str | None = None,
    trace: Trace = NO_TRACE,
) -> RawArticle:
    """Return what ``record`` contains; ``fields`` has the user's names of the fields in dumps.

    ``url`` is the address of the article if the caller knows it.
    """
    file = RawFile(record.data, outlets, url or record.url, trace, fields, record.charset)
    raw = format_named(record.format).read(file)
    if record.fetched and not raw.fetched:
        raw = replace(raw, fetched=record.fetched)
    if record.notes:
        raw = replace(raw, notes=(*record.notes, *raw.notes))
    return _with_modified(raw, record) if record.modified else raw


_RECENT: Final = timedelta(days=1)
"""Until then, a server may have stated the time of the request as that of the page."""


def _with_modified(raw: RawArticle, record: Record) -> RawArticle:
    """Add the time that the server has stated, as the weakest claim to a date."""
    moment = record.modified
    if not moment or (raw.fetched and raw.fetched - moment < _RECENT):
        return raw
    claim = Claim(
        ClaimField.PUBLISHED,
        moment.isoformat(),
        Provenance.HTTP_HEADER,
        "Last-Modified",
        LAST_MODIFIED_RANK,
    )
    return replace(raw, claims=replace(raw.claims, dates=(*raw.claims.dates, claim)))


def build_record(
    raw: RawArticle,
    record: Record,
    path: str,
    *,
    outlets: Outlets,
    mtime: float,
    trace: Trace = NO_TRACE,
) -> Article:
    """Return the article of a record; its path is that of the file and the locator."""
    located = path + record.locator
    if not raw.identity:
        raw = replace(raw, identity=record.identity)
    # The name of a dump says nothing about one of its articles.
    name = (record.name or "") if record.locator else path
    article = build_article(raw, located, outlets=outlets, mtime=mtime, name=name, trace=trace)
    if record.format not in RECORD_FORMATS:
        return article
    found = {
        field: Provenance.FIELD if place is Provenance.FRONT_MATTER else place
        for field, place in article.provenance.items()
    }
    return article._replace(provenance=found)


def build_article(
    raw: RawArticle,
    path: str,
    *,
    outlets: Outlets,
    mtime: float,
    name: str | None = None,
    trace: Trace = NO_TRACE,
) -> Article:
    """Return the article that ``raw`` contains; raises :class:`~newsgrep.errors.NoArticle`.

    ``name`` is the name or path that may say a title and a date, by default ``path``.
    """
    name = path if name is None else name
    claims = raw.claims
    kept = [block for block in raw.blocks if block.rule is None]
    url = choose_url(claims, trace)
    site = url or site_address(claims)
    outlet = raw.outlet or outlets.for_url(site)
    titles = [claim.value for claim in claims.titles]
    if not titles and kept:
        titles = [kept[0].text]
    source, source_from = choose_source(claims, site, outlet, outlets, titles, trace)
    title, title_from, body = _title_and_body(raw, kept, outlet, source, name, trace)
    body = _checked_body(raw, kept, body, title, name)
    authors, authors_from = choose_authors(claims, body, source, outlet, outlets, trace)
    file_time = parse_file_time(mtime)
    dated = DatedFile(body, name, title, url, outlet, raw.fetched, file_time)
    date = choose_date(claims, dated, trace)
    provenance = {
        "title": title_from,
        "source": source_from,
        "authors": authors_from,
        "published": date.provenance,
    }
    return Article(
        id=article_id(url, raw.identity or path),
        title=title,
        body=PARAGRAPH_BREAK.join(body.paragraphs),
        path=path,
        source=source,
        url=url,
        authors=authors,
        published=date.published,
        fetched=_isoformat(raw.fetched),
        tags=tuple(dict.fromkeys((*claims.tags, *body.tags))),
        captions=body.captions,
        provenance={field: found for field, found in provenance.items() if found},
        notes=(*raw.notes, *date.notes),
        left_out=body.left_out,
        file_time=_isoformat(file_time),
    )


def _title_and_body(
    raw: RawArticle,
    kept: Sequence[Block],
    outlet: Outlet | None,
    source: str | None,
    name: str,
    trace: Trace,
) -> tuple[str, Provenance, Body]:
    """Return title and body; if nothing states a title, it is the body's first line or ``name``."""
    title, title_from = choose_title(raw.claims, kept, outlet, source, trace)
    if title and len(title) > _MAX_TITLE:
        title, title_from = None, None  # it stays in the body
    body = build_body(raw.blocks, raw.claims, outlet, title, trace, source=source, page=raw.page)
    if title is None or title_from is None:
        return derive_title(body, name, trace)
    return title, title_from, body


def _checked_body(
    raw: RawArticle, kept: Sequence[Block], body: Body, title: str, name: str
) -> Body:
    """Return the body, the headline of a post without text; raises :class:`NoArticle`."""
    claims = raw.claims
    reason = error_page(
        name,
        [claim.value for claim in claims.titles],
        [block.text for block in kept or raw.blocks],
        dated=body.first_date is not None or any(map(_is_of_page, claims.dates)),
        bare=raw.page and not claims.titles and not claims.urls,
    )
    if reason:
        raise NoArticle(reason)
    if body.paragraphs or body.captions:
        return body
    if not title or not _is_post(raw):
        raise NoArticle("it contains no article text")
    return replace(body, paragraphs=(title,))


def _is_post(raw: RawArticle) -> bool:
    """Return whether a file without text is a post that consists of its headline.

    A whole page without text is not a post, and neither is a title without anything else.
    """
    claims = raw.claims
    return (
        not raw.page
        and bool(claims.titles)
        and bool(raw.blocks or claims.urls or claims.dates or claims.authors)
    )


def _is_of_page(claim: Claim) -> bool:
    """Return whether the page itself makes a claim, not the program that saved it."""
    return claim.provenance not in _OF_OTHERS


_OF_OTHERS: Final = (Provenance.FRONT_MATTER, Provenance.COMMENT, Provenance.HTTP_HEADER)


def _isoformat(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).replace(microsecond=0).isoformat() if moment else None
