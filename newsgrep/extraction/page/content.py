"""Which passages of a page are the article.

The walk yields every passage of the page (``passages``). Here they are judged
with the whole page in view:

1. Suspects that contain the headline and a text are acquitted (:meth:`_judge_headline`).
2. The region with the most prose and the least else is the article (:meth:`_find_root`).
3. Within it, suspects that are not part of the text (:meth:`_judge_suspects`), and what comes
   before the first and after the last sentence (``trimming``) are left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from newsgrep.extraction.claims import Block, BlockKind, Claim, ClaimField, Loss, Rule
from newsgrep.extraction.page import trimming
from newsgrep.extraction.page.boilerplate import traits_of
from newsgrep.extraction.page.dom import css_selector
from newsgrep.extraction.page.passages import (
    INNER_ELEMENTS,
    MIN_PROSE,
    NOTHING,
    Passage,
    Region,
    Suspect,
    ends_as_statement,
)
from newsgrep.extraction.trace import Trace
from newsgrep.extraction.whitespace import comparison_key
from newsgrep.models import Provenance

_STRONG_NAMES: Final = frozenset((Rule.COMMENTS, Rule.RELATED, Rule.OUTLET_RULE))
_STRONG: Final = _STRONG_NAMES | {Rule.OTHER_ARTICLE}
"""Rules of elements that contain prose that is not the article's."""
_WITH_CAPTIONS: Final = frozenset((Rule.SIDEBAR, Rule.PLAYER))
"""Rules of elements whose captions are those of the article."""
_FEW: Final = 150
"""Bytes of prose that are less than an article."""
_MAX_HEADLINE: Final = 600
"""Bytes of a headline."""
_MAX_MAINS: Final = 3
_TRUST: Final = (1.0, 0.15, 0.03)
"""What a byte of prose counts by the doubt about it: in no suspect, in one, in a strong one."""
_LINKED_WEIGHT: Final = 0.7
_PLAIN_WEIGHT: Final = 0.05
"""What a byte of text in links, and of other text without sentences, counts against a region."""

_MAX_OTHERS: Final = 3
"""Regions beside the article that an explanation names."""
_MAX_BEGINNING: Final = 80


class Selection:
    """The decision about the passages of one page.

    ``titles`` are the titles that the page states; ``whole_page`` is False for a part of a page,
    which contains nothing but the article.
    """

    def __init__(
        self,
        passages: Sequence[Passage],
        regions: Sequence[Region],
        suspects: Sequence[Suspect],
        titles: Iterable[str],
        *,
        whole_page: bool,
    ) -> None:
        self.passages = passages
        self.regions = regions
        self.suspects = suspects
        self.title_keys = {key for key in map(comparison_key, titles) if len(key) >= 2}
        self.whole_page = whole_page
        self.headline = self._find_headline() if whole_page else None
        self.root: Region | None = None
        self.forced: Region | None = None
        self._stated: list[str] = []

    def run(self, forced: Region | None, stated: str | None) -> None:
        """Decide.

        ``forced`` is the region that the outlet's rules select, ``stated`` the body that the page
        states for programs, with newlines between paragraphs.
        """
        self.forced = forced
        self._judge_headline()
        if forced is not None or self.whole_page:
            self._measure_regions()
            self.root = forced or self._find_root()
        self._judge_suspects()
        trimming.leave_out_lead_ins(self.passages)
        if self.root is not None:
            trimming.leave_out_outside(self.passages, self.root, self.headline)
            if forced is None:
                trimming.leave_out_links(self.passages, self.regions)
                trimming.trim(self.passages, self.root, self.title_keys)
                trimming.leave_out_headings(self.passages)
        if stated and forced is None:
            self._stated = trimming.compare_with_stated(self.passages, stated)

    def blocks(self) -> list[Block]:
        """Return the passages as blocks, without menus and buttons."""
        found = [
            Block(each.text, each.kind, each.rule) for each in self.passages if _is_block(each)
        ]
        return found + [Block(text) for text in self._stated]

    def traced_blocks(self, trace: Trace) -> list[Block]:
        """Return the passages as blocks with locators, and report to ``trace``.

        It receives menus and buttons, and the regions that may contain the body. Call this
        before the tree is released.
        """
        found: list[Block] = []
        for each in self.passages:
            element = each.region.element
            suspect = each.suspect
            while suspect is not None and suspect.verdict is not None:
                element, suspect = suspect.element, suspect.outer
            block = Block(each.text, each.kind, each.rule, css_selector(element))
            if _is_block(each):
                found.append(block)
            else:
                trace.dropped(block, len(found))
        self._trace_regions(trace)
        return found + [Block(text) for text in self._stated]

    def _trace_regions(self, trace: Trace) -> None:
        """Report the region that is the article, and the best of those beside it."""
        root = self.root
        if root is None:
            return
        shown = [root]
        ranked = sorted(self.regions, key=self._score, reverse=True)
        trace.won(self._claim(root, 0))
        for region in ranked:
            if len(shown) > _MAX_OTHERS or self._score(region) <= 0:
                break
            if all(each.end <= region.first or region.end <= each.first for each in shown):
                trace.lost(self._claim(region, len(shown)), Loss.LESS_PROSE)
                shown.append(region)

    def _claim(self, region: Region, rank: int) -> Claim:
        inside = self.passages[region.first : region.end]
        begins = next((each.text for each in inside if each.prose), "") or inside[0].text
        if region is self.forced:
            provenance, locator = Provenance.OUTLET_RULE, "body"
        else:
            provenance, locator = Provenance.CONTENT, css_selector(region.element)
        return Claim(ClaimField.BODY, begins[:_MAX_BEGINNING], provenance, locator, rank)

    def _find_headline(self) -> int | None:
        """Return the index of the passage that is the headline of the article, or None.

        That is the first heading that is a title of the page or its beginning, else such a line,
        else the first-level heading that is most like a title.
        """
        line = None
        first_level: list[tuple[float, int]] = []
        for at, passage in enumerate(self.passages):
            heading = passage.kind is BlockKind.HEADING
            if passage.size > _MAX_HEADLINE or not (heading or line is None):
                continue
            key = comparison_key(passage.text)
            if len(key) < 4:
                continue
            if key in self.title_keys or (
                len(key) >= 8 and any(key in title for title in self.title_keys)
            ):
                if heading:
                    return at
                line = at
            elif passage.tag == "h1":
                first_level.append((-_likeness(key, self.title_keys), at))
        if line is None and first_level:
            likeness, at = min(first_level)
            if -likeness >= 0.5 or len(first_level) == 1:
                return at
        return line

    def _judge_headline(self) -> None:
        """Acquit the suspects that contain the headline together with a text.

        If an ``article`` does, each other ``article`` with a heading is another article.
        """
        if not self.suspects:
            return
        around: set[Suspect] = set()
        suspect = self.passages[self.headline].suspect if self.headline is not None else None
        while suspect is not None:
            around.add(suspect)
            suspect = suspect.outer
        for passage in self.passages:
            if passage.suspect is not None:
                passage.suspect.mass += passage.mass
                passage.suspect.headed |= passage.kind is BlockKind.HEADING
        known = False
        for suspect in reversed(self.suspects):
            outer = suspect.outer
            if outer is not None:
                outer.headed |= suspect.headed
                if suspect in around or suspect.rule is not Rule.OTHER_ARTICLE:
                    outer.mass += suspect.mass
            suspect.open = (
                suspect in around
                and suspect.mass >= 2 * MIN_PROSE
                and suspect.rule not in _STRONG_NAMES
            )
            known |= suspect.open and suspect.rule is Rule.OTHER_ARTICLE
        for suspect in self.suspects:
            if suspect.rule is Rule.OTHER_ARTICLE:
                suspect.open = suspect in around or not (known and suspect.headed)

    def _measure_regions(self) -> None:
        """Sum up what regions contain, and what suspects in them contain."""
        for at, passage in enumerate(self.passages):
            region = passage.region
            region.end = at + 1
            if passage.kind is BlockKind.CAPTION:
                continue
            doubt = _doubt(passage.suspect, region.suspect)
            if not passage.prose:
                linked, plain = passage.size * passage.linked, passage.size * (1 - passage.linked)
                region.add(doubt, 0.0, linked, plain)
            elif passage.linked and not ends_as_statement(passage.text):
                region.add(doubt, passage.mass, passage.size * passage.linked, 0.0)
            else:
                region.add(doubt, passage.mass, 0.0, 0.0)
        for region in reversed(self.regions):
            outer = region.outer
            if outer is not None:
                doubt = _doubt(region.suspect, outer.suspect)
                for own, sums in enumerate(region.sums):
                    if sums is not NOTHING:
                        outer.add(max(own, doubt), *sums)
                if region.end > outer.end:
                    outer.end = region.end

    def _find_root(self) -> Region | None:
        """Return the region that is the article: much prose, little else, clearly marked."""
        best, best_score = None, 0.0
        marked = [
            region
            for region in self.regions
            if region.element.name == "main" and region.sums[0][0] >= 2 * MIN_PROSE
        ][:_MAX_MAINS]
        for region in self.regions:
            outer = region.outer
            if outer is not None:
                region.doubt = max(outer.doubt, _doubt(region.suspect, outer.suspect))
            if region.element.name in INNER_ELEMENTS or not region.has_prose:
                continue
            score = self._score(region)
            if marked and not any(each.first <= region.first < each.end for each in marked):
                score *= 0.5
            if score >= best_score and score > 0:
                best, best_score = region, score
        return best

    def _score(self, region: Region) -> float:
        score = 0.0
        for factor, (prose, linked, plain) in zip(_TRUST, region.sums, strict=True):
            score += factor * (prose - _LINKED_WEIGHT * linked - _PLAIN_WEIGHT * plain)
        score *= _mark_factor(region) * _TRUST[region.doubt]
        if self.headline is not None and region.end <= self.headline:
            score *= 0.3
        return score

    def _judge_suspects(self) -> None:
        """Decide which suspects contain boilerplate and which are part of the article."""
        if not self.suspects:
            return
        root = self.root
        around: set[Suspect] = set()
        suspect = root.suspect if root is not None else None
        while suspect is not None:
            around.add(suspect)
            suspect = suspect.outer
        first, end = (root.first, root.end) if root is not None else (0, len(self.passages))
        inside = self.passages[first:end]
        by_prose = sum(passage.mass for passage in inside) >= MIN_PROSE
        for suspect in self.suspects:  # outer before inner
            outer = suspect.outer
            if suspect not in around:
                own = 0 if suspect.open else 2 if suspect.rule in _STRONG else 1
                suspect.doubt = max(own, outer.doubt if outer is not None else 0)
        clean = 0.0
        groups: dict[tuple[str, str], float] = {}
        for passage in inside:
            if passage.kind is BlockKind.CAPTION:
                continue
            mass = passage.mass if by_prose else passage.size * (1 - passage.linked)
            suspect = passage.suspect
            if suspect is None or suspect.doubt == 0:
                clean += mass
            if suspect is not None:
                suspect.prose += mass
                if not mass or not passage.prose:
                    suspect.other += passage.size
                if not passage.prose or not ends_as_statement(passage.text):
                    suspect.headings += 1
        for suspect in reversed(self.suspects):
            key = (suspect.element.name, suspect.element.attribute("class"))
            groups[key] = groups.get(key, 0.0) + suspect.prose
            outer = suspect.outer
            if outer is not None and outer not in around:
                outer.prose += suspect.prose
                outer.other += suspect.other
                outer.headings += suspect.headings
        for suspect in self.suspects:
            outer = suspect.outer
            suspect.verdict = outer.verdict if outer is not None else None
            if suspect.verdict is None and suspect not in around and not suspect.open:
                key = (suspect.element.name, suspect.element.attribute("class"))
                if _is_guilty(suspect, groups[key], clean):
                    suspect.verdict = suspect.rule
        for passage in self.passages:
            if passage.suspect is not None:
                rule = passage.suspect.verdict
                if passage.kind is not BlockKind.CAPTION or rule not in _WITH_CAPTIONS:
                    passage.rule = rule


def _is_block(passage: Passage) -> bool:
    """Return whether a passage is more than an item of a menu or a button."""
    return passage.rule is None or passage.prose or passage.rule is Rule.METADATA


def _doubt(suspect: Suspect | None, outer: Suspect | None) -> int:
    """Return how doubtful a text in ``suspect`` is for someone in ``outer``: 0, 1 or 2."""
    if suspect is outer:
        return 0
    doubt = 0
    while suspect is not None and suspect is not outer:
        if not suspect.open:
            if suspect.rule in _STRONG:
                return 2
            doubt = 1
        suspect = suspect.outer
    return doubt


def _likeness(key: str, titles: Iterable[str]) -> float:
    """Return the largest part of the pairs of letters in ``key`` that occur in a title."""
    pairs = {key[at : at + 2] for at in range(len(key) - 1)}
    return max((sum(pair in title for pair in pairs) / len(pairs) for title in titles), default=0.0)


def _is_guilty(suspect: Suspect, alike: float, clean: float) -> bool:
    """Return whether a suspect in the article is boilerplate.

    ``alike`` are the bytes of prose in suspects of the same class, ``clean`` those in the article
    outside of suspects.
    """
    prose = suspect.prose
    if suspect.rule is Rule.LINKS:
        return suspect.headings > 0
    if not prose or suspect.rule in (Rule.OUTLET_RULE, Rule.OTHER_ARTICLE):
        return True
    if suspect.rule in _STRONG:
        return clean >= _FEW or alike < 2 * clean
    if suspect.other == 0 and prose * 4 > clean and prose + clean >= 2 * MIN_PROSE:
        return False
    return alike < clean


def _mark_factor(region: Region) -> float:
    """Return how clearly a region is marked as the article, from 1."""
    element = region.element
    if element.attrs and "articlebody" in element.attribute("itemprop").lower():
        return 4.0
    if element.name == "article" or "content" in traits_of(element):
        return 1.2
    if element.name == "main":
        return 1.1
    return 1.0
