"""The articles that arguments name: by number, id, path, address or title."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from newsgrep.cli.options import IndexOptions, QueryOptions
from newsgrep.cli.output import last_search
from newsgrep.engines.base import Engine
from newsgrep.errors import InputError, QueryError, UsageError
from newsgrep.indexing.store import Index
from newsgrep.models import SHORT_ID, Article
from newsgrep.query.ast import TextNode, positive_texts
from newsgrep.search import named
from newsgrep.search.named import ADDRESS, ID, ID_START, NUMBER, describe_missing, split_locator
from newsgrep.terminal import one_line, truncate

_RANGE: Final = re.compile("([0-9]{1,6})-([0-9]{1,6})")


def find_article(engine: Engine, index: Index, name: str, *, titles: bool = True) -> Article | None:
    """Return :func:`newsgrep.search.named.find_article`; numbers are those of the last search."""
    return named.find_article(engine, name, last_search(index).hits, titles=titles)


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
                    "A line of standard input is not a JSON object with an id: "
                    "{text}. Write one id, path or object per line.",
                    text=truncate(one_line(text), 40),
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
    if "-" not in words and not all(looks_like_name(index, word) for word in words):
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
            "{option} narrows a query, but {words} names articles. Leave {option} out.",
            option=option,
            words=one_line(" ".join(options.words)),
        )
    return found


def looks_like_name(index: Index, word: str) -> bool:
    """Return whether ``word`` has the form of an article's name: titles have none."""
    if numbers := NUMBER.fullmatch(word) or _RANGE.fullmatch(word):
        return int(numbers[0].partition("-")[0]) in last_search(index).hits
    return (
        bool(ID.fullmatch(word.lower()))
        or (len(word) >= SHORT_ID and bool(ID_START.fullmatch(word.lower())))
        or bool(ADDRESS.match(word))
        or os.path.lexists(split_locator(word)[0])
    )


class FoundArticles(NamedTuple):
    """Articles in the order of their names, and a message for each name without one."""

    articles: list[Article]
    missing: list[str]


def is_hit_number(name: str) -> bool:
    """Return whether ``name`` is the number of a hit, or a range of numbers."""
    return bool(NUMBER.fullmatch(name) or _RANGE.fullmatch(name))


def searched_texts(options: IndexOptions) -> list[TextNode]:
    """Return the texts of the last search of the index, to highlight them or to jump to them."""
    query = last_search(options.index).query
    try:
        return positive_texts(options.parse(query).root) if query else []
    except QueryError:  # a regular expression, which was searched for as such
        return []
