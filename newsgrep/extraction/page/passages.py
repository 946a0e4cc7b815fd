"""Passages of a page in document order, the regions that contain them, and what is suspected.

The walk in ``clean`` yields passages; ``content`` selects
those of the article. A *region* is a block element that contains text, directly or below it. A
*suspect* is an element that probably contains no article text, because of its name, its class or
its style; the rule is the reason. Nothing is dropped for a suspicion alone.
"""

from __future__ import annotations

import re
from typing import Final

from newsgrep.extraction.claims import BlockKind, Rule
from newsgrep.extraction.page.dom import Element

_FULL_STOPS: Final = ".。．｡।॥۔።။។៕།։"
_SENTENCE_END = re.compile(rf"[{_FULL_STOPS}!?！？…؟]['\"”’」』»)）\]]*(?=\s|$|[^\x00-\u024f])")
_FULL_STOP_SIGNS: Final = frozenset(_FULL_STOPS)
_CLAUSES = re.compile(r"[,，、;；:：၊]|[\u0e00-\u0eff]{40}")
"""Signs within sentences, and Thai and Lao, which have none."""
MIN_PROSE: Final = 50
"""Bytes of the shortest sentence: about 17 Chinese characters or eight English words."""
_LONG: Final = 200
"""Bytes of a text that is prose without a full stop, if it has other signs of sentences."""


def size_of(text: str) -> int:
    """Return the size of ``text`` in bytes; a Chinese character counts as three Latin letters."""
    return len(text.encode("utf-8", "replace"))


def is_prose(text: str, size: int) -> bool:
    """Return whether ``text`` of ``size`` bytes contains a sentence."""
    if size < MIN_PROSE:
        return False
    return _SENTENCE_END.search(text) is not None or (
        size >= _LONG and len(_CLAUSES.findall(text)) * 150 > size
    )


def ends_as_statement(text: str) -> bool:
    """Return whether ``text`` ends with a full stop, as the headline of a link does not."""
    return text.rstrip("\"'”’」』)）")[-1:] in _FULL_STOP_SIGNS


class Suspect:
    """An element that probably contains no article text, and the rule that says so.

    ``outer`` is the suspect around it, or None. ``verdict`` is the rule of the outermost suspect
    around it, or of itself, that is boilerplate, or None; the selection decides it. ``open`` is
    True for a suspect that is known to be innocent. ``doubt`` grades a text in it: 0, 1 or 2.
    """

    __slots__ = (
        "doubt",
        "element",
        "headed",
        "headings",
        "mass",
        "open",
        "other",
        "outer",
        "prose",
        "rule",
        "verdict",
    )

    def __init__(self, element: Element, rule: Rule, outer: Suspect | None) -> None:
        self.element = element
        self.rule = rule
        self.outer = outer
        self.prose = 0.0
        self.other = 0
        self.headings = 0
        self.headed = False
        self.mass = 0
        self.open = False
        self.doubt = 0
        self.verdict: Rule | None = rule


NOTHING: Final = (0.0, 0.0, 0.0)
"""Sums of a region to which nothing was added."""


class Region:
    """A block element that contains text; its passages are ``first`` to before ``end``."""

    __slots__ = (
        "_container",
        "doubt",
        "element",
        "end",
        "first",
        "outer",
        "sums",
        "suspect",
    )

    def __init__(
        self, element: Element, outer: Region | None, first: int, suspect: Suspect | None
    ) -> None:
        self.element = element
        self.outer = outer
        self.first = self.end = first
        self.suspect = suspect
        self.doubt = 0
        self.sums = [NOTHING] * 3
        self._container: Region | None = None  # itself: a cycle would keep the page in memory
        if outer is not None and element.name in INNER_ELEMENTS:
            self._container = outer.container

    @property
    def container(self) -> Region:
        """Return the innermost region around this one, or itself, that may contain a text."""
        return self._container or self

    def add(self, doubt: int, prose: float, linked: float, plain: float) -> None:
        """Add bytes of prose, of text in links and of other text to the sums for ``doubt``."""
        own = self.sums[doubt]
        self.sums[doubt] = (own[0] + prose, own[1] + linked, own[2] + plain)

    @property
    def has_prose(self) -> bool:
        """Return whether a sentence outside links is in it, for sums that are complete."""
        certain, doubtful, strong = self.sums
        return certain[0] > 0 or doubtful[0] > 0 or strong[0] > 0

    @property
    def signature(self) -> tuple[str, str | int]:
        """Name and class of the element, or name and parent: parts of an article look alike."""
        element = self.element
        return (element.name, element.attribute("class") or id(element.parent))


class Passage:
    """One paragraph, heading or caption, and what the page's structure says about it.

    ``size`` counts bytes, ``linked`` is the part of the text in links, from 0 to 1. ``prose`` is
    whether it contains a sentence, and ``mass`` the bytes of prose outside links and captions.
    ``rule`` is why it is left out of the article, or None.
    """

    __slots__ = (
        "kind",
        "linked",
        "mass",
        "prose",
        "region",
        "rule",
        "size",
        "suspect",
        "tag",
        "text",
    )

    def __init__(
        self,
        text: str,
        kind: BlockKind,
        region: Region,
        suspect: Suspect | None,
        linked: float,
    ) -> None:
        self.text = text
        self.kind = kind
        self.region = region
        self.suspect = suspect
        self.linked = linked
        self.size = size_of(text)
        self.prose = is_prose(text, self.size)
        self.mass = (
            int(self.size * (1 - linked)) if self.prose and kind is not BlockKind.CAPTION else 0
        )
        self.tag = region.element.name
        self.rule: Rule | None = None


INNER_ELEMENTS: Final = frozenset((
    "p", "li", "ul", "ol", "dl", "dt", "dd", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote",
    "pre", "table", "tr", "tbody", "thead", "tfoot", "figure", "figcaption", "details", "summary",
    "hr",
))  # fmt: skip
"""Block elements that are parts of a text, not containers of one."""


_MAX_LEVELS: Final = 500
"""Nested elements above a passage, outermost and innermost, that are regions of their own."""


class Regions:
    """The regions of one page, outer before inner, found by their elements."""

    def __init__(self) -> None:
        self.all: list[Region] = []
        self._by_element: dict[Element, Region] = {}

    def of(self, element: Element | None) -> Region | None:
        """Return the region of ``element``, or None if it contains no text."""
        return None if element is None else self._by_element.get(element)

    def around(self, element: Element, first: int, suspect: Suspect | None) -> Region:
        """Return the region of ``element``, created with those around it if it is new.

        ``first`` is the number of passages so far, ``suspect`` the innermost suspect.
        """
        found = self._by_element
        region = found.get(element)
        if region is not None:
            return region
        missing: list[Element] = [element]
        outer = None
        at = element.parent
        while at is not None and (outer := found.get(at)) is None:
            missing.append(at)
            at = at.parent
        around = outer.suspect if outer is not None else None
        suspects: dict[Element, Suspect] = {}
        while suspect is not None and suspect is not around:
            suspects[suspect.element] = suspect
            suspect = suspect.outer
        inner = len(missing) - _MAX_LEVELS
        for level, each in enumerate(reversed(missing)):
            if _MAX_LEVELS <= level < inner and outer is not None:
                found[each] = outer  # no page that people read is so deep
                continue
            if suspects:
                around = suspects.get(each, around)
            outer = found[each] = Region(each, outer, first, around)
            self.all.append(outer)
        assert outer is not None  # noqa: S101 - ``element`` itself was missing
        return outer
