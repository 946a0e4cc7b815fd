"""Keywords: the words that characterise one article, or all articles that match a query.

The words of an article are weighted by tf·idf with the document frequencies of this archive.
Those of a query are words in significantly more of its articles than of all others (keyness).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

from newsgrep.analysis.characters import fold
from newsgrep.analysis.scoring import idf
from newsgrep.analysis.words import SegmentedText, find_names
from newsgrep.engines.base import Engine, EngineRequest, Order, count_matches
from newsgrep.messages import _, mark
from newsgrep.models import Article
from newsgrep.query.ast import And, Node, describe, scoring_terms
from newsgrep.query.parser import Query, make_phrase
from newsgrep.terminal import Screen, StyledLine, StyledText, count_noun, one_line, pad
from newsgrep.views import SCHEMA_VERSION
from newsgrep.views.table import Table

MAX_READ: Final = 200
"""Articles that are read for words, the best ones; all matching articles are counted."""

MIN_FOR_KEYNESS: Final = 5
"""Fewer articles have no frequencies to compare: their words are weighted by tf·idf."""

MAX_SPELLING_ARTICLES: Final = 100
"""Articles that are read for the spelling of a word."""

# Articles of an archive are short, and hostile ones are not: without limits, 60 articles of 300,000
# random characters take minutes and gigabytes.

MAX_LENGTH: Final = 50_000
"""Characters of a body that are read for words."""

MAX_TOTAL_LENGTH: Final = 1_000_000
"""Characters of all articles together, after which no further article is read for words."""

_BATCH_SIZE: Final = 10
"""Articles that are in memory at once: each may have ten million characters."""

TF_IDF_STATISTIC: Final = mark("tf·idf in this archive")
KEYNESS_STATISTIC: Final = mark("G² of article counts")

MAX_WORDS: Final = 2_000
"""Words of a query that are counted, those of most articles."""

_MAX_NAMES: Final = 25
_TITLE_WEIGHT: Final = 3


class Keyword(NamedTuple):
    """A keyword in the spelling of the articles.

    ``articles`` is the number of described articles that contain it, ``elsewhere`` the number
    of other articles. With tf·idf, ``occurrences`` counts it in the described articles.
    """

    word: str
    articles: int
    elsewhere: int
    score: float
    occurrences: int | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Keywords(Table[Keyword]):
    """Keywords of ``query``, the most significant first.

    ``query`` is the text of the query, or the id of the article, and ``parsed`` how it was
    understood, ``None`` for an article. ``statistic`` says what the scores are. ``articles`` are
    described, the best ``read`` of which were read for words; ``others`` is the number of all
    other articles.
    """

    query: str
    statistic: str
    articles: int
    read: int
    others: int
    words: tuple[Keyword, ...]
    parsed: str | None = None

    @property
    def items(self) -> Sequence[Keyword]:
        """The keywords."""
        return self.words

    def to_dict(self) -> dict[str, Any]:
        """Return :func:`to_json`."""
        return to_json(self)

    def rows(self) -> Iterator[Sequence[object]]:
        """Yield :func:`to_csv`."""
        return to_csv(self)


def article_keywords(engine: Engine, article: Article, limit: int) -> Keywords:
    """Return at most ``limit`` keywords of one article, which does not have to be indexed."""
    return _weigh_words(engine, article.id, [article], limit)


def query_keywords(engine: Engine, query: Query, limit: int) -> Keywords:
    """Return at most ``limit`` words in significantly more matching articles than in others.

    The words of the query are left out: all matching articles contain them.
    """
    page = engine.search(EngineRequest(query.root, Order.RELEVANCE, MAX_READ))
    ids = [candidate.id for candidate in page.candidates]
    query_words = frozenset(scoring_terms(query.root))
    if page.total < MIN_FOR_KEYNESS:
        found = _weigh_words(engine, query.text, engine.get(ids), limit, query_words)
        return replace(found, parsed=describe(query.root))
    others = count_matches(engine) - page.total
    texts = read_texts(engine, ids)
    counts = word_document_counts(engine, texts, query.root)
    in_archive = engine.document_frequencies(counts.keys())
    keywords = []
    for word, count in counts.items():
        elsewhere = (in_archive[word] or count_containing(engine, word)) - count
        score = signed_g2(count, page.total, elsewhere, others)
        if score >= SIGNIFICANT_G2 and not is_query_word(word, query_words):
            keywords.append(Keyword(word, count, elsewhere, score))
    words = restore_spelling(best_keywords(keywords, limit), read_spellings(engine, ids))
    parsed = describe(query.root)
    return Keywords(query.text, KEYNESS_STATISTIC, page.total, len(texts), others, words, parsed)


# Forms

_WORD_WIDTH: Final = 16


def to_text(keywords: Keywords, _screen: Screen) -> Iterator[StyledLine]:
    """Yield a table of words, and a line on what was compared; nothing without words."""
    if not keywords.words:
        return
    unit = _("articles") if keywords.words[0].occurrences is None else _("times")
    labels = ((unit, 9), (_("elsewhere"), 11), (_("score"), 9))
    heading = "".join(pad(label, width, right=True) for label, width in labels)
    yield StyledLine([StyledText(pad(_("word"), _WORD_WIDTH) + heading, "dim")])
    for word in keywords.words:
        count = word.articles if word.occurrences is None else word.occurrences
        numbers = f"{count:>9,}{word.elsewhere:>11,}{word.score:>9.1f}"
        name = pad(one_line(word.word), _WORD_WIDTH)
        yield StyledLine([StyledText(name, "title"), StyledText(numbers)])
    some = keywords.read < keywords.articles
    summary = _(
        "{statistic}: {articles} against {others:,} others, words from the best {read:,}"
        if some
        else "{statistic}: {articles} against {others:,} others",
        statistic=_(keywords.statistic),
        articles=count_noun(keywords.articles, "article"),
        others=keywords.others,
        read=keywords.read,
    )
    yield StyledLine()
    yield StyledLine([StyledText(summary, "dim")])


def to_json(keywords: Keywords) -> dict[str, Any]:
    """Return keywords as a complete object."""
    return {
        "version": SCHEMA_VERSION,
        "query": keywords.query,
        "parsed": keywords.parsed,
        "statistic": keywords.statistic,
        "articles": keywords.articles,
        "read": keywords.read,
        "others": keywords.others,
        "words": [keyword_object(word) for word in keywords.words],
    }


def to_csv(keywords: Keywords) -> Iterator[Sequence[object]]:
    """Yield a row for each word."""
    yield Keyword._fields
    for each in keywords.words:
        score = round(each.score, 4)
        occurrences = "" if each.occurrences is None else each.occurrences
        yield (each.word, each.articles, each.elsewhere, score, occurrences)


def keyword_object(keyword: Keyword) -> dict[str, Any]:
    """Return one keyword as an object."""
    fields: dict[str, Any] = {
        "word": keyword.word,
        "articles": keyword.articles,
        "elsewhere": keyword.elsewhere,
        "score": round(keyword.score, 4),
    }
    if keyword.occurrences is not None:
        fields["occurrences"] = keyword.occurrences
    return fields


# Counting words

_CONTAINMENT: Final = 0.6
"""Share of a word's articles that must contain a longer word for the word to be a part of it."""


def read_texts(engine: Engine, ids: Sequence[str]) -> list[SegmentedText]:
    """Return the words of the articles with these ids, within the limits of this module."""
    texts: list[SegmentedText] = []
    length = 0
    for at in range(0, len(ids), _BATCH_SIZE):
        for title, body in engine.folded_texts(ids[at : at + _BATCH_SIZE]):
            if length >= MAX_TOTAL_LENGTH:
                return texts
            length += min(len(body), MAX_LENGTH)
            text = SegmentedText(title[:MAX_LENGTH], body[:MAX_LENGTH], engine.user_dictionary)
            texts.append(text)
    return texts


def read_spellings(engine: Engine, ids: Sequence[str]) -> list[str]:
    """Return title and body of the first articles with these ids, for :func:`restore_spelling`."""
    texts: list[str] = []
    length = 0
    ids = ids[:MAX_SPELLING_ARTICLES]
    for at in range(0, len(ids), _BATCH_SIZE):
        for article in engine.get(ids[at : at + _BATCH_SIZE]):
            if length >= MAX_TOTAL_LENGTH:
                return texts
            texts.append(beginning(article))
            length += len(texts[-1])
    return texts


def beginning(article: Article) -> str:
    """Return title and body of ``article``, within the limits of this module."""
    return f"{article.title[:MAX_LENGTH]}\n{article.body[:MAX_LENGTH]}"


def word_document_counts(
    engine: Engine, texts: list[SegmentedText], within: Node, most: int = MAX_WORDS
) -> dict[str, int]:
    """Return the words of ``texts``, with the number of articles matching ``within`` for each.

    Rare words are left out if there are more than ``most``.
    """
    containing: Counter[str] = Counter()
    for text in texts:
        containing.update(text.words().keys())
    fewest = 2 if len(texts) > MIN_FOR_KEYNESS else 1
    words = [word for word, count in containing.most_common(most) if count >= fewest]
    counts = engine.document_frequencies(words, within)
    for name, _count in find_names(texts, fewest + 1).most_common(_MAX_NAMES):
        counts[name] = count_containing(engine, name, within)
    return counts


def count_containing(engine: Engine, text: str, within: Node | None = None) -> int:
    """Return how many articles contain ``text``, whether or not it is a term of the index."""
    node: Node = make_phrase(text, user=engine.user_dictionary)
    return count_matches(engine, And((within, node)) if within else node)


def is_query_word(word: str, query_words: frozenset[str]) -> bool:
    """Return whether ``word`` is a word of the query, a part of one, or contains one."""
    related = any(word in other or other in word for other in query_words if len(other) > 1)
    return related or word in query_words


def best_keywords(keywords: Iterable[Keyword], limit: int) -> list[Keyword]:
    """Return the best ``limit`` of ``keywords``, without words that are parts of others.

    Every dictionary word is counted wherever it occurs, also inside of longer words. A word
    is a part of a longer one if most articles that contain it contain the longer one.
    """
    ranked = sorted(keywords, key=lambda keyword: (-keyword.score, keyword.word))
    best: list[Keyword] = []
    longest = min(limit * 10, MAX_WORDS)
    longer = [keyword for keyword in ranked[:longest] if len(keyword.word) > 2]
    for keyword in ranked:
        if len(best) >= limit:
            break
        if not any(
            keyword.word in other.word
            and keyword.word != other.word
            and other.articles >= _CONTAINMENT * keyword.articles
            and (other.occurrences or 0) >= _CONTAINMENT * (keyword.occurrences or 0)
            for other in longer
        ):
            best.append(keyword)
    return best


def restore_spelling(keywords: Iterable[Keyword], originals: Iterable[str]) -> tuple[Keyword, ...]:
    """Return folded keywords in the most frequent spelling of ``originals``."""
    texts = [(fold(text), text) for text in originals]
    return tuple(keyword._replace(word=usual_spelling(keyword.word, texts)) for keyword in keywords)


def usual_spelling(word: str, texts: Iterable[tuple[str, str]]) -> str:
    """Return the folded ``word`` in the most frequent spelling of ``texts``.

    Each text is a pair of its folded and its original form.
    """
    spellings: Counter[str] = Counter()
    for folded, written in texts:
        at = folded.find(word)
        while at >= 0:
            spellings[written[at : at + len(word)]] += 1
            at = folded.find(word, at + len(word))
    # Equally frequent: the smaller string, so that equal queries have equal results.
    return min(spellings, key=lambda each: (-spellings[each], each)) if spellings else word


def _weigh_words(
    engine: Engine,
    query: str,
    articles: list[Article],
    limit: int,
    query_words: frozenset[str] = frozenset(),
) -> Keywords:
    """Return the words of a few articles by how often they occur and how rare they are."""
    in_archive = count_matches(engine)
    originals = [beginning(article) for article in articles]
    folded = [fold(text) for text in originals]
    texts = [
        SegmentedText(
            fold(article.title[:MAX_LENGTH]),
            fold(article.body[:MAX_LENGTH]),
            engine.user_dictionary,
        )
        for article in articles
    ]
    weights = _word_weights(texts)
    names = dict(find_names(texts, 2).most_common(_MAX_NAMES))
    for name, count in names.items():
        weights[name] = count
    frequencies = engine.document_frequencies(weights.keys())
    frequencies |= {name: count_containing(engine, name) for name in names if not frequencies[name]}
    indexed = len(engine.get(article.id for article in articles))
    found = []
    for word, weight in weights.items():
        frequency = frequencies[word]
        here = sum(word in text for text in folded)
        occurrences = sum(text.count(word) for text in folded)
        score = weight * idf(max(in_archive, frequency), frequency)
        if not is_query_word(word, query_words):
            elsewhere = max(frequency - (here if indexed else 0), 0)
            found.append(Keyword(word, here, elsewhere, score, occurrences))
    words = restore_spelling(best_keywords(found, limit), originals)
    count = len(articles)
    return Keywords(query, TF_IDF_STATISTIC, count, count, in_archive - indexed, words)


def _word_weights(texts: Iterable[SegmentedText]) -> Counter[str]:
    weights: Counter[str] = Counter()
    for text in texts:
        words = text.words()
        weights.update(words)
        for run in text.title:
            weights.update({word: _TITLE_WEIGHT - 1 for word in run if word in words})
    return weights


# Keyness: the log-likelihood ratio G² of the two-by-two table of articles with and without the
# word, here and elsewhere. It is Dunning's ("Accurate Methods for the Statistics of Surprise and
# Coincidence", 1993) with articles instead of occurrences, so that an article that repeats a word
# counts once.

SIGNIFICANT_G2: Final = 10.83
"""G² that one word in a thousand reaches by chance if the two sides do not differ."""


def signed_g2(containing: int, size: int, others_containing: int, others: int) -> float:
    """Return G², negative if the word is more frequent in the other articles.

    ``containing`` of ``size`` articles contain the word, and ``others_containing`` of
    ``others``. Returns 0 if a side is empty.
    """
    total, total_containing = size + others, containing + others_containing
    if not size or not others:
        return 0.0
    g2 = 0.0
    for observed, row, column in (
        (containing, size, total_containing),
        (size - containing, size, total - total_containing),
        (others_containing, others, total_containing),
        (others - others_containing, others, total - total_containing),
    ):
        if observed:
            g2 += observed * math.log(observed * total / (row * column))
    g2 = max(2 * g2, 0.0)
    return g2 if containing * others >= others_containing * size else -g2
