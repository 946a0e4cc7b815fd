"""Options of commands that read files or write an index: which, how, and with what engine."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from newsgrep._io import IS_WINDOWS
from newsgrep.cli.output import print_message
from newsgrep.engines.registry import folder_engines, stores_in_folder
from newsgrep.messages import _
from newsgrep.terminal import one_line

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from newsgrep.analysis.user_dictionary import DictionaryFile, UserDictionary

_Command = TypeVar("_Command", bound=Callable[..., Any])

_SIZE: Final = re.compile(r"([0-9]{1,12})([KMG]?)", re.IGNORECASE)
_SIZE_UNITS: Final = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30}
_MAX_SIZE: Final = 2**30
"""A file is read into memory, and its parsers count to twice this number."""


def expanded_paths(
    _ctx: click.Context | None, _param: click.Parameter | None, paths: tuple[str, ...]
) -> tuple[str, ...]:
    """Return ``paths`` with patterns such as ``*.html`` replaced, which Windows does not do.

    This is a callback of Click. Queries are never expanded: ``~普京`` and ``普?`` are syntax.
    """
    if not IS_WINDOWS:
        return paths
    from glob import glob

    found: list[str] = []
    for path in map(os.path.expanduser, paths):
        is_pattern = not _PATTERN_SIGNS.isdisjoint(path) and not os.path.lexists(path)
        matching = sorted(glob(path)) if is_pattern else []  # noqa: PTH207  (a string)
        found += matching or [path]
    return tuple(found)


_PATTERN_SIGNS: Final = frozenset("*?[")


class SizeParam(click.ParamType[int]):
    """A number of bytes, written ``500K``, ``64M`` or ``1G``."""

    name = "size"

    def convert(
        self, value: str | int, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Return ``value`` in bytes; fails with a usage error if it is not a valid size."""
        if isinstance(value, int):
            return value
        match = _SIZE.fullmatch(value.strip())
        size = int(match[1]) * _SIZE_UNITS[match[2].upper()] if match else 0
        if not 0 < size <= _MAX_SIZE:
            self.fail(_("Write a size such as 500K, 64M or 1G, which is the maximum."), param, ctx)
        return size


max_file_size_option = click.option(
    "--max-file-size",
    type=SizeParam(),
    default="64M",
    show_default=True,
    help="Skip and list larger files; e.g. 500K or 64M, at most 1G.",
)

follow_option = click.option(
    "--follow", is_flag=True, help="Follow symbolic links that lead out of PATH."
)

sql_option = click.option(
    "--sql", metavar="QUERY", help="Read the rows of this query from SQLite files."
)


class VersionsParam(click.ParamType["int | None"]):
    """A number of versions, ``all`` or ``none``; all is ``None``."""

    name = "versions"

    def convert(
        self, value: str | int, param: click.Parameter | None, ctx: click.Context | None
    ) -> int | None:
        """Return the number; fails with a usage error if ``value`` is something else."""
        if isinstance(value, int) or value in _VERSION_LIMITS:
            return value if isinstance(value, int) else _VERSION_LIMITS[value]
        if not (value.isdecimal() and len(value) <= _MAX_DIGITS):
            self.fail(_("Write a number such as 5, or all, or none."), param, ctx)
        return int(value)


_VERSION_LIMITS: Final[Mapping[str, int | None]] = {"all": None, "none": 0}
_MAX_DIGITS: Final = 9

keep_versions_option = click.option(
    "--keep-versions",
    type=VersionsParam(),
    metavar="N|all|none",
    default="all",
    show_default=True,
    help="How many earlier versions to keep of each article that is written.",
)


class _FieldNames(click.ParamType[Mapping[str, str]]):
    """The names of fields in a dump: ``title=headline,body=content_text``."""

    name = "names"

    def convert(
        self,
        value: str | Mapping[str, str],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> Mapping[str, str]:
        """Return the names by the field of an article; fails for an unknown field."""
        if not isinstance(value, str):
            return value
        if not value:
            return {}
        from newsgrep.extraction.formats.field_names import FIELDS

        names = dict[str, str]()
        for each in value.split(","):
            field, equals, name = each.partition("=")
            if not equals or field.strip() not in FIELDS or not name.strip():
                self.fail(
                    _(
                        "{each!r} is not FIELD=NAME with one of the fields {fields}.",
                        each=one_line(each),
                        fields=", ".join(FIELDS),
                    ),
                    param,
                    ctx,
                )
            names[field.strip()] = name.strip()
        return names


field_names_option = click.option(
    "--map",
    "field_names",
    type=_FieldNames(),
    default="",
    metavar="FIELD=NAME,...",
    help="Names of fields in dumps, such as title=headline,body=content_text.",
)


class EngineParam(click.Choice[str]):
    """An engine for folders: one of newsgrep's own, or one that another package declares."""

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the name of the engine; a usage error if there is none for folders."""
        if value not in self.choices and stores_in_folder(value):
            return value
        return super().convert(value, param, ctx)


def engine_option(command: _Command) -> _Command:
    """Add ``--engine``: the engine of a new index."""
    return click.option(
        "--engine",
        type=EngineParam(folder_engines()),
        help="Engine of a new index folder. Must match an existing index.",
    )(command)


class DictionaryParam(click.ParamType["DictionaryFile"]):
    """A file with names and terms, which is read at once."""

    name = "file"

    def convert(
        self,
        value: str | DictionaryFile,
        param: click.Parameter | None,  # noqa: ARG002  (Click's interface)
        ctx: click.Context | None,  # noqa: ARG002
    ) -> DictionaryFile:
        """Return the dictionary in the file; raises :class:`InputError` if there is none."""
        from newsgrep.analysis.user_dictionary import read_user_dictionary

        if not isinstance(value, str):
            return value
        return read_user_dictionary(Path(value).expanduser())

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Let the shell complete file names."""
        return click.Path().shell_complete(ctx, param, incomplete)


def words_of(file: DictionaryFile | None, *, quiet: bool = False) -> UserDictionary | None:
    """Return the dictionary in ``file``; unless ``quiet``, print how many lines are not used."""
    if file is None:
        return None
    if not quiet and (note := file.note()):
        print_message(note)
    return file.dictionary


def dictionary_option(help_text: str) -> Callable[[_Command], _Command]:
    """Return the option ``--dictionary``: the user's names and terms."""
    return click.option("--dictionary", type=DictionaryParam(), metavar="FILE", help=help_text)


def wait_option(command: _Command) -> _Command:
    """Add ``--wait``: how long to wait for another writer."""
    return click.option(
        "--wait",
        type=click.FloatRange(min=0),
        metavar="SECONDS",
        default=0.0,
        help="Seconds to wait for another writer.  [default: 0]",
    )(command)


def jobs_option(command: _Command) -> _Command:
    """Add ``--jobs``: how many processes do the work."""
    return click.option(
        "--jobs",
        type=click.IntRange(min=1),
        metavar="N",
        default=lambda: os.cpu_count() or 1,
        show_default="number of processors",
        help="Number of worker processes.",
    )(command)


def outlet_rules_file() -> Path | None:
    """Return the file with the user's own outlet rules, if there is one."""
    path = Path(click.get_app_dir("newsgrep")) / "outlets.toml"
    return path if path.exists() else None
