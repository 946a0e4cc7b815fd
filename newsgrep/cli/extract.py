"""``newsgrep extract``: show what newsgrep takes from files, without an index."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path
from typing import Final

import click

from newsgrep.cli.options import (
    OutputFormat,
    OutputOptions,
    outlet_rules_file,
    output_options,
    pass_options,
)
from newsgrep.cli.output import Rendering, draw, print_message, print_paged, print_result, screen
from newsgrep.errors import InputError, NoArticle, UsageError
from newsgrep.extract.extraction import Extraction, extract_file
from newsgrep.extract.formats import format_names
from newsgrep.extract.outlets import Outlets, load_outlets
from newsgrep.index.workers import read_file
from newsgrep.terminal import one_line
from newsgrep.views.article import display_path
from newsgrep.views.extraction import to_json, to_text

_MAX_FILE: Final = 2**26
_STDIN: Final = "-"
_FORMATS: Final = "a file name that ends in .txt, .md, .markdown, .html or .htm"


class ExtractOptions(OutputOptions):
    """The options of ``newsgrep extract``."""

    files: tuple[str, ...]
    url: str | None
    format_name: str | None
    outlets: Path | None
    explain: bool
    pager: bool

    def validate(self) -> None:
        """Raise :class:`UsageError` for one address of several files."""
        super().validate()
        if self.url is not None:
            if len(self.files) > 1:
                raise UsageError("--url is the address of one file. Name one FILE.")
            if not self.url.lower().startswith(("http://", "https://")):
                raise UsageError(
                    f"--url {one_line(self.url)} is not a web address. Begin it with https://"
                )
        if self.files.count(_STDIN) > 1:
            raise UsageError("Standard input can be read once. Name - once.")


@click.command("extract", short_help="Show what newsgrep takes from a file.")
@click.argument("files", type=click.Path(), metavar="FILE...", nargs=-1, required=True)
@click.option("--url", metavar="URL", help="Address of the article, if FILE does not state it.")
@click.option(
    "--format",
    "format_name",
    type=click.Choice(format_names()),
    help="Read FILE in this format.  [default: by its name; text, which may contain HTML, for -]",
)
@click.option(
    "--outlets",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Use these outlet rules instead of your outlets.toml.",
)
@click.option("--explain", is_flag=True, help="Show all claims and blocks, and why they lost.")
@output_options(OutputFormat.JSON)
@click.option("--pager/--no-pager", default=True, help="Page the output on a terminal.")
@pass_options(ExtractOptions)
def extract_command(options: ExtractOptions) -> int:
    """Show what newsgrep takes from FILE, or from standard input (-), without an index.

    Prints the fields of the article, where each was found, and the body. --explain prints every
    claim about a field with its rank (smaller is better evidence) and why it lost, and every
    block of text: in the body (+), in another field (=), or left out (-) with the rule that did
    it. This is how to correct a date or to write an outlet rule.

    \b
    newsgrep extract page.html
    newsgrep extract page.html --explain
    newsgrep extract page.html --outlets draft.toml --explain
    newsgrep extract *.html --json | jq -r '.records[].article.published'
    curl -s https://news.example/1 | newsgrep extract - --url https://news.example/1
    """
    if options.outlets is not None and not options.outlets.exists():
        raise InputError(f"No outlet rules in {options.outlets}. Name another file.")
    outlets = load_outlets(options.outlets or outlet_rules_file())
    failed = False
    extractions: list[Extraction] = []
    for name in options.files:
        try:
            extractions.append(_extract(name, options, outlets))
        except InputError as exc:
            failed = True
            print_message(str(exc))
    paged = options.output is OutputFormat.TEXT and options.pager and sys.stdout.isatty()
    if extractions and paged:
        print_paged(
            to_text(extractions, screen(), explain=options.explain), color=options.use_color
        )
    elif extractions:
        print_result(
            Rendering(
                text=lambda: to_text(extractions, screen(), explain=options.explain),
                drawn=draw(lambda: to_text(extractions, screen(), explain=options.explain)),
                json=lambda: to_json(extractions),
            ),
            options,
        )
    for each in extractions:
        if each.article is None:
            hint = "" if options.explain else " --explain shows what was left out."
            print_message(f"No article in {display_path(each.path)}: {each.reason}.{hint}")
    if failed:
        return 2
    return 0 if any(each.article for each in extractions) else 1


def _extract(name: str, options: ExtractOptions, outlets: Outlets) -> Extraction:
    """Return what the file ``name`` contains; raises :class:`InputError` if it is not readable."""
    format_name = options.format_name
    if name == _STDIN:
        data = sys.stdin.buffer.read(_MAX_FILE + 1)
        path, mtime, format_name = _STDIN, 0.0, format_name or "text"
        if len(data) > _MAX_FILE:
            raise InputError("Standard input is larger than 64M. Split it into articles.")
    else:
        path = os.path.abspath(name)  # noqa: PTH100  (a string of any bytes)
        status, data = _read(path, name)
        mtime = status.st_mtime
    try:
        extraction = extract_file(
            path, data, outlets=outlets, mtime=mtime, url=options.url, format_name=format_name
        )
    except NoArticle as exc:
        raise InputError(
            f"Cannot read {name}: {exc}. Name its format with --format, or {_FORMATS}."
        ) from exc
    if extraction.encoding is None:
        what = "standard input" if name == _STDIN else name
        raise InputError(f"Cannot read {what}: {extraction.reason}. Name a text or HTML file.")
    return extraction


def _read(path: str, name: str) -> tuple[os.stat_result, bytes]:
    try:
        if stat.S_ISDIR(os.stat(path).st_mode):  # noqa: PTH116  (a string of any bytes)
            raise InputError(
                f"{name} is a folder. Name files in it, such as {name.rstrip('/')}/*.html"
            )
        status, data = read_file(path, _MAX_FILE)
    except FileNotFoundError as exc:
        raise InputError(
            f"No file {name}. Name an existing file, or - for standard input."
        ) from exc
    except (OSError, ValueError) as exc:
        reason = getattr(exc, "strerror", None) or exc
        raise InputError(
            f"Cannot read {name}: {reason}. Name another file, or - for standard input."
        ) from exc
    if data is None:
        raise InputError(f"{name} is larger than 64M. Split it into articles.")
    return status, data
