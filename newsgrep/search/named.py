"""The articles that names mean: ids and their beginnings, addresses, paths, titles.

Also the bytes of the record that an article was extracted from, as its file contains it now.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

from newsgrep.analysis.characters import fold
from newsgrep.engines.base import Engine, EngineRequest
from newsgrep.errors import InputError, NoArticle, UsageError
from newsgrep.extraction.walk import spelled_path
from newsgrep.indexing.plan import STREAM
from newsgrep.messages import message, system_reason
from newsgrep.models import SHORT_ID, Article, FileRecord, Status
from newsgrep.query.ast import Field, LocationContains, LocationField
from newsgrep.query.lexer import normalize
from newsgrep.query.parser import make_phrase
from newsgrep.terminal import count_noun, one_line, quote_path, truncate

if TYPE_CHECKING:
    from newsgrep.extraction.records.base import Source

ID: Final = re.compile("[a-z2-7]{12}")
ID_START: Final = re.compile("[a-z2-7]{4,11}")
NUMBER: Final = re.compile("[0-9]{1,6}")
ADDRESS: Final = re.compile("https?://", re.IGNORECASE)
NO_HITS: Final[Mapping[int, tuple[str, str]]] = MappingProxyType({})
_MAX_TITLES: Final = 20
_MAX_ARTICLE_FILE: Final = 2**26

_LOCATOR = re.compile(r"[:@#](?:[^/]+/)?-?[0-9]+|!/.+", re.DOTALL)
_LOCATOR_SIGN = re.compile(r"[:@#]|!/")


def split_locator(name: str) -> tuple[str, str]:
    """Return the file that ``name`` means, and the locator of a record in it or "".

    ``dump.jsonl:12`` is a record of ``dump.jsonl`` unless there is a file of the whole name.
    """
    if not os.path.lexists(name):
        for sign in _LOCATOR_SIGN.finditer(name):
            file, locator = name[: sign.start()], name[sign.start() :]
            if _LOCATOR.fullmatch(locator) and os.path.isfile(file):  # noqa: PTH113  (a string of any bytes)
                return file, locator
    return name, ""


def _stored_path(name: str) -> str:
    """Return the path of the file record that ``name`` means."""
    if name.startswith(f"{STREAM}!/"):
        return name
    file, locator = split_locator(name)
    return spelled_path(file) + locator


def find_article(
    engine: Engine,
    name: str,
    shown: Mapping[int, tuple[str, str]] = NO_HITS,
    *,
    titles: bool = True,
) -> Article | None:
    """Return the one indexed article that ``name`` means, or ``None``; a title only if ``titles``.

    A name is, in this order: the number of a hit in ``shown`` (ids and titles), an id, an address
    on the web, the path of a file or of a record in one, at least four characters of the start of
    an id, and a title or a part of one. A file of many records names an article if it contains
    only one. Raises :class:`UsageError` if several articles have such an id or title.
    """
    name = name.strip()
    if not name:
        return None
    if NUMBER.fullmatch(name) and (hit := shown.get(int(name))):
        if found := engine.get([hit[0]]):
            return found[0]
        raise UsageError(
            "Hit {name} of the last search, “{hit}”, is not in the index any more. Search again.",
            name=name,
            hit=one_line(hit[1]),
        )
    if found := engine.get([name if os.path.lexists(name) else name.lower()]):
        return found[0]
    if ADDRESS.match(name):
        return _find_by_url(engine, name)
    start = name.lower()
    if not titles and ID.fullmatch(start) and not os.path.lexists(name):
        return None  # a whole id: no file record has to be read
    path = _stored_path(name)
    ids: set[str] = set()
    starting = dict.fromkeys(i for i, _ in shown.values() if i.startswith(start))
    is_start = bool(ID_START.fullmatch(start))
    if len(starting) == 1 and len(start) >= SHORT_ID:
        return next(iter(engine.get(starting)), None)  # as it is on the screen: nothing is read
    for record in engine.file_records():
        article_id = record.article_id
        if article_id is None:
            continue
        if record.path == path:
            ids = {article_id}
            break
        if record.locator and len(ids) < 2 and record.file == path:
            ids.add(article_id)
        if is_start and article_id.startswith(start):
            starting[article_id] = None
    if ids:
        return next(iter(engine.get(ids)), None) if len(ids) == 1 else None
    if is_start and starting:
        return _only(
            engine.get(starting),
            message("Several articles begin with {start}. Write more of the id", start=start),
        )
    # A number that is not one of a hit is a mistake, and not a part of a title.
    if not titles or NUMBER.fullmatch(name) or os.path.lexists(split_locator(name)[0]):
        return None
    return _find_by_title(engine, name)


def _find_by_url(engine: Engine, url: str) -> Article | None:
    from newsgrep.extraction.identity import article_id, canonical_url

    if found := engine.get([article_id(url, "")]):
        return found[0]
    wanted = canonical_url(url)
    query = LocationContains(LocationField.URL, fold(wanted))
    near = engine.get(each.id for each in engine.search(EngineRequest(query, limit=50)).candidates)
    same = [each for each in near if each.url and canonical_url(each.url) == wanted]
    return _only(same, message("Several articles have this address. Name the id of one"))


def _find_by_title(engine: Engine, title: str) -> Article | None:
    """Return the article with this title, or else the only one whose title contains it."""
    phrase = make_phrase(title, Field.TITLE)
    if not phrase.literal:
        return None
    page = engine.search(EngineRequest(phrase, limit=_MAX_TITLES))
    found = engine.get(each.id for each in page.candidates)
    equal = [each for each in found if fold(normalize(each.title)) == phrase.literal]
    return _only(
        equal or found, message("Several articles have this in their title. Name the id of one")
    )


def _only(found: Sequence[Article], problem: str) -> Article | None:
    """Return the only one of ``found``; raises :class:`UsageError` that lists several."""
    if len(found) < 2:
        return found[0] if found else None
    listed = "; ".join(f"{each.id} {truncate(one_line(each.title), 40)}" for each in found[:5])
    more = "; …" if len(found) > 5 else ""
    raise UsageError("{problem}: {listed}", problem=problem, listed=f"{listed}{more}")


def describe_missing(engine: Engine, name: str, where: str) -> str:
    """Return why :func:`find_article` finds no article ``name`` in the index ``where``."""
    path = _stored_path(name)
    shown = quote_path(name)
    count, first = 0, ""
    for record in engine.file_records():
        if record.path == path and record.status is Status.REJECTED:
            return message(
                "No article in {shown}: {reason}. newsgrep extract {shown} shows it.",
                shown=shown,
                reason=record.reason,
            )
        if record.locator and record.article_id and record.file == path:
            count += 1
            first = first or record.locator
    if count:
        return message(
            "{shown} contains {articles}. Name one of them, such as "
            "{name}; newsgrep search --json shows ids and paths.",
            shown=shown,
            articles=count_noun(count, "article"),
            name=quote_path(name + first),
        )
    if NUMBER.fullmatch(name):
        return message(
            "The last search has no hit {name}. Search again, or name an id or a path: "
            "newsgrep search --json shows them.",
            name=name,
        )
    return message(
        "No article with the id, path, address or title {name} {where}. "
        "newsgrep search --json shows ids and paths.",
        name=one_line(name),
        where=where,
    )


def read_article_file(name: str, outlets_file: Path | None = None) -> Article:
    """Return the article in a file or a record of one, which need not be indexed.

    ``outlets_file`` has the user's own outlet rules.
    Raises :class:`InputError` with the reason if it has no article or cannot be read.
    """
    from newsgrep.extraction.outlets import load_outlets
    from newsgrep.extraction.pipeline import extract_article, extract_record
    from newsgrep.extraction.records.base import DEFAULT_OPTIONS
    from newsgrep.indexing.containers import read_located
    from newsgrep.indexing.preparing import read_file

    file, locator = split_locator(name)
    path = spelled_path(file)
    try:
        outlets = load_outlets(outlets_file)
        if locator:
            mtime = os.stat(path).st_mtime  # noqa: PTH116  (likewise)
            for record, _ in read_located(path, [locator], DEFAULT_OPTIONS):
                return extract_record(record, path, outlets=outlets, mtime=mtime)
            raise ValueError(message("it has no such record"))
        status, data = read_file(path, _MAX_ARTICLE_FILE)
        if data is None:
            raise ValueError(message("larger than 64M"))
        return extract_article(path, data, outlets=outlets, mtime=status.st_mtime)
    except (OSError, ValueError, NoArticle) as exc:
        reason = system_reason(exc)
        raise InputError(
            "Cannot read an article from {name}: {reason}. Name another file, or an id.",
            name=quote_path(name),
            reason=reason,
        ) from exc


def open_file(name: str) -> tuple[Source, str | None, float]:
    """Return the file that ``name`` means, the locator of a record in it, and its time.

    The time is in seconds since the epoch. Raises :class:`InputError` if it cannot be read.
    """
    from newsgrep.extraction.records.base import file_source

    file, found = split_locator(name)
    locator = found or None
    path = spelled_path(file)
    try:
        status = os.stat(path)  # noqa: PTH116  (likewise)
        if stat.S_ISDIR(status.st_mode):
            raise InputError(
                "{name} is a folder. Name files in it, such as {value}/*.html",
                name=name,
                value=name.rstrip("/"),
            )
        return file_source(Path(path)), locator, status.st_mtime
    except FileNotFoundError as exc:
        raise InputError("No file {name}. Name an existing file.", name=name) from exc
    except (OSError, ValueError) as exc:
        reason = system_reason(exc)
        raise InputError(
            "Cannot read {name}: {reason}. Name another file.", name=name, reason=reason
        ) from exc


class RawRecord(NamedTuple):
    """The bytes of a record or a file, and whether they are those that were indexed."""

    data: bytes
    is_unchanged: bool


def read_raw(engine: Engine, article: Article) -> RawRecord:
    """Return the record that ``article`` was extracted from, as its file contains it now.

    A page in a web archive is what the server sent, without the encoding of its transfer; a row
    of a table is a JSON object. Raises :class:`InputError` if it cannot be read.
    """
    from newsgrep.extraction.records.base import ReadOptions
    from newsgrep.indexing.containers import digests_of, read_located, unpack_ledger

    known, container = _find_file_records(engine, article.path)
    if known.file == STREAM:
        raise InputError(
            "{path} was read from standard input, which is not stored. "
            "newsgrep show {id} prints the article.",
            path=quote_path(article.path),
            id=article.id,
        )
    ledger = unpack_ledger(container.ledger if container else "")
    options = ReadOptions(ledger.fields, ledger.query)
    try:
        for record, _ in read_located(known.file, [known.locator], options):
            return RawRecord(record.data, known.digest in digests_of(record, ledger.fields))
        raise ValueError(message("it does not contain the record any more"))
    except (OSError, ValueError) as exc:
        reason = system_reason(exc)
        raise InputError(
            "Cannot read {path}: {reason}. newsgrep show {id} prints "
            "the article as it was indexed.",
            path=quote_path(article.path),
            reason=reason,
            id=article.id,
        ) from exc


def _find_file_records(engine: Engine, path: str) -> tuple[FileRecord, FileRecord | None]:
    """Return the file record at ``path``, and that of the file of many records it is in."""
    own: FileRecord | None = None
    containers: dict[str, FileRecord] = {}
    for record in engine.file_records():
        if record.path == path:
            own = record
        elif record.status is Status.CONTAINER and path.startswith(record.path):
            containers[record.path] = record
    if own is None:  # a damaged index, or one that another process has changed
        raise InputError(
            "The index has no file record of {path}. Run newsgrep doctor.", path=quote_path(path)
        )
    return own, containers.get(own.file)
