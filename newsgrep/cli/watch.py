"""``newsgrep watch``: keep the index up to date until it is stopped."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import click

from newsgrep.cli.error_messages import describe_system_error
from newsgrep.cli.file_options import (
    dictionary_option,
    engine_option,
    expanded_paths,
    field_names_option,
    follow_option,
    jobs_option,
    keep_versions_option,
    max_file_size_option,
    outlet_rules_file,
    sql_option,
    wait_option,
    words_of,
)
from newsgrep.cli.main import Command
from newsgrep.cli.options import IndexOptions, completing, index_option, pass_options
from newsgrep.cli.output import print_message
from newsgrep.cli.progress import handle_signals
from newsgrep.errors import InputError, Interrupted
from newsgrep.extraction.records.base import ReadOptions
from newsgrep.indexing.outcomes import ListedFile, Outcome, UpdateSummary
from newsgrep.indexing.update import UpdateOptions
from newsgrep.indexing.watching import RETRY_SECONDS, keep_updated
from newsgrep.messages import _, localize_stored, plural
from newsgrep.terminal import count_noun, one_line, write_flushed
from newsgrep.views.article import display_path

if TYPE_CHECKING:
    from newsgrep.analysis.user_dictionary import DictionaryFile

_MAX_LISTED: Final = 5
"""Files with a problem that are listed after an update; the others are counted."""


class WatchOptions(IndexOptions):
    """The options of ``newsgrep watch``."""

    paths: tuple[str, ...]
    interval: float
    jobs: int
    max_file_size: int
    follow: bool
    engine: str | None
    field_names: Mapping[str, str]
    sql: str | None
    keep_versions: int | None
    dictionary: DictionaryFile | None
    wait: float


@click.command("watch", cls=Command, short_help="Keep the index up to date while files change.")
@click.argument(
    "paths",
    metavar="PATH...",
    nargs=-1,
    required=True,
    callback=expanded_paths,
    shell_complete=completing("file"),
)
@click.option(
    "--interval",
    type=click.FloatRange(min=1),
    metavar="SECONDS",
    default=600,
    show_default=True,
    help="Also compare all files every SECONDS, for drives that report no changes.",
)
@jobs_option
@max_file_size_option
@follow_option
@engine_option
@field_names_option
@sql_option
@keep_versions_option
@dictionary_option("Names and terms of a new index, one per line, with jieba's frequencies if any.")
@wait_option
@index_option
@pass_options(WatchOptions)
def watch_command(options: WatchOptions) -> int:
    """Index PATH, files or folders, now and again after each change, until stopped.

    Prints one line to standard output for each update that changes the index. If more than half of
    the files are gone, or PATH does not exist for a time, their articles are kept. After an error
    such as a full disk, newsgrep tries again every 10 seconds. Ctrl-C or SIGTERM ends it.

    \b
    newsgrep watch ~/archive
    newsgrep watch ~/archive --index ~/news.index --interval 60
    newsgrep watch ~/archive | while read -r line; do newsgrep new --exec 'mail -s news me'; done
    """
    handle_signals()
    update = UpdateOptions(
        outlets_file=outlet_rules_file(),
        jobs=options.jobs,
        wait=options.wait,
        follow=options.follow,
        largest=options.max_file_size,
        engine=options.engine,
        read=ReadOptions(options.field_names, options.sql),
        keep_versions=options.keep_versions,
        user_dictionary=words_of(options.dictionary),
    )
    if "-" in options.paths:
        raise InputError("Standard input cannot be watched. Name files or folders.")
    report = _Report(options)
    try:
        keep_updated(options.index, options.paths, update, report, interval=options.interval)
    except KeyboardInterrupt:
        print_message(_("Stopped. The index is as of its last commit."))
    except Interrupted as exc:
        print_message(str(exc))
    return 0


class _Report:
    """Prints updates to standard output and problems, each once, to standard error."""

    def __init__(self, options: WatchOptions) -> None:
        self._options = options
        self._problems: dict[str, str] = {}
        self._reported: set[str] = set()

    def updated(self, path: str, summary: UpdateSummary) -> None:
        listed = [*summary.listed[Outcome.REJECTED], *summary.listed[Outcome.FAILED]]
        problems = [each for each in listed if not (each.known or each.path in self._reported)]
        # A file that is written to all the time is reported once.
        self._reported.update(each.path for each in problems)
        changes = _changes(summary, problems)
        if changes:
            now = time.strftime("%Y-%m-%d %H:%M:%S")
            text = _(
                "{time} {changes}; {articles} in {index}",
                time=now,
                changes=_(", ").join(changes),
                articles=count_noun(summary.articles, "article"),
                index=one_line(str(self._options.index)),
            )
            write_flushed(text)
        for item in problems[:_MAX_LISTED]:
            print_message(
                _(
                    "No article in {path}: {reason}",
                    path=display_path(item.path),
                    reason=one_line(localize_stored(item.reason)),
                )
            )
        if (more := len(problems) - _MAX_LISTED) > 0:
            print_message(
                plural(
                    "No article in {count:,} more file.",
                    "No article in {count:,} more files.",
                    more,
                )
            )
        # A problem that comes back is a new one.
        self._problems.pop(f"failed {path}", None)
        self._problems.pop(f"missing {path}", None)
        if not summary.absent:
            self._problems.pop(f"kept {path}", None)

    def kept(self, path: str, gone: str) -> None:
        self._once(
            f"kept {path}",
            _(
                "{gone}. Their articles are kept. To delete them: newsgrep index {path} --prune",
                gone=gone,
                path=display_path(path),
            ),
        )

    def missing(self, path: str) -> None:
        self._once(
            f"missing {path}",
            _(
                "{path} does not exist now. Its articles are kept, and it is watched "
                "again when it is back.",
                path=display_path(path),
            ),
        )

    def failed(self, path: str, error: Exception) -> None:
        reason = describe_system_error(error) if isinstance(error, OSError) else str(error)
        self._once(
            f"failed {path}",
            _(
                "{path} is not indexed: {reason} newsgrep watch tries again every "
                "{retry_seconds:.0f} seconds.",
                path=display_path(path),
                reason=reason,
                retry_seconds=RETRY_SECONDS,
            ),
        )

    def watching(self) -> None:
        paths = ", ".join(map(display_path, self._options.paths))
        print_message(_("Watching {paths}. Press Ctrl-C to stop.", paths=paths))

    def _once(self, key: str, message: str) -> None:
        if self._problems.get(key) != message:
            self._problems[key] = message
            print_message(message)


def _changes(summary: UpdateSummary, problems: list[ListedFile]) -> list[str]:
    """Return what an update changed, such as ``3 added``."""
    duplicates = sum(not item.known for item in summary.listed[Outcome.DUPLICATE])
    counts = {
        _("added"): summary.counts[Outcome.ADDED],
        _("updated"): summary.counts[Outcome.UPDATED],
        _("removed"): summary.removed,
        _("duplicate") if duplicates == 1 else _("duplicates"): duplicates,
        _("without an article"): len(problems),
    }
    return [
        _("{count:,} {name}", count=count, name=name) for name, count in counts.items() if count
    ]
