"""Everything that an index on a server holds is read and compared with what it should be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from newsgrep.engines.base import Problem
from newsgrep.engines.clauses.clause import AllOf, Clause, Has
from newsgrep.engines.clauses.fields import BODY, CAPTION, ID, LEVELS, TITLE, WORDS, fields_of
from newsgrep.engines.entry import make_entry
from newsgrep.engines.opensearch.asking import MOST_LEAVES
from newsgrep.engines.opensearch.connection import Connection
from newsgrep.engines.opensearch.kept import everything_in
from newsgrep.engines.opensearch.mapping import Names
from newsgrep.engines.opensearch.state import ailments
from newsgrep.engines.opensearch.view import View
from newsgrep.models import Article, Stamp

_TOGETHER: Final = 50
"""Articles whose terms are asked for at once."""


def problems(connection: Connection, names: Names, *, deep: bool) -> Iterator[Problem]:
    """Yield what is wrong."""
    found = list(ailments(connection, names))
    yield from (Problem(each.sentence, in_data=False) for each in found)
    if not any(each.lost for each in found):  # or else no question has an answer
        yield from map(Problem, _documents(connection, names, deep=deep))


def _documents(connection: Connection, names: Names, *, deep: bool) -> Iterator[str]:
    view = View(connection, names.articles)
    some: list[tuple[Article, Stamp]] = []
    try:
        for item in everything_in(connection, names):
            match item:
                case (None, _):
                    continue
                case (Article() as article, stamp):
                    if article.id != stamp.article_id:
                        yield f"The article {article.id} is kept as {stamp.article_id}."
                    elif deep:
                        some.append((article, stamp))
                case (path,):
                    yield f"The article from {path or 'an unknown file'} can't be read."
            if len(some) == _TOGETHER:
                yield from _terms(view, some)
                some.clear()
        yield from _terms(view, some)
    finally:
        view.close()


def _terms(view: View, articles: Sequence[tuple[Article, Stamp]]) -> Iterator[str]:
    """Ask the server whether each article has every token that its text has."""
    asked: list[tuple[Article, Clause]] = []
    for article, stamp in articles:
        texts = fields_of(make_entry(article, stamp)).texts
        tokens = [
            Has(field, token)
            for field in (TITLE, BODY, CAPTION, WORDS, LEVELS)
            for token in dict.fromkeys(texts[field].split(" "))
            if token
        ]
        own = Has(ID, article.id)
        # At least once, for an article without any text.
        for first in range(0, len(tokens) or 1, MOST_LEAVES - 1):
            part = tokens[first : first + MOST_LEAVES - 1]
            asked.append((article, AllOf((own, *part))))
    counts = view.counts([clause for _, clause in asked])
    wrong = {each.id for (each, _), count in zip(asked, counts, strict=True) if count != 1}
    for article_id in sorted(wrong):
        yield f"The terms of the article {article_id} are not those of its text."
