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
from newsgrep.extract.boilerplate import traits_of
from newsgrep.extract.claims import Block, BlockKind, Claim, ClaimField, Loss, Rule
from newsgrep.extract.dom import css_selector
from newsgrep.extract.passages import (
    INNER_ELEMENTS,
    MIN_PROSE,
    Passage,
    Region,
    Suspect,
    ends_as_statement,
)
from newsgrep.extract.trace import Trace
from newsgrep.extract.whitespace import clean_line, comparison_key
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
_TEASER: Final = 12
"""Letters of a cut-off beginning that must agree with the body."""
_OWN_LINES: Final = frozenset(("tr", "p", "li", "pre"))
"""Elements of lines that may begin or end an article without a sentence."""
_MAX_LEAD: Final = 12
"""Passages between a lead under the headline and the article."""
_TRUST: Final = (1.0, 0.15, 0.03)
"""What a byte of prose counts by the doubt about it: in no suspect, in one, in a strong one."""
_LINKED_WEIGHT: Final = 0.7
_PLAIN_WEIGHT: Final = 0.05
"""What a byte of text in links, and of other text without sentences, counts against a region."""

_MAX_OTHERS: Final = 3
"""Regions beside the article that an explanation names."""
_MAX_BEGINNING: Final = 80


_Signature = tuple[str, "str | int"]


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
        self._leave_out_lead_ins()
        if self.root is not None:
            self._leave_out_outside(self.root)
            if forced is None:
                self._leave_out_links()
                self._trim(self.root)
                self._leave_out_headings()
        if stated and forced is None:
            self._compare(stated)

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
            mass = float(passage.mass)
            linked = plain = 0.0
            if not passage.prose or not ends_as_statement(passage.text):
                linked = passage.size * passage.linked
            if not passage.prose:
                plain = passage.size * (1 - passage.linked)
            region.add(doubt, mass, linked, plain)
        for region in reversed(self.regions):
            outer = region.outer
            if outer is not None:
                doubt = _doubt(region.suspect, outer.suspect)
                for own, sums in enumerate(region.sums):
                    if any(sums):
                        outer.add(max(own, doubt), *sums)
                outer.end = max(outer.end, region.end)

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
            if region.element.name in INNER_ELEMENTS:
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
        clean = 0.0
        groups: dict[tuple[str, str], float] = {}
        for passage in inside:
            if passage.kind is BlockKind.CAPTION:
                continue
            mass = passage.mass if by_prose else passage.size * (1 - passage.linked)
            suspect = passage.suspect
            if _doubt(suspect, root.suspect if root is not None else None) == 0:
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

    def _leave_out_lead_ins(self) -> None:
        for before, after in zip(self.passages, self.passages[1:], strict=False):
            if (
                after.rule is Rule.LINKS
                and before.rule is None
                and before.kind is BlockKind.TEXT
                and notices.is_lead_in(before.text)
            ):
                before.rule = Rule.LINKS

    def _leave_out_outside(self, root: Region) -> None:
        """Leave out what is not in the article, but for a lead under the headline."""
        first = root.first
        if self.headline is not None and self.headline < root.first:
            for at in range(root.first - 1, max(self.headline, root.first - _MAX_LEAD) - 1, -1):
                passage = self.passages[at]
                if passage.rule is None and passage.mass and passage.linked < 0.3:
                    first = at
        if self.headline is not None and root.first <= self.headline < root.end:
            before = sum(each.mass for each in self.passages[root.first : self.headline])
            if before * 3 < sum(each.mass for each in self.passages[self.headline : root.end]):
                for each in self.passages[root.first : self.headline]:
                    if each.rule is None and each.prose:
                        each.rule = Rule.OUTSIDE
        for at, passage in enumerate(self.passages):
            if passage.rule is None and not (
                root.first <= at < root.end or (first <= at < root.end and passage.mass)
            ):
                passage.rule = Rule.OUTSIDE

    def _leave_out_links(self) -> None:
        """Leave out regions that consist of links."""
        at, end = 0, len(self.passages)
        for region in self.regions:
            if region.end <= at or region.first >= end:
                continue
            prose, linked, plain = region.sums[0]
            if linked > 2 * (plain + prose):
                for passage in self.passages[region.first : region.end]:
                    if passage.rule is None and not (passage.prose):
                        passage.rule = Rule.LINKS

    def _trim(self, root: Region) -> None:
        """Leave out what comes before the first sentence of the article and after the last."""
        runs = self._runs(root)
        if not runs:
            return
        weights: dict[_Signature, int] = {}
        groups: dict[_Signature, int] = {}
        for signature, run in runs:
            weights[signature] = weights.get(signature, 0) + run * run
            groups[signature] = groups.get(signature, 0) + run
        core, weight = max(weights.items(), key=lambda item: item[1])
        mass = groups[core]
        scattered = weight * 2 < sum(weights.values())
        inside = [
            at
            for at in range(root.first, root.end)
            if (each := self.passages[at]).rule is None
            and each.mass
            and (scattered or each.region.container.signature == core)
        ]
        if not inside:
            return
        first, last = inside[0], inside[-1]
        for at in range(last + 1, root.end):  # prose goes on in another element
            passage = self.passages[at]
            if passage.rule is None and passage.kind is not BlockKind.CAPTION:
                if not passage.mass or groups.get(passage.region.container.signature, 0) * 4 < mass:
                    break
                last = at
        for at in range(root.first, root.end):
            passage = self.passages[at]
            if passage.rule is not None or passage.kind is BlockKind.CAPTION:
                continue
            own = passage.region.container.signature == core and passage.tag in _OWN_LINES
            if at < first:
                if not (own or passage.prose or passage.kind is BlockKind.HEADING):
                    passage.rule = Rule.METADATA
            elif at > last and not own:
                passage.rule = Rule.OUTSIDE

    def _runs(self, root: Region) -> list[tuple[_Signature, int]]:
        """Return the runs of prose in the article: what their containers look like, and bytes.

        Paragraphs of an article follow each other; comments have names and dates between them.
        """
        runs: list[tuple[_Signature, int]] = []
        broken = True
        for passage in self.passages[root.first : root.end]:
            if passage.rule is not None or passage.kind is not BlockKind.TEXT:
                continue
            signature = passage.region.container.signature
            if passage.mass:
                if not broken and runs[-1][0] == signature:
                    runs[-1] = (signature, runs[-1][1] + passage.mass)
                else:
                    runs.append((signature, passage.mass))
                broken = False
            elif not runs or runs[-1][0] != signature:
                broken = True
        return runs

    def _compare(self, stated: str) -> None:
        """Use the body that the page states if more of it is shown, or less, than was selected."""
        body = comparison_key(stated)
        kept = [
            (passage, comparison_key(passage.text))
            for passage in self.passages
            if passage.rule is None and passage.kind is not BlockKind.CAPTION
        ]
        length = sum(len(key) for _, key in kept)
        shown = sum(len(key) for passage, key in kept if passage.prose and key in body)
        first = next((key for passage, key in kept if passage.prose), None)
        if shown * 6 > length * 5 and length * 2 > len(body):
            seen = {key for _, key in kept}
            for passage in self.passages:
                if passage.rule is not None and passage.mass:
                    key = comparison_key(passage.text)
                    if key in body and key not in seen:
                        passage.rule = None
        elif length * 2 < len(body) and (
            first is None or first in body or body.startswith(first[:_TEASER])
        ):
            # A teaser, and perhaps a prompt to log in.
            for passage, key in kept:
                if passage.kind is not BlockKind.HEADING:
                    passage.rule = Rule.REPEATED if key in body else Rule.OUTSIDE
            self._stated = [text for text in map(clean_line, stated.split("\n")) if text]

    def _leave_out_headings(self) -> None:
        """Leave out headings of what was left out: what follows them is not in the article."""
        dropped = 0
        for passage in reversed(self.passages):
            if passage.kind is BlockKind.CAPTION:
                continue
            if passage.rule is not None:
                dropped += passage.linked > 0.5
            elif passage.kind is not BlockKind.HEADING:
                dropped = 0
            elif dropped >= 2:
                passage.rule = Rule.LINKS


def _is_block(passage: Passage) -> bool:
    """Return whether a passage is more than an item of a menu or a button."""
    return passage.rule is None or passage.prose or passage.rule is Rule.METADATA


def _doubt(suspect: Suspect | None, outer: Suspect | None) -> int:
    """Return how doubtful a text in ``suspect`` is for someone in ``outer``: 0, 1 or 2."""
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
