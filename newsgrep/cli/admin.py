"""Commands for the index itself: stats, doctor, reindex, copy."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING, Final

import click

from newsgrep.cli.file_options import (
    dictionary_option,
    engine_option,
    jobs_option,
    wait_option,
    words_of,
)
from newsgrep.cli.main import Command, QueryCommand
from newsgrep.cli.options import (
    IndexOptions,
    IndexParam,
    QueryOptions,
    completing,
    filter_options,
    index_option,
    pass_options,
)
from newsgrep.cli.output import (
    OutputFormat,
    OutputOptions,
    Rendering,
    output_options,
    print_message,
    print_result,
    report_no_match,
    screen,
)
from newsgrep.cli.progress import handle_signals, show_elapsed, show_progress
from newsgrep.engines.base import RolledBack, count_matches
from newsgrep.errors import IndexLocked, IndexMissing, UsageError
from newsgrep.indexing.copying import CopyOptions, copy_index
from newsgrep.indexing.maintenance import (
    DictionaryChange,
    HealthReport,
    RebuildResult,
    RepairResult,
    clean_up_index,
    rebuild_index,
    repair_index,
    verify_index,
)
from newsgrep.indexing.store import Index
from newsgrep.messages import _, mark, message
from newsgrep.query.ast import MatchAll, describe
from newsgrep.terminal import count_noun, one_line, write
from newsgrep.views import SCHEMA_VERSION
from newsgrep.views.stats import collect_stats, to_csv, to_json, to_text

if TYPE_CHECKING:
    from newsgrep.analysis.user_dictionary import DictionaryFile

# stats


class StatsOptions(IndexOptions, OutputOptions):
    """The options of ``newsgrep stats``."""


@click.command("stats", cls=QueryCommand, short_help="Show what the index contains.")
@output_options(OutputFormat.JSON, OutputFormat.CSV, color=False)
@index_option
@pass_options(StatsOptions)
def stats_command(options: StatsOptions) -> int:
    """Show the number of articles, their sources and dates, and the version of the index.

    \b
    newsgrep stats
    newsgrep stats --json | jq .sources
    """
    index = options.index
    with index.session() as session:
        stats = collect_stats(index, session.engine, session.manifest)

    def drawn() -> Iterator[str]:
        from newsgrep.cli.drawing import draw_stats

        return draw_stats(stats, screen())

    rendering = Rendering(
        text=lambda: to_text(stats, screen()),
        json=lambda: to_json(stats),
        csv=lambda: to_csv(stats),
        drawn=drawn,
    )
    print_result(rendering, options)
    return 0 if stats.articles else 1


# doctor

_FIX_HINT: Final = mark(
    "newsgrep doctor --fix rebuilds the index from all articles that can be read"
)
_ROLLBACK_HINT: Final = mark(
    "newsgrep doctor --rollback goes back to the commit before the last one"
)


class DoctorOptions(IndexOptions, OutputOptions):
    """The options of ``newsgrep doctor``."""

    deep: bool
    fix: bool
    rollback: bool
    yes: bool
    tidy: bool
    jobs: int
    wait: float


@click.command(
    "doctor", cls=Command, short_help="Check or repair the index, or roll back the last commit."
)
@click.option("--deep", is_flag=True, help="Also compare every term with the stored articles.")
@click.option(
    "--fix",
    is_flag=True,
    help="Repair damage: keep every article that can be read, restore server settings.",
)
@click.option("--rollback", is_flag=True, help="Go back to the commit before the last one.")
@click.option("-y", "--yes", is_flag=True, help="With --rollback: do not ask.")
@click.option("--tidy", is_flag=True, help="Delete what an interrupted run left behind.")
@output_options(OutputFormat.JSON, color=False)
@jobs_option
@wait_option
@index_option
@pass_options(DoctorOptions)
def doctor_command(options: DoctorOptions) -> int:
    """Compare all files of the index with their checksums, and read every article.

    Exit status: 0 if the index is intact, 2 if not.

    \b
    newsgrep doctor
    newsgrep doctor --deep --json
    newsgrep doctor --fix
    newsgrep doctor --rollback
    """
    handle_signals()
    index, wait = options.index, options.wait
    if options.rollback and not (options.yes or _may_roll_back(index)):
        return 1
    rolled_back = index.rollback(wait=wait) if options.rollback else None
    with show_elapsed(_("checking")):
        found = health = verify_index(index, deep=options.deep)
    repaired = RepairResult(None, None, ())
    if options.fix and health.is_repairable:
        with show_progress() as progress:
            repaired = repair_index(index, jobs=options.jobs, wait=wait, progress=progress)
        health = verify_index(index)
    elif (options.fix or options.tidy) and not health.is_repairable:
        # Where nothing can be written now, a repair has nothing to do.
        with suppress(IndexLocked, IndexMissing) if not options.tidy else nullcontext():
            deleted = clean_up_index(index, wait=wait)
            repaired = RepairResult(None, None, tuple(deleted))
    lost = repaired.rebuilt.lost if repaired.rebuilt else ()
    if options.output is OutputFormat.TEXT:
        if options.rollback:
            write(_describe_rollback(rolled_back))
        for problem in found.problems:
            write(_("problem: {sentence}", sentence=one_line(problem.sentence)))
        if repaired.restored:
            write(_("Restored {restored}", restored=one_line(repaired.restored)))
        if repaired.rebuilt:
            _print_rebuilt(repaired.rebuilt)
        _print_health(health, index, deep=options.deep and health is found)
        if repaired.deleted:
            write(one_line(index.describe_leftovers(repaired.deleted)))
    else:
        report = {
            "version": SCHEMA_VERSION,
            "index": str(index),
            "sound": not health.problems,
            "problems": [problem.sentence for problem in found.problems],
            "articles": health.articles,
            "rolled_back": rolled_back and rolled_back._asdict(),
            "fixed": bool(repaired.rebuilt or repaired.restored),
            "restored": repaired.restored,
            "lost": lost,
            "deleted": repaired.deleted,
        }
        print_result(Rendering(json=lambda: report), options)
    return 2 if health.problems or lost else 0


def _may_roll_back(index: Index) -> bool:
    """Ask with what would be lost; raises :class:`UsageError` if there is nobody to answer."""
    question = index.describe_rollback()
    if not question:
        return True
    if not sys.stdin.isatty():
        raise UsageError("{question} Nothing was changed. Add --yes.", question=one_line(question))
    if click.confirm(one_line(question), err=True):
        return True
    print_message(_("Nothing was changed."))
    return False


def _describe_rollback(done: RolledBack | None) -> str:
    if done is None:
        return _("Rolled back to the commit before the last one")
    commit = _(
        "commit {number} of {time}",
        number=done.number,
        time=done.time.replace("T", " ").replace("Z", " UTC"),
    )
    if done.is_repeated:
        return _(
            "Already rolled back to {commit}; commit {dropped} is dropped",
            commit=commit,
            dropped=done.dropped,
        )
    return _(
        "Rolled back to {commit}; commit {dropped} is dropped", commit=commit, dropped=done.dropped
    )


def _print_rebuilt(rebuilt: RebuildResult) -> None:
    write(
        _(
            "Rebuilt from {articles} that can be read",
            articles=count_noun(rebuilt.articles, "article"),
        )
    )
    for path in rebuilt.lost:
        write(
            _(
                "lost: the article of {path}",
                path=one_line(path) if path else _("a file of unknown name"),
            )
        )
    if rebuilt.lost:
        write(_("newsgrep index with the same paths as before reads these files again"))


def _print_health(health: HealthReport, index: Index, *, deep: bool) -> None:
    if health.is_repairable:
        hints = (_FIX_HINT, _ROLLBACK_HINT) if index.has_commits else (_FIX_HINT,)
        write(_("; ").join(map(_, hints)))
    elif not health.problems:
        checked = _("files, articles and terms") if deep else _("files and articles")
        articles = count_noun(health.articles, "article")
        write(
            _(
                "{index} is intact: {articles}; checked {checked}",
                index=one_line(str(index)),
                articles=articles,
                checked=checked,
            )
        )


# reindex


class ReindexOptions(IndexOptions):
    """The options of ``newsgrep reindex``."""

    dictionary: DictionaryFile | None
    no_dictionary: bool
    jobs: int
    wait: float

    def validate(self) -> None:
        """Raise :class:`UsageError` for both options."""
        if self.dictionary and self.no_dictionary:
            raise UsageError(
                "--dictionary and --no-dictionary exclude each other. Use one of them."
            )


@click.command("reindex", cls=Command, short_help="Rebuild the index from its stored articles.")
@dictionary_option("Replace the index's dictionary of names and terms by this one.")
@click.option("--no-dictionary", is_flag=True, help="Remove that dictionary.")
@jobs_option
@wait_option
@index_option
@pass_options(ReindexOptions)
def reindex_command(options: ReindexOptions) -> int:
    """Rebuild the index from its stored articles, without their files.

    Needed after an upgrade that changes how text is analysed, and to change the dictionary of
    names and terms. The old index is used until the new one is complete.

    \b
    newsgrep reindex
    newsgrep reindex --dictionary names.txt
    """
    handle_signals()
    change = None
    if options.dictionary or options.no_dictionary:
        change = DictionaryChange(words_of(options.dictionary))
    with show_progress() as progress:
        result = rebuild_index(
            options.index,
            change=change,
            jobs=options.jobs,
            wait=options.wait,
            progress=progress,
        )
    write(
        _(
            "Rebuilt {index}: {articles}",
            index=one_line(str(options.index)),
            articles=count_noun(result.articles, "article"),
        )
    )
    return 0


# copy


class CopyCommandOptions(QueryOptions):
    """The options of ``newsgrep copy``."""

    target: Index
    engine: str | None
    replace: bool
    jobs: int
    wait: float


@click.command("copy", cls=QueryCommand, short_help="Copy the index to another location or engine.")
@click.option(
    "--to",
    "target",
    type=IndexParam(),
    required=True,
    metavar="INDEX",
    help="The new index: a folder, or opensearch://HOST[:PORT]/NAME.",
)
@click.option(
    "--query",
    "words",
    metavar="QUERY",
    multiple=True,
    shell_complete=completing("query"),
    help="Copy only articles that match QUERY: a sub-corpus.",
)
@engine_option
@click.option("--replace", is_flag=True, help="Replace an existing index.")
@jobs_option
@wait_option
@filter_options
@index_option
@pass_options(CopyCommandOptions)
def copy_command(options: CopyCommandOptions) -> int:
    """Copy the index to another location or engine, without reading the articles' files.

    The copy contains articles, file records and saved queries, so newsgrep index with the
    same paths finds nothing to do there. The source stays unchanged. The copy appears when it
    is complete; an interrupted run leaves none.

    With --query or a filter such as --since, the copy is a sub-corpus: the matching articles with
    their earlier versions, notes and collections. newsgrep stats shows the query and its source.

    \b
    newsgrep copy --to ~/big.index --engine tantivy
    newsgrep copy --query '渔业 OR 渔民' --since 2024 --to fishery.index
    newsgrep copy --to opensearch://search.example/news
    newsgrep copy --index opensearch://search.example/news --to ~/laptop.index
    """
    handle_signals()
    query = options.query()
    part = None if isinstance(query.root, MatchAll) else query
    if part:
        with options.index.open() as engine:
            if not count_matches(engine, part.root):
                report_no_match(engine, part.root, describe(part.root), options.index)
                return 1
    with show_progress() as progress:
        result = copy_index(
            options.index,
            options.target,
            CopyOptions(
                options.engine,
                options.replace,
                options.jobs,
                options.wait,
                progress=progress,
                query=part,
            ),
        )
    articles: str = count_noun(result.articles, "article")
    if part:
        articles = message(
            "{copied:,} of {articles}",
            copied=result.articles,
            articles=count_noun(result.of, "article"),
        )
    records = count_noun(result.files, "file record")
    copied = message("{articles} and {records}", articles=articles, records=records)
    if result.queries:
        copied = message(
            "{articles}, {records} and {saved}",
            articles=articles,
            records=records,
            saved=count_noun(result.queries, "saved query", "saved queries"),
        )
    target = f"{one_line(str(options.target))} ({result.engine})"
    if result.is_repeated:
        write(_("{target} is a copy already: {copied}", target=target, copied=copied))
    else:
        write(_("Copied {copied} to {target}", copied=copied, target=target))
    return 0
