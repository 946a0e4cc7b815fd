"""The records of a file with everything that is taken from them, and why: for people."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from newsgrep.errors import NoArticle
from newsgrep.extraction.claims import Block, Claim, ClaimField
from newsgrep.extraction.decode import decode
from newsgrep.extraction.formats import RECORD_FORMATS
from newsgrep.extraction.outlets import Outlets
from newsgrep.extraction.pipeline import build_record, read_record
from newsgrep.extraction.records.base import (
    DEFAULT_OPTIONS,
    NO_FIELDS,
    BadRecord,
    ReadOptions,
    Record,
    Source,
)
from newsgrep.extraction.records.registry import read_document, read_located, read_records
from newsgrep.extraction.trace import ClaimOutcome, FullTrace
from newsgrep.models import Article, LeftOut, Provenance


@dataclass(frozen=True, slots=True)
class Extraction:
    """What a file contains, and which decisions led to it.

    ``article`` is None if the file contains no article, and ``reason`` says why. ``claims`` are
    in order of fields, the believed ones first. ``blocks`` are in document order; each has the
    rule that leaves it out of the body, or none. ``encoding`` is None if the file could not be
    decoded: then there is nothing but the reason. ``outlet`` is the name of the outlet whose
    rules were applied. ``locator`` names the record in a file with several, None in a file with
    one.
    """

    path: str
    format: str
    encoding: str | None = None
    article: Article | None = None
    reason: str | None = None
    outlet: str | None = None
    claims: tuple[ClaimOutcome, ...] = ()
    blocks: tuple[Block, ...] = ()
    notes: tuple[str, ...] = ()
    locator: str | None = None

    @property
    def left_out(self) -> Sequence[LeftOut]:
        """The prose that is in no field, in document order."""
        if self.article:
            return self.article.left_out
        return [LeftOut(block.text, str(block.rule)) for block in self.blocks if block.rule]

    def to_dict(self) -> dict[str, Any]:
        """Return the record as ``newsgrep extract --json`` prints it."""
        article = self.article.to_dict() if self.article else None
        if article:
            del article["version"]
        return {
            "path": self.path,
            "locator": self.locator,
            "format": self.format,
            "encoding": self.encoding,
            "outlet_rules": self.outlet,
            "reason": self.reason,
            "article": article,
            "claims": [
                {
                    "field": each.claim.field.value,
                    "value": each.claim.value,
                    "provenance": each.claim.provenance.value,
                    "locator": each.claim.locator or None,
                    "line": each.line,
                    "rank": each.claim.rank,
                    "lost": each.reason,
                }
                for each in self.claims
            ],
            "blocks": [
                {
                    "text": block.text,
                    "kind": block.kind.value,
                    "rule": block.rule and str(block.rule),
                    "locator": block.locator or None,
                }
                for block in self.blocks
            ],
            "left_out": [passage._asdict() for passage in self.left_out],
        }


def extract_records(
    path: str,
    source: Source,
    *,
    outlets: Outlets,
    mtime: float,
    url: str | None = None,
    format_name: str | None = None,
    options: ReadOptions = DEFAULT_OPTIONS,
    locator: str | None = None,
    default_format: str | None = None,
    traced: bool = True,
) -> Iterator[Extraction]:
    """Yield what newsgrep takes from each record of ``source``, the file at ``path``.

    The articles are those of :func:`~newsgrep.extraction.pipeline.extract_record`, unless ``url``,
    the address of the article, or ``format_name``, a document format, says more than the file
    itself. With ``locator``, only that record is read. ``default_format`` is the document format of
    a file that has no other. Without ``traced``, which takes several times as long, there are only
    articles and reasons. Raises :class:`~newsgrep.errors.NoArticle` if the file has no format that
    newsgrep reads.
    """
    if format_name:
        records = read_document(source, format_name)
    elif locator is not None:
        records = read_located(source, [locator], options, default_format=default_format)
    else:
        records = read_records(source, options, default_format=default_format)
    for record in records:
        if isinstance(record, BadRecord):
            yield Extraction(path, "", reason=record.reason, locator=record.locator)
        else:
            extract = extract_one if traced else _extract_untraced
            yield extract(
                record, path, outlets=outlets, mtime=mtime, url=url, fields=options.fields
            )


def _extract_untraced(
    record: Record,
    path: str,
    *,
    outlets: Outlets,
    mtime: float,
    url: str | None = None,
    fields: Mapping[str, str] = NO_FIELDS,
) -> Extraction:
    """Return the article in one record of the file at ``path``, without claims and blocks."""
    encoding, locator = None, record.locator or None
    try:
        raw = read_record(record, outlets=outlets, fields=fields, url=url)
        encoding = raw.encoding
        article = build_record(raw, record, path, outlets=outlets, mtime=mtime)
    except NoArticle as exc:
        return Extraction(path, record.format, encoding, reason=str(exc), locator=locator)
    return Extraction(path, record.format, encoding, article, locator=locator)


def extract_one(
    record: Record,
    path: str,
    *,
    outlets: Outlets,
    mtime: float,
    url: str | None = None,
    fields: Mapping[str, str] = NO_FIELDS,
) -> Extraction:
    """Return what newsgrep takes from one record of the file at ``path``."""
    trace, locator = FullTrace(), record.locator or None
    try:
        raw = read_record(record, outlets=outlets, fields=fields, url=url, trace=trace)
    except NoArticle as exc:
        return Extraction(path, record.format, reason=str(exc), locator=locator)
    article, reason = None, None
    try:
        article = build_record(raw, record, path, outlets=outlets, mtime=mtime, trace=trace)
    except NoArticle as exc:
        reason = str(exc)
    if article and not trace.has_winner(ClaimField.BODY):
        begins = article.body[:_MAX_BEGINNING]
        trace.won(Claim(ClaimField.BODY, begins, Provenance.WHOLE_FILE))
    outlet = raw.outlet or outlets.for_url(article.url if article else url)
    outcomes = trace.outcomes(raw.claims)
    if record.format in RECORD_FORMATS:
        outcomes = tuple(map(_as_field, outcomes))
    else:
        outcomes = _with_lines(outcomes, record.data)
    return Extraction(
        path,
        record.format,
        raw.encoding,
        article,
        reason,
        outlet.name if outlet else None,
        outcomes,
        trace.sorted_blocks(),
        article.notes if article else raw.notes,
        locator,
    )


def _as_field(outcome: ClaimOutcome) -> ClaimOutcome:
    """Return an outcome about a field of a dump, which is read like front matter."""
    if outcome.claim.provenance is not Provenance.FRONT_MATTER:
        return outcome
    return outcome._replace(claim=outcome.claim._replace(provenance=Provenance.FIELD))


_WITHOUT_LINE: Final = frozenset(
    (
        Provenance.ADDRESS_ELEMENT,
        Provenance.CONTENT,
        Provenance.FILE_NAME,
        Provenance.GIVEN,
        Provenance.HEADING,
        Provenance.LINK_ELEMENT,
        Provenance.MICRODATA,
        Provenance.OUTLET_RULE,
        Provenance.TIME_ELEMENT,
        Provenance.TITLE_ELEMENT,
        Provenance.URL,
        Provenance.WHOLE_FILE,
    )
)
"""Places that a selector or the value itself describes better than a line."""
_NAMED_ON_LINE: Final = frozenset((Provenance.META_TAG, Provenance.JSON_LD))
_MAX_BEGINNING: Final = 80
_MAX_NEEDLE: Final = 40
"""Characters of a value that are enough to find its line."""
_MAX_LINE: Final = 2000
_KEY_SIGN = re.compile("[:=：]")
"""Ends a key in front matter of any kind."""


def _with_lines(outcomes: tuple[ClaimOutcome, ...], data: bytes) -> tuple[ClaimOutcome, ...]:
    """Return ``outcomes`` with the numbers of the lines that state them, where they are found."""
    lines = decode(data).text.split("\n")
    # The number of a line says nothing in a page that a program wrote into one.
    shown = [line if len(line) <= _MAX_LINE else "" for line in lines]
    return tuple(each._replace(line=_find_line(each.claim, shown)) for each in outcomes)


def _find_line(claim: Claim, lines: list[str]) -> int | None:
    if claim.provenance in _WITHOUT_LINE:
        return None
    if claim.provenance is Provenance.FRONT_MATTER:
        key = claim.locator.casefold()
        found = (
            number
            for number, line in enumerate(lines, 1)
            if key and _KEY_SIGN.split(line, maxsplit=1)[0].strip(" \t\"'").casefold() == key
        )
    else:
        needle = claim.value.partition("\n")[0][:_MAX_NEEDLE]
        beside = claim.locator.casefold() if claim.provenance in _NAMED_ON_LINE else ""
        found = (
            number
            for number, line in enumerate(lines, 1)
            if needle in line and (not beside or beside in line.casefold())
        )
    return next(found, None)
