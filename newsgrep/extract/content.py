"""Which passages of a page are the article.

The walk yields every passage of the page (:mod:`newsgrep.extract.passages`). Here they are judged
with the whole page in view:

1. Suspects that contain the article are acquitted (:meth:`Selection._judge_suspects`).
2. The region with the most prose and the least else is the article (:meth:`_find_root`).
3. Within it, other articles, lists of links, and what comes before the first and after the last
   sentence is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from newsgrep.extract import notices
from newsgrep.extract.claims import Block, BlockKind, Claim, ClaimField, Loss, Rule
from newsgrep.extract.dom import css_selector
from newsgrep.extract.passages import MIN_PROSE, Passage, Region, Suspect, ends_as_statement
from newsgrep.extract.trace import Trace
from newsgrep.extract.whitespace import comparison_key
from newsgrep.models import Provenance

_STRONG: Final = frozenset((Rule.COMMENTS, Rule.RELATED))
_FEW: Final = 150
"""Bytes of prose that are less than an article."""
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

    def run(self, forced: Region | None) -> None:
        """Decide; ``forced`` is the region that the outlet's rules select."""
        if self.suspects:
            self._judge_suspects()
            for passage in self.passages:
                if passage.suspect is not None:
                    passage.rule = passage.suspect.verdict
            self._leave_out_lead_ins()
        if forced is not None or self.whole_page:
            self._measure_regions()
            self.forced = forced
            self.root = forced or self._find_root()
        if self.root is not None:
            self._leave_out_outside(self.root)
            if forced is None:
                self._leave_out_links()
                self._trim()

    def blocks(self) -> list[Block]:
        """Return the passages as blocks, without menus and buttons."""
        return [Block(each.text, each.kind, each.rule) for each in self.passages if _is_block(each)]

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
        return found

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
        """Return the index of the passage that is the headline of the article, or None."""
        first = None
        for at, passage in enumerate(self.passages):
            heading = passage.kind is BlockKind.HEADING
            if passage.size > 600 or (first is not None and not heading):
                continue
            key = comparison_key(passage.text)
            if len(key) < 4:
                continue
            if key in self.title_keys or (
                len(key) >= 8 and any(title.startswith(key) for title in self.title_keys)
            ):
                if heading:
                    return at
                first = at
        return first

    def _judge_suspects(self) -> None:
        """Decide which suspects contain boilerplate and which contain the article."""
        prose_total = sum(passage.mass for passage in self.passages)
        by_prose = prose_total >= MIN_PROSE
        total = 0
        for at, passage in enumerate(self.passages):
            mass = passage.mass if by_prose else int(passage.size * (1 - passage.linked))
            total += mass
            suspect = passage.suspect
            if suspect is not None:
                suspect.prose += mass
                if not mass or not passage.prose:
                    suspect.other += passage.size
                if not passage.prose or not ends_as_statement(passage.text):
                    suspect.headings += 1
                if at == self.headline:
                    suspect.headline = True
        for suspect in reversed(self.suspects):
            outer = suspect.outer
            if outer is not None:
                outer.prose += suspect.prose
                outer.other += suspect.other
                outer.headings += suspect.headings
                outer.headline |= suspect.headline
        for suspect in self.suspects:
            outer = suspect.outer
            suspect.verdict = outer.verdict if outer is not None else None
            if suspect.verdict is None and _is_guilty(suspect, total):
                suspect.verdict = suspect.rule

    def _leave_out_lead_ins(self) -> None:
        for before, after in zip(self.passages, self.passages[1:], strict=False):
            if (
                after.rule is Rule.LINKS
                and before.rule is None
                and before.kind is BlockKind.TEXT
                and notices.is_lead_in(before.text)
            ):
                before.rule = Rule.LINKS

    def _measure_regions(self) -> None:
        for at, passage in enumerate(self.passages):
            region = passage.region
            region.end = at + 1
            if passage.rule is not None or passage.kind is BlockKind.CAPTION:
                continue
            linked = int(passage.size * passage.linked)
            region.linked += linked
            if passage.prose:
                region.prose += passage.mass
            else:
                region.plain += passage.size - linked
        for region in reversed(self.regions):
            outer = region.outer
            if outer is not None:
                outer.prose += region.prose
                outer.plain += region.plain
                outer.linked += region.linked
                outer.end = max(outer.end, region.end)

    def _find_root(self) -> Region | None:
        """Return the region that is the article: much prose, little else, clearly marked."""
        best, best_score = None, 0.0
        for region in self.regions:
            score = self._score(region)
            if score >= best_score and score > 0:
                best, best_score = region, score
        return best

    def _score(self, region: Region) -> float:
        score = region.prose - _LINKED_WEIGHT * region.linked - _PLAIN_WEIGHT * region.plain
        score *= _mark_factor(region)
        if self.headline is not None and region.end <= self.headline:
            score *= 0.3
        return score

    def _leave_out_outside(self, root: Region) -> None:
        for at, passage in enumerate(self.passages):
            if passage.rule is None and not root.first <= at < root.end:
                passage.rule = Rule.OUTSIDE

    def _leave_out_links(self) -> None:
        """Leave out regions that consist of links."""
        at, end = 0, len(self.passages)
        for region in self.regions:
            if region.end <= at or region.first >= end:
                continue
            if region.linked > 2 * (region.plain + region.prose):
                for passage in self.passages[region.first : region.end]:
                    if passage.rule is None and not (passage.prose):
                        passage.rule = Rule.LINKS

    def _trim(self) -> None:
        """Leave out what comes before the first sentence and after the last."""
        kept = [at for at, each in enumerate(self.passages) if each.rule is None]
        prose = [at for at in kept if self.passages[at].prose]
        if not prose:
            return
        for at in kept:
            passage = self.passages[at]
            if passage.kind is BlockKind.CAPTION:
                continue
            if at < prose[0]:
                if passage.kind is not BlockKind.HEADING:
                    passage.rule = Rule.METADATA
            elif at > prose[-1] and passage.tag not in ("tr", "p", "li"):
                passage.rule = Rule.LINKS


def _is_block(passage: Passage) -> bool:
    """Return whether a passage is more than an item of a menu or a button."""
    return passage.rule is None or passage.prose or passage.rule is Rule.METADATA


def _is_guilty(suspect: Suspect, total: int) -> bool:
    """Return whether a suspect is boilerplate, on a page with ``total`` bytes of prose."""
    prose, rest = suspect.prose, total - suspect.prose
    if suspect.rule is Rule.LINKS:
        return suspect.headings > 0
    if not prose or suspect.rule is Rule.OUTLET_RULE:
        return True
    if suspect.rule in _STRONG:
        return not (suspect.headline and prose > rest) and (rest >= _FEW or prose <= 2 * rest)
    if suspect.headline:
        return prose * 2 < total
    if suspect.other == 0 and prose * 5 > total and total >= 2 * MIN_PROSE:
        return False
    return prose * 3 < total * 2


def _mark_factor(region: Region) -> float:
    """Return how clearly a region is marked as the article, from 1."""
    element = region.element
    if element.attrs and "articlebody" in element.attribute("itemprop").lower():
        return 1.5
    if element.name == "article" or "content" in region.traits:
        return 1.2
    if element.name == "main":
        return 1.1
    return 1.0
