"""The article that an argument ID|PATH names; a path may end in the locator of a record."""

from __future__ import annotations

import os
import re
from typing import Final, NamedTuple

from newsgrep.cli.options import outlet_rules_file
from newsgrep.engines.base import Engine
from newsgrep.errors import InputError, NoArticle
from newsgrep.index.plan import STREAM
from newsgrep.models import Article, FileRecord, Status
from newsgrep.terminal import count_noun, one_line, quote_path

_ID: Final = re.compile("[a-z2-7]{12}")
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
    return os.path.abspath(file) + locator  # noqa: PTH100  (paths in an index are strings of any bytes)


def looks_like_article(text: str) -> bool:
    """Return whether ``text`` has the form of an id or names an existing file or a record in it."""
    return bool(_ID.fullmatch(text)) or os.path.lexists(split_locator(text)[0])


def find_article(engine: Engine, name: str) -> Article | None:
    """Return the indexed article with the id ``name``, or from the file or record ``name``.

    A file of many records names an article if it contains only one.
    """
    if found := engine.get([name]):
        return found[0]
    path = _stored_path(name)
    ids: set[str] = set()
    for record in engine.file_records():
        if record.path == path and record.article_id:
            ids = {record.article_id}
            break
        if record.locator and record.article_id and len(ids) < 2 and record.file == path:
            ids.add(record.article_id)
    return next(iter(engine.get(ids)), None) if len(ids) == 1 else None


def describe_missing(engine: Engine, name: str, where: str) -> str:
    """Return why :func:`find_article` finds no article ``name`` in the index ``where``."""
    path = _stored_path(name)
    shown = quote_path(name)
    count, first = 0, ""
    for record in engine.file_records():
        if record.path == path and record.status is Status.REJECTED:
            return f"No article in {shown}: {record.reason}. newsgrep extract {shown} shows it."
        if record.locator and record.article_id and record.file == path:
            count += 1
            first = first or record.locator
    if count:
        return (
            f"{shown} contains {count_noun(count, 'article')}. Name one of them, such as "
            f"{quote_path(name + first)}; newsgrep search --json shows ids and paths."
        )
    return (
        f"No article with the id or path {one_line(name)} {where}. "
        "newsgrep search --json shows ids and paths."
    )


def read_article_file(name: str) -> Article:
    """Return the article in a file or a record of one, which need not be indexed.

    Raises :class:`InputError` with the reason if it has no article or cannot be read.
    """
    from newsgrep.extract.outlets import load_outlets
    from newsgrep.extract.pipeline import extract_article, extract_record
    from newsgrep.extract.records.base import DEFAULT_OPTIONS
    from newsgrep.index.containers import read_located
    from newsgrep.index.workers import read_file

    file, locator = split_locator(name)
    path = os.path.abspath(file)  # noqa: PTH100  (a string of any bytes)
    try:
        outlets = load_outlets(outlet_rules_file())
        if locator:
            mtime = os.stat(path).st_mtime  # noqa: PTH116  (likewise)
            for record, _ in read_located(path, [locator], DEFAULT_OPTIONS):
                return extract_record(record, path, outlets=outlets, mtime=mtime)
            raise ValueError("it has no such record")
        status, data = read_file(path, _MAX_ARTICLE_FILE)
        if data is None:
            raise ValueError("larger than 64M")
        return extract_article(path, data, outlets=outlets, mtime=status.st_mtime)
    except (OSError, ValueError, NoArticle) as exc:
        reason = getattr(exc, "strerror", None) or exc
        raise InputError(
            f"Cannot read an article from {quote_path(name)}: {reason}. "
            "Name another file, or an id."
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
    from newsgrep.extract.records.base import ReadOptions
    from newsgrep.index.containers import digests_of, read_located, unpack_ledger

    known, container = _find_file_records(engine, article.path)
    if known.file == STREAM:
        raise InputError(
            f"{quote_path(article.path)} was read from standard input, which is not stored. "
            f"newsgrep show {article.id} prints the article."
        )
    ledger = unpack_ledger(container.ledger if container else "")
    options = ReadOptions(ledger.fields, ledger.query)
    try:
        for record, _ in read_located(known.file, [known.locator], options):
            return RawRecord(record.data, known.digest in digests_of(record, ledger.fields))
        raise ValueError("it does not contain the record any more")
    except (OSError, ValueError) as exc:
        reason = getattr(exc, "strerror", None) or exc
        raise InputError(
            f"Cannot read {quote_path(article.path)}: {reason}. newsgrep show {article.id} prints "
            "the article as it was indexed."
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
            f"The index has no file record of {quote_path(path)}. Run newsgrep doctor."
        )
    return own, containers.get(own.file)
