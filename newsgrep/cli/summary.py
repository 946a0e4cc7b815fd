"""The summary of ``newsgrep index``: what matters first, then reasons with their numbers."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any, Final

from newsgrep.extract.formats import suffixes
from newsgrep.index.plan import ListedFile, Outcome, UpdateSummary
from newsgrep.terminal import count_noun, one_line
from newsgrep.views import SCHEMA_VERSION
from newsgrep.views.article import display_path

_MAX_SINGLE: Final = 3
"""Files with one reason that have a line each; more of them share one."""

_MAX_DUPLICATES: Final = 20
"""Likewise for duplicates, each of which names another file."""

_MAX_SHARED: Final = 5


def summary_object(summary: UpdateSummary) -> dict[str, Any]:
    """Return the run as a JSON object; the counts of outcomes add up to ``seen``."""
    return {
        "version": SCHEMA_VERSION,
        **({"shard": summary.shard} if summary.shard else {}),
        "seen": summary.seen,
        **{outcome.value: summary.counts[outcome] for outcome in Outcome},
        "removed": summary.removed,
        "kept": summary.kept,
        "articles": summary.articles,
        "undated": summary.undated,
        "older_rules": summary.older._asdict(),
        "seconds": round(summary.seconds, 2),
        "shared_addresses": [asdict(shared) for shared in summary.shared_addresses],
        "files": {
            outcome.value: [asdict(listed) for listed in items]
            for outcome, items in summary.listed.items()
        },
        "skipped": {
            kind: [asdict(listed) for listed in items] for kind, items in summary.skipped.items()
        },
    }


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
        f"{count_noun(summary.seen, 'file')} {of_shard}{seen}: {counts or nothing}{removed}{kept}; "
        f"{count_noun(summary.articles, 'article')} in {one_line(index)}, {summary.seconds:.1f} s"
    )


def _nothing_line(summary: UpdateSummary, index: str) -> str:
    """Return why an index is empty after a run that found no file to read."""
    groups = _skipped_groups(summary)
    why = f"{groups[0][1]}" if groups else "no file found"
    *others, last = sorted(suffixes())
    return (
        f"0 articles in {one_line(index)}; {why}. "
        f"newsgrep reads {', '.join(others)} and {last} files"
    )


def note_lines(summary: UpdateSummary) -> Iterator[str]:
    """Yield what should be known about a run, each reason with its number of files."""
    for outcome, items in summary.listed.items():
        new = [item for item in items if not item.known]
        if outcome is Outcome.DUPLICATE:
            yield from _single_lines(outcome.value, new, _MAX_DUPLICATES)
        else:
            yield from _grouped_lines(outcome.value, new)
    is_empty = not (summary.seen or summary.articles or summary.removed)
    for kind, text, skipped in _skipped_groups(summary)[is_empty:]:
        if kind == "hidden":
            yield f"skipped: {text}"
        elif len(skipped) <= _MAX_SINGLE:
            label = "skipped" if kind == "format" else kind
            yield from _single_lines(label, skipped, _MAX_SINGLE)
        else:
            yield f"skipped: {text}: {_examples(skipped)}"
    yield from _shared_lines(summary)
    if summary.undated and (summary.counts[Outcome.ADDED] or summary.counts[Outcome.UPDATED]):
        verb = "has" if summary.undated == 1 else "have"
        yield (
            f"{count_noun(summary.undated, 'article')} {verb} no date of publication: newsgrep "
            f"extract {display_path(summary.undated_example)} --explain shows why"
        )
    if older := _describe_older(summary):
        yield f"{older} by older rules: newsgrep index --reextract reads them again"


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


def _skipped_groups(summary: UpdateSummary) -> list[tuple[str, str, list[ListedFile]]]:
    """Return the skipped paths by kind and reason, the most frequent reason first."""
    groups: dict[tuple[str, str], list[ListedFile]] = {}
    for kind, items in summary.skipped.items():
        for item in items:
            groups.setdefault((kind, _reason_of_group(kind, item)), []).append(item)
    found = sorted(groups.items(), key=lambda group: -len(group[1]))
    return [(kind, _count_group(kind, reason, items), items) for (kind, reason), items in found]


def _reason_of_group(kind: str, item: ListedFile) -> str:
    if kind == "format":
        suffix = os.path.splitext(item.path)[1].lower()  # noqa: PTH122  (any bytes)
        return f"the suffix {one_line(suffix)}" if suffix else "no suffix"
    return {
        "hidden": "",
        "outside": "links that lead out of PATH; --follow reads them",
        "loop": "links that lead back",
    }.get(kind, item.reason)


def _count_group(kind: str, reason: str, items: list[ListedFile]) -> str:
    number = len(items)
    if kind == "format":
        verb = "has" if number == 1 else "have"
        return f"{count_noun(number, 'file')} {verb} {reason}, which newsgrep does not read"
    if kind == "hidden":
        return count_noun(number, "hidden file")
    return f"{count_noun(number, 'file')}: {one_line(reason)}"


def _grouped_lines(label: str, items: Iterable[ListedFile]) -> Iterator[str]:
    groups: dict[str, list[ListedFile]] = {}
    for item in items:
        groups.setdefault(item.reason, []).append(item)
    for reason, group in sorted(groups.items(), key=lambda group: -len(group[1])):
        if len(group) <= _MAX_SINGLE:
            yield from _single_lines(label, group, _MAX_SINGLE)
        else:
            number = count_noun(len(group), "file")
            yield f"{label}: {number}: {_shorten(reason)}: {_examples(group)}"


def _single_lines(label: str, items: list[ListedFile], limit: int) -> Iterator[str]:
    for item in items[:limit]:
        yield f"{label}: {display_path(item.path)}: {_shorten(item.reason)}"
    if len(items) > limit:
        yield f"{label}: … and {len(items) - limit:,} more; --json lists all"


def _examples(items: list[ListedFile]) -> str:
    shown = ", ".join(display_path(item.path) for item in items[:_MAX_SINGLE])
    more = len(items) - _MAX_SINGLE
    return f"{shown} and {more:,} more; --json lists all" if more > 0 else shown


def _shorten(reason: str) -> str:
    # Reasons name other files by their absolute paths.
    return one_line(reason.replace(os.getcwd() + os.sep, ""))  # noqa: PTH109  (any bytes)
