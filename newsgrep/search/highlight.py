"""The windows on a text that say most about why it matched.

Windows begin and end at sentences where they can, else between words, and never leave
their paragraph. All offsets count characters of the article's own text.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Final, NamedTuple

from newsgrep.analysis.characters import CharKind, runs
from newsgrep.analysis.segment import likeliest_words
from newsgrep.models import PARAGRAPH_BREAK, Snippet
from newsgrep.query.match import Match, merged_spans
from newsgrep.terminal import cumulative_widths

SNIPPET_WIDTH: Final = 150
"""Terminal cells of a window: two lines, about 75 Han characters."""

MAX_SNIPPETS: Final = 3

_SENTENCE_END: Final = re.compile(r"(?:[。！？；…!?;]+|\.(?=\s))[”’」』）)\"']*\s*|\n")
_REPEAT_WEIGHT: Final = 0.1
_MAX_SHIFT: Final = 24


class _Window(NamedTuple):
    start: int
    end: int
    cut_before: bool
    cut_after: bool


def make_snippets(
    text: str,
    folded: str,
    matches: Sequence[Match],
    *,
    width: int = SNIPPET_WIDTH,
    most: int = MAX_SNIPPETS,
) -> tuple[Snippet, ...]:
    """Return one to ``most`` windows on ``text``, in its order; none for an empty text.

    ``matches`` are places in ``folded``, which has the length of ``text``; ``width`` is
    in terminal cells. Another window is added only where it shows something that those
    before do not. Without matches there is one window, at the beginning.
    """
    if not text:
        return ()
    layout = _Layout(text, folded, width)
    if not matches:
        return (_snippet(text, layout.from_start(), ()),)
    chosen: list[_Window] = []
    shown: set[str] = set()
    # Each match in turn begins a window; many repeats of one word need not all be tried.
    anchors = _anchors(matches)
    windows = [layout.around(match) for match in anchors]
    starts = [match.start for match in matches]
    inside = [_matches_inside(window, matches, starts) for window in windows]
    while len(chosen) < most:
        best, shows, worth = None, list[Match](), 0.0
        for window, found in zip(windows, inside, strict=True):
            if any(window.start < other.end and other.start < window.end for other in chosen):
                continue
            value = _score_window(found, shown)
            if value > worth:
                best, shows, worth = window, found, value
        if best is None:
            break
        chosen.append(best)
        shown |= {match.text for match in shows}
    chosen.sort(key=lambda window: window.start)
    return tuple(_snippet(text, window, matches) for window in chosen)


def _matches_inside(
    window: _Window, matches: Sequence[Match], starts: Sequence[int]
) -> list[Match]:
    first, last = bisect_left(starts, window.start), bisect_left(starts, window.end)
    return [match for match in matches[first:last] if match.end <= window.end]


def _anchors(matches: Sequence[Match]) -> list[Match]:
    seen: dict[str, int] = {}
    anchors = []
    for match in matches:
        seen[match.text] = seen.get(match.text, 0) + 1
        if seen[match.text] <= _MAX_SHIFT:
            anchors.append(match)
    return anchors


def _score_window(found: Iterable[Match], shown: set[str]) -> float:
    new = {match.text: match.weight for match in found if match.text not in shown}
    if not new:
        return 0.0
    return sum(new.values()) + _REPEAT_WEIGHT * sum(match.weight for match in found)


def _snippet(text: str, window: _Window, matches: Sequence[Match]) -> Snippet:
    start, end = window.start, window.end
    inside = [match for match in matches if start <= match.start and match.end <= end]
    return Snippet(
        text=text[start:end],
        spans=merged_spans(inside, start),
        offset=start,
        cut_before=window.cut_before,
        cut_after=window.cut_after,
    )


class _Layout:
    """Where the windows of one text may begin and end."""

    def __init__(self, text: str, folded: str, width: int) -> None:
        self._text = text
        self._folded = folded
        self._width = width
        self._sums: dict[tuple[int, int], list[int]] = {}

    def from_start(self) -> _Window:
        return self._from(0, cut_before=False, floor=0)

    def around(self, match: Match) -> _Window:
        paragraph_start, paragraph_end = self._paragraph(match.start)
        sums = self._cells(paragraph_start, paragraph_end)
        low = self._back(match.start, paragraph_start, self._width // 3, sums)
        # A beginning a little further back is better than a sentence without its head.
        far = self._back(match.start, paragraph_start, self._width // 2, sums)
        ends = [m.end() for m in _SENTENCE_END.finditer(self._text, far, match.start)]
        starts = [paragraph_start, *ends] if far == paragraph_start else ends
        if starts:
            near = [start for start in starts if start >= low]
            start, cut = (near[0] if near else starts[-1]), False
        else:
            start, cut = self._between_words(low, low, match.start), True
        return self._from(start, cut_before=cut, floor=min(match.end, paragraph_end))

    def _from(self, start: int, *, cut_before: bool, floor: int) -> _Window:
        """Return the window from ``start`` on that reaches at least to ``floor``."""
        paragraph_start, paragraph_end = self._paragraph(start)
        sums = self._cells(paragraph_start, paragraph_end)
        full = bisect_left(sums, sums[start - paragraph_start] + self._width)
        while full + 1 < len(sums) and sums[full + 1] == sums[full]:
            full += 1  # marks stay with their character
        end = min(max(paragraph_start + full, floor), paragraph_end)
        if end < paragraph_end:
            after = max(floor, start + (end - start) // 2)
            ends = [m.end() for m in _SENTENCE_END.finditer(self._text, after, end)]
            if ends:
                end, cut_after = ends[-1], False
            else:
                end, cut_after = self._between_words(end, max(floor, start + 1), end), True
        else:
            cut_after = False
        stop = start + len(self._text[start:end].rstrip())
        return _Window(start, max(stop, floor), cut_before, cut_after)

    def _paragraph(self, at: int) -> tuple[int, int]:
        before = self._text.rfind(PARAGRAPH_BREAK, 0, at)
        after = self._text.find(PARAGRAPH_BREAK, at)
        start = before + len(PARAGRAPH_BREAK) if before >= 0 else 0
        return start, after if after >= 0 else len(self._text)

    def _back(self, at: int, floor: int, cells: int, sums: Sequence[int]) -> int:
        """Return the place ``cells`` before ``at``, or ``floor``, from which on ``sums`` count."""
        return floor + max(bisect_right(sums, sums[at - floor] - cells) - 1, 0)

    def _cells(self, start: int, end: int) -> list[int]:
        """Return how many cells there are from ``start`` to each place up to ``end``."""
        if (start, end) not in self._sums:
            self._sums[start, end] = cumulative_widths(self._text[start:end])
        return self._sums[start, end]

    def _between_words(self, at: int, low: int, high: int) -> int:
        """Return the place nearest to ``at`` from ``low`` to ``high`` that cuts no word.

        ``at`` is one of the two.
        """
        begin = max(0, at - _MAX_SHIFT)
        near = self._folded[begin : at + _MAX_SHIFT]
        edges = (begin + edge for edge in _word_boundaries(near, at - begin))
        allowed = [edge for edge in edges if low <= edge <= high]
        return min(allowed, key=lambda edge: (abs(edge - at), edge), default=at)


def _word_boundaries(folded: str, at: int) -> list[int]:
    """Return the places in ``folded`` that are inside no word, of the run that ``at`` is in."""
    for kind, start, end in runs(folded):
        if start < at < end:
            if kind is CharKind.WORD:
                return [start, end]
            if kind is CharKind.HAN:
                words = likeliest_words(folded[start:end])
                return list(accumulate(map(len, words), initial=start))
    return [at]
