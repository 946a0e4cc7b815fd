"""The history of an article: its versions, and the difference of two of them.

Versions are numbered from 1 in the order of capture. The last one is what a search finds, unless
its file is older and longer than that of another one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from newsgrep.analysis.difference import Kind, Piece, Pieces, compare_texts, count_characters
from newsgrep.analysis.versions import all_versions
from newsgrep.errors import UsageError
from newsgrep.messages import _, localize, message
from newsgrep.models import ARCHIVE_ZONE, Article, Version
from newsgrep.terminal import Screen, StyledLine, StyledText, count_noun, one_line
from newsgrep.views import SCHEMA_VERSION
from newsgrep.views.article import display_path, web_link

_CONTEXT: Final = 1
"""Unchanged paragraphs that are shown before and after a change."""

_STYLES: Final = {Kind.EQUAL: "", Kind.REMOVED: "removed", Kind.ADDED: "added"}
_MARKS: Final = {Kind.EQUAL: ("", ""), Kind.REMOVED: ("[-", "-]"), Kind.ADDED: ("{+", "+}")}
_PARAGRAPH_MARK: Final = "¶"
_INDENT: Final = 5


class HistoryEntry(NamedTuple):
    """A version of an article, and how it differs from the one before.

    ``characters`` is the length of its body; ``removed`` and ``added`` count characters of the
    body, without white space. ``title_change`` is empty if the title is the same.
    """

    number: int
    version: Version
    characters: int
    removed: int = 0
    added: int = 0
    title_change: Pieces = ()

    @property
    def is_shown(self) -> bool:
        """Whether this is the version that searches find."""
        return not self.version.digest


@dataclass(frozen=True, slots=True)
class History:
    """All versions of an article, the earliest first."""

    article: Article
    entries: tuple[HistoryEntry, ...]

    def __iter__(self) -> Iterator[HistoryEntry]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def to_dict(self) -> dict[str, Any]:
        """Return :func:`to_json`."""
        return to_json(self)


class Difference(NamedTuple):
    """How one version of an article became another: the pieces of title and body."""

    article: Article
    before: HistoryEntry
    after: HistoryEntry
    versions: int
    title: Pieces
    body: Pieces

    def to_dict(self) -> dict[str, Any]:
        """Return :func:`difference_to_json`."""
        return difference_to_json(self)


def make_history(article: Article) -> History:
    """Return the versions of an article, each compared with the one before."""
    entries: list[HistoryEntry] = []
    for number, version in enumerate(all_versions(article), 1):
        entry = HistoryEntry(number, version, len(version.body))
        if entries:
            before = entries[-1].version
            removed, added = count_characters(compare_texts(before.body, version.body))
            title = before.title != version.title
            change = compare_texts(before.title, version.title) if title else ()
            entry = entry._replace(removed=removed, added=added, title_change=change)
        entries.append(entry)
    return History(article, tuple(entries))


def make_difference(article: Article, numbers: Sequence[int] = ()) -> Difference | None:
    """Return the difference of two versions, ``None`` if there is only one.

    ``numbers`` are two versions, or one that is compared with the present one; without any, the
    last two are compared. Raises :class:`UsageError` for a number that no version has.
    """
    versions = all_versions(article)
    last = len(versions)
    for number in numbers:
        _check_number(article, number, last)
    if last == 1:
        return None
    first, second = {0: (last - 1, last), 1: (*numbers, last)}.get(len(numbers), tuple(numbers))
    before, after = versions[first - 1], versions[second - 1]
    body = compare_texts(before.body, after.body)
    removed, added = count_characters(body)
    return Difference(
        article,
        HistoryEntry(first, before, len(before.body)),
        HistoryEntry(second, after, len(after.body), removed, added),
        last,
        compare_texts(before.title, after.title),
        body,
    )


def _check_number(article: Article, number: int, last: int) -> None:
    if not 1 <= number <= last:
        raise UsageError(
            "No version {number} of {id}: it has versions 1 to {last}. "
            "newsgrep history {id} lists them."
            if last > 1
            else "No version {number} of {id}: it has one version. "
            "newsgrep history {id} lists them.",
            number=number,
            id=article.id,
            last=last,
        )


def article_at(article: Article, number: int) -> Article:
    """Return an article with the title and the body of one of its versions, and a note about it.

    Of an earlier version nothing else is known. Raises :class:`UsageError` for a number that no
    version has.
    """
    versions = all_versions(article)
    _check_number(article, number, len(versions))
    captured, title, body, path, digest = versions[number - 1]
    if not digest:  # the present one
        return article
    note = message(
        "version {number} of {count}, captured {captured}",
        number=number,
        count=len(versions),
        captured=display_capture(captured),
    )
    return article._replace(
        title=title,
        body=body,
        path=path,
        fetched=None,
        file_time=None,
        captions=(),
        left_out=(),
        notes=(note,),
    )


def display_capture(captured: str) -> str:
    """Return the time of a capture in the archive's zone, or that it is unknown.

    >>> display_capture("2024-05-17T02:50:43Z")
    '2024-05-17 10:50 +08:00'
    """
    try:
        time = datetime.fromisoformat(captured)
    except ValueError:
        return one_line(captured) or message("unknown time")
    if "T" not in captured:
        return captured
    local = (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(ARCHIVE_ZONE)
    text = local.isoformat(" ", "minutes")
    return f"{text[:16]} {text[16:]}"


# The history


def to_text(history: History, _screen: Screen, *, marks: bool) -> Iterator[StyledLine]:
    """Yield a heading and a line for each version; with ``marks`` changes are marked by signs."""
    article = history.article
    title = StyledText(one_line(article.title), "title", web_link(article.url))
    yield StyledLine([title])
    count = count_noun(len(history.entries), "version")
    yield StyledLine([StyledText(_("id: {id} · {count}", id=article.id, count=count), "dim")])
    for entry in history.entries:
        pieces = [StyledText(display_capture(entry.version.captured)), StyledText("  ")]
        pieces += _size_pieces(entry)
        pieces.append(StyledText(f"  {display_path(entry.version.path)}", "dim"))
        if entry.is_shown and entry.number < len(history.entries):
            pieces.append(StyledText(_("  (found by searches)"), "dim"))
        yield StyledLine(pieces, _INDENT, f"{entry.number:>{_INDENT - 2}}")
        for line in _changed_lines(entry.title_change, marks=marks):
            yield StyledLine([StyledText(_("{label}: ", label=_("title")), "dim"), *line], _INDENT)


def _size_pieces(entry: HistoryEntry) -> list[StyledText]:
    if entry.number == 1:
        return [StyledText(localize(count_noun(entry.characters, "character")))]
    return [
        StyledText(f"−{entry.removed:,}", "removed" if entry.removed else "dim"),
        StyledText(" "),
        StyledText(f"+{entry.added:,}", "added" if entry.added else "dim"),
        StyledText(_(" characters")),
    ]


def to_json(history: History) -> dict[str, Any]:
    """Return the versions as one JSON object, without their texts."""
    return {
        "version": SCHEMA_VERSION,
        "id": history.article.id,
        "title": history.article.title,
        "url": history.article.url,
        "versions": [
            {
                **_version_object(entry),
                "removed": entry.removed,
                "added": entry.added,
                "title_changed": bool(entry.title_change),
                "shown": entry.is_shown,
            }
            for entry in history.entries
        ],
    }


def _version_object(entry: HistoryEntry) -> dict[str, Any]:
    captured, title, _, path, _ = entry.version
    return {
        "number": entry.number,
        "captured": captured or None,
        "title": title,
        "path": path,
        "characters": entry.characters,
    }


# The difference of two versions


def difference_to_text(difference: Difference, *, marks: bool) -> Iterator[StyledLine]:
    """Yield the title and the changed paragraphs, each with those around it.

    With ``marks`` what was removed is in ``[-…-]``, what was added in ``{+…+}``.
    """
    before, after = difference.before, difference.after
    for line in _changed_lines(difference.title, marks=marks, style="title"):
        yield StyledLine(line)
    sides = (
        _(
            "version {number} ({captured})",
            number=e.number,
            captured=display_capture(e.version.captured),
        )
        for e in (before, after)
    )
    yield StyledLine([StyledText(" → ".join(sides), "dim")])
    size = _(
        "{characters} removed, {added:,} added",
        characters=count_noun(after.removed, "character"),
        added=after.added,
    )
    yield StyledLine(
        [StyledText(_("id: {id} · {size}", id=difference.article.id, size=size), "dim")]
    )
    yield from _body_lines(difference.body, marks=marks)


def _body_lines(body: Pieces, *, marks: bool) -> Iterator[StyledLine]:
    lines = [
        (line, changed)
        for line, changed in zip(_changed_lines(body, marks=marks), _has_changed(body), strict=True)
        if line  # paragraphs are separated by empty lines here
    ]
    shown = {
        near
        for number, (_line, changed) in enumerate(lines)
        if changed
        for near in range(number - _CONTEXT, number + _CONTEXT + 1)
    }
    skipped = 0
    for number, (line, _changed) in enumerate(lines):
        if number in shown:
            yield from _skipped_lines(skipped)
            skipped = 0
            yield StyledLine()
            yield StyledLine(line)
        else:
            skipped += 1
    yield from _skipped_lines(skipped)


def _skipped_lines(count: int) -> Iterator[StyledLine]:
    if count:
        yield StyledLine()
        unchanged = f"… {count_noun(count, 'unchanged paragraph')}"
        yield StyledLine([StyledText(unchanged, "dim")])


def _split_lines(pieces: Pieces) -> Iterator[list[Piece]]:
    """Yield the parts of the pieces in each line; a changed line break has a mark."""
    line: list[Piece] = []
    for kind, text in pieces:
        mark = _PARAGRAPH_MARK if kind is not Kind.EQUAL and not text.strip("\n") else ""
        first, *others = text.split("\n")
        line.append(Piece(kind, mark + first))
        for other in others:
            yield line
            line = [Piece(kind, other)]
    if pieces:
        yield line


def _changed_lines(pieces: Pieces, *, marks: bool, style: str = "") -> Iterator[list[StyledText]]:
    """Yield the texts of each line, marked or in the style of their change."""
    for line in _split_lines(pieces):
        texts = []
        for kind, text in line:
            if text:
                begin, end = _MARKS[kind] if marks else ("", "")
                texts.append(StyledText(f"{begin}{one_line(text)}{end}", _STYLES[kind] or style))
        yield texts


def _has_changed(pieces: Pieces) -> Iterator[bool]:
    """Yield whether anything was removed or added in each line."""
    for line in _split_lines(pieces):
        yield any(kind is not Kind.EQUAL and text for kind, text in line)


def difference_to_json(difference: Difference) -> dict[str, Any]:
    """Return two versions and all pieces of their titles and bodies as one JSON object."""
    before, after = difference.before, difference.after
    return {
        "version": SCHEMA_VERSION,
        "id": difference.article.id,
        "url": difference.article.url,
        "versions": difference.versions,
        "before": _version_object(before),
        "after": _version_object(after),
        "removed": after.removed,
        "added": after.added,
        "title": list(map(_piece_object, difference.title)),
        "body": list(map(_piece_object, difference.body)),
    }


def _piece_object(piece: Piece) -> dict[str, str]:
    return {"kind": piece.kind.value, "text": piece.text}
