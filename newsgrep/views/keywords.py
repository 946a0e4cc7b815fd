"""Keywords: the words that characterise one article, or all articles that match a query.

The words of an article are weighted by tf·idf with the document frequencies of this archive.
Those of a query are words in significantly more of its articles than of all others (keyness).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

from newsgrep.analysis.characters import CharKind, kind_of
from newsgrep.analysis.fold import fold
from newsgrep.analysis.scoring import idf
from newsgrep.analysis.segment import running_words
from newsgrep.engines.base import Engine, EngineRequest, Order, count_matches
from newsgrep.models import Article
from newsgrep.query.ast import And, Node, scoring_terms
from newsgrep.query.parser import Query, make_phrase
from newsgrep.terminal import Screen, StyledLine, StyledText, count_noun, one_line, pad
from newsgrep.views import SCHEMA_VERSION

MAX_READ: Final = 200
"""Articles that are read for words, the best ones; all matching articles are counted."""

MIN_FOR_KEYNESS: Final = 5
"""Fewer articles have no frequencies to compare: their words are weighted by tf·idf."""

MAX_SPELLING_ARTICLES: Final = 100
"""Articles that are read for the spelling of a word."""

TF_IDF_STATISTIC: Final = "tf·idf in this archive"
KEYNESS_STATISTIC: Final = "G² of article counts"

_MAX_WORDS: Final = 2_000
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


class Keywords(NamedTuple):
    """Keywords of ``query``, the most significant first.

    ``query`` is the text of the query, or the id of the article. ``statistic`` says what the
    scores are. ``articles`` are described, the best ``read`` of which were read for words;
    ``others`` is the number of all other articles.
    """

    query: str
    statistic: str
    articles: int
    read: int
    others: int
    words: tuple[Keyword, ...]


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
        return _weigh_words(engine, query.text, engine.get(ids), limit, query_words)
    others = count_matches(engine) - page.total
    texts = [SegmentedText(title, body) for title, body in engine.folded_texts(ids)]
    counts = word_document_counts(engine, texts, query.root)
    in_archive = engine.document_frequencies(counts.keys())
    found = []
    for word, count in counts.items():
        elsewhere = (in_archive[word] or count_containing(engine, word)) - count
        score = signed_g2(count, page.total, elsewhere, others)
        if score >= SIGNIFICANT_G2 and not is_query_word(word, query_words):
            found.append(Keyword(word, count, elsewhere, score))
    words = restore_spelling(best_keywords(found, limit), engine.get(ids[:MAX_SPELLING_ARTICLES]))
    return Keywords(query.text, KEYNESS_STATISTIC, page.total, len(ids), others, words)


# Forms

_WORD_WIDTH: Final = 16


def to_text(keywords: Keywords, _: Screen) -> Iterator[StyledLine]:
    """Yield a table of words, and a line on what was compared; nothing without words."""
    if not keywords.words:
        return
    unit = "articles" if keywords.words[0].occurrences is None else "times"
    heading = f"{pad('word', _WORD_WIDTH)}{unit:>9}{'elsewhere':>11}{'score':>9}"
    yield StyledLine([StyledText(heading, "dim")])
    for word in keywords.words:
        count = word.articles if word.occurrences is None else word.occurrences
        numbers = f"{count:>9,}{word.elsewhere:>11,}{word.score:>9.1f}"
        name = pad(one_line(word.word), _WORD_WIDTH)
        yield StyledLine([StyledText(name, "title"), StyledText(numbers)])
    some = keywords.read < keywords.articles
    read = f", words from the best {keywords.read:,}" if some else ""
    articles = count_noun(keywords.articles, "article")
    summary = f"{keywords.statistic}: {articles} against {keywords.others:,} others{read}"
    yield StyledLine()
    yield StyledLine([StyledText(summary, "dim")])


def to_json(keywords: Keywords) -> dict[str, Any]:
    """Return keywords as a complete object."""
    return {
        "version": SCHEMA_VERSION,
        "query": keywords.query,
        "statistic": keywords.statistic,
        "articles": keywords.articles,
        "read": keywords.read,
        "others": keywords.others,
        "words": [keyword_object(word) for word in keywords.words],
    }


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


def word_document_counts(
    engine: Engine, texts: list[SegmentedText], within: Node
) -> dict[str, int]:
    """Return the words of ``texts``, with the number of articles matching ``within`` for each.

    Rare words are left out if there are too many.
    """
    containing: Counter[str] = Counter()
    for text in texts:
        containing.update(text.words().keys())
    fewest = 2 if len(texts) > MIN_FOR_KEYNESS else 1
    words = [word for word, count in containing.most_common(_MAX_WORDS) if count >= fewest]
    counts = engine.document_frequencies(words, within)
    for name, _ in find_names(texts, fewest + 1).most_common(_MAX_NAMES):
        counts[name] = count_containing(engine, name, within)
    return counts


def count_containing(engine: Engine, text: str, within: Node | None = None) -> int:
    """Return how many articles contain ``text``, whether or not it is a term of the index."""
    node: Node = make_phrase(text)
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
    longer = [keyword for keyword in ranked[: limit * 10] if len(keyword.word) > 2]
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


def restore_spelling(
    keywords: Iterable[Keyword], articles: Iterable[Article]
) -> tuple[Keyword, ...]:
    """Return folded keywords in the most frequent spelling of ``articles``."""
    originals = [f"{article.title}\n{article.body}" for article in articles]
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
    texts = [SegmentedText(fold(article.title), fold(article.body)) for article in articles]
    weights = _word_weights(texts)
    for name, count in find_names(texts, 2).most_common(_MAX_NAMES):
        weights[name] = count
    frequencies = engine.document_frequencies(weights.keys())
    indexed = len(engine.get(article.id for article in articles))
    folded = [f"{fold(article.title)}\n{fold(article.body)}" for article in articles]
    found = []
    for word, weight in weights.items():
        frequency = frequencies[word] or count_containing(engine, word)
        here = sum(word in text for text in folded)
        occurrences = sum(text.count(word) for text in folded)
        score = weight * idf(max(in_archive, frequency), frequency)
        if not is_query_word(word, query_words):
            elsewhere = max(frequency - (here if indexed else 0), 0)
            found.append(Keyword(word, here, elsewhere, score, occurrences))
    words = restore_spelling(best_keywords(found, limit), articles)
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


# Words and names. A word is a dictionary word of two or more characters, a run of letters, or a
# name: single characters and words that occur next to each other again and again.

_MAX_NAME_LENGTH: Final = 6
"""Characters of a name: 泽连斯基 has four, most foreign names at most six."""

_MAX_PIECES: Final = 4
_COOCCURRENCE: Final = 0.6
"""Share of the occurrences of its first and of its last piece that a name must account for."""


class SegmentedText:
    """A folded title and a folded body, segmented into words."""

    def __init__(self, title: str, body: str) -> None:
        self.title = running_words(title)
        self.body = running_words(body)

    @property
    def runs(self) -> list[list[str]]:
        """The words of each run, those of the title first."""
        return self.title + self.body

    def words(self) -> Counter[str]:
        """Return how often each content word occurs."""
        counts = Counter(word for run in self.runs for word in run)
        return Counter({word: count for word, count in counts.items() if is_content_word(word)})


def is_content_word(word: str) -> bool:
    """Return whether ``word`` can say what a text is about: not a number or function word."""
    return len(word) > 1 and word not in STOPWORDS and not word.isnumeric()


def find_names(texts: Iterable[SegmentedText], min_count: int) -> Counter[str]:
    """Return names outside of the dictionary that occur at least ``min_count`` times.

    Adjacent Han pieces are a name if one of them is a single character, and if the first and
    the last of them occur mostly in this combination.
    """
    pieces: Counter[str] = Counter()
    joined: Counter[tuple[str, ...]] = Counter()
    for text in texts:
        for run in text.runs:
            pieces.update(run)
            joined.update(_adjacent_pieces(run))
    names = {
        parts: count
        for parts, count in joined.items()
        if count >= min_count
        and count >= _COOCCURRENCE * pieces[parts[0]]
        and count >= _COOCCURRENCE * pieces[parts[-1]]
    }
    # A part of a longer name that rarely occurs elsewhere is not a name itself.
    inside: Counter[tuple[str, ...]] = Counter()
    for parts, count in names.items():
        for start in range(len(parts)):
            for end in range(start + 2, len(parts) + 1):
                if (part := parts[start:end]) != parts:
                    inside[part] = max(inside[part], count)
    return Counter(
        {
            "".join(parts): count
            for parts, count in names.items()
            if inside[parts] < _COOCCURRENCE * count
        }
    )


def _adjacent_pieces(run: list[str]) -> Iterator[tuple[str, ...]]:
    for start, first in enumerate(run):
        if _cannot_end_name(first) or kind_of(first[0]) is not CharKind.HAN:
            continue
        size, single = len(first), len(first) == 1
        for end in range(start + 1, min(start + _MAX_PIECES, len(run))):
            last = run[end]
            size += len(last)
            single = single or len(last) == 1
            if size > _MAX_NAME_LENGTH:
                break
            if single and not _cannot_end_name(last):
                yield tuple(run[start : end + 1])


def _cannot_end_name(piece: str) -> bool:
    return piece in _NAME_EDGE_STOPLIST or piece in STOPWORDS


# Function words. Single Han characters are not listed, because they are never words here.

_CHINESE = """
一个 一些 一位 一名 一种 一样 一直 一次 一定 一般 一切 一方面 一下 一点 一起 这个
这些 这种 这样 这里 这次 这是 这么 这一 那个 那些 那种 那样 那里 那么 哪些 什么
怎么 怎样 如何 为何 为什么 多少 我们 你们 他们 她们 它们 自己 人们 大家 别人 对方
双方 各自 其他 其它 其中 其实 某个 某些 每个 各种 因为 所以 因此 由于 于是 如果
假如 要是 只要 只有 除非 虽然 尽管 即使 但是 可是 然而 不过 而且 并且 或者 以及
及其 还是 不仅 不但 甚至 另外 此外 同时 同样 而是 就是 也是 都是 不是 才是 正是
既是 无论 没有 不会 不能 不要 不可 不同 不得 不少 可以 可能 能够 应该 应当 必须
需要 已经 正在 曾经 仍然 仍是 依然 一旦 之后 之前 以后 以前 之间 之一 以上 以下
以来 以外 当时 当中 今天 昨天 明天 现在 目前 如今 此时 后来 最后 最终 随后 然后
接着 首先 其次 通过 根据 按照 关于 对于 至于 由此 从而 为了 作为 成为 进行 表示
认为 指出 称为 包括 例如 比如 特别 尤其 非常 十分 更加 越来越 比较 相当 完全 几乎
大约 左右 开始 继续 出现 存在 发生 使用 使得 来自 属于 有关 相关 所有 全部 整个
许多 很多 更多 大量 部分 主要 重要 时候 时间 方面 情况 问题 事情 东西 方式 这一点
的话 起来 出来 下来 过来 过去 看到 知道 觉得 想要 一年 两年 今年 去年 一天 一家
两个 三个 多个 几个 第一 第二 第三 还有 只是 只能 不断 不再 不想 并不 并非 是否
而言 来说 所谓 有些 有人 有的 真的 确实 当然 显然 尽量 直接 正如 就像 一致 甚么
与其 而不是
"""
_ENGLISH = """
about above after again against all also although always am among an and another any are around as
at away back be because become been before being between both but by can cannot could did do does
doing done down during each either else even ever every few first for from further get got had has
have having he her here hers him himself his how however if in instead into is it its itself just
last least less like made make many may me might more most much must my never new no nor not now of
off often on once one only or other others our out over own part per perhaps quite rather re said
same say says see she should since so some still such take than that the their them themselves then
there these they thing things this those though three through thus time to too toward two under
until up upon us use used using very via was way we well were what when where whether which while
who whom whose why will with within without would yes yet you your https http www com amp ll ve don
didn doesn isn wasn won
"""

STOPWORDS: Final = frozenset(f"{_CHINESE}{_ENGLISH}".split())
"""Folded frequent function words of Chinese and English prose."""

_NAME_EDGE_STOPLIST: Final = frozenset(
    "的了着过地得之是在有和与及或而但不也都就还又再很更最太被把将向对从到由以为于因并且则若"
    "这那此该其某每各我你他她它们谁哪何几多少一二三四五六七八九十百千万亿两个位名种次年月日时"
    "号说称让使给比跟同等上下中内外前后里间来去出起会能可要想应当没无未非所只才却已曾正"
)
"""Characters that are at the edge of a name only by chance."""
