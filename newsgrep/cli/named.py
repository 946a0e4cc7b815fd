"""The articles that arguments name: by number, id, path, address or title."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from newsgrep.analysis.fold import fold
from newsgrep.cli.file_options import outlet_rules_file
from newsgrep.cli.options import QueryOptions
from newsgrep.cli.output import last_search
from newsgrep.engines.base import Engine, EngineRequest
from newsgrep.errors import InputError, NoArticle, UsageError
from newsgrep.indexing.plan import STREAM
from newsgrep.indexing.store import Index
from newsgrep.models import Article, FileRecord, Status
from newsgrep.query.ast import Field, LocationContains, LocationField
from newsgrep.query.lexer import normalize
from newsgrep.query.parser import make_phrase
from newsgrep.terminal import count_noun, one_line, quote_path, truncate
from newsgrep.views.article import SHORT_ID

_ID: Final = re.compile("[a-z2-7]{12}")
_ID_START: Final = re.compile("[a-z2-7]{4,11}")
_NUMBER: Final = re.compile("[0-9]{1,6}")
_RANGE: Final = re.compile("([0-9]{1,6})-([0-9]{1,6})")
_ADDRESS: Final = re.compile("https?://", re.IGNORECASE)
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
    return os.path.abspath(file) + locator  # noqa: PTH100  (paths in an index are strings of any bytes)


def looks_like_article(text: str) -> bool:
    """Return whether ``text`` has the form of an id or names an existing file or a record in it."""
    return bool(_ID.fullmatch(text)) or os.path.lexists(split_locator(text)[0])


def find_article(engine: Engine, index: Index, name: str, *, titles: bool = True) -> Article | None:
    """Return the one indexed article that ``name`` means, or ``None``; a title only if ``titles``.

    A name is, in this order: the number of a hit of the last search, an id, an address on the
    web, the path of a file or of a record in one, at least four characters of the start of an id,
    and a title or a part of one. A file of many records names an article if it contains only one.
    Raises :class:`UsageError` if several articles have such an id or title.
    """
    name = name.strip()
    if not name:
        return None
    shown = last_search(index)
    if _NUMBER.fullmatch(name) and (hit := shown.hits.get(int(name))):
        if found := engine.get([hit[0]]):
            return found[0]
        raise UsageError(
            f"Hit {name} of the last search, “{one_line(hit[1])}”, is not in the index any more. "
            "Search again."
        )
    if found := engine.get([name if os.path.lexists(name) else name.lower()]):
        return found[0]
    if _ADDRESS.match(name):
        return _find_by_url(engine, name)
    start = name.lower()
    path = _stored_path(name)
    ids: set[str] = set()
    starting = dict.fromkeys(i for i, _ in shown.hits.values() if i.startswith(start))
    is_start = bool(_ID_START.fullmatch(start))
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
        return _only(engine.get(starting), f"begin with {start}", "Write more of the id")
    if not titles or os.path.lexists(split_locator(name)[0]):
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
    return _only(same, "have this address", "Name the id of one")


def _find_by_title(engine: Engine, title: str) -> Article | None:
    """Return the article with this title, or else the only one whose title contains it."""
    phrase = make_phrase(title, Field.TITLE)
    if not phrase.literal:
        return None
    page = engine.search(EngineRequest(phrase, limit=_MAX_TITLES))
    found = engine.get(each.id for each in page.candidates)
    equal = [each for each in found if fold(normalize(each.title)) == phrase.literal]
    return _only(equal or found, "have this in their title", "Name the id of one")


def _only(found: Sequence[Article], what: str, advice: str) -> Article | None:
    """Return the only one of ``found``; raises :class:`UsageError` that lists several."""
    if len(found) < 2:
        return found[0] if found else None
    listed = "; ".join(f"{each.id} {truncate(one_line(each.title), 40)}" for each in found[:5])
    more = "; …" if len(found) > 5 else ""
    raise UsageError(f"Several articles {what}. {advice}: {listed}{more}")


def read_names(names: Iterable[str], index: Index) -> list[str]:
    """Return ``names`` with ranges of numbers spelled out, and what standard input has for ``-``.

    A line of standard input is a name, or a JSON object with an ``id``, as ``--jsonl`` prints it.
    Raises :class:`InputError` if there is no name in it.
    """
    found: list[str] = []
    for name in names:
        numbers = _RANGE.fullmatch(name)
        if name == "-":
            found += _names_on_input()
        elif numbers and not os.path.lexists(name):
            first, last = int(numbers[1]), int(numbers[2])
            within = [n for n in last_search(index).hits if first <= n <= last]
            found += [name] if not within else map(str, within)
        else:
            found.append(name)
    return list(dict.fromkeys(found))


def _names_on_input() -> list[str]:
    names = []
    for line in sys.stdin.buffer.read().split(b"\n"):
        text = os.fsdecode(line).strip()
        if text.startswith("{"):
            try:
                each = json.loads(text)["id"]
            except (ValueError, LookupError, TypeError, RecursionError) as exc:
                raise InputError(
                    f"A line of standard input is not a JSON object with an id: "
                    f"{truncate(one_line(text), 40)}. Write one id, path or object per line."
                ) from exc
            names.append(str(each))
        elif text:
            names.append(text)
    if not names:
        raise InputError("Standard input contains no id or path. Write one per line.")
    return names


def find_articles(engine: Engine, index: Index, names: Iterable[str]) -> FoundArticles:
    """Return the articles that ``names`` mean, each once, and why others are not found."""
    found: dict[str, Article] = {}
    missing = []
    for name in read_names(names, index):
        try:
            article = find_article(engine, index, name)
        except UsageError as exc:
            missing.append(str(exc))
            continue
        if article is None:
            missing.append(describe_missing(engine, name, index.where))
        else:
            found.setdefault(article.id, article)
    return FoundArticles(list(found.values()), missing)


def find_all_named(engine: Engine, index: Index, words: Sequence[str]) -> FoundArticles | None:
    """Return the articles if ``words`` name articles, and ``None`` if they are a query.

    Names are numbers of the last search, six or more characters of ids, addresses and paths. Words
    are names only if all of them are.
    """
    if "-" not in words and not all(_looks_like_name(index, word) for word in words):
        return None
    names = read_names(words, index)
    found = {name: find_article(engine, index, name, titles=False) for name in names}
    if "-" not in words and not all(found.values()):
        return None
    missing = [describe_missing(engine, n, index.where) for n, each in found.items() if not each]
    unique = {each.id: each for each in found.values() if each}
    return FoundArticles(list(unique.values()), missing)


def find_all_chosen(engine: Engine, options: QueryOptions) -> FoundArticles | None:
    """Return :func:`find_all_named` of the words of ``options``.

    Raises :class:`UsageError` if they name articles and there are options for queries.
    """
    found = find_all_named(engine, options.index, options.words) if options.words else None
    if found and (option := options.only_for_queries):
        raise UsageError(
            f"{option} narrows a query, but {one_line(' '.join(options.words))} names articles. "
            f"Leave {option} out."
        )
    return found


def _looks_like_name(index: Index, word: str) -> bool:
    if numbers := _NUMBER.fullmatch(word) or _RANGE.fullmatch(word):
        return int(numbers[0].partition("-")[0]) in last_search(index).hits
    return (
        bool(_ID.fullmatch(word.lower()))
        or (len(word) >= SHORT_ID and bool(_ID_START.fullmatch(word.lower())))
        or bool(_ADDRESS.match(word))
        or os.path.lexists(split_locator(word)[0])
    )


class FoundArticles(NamedTuple):
    """Articles in the order of their names, and a message for each name without one."""

    articles: list[Article]
    missing: list[str]


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
    if _NUMBER.fullmatch(name):
        return (
            f"The last search has no hit {name}. Search again, or name an id or a path: "
            "newsgrep search --json shows them."
        )
    return (
        f"No article with the id, path, address or title {one_line(name)} {where}. "
        "newsgrep search --json shows ids and paths."
    )


def read_article_file(name: str) -> Article:
    """Return the article in a file or a record of one, which need not be indexed.

    Raises :class:`InputError` with the reason if it has no article or cannot be read.
    """
    from newsgrep.extraction.outlets import load_outlets
    from newsgrep.extraction.pipeline import extract_article, extract_record
    from newsgrep.extraction.records.base import DEFAULT_OPTIONS
    from newsgrep.indexing.containers import read_located
    from newsgrep.indexing.preparing import read_file

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
    from newsgrep.extraction.records.base import ReadOptions
    from newsgrep.indexing.containers import digests_of, read_located, unpack_ledger

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
