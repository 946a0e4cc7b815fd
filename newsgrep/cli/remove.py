"""``newsgrep delete`` and ``newsgrep forget``: articles leave the index, after a preview."""

from __future__ import annotations

import sys
from collections.abc import Collection
from itertools import islice
from typing import Final

import click

from newsgrep.cli.file_options import expanded_paths, wait_option
from newsgrep.cli.main import Command, QueryCommand
from newsgrep.cli.named import find_all_chosen
from newsgrep.cli.options import (
    IndexOptions,
    QueryOptions,
    completing,
    filter_options,
    index_option,
    pass_options,
)
from newsgrep.cli.output import print_message, report_no_match, screen
from newsgrep.cli.progress import handle_signals
from newsgrep.engines.base import Engine, Order
from newsgrep.errors import UsageError
from newsgrep.indexing.removal import Removal, content_under, delete_articles, forget_paths
from newsgrep.messages import _, localize, mark, message, plural
from newsgrep.query.ast import describe
from newsgrep.search.selection import iter_ids
from newsgrep.terminal import count_noun, format_plain, quote_path, write, write_streaming
from newsgrep.views.listing import to_text

_PREVIEW: Final = 10
"""Articles that a preview lists."""


class RemoveOptions(IndexOptions):
    """The options of ``newsgrep forget``, which ``newsgrep delete`` has, too."""

    words: tuple[str, ...]
    yes: bool
    preview: bool
    wait: float

    def validate(self) -> None:
        """Raise :class:`UsageError` for ``--yes`` with ``--preview``."""
        if self.yes and self.preview:
            raise UsageError("--yes and --preview exclude each other. Use one of them.")


class DeleteOptions(RemoveOptions, QueryOptions):
    """The options of ``newsgrep delete``."""


def _confirm_options(command: click.decorators.FC) -> click.decorators.FC:
    for decorate in (
        wait_option,
        click.option("--preview", is_flag=True, help="Print what would be removed, and stop."),
        click.option("-y", "--yes", is_flag=True, help="Remove without a question."),
    ):
        command = decorate(command)
    return command


@click.command("delete", cls=QueryCommand, short_help="Delete articles from the index.")
@click.argument(
    "words",
    metavar="ARTICLE...|QUERY...",
    nargs=-1,
    required=True,
    shell_complete=completing("article"),
)
@filter_options
@_confirm_options
@index_option
@pass_options(DeleteOptions)
def delete_command(options: DeleteOptions) -> int:
    """Delete articles, or all matches of a query, from the index; files stay on the disk.

    ARTICLE is a number of the last search, an id of at least six characters, an address or a path;
    anything else is a QUERY. The articles are listed, and deleted after a question, or at once
    with --yes. They stay deleted until their files change; newsgrep forget PATH makes the
    next newsgrep index read a file again. newsgrep doctor --rollback undoes the last change.

    \b
    newsgrep delete 3
    newsgrep delete 'source:广告 date:2019' --preview
    newsgrep search --jsonl 德比 | newsgrep delete - --yes
    """
    handle_signals()
    with options.index.open() as engine:
        found = find_all_chosen(engine, options)
        for problem in found.missing if found else ():
            print_message(problem)
        if found:
            ids = [each.id for each in found.articles]
        else:
            query = options.query()
            ids = list(iter_ids(engine, query.root, Order.NEWEST))
            if not ids:
                report_no_match(engine, query.root, describe(query.root), options.index)
        if ids:
            _print_preview(engine, ids)
    if not ids:
        return 1
    question = message("Delete {articles} from the index", articles=count_noun(len(ids), "article"))
    if not _may_remove(options, question):
        return 0
    done = delete_articles(options.index, ids, wait=options.wait)
    _print_removal(done, mark("{articles} deleted; {left} left in the index"))
    return 1 if found and found.missing else 0


@click.command("forget", cls=Command, short_help="Forget files and folders.")
@click.argument(
    "words", metavar="PATH...", nargs=-1, required=True, type=click.Path(), callback=expanded_paths
)
@_confirm_options
@index_option
@pass_options(RemoveOptions)
def forget_command(options: RemoveOptions) -> int:
    """Remove all that the index contains of files or folders, which need not exist any more.

    Nothing on the disk changes. A later newsgrep index of the same path reads it as if it were
    new. The articles are listed, and removed after a question, or at once with --yes.

    \b
    newsgrep forget ~/old-archive
    newsgrep forget dump.jsonl --yes
    """
    handle_signals()
    with options.index.open() as engine:
        content = content_under(engine, options.words)
        if content.articles:
            _print_preview(engine, content.articles)
    shown = ", ".join(map(quote_path, options.words))
    if not content.files:
        print_message(
            _(
                "The index contains nothing of {shown}. newsgrep list --paths prints paths.",
                shown=shown,
            )
        )
        return 1
    question = message(
        "Forget {files} with {articles}",
        files=count_noun(content.files, "file"),
        articles=count_noun(len(content.articles), "article"),
    )
    if not _may_remove(options, question):
        return 0
    done = forget_paths(options.index, options.words, wait=options.wait)
    _print_removal(done, mark("{articles} removed; {left} left in the index"))
    if done.copies:
        print_message(
            plural(
                "{count:,} of these articles is in other files, too. Run newsgrep index with "
                "their paths to add it again.",
                "{count:,} of these articles are in other files, too. Run newsgrep index with "
                "their paths to add them again.",
                done.copies,
            )
        )
    return 0


def _print_preview(engine: Engine, ids: Collection[str]) -> None:
    articles = engine.get(islice(ids, _PREVIEW))
    write_streaming(format_plain(to_text(articles, screen())))
    if len(ids) > len(articles):
        more = plural(
            "      … and {count:,} more article",
            "      … and {count:,} more articles",
            len(ids) - len(articles),
        )
        write(localize(more))


def _may_remove(options: RemoveOptions, question: str) -> bool:
    """Return whether to go on after the preview; raises :class:`UsageError` if nobody answers."""
    if options.preview:
        write(_("{question}: add --yes", question=question))
        return False
    if options.yes:
        return True
    sys.stdout.flush()
    if not sys.stdin.isatty():
        raise UsageError(
            "{question}? Nothing was changed. Add --yes, or --preview to look first.",
            question=question,
        )
    if click.confirm(_("{question}?", question=question), err=True):
        return True
    print_message(_("Nothing was changed."))
    return False


def _print_removal(done: Removal, template: str) -> None:
    """Print ``template`` with the number of removed articles and of those that are left."""
    articles, left = count_noun(done.articles, "article"), count_noun(done.left, "article")
    write(_(template, articles=articles, left=left))
