"""Content words of a text, and names outside of the dictionary.

A word is a dictionary word of two or more characters, a run of letters, or a name: single
characters and words that occur next to each other again and again.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

from newsgrep.analysis.characters import CharKind, han_run, kind_of, word_run
from newsgrep.analysis.segment import running_words, segmenter

if TYPE_CHECKING:
    from newsgrep.analysis.user_dictionary import UserDictionary

_MAX_NAME_LENGTH: Final = 6
"""Characters of a name: 泽连斯基 has four, most foreign names at most six."""

_MAX_PIECES: Final = 4
_COOCCURRENCE: Final = 0.6
"""Share of the occurrences of its first and of its last piece that a name must account for."""


class SegmentedText:
    """A folded title and a folded body, segmented into words."""

    def __init__(self, title: str, body: str, user: UserDictionary | None = None) -> None:
        by = segmenter(user)
        self.title = running_words(title, by)
        self.body = running_words(body, by)

    @property
    def runs(self) -> list[list[str]]:
        """The words of each run, those of the title first."""
        return self.title + self.body

    def words(self) -> Counter[str]:
        """Return how often each content word occurs."""
        counts = Counter(word for run in self.runs for word in run)
        return Counter({word: count for word, count in counts.items() if is_content_word(word)})


class PlacedWord(NamedTuple):
    """A word of a text, and the offset of its first character."""

    start: int
    text: str


def placed_words(folded: str, user: UserDictionary | None = None) -> list[PlacedWord]:
    """Return the likeliest words of a folded text, in order, with their places.

    >>> placed_words("签署 abc")
    [PlacedWord(start=0, text='签署'), PlacedWord(start=3, text='abc')]
    """
    found = list(han_run().finditer(folded))
    placed = [PlacedWord(each.start(), each[0]) for each in word_run().finditer(folded)]
    shift, reached, runs = 0, 0, iter(found)
    for word in _cut_runs([each[0] for each in found], user):
        if word == _BETWEEN_RUNS or not reached:
            # Offsets in the joined runs and in the text differ by as much in a whole run.
            run = next(runs)
            shift = run.start() - reached - (word == _BETWEEN_RUNS)
        if word != _BETWEEN_RUNS:
            placed.append(PlacedWord(reached + shift, word))
        reached += len(word)
    placed.sort()
    return placed


def count_words(folded: str, user: UserDictionary | None = None) -> Counter[str]:
    """Return how often each of the :func:`placed_words` occurs in a folded text.

    It takes a third of the time.

    >>> count_words("签署 abc 签署")
    Counter({'签署': 2, 'abc': 1})
    """
    parts = han_run().split(folded)
    counts = Counter(_cut_runs(parts[1::2], user))
    counts.pop(_BETWEEN_RUNS, None)
    counts.update(word_run().findall(" ".join(parts[::2])))
    return counts


class WordSequence:
    """The :func:`placed_words` of a folded text without their places, which are found on request.

    >>> sequence = WordSequence("签署 abc")
    >>> sequence.words, sequence.first_from(1), sequence.first_ending_after(4)
    (['签署', 'abc'], 1, 1)
    """

    def __init__(self, folded: str, user: UserDictionary | None = None) -> None:
        pieces = [(found.start(), found.end(), True) for found in han_run().finditer(folded)]
        pieces += [(found.start(), found.end(), False) for found in word_run().finditer(folded)]
        pieces.sort()
        self._pieces = pieces
        self._starts = [start for start, _, _ in pieces]
        # Each other word is one character in the string that is cut.
        lengths = [end - start if is_han else 1 for start, end, is_han in pieces]
        self._offsets = [0, *accumulate(lengths)]
        runs = [folded[start:end] if is_han else _OTHER_WORD for start, end, is_han in pieces]
        cut = [word for word in _cut_runs(runs, user) if word != _BETWEEN_RUNS]
        self._ends = list(accumulate(map(len, cut)))
        others = (folded[start:end] for start, end, is_han in pieces if not is_han)
        self.words = [next(others) if word == _OTHER_WORD else word for word in cut]

    def first_from(self, offset: int) -> int:
        """Return the number of the first word that begins at ``offset`` of the text or later."""
        cut = self._cut_offset(offset, up=True)
        return bisect_left(self._ends, cut) + 1 if cut else 0

    def first_ending_after(self, offset: int) -> int:
        """Return the number of the first word that ends after ``offset`` of the text."""
        return bisect_right(self._ends, self._cut_offset(offset, up=False))

    def _cut_offset(self, offset: int, *, up: bool) -> int:
        """Return the offset in the string that was cut; within another word its end or beginning.

        Offsets between pieces are those of the end of the piece before.
        """
        at = bisect_right(self._starts, offset) - 1
        if at < 0:
            return 0
        start, end, is_han = self._pieces[at]
        if is_han:
            return self._offsets[at] + min(offset, end) - start
        return self._offsets[at] + (offset >= end or (up and offset > start))


_BETWEEN_RUNS: Final = "\n"
"""No word contains it, so several runs are cut in one call."""

_OTHER_WORD: Final = "\x01"
"""Stands for a word of other scripts among the runs; it is cut as one character."""


def _cut_runs(runs: Sequence[str], user: UserDictionary | None) -> Iterable[str]:
    """Yield the likeliest words of runs of Han, with a line end between runs."""
    return segmenter(user).cut(_BETWEEN_RUNS.join(runs)) if runs else ()


def is_content_word(word: str) -> bool:
    """Return whether ``word`` can say what a text is about: not a number or function word."""
    return len(word) > 1 and word not in STOPWORDS and not word.isnumeric()


def find_names(texts: Iterable[SegmentedText], min_count: int) -> Counter[str]:
    """Return names outside of the dictionary that occur at least ``min_count`` times.

    Adjacent Han pieces are a name if one of them is a single character, and if the first and
    the last of them occur mostly in this combination.
    """
    texts = list(texts)
    pieces: Counter[str] = Counter()
    pairs: Counter[tuple[str, ...]] = Counter()
    for text in texts:
        for run in text.runs:
            pieces.update(run)
            pairs.update(pairwise(run))
    # A name is as frequent as its pairs at most. Without this, a text of random characters
    # takes gigabytes: nearly all of its sequences are different.
    frequent = frozenset(pair for pair, count in pairs.items() if count >= min_count)
    joined: Counter[tuple[str, ...]] = Counter()
    for text in texts:
        for run in text.runs:
            joined.update(_adjacent_pieces(run, frequent))
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


def _adjacent_pieces(
    run: Sequence[str], frequent: frozenset[tuple[str, ...]]
) -> Iterator[tuple[str, ...]]:
    """Yield each sequence that may be a name and whose pairs are all ``frequent``."""
    for start, first in enumerate(run):
        if _cannot_end_name(first) or kind_of(first[0]) is not CharKind.HAN:
            continue
        size, single = len(first), len(first) == 1
        for end in range(start + 1, min(start + _MAX_PIECES, len(run))):
            last = run[end]
            if (run[end - 1], last) not in frequent:
                break
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
