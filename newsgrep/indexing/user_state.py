"""What a user creates: saved queries, and which articles were shown as new.

It is stored apart from what can be rebuilt, in :attr:`Index.personal_folder`; what an older
newsgrep stored in the index is read there until it is written for the first time. Saved queries are
in one JSON file that people can read. For each of them, another file has the articles that were
in the index when it was last searched for new ones, as eight bytes of a digest of each id; an
article that was seen once stays seen.
"""

from __future__ import annotations

import json
import re
import struct
import sys
from array import array
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Final, NamedTuple
from zlib import crc32

from newsgrep._io import encode_json, read_regular, safe_file_name, write_atomically
from newsgrep.errors import InputError, QueryError, UsageError
from newsgrep.indexing.annotations import read_collections
from newsgrep.indexing.manifest import SAVED_FILE, SEEN_FOLDER
from newsgrep.indexing.store import Index
from newsgrep.messages import message, system_reason
from newsgrep.query.lexer import name_key
from newsgrep.query.parser import LoadCollections, parse

_SAVED_VERSION: Final = 1
_QUERY_NAME: Final = re.compile(r"\w[\w.-]{0,47}")


def read_saved(index: Index) -> dict[str, str]:
    """Return the saved queries of the index by name, in the order of names.

    Of several indexes, the first one that has a name counts. Raises :class:`InputError` if their
    file is invalid.
    """
    if len(index.parts) > 1:
        found = [read_saved(part) for part in reversed(index.parts)]
        return {name: text for each in found for name, text in each.items()}
    path = _stored_at(index, SAVED_FILE)
    try:
        stored = json.loads(read_regular(path).decode("utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as exc:
        raise _unreadable(path, system_reason(exc)) from exc
    except json.JSONDecodeError as exc:
        raise _unreadable(
            path, message("line {lineno} is not valid JSON", lineno=exc.lineno)
        ) from exc
    except (ValueError, RecursionError) as exc:  # not UTF-8, long numbers, deep nesting
        raise _unreadable(path, message("it is not valid JSON")) from exc
    if not isinstance(stored, dict) or stored.get("version") != _SAVED_VERSION:
        raise _unreadable(
            path, message("its version is not {saved_version}", saved_version=_SAVED_VERSION)
        )
    queries = stored.get("queries")
    if not isinstance(queries, dict):
        raise _unreadable(path, message("it contains no “queries”"))
    for name, text in queries.items():
        if not isinstance(text, str):
            raise _unreadable(path, message("the query “{name}” is not a string", name=name))
        if not _QUERY_NAME.fullmatch(name):
            raise _unreadable(path, message("“{name}” is not a valid name of a query", name=name))
    return dict(sorted(queries.items()))


def _unreadable(path: Path, why: str) -> InputError:
    return InputError(
        "{path} can't be read ({why}): repair it, or delete it and save the queries again.",
        path=path,
        why=why,
    )


def _stored_at(index: Index, name: str) -> Path:
    """Return the path of a user's file ``name``, in the former folder if it is only there."""
    path = index.personal_folder / name
    former = index.former_personal_folder
    if former and not path.exists() and (former / name).exists():
        return former / name
    return path


def seen_folder(index: Index) -> Path:
    """Return the folder of what ``newsgrep new`` has shown, and create it.

    What an older newsgrep remembered in the index is copied. Raises ``OSError`` if it can't be
    created.
    """
    index.copy_personal_files()
    folder = index.personal_folder / SEEN_FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def seen_file_name(name: str) -> str:
    """Return the name of the file of what was shown of the saved query ``name``."""
    return safe_file_name(f"{name_key(name)}.seen")


def find_seen(index: Index, name: str) -> SeenArticles | None:
    """Return what ``newsgrep new`` has shown of the saved query ``name``, and create nothing.

    ``None`` if it has never been shown. Raises :class:`InputError` as :func:`read_seen` does.
    """
    return read_seen(_stored_at(index, SEEN_FOLDER) / seen_file_name(name))


def save_query(index: Index, name: str, text: str, *, replace: bool = False) -> None:
    """Save the query ``text`` as ``name``.

    Raises :class:`QueryError` for an invalid query, and :class:`UsageError` for an invalid
    name, for a name that exists unless ``replace`` is given, and if another saved query became
    invalid by it.
    """
    _check_name(name)

    def change(queries: dict[str, str]) -> None:
        taken = _stored_spelling(queries, name)
        if taken and not replace:
            raise UsageError(
                "There is already a saved query “{taken}”: replace it with --replace.", taken=taken
            )
        if taken:
            del queries[taken]
        queries[name] = text
        parse(text, saved=lambda: queries, collections=partial(read_collections, index))

    _update_saved(index, change)


def remove_query(index: Index, name: str) -> str:
    """Remove the saved query ``name``, and return how it was spelled.

    Raises :class:`UsageError` if there is none, and if another saved query names it.
    """
    taken = ""

    def change(queries: dict[str, str]) -> None:
        nonlocal taken
        taken = saved_name(queries, name)
        del queries[taken]

    _update_saved(index, change)
    return taken


def saved_name(queries: Mapping[str, str], name: str) -> str:
    """Return the stored spelling of ``name``; raises :class:`UsageError` if it is unknown."""
    if spelled := _stored_spelling(queries, name):
        return spelled
    raise UsageError(
        "There is no saved query “{name}”: list all with newsgrep saved list.", name=name
    )


def _stored_spelling(queries: Mapping[str, str], name: str) -> str | None:
    key = name_key(name)
    return next((known for known in queries if name_key(known) == key), None)


def _check_name(name: str) -> None:
    if not _QUERY_NAME.fullmatch(name):
        raise UsageError(
            "“{name}” is not a valid name of a query: use up to 48 letters, digits, - _ and ., "
            "such as 渔业-2024.",
            name=name,
        )


def merge_saved(index: Index, queries: Mapping[str, str]) -> None:
    """Save ``queries`` of another index in this one; they replace those with equal names."""
    if not queries:
        return
    keys = set(map(name_key, queries))

    def change(own: dict[str, str]) -> None:
        for name in [name for name in own if name_key(name) in keys]:
            del own[name]
        own.update(queries)

    _rewrite_saved(index, change)


def _update_saved(index: Index, change: Callable[[dict[str, str]], None]) -> None:
    index.read_manifest(any_analyser=True)  # nothing is saved without an index
    _rewrite_saved(index, change)


def _rewrite_saved(index: Index, change: Callable[[dict[str, str]], None]) -> None:
    from newsgrep.indexing.lock import personal_lock  # searches only read, without a lock

    folder = index.personal_folder
    with personal_lock(
        folder, message("The saved queries of the index {where}", where=index.where)
    ):
        before = read_saved(index)
        after = dict(before)
        change(after)
        collections = partial(read_collections, index)
        for name in _unparsable(after, collections) - _unparsable(before, collections):
            raise UsageError(
                "The saved query “{name}” uses this one and would become invalid: remove or "
                "replace it first.",
                name=name,
            )
        stored = {"version": _SAVED_VERSION, "queries": dict(sorted(after.items()))}
        write_atomically(folder / SAVED_FILE, (encode_json(stored, indent=2) + "\n").encode())


def _unparsable(queries: dict[str, str], collections: LoadCollections) -> set[str]:
    wrong = set()
    for name, text in queries.items():
        try:
            parse(text, saved=lambda: queries, collections=collections)
        except QueryError:
            wrong.add(name)
    return wrong


_MAGIC: Final = b"newsgrep seen 1\n"
_HEADER: Final = struct.Struct("<QQ")  # commit, how many articles
_CHECKSUM: Final = struct.Struct("<I")


class SeenArticles(NamedTuple):
    """The keys of the articles that were seen, and the commit that was searched last."""

    commit: int
    articles: frozenset[int]


def article_key(article_id: str) -> int:
    """Return a key for an id: in 300,000 archives of ten million articles, one has equal keys."""
    digest = blake2b(article_id.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little")


def read_seen(path: Path) -> SeenArticles | None:
    """Return the contents of the file at ``path``, ``None`` if there is none.

    Raises :class:`InputError` if it is damaged or can't be read.
    """
    try:
        data = read_regular(path)
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise InputError(
            "{path} can't be read ({reason}): ask its owner, or name another folder with --state.",
            path=path,
            reason=system_reason(exc),
        ) from exc
    body = data[len(_MAGIC) : -_CHECKSUM.size]
    numbers = array("Q")
    try:
        if data[: len(_MAGIC)] != _MAGIC or data[-_CHECKSUM.size :] != _CHECKSUM.pack(crc32(body)):
            raise ValueError(message("other bytes than were written"))
        commit, count = _HEADER.unpack_from(body)
        numbers.frombytes(body[_HEADER.size :])
        if len(numbers) != count:
            raise ValueError(message("another length than was written"))
    except (ValueError, struct.error) as exc:
        raise InputError(
            "{path} is damaged, so new articles can't be determined: delete it, and the next run "
            "starts from the beginning (with --all it reports all articles).",
            path=path,
        ) from exc
    return SeenArticles(commit, frozenset(_little_endian(numbers)))


def write_seen(path: Path, commit: int, articles: Iterable[int]) -> None:
    """Write what was seen to ``path``; it is on the disk when this returns."""
    numbers = array("Q", sorted(articles))
    body = _HEADER.pack(commit, len(numbers)) + _little_endian(numbers).tobytes()
    write_atomically(path, _MAGIC + body + _CHECKSUM.pack(crc32(body)))


def _little_endian(numbers: array[int]) -> array[int]:
    if sys.byteorder == "big":  # pragma: no cover  (files are little-endian)
        numbers = array("Q", numbers)
        numbers.byteswap()
    return numbers
