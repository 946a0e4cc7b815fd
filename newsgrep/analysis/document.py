"""Analyse an article for indexing: its terms with their counts, its texts packed.

Folding, segmenting and packing happen here, before any engine and in the process that read the
article. So all engines index the same terms, and little is transferred between processes.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date
from operator import attrgetter
from typing import TYPE_CHECKING, Final, NamedTuple

from newsgrep.analysis.characters import fold
from newsgrep.analysis.codec import (
    pack_article,
    pack_left_out,
    unpack_article,
    unpack_left_out,
)
from newsgrep.analysis.joints import joint_signature
from newsgrep.analysis.packed_texts import (
    CAPTION_BREAK,
    TEXT_SEPARATOR,
    pack_folded,
    unpack_folded,
)
from newsgrep.analysis.scoring import (
    LEAD_SHIFT,
    MAX_IN_BODY,
    MAX_IN_LEAD,
    MAX_IN_TITLE,
    SCORED_FIELDS,
    TITLE_SHIFT,
    FieldCounts,
    field_norm,
    impact,
    unpack_counts,
)
from newsgrep.analysis.segment import (
    Segmenter,
    segmenter,
    term_counts,
    term_counts_with_lead,
    units,
)
from newsgrep.analysis.sketch import make_sketch
from newsgrep.analysis.versions import (
    change_keywords,
    earlier_texts,
    pack_versions,
    unpack_versions,
)
from newsgrep.models import ARCHIVE_ZONE, PARAGRAPH_BREAK, Article, FileRecord, Published, Version

if TYPE_CHECKING:
    from newsgrep.analysis.user_dictionary import UserDictionary

LEAD_LENGTH: Final = 300
"""Characters of the body that are its lead: news begins with its facts."""


class PackedArticle(NamedTuple):
    """The parts of an :class:`IndexDocument` from which its article is unpacked."""

    path: str
    url: str | None
    folded: bytes
    rest: bytes
    left_out: bytes
    versions: bytes

    def unpack(self) -> Article:
        """Return the article."""
        article = unpack_article(self.folded, self.rest, self.path)
        return article._replace(
            url=self.url,
            left_out=unpack_left_out(self.left_out),
            versions=unpack_versions(self.versions, article),
        )


@dataclass(frozen=True, slots=True)
class IndexDocument:
    """An analysed article and the record of its file: what an engine indexes and stores.

    ``terms`` has every term of title and body once, one per line, and ``packed_counts`` the
    counts of each in the same order (:func:`newsgrep.analysis.scoring.pack_counts`).
    ``lengths`` is the number of terms in each field, repeats included. ``folded`` and ``rest``
    are the article without its URL and without its left-out text, packed as in
    :mod:`newsgrep.analysis.codec`; ``left_out`` is that text. The terms of captions and the units
    of left-out text (:func:`newsgrep.analysis.segment.units`) are apart, so that they count
    nowhere else. Units take a third of the time and space of terms, and few searches need them.
    ``versions`` are the earlier texts of the article, packed as in
    :mod:`newsgrep.analysis.versions`, ``earlier_terms`` their terms, and ``changes`` the keywords
    of what has changed since when. ``joints`` is the signature of title and body, and
    ``left_out_joints`` that of left-out text (:mod:`newsgrep.analysis.joints`).
    """

    article_id: str
    source: str | None
    authors: tuple[str, ...]
    tags: tuple[str, ...]
    url: str | None
    published: Published | None
    file_record: FileRecord
    terms: str
    packed_counts: array[int]
    lengths: FieldCounts
    caption_terms: tuple[str, ...]
    left_out_units: tuple[str, ...]
    folded: bytes
    rest: bytes
    left_out: bytes
    versions: bytes = b""
    earlier_terms: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()
    joints: bytes = b""
    left_out_joints: bytes = b""

    def __reduce__(self) -> tuple[type[IndexDocument], tuple[object, ...]]:
        # Each document is sent to another process: a third of the time of dataclasses' own way.
        return IndexDocument, _VALUES(self)

    @property
    def counts(self) -> Mapping[str, int]:
        """Return the packed counts by term."""
        return (
            dict(zip(self.terms.split("\n"), self.packed_counts, strict=True)) if self.terms else {}
        )

    def impacts(self) -> dict[str, int]:
        """Return the impact of each term (:func:`newsgrep.analysis.scoring.impact`)."""
        if not self.terms:
            return {}
        impacts = _Impacts(self.lengths)  # many terms have the same counts
        each = map(impacts.__getitem__, self.packed_counts)
        return dict(zip(self.terms.split("\n"), each, strict=True))

    def article(self) -> Article:
        """Return the article, unpacked."""
        return self.packed_article().unpack()

    def packed_article(self) -> PackedArticle:
        """Return what :meth:`article` unpacks."""
        path = self.file_record.path
        return PackedArticle(path, self.url, self.folded, self.rest, self.left_out, self.versions)

    def earlier_texts(self) -> list[str]:
        """Return titles and paragraphs of earlier versions, each once."""
        return earlier_texts(self.article().versions) if self.versions else []

    def as_version(self) -> Version:
        """Return the text of the article as that of an earlier version."""
        article, record = self.article(), self.file_record
        return Version(article.captured, article.title, article.body, record.path, record.digest)

    def with_versions(
        self,
        versions: Sequence[Version],
        since: str | None = None,
        user: UserDictionary | None = None,
    ) -> IndexDocument:
        """Return the same document with these earlier versions, oldest first.

        ``since`` is :attr:`Article.since`. The newest text is not analysed again. ``user`` is the
        user's dictionary of the index.
        """
        article = self.article()._replace(versions=tuple(versions), since=since)
        bare = article._replace(url=None)
        return replace(
            self,
            rest=pack_article(bare, unpack_folded(self.folded)) if since else self.rest,
            versions=pack_versions(article),
            earlier_terms=_earlier_terms(article, segmenter(user)) if versions else (),
            changes=change_keywords(article),
        )

    def with_id(self, article_id: str) -> IndexDocument:
        """Return the same document under another id, without a new analysis.

        The file record is the same: its ``article_id`` is for the caller to change.
        """
        article = unpack_article(self.folded, self.rest, self.file_record.path)
        rest = pack_article(article._replace(id=article_id), unpack_folded(self.folded))
        return replace(self, article_id=article_id, rest=rest)


_VALUES: Final = attrgetter(*(each.name for each in fields(IndexDocument)))
"""Returns the values of all fields of an :class:`IndexDocument`."""


class _Impacts(dict[int, int]):
    """Impacts by packed counts, in a document with these field lengths."""

    def __init__(self, lengths: FieldCounts) -> None:
        super().__init__()
        self._norms = tuple(map(field_norm, SCORED_FIELDS, lengths))

    def __missing__(self, packed: int) -> int:
        in_title, in_lead, in_body = self._norms
        title, lead, body = unpack_counts(packed)
        found = self[packed] = impact(title * in_title + lead * in_lead + body * in_body)
        return found


def make_document(
    article: Article,
    file_record: FileRecord,
    *,
    sketch: bool = False,
    user: UserDictionary | None = None,
) -> IndexDocument:
    """Return ``article`` with its texts folded, cut into terms, and packed.

    With ``sketch``, the file record gets the sketch of the article's text. ``user`` is the user's
    dictionary of the index.
    """
    by = segmenter(user)
    title, body = fold(article.title), fold(article.body)
    if sketch:
        file_record = file_record._replace(sketch=make_sketch(title, body, article.url or ""))
    captions = fold(CAPTION_BREAK.join(article.captions))
    in_title = term_counts(title, by)
    in_lead, in_body = term_counts_with_lead(body, LEAD_LENGTH, by)
    packed = _pack_term_counts(in_title, in_lead, in_body)
    left_out = fold(CAPTION_BREAK.join(passage.text for passage in article.left_out))
    return IndexDocument(
        article_id=article.id,
        source=article.source,
        authors=article.authors,
        tags=article.tags,
        url=article.url,
        published=article.published,
        file_record=file_record,
        terms="\n".join(packed),
        packed_counts=array("I", packed.values()),
        lengths=FieldCounts(in_title.total(), in_lead.total(), in_body.total()),
        caption_terms=tuple(sorted(term_counts(captions, by))),
        left_out_units=units(left_out),
        folded=pack_folded(title, body, captions),
        rest=pack_article(article._replace(url=None), (title, body, captions)),
        left_out=pack_left_out(article.left_out),
        versions=pack_versions(article),
        earlier_terms=_earlier_terms(article, by),
        changes=change_keywords(article),
        joints=joint_signature(f"{title}{TEXT_SEPARATOR}{body}", packed),
        left_out_joints=joint_signature(left_out, ()),
    )


def _earlier_terms(article: Article, by: Segmenter) -> tuple[str, ...]:
    # All terms and not units, although they take three times the space: a text of twenty versions
    # takes a millisecond to unpack and compare, and few archives have versions of most articles.
    if not article.versions:
        return ()
    text = fold(PARAGRAPH_BREAK.join(earlier_texts(article.versions)))
    return tuple(sorted(term_counts(text, by)))


def _pack_term_counts(
    in_title: Mapping[str, int], in_lead: Mapping[str, int], in_body: Mapping[str, int]
) -> dict[str, int]:
    """Return the packed counts of every term; unrolled, because it runs for every posting."""
    packed = dict(in_body)
    if max(packed.values(), default=0) > MAX_IN_BODY:
        packed = {term: min(count, MAX_IN_BODY) for term, count in packed.items()}
    for term, count in in_lead.items():
        # The lead may end inside a word, whose beginning is not a term of the body.
        if term in packed:
            packed[term] |= _LEAD_BITS[count]
    for term, count in in_title.items():
        packed[term] = packed.get(term, 0) | min(count, MAX_IN_TITLE) << TITLE_SHIFT
    return packed


_LEAD_BITS: Final = [min(count, MAX_IN_LEAD) << LEAD_SHIFT for count in range(LEAD_LENGTH + 1)]
"""The part of packed counts for each count in the lead, which has no more terms of one kind."""


def publication_month(published: Published | None) -> str:
    """Return ``YYYY-MM`` of publication in the archive's time zone.

    It is ``YYYY`` if only the year is known, and ``""`` if nothing is.
    """
    return common_date_part(*published.days(ARCHIVE_ZONE))[:7] if published else ""


def publication_day(published: Published | None) -> str:
    """Return ``YYYY-MM-DD`` of publication, or as much as is known (:func:`publication_month`)."""
    return common_date_part(*published.days(ARCHIVE_ZONE)) if published else ""


def common_date_part(first: date, last: date) -> str:
    """Return what the dates of two days share: ``YYYY-MM-DD``, ``YYYY-MM`` or ``YYYY``."""
    if first == last:
        return first.isoformat()
    return f"{first:%Y-%m}" if first.month == last.month else f"{first:%Y}"
