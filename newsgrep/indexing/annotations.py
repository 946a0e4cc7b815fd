"""Collections of articles, and notes on articles: what a user adds to an archive.

They are kept beside the saved queries, in :attr:`Index.personal_folder`, in a file of text that
people can read, compare and edit: JSON Lines, a line for each article in the order of ids. An id is
that of the article's address, so it is the same in every index; title, address and path are there
for people. Nothing here is lost when an index is rebuilt or deleted, and an article that is not in
the index keeps its line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from newsgrep._io import encode_json, read_regular, write_atomically
from newsgrep.errors import InputError, UsageError
from newsgrep.indexing.manifest import ANNOTATIONS_FILE
from newsgrep.indexing.store import Index
from newsgrep.messages import message, system_reason
from newsgrep.models import Article
from newsgrep.query.lexer import name_key

_VERSION: Final = 1
_COLLECTION_NAME: Final = re.compile(r"\w[\w.-]{0,47}")
MAX_NOTE: Final = 100_000
"""Characters of a note."""


class Annotation(NamedTuple):
    """What a user has added to one article: the collections that it is in, and a note."""

    id: str
    title: str
    url: str | None
    path: str
    collections: tuple[str, ...] = ()
    note: str = ""


def read_annotations(index: Index) -> dict[str, Annotation]:
    """Return the annotations by the article's id; raises :class:`InputError` for a wrong file."""
    if len(index.parts) > 1:
        merged: dict[str, Annotation] = {}
        for part in index.parts:
            for each in read_annotations(part).values():
                before = merged.get(each.id, each)
                names = dict.fromkeys((*before.collections, *each.collections))
                note = before.note or each.note
                merged[each.id] = before._replace(collections=tuple(names), note=note)
        return merged
    path = index.personal_folder / ANNOTATIONS_FILE
    try:
        lines = read_regular(path).decode("utf-8").split("\n")
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as exc:
        raise _unreadable(path, system_reason(exc)) from exc
    except ValueError as exc:
        raise _unreadable(path, message("it is not UTF-8")) from exc
    found: dict[str, Annotation] = {}
    for number, line in enumerate(lines, 1):
        if line.strip():
            each = _read_line(path, number, line)
            if number == 1:
                if not isinstance(each, dict) or each.get("version") != _VERSION:
                    raise _unreadable(
                        path,
                        message("its first line is not the version {version}", version=_VERSION),
                    )
            else:
                annotation = _annotation(path, number, each)
                found[annotation.id] = annotation
    return found


def _read_line(path: Path, number: int, line: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as exc:
        raise _unreadable(path, message("line {count} is not valid JSON", count=number)) from exc


def _annotation(path: Path, number: int, value: Any) -> Annotation:
    """Return the annotation on a line, which a user may have edited."""
    if isinstance(value, dict):
        names, note = value.get("in", []), value.get("note", "")
        texts = [value.get("id"), value.get("title", ""), value.get("path", ""), note]
        url = value.get("url")
        is_valid = all(isinstance(text, str) for text in texts) and isinstance(names, list)
        if is_valid and value["id"] and (url is None or isinstance(url, str)):
            wrong = [name for name in names if not _is_name(name)]
            if wrong:
                raise _unreadable(
                    path, message("line {count} has an invalid name of a collection", count=number)
                )
            return Annotation(value["id"], texts[1], url, texts[2], tuple(names), note)
    raise _unreadable(path, message("line {count} is not an article with an id", count=number))


def _is_name(name: object) -> bool:
    return isinstance(name, str) and _COLLECTION_NAME.fullmatch(name) is not None


def _unreadable(path: Path, why: str) -> InputError:
    return InputError(
        "{path} can't be read ({why}). Repair that line, or delete it.", path=path, why=why
    )


def read_collections(index: Index) -> dict[str, tuple[str, ...]]:
    """Return the ids in each collection, by name; an empty collection does not exist."""
    found: dict[str, list[str]] = {}
    for each in read_annotations(index).values():
        for name in each.collections:
            found.setdefault(name, []).append(each.id)
    return {name: tuple(sorted(ids)) for name, ids in sorted(found.items())}


# Changes


def add_to_collection(index: Index, name: str, articles: Iterable[Article]) -> int:
    """Add ``articles`` to the collection ``name``; return how many were not in it.

    Raises :class:`UsageError` for an invalid name.
    """
    if not _is_name(name):
        raise UsageError(
            "“{name}” is not a valid name of a collection: use up to 48 letters, digits, - _ and "
            "., such as 渔业-2024.",
            name=name,
        )
    added = 0

    def change(known: dict[str, Annotation]) -> None:
        nonlocal added
        spelled = _spelling(known, name) or name
        for article in articles:
            before = known.get(article.id) or Annotation(article.id, "", None, "")
            names = before.collections
            if spelled not in names:
                added += 1
                names = (*names, spelled)
            known[article.id] = _describe(before, article)._replace(collections=names)

    _update(index, change)
    return added


def remove_from_collection(index: Index, name: str, ids: Iterable[str] | None) -> int:
    """Remove the articles with ``ids`` from a collection, ``None`` all; return how many there were.

    Raises :class:`UsageError` if there is no such collection.
    """
    removed = 0

    def change(known: dict[str, Annotation]) -> None:
        nonlocal removed
        spelled = _spelling(known, name)
        if spelled is None:
            raise UsageError(
                "There is no collection “{name}”: list all with newsgrep collect.", name=name
            )
        for i in list(known if ids is None else ids):
            each = known.get(i)
            if each and spelled in each.collections:
                removed += 1
                kept = tuple(other for other in each.collections if other != spelled)
                known[i] = each._replace(collections=kept)

    _update(index, change)
    return removed


def write_note(index: Index, article: Article, text: str) -> None:
    """Replace the note on ``article``; an empty text removes it.

    Raises :class:`UsageError` for a note that is too long.
    """
    if len(text) > MAX_NOTE:
        raise UsageError(
            "The note has {count:,} characters, more than {max_note:,}. Shorten it.",
            count=len(text),
            max_note=MAX_NOTE,
        )

    def change(known: dict[str, Annotation]) -> None:
        before = known.get(article.id) or Annotation(article.id, "", None, "")
        known[article.id] = _describe(before, article)._replace(note=text)

    _update(index, change)


def merge_annotations(index: Index, others: Mapping[str, Annotation]) -> None:
    """Add the annotations of another index to those of this one; notes of it replace others."""
    if not others:
        return

    def change(known: dict[str, Annotation]) -> None:
        for i, each in others.items():
            own = known.get(i)
            names = dict.fromkeys((*(own.collections if own else ()), *each.collections))
            note = each.note or (own.note if own else "")
            known[i] = each._replace(collections=tuple(names), note=note)

    _update(index, change, must_exist=False)


def _describe(annotation: Annotation, article: Article) -> Annotation:
    return annotation._replace(title=article.title, url=article.url, path=article.path)


def _spelling(known: Mapping[str, Annotation], name: str) -> str | None:
    key = name_key(name)
    names = (each for annotation in known.values() for each in annotation.collections)
    return next((each for each in names if name_key(each) == key), None)


def _update(
    index: Index, change: Callable[[dict[str, Annotation]], None], *, must_exist: bool = True
) -> None:
    from newsgrep.indexing.lock import personal_lock  # searches only read, without a lock

    if must_exist:
        index.read_manifest(any_analyser=True)  # nothing is kept without an index
    folder = index.personal_folder
    with personal_lock(folder, message("The collections of the index {where}", where=index.where)):
        known = read_annotations(index)
        change(known)
        lines = [encode_json({"version": _VERSION})]
        for each in sorted(known.values()):
            if each.collections or each.note:
                value = {**each._asdict(), "in": each.collections}
                del value["collections"]
                lines.append(encode_json(value))
        write_atomically(folder / ANNOTATIONS_FILE, ("\n".join(lines) + "\n").encode())
