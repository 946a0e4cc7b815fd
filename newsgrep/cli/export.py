"""``newsgrep export``: all matches with their texts, and which articles a command takes."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import IO, Final

import click

from newsgrep._io import encode_json, replace_file, write_atomically
from newsgrep.cli.main import QueryCommand
from newsgrep.cli.options import (
    QueryOptions,
    enum_option,
    indexes_option,
    optional_query_options,
    order_option,
    pass_options,
)
from newsgrep.cli.output import (
    print_message,
    report_no_match,
    show_scan,
)
from newsgrep.engines.base import Engine, Order, count_matches
from newsgrep.errors import InputError, UsageError
from newsgrep.messages import _, plural, system_reason
from newsgrep.query.ast import describe
from newsgrep.query.parser import Query
from newsgrep.search.selection import Sample, Stored, iter_stored, select_ids
from newsgrep.terminal import one_line, quote_path, sanitize, write_streaming
from newsgrep.views import CsvForm, listing
from newsgrep.views.citation import CitationStyle, Cited, citation_lines, index_digest
from newsgrep.views.listing import (
    Provenance,
    file_name,
    markdown_file,
    markdown_lines,
    provenance_line,
    provenance_to_json,
)
from newsgrep.views.table import csv_lines


class SelectionOptions(QueryOptions):
    """A query, and which of its matches to take in which order."""

    sort: Order
    limit: int | None
    sample: int | None
    seed: str
    columns: str

    def validate(self) -> None:
        """Raise :class:`UsageError` for ``--sample`` with ``-n``."""
        super().validate()
        if self.sample and self.limit:
            raise UsageError("--sample and -n exclude each other. Use one of them.")

    def select(self, engine: Engine, query: Query) -> Iterator[str]:
        """Yield the ids of the selected articles."""
        sample = Sample(self.sample, self.seed) if self.sample else None
        return select_ids(engine, query.root, self.sort, self.limit, sample)

    def provenance(self, engine: Engine, query: Query, exported: int) -> Provenance:
        """Return by what the articles were selected, after ``exported`` of them were written."""
        return Provenance(
            query=self.text,
            parsed=describe(query.root),
            sort=self.sort.value,
            limit=self.limit,
            sample=self.sample,
            seed=self.seed if self.sample else None,
            index=", ".join(
                os.path.abspath(str(part)) if part.is_local else str(part)  # noqa: PTH100
                for part in self.index.parts
            ),
            commit=engine.commit(),
            articles=count_matches(engine),
            matching=count_matches(engine, query.root),
            exported=exported,
            time=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        )


def selection_options(command: Callable[..., int]) -> Callable[..., int]:
    """Add the fields of :class:`SelectionOptions`."""
    for decorate in (
        click.option(
            "--columns",
            metavar="NAMES",
            default="",
            help="Columns of CSV and JSON Lines, separated by commas.",
        ),
        click.option(
            "--seed",
            metavar="TEXT",
            default="1",
            show_default=True,
            help="Choose another random sample.",
        ),
        click.option(
            "--sample",
            type=click.IntRange(min=1),
            metavar="N",
            help="Choose N matches at random, the same ones each time.",
        ),
        click.option(
            "-n",
            "--limit",
            type=click.IntRange(min=1),
            metavar="N",
            help="At most N articles.  [default: all]",
        ),
        order_option,
        optional_query_options,
    ):
        command = decorate(command)
    return command


# export


class ExportFormat(StrEnum):
    """The formats of ``newsgrep export``."""

    JSONL = "jsonl"
    CSV = "csv"
    MARKDOWN = "md"
    BIBTEX = "bibtex"
    RIS = "ris"
    CSL = "csl"


_WITH_COLUMNS: Final = {ExportFormat.JSONL, ExportFormat.CSV}
_PROVENANCE: Final = "provenance.json"
_STANDARD_OUTPUT: Final = Path("-")


class ExportOptions(SelectionOptions):
    """The options of ``newsgrep export``."""

    to: ExportFormat
    file: Path | None
    folder: Path | None
    replace: bool
    bom: bool

    def validate(self) -> None:
        """Raise :class:`UsageError` for options that the format does not have."""
        super().validate()
        if self.folder and (self.file or self.to is not ExportFormat.MARKDOWN):
            raise UsageError("--dir writes Markdown files: use --to md, and leave --output out.")
        if self.replace and not self.folder:
            raise UsageError("--replace needs --dir. Add it, or leave --replace out.")
        if self.columns and self.to not in _WITH_COLUMNS:
            raise UsageError("--columns works with --to csv and --to jsonl only.")
        if self.bom and self.to is not ExportFormat.CSV:
            raise UsageError("--bom works with --to csv only.")


@click.command("export", cls=QueryCommand, short_help="Write all matches with their texts.")
@selection_options
@enum_option(
    "--to",
    choices=ExportFormat,
    default=ExportFormat.JSONL.value,
    show_default=True,
    help="Format; bibtex, ris and csl are for reference managers.",
)
@click.option(
    "-o",
    "--output",
    "file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write to FILE, and where it comes from to FILE.provenance.json; - is standard output.",
)
@click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="With --to md: write a file for each article to the new folder DIR.",
)
@click.option(
    "--replace", is_flag=True, help="With --dir: replace an earlier export, which is in DIR."
)
@click.option("--bom", is_flag=True, help="With --to csv: begin with a byte order mark, for Excel.")
@indexes_option
@pass_options(ExportOptions)
def export_command(options: ExportOptions) -> int:
    """Write all articles that match QUERY, with their texts; without QUERY, all of the index.

    Articles are written as they are read, so an export may be of any size. The last line on
    standard error says where they come from: query, index, commit, version and time.

    Columns are id, title, source, published, precision, authors, tags, url, path, fetched,
    file_time, characters, captions, notes, digest and body.

    \b
    newsgrep export 联合声明 > statements.jsonl
    newsgrep export 渔业 --since 2024 --to csv -o fishery.csv
    newsgrep export 渔业 --to md --dir fishery/
    newsgrep export 渔业 --to bibtex > fishery.bib
    newsgrep export --sample 200 --to csv --columns id,title,body
    """
    query = options.query()
    columns = listing.parse_columns(options.columns) if options.columns else ()
    file = None if options.file == _STANDARD_OUTPUT else options.file
    folder = options.folder and _ExportFolder(options.folder, replace=options.replace)
    with options.index.open() as engine, show_scan(options.scan):
        counter = _Counter()
        stored = counter.count(iter_stored(engine, options.select(engine, query)))
        if folder:
            folder.write(stored)
        else:
            lines = _export_lines(stored, options, columns)
            if file:
                _write_file(lines, file)
            else:
                write_streaming(lines)
        provenance = options.provenance(engine, query, counter.number)
        if not counter.number:
            report_no_match(engine, query.root, describe(query.root), options.index)
            return 1
    beside = folder.path / _PROVENANCE if folder else None
    if file and file.is_file():
        beside = file.with_name(f"{file.name}.{_PROVENANCE}")
    if beside:
        text = encode_json(provenance_to_json(provenance), indent=2) + "\n"
        write_atomically(beside, text.encode())
    print_message(_("exported {provenance}", provenance=provenance_line(provenance)))
    if folder and folder.deleted:
        print_message(
            plural(
                "deleted {count:,} file of the earlier export",
                "deleted {count:,} files of the earlier export",
                folder.deleted,
            )
        )
    return 0


class _Counter:
    """Counts articles while they are written."""

    def __init__(self) -> None:
        self.number = 0

    def count(self, stored: Iterable[Stored]) -> Iterator[Stored]:
        for each in stored:
            self.number += 1
            yield each


def _export_lines(
    stored: Iterable[Stored], options: ExportOptions, columns: tuple[str, ...]
) -> Iterator[str]:
    """Return the export as lines, without the line feed that ends each."""
    match options.to:
        case ExportFormat.JSONL:
            return map(encode_json, listing.to_jsonl(stored, columns=columns))
        case ExportFormat.CSV:
            form = CsvForm.EXCEL if options.bom else CsvForm.SAFE
            return csv_lines(
                listing.to_csv(stored, columns=columns or listing.EXPORT_COLUMNS), form
            )
        case ExportFormat.MARKDOWN:
            return map(sanitize, markdown_lines(each.article for each in stored))
        case _:
            cited = (Cited(each.article, index_digest(each.file_record)) for each in stored)
            return citation_lines(cited, CitationStyle(options.to.value), encode_json)


def _write_file(lines: Iterable[str], path: Path) -> None:
    """Write ``lines`` to ``path``: a regular file appears when it is complete."""
    with _new_file(path) as stream:
        for line in lines:
            stream.write(f"{line}\n".encode("utf-8", "replace"))


@contextmanager
def _new_file(path: Path) -> Iterator[IO[bytes]]:
    draft = None
    try:
        whole = path.resolve()  # a link stays a link
        if whole.exists() and not whole.is_file():  # /dev/stdout, a named pipe: never replaced
            with path.open("wb") as stream:
                yield stream
            return
        draft = whole.with_name(f".{whole.name[:200]}.{os.getpid()}.part")
        with draft.open("xb") as stream:
            yield stream
        replace_file(draft, whole)
    except OSError as exc:
        raise InputError(
            "Cannot write {path} ({reason}). Name another file.",
            path=quote_path(str(path)),
            reason=system_reason(exc),
        ) from exc
    finally:
        if draft:
            with suppress(OSError):
                draft.unlink()


_OWN_NAME: Final = re.compile(r".*-([a-z2-7]{6})\.md", re.DOTALL)
_FRONT_MATTER: Final = 2**16
"""Bytes of a Markdown file in which its front matter is searched for an id."""


class _ExportFolder:
    """A folder of Markdown files: a new one, or one whose earlier export is replaced.

    ``deleted`` counts files of the earlier export that the new one does not contain.
    """

    def __init__(self, path: Path, *, replace: bool) -> None:
        """Create the folder; raises :class:`InputError` if it contains what must not change."""
        self.path = path
        self.deleted = 0
        self._earlier: set[str] = set()
        shown = quote_path(str(path))
        try:
            path.mkdir(parents=True, exist_ok=True)
            present = {each.name for each in path.iterdir()}
            if _PROVENANCE in present and replace:
                self._earlier = set(filter(self._is_exported, present))
        except OSError as exc:
            raise InputError(
                "Cannot write to {shown} ({reason}). Name another folder.",
                shown=shown,
                reason=system_reason(exc),
            ) from exc
        if _PROVENANCE in present and not replace:
            raise InputError(
                "{shown} contains an earlier export{path}. "
                "Replace it with --replace, or name a new folder.",
                shown=shown,
                path=_describe_export(path / _PROVENANCE),
            )
        if present and _PROVENANCE not in present:
            raise InputError(
                "{shown} is not empty, and not an earlier export. Name a new folder.", shown=shown
            )

    def _is_exported(self, name: str) -> bool:
        """Return whether a file has the name and the front matter of an export."""
        own = _OWN_NAME.fullmatch(name)
        path = self.path / name
        if not own or path.is_symlink() or not path.is_file():
            return False
        with path.open("rb") as stream:
            start = stream.read(_FRONT_MATTER)
        return start.startswith(b"---\n") and f'\nid: "{own[1]}'.encode() in start

    def write(self, stored: Iterable[Stored]) -> None:
        """Write a file for each article, then delete what else the earlier export contains.

        Without an article nothing changes. Raises :class:`InputError`.
        """
        written = set()
        for article, _record in stored:
            name = file_name(article)
            path = self.path / name
            try:
                path.write_bytes(sanitize(markdown_file(article)).encode("utf-8", "replace"))
            except OSError as exc:
                raise InputError(
                    "Cannot write {path} ({reason}). Free some space, or name another folder.",
                    path=quote_path(str(path)),
                    reason=system_reason(exc),
                ) from exc
            written.add(name)
        if not written:
            with suppress(OSError):  # it is not empty
                self.path.rmdir()
            return
        for name in self._earlier - written:
            with suppress(OSError):
                (self.path / name).unlink()
                self.deleted += 1


def _describe_export(path: Path) -> str:
    """Return the query and the day of an export, in brackets, or "" for an unreadable file."""
    with suppress(OSError, ValueError, LookupError, TypeError):
        found = json.loads(path.read_bytes())
        return f" ({one_line(found['query']) or '*'}, {one_line(found['time'][:10])})"
    return ""
