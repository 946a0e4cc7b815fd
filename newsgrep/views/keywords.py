"""The telling words of an article, or of all articles that match a query.

An article's words are weighed by tf·idf with the frequencies of this archive; those of a
query by keyness, against all other articles of the archive.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from newsgrep.analysis.characters import CharKind, kind_of
from newsgrep.analysis.fold import fold
from newsgrep.analysis.scoring import idf
from newsgrep.analysis.segment import running_words
from newsgrep.engines.base import Engine, EngineRequest, Order
from newsgrep.models import Article
from newsgrep.query.ast import And, MatchAll, Node, scoring_terms
from newsgrep.query.parser import make_phrase

MAX_READ: Final = 200
"""How many of the best articles are read for words; all that match are counted."""

MIN_FOR_KEYNESS: Final = 5
"""Fewer articles than that have no frequencies to compare: their words are weighed one by one."""

TF_IDF_STATISTIC: Final = "tf·idf in this archive"

_MAX_WORDS: Final = 2_000
_MAX_NAMES: Final = 25
MAX_SPELLING_ARTICLES: Final = 100
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


def article_keywords(engine: Engine, article: Article, limit: int) -> Keywords:
    """Return the words of one article, which may be one that is not in the index."""
    return _keywords_of_few(engine, [article], limit)


def query_keywords(engine: Engine, root: Node, limit: int) -> Keywords:
    """Return the words that articles matching ``root`` have oftener than all others do.

    The words that are asked for are left out: all of them have those.
    """
    page = engine.search(EngineRequest(root, Order.RELEVANCE, MAX_READ))
    ids = [candidate.id for candidate in page.candidates]
    if page.total < MIN_FOR_KEYNESS:
        asked = frozenset(scoring_terms(root))
        return _keywords_of_few(engine, engine.get(ids), limit, asked)
    everything = engine.search(EngineRequest(MatchAll(), limit=0)).total
    others = everything - page.total
    texts = [SegmentedText(title, body) for title, body in engine.folded(ids)]
    asked = frozenset(scoring_terms(root))
    counts = word_document_counts(engine, texts, root)
    whole = engine.document_frequencies(counts.keys())
    found = []
    for word, count in counts.items():
        elsewhere = (whole[word] or count_containing(engine, word)) - count
        score = signed_g2(count, page.total, elsewhere, others)
        if score >= SIGNIFICANT_G2 and not is_query_word(word, asked):
            found.append(Keyword(word, count, elsewhere, score))
    words = restore_spelling(best_keywords(found, limit), engine.get(ids[:MAX_SPELLING_ARTICLES]))
    return Keywords(KEYNESS_STATISTIC, page.total, len(ids), others, words)


def word_document_counts(
    engine: Engine, texts: list[SegmentedText], within: Node
) -> dict[str, int]:
    """Return the words of ``texts`` and how many articles matching ``within`` have each.

    Of words that few of the texts have, there may be too many: the most frequent ones.
    """
    having: Counter[str] = Counter()
    for text in texts:
        having.update(text.words().keys())
    fewest = 2 if len(texts) > MIN_FOR_KEYNESS else 1
    words = [word for word, count in having.most_common(_MAX_WORDS) if count >= fewest]
    counts = engine.document_frequencies(words, within)
    for name, _ in find_names(texts, fewest + 1).most_common(_MAX_NAMES):
        counts[name] = count_containing(engine, name, within)
    return counts


def count_containing(engine: Engine, name: str, within: Node | None = None) -> int:
    """Return how many articles hold a name, whether or not it is a word of the index."""
    node: Node = make_phrase(name)
    return engine.search(EngineRequest(And((within, node)) if within else node, limit=0)).total


def is_query_word(word: str, asked: frozenset[str]) -> bool:
    """Return whether ``word`` is one of the terms asked for, a part of one, or holds one."""
    return any(word in term or term in word for term in asked if len(term) > 1) or word in asked


def _keywords_of_few(
    engine: Engine, articles: list[Article], limit: int, asked: frozenset[str] = frozenset()
) -> Keywords:
    """Weigh the words of a few articles by how often they stand there, and how rare they are."""
    everything = engine.search(EngineRequest(MatchAll(), limit=0)).total
    texts = [SegmentedText(fold(article.title), fold(article.body)) for article in articles]
    weights = _word_weights(texts)
    for name, count in find_names(texts, 2).most_common(_MAX_NAMES):
        weights[name] = count
    known = engine.document_frequencies(weights.keys())
    indexed = len(engine.get(article.id for article in articles))
    folded = [f"{fold(article.title)}\n{fold(article.body)}" for article in articles]
    found = []
    for word, weight in weights.items():
        having = known[word] or count_containing(engine, word)
        here = sum(word in text for text in folded)
        count = sum(text.count(word) for text in folded)
        score = weight * idf(max(everything, having), having)
        if not is_query_word(word, asked):
            elsewhere = max(having - (here if indexed else 0), 0)
            found.append(Keyword(word, here, elsewhere, score, count))
    words = restore_spelling(best_keywords(found, limit), articles)
    return Keywords(TF_IDF_STATISTIC, len(articles), len(articles), everything - indexed, words)


def _word_weights(texts: Iterable[SegmentedText]) -> Counter[str]:
    weights: Counter[str] = Counter()
    for text in texts:
        words = text.words()
        weights.update(words)
        for run in text.title:
            weights.update({word: _TITLE_WEIGHT - 1 for word in run if word in words})
    return weights


_CONTAINMENT: Final = 0.6


def best_keywords(found: Iterable[Keyword], limit: int) -> list[Keyword]:
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
            and other.articles >= _CONTAINMENT * keyword.articles
            and (other.times or 0) >= _CONTAINMENT * (keyword.times or 0)
            for other in whole
        ):
            kept.append(keyword)
    return kept


def restore_spelling(found: Iterable[Keyword], articles: Iterable[Article]) -> tuple[Keyword, ...]:
    """Return the words, which are folded, as the articles mostly spell them."""
    written = [f"{article.title}\n{article.body}" for article in articles]
    texts = [(fold(text), text) for text in written]
    return tuple(keyword._replace(word=usual_spelling(keyword.word, texts)) for keyword in found)


KEYNESS_STATISTIC: Final = "G² of article counts"

SIGNIFICANT_G2: Final = 10.83
"""G² that one word in a thousand reaches by chance where there is no difference."""


def signed_g2(having: int, size: int, others_having: int, others: int) -> float:
    """Return G², negative where the others have the word oftener.

    ``having`` of ``size`` articles have the word on this side, ``others_having`` of
    ``others`` on the other. 0 where a side is empty.
    """
    total, total_having = size + others, having + others_having
    if not size or not others:
        return 0.0
    g2 = 0.0
    for observed, row, column in (
        (having, size, total_having),
        (size - having, size, total - total_having),
        (others_having, others, total_having),
        (others - others_having, others, total - total_having),
    ):
        if observed:
            g2 += observed * math.log(observed * total / (row * column))
    g2 = max(2 * g2, 0.0)
    return g2 if having * others >= others_having * size else -g2


_MAX_NAME_LENGTH: Final = 6
"""Characters of a name: 泽连斯基 has four, most foreign names have no more than six."""

_MAX_PIECES: Final = 4
_COOCCURRENCE: Final = 0.6
"""Share of the places of its first and of its last piece at which a name stands."""


def is_content_word(word: str) -> bool:
    """Return whether ``word`` can tell what a text is about: no number, no function word."""
    return len(word) > 1 and word not in STOPWORDS and not word.isnumeric()


class SegmentedText:
    """A folded title and body cut into words: what is counted of them."""

    def __init__(self, title: str, body: str) -> None:
        self.title = running_words(title)
        self.body = running_words(body)

    @property
    def runs(self) -> list[list[str]]:
        """Return the words of each run, those of the title first."""
        return self.title + self.body

    def words(self) -> Counter[str]:
        """Return how often each telling word stands in the text."""
        counts = Counter(word for run in self.runs for word in run)
        return Counter({word: count for word, count in counts.items() if is_content_word(word)})


def find_names(texts: Iterable[SegmentedText], fewest: int) -> Counter[str]:
    """Return names outside of the dictionary that stand at ``fewest`` places or more.

    Adjacent pieces of Han are one if one of them is a single character and the first and
    the last of them mostly stand in just this place.
    """
    pieces: Counter[str] = Counter()
    joined: Counter[tuple[str, ...]] = Counter()
    for text in texts:
        for run in text.runs:
            pieces.update(run)
            joined.update(_adjacent_pieces(run))
    kept = {
        parts: count
        for parts, count in joined.items()
        if count >= fewest
        and count >= _COOCCURRENCE * pieces[parts[0]]
        and count >= _COOCCURRENCE * pieces[parts[-1]]
    }
    # What is a part of a longer name, and seldom stands elsewhere, is no name itself.
    inside: Counter[tuple[str, ...]] = Counter()
    for parts, count in kept.items():
        for start in range(len(parts)):
            for end in range(start + 2, len(parts) + 1):
                if (part := parts[start:end]) != parts:
                    inside[part] = max(inside[part], count)
    return Counter(
        {
            "".join(parts): count
            for parts, count in kept.items()
            if inside[parts] < _COOCCURRENCE * count
        }
    )


def _adjacent_pieces(run: list[str]) -> Iterator[tuple[str, ...]]:
    for start, first in enumerate(run):
        if (
            first in NAME_EDGE_STOPLIST
            or first in STOPWORDS
            or kind_of(first[0]) is not CharKind.HAN
        ):
            continue
        size, single = len(first), len(first) == 1
        for end in range(start + 1, min(start + _MAX_PIECES, len(run))):
            last = run[end]
            size += len(last)
            single = single or len(last) == 1
            if size > _MAX_NAME_LENGTH:
                break
            if single and last not in NAME_EDGE_STOPLIST and last not in STOPWORDS:
                yield tuple(run[start : end + 1])


def usual_spelling(word: str, texts: Iterable[tuple[str, str]]) -> str:
    """Return ``word``, which is folded, in the spelling most used in ``texts``.

    Each text is given folded and as it is written.
    """
    found: Counter[str] = Counter()
    for folded, written in texts:
        at = folded.find(word)
        while at >= 0:
            found[written[at : at + len(word)]] += 1
            at = folded.find(word, at + len(word))
    # Equal ones: the smaller string, so that the same question has the same answer.
    return min(found, key=lambda each: (-found[each], each)) if found else word


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
"""Folded; the frequent function words of Chinese and English prose."""

NAME_EDGE_STOPLIST: Final = frozenset(
    "的了着过地得之是在有和与及或而但不也都就还又再很更最太被把将向对从到由以为于因并且则若"
    "这那此该其某每各我你他她它们谁哪何几多少一二三四五六七八九十百千万亿两个位名种次年月日时"
    "号说称让使给比跟同等上下中内外前后里间来去出起会能可要想应当没无未非所只才却已曾正"
)
"""Characters that stand at the edge of a name by chance."""
