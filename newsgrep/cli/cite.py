"""``newsgrep cite`` and ``newsgrep open``: one article as evidence, and at its origin."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from hashlib import sha256
from itertools import islice
from typing import Final

import click

from newsgrep._io import IS_WINDOWS, encode_json
from newsgrep.analysis.characters import fold
from newsgrep.cli.main import Command
from newsgrep.cli.named import find_articles, searched_texts
from newsgrep.cli.options import IndexOptions, completing, enum_option, indexes_option, pass_options
from newsgrep.cli.output import print_message
from newsgrep.engines.base import Engine
from newsgrep.errors import InputError
from newsgrep.messages import _, system_reason
from newsgrep.models import Article
from newsgrep.query.ast import Field, TextNode
from newsgrep.query.match import find_matches
from newsgrep.search.named import read_raw, split_locator
from newsgrep.terminal import one_line, quote_path, write
from newsgrep.views.article import web_link
from newsgrep.views.citation import CitationStyle, Cited, citation_lines, index_digest

# cite


class CiteOptions(IndexOptions):
    """The options of ``newsgrep cite``."""

    names: tuple[str, ...]
    style: CitationStyle


@click.command("cite", cls=Command, short_help="Cite articles.")
@click.argument(
    "names", metavar="ARTICLE...", nargs=-1, required=True, shell_complete=completing("article")
)
@enum_option(
    "--format",
    "--to",
    "style",
    choices=CitationStyle,
    default=CitationStyle.GBT.value,
    show_default=True,
    help="Style; bibtex, ris and csl are for reference managers.",
)
@indexes_option
@pass_options(CiteOptions)
def cite_command(options: CiteOptions) -> int:
    """Print citations of articles, by GB/T 7714, Chicago, or for a reference manager.

    ARTICLE is a number, id, path, address or title as for newsgrep show. BibTeX, RIS and CSL-JSON
    contain the SHA-256 of the file as evidence, if it is as it was indexed.

    \b
    newsgrep cite 3
    newsgrep cite voxg36 --to chicago
    newsgrep cite 1-5 --to bibtex >> sources.bib
    newsgrep search --jsonl 联合声明 | newsgrep cite - --to ris > statements.ris
    """
    with options.index.open() as engine:
        articles, missing = find_articles(engine, options.index, options.names)
        has_evidence = options.style not in {CitationStyle.GBT, CitationStyle.CHICAGO}
        cited = [Cited(each, _evidence(engine, each) if has_evidence else "") for each in articles]
    if cited:
        for line in citation_lines(cited, options.style, encode_json):
            write(line)
    for message in missing:
        print_message(message)
    return 1 if missing else 0


def _evidence(engine: Engine, article: Article) -> str:
    """Return the SHA-256 of the record if it is as it was indexed, else the index's own digest."""
    try:
        record = read_raw(engine, article)
    except InputError:
        record = None
    if record and record.is_unchanged:
        whole = "record" if split_locator(article.path)[1] else "file"
        return _(
            "SHA-256 of the {whole}: {hexdigest}",
            whole=whole,
            hexdigest=sha256(record.data).hexdigest(),
        )
    return index_digest(next(iter(engine.find_file_records([article.id])), None))


# open

_PAGERS: Final = ("less", "more")
_JUMPS: Final = frozenset(
    ("vi", "vim", "nvim", "emacs", "emacsclient", "nano", "joe", "less", "more", "kak", "micro")
)
"""Programs that begin at the line of ``+LINE``."""

_MAX_LINES: Final = 1_000_000


class OpenOptions(IndexOptions):
    """The options of ``newsgrep open``."""

    names: tuple[str, ...]
    file: bool


@click.command("open", cls=Command, short_help="Open articles in the browser or an editor.")
@click.argument(
    "names", metavar="ARTICLE...", nargs=-1, required=True, shell_complete=completing("article")
)
@click.option(
    "--file", is_flag=True, help="Open the file in $VISUAL, $EDITOR or $PAGER, not the address."
)
@indexes_option
@pass_options(OpenOptions)
def open_command(options: OpenOptions) -> int:
    """Open an article's address in the browser, or its file in an editor.

    ARTICLE is a number, id, path, address or title as for newsgrep show. An article without an
    address is opened as a file. The editor begins at the first line that matches the last search.
    Files of many records are opened at the record where it is a line.

    \b
    newsgrep open 3
    newsgrep open 3 --file
    """
    with options.index.open() as engine:
        articles, missing = find_articles(engine, options.index, options.names)
    for article in articles:
        link = None if options.file else web_link(article.url)
        if link:
            _open_address(link)
        else:
            _open_file(article, searched_texts(options))
    for message in missing:
        print_message(message)
    return 1 if missing else 0


def _open_address(link: str) -> None:
    write(one_line(link))
    sys.stdout.flush()
    import webbrowser  # the only command that starts one

    if not webbrowser.open(link):
        raise InputError(
            "No browser was found. The address is printed above; set BROWSER to a program for it."
        )


def _open_file(article: Article, texts: list[TextNode]) -> None:
    path, locator = split_locator(article.path)
    # In an index that somebody has made up, it may look like an option of the editor.
    path = os.path.abspath(path)  # noqa: PTH100  (a string of any bytes)
    if not os.path.isfile(path):  # noqa: PTH113  (a string of any bytes)
        raise InputError(
            "There is no file {path} any more. newsgrep show {id} prints the "
            "article as it was indexed.",
            path=quote_path(path),
            id=article.id,
        )
    chosen = os.environ.get("VISUAL") or os.environ.get("EDITOR") or os.environ.get("PAGER")
    program = _split_command(chosen) if chosen else _pager()
    name = os.path.basename(program[0]) if program else ""  # noqa: PTH119  (likewise)
    line = int(locator[1:]) if locator[:1] == ":" and locator[1:].isdigit() else 0
    line = line or _first_line(path, texts)
    jump = [f"+{line}"] if line > 1 and name in _JUMPS else []
    try:
        # The user's own editor
        status = subprocess.run([*program, *jump, path], check=False).returncode  # noqa: S603
    except OSError as exc:
        raise InputError(
            "Cannot start {chosen} ({reason}). Set EDITOR to another program.",
            chosen=one_line(chosen or name),
            reason=system_reason(exc),
        ) from exc
    if status:
        raise InputError(
            "{chosen} failed with status {status}.", chosen=one_line(chosen or name), status=status
        )


def _split_command(text: str) -> list[str]:
    """Return program and arguments; on Windows a backslash belongs to a path."""
    if not IS_WINDOWS:
        return shlex.split(text)
    if shutil.which(text):  # C:\\Program Files\\…, which is often set without quotes
        return [text]
    return [part.strip('"') for part in shlex.split(text, posix=False)]


def _pager() -> list[str]:
    found = next(filter(None, map(shutil.which, _PAGERS)), None)
    if found is None:
        raise InputError("No editor is known. Set EDITOR to a program that shows files.")
    return [found]


def _first_line(path: str, texts: list[TextNode]) -> int:
    """Return the number of the first line with one of ``texts``, or 0."""
    if not texts:
        return 0
    from newsgrep.extraction.decode import decode
    from newsgrep.indexing.preparing import read_file

    try:
        _, data = read_file(path, 2**26)
    except OSError:
        return 0
    lines = decode(data).text.splitlines() if data else []
    for number, line in enumerate(islice(lines, _MAX_LINES), 1):
        if find_matches(fold(line), texts, Field.BODY):
            return number
    return 0
