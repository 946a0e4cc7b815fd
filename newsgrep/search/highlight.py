"""Snippets: the windows on a text that show best why it matched.

A window begins and ends at a sentence if it can, otherwise between words, and never crosses a
paragraph. Offsets count characters of the article's text; folding keeps them.
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
from newsgrep.query.match import Match, merge_spans
from newsgrep.terminal import cumulative_widths

SNIPPET_WIDTH: Final = 150
"""Terminal cells of a snippet: two lines, about 75 Han characters."""

MAX_SNIPPETS: Final = 3

_SENTENCE_END: Final = re.compile(r"(?:[。！？；…!?;]+|\.(?=\s))[”’」』）)\"']*\s*|\n")
_REPEAT_WEIGHT: Final = 0.1
_MAX_SHIFT: Final = 24
"""Characters by which the end of a window moves to avoid cutting a word."""

_MAX_ANCHORS: Final = 24
"""Windows that are tried for one matched text: later repeats of a word rarely show more."""

_MAX_WINDOWS: Final = 500
"""Windows that are tried for all texts, of the most important ones: 20,000 words in a query and
an article of a megabyte have 50,000, which take 20 seconds."""


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
    limit: int = MAX_SNIPPETS,
) -> tuple[Snippet, ...]:
    """Return one to ``limit`` snippets of ``text`` in text order; none for an empty text.

    ``matches`` are offsets in ``folded``, which has the length of ``text``; ``width`` is in
    terminal cells. A further snippet is added only if it shows a match that the others do
    not. Without matches the snippet is the beginning of the text.
    """
    if not text:
        return ()
    layout = _Layout(text, folded, width)
    if not matches:
        return (_make_snippet(text, layout.first_window(), ()),)
    chosen: list[_Window] = []
    shown: set[str] = set()
    windows = [layout.window_around(match) for match in _anchors(matches)]
    starts = [match.start for match in matches]
    inside = [_matches_inside(window, matches, starts) for window in windows]
    while len(chosen) < limit:
        best, best_matches, best_score = None, list[Match](), 0.0
        for window, found in zip(windows, inside, strict=True):
            if any(window.start < other.end and other.start < window.end for other in chosen):
                continue
            score = _score_window(found, shown)
            if score > best_score:
                best, best_matches, best_score = window, found, score
        if best is None:
            break
        chosen.append(best)
        shown |= {match.text for match in best_matches}
    chosen.sort(key=lambda window: window.start)
    return tuple(_make_snippet(text, window, matches) for window in chosen)


def _matches_inside(
    window: _Window, matches: Sequence[Match], starts: Sequence[int]
) -> list[Match]:
    first, last = bisect_left(starts, window.start), bisect_left(starts, window.end)
    return [match for match in matches[first:last] if match.end <= window.end]


def _anchors(matches: Sequence[Match]) -> list[Match]:
    """Return the matches around which windows are tried: the first of each text."""
    seen: dict[str, int] = {}
    anchors = []
    for match in matches:
        seen[match.text] = seen.get(match.text, 0) + 1
        if seen[match.text] <= _MAX_ANCHORS:
            anchors.append(match)
    if len(anchors) > _MAX_WINDOWS:
        heaviest = sorted(anchors, key=lambda match: -match.weight)[:_MAX_WINDOWS]
        anchors = sorted(heaviest, key=lambda match: match.start)
    return anchors


def _score_window(found: Iterable[Match], shown: set[str]) -> float:
    """Return the weight of the matches that are not shown yet, plus a little for repeats."""
    new = {match.text: match.weight for match in found if match.text not in shown}
    if not new:
        return 0.0
    return sum(new.values()) + _REPEAT_WEIGHT * sum(match.weight for match in found)


def _make_snippet(text: str, window: _Window, matches: Sequence[Match]) -> Snippet:
    start, end = window.start, window.end
    inside = [match for match in matches if start <= match.start and match.end <= end]
    return Snippet(
        text=text[start:end],
        spans=merge_spans(inside, start),
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
        self._widths: dict[tuple[int, int], list[int]] = {}

    def first_window(self) -> _Window:
        return self._window_from(0, cut_before=False, min_end=0)

    def window_around(self, match: Match) -> _Window:
        paragraph_start, paragraph_end = self._paragraph(match.start)
        widths = self._prefix_widths(paragraph_start, paragraph_end)
        low = self._cells_before(match.start, paragraph_start, self._width // 3, widths)
        # Rather start further back than cut off the beginning of a sentence.
        far = self._cells_before(match.start, paragraph_start, self._width // 2, widths)
        ends = [m.end() for m in _SENTENCE_END.finditer(self._text, far, match.start)]
        starts = [paragraph_start, *ends] if far == paragraph_start else ends
        if starts:
            near = [start for start in starts if start >= low]
            start, cut = (near[0] if near else starts[-1]), False
        else:
            start, cut = self._between_words(low, low, match.start), True
        return self._window_from(start, cut_before=cut, min_end=min(match.end, paragraph_end))

    def _window_from(self, start: int, *, cut_before: bool, min_end: int) -> _Window:
        """Return the window that begins at ``start`` and reaches at least to ``min_end``."""
        paragraph_start, paragraph_end = self._paragraph(start)
        widths = self._prefix_widths(paragraph_start, paragraph_end)
        full = bisect_left(widths, widths[start - paragraph_start] + self._width)
        while full + 1 < len(widths) and widths[full + 1] == widths[full]:
            full += 1  # combining marks stay with their character
        end = min(max(paragraph_start + full, min_end), paragraph_end)
        if end < paragraph_end:
            after = max(min_end, start + (end - start) // 2)
            ends = [m.end() for m in _SENTENCE_END.finditer(self._text, after, end)]
            if ends:
                end, cut_after = ends[-1], False
            else:
                end, cut_after = self._between_words(end, max(min_end, start + 1), end), True
        else:
            cut_after = False
        stop = start + len(self._text[start:end].rstrip())
        return _Window(start, max(stop, min_end), cut_before, cut_after)

    def _paragraph(self, at: int) -> tuple[int, int]:
        before = self._text.rfind(PARAGRAPH_BREAK, 0, at)
        after = self._text.find(PARAGRAPH_BREAK, at)
        start = before + len(PARAGRAPH_BREAK) if before >= 0 else 0
        return start, after if after >= 0 else len(self._text)

    def _cells_before(self, at: int, start: int, cells: int, widths: Sequence[int]) -> int:
        """Return the offset ``cells`` before ``at``; ``widths`` are the prefixes of ``start``."""
        return start + max(bisect_right(widths, widths[at - start] - cells) - 1, 0)

    def _prefix_widths(self, start: int, end: int) -> list[int]:
        """Return the width of the text from ``start`` to each offset up to ``end``."""
        if (start, end) not in self._widths:
            self._widths[start, end] = cumulative_widths(self._text[start:end])
        return self._widths[start, end]

    def _between_words(self, at: int, low: int, high: int) -> int:
        """Return the offset from ``low`` to ``high``, nearest to ``at``, that cuts no word."""
        begin = max(0, at - _MAX_SHIFT)
        near = self._folded[begin : at + _MAX_SHIFT]
        edges = (begin + edge for edge in _word_boundaries(near, at - begin))
        allowed = [edge for edge in edges if low <= edge <= high]
        return min(allowed, key=lambda edge: (abs(edge - at), edge), default=at)


def _word_boundaries(folded: str, at: int) -> list[int]:
    """Return the word boundaries of the run of characters that contains the offset ``at``."""
    for kind, start, end in runs(folded):
        if start < at < end:
            if kind is CharKind.WORD:
                return [start, end]
            if kind is CharKind.HAN:
                words = likeliest_words(folded[start:end])
                return list(accumulate(map(len, words), initial=start))
    return [at]
