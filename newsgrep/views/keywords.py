"""The telling words of an article, or of all articles that match a query.

An article's words are weighed by tf·idf with the frequencies of this archive; those of a
query by keyness, against all other articles of the archive.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final, NamedTuple

from newsgrep.engines.base import Engine, Order
from newsgrep.engines.bm25 import idf
from newsgrep.models import Article
from newsgrep.query.leaves import phrase
from newsgrep.query.tree import And, Everything, Node, scoring_terms
from newsgrep.text.fold import fold
from newsgrep.views.keyness import CHANCE, STATISTIC, signed_g2
from newsgrep.views.words import Text, names, spelled

READ: Final = 200
"""How many of the best articles are read for words; all that match are counted."""

FEW: Final = 5
"""Fewer articles than that have no frequencies to compare: their words are weighed one by one."""

TF_IDF: Final = "tf·idf in this archive"

_MOST_WORDS: Final = 2_000
_MOST_NAMES: Final = 25
SPELLINGS: Final = 100
"""Articles whose spelling of a word is looked at."""

_TITLE_WEIGHT: Final = 3


class Keyword(NamedTuple):
    """A telling word as the articles spell it.

    ``articles`` of those asked about have it, and ``elsewhere`` others of the archive. For
    words that are weighed one by one, ``times`` is how often it stands there.
    """

    word: str
    articles: int
    elsewhere: int
    score: float
    times: int | None = None


class Keywords(NamedTuple):
    """Telling words, the most telling first, and what was compared with what.

    ``statistic`` says what the scores are; ``articles`` were looked at, of which
    ``read`` were read for words, and ``others`` is the rest of the archive.
    """

    statistic: str
    articles: int
    read: int
    others: int
    words: tuple[Keyword, ...]


def of_article(engine: Engine, article: Article, limit: int) -> Keywords:
    """Return the words of one article, which may be one that is not in the index."""
    return _of_few(engine, [article], limit)


def of_query(engine: Engine, root: Node, limit: int) -> Keywords:
    """Return the words that articles matching ``root`` have oftener than all others do.

    The words that are asked for are left out: all of them have those.
    """
    page = engine.search(root, Order.RELEVANCE, READ)
    ids = [candidate.id for candidate in page.candidates]
    if page.total < FEW:
        asked = frozenset(scoring_terms(root))
        return _of_few(engine, engine.get(ids), limit, asked)
    everything = engine.search(Everything(), limit=0).total
    others = everything - page.total
    texts = [Text(title, body) for title, body in engine.folded(ids)]
    asked = frozenset(scoring_terms(root))
    counts = frequencies(engine, texts, root)
    whole = engine.document_frequencies(counts.keys())
    found = []
    for word, count in counts.items():
        elsewhere = (whole[word] or holding(engine, word)) - count
        score = signed_g2(count, page.total, elsewhere, others)
        if score >= CHANCE and not is_asked(word, asked):
            found.append(Keyword(word, count, elsewhere, score))
    words = in_spelling(foremost(found, limit), engine.get(ids[:SPELLINGS]))
    return Keywords(STATISTIC, page.total, len(ids), others, words)


def frequencies(engine: Engine, texts: list[Text], within: Node) -> dict[str, int]:
    """Return the words of ``texts`` and how many articles matching ``within`` have each.

    Of words that few of the texts have, there may be too many: the most frequent ones.
    """
    having: Counter[str] = Counter()
    for text in texts:
        having.update(text.words().keys())
    fewest = 2 if len(texts) > FEW else 1
    words = [word for word, count in having.most_common(_MOST_WORDS) if count >= fewest]
    counts = engine.document_frequencies(words, within)
    for name, _ in names(texts, fewest + 1).most_common(_MOST_NAMES):
        counts[name] = holding(engine, name, within)
    return counts


def holding(engine: Engine, name: str, within: Node | None = None) -> int:
    """Return how many articles hold a name, whether or not it is a word of the index."""
    node: Node = phrase(name)
    return engine.search(And((within, node)) if within else node, limit=0).total


def is_asked(word: str, asked: frozenset[str]) -> bool:
    """Return whether ``word`` is one of the terms asked for, a part of one, or holds one."""
    return any(word in term or term in word for term in asked if len(term) > 1) or word in asked


def _of_few(
    engine: Engine, articles: list[Article], limit: int, asked: frozenset[str] = frozenset()
) -> Keywords:
    """Weigh the words of a few articles by how often they stand there, and how rare they are."""
    everything = engine.search(Everything(), limit=0).total
    texts = [Text(fold(article.title), fold(article.body)) for article in articles]
    weights = _weights(texts)
    for name, count in names(texts, 2).most_common(_MOST_NAMES):
        weights[name] = count
    known = engine.document_frequencies(weights.keys())
    indexed = len(engine.get(article.id for article in articles))
    folded = [f"{fold(article.title)}\n{fold(article.body)}" for article in articles]
    found = []
    for word, weight in weights.items():
        having = known[word] or holding(engine, word)
        here = sum(word in text for text in folded)
        count = sum(text.count(word) for text in folded)
        score = weight * idf(max(everything, having), having)
        if not is_asked(word, asked):
            elsewhere = max(having - (here if indexed else 0), 0)
            found.append(Keyword(word, here, elsewhere, score, count))
    words = in_spelling(foremost(found, limit), articles)
    return Keywords(TF_IDF, len(articles), len(articles), everything - indexed, words)


def _weights(texts: Iterable[Text]) -> Counter[str]:
    weights: Counter[str] = Counter()
    for text in texts:
        words = text.words()
        weights.update(words)
        for run in text.title:
            weights.update({word: _TITLE_WEIGHT - 1 for word in run if word in words})
    return weights


_MOSTLY: Final = 0.6


def foremost(found: Iterable[Keyword], limit: int) -> list[Keyword]:
    """Return the best ``limit`` of ``found``, without mere parts of others.

    A word is a mere part of another one if most articles that have it have the other:
    every dictionary word is counted wherever it stands, also inside of longer ones.
    """
    ranked = sorted(found, key=lambda keyword: (-keyword.score, keyword.word))
    kept: list[Keyword] = []
    whole = [keyword for keyword in ranked[: limit * 10] if len(keyword.word) > 2]
    for keyword in ranked:
        if len(kept) >= limit:
            break
        if not any(
            keyword.word in other.word
            and keyword.word != other.word
            and other.articles >= _MOSTLY * keyword.articles
            and (other.times or 0) >= _MOSTLY * (keyword.times or 0)
            for other in whole
        ):
            kept.append(keyword)
    return kept


def in_spelling(found: Iterable[Keyword], articles: Iterable[Article]) -> tuple[Keyword, ...]:
    """Return the words, which are folded, as the articles mostly spell them."""
    written = [f"{article.title}\n{article.body}" for article in articles]
    texts = [(fold(text), text) for text in written]
    return tuple(keyword._replace(word=spelled(keyword.word, texts)) for keyword in found)
