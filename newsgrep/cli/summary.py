"""The summary of ``newsgrep index``: what matters first, then reasons with their numbers."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from typing import Final, NamedTuple

from newsgrep.extraction.records.base import list_others
from newsgrep.indexing.outcomes import ListedFile, Outcome, UpdateSummary
from newsgrep.indexing.plan import STREAM
from newsgrep.messages import Message, _, localize, localize_stored, mark, message, plural
from newsgrep.terminal import count_noun, format_duration, one_line
from newsgrep.views.article import display_path

_KINDS: Final = mark(
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
    counts = _(", ").join(
        _("{count:,} {name}", count=summary.counts[outcome], name=name)
        for outcome, name in (
            (Outcome.ADDED, _("added")),
            (Outcome.UPDATED, _("updated")),
            (Outcome.UNCHANGED, _("unchanged")),
            (
                Outcome.DUPLICATE,
                _("duplicate") if summary.counts[Outcome.DUPLICATE] == 1 else _("duplicates"),
            ),
            (Outcome.REJECTED, _("without article text")),
            (Outcome.FAILED, _("unreadable")),
        )
        if summary.counts[outcome]
    )
    done = counts or (_("nothing to read again") if reextract else _("nothing to read"))
    seen = _count_seen(summary)
    if summary.shard:
        seen = message("{files} of shard {shard}", files=seen, shard=summary.shard)
    found = _(
        "{files} read again: {counts}" if reextract else "{files} seen: {counts}",
        files=seen,
        counts=done,
    )
    parts = [found]
    if summary.removed:
        parts.append(_("{count:,} removed", count=summary.removed))
    if summary.kept:
        parts.append(
            _("{articles} kept without a file", articles=count_noun(summary.kept, "article"))
        )
    articles = _(
        "{articles} in {index}",
        articles=count_noun(summary.articles, "article"),
        index=one_line(index),
    )
    return _("; ").join([*parts, f"{articles}{_(', ')}{format_duration(summary.seconds)}"])


def _count_seen(summary: UpdateSummary) -> Message:
    """Return how many files were seen, and how many records they have if some have many."""
    files = count_noun(summary.files, "file")
    records = count_noun(summary.seen, "record")
    if not summary.files and summary.seen:  # of standard input
        return records
    if summary.containers:
        return message("{records} in {files}", records=records, files=files)
    return files


def _nothing_line(summary: UpdateSummary, index: str) -> str:
    """Return why an index is empty after a run that found no file to read."""
    groups = _skipped_groups(summary)
    return _(
        "0 articles in {index}; {reason}. newsgrep reads {kinds}",
        index=one_line(index),
        reason=groups[0].text if groups else _("no file found"),
        kinds=_(_KINDS),
    )


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
        more = plural(
            "rejected: {count:,} more record for the same reasons",
            "rejected: {count:,} more records for the same reasons",
            summary.uncounted,
        )
        yield localize(more)
    if summary.others:
        others = plural(
            "skipped: {count:,} record that is not an article: {others}",
            "skipped: {count:,} records that are not articles: {others}",
            sum(summary.others.values()),
            others=list_others(summary.others),
        )
        yield localize(others)
    if summary.changed:
        changed = plural(
            "{count:,} article was captured with different texts: "
            "newsgrep search changed: lists all",
            "{count:,} articles were captured with different texts: "
            "newsgrep search changed: lists all",
            summary.changed,
        )
        yield localize(changed)
    yield from _shared_lines(summary)
    if summary.undated and (summary.counts[Outcome.ADDED] or summary.counts[Outcome.UPDATED]):
        undated: str = plural(
            "{count:,} article has no date of publication",
            "{count:,} articles have no date of publication",
            summary.undated,
        )
        example = summary.undated_example
        # A record from standard input cannot be read again.
        if not example.startswith(f"{STREAM}!/"):
            undated = message(
                "{problem}: newsgrep extract {path} --explain shows why",
                problem=undated,
                path=display_path(example),
            )
        yield localize(undated)
    if older := _describe_older(summary):
        yield localize(older)


def _moved_lines(summary: UpdateSummary) -> Iterator[str]:
    """Yield the folders that were moved, with how many known files each has."""
    folders = Counter(_moved_folder(old, new) for old, new in summary.moved.items())
    for (old, new), number in folders.most_common(_MAX_SHARED):
        yield _(
            "moved: {old} to {new}: {files}",
            old=display_path(old),
            new=display_path(new),
            files=count_noun(number, "file"),
        )
    if (more := len(folders) - _MAX_SHARED) > 0:
        rest = plural(
            "moved: {count:,} more folder; --json lists all",
            "moved: {count:,} more folders; --json lists all",
            more,
        )
        yield localize(rest)


def _moved_folder(old: str, new: str) -> tuple[str, str]:
    """Return both paths without the last parts that they have in common."""
    while True:
        (old_folder, old_name), (new_folder, new_name) = map(os.path.split, (old, new))
        if old_name != new_name or not old_name:
            return old, new
        old, new = old_folder, new_folder


def _describe_older(summary: UpdateSummary) -> str:
    articles, others = summary.older
    if articles:
        return plural(
            "{count:,} article was extracted by older rules: "
            "newsgrep index --reextract reads them again",
            "{count:,} articles were extracted by older rules: "
            "newsgrep index --reextract reads them again",
            articles,
        )
    if others:
        return plural(
            "{count:,} file without an article was read by older rules: "
            "newsgrep index --reextract reads them again",
            "{count:,} files without an article were read by older rules: "
            "newsgrep index --reextract reads them again",
            others,
        )
    return ""


def _shared_lines(summary: UpdateSummary) -> Iterator[str]:
    new = [shared for shared in summary.shared_addresses if not shared.known]
    if not new:
        return
    heading = plural(
        "{count:,} address is given by several different articles:",
        "{count:,} addresses are given by several different articles:",
        len(new),
    )
    yield localize(heading)
    for shared in new[:_MAX_SHARED]:
        paths = [ListedFile(path, "") for path in shared.paths]
        yield f"  {one_line(shared.url)}: {_examples(paths)}"
    if len(new) > _MAX_SHARED:
        yield _("  … and {count:,} more; --json lists all", count=len(new) - _MAX_SHARED)


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
            yield _(
                "{label}: {text}: {files}",
                label=_(self.label),
                text=self.text,
                files=_examples(self.items),
            )
        else:
            for item in self.items:
                yield _(
                    "{label}: {text}: {reason}",
                    label=_(self.label),
                    text=display_path(item.path),
                    reason=_shorten(item.reason),
                )


def _listed_groups(summary: UpdateSummary) -> list[_Group]:
    """Return the files that an earlier run did not report, by outcome and reason."""
    groups: dict[tuple[Outcome, str], list[ListedFile]] = {}
    for outcome, items in summary.listed.items():
        for item in items:
            if not item.known:
                # The reason of a duplicate names the other file.
                reason = "" if outcome is Outcome.DUPLICATE else item.reason
                groups.setdefault((outcome, reason), []).append(item)
    noun, duplicate = "file", _("the same article as another file")
    if summary.containers or not summary.files:
        noun, duplicate = "record", _("the same article as another record")
    return [
        _Group(outcome.value, _count_items(_shorten(reason) or duplicate, items, noun), items)
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
            text = localize(
                plural(
                    "{count:,} file has {suffix}, which newsgrep does not read",
                    "{count:,} files have {suffix}, which newsgrep does not read",
                    len(items),
                    suffix=reason,
                )
            )
        label = "skipped" if kind in {"format", "hidden", "tool"} else kind
        if kind == "hidden":
            text = localize(count_noun(len(items), "hidden file"))
        found.append(_Group(label, text, items, is_expected=kind == "hidden"))
    return sorted(found, key=lambda group: -len(group.items))


def _reason_of_group(kind: str, item: ListedFile) -> str:
    if kind == "format":
        suffix = os.path.splitext(item.path)[1].lower()  # noqa: PTH122  (any bytes)
        return _("the suffix {suffix}", suffix=one_line(suffix)) if suffix else _("no suffix")
    if kind == "outside":
        return _("links that lead out of PATH; --follow reads them")
    return _shorten(item.reason)


def _count_items(reason: str, items: list[ListedFile], noun: str = "file") -> str:
    return _("{files}: {reason}", files=count_noun(len(items), noun), reason=reason)


def _examples(items: list[ListedFile]) -> str:
    shown = ", ".join(display_path(item.path) for item in items[:_MAX_EXAMPLES])
    more = len(items) - _MAX_EXAMPLES
    if more > 0:
        return _("{paths} and {count:,} more; --json lists all", paths=shown, count=more)
    return shown


def _shorten(reason: str) -> str:
    # Reasons name other files by their absolute paths.
    return one_line(localize_stored(reason).replace(os.getcwd() + os.sep, ""))  # noqa: PTH109  (any bytes)
