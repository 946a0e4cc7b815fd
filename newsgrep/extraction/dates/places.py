"""The dates that a page shows and its elements state, and how near they are to the headline.

:mod:`newsgrep.extraction.dates.scan` looks at all elements, before the tree is released.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from newsgrep.extraction.dates import ranks
from newsgrep.extraction.dates.forms import day_comes_first, is_ambiguous, parse_date
from newsgrep.extraction.dates.lines import (
    MAX_LINE,
    LineDate,
    Meaning,
    is_prose,
    label_meaning,
    read_line,
)
from newsgrep.extraction.dates.scan import (
    LONG_TEXT,
    MAX_CANDIDATES,
    MAX_TITLE,
    MAX_TITLES,
    NAMED,
    STATING_ATTRIBUTES,
    Scan,
    find_headline,
    scan_page,
)
from newsgrep.extraction.dates.surroundings import (
    MAX_NAMES,
    cell_before,
    fact_of,
    in_caption,
    in_long_link,
    in_running_text,
    line_of,
    names_around,
    text_before,
)
from newsgrep.extraction.decode import MAX_CHARACTERS
from newsgrep.extraction.page import boilerplate
from newsgrep.extraction.page.dom import Element, Tree, css_selector, short_text
from newsgrep.models import Provenance


class DateClaim(NamedTuple):
    """A date that a page states: the text, the kind of place, the place and the rank."""

    text: str
    provenance: Provenance
    locator: str
    rank: int


_MAX_LEAD: Final = 900
"""Characters of running text between a headline and its date line: a lead."""
_MAX_SHORT_LEAD: Final = 400
"""Characters of a first paragraph that may be a lead above the date line."""
_MAX_ELEMENTS_AFTER: Final = 150
_MAX_ELEMENTS_BEFORE: Final = 12
"""Elements between a headline and its date line."""
_MAX_ANCESTORS: Final = 8
_MAX_DEPTH: Final = 200
_MAX_ASIDE: Final = 150
"""Characters of an ``aside`` beside the headline that is no list of other articles."""
_MAX_LINK: Final = 40
"""Characters of links in a date line; with more of them it leads to another article."""
_MARKED = re.compile(
    r"(?:^|[\s_-])(?:published|datepublished|entry-date|entry-time|pub-?date|pub-?time|post-date|dt-published|posted(?:-on)?"
    r"|(?<!status-)publish\S*)(?:\s|$)",
    re.IGNORECASE,
)
_MARKED_UPDATED = re.compile(
    r"(?:^|[\s_-])(?:updated?|modified|dt-updated|date-?modified|lastmod|last-modified)(?:[\s_-]|$)",
    re.IGNORECASE,
)
_DATED = re.compile(
    r"date|datum|fecha|(?<!status-)publi|(?<![a-z])time(?!line|out|table)|posted|submitted",
    re.IGNORECASE,
)
_NOT_NAMED = re.compile(
    r"update|modif|event|termin|birth|copyright|comment|relat|expire|today", re.IGNORECASE
)
_OUTSIDE_ELEMENTS: Final = frozenset(("aside", "nav", "footer", "figure", "figcaption"))


def read_dates(tree: Tree, titles: Iterable[str], *, scripts: bool = True) -> list[DateClaim]:
    """Return the dates that the elements of a page state; ``titles`` are what its head states.

    With ``scripts``, scripts are read if no element states a date.
    """
    titles = [title[:MAX_TITLE] for title in titles]
    scan = scan_page(tree, tuple(titles[:MAX_TITLES]))
    lines = list(_iter_lines(scan)) if scan.texts else []
    found: list[DateClaim] = []
    if lines or scan.stating:
        found = _Reader(scan, find_headline(scan, titles)).claims(lines)
    if scripts and scan.scripts and all(claim.rank >= ranks.SCRIPT_RANK for claim in found):
        found += _dates_in_scripts(scan.scripts)
    return found


class _PlacedLine(NamedTuple):
    """A line that states dates, with the element and the block that it is in."""

    position: int
    element: Element
    block: Element
    text: str
    dates: list[LineDate]


def _iter_lines(scan: Scan) -> Iterator[_PlacedLine]:
    """Yield the lines with the texts of a scan that state dates, each once."""
    day_first = _read_day_first(scan)
    seen: set[tuple[int, int]] = set()
    for position, element, index in scan.texts:
        if is_prose(str(element.contents[index])):
            continue
        block, start, text, links = line_of(element, index)
        if (id(block), start) in seen:
            continue
        seen.add((id(block), start))
        if links > _MAX_LINK:
            continue
        if len(text) > MAX_LINE and NAMED.search(names_around(element)):
            text = text[:MAX_LINE].rpartition(" ")[0]  # tags and links follow
        if dates := read_line(text, day_first=day_first):
            yield _PlacedLine(position, element, block, text, dates)


def _read_day_first(scan: Scan) -> bool | None:
    """Return how the page writes ``05/06/2024``: by another date on it, then by language."""
    for _, element, index in scan.texts:
        if (first := day_comes_first(str(element.contents[index]))) is not None:
            return first
    language = scan.language
    if language[:2] == "en":
        return language[3:5] not in ("", "us", "ca", "ph")
    return True if language and language[:2] not in ("zh", "ja", "ko") else None


def _dates_in_scripts(scripts: Iterable[str]) -> Iterator[DateClaim]:
    """Yield what scripts say, if all that they say is one day."""
    values: dict[str, list[str]] = {}
    for script in scripts:
        for key, value in ranks.dates_in_script(script[:_MAX_SCRIPT]):
            values.setdefault(key, []).append(value)
    for key, texts in values.items():
        stated = [each for each in map(parse_date, texts[:50]) if each]
        if stated and len({each.day for each in stated}) == 1:
            yield DateClaim(texts[0], Provenance.SCRIPT, key, ranks.SCRIPT_RANK)


class _Reader:
    """Ranks what a scan has found."""

    def __init__(self, scan: Scan, headline: tuple[int, Element] | None) -> None:
        self.scan = scan
        self.around: set[int] = set()
        """Ids of the elements that contain the headline: they are not furniture."""
        node = headline[1] if headline else None
        while node is not None and len(self.around) < _MAX_DEPTH:
            self.around.add(id(node))
            node = node.parent
        if headline:
            self.headline, self.known = headline[0], True
            self.start = headline[0] - _MAX_ELEMENTS_BEFORE
        else:
            # A page without a headline: what is above its first paragraph.
            first = next((at for at, length in scan.running if length > 2 * LONG_TEXT), 0)
            self.headline, self.known = first, False
            self.start = 0
        self.end = self._end()
        self.text = self._text()

    def _end(self) -> int:
        """Return the position after which dates are no longer beside the headline."""
        length = 0
        for position, characters in self.scan.running:
            if position > self.headline:
                length += characters
                if length > _MAX_LEAD:
                    return position
        return self.headline + 10 * _MAX_ELEMENTS_AFTER

    def _text(self) -> int:
        """Return the position after which a date without a label is part of the text."""
        after = [each for each in self.scan.running if each[0] > self.headline]
        if not after:
            return self.end
        lead = len(after) > 1 and after[0][1] <= _MAX_SHORT_LEAD
        return after[1 if lead else 0][0]

    def claims(self, lines: Iterable[_PlacedLine]) -> list[DateClaim]:
        """Return the claims of elements and ``lines``; several may be about one date."""
        placed = [*self._elements(), *self._rank_lines(lines)]
        bare = {claim.text for _, claim in placed if claim.rank == ranks.BARE_RANK}
        if len(bare) > _MAX_BARE_DAYS:  # a chronology
            placed = [pair for pair in placed if pair[1].rank != ranks.BARE_RANK]
        placed.sort(key=lambda pair: (pair[1].rank, self._distance(pair[0])))
        return [claim for _, claim in placed]

    def _distance(self, position: int) -> int:
        """Return how far a position is from the headline; what is below it is nearer."""
        after = position - self.headline
        return after if after >= 0 else -3 * after

    def _is_beside(self, position: int, element: Element, *, marked: bool = False) -> bool:
        last = min(self.end, self.headline + _MAX_ELEMENTS_AFTER)
        most_aside = MAX_CHARACTERS if marked else _MAX_ASIDE
        return self.start <= position <= last and not self._is_outside(element, most_aside)

    def _is_outside(self, element: Element, most_aside: int = 0) -> bool:
        """Return whether ``element`` is in furniture that does not contain the headline.

        An ``aside`` of up to ``most_aside`` characters may contain the date line.
        """
        node: Element | None = element
        for _ in range(_MAX_ANCESTORS):
            if node is None or id(node) in self.around or node.name in ("body", "main"):
                return False
            if boilerplate.is_hidden(node):
                return True
            if node.name in _OUTSIDE_ELEMENTS:
                return node.name != "aside" or len(short_text(node)) > most_aside
            if boilerplate.is_boilerplate(node, boilerplate.traits_of(node)):
                return True
            node = node.parent
        return False

    def _elements(self) -> Iterator[tuple[int, DateClaim]]:
        for position, element in self.scan.stating[:MAX_CANDIDATES]:
            names = names_around(element)
            text = _stating_text(element)
            stated = parse_date(text) if text else None
            if stated is None or not stated.has_day:
                continue
            meaning = label_meaning(text_before(element))
            own = element.attribute("class").strip()[:MAX_NAMES]
            says_updated = _MARKED_UPDATED.search(own) is not None
            where = own + " " + element.attribute("itemprop") if says_updated else names
            marked = _MARKED.search(where) is not None or "pubdate" in element.attrs
            if not marked and (meaning is None or in_running_text(element)):
                continue
            beside = self._is_beside(position, element, marked=marked)
            # WordPress marks the only date of a post as "updated".
            updated = not marked and (
                meaning is Meaning.UPDATED
                or (says_updated and not (beside and own == "updated"))
                or (not says_updated and _MARKED_UPDATED.search(names) is not None)
            )
            if updated:
                rank = ranks.UPDATED_RANK
            elif beside and (marked or position <= self.text):
                rank = (
                    ranks.MARKED_RANK
                    if marked
                    else ranks.LABELLED_RANK
                    if meaning is Meaning.PUBLISHED
                    else ranks.BESIDE_RANK
                )
            elif self._is_outside(element):
                continue
            else:
                rank = ranks.FAR_TIME_RANK - marked
            yield position, DateClaim(text, Provenance.TIME_ELEMENT, css_selector(element), rank)

    def _rank_lines(self, lines: Iterable[_PlacedLine]) -> Iterator[tuple[int, DateClaim]]:
        for position, element, block, text, dates in lines:
            for line in dates:
                rank = self._rank_line(line, position, element)
                if (
                    rank in (ranks.BESIDE_RANK, ranks.BARE_RANK)
                    and len(text) + LONG_TEXT < len(short_text(block))
                    and not _DATED.search(names_around(element))
                ):
                    continue  # a line of a paragraph
                if rank is not None:
                    value = _iso(line) if is_ambiguous(line.text) else line.text
                    where = css_selector(element)
                    yield position, DateClaim(value, Provenance.DATE_LINE, where, rank)

    def _rank_line(self, line: LineDate, position: int, element: Element) -> int | None:
        names = names_around(element)
        named = bool(NAMED.search(names)) and not _NOT_NAMED.search(names)
        dated = named and _DATED.search(names) is not None
        if not dated and in_caption(element):
            return None
        if line.meaning is Meaning.UPDATED:
            return None if self._is_outside(element) else ranks.UPDATED_RANK
        beside = self._is_beside(position, element) and (
            dated or line.stated.has_time or position <= self.text
        )
        if line.meaning is Meaning.PUBLISHED:
            if beside:
                return ranks.LABELLED_RANK
            if self._is_outside(element) or in_long_link(element, line.text):
                return None
            return ranks.FAR_LABELLED_RANK
        if beside:
            if not dated and (fact := fact_of(element)):
                return self._rank_fact(line, position, fact)
            clear = named or line.stated.has_time
            return ranks.BESIDE_RANK if clear else ranks.BARE_RANK
        if not named or self._is_outside(element):
            return None
        return ranks.NAMED_RANK

    def _rank_fact(self, line: LineDate, position: int, fact: Element) -> int | None:
        """Rank a date in a list or a table of facts by the name of the fact."""
        if fact.name == "li":
            if line.stated.has_time:
                return ranks.BESIDE_RANK
            near = self.known and 0 < position - self.headline <= _NEAR_ITEM
            return ranks.BARE_RANK if near else None
        label = cell_before(fact)
        meaning = label_meaning(label) if label else None
        if meaning is Meaning.UPDATED:
            return ranks.UPDATED_RANK
        if meaning is Meaning.PUBLISHED or _BARE_LABEL.fullmatch(label):
            return ranks.LABELLED_RANK
        return None


_MAX_SCRIPT: Final = 200_000
_MAX_BARE_DAYS: Final = 2
_NEAR_ITEM: Final = 6
"""Elements between a headline and the list that has its date."""
_BARE_LABEL = re.compile(r"(?:时间|時間|日期|date|datum|fecha|data)[\s:：]*", re.IGNORECASE)


def _iso(line: LineDate) -> str:
    value = line.stated.value
    return value.isoformat(" ", "minutes") if line.stated.has_time else value.date().isoformat()


def _stating_text(element: Element) -> str:
    """Return the date that an attribute states, else the text of a ``time`` element."""
    shown = short_text(element)
    if element.name != "time" and parse_date(shown):
        return ""  # a line states it
    for key in STATING_ATTRIBUTES:
        text = element.attribute(key).strip()
        if text and parse_date(text):
            return text
    return shown if element.name == "time" else ""
