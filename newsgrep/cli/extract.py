"""``newsgrep extract``: show what newsgrep takes from files, without an index."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import click

from newsgrep.cli.file_options import (
    expanded_paths,
    field_names_option,
    outlet_rules_file,
    sql_option,
)
from newsgrep.cli.main import Command
from newsgrep.cli.options import pass_options
from newsgrep.cli.output import (
    OutputFormat,
    OutputOptions,
    Rendering,
    draw,
    output_options,
    print_message,
    print_paged,
    print_result,
    screen,
)
from newsgrep.errors import InputError, NoArticle, UsageError
from newsgrep.extraction.extraction import Extraction, extract_records
from newsgrep.extraction.formats import format_names
from newsgrep.extraction.outlets import Outlets, load_outlets
from newsgrep.extraction.records.base import (
    ReadOptions,
    ReadReport,
    Source,
    UnknownFormat,
    list_others,
    stream_source,
    without_records,
)
from newsgrep.messages import _, message, plural, system_reason
from newsgrep.search.named import open_file
from newsgrep.terminal import count_noun, one_line
from newsgrep.views import SCHEMA_VERSION
from newsgrep.views.article import display_path
from newsgrep.views.extraction import to_json, to_jsonl, to_text

_STDIN: Final = "-"
_DEFAULT_FORMAT: Final = "text"
_FORMATS: Final = message("a file name that ends in .txt, .md, .markdown, .html or .htm")
_MAX_LISTED: Final = 20
"""Records without an article that are listed; the others are counted."""


class ExtractOptions(OutputOptions):
    """The options of ``newsgrep extract``."""

    files: tuple[str, ...]
    url: str | None
    format_name: str | None
    outlets: Path | None
    field_names: Mapping[str, str]
    sql: str | None
    explain: bool

    def validate(self) -> None:
        """Raise :class:`UsageError` for one address of several files."""
        super().validate()
        if self.url is not None:
            if len(self.files) > 1:
                raise UsageError("--url is the address of one file. Name one FILE.")
            if not self.url.lower().startswith(("http://", "https://")):
                raise UsageError(
                    "--url {url} is not a web address. Begin it with https://",
                    url=one_line(self.url),
                )
        if self.files.count(_STDIN) > 1:
            raise UsageError("Standard input can be read once. Name - once.")


@click.command("extract", cls=Command, short_help="Show what newsgrep takes from a file.")
@click.argument(
    "files", type=click.Path(), metavar="FILE...", nargs=-1, required=True, callback=expanded_paths
)
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
@field_names_option
@sql_option
@click.option("--explain", is_flag=True, help="Show all claims and blocks, and why they lost.")
@output_options(OutputFormat.JSON, OutputFormat.JSONL)
@pass_options(ExtractOptions)
def extract_command(options: ExtractOptions) -> int:
    """Show what newsgrep takes from FILE, or from standard input (-), without an index.

    A file may have many records: a dump in JSON or CSV, a database, a feed, a mailbox, a crawl or
    an archive. FILE:12 is one of them, by the locator that newsgrep prints.

    Prints the fields of the article, where each was found, and the body. --explain prints every
    claim about a field with its rank (smaller is better evidence) and why it lost, and every
    block of text: in the body (+), in another field (=), or left out (-) with the rule that did
    it. This is how to correct a date or to write an outlet rule.

    \b
    newsgrep extract page.html
    newsgrep extract page.html --explain
    newsgrep extract page.html --outlets draft.toml --explain
    newsgrep extract dump.jsonl:12 --map title=headline,body=content_text
    newsgrep extract --jsonl crawl.warc.gz | jq -r .title
    newsgrep extract *.html --json | jq -r '.records[].article.published'
    curl -s https://news.example/1 | newsgrep extract - --url https://news.example/1
    """
    if options.outlets is not None and not options.outlets.exists():
        raise InputError(
            "No outlet rules in {outlets}. Name another file.", outlets=options.outlets
        )
    run = _Run(options, load_outlets(options.outlets or outlet_rules_file()))
    explain = options.explain
    if options.output is OutputFormat.TEXT and options.pager and sys.stdout.isatty():
        print_paged(to_text(run.extractions(), screen(), explain=explain), color=options.use_color)
    else:
        print_result(
            Rendering(
                text=lambda: to_text(run.extractions(), screen(), explain=explain),
                drawn=draw(lambda: to_text(run.extractions(), screen(), explain=explain)),
                json=lambda: to_json(run.extractions()),
                jsonl=run.lines,
            ),
            options,
        )
    return run.finish()


class _Run:
    """The records of all files, one after the other, and how many of them are articles."""

    def __init__(self, options: ExtractOptions, outlets: Outlets) -> None:
        self._options = options
        self._outlets = outlets
        self._articles = 0
        self._without: list[Extraction] = []
        self._without_count = 0
        self._errors: list[str] = []
        self._others: Counter[str] = Counter()
        self._closing = ExitStack()

    def extractions(self) -> Iterator[Extraction]:
        """Yield what each record contains; errors are kept for :meth:`finish`."""
        for name in self._options.files:
            yield from self._of_file(name)

    def _of_file(self, name: str) -> Iterator[Extraction]:
        try:
            for each in self._records(name):
                if each.article:
                    self._articles += 1
                else:
                    self._without_count += 1
                    if len(self._without) < _MAX_LISTED:
                        self._without.append(each)
                yield each
        except InputError as exc:
            self._errors.append(str(exc))

    def lines(self) -> Iterator[Mapping[str, Any]]:
        """Yield an object for each record, and for each file that cannot be read."""
        if self._options.explain:
            for each in self.extractions():
                yield {"version": SCHEMA_VERSION, **each.to_dict()}
            return
        for name in self._options.files:
            errors = len(self._errors)
            yield from to_jsonl(self._of_file(name))
            for reason in self._errors[errors:]:
                yield from to_jsonl([Extraction(name, "", reason=reason)])

    def _records(self, name: str) -> Iterator[Extraction]:
        options = self._options
        what = message("standard input") if name == _STDIN else name
        source, locator, mtime = _open(name, self._closing)
        path = _STDIN if name == _STDIN else str(source.path)
        report = ReadReport()
        records = extract_records(
            path,
            source,
            outlets=self._outlets,
            mtime=mtime,
            url=options.url,
            format_name=options.format_name,
            options=ReadOptions(options.field_names, options.sql, report),
            locator=locator,
            default_format=_DEFAULT_FORMAT if name == _STDIN else None,
            traced=options.explain or options.output is not OutputFormat.JSONL,
        )
        found = False
        try:
            for each in records:
                if each.locator is None and each.encoding is None:
                    raise InputError(
                        "Cannot read {what}: {reason}. Name a file with articles.",
                        what=what,
                        reason=each.reason,
                    )
                found = True
                yield each
        except NoArticle as exc:
            if isinstance(exc, UnknownFormat) and not found:
                raise InputError(
                    "Cannot read {what}: {reason}. Name its format with --format, or {formats}.",
                    what=what,
                    reason=exc,
                    formats=_FORMATS,
                ) from exc
            raise InputError("Cannot read {what}: {reason}.", what=what, reason=exc) from exc
        except (OSError, ValueError) as exc:
            reason = system_reason(exc)
            raise InputError(
                "Cannot read {what}: {reason}. Name another file.", what=what, reason=reason
            ) from exc
        self._others.update(report.others)
        if not found:
            raise InputError(
                message(
                    "No record {locator} in {path}. Name another, or the whole file.",
                    locator=locator,
                    path=source.path,
                )
                if locator
                else message(
                    "Cannot read {what}: {others}. Name another file.",
                    what=what,
                    others=without_records(report.others),
                )
            )

    def finish(self) -> int:
        """Print what was not read, and return the exit status."""
        self._closing.close()
        for error in self._errors:
            print_message(error)
        for each in self._without:
            text = message(
                "No article in {path}: {reason}.",
                path=display_path(each.path + (each.locator or "")),
                reason=each.reason,
            )
            if not self._options.explain:
                text = message("{problem} --explain shows what was left out.", problem=text)
            print_message(text)
        if more := self._without_count - len(self._without):
            print_message(
                plural(
                    "No article in {count:,} more record.",
                    "No article in {count:,} more records.",
                    more,
                )
            )
        if self._others:
            print_message(
                _(
                    "Not shown: {records}: {others}.",
                    records=count_noun(self._others.total(), "other record"),
                    others=list_others(self._others),
                )
            )
        if self._errors:
            return 2
        return 0 if self._articles else 1


def _open(name: str, closing: ExitStack) -> tuple[Source, str | None, float]:
    """Return the file that ``name`` means, the locator of a record in it, and its time.

    ``closing`` closes it. Raises :class:`InputError` if it cannot be read.
    """
    if name == _STDIN:
        try:
            source = closing.enter_context(stream_source(sys.stdin.buffer))
        except OSError as exc:
            raise InputError(
                "Cannot read standard input: {reason}. Save it as a file, and name that.",
                reason=system_reason(exc),
            ) from exc
        return source, None, 0.0
    return open_file(name)
