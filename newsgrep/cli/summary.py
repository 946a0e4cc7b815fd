"""The summary of ``newsgrep index``: what matters first, then reasons with their numbers."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from typing import Final, NamedTuple

from newsgrep.extraction.records.base import list_others
from newsgrep.indexing.outcomes import ListedFile, Outcome, UpdateSummary
from newsgrep.indexing.plan import STREAM
from newsgrep.terminal import count_noun, format_duration, one_line
from newsgrep.views.article import display_path

_KINDS: Final = (
    "HTML, Markdown, text, PDF, Word, EPUB, mail, feeds, JSON, CSV, SQLite, web archives, and "
    "these in .gz, .zip and .tar"
)
"""What newsgrep reads, for a person whose files are of another kind."""

_MAX_SINGLE: Final = 5
"""Files with one reason that have a line each; more of them share one."""

_MAX_EXAMPLES: Final = 3

_MAX_SHARED: Final = 5

_UNREADABLE: Final = frozenset((Outcome.FAILED.value, "unreadable"))
"""Labels of files that the user should do something about, and that make the exit status 2."""


def summary_line(summary: UpdateSummary, index: str, *, reextract: bool = False) -> str:
    """Return the result of a run in one line; ``index`` is where the index is."""
    if not (summary.seen or summary.articles or summary.removed):
        return _nothing_line(summary, index)
    counts = ", ".join(
        f"{summary.counts[outcome]:,} {name}"
        for outcome, name in (
            (Outcome.ADDED, "added"),
            (Outcome.UPDATED, "updated"),
            (Outcome.UNCHANGED, "unchanged"),
            (
                Outcome.DUPLICATE,
                "duplicate" if summary.counts[Outcome.DUPLICATE] == 1 else "duplicates",
            ),
            (Outcome.REJECTED, "without article text"),
            (Outcome.FAILED, "unreadable"),
        )
        if summary.counts[outcome]
    )
    seen = "read again" if reextract else "seen"
    nothing = "nothing to read again" if reextract else "nothing to read"
    removed = f"; {summary.removed:,} removed" if summary.removed else ""
    kept = f"; {count_noun(summary.kept, 'article')} kept without a file" if summary.kept else ""
    of_shard = f"of shard {summary.shard} " if summary.shard else ""
    return (
        f"{_count_seen(summary)} {of_shard}{seen}: {counts or nothing}{removed}{kept}; "
        f"{count_noun(summary.articles, 'article')} in {one_line(index)}, "
        f"{format_duration(summary.seconds)}"
    )


def _count_seen(summary: UpdateSummary) -> str:
    """Return how many files were seen, and how many records they have if some have many."""
    files = count_noun(summary.files, "file")
    records = count_noun(summary.seen, "record")
    if not summary.files and summary.seen:  # of standard input
        return records
    return f"{records} in {files}" if summary.containers else files


def _nothing_line(summary: UpdateSummary, index: str) -> str:
    """Return why an index is empty after a run that found no file to read."""
    groups = _skipped_groups(summary)
    why = groups[0].text if groups else "no file found"
    return f"0 articles in {one_line(index)}; {why}. newsgrep reads {_KINDS}"


def note_lines(summary: UpdateSummary, *, quiet: bool = False) -> Iterator[str]:
    """Yield what should be known about a run, the reasons of most files first.

    With ``quiet``, only files that could not be read are listed.
    """
    groups = [*_listed_groups(summary), *_skipped_groups(summary)]
    if quiet:
        for group in groups:
            if group.label in _UNREADABLE:
                yield from group.lines()
        return
    if not (summary.seen or summary.articles or summary.removed):
        del groups[:1]  # it is in the first line
    for group in sorted(groups, key=lambda group: -len(group.items)):
        yield from group.lines()
    yield from _moved_lines(summary)
    if summary.uncounted and any(group.label == Outcome.REJECTED.value for group in groups):
        yield f"rejected: {count_noun(summary.uncounted, 'more record')} for the same reasons"
    if summary.others:
        yield f"skipped: {_describe_others(summary)}"
    if summary.changed:
        were = "was" if summary.changed == 1 else "were"
        count = count_noun(summary.changed, "article")
        yield f"{count} {were} captured with different texts: newsgrep search changed: lists all"
    yield from _shared_lines(summary)
    if summary.undated and (summary.counts[Outcome.ADDED] or summary.counts[Outcome.UPDATED]):
        verb = "has" if summary.undated == 1 else "have"
        undated = f"{count_noun(summary.undated, 'article')} {verb} no date of publication"
        example = summary.undated_example
        # A record from standard input cannot be read again.
        why = f": newsgrep extract {display_path(example)} --explain shows why"
        yield undated if example.startswith(f"{STREAM}!/") else undated + why
    if older := _describe_older(summary):
        yield f"{older} by older rules: newsgrep index --reextract reads them again"


def _moved_lines(summary: UpdateSummary) -> Iterator[str]:
    """Yield the folders that were moved, with how many known files each has."""
    folders = Counter(_moved_folder(old, new) for old, new in summary.moved.items())
    for (old, new), number in folders.most_common(_MAX_SHARED):
        yield f"moved: {display_path(old)} to {display_path(new)}: {count_noun(number, 'file')}"
    if len(folders) > _MAX_SHARED:
        yield f"moved: {count_noun(len(folders) - _MAX_SHARED, 'more folder')}; --json lists all"


def _moved_folder(old: str, new: str) -> tuple[str, str]:
    """Return both paths without the last parts that they have in common."""
    while True:
        (old_folder, old_name), (new_folder, new_name) = map(os.path.split, (old, new))
        if old_name != new_name or not old_name:
            return old, new
        old, new = old_folder, new_folder


def _describe_others(summary: UpdateSummary) -> str:
    number = sum(summary.others.values())
    are = "is not an article" if number == 1 else "are not articles"
    return f"{count_noun(number, 'record')} that {are}: {list_others(summary.others)}"


def _describe_older(summary: UpdateSummary) -> str:
    articles, others = summary.older
    if articles:
        verb = "was" if articles == 1 else "were"
        return f"{count_noun(articles, 'article')} {verb} extracted"
    verb = "was" if others == 1 else "were"
    return f"{count_noun(others, 'file')} without an article {verb} read" if others else ""


def _shared_lines(summary: UpdateSummary) -> Iterator[str]:
    new = [shared for shared in summary.shared_addresses if not shared.known]
    if not new:
        return
    are = "address is" if len(new) == 1 else "addresses are"
    yield f"{len(new):,} {are} given by several different articles:"
    for shared in new[:_MAX_SHARED]:
        paths = [ListedFile(path, "") for path in shared.paths]
        yield f"  {one_line(shared.url)}: {_examples(paths)}"
    if len(new) > _MAX_SHARED:
        yield f"  … and {len(new) - _MAX_SHARED:,} more; --json lists all"


class _Group(NamedTuple):
    """Files that were not indexed for one reason: ``text`` has their number and the reason."""

    label: str
    text: str
    items: list[ListedFile]
    is_expected: bool = False

    def lines(self) -> Iterator[str]:
        """Yield a line for each file if they are few, else one for all, none if expected."""
        if self.is_expected:
            return
        if len(self.items) > _MAX_SINGLE:
            yield f"{self.label}: {self.text}: {_examples(self.items)}"
        else:
            for item in self.items:
                yield f"{self.label}: {display_path(item.path)}: {_shorten(item.reason)}"


def _listed_groups(summary: UpdateSummary) -> list[_Group]:
    """Return the files that an earlier run did not report, by outcome and reason."""
    groups: dict[tuple[Outcome, str], list[ListedFile]] = {}
    for outcome, items in summary.listed.items():
        for item in items:
            if not item.known:
                # The reason of a duplicate names the other file.
                reason = "" if outcome is Outcome.DUPLICATE else item.reason
                groups.setdefault((outcome, reason), []).append(item)
    noun = "record" if summary.containers or not summary.files else "file"
    return [
        _Group(
            outcome.value,
            _count_items(_shorten(reason) or f"the same article as another {noun}", items, noun),
            items,
        )
        for (outcome, reason), items in groups.items()
    ]


def _skipped_groups(summary: UpdateSummary) -> list[_Group]:
    """Return the skipped paths by kind and reason, the most frequent reason first."""
    groups: dict[tuple[str, str], list[ListedFile]] = {}
    for kind, skipped in summary.skipped.items():
        for item in skipped:
            groups.setdefault((kind, _reason_of_group(kind, item)), []).append(item)
    found = []
    for (kind, reason), items in groups.items():
        text = _count_items(reason, items)
        if kind == "format":
            has = "has" if len(items) == 1 else "have"
            number = count_noun(len(items), "file")
            text = f"{number} {has} {reason}, which newsgrep does not read"
        label = "skipped" if kind in {"format", "hidden", "tool"} else kind
        if kind == "hidden":
            text = count_noun(len(items), "hidden file")
        found.append(_Group(label, text, items, is_expected=kind == "hidden"))
    return sorted(found, key=lambda group: -len(group.items))


def _reason_of_group(kind: str, item: ListedFile) -> str:
    if kind == "format":
        suffix = os.path.splitext(item.path)[1].lower()  # noqa: PTH122  (any bytes)
        return f"the suffix {one_line(suffix)}" if suffix else "no suffix"
    if kind == "outside":
        return "links that lead out of PATH; --follow reads them"
    return _shorten(item.reason)


def _count_items(reason: str, items: list[ListedFile], noun: str = "file") -> str:
    return f"{count_noun(len(items), noun)}: {reason}"


def _examples(items: list[ListedFile]) -> str:
    shown = ", ".join(display_path(item.path) for item in items[:_MAX_EXAMPLES])
    more = len(items) - _MAX_EXAMPLES
    return f"{shown} and {more:,} more; --json lists all" if more > 0 else shown


def _shorten(reason: str) -> str:
    # Reasons name other files by their absolute paths.
    return one_line(reason.replace(os.getcwd() + os.sep, ""))  # noqa: PTH109  (any bytes)
