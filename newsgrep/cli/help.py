"""Help texts: commands and options in groups, those used most first, and the query syntax."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from inspect import cleandoc
from typing import Final

import click

from newsgrep.messages import _, localize, mark
from newsgrep.terminal import display_width, pad, wrap_line

# Options in groups

_COMMON: Final = mark("Common options")
_OWN: Final = mark("Options")
_GROUPS: Final[Mapping[str, Sequence[str]]] = {
    mark("Query"): (
        "--any",
        "--regex",
        "--literal",
        "--everything",
        "--scan",
        "--versions",
        "--variants",
        "--tz",
    ),
    mark("Filters"): ("--source", "--since", "--until", "--in"),
    mark("Output"): (
        "--sort",
        "--recency",
        "--limit",
        "--offset",
        "--after",
        "--collapse",
        "--facets",
        "--columns",
        "--json",
        "--jsonl",
        "--csv",
        "--bom",
        "--paths",
        "--null",
        "--explain",
        "--color",
        "--pager",
        "--quiet",
    ),
    mark("Index"): ("--index", "--engine", "--timeout", "--wait", "--jobs"),
    mark("Other"): ("--help",),
}
"""The group of each option that several commands have; those of one command are in no group."""

_MOST_USED: Final[Mapping[str, Sequence[str]]] = {
    "search": ("--limit", "--source", "--since", "--sort", "--json"),
    "timeline": ("--by", "--share", "--since", "--source", "--csv"),
    "kwic": ("--limit", "--sort", "--source", "--since", "--csv"),
    "collocates": ("--window", "--sort", "--limit", "--since", "--csv"),
    "compare": ("--sources", "--since", "--limit", "--json", "--csv"),
    "keywords": ("--limit", "--source", "--since", "--json", "--index"),
    "index": ("--index", "--engine", "--prune", "--jobs", "--quiet"),
}
"""The five options of a command that its help lists first."""

_FEW: Final = 8
"""Options that need no groups."""

_LIMITS: Final = r"(?:[0-9]+<=?)?x(?:[<>]=?[0-9]+)?"
_RANGE: Final = re.compile(rf"; {_LIMITS}(?=\])|  \[{_LIMITS}\]")
"""The range of a number as Click describes it, which says little: ``x>=0``."""


def write_options(
    command: click.Command, ctx: click.Context, formatter: click.HelpFormatter
) -> None:
    """Write the options of ``command`` to ``formatter``, in groups if they are many."""
    rows: dict[str, list[tuple[str, str]]] = {name: [] for name in (_COMMON, _OWN, *_GROUPS)}
    first = _MOST_USED.get(command.name or "", ())
    params = (param for param in command.get_params(ctx) if isinstance(param, click.Option))
    shown = [
        (param, (record[0], _RANGE.sub("", record[1])))
        for param in params
        if (record := param.get_help_record(ctx))
    ]
    by_name = {name: record for param, record in shown for name in param.opts}
    rows[_COMMON] = [by_name[name] for name in first if name in by_name]
    for param, record in shown:
        if record not in rows[_COMMON]:
            group = _group_of(param) if first or len(shown) > _FEW else _OWN
            rows[group].append(record)
    for title, records in rows.items():
        if records:
            with formatter.section(_(title)):
                formatter.write_dl(records)


def _group_of(param: click.Parameter) -> str:
    for title, names in _GROUPS.items():
        if any(name in names for name in param.opts):
            return title
    return _OWN


# Commands in groups

_COMMANDS: Final[Mapping[str, Sequence[str]]] = {
    mark("Common commands"): ("index", "search", "show", "timeline", "kwic"),
    mark("Find and read"): (
        *("list", "open", "history", "diff", "similar", "batch", "serve", "mcp"),
    ),
    mark("Count and compare"): ("count", "sources", "collocates", "keywords", "compare"),
    mark("Collect and cite"): ("collect", "note", "export", "cite", "saved", "new"),
    mark("Maintain the index"): (
        *("stats", "watch", "extract", "delete", "forget", "copy", "reindex", "doctor"),
    ),
}
_OTHER_COMMANDS: Final = mark("Other commands")


def write_commands(group: click.Group, ctx: click.Context, formatter: click.HelpFormatter) -> None:
    """Write the commands of ``group`` to ``formatter``, the five most used first."""
    commands = ((name, group.get_command(ctx, name)) for name in group.list_commands(ctx))
    rows = {
        name: (name, localize(command.get_short_help_str(formatter.width)))
        for name, command in commands
        if command is not None and not command.hidden
    }
    for title, names in _COMMANDS.items():
        with formatter.section(_(title)):
            formatter.write_dl([rows.pop(name) for name in names if name in rows])
    with formatter.section(_(_OTHER_COMMANDS)):
        formatter.write_dl(list(rows.values()))


# The query syntax

QUERY_HELP: Final = mark("""\
Queries of search, timeline, kwic, collocates, compare, batch and saved

  渔业 联合声明              both words; adjacent words rank higher
  "联合声明"                 this exact string; also “ ” and 「 」
  渔业 OR 海带               one of the words; brackets group: (渔业 OR 海带) 声明
  渔业 -台风                 without this word; NOT typhoon for a Latin word
  大桥 NEAR/10 渡轮          within 10 characters; ADJ/10 in this order
  普?习  govern*             ? one character, * any number within a word
  ~goverment                 similar spelling
  /20[0-9]{2}年/             regular expression
  *                          all articles

Fields: FIELD:VALUE, FIELD:"…" or FIELD:(… OR …)

  title: body:               in one part of the article only
  caption: leftout:          in captions, in text that is not part of the article
  everything:                in all of these
  earlier:                   in earlier versions of the article
  changed:                   edited since it was captured first; changed:title, changed:2024-05
  source: author: tag:       name that contains the value
  url: path: id:             where the article comes from, its id
  date: since: until:        2024, 2024-05, 2024-05-17, 2024-05..2024-08, 7d, 上周
  saved: in:                 a saved query (newsgrep saved), a collection (newsgrep collect)

Simplified and traditional characters, full and half width, upper and lower case are
equivalent. Quote queries for the shell: newsgrep search '"联合声明" OR 渔业'
""")


# Help in the user's language


def localized_help(command: click.Command, ctx: click.Context) -> str:
    """Return the help text of ``command`` in the user's language."""
    command.help = localize(cleandoc(command.help or ""))
    command.epilog = localize(cleandoc(command.epilog or ""))
    for param in command.get_params(ctx):
        if isinstance(param, click.Option):
            param.help = localize(param.help or "")
            if isinstance(param.show_default, str):
                param.show_default = localize(param.show_default)
    formatter = _CellFormatter(width=ctx.terminal_width, max_width=ctx.max_content_width)
    command.format_help(ctx, formatter)
    return formatter.getvalue().rstrip("\n")


class _CellFormatter(click.HelpFormatter):
    """Wraps Chinese text, where Click breaks lines between words and counts characters."""

    def write_heading(self, heading: str) -> None:
        """Write ``heading`` with the colon of the language."""
        self.write(" " * self.current_indent + _("{heading}:", heading=heading) + "\n")

    def write_text(self, text: str) -> None:
        """Write paragraphs, wrapped."""
        width = self.width - self.current_indent
        for row in _wrap_paragraphs(text, width):
            self.write(f"{' ' * self.current_indent}{row}".rstrip() + "\n")

    def write_dl(
        self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2
    ) -> None:
        """Write terms in one column and what they mean in another one."""
        rows = list(rows)
        column = min(max(display_width(term) for term, _meaning in rows), col_max) + col_spacing
        indent = " " * self.current_indent
        for term, meaning in rows:
            begin = indent + pad(term, column)
            if display_width(term) > column - col_spacing:
                begin = f"{indent}{term}\n{indent}{' ' * column}"
            lines = _wrap_paragraphs(meaning, self.width - column - self.current_indent)
            self.write(begin + f"\n{indent}{' ' * column}".join(lines) + "\n")


def _wrap_paragraphs(text: str, width: int) -> Iterator[str]:
    """Yield the rows of ``text``; a paragraph after the character ``\\b`` is not wrapped."""
    for number, paragraph in enumerate(text.split("\n\n")):
        if number:
            yield ""
        if paragraph.startswith("\b\n"):
            yield from paragraph.splitlines()[1:]
            continue
        line = paragraph.replace("\n", " ")
        yield from (line[start:end] for start, end in wrap_line(line, 0, width))
