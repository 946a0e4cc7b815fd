"""Within the region of an article: what comes before it, after it and between its parts.

Each function sets the rule of the passages that it leaves out.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import pairwise
from typing import Final

from newsgrep.extraction import notices
from newsgrep.extraction.claims import BlockKind, Rule
from newsgrep.extraction.page.passages import Passage, Region
from newsgrep.extraction.whitespace import clean_line, comparison_key

_TEASER: Final = 12
"""Letters of a cut-off beginning that must agree with the body."""
_TITLE_BEGINNING: Final = 12
"""Letters with which a line begins as a title does."""
_LONG_LINE: Final = 60
"""Bytes of a line that is text, although its author ends no sentence with a full stop."""
_OWN_LINES: Final = frozenset(("tr", "p", "li", "pre"))
"""Elements of lines that may begin or end an article without a sentence."""
_MAX_LEAD: Final = 12
"""Passages between a lead under the headline and the article."""
_Signature = tuple[str, "str | int"]


def leave_out_lead_ins(passages: Sequence[Passage]) -> None:
    """Leave out lines that only introduce a list of links that was left out."""
    for before, after in pairwise(passages):
        if (
            after.rule is Rule.LINKS
            and before.rule is None
            and before.kind is BlockKind.TEXT
            and notices.is_lead_in(before.text)
        ):
            before.rule = Rule.LINKS


def leave_out_outside(passages: Sequence[Passage], root: Region, headline: int | None) -> None:
    """Leave out what is not in the article, but for a lead under the headline."""
    first = root.first
    if headline is not None and headline < root.first:
        for at in range(root.first - 1, max(headline, root.first - _MAX_LEAD) - 1, -1):
            passage = passages[at]
            if passage.rule is None and passage.mass and passage.linked < 0.3:
                first = at
    if headline is not None and root.first <= headline < root.end:
        before = sum(each.mass for each in passages[root.first : headline])
        if before * 3 < sum(each.mass for each in passages[headline : root.end]):
            for each in passages[root.first : headline]:
                if each.rule is None and each.prose:
                    each.rule = Rule.OUTSIDE
    for at, passage in enumerate(passages):
        if passage.rule is None and not (
            root.first <= at < root.end or (first <= at < root.end and passage.mass)
        ):
            passage.rule = Rule.OUTSIDE


def leave_out_links(passages: Sequence[Passage], regions: Sequence[Region]) -> None:
    """Leave out regions that consist of links."""
    end = 0
    for region in regions:  # outer before inner
        if region.end <= end:
            continue
        prose, linked, plain = region.sums[0]
        if linked > 2 * (plain + prose):
            for passage in passages[max(region.first, end) : region.end]:
                if passage.rule is None and not passage.prose:
                    passage.rule = Rule.LINKS
            end = region.end


def trim(passages: Sequence[Passage], root: Region, titles: Collection[str]) -> None:
    """Leave out what comes before the first sentence of the article and after the last.

    ``titles`` are the comparison keys of the page's titles.
    """
    runs = _runs(passages, root)
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
        if (each := passages[at]).rule is None
        and each.mass
        and (scattered or each.region.container.signature == core)
    ]
    if not inside:
        return
    first, last = inside[0], inside[-1]
    for at in range(last + 1, root.end):  # prose goes on in another element
        passage = passages[at]
        if passage.rule is None and passage.kind is not BlockKind.CAPTION:
            if not passage.mass or groups.get(passage.region.container.signature, 0) * 4 < mass:
                break
            last = at
    for at in range(root.first, root.end):
        passage = passages[at]
        if passage.rule is not None or passage.kind is BlockKind.CAPTION:
            continue
        long = passage.size >= _LONG_LINE and passage.linked < 0.3
        own = passage.region.container.signature == core and (passage.tag in _OWN_LINES or long)
        if at < first:
            line = own and not _begins_as_title(passage, titles)
            if not (line or passage.prose or passage.kind is BlockKind.HEADING):
                passage.rule = Rule.METADATA
        elif at > last and not own:
            passage.rule = Rule.OUTSIDE


def _begins_as_title(passage: Passage, titles: Collection[str]) -> bool:
    """Return whether a line is a title of the page, perhaps with a date behind it."""
    key = comparison_key(passage.text)[:_TITLE_BEGINNING]
    return len(key) == _TITLE_BEGINNING and any(title.startswith(key) for title in titles)


def _runs(passages: Sequence[Passage], root: Region) -> list[tuple[_Signature, int]]:
    """Return the runs of prose in the article: what their containers look like, and bytes.

    Paragraphs of an article follow each other; comments have names and dates between them.
    """
    runs: list[tuple[_Signature, int]] = []
    broken = True
    for passage in passages[root.first : root.end]:
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


def compare_with_stated(passages: Sequence[Passage], stated: str) -> list[str]:
    """Restore what the page states as its body, or return its paragraphs if it shows less.

    ``stated`` is the body that the page states for programs.
    """
    body = comparison_key(stated)
    kept = [
        (passage, comparison_key(passage.text))
        for passage in passages
        if passage.rule is None and passage.kind is not BlockKind.CAPTION
    ]
    length = sum(len(key) for _, key in kept)
    shown = sum(len(key) for passage, key in kept if passage.prose and key in body)
    first = next((key for passage, key in kept if passage.prose), None)
    if shown * 6 > length * 5 and length * 2 > len(body):
        seen = {key for _, key in kept}
        for passage in passages:
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
        return [text for text in map(clean_line, stated.split("\n")) if text]
    return []


def leave_out_headings(passages: Sequence[Passage]) -> None:
    """Leave out headings of what was left out: what follows them is not in the article."""
    dropped = 0
    for passage in reversed(passages):
        if passage.kind is BlockKind.CAPTION:
            continue
        if passage.rule is not None:
            dropped += passage.linked > 0.5
        elif passage.kind is not BlockKind.HEADING:
            dropped = 0
        elif dropped >= 2:
            passage.rule = Rule.LINKS
