"""``newsgrep completion``: what a shell offers for an argument, and the scripts that request it.

Click generates the scripts, and calls :func:`complete` for the word that is being typed. A word
that cannot be completed, because there is no index, is not an error.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Final

import click
from click.shell_completion import CompletionItem, get_completion_class

from newsgrep.analysis.characters import fold
from newsgrep.cli.main import Command
from newsgrep.cli.options import Options, default_index, pass_options
from newsgrep.engines.base import FACETS, EngineRequest
from newsgrep.errors import NewsgrepError, UsageError
from newsgrep.indexing import index_at
from newsgrep.indexing.annotations import read_collections
from newsgrep.indexing.store import Index
from newsgrep.indexing.user_state import read_saved
from newsgrep.messages import _
from newsgrep.query.ast import MatchAll
from newsgrep.query.lexer import FIELDS
from newsgrep.terminal import count_noun, sanitize, write

_VARIABLE: Final = "_NEWSGREP_COMPLETE"
_SHELLS: Final = ("bash", "zsh", "fish")
_MAX_ITEMS: Final = 200
_MAX_HELP: Final = 60

Value = tuple[str, str]
"""A value, and a description of it or an empty string."""


# Values


def complete(kind: str, ctx: click.Context, incomplete: str) -> list[CompletionItem[str]]:
    """Return what may complete ``incomplete``, as an argument of one kind.

    Kinds are those of :data:`_KINDS`. Values that begin with it are returned, or else those that
    contain it, in any script.
    """
    try:
        return _KINDS[kind](ctx, incomplete)
    except (NewsgrepError, OSError):
        return []


def _index_of(ctx: click.Context) -> Index:
    """Return the index that the command line so far means."""
    given = ctx.params.get("index") or os.environ.get("NEWSGREP_INDEX") or default_index()
    if isinstance(given, Index):
        return given
    return index_at(os.path.expanduser(given), timeout=5)  # noqa: PTH111  (may be a URL)


def _facet(index: Index, name: str) -> list[Value]:
    with index.open() as engine:
        found = engine.search(EngineRequest(MatchAll(), limit=0, facets=(name,))).facets[name]
    return [(value, _("{count:,} articles", count=count)) for value, count in found if value]


def _matching(values: Iterable[Value], incomplete: str) -> list[CompletionItem[str]]:
    wanted = fold(incomplete)
    folded = [(fold(value), value, text) for value, text in values]
    chosen = [each for each in folded if each[0].startswith(wanted)]
    chosen = chosen or [each for each in folded if wanted in each[0]]
    return [_item(value, text) for _, value, text in chosen[:_MAX_ITEMS]]


def _item(value: str, text: str = "") -> CompletionItem[str]:
    # bash inserts a value as it is, after its read has removed one level of backslashes; the
    # other shells quote it.
    if os.environ.get(_VARIABLE, "").startswith("bash"):
        value = re.sub(r"([^\w@%+=:,./~-])", r"\\\\\1", value)
    return CompletionItem(sanitize(value), help=sanitize(text)[:_MAX_HELP] or None)


def _sources(ctx: click.Context, incomplete: str) -> list[CompletionItem[str]]:
    return _matching(_facet(_index_of(ctx), "source"), incomplete)


def _source_list(ctx: click.Context, incomplete: str) -> list[CompletionItem[str]]:
    """Complete the last of several names, which commas separate."""
    before, comma, _last = incomplete.rpartition(",")
    names = _facet(_index_of(ctx), "source")
    return _matching(((f"{before}{comma}{name}", text) for name, text in names), incomplete)


def _facets(_: click.Context, incomplete: str) -> list[CompletionItem[str]]:
    before, comma, _last = incomplete.rpartition(",")
    used = before.split(",")
    return _matching(((f"{before}{comma}{n}", "") for n in FACETS if n not in used), incomplete)


def _saved(ctx: click.Context, incomplete: str) -> list[CompletionItem[str]]:
    return _matching(read_saved(_index_of(ctx)).items(), incomplete)


def _collections(ctx: click.Context, incomplete: str) -> list[CompletionItem[str]]:
    return _matching(_collection_values(ctx), incomplete)


def _zones(_: click.Context, incomplete: str) -> list[CompletionItem[str]]:
    from zoneinfo import available_timezones

    return _matching(((name, "") for name in sorted(available_timezones())), incomplete)


def _articles(ctx: click.Context, incomplete: str) -> list[CompletionItem[str]]:
    """Complete hits of the last search and ids, else names of files."""
    from newsgrep.cli.output import last_search

    files = _file(ctx, incomplete)
    index = _index_of(ctx)
    hits = last_search(index).hits
    if not incomplete:
        return [_item(hit[0], hit[1]) for _, hit in sorted(hits.items())] or files
    start = incomplete.lower()
    if not re.fullmatch("[a-z2-7]{1,12}", start):
        return files
    items = {hit[0]: hit[1] for hit in hits.values() if hit[0].startswith(start)}
    if not items and len(start) > 1 and not _begins_file(incomplete):
        with index.open() as engine:
            ids = (record.article_id for record in engine.file_records())
            starting = [each for each in ids if each and each.startswith(start)][:_MAX_ITEMS]
            items = {article.id: article.title for article in engine.get(starting)}
    return [_item(name, title) for name, title in items.items()] or files


def _begins_file(start: str) -> bool:
    with suppress(OSError):
        return any(name.startswith(start) for name in os.listdir())  # noqa: PTH208  (any bytes)
    return False


def _file(_: click.Context, incomplete: str) -> list[CompletionItem[str]]:
    return [CompletionItem(incomplete, "file")]  # which the shell completes


def _words(ctx: click.Context, incomplete: str) -> list[CompletionItem[str]]:
    """Complete fields of a query and their values: ``source:青`` and ``tag:渔``."""
    field, colon, value = incomplete.rpartition(":")
    typed = list(ctx.args or ctx.params.get("words") or ())
    if not colon and typed[-1:] == [":"]:  # bash takes a colon for a word of its own
        return [_item(name, text) for name, text in _values_of(ctx, typed[-2:-1], value)]
    if colon:
        values = _values_of(ctx, [field], value)
        return [_item(f"{field}:{_quoted(name)}", text) for name, text in values]
    if not incomplete.isascii() or not incomplete:
        return []
    fields = [name for name in FIELDS if name.startswith(incomplete)]
    return [_item(f"{name}:") for name in fields]


def _collection_values(ctx: click.Context) -> Iterator[Value]:
    for name, ids in read_collections(_index_of(ctx)).items():
        yield name, count_noun(len(ids), "article")


def _values_of(ctx: click.Context, field: list[str], start: str) -> Iterator[Value]:
    name = field[0].lower() if field else ""
    values: Iterable[Value] = ()
    if name in {"source", "tag", "author"}:
        values = _facet(_index_of(ctx), name)
    elif name == "saved":
        values = read_saved(_index_of(ctx)).items()
    elif name == "in":
        values = _collection_values(ctx)
    wanted = fold(start)
    yield from (value for value in values if fold(value[0]).startswith(wanted))


def _quoted(value: str) -> str:
    """Return ``value`` as a query can contain it."""
    return f'"{value}"' if re.search(r"[\s()（）]", value) else value


_KINDS: Final[Mapping[str, Callable[[click.Context, str], list[CompletionItem[str]]]]] = {
    "source": _sources,
    "sources": _source_list,
    "facets": _facets,
    "saved": _saved,
    "collection": _collections,
    "zone": _zones,
    "article": _articles,
    "file": _file,
    "query": _words,
}


# The command


class CompletionOptions(Options):
    """The options of ``newsgrep completion``."""

    shell: str | None


@click.command("completion", cls=Command, short_help="Print a completion script for a shell.")
@click.argument("shell", metavar="[bash|zsh|fish]", required=False)
@pass_options(CompletionOptions)
def completion_command(options: CompletionOptions) -> int:
    """Print the script that completes commands, options, sources, saved queries and articles.

    Without an argument it is that for the shell in SHELL.

    \b
    eval "$(newsgrep completion bash)"     # in ~/.bashrc
    eval "$(newsgrep completion zsh)"      # in ~/.zshrc, after compinit
    newsgrep completion fish | source      # in ~/.config/fish/config.fish
    """
    shell = options.shell or os.path.basename(os.environ.get("SHELL", ""))  # noqa: PTH119
    kind = get_completion_class(shell) if shell in _SHELLS else None
    if kind is None:
        raise UsageError(
            "No completion for this shell. Choose from {shells}.", shells=", ".join(_SHELLS)
        )
    root = click.get_current_context().find_root()
    write(kind(root.command, {}, "newsgrep", _VARIABLE).source())
    return 0
