"""From the tree of a page to passages of text and claims, in one walk.

Nothing is dropped here for its name or class: the walk notes what is suspected, and
:mod:`newsgrep.extract.content` decides with the whole page in view. Broken pages nest a hundred
thousand elements, so nothing is recursive, and every look into a subtree is bounded.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from newsgrep.analysis.characters import solo_character
from newsgrep.extract import boilerplate, notices
from newsgrep.extract.claims import BlockKind, Rule
from newsgrep.extract.dom import (
    DROPPED_ELEMENTS,
    MAX_NODES,
    SILENT_ELEMENTS,
    Element,
    Tree,
    contains_element,
    iter_elements,
    iter_text,
    short_text,
)
from newsgrep.extract.metadata import OUTSIDE_PENALTY, MetadataReader
from newsgrep.extract.outlets import SelectedElements, url_host
from newsgrep.extract.passages import Passage, Region, Regions, Suspect, is_prose, size_of
from newsgrep.extract.whitespace import CELL_SEPARATOR, clean_line, comparison_key, split_paragraphs
from newsgrep.models import Provenance

_HEAD_ELEMENTS: Final = frozenset(("meta", "title", "link", "script"))
_SENTENCE_ELEMENTS: Final = frozenset(
    (
        "b",
        "cite",
        "em",
        "font",
        "i",
        "label",
        "mark",
        "math",
        "q",
        "strong",
        "sub",
        "sup",
        "time",
        "u",
    )
)
"""Inline elements that are part of the sentence that they end; others are if they end it."""
_MAX_CREDIT: Final = 200
"""Characters of an element with the class of a photo credit; a longer one is text."""
_MAX_CAPTION: Final = 400
"""Characters of a caption in an element other than ``figcaption``; a longer one is text."""
_MAX_ROW: Final = 600
"""Characters of a table row that becomes one line; in a longer one the table is layout."""
_MAX_ALT: Final = 1000
LINK_LIST_ELEMENTS: Final = frozenset(("ul", "ol", "section", "aside"))
_SPECIAL_ELEMENTS: Final = boilerplate.RULED_ELEMENTS | LINK_LIST_ELEMENTS | {"figcaption", "small"}
"""Elements that may be suspected or captions by their name alone."""
_CLAIMING_ELEMENTS: Final = frozenset(("time", "address", "h1"))
_CLAIMING_RULES: Final = frozenset((
    Rule.METADATA, Rule.FOOTER, Rule.SIDEBAR, Rule.CREDIT,
))  # fmt: skip
"""Rules of elements that state something about the article."""
_NO_TRAITS: Final[frozenset[str]] = frozenset()


class _Frame:
    """An element that the walk has entered and not left.

    ``block`` is the innermost block element; ``mark`` is where the text of a suspected inline
    element begins in the line, or -1.
    """

    __slots__ = (
        "block",
        "breaks",
        "careful",
        "children",
        "element",
        "in_link",
        "in_list",
        "in_row",
        "kind",
        "mark",
        "preformatted",
        "suspect",
    )

    def __init__(
        self, element: Element, suspect: Suspect | None, outer: _Frame | None = None
    ) -> None:
        self.children = iter(element.contents)
        self.element = element
        self.suspect = suspect
        self.mark = -1
        self.breaks = False
        if outer is None:
            self.block = element
            self.kind = BlockKind.TEXT
            self.in_link = self.in_list = self.in_row = self.preformatted = False
            self.careful = True
        else:
            self.block = outer.block
            self.kind = outer.kind
            self.in_link = outer.in_link
            self.in_list = outer.in_list
            self.in_row = outer.in_row
            self.preformatted = outer.preformatted
            self.careful = outer.careful


class Cleaner:
    """Collects the passages and claims of one page in one walk.

    ``selected`` are the elements that the outlet's rules select; ``url`` is the page's address.
    After :meth:`run`, ``passages``, ``suspects`` and ``regions`` contain the text;
    :meth:`read_claims` completes ``metadata``.
    """

    def __init__(self, tree: Tree, selected: SelectedElements, url: str | None) -> None:
        self.tree = tree
        self.selected = selected
        self.host = url_host(url) or ""
        self._ruled = any((selected.dropped, selected.captions, selected.credits, selected.kept))
        self.metadata = MetadataReader()
        self.passages: list[Passage] = []
        self.suspects: list[Suspect] = []
        self.regions = Regions()
        self._claiming: list[tuple[Element, Suspect | None, int]] = []
        self._lines: list[str] = []
        self._line_suspects: list[Suspect | None] = []
        self._line: list[str] = []
        self._marks: list[tuple[int, int, _Frame]] = []
        self._marked: _Frame | None = None
        self._asides: list[tuple[str, Suspect | None]] = []
        self._linked = 0
        self._after_image = False
        self._alt: tuple[str, _Frame] | None = None
        self._captions: set[str] = set()
        for element in selected.authors:
            self.metadata.add_author(short_text(element), Provenance.OUTLET_RULE, 0, "byline")
        for element in selected.dates:
            stated = element.attribute("datetime") or element.attribute("content")
            text = stated or short_text(element)
            self.metadata.add_date(text, Provenance.OUTLET_RULE, 0, "date")

    def run(self) -> None:
        """Walk the tree."""
        frame = _Frame(self.tree.root, None)
        stack = [frame]
        while stack:
            frame = stack[-1]
            child = next(frame.children, None)
            if child is None:
                stack.pop()
                self._leave(frame)
            elif type(child) is str:
                self._add_text(child, frame)
            elif type(child) is Element:
                entered = self._enter(child, frame)
                if entered is not None:
                    stack.append(entered)
        self._flush(frame)
        self._flush_alt()

    def read_claims(self, root: Region | None) -> None:
        """Read what the elements of the page claim; ``root`` is the region of the article.

        Elements in boilerplate claim nothing but what an attribute of theirs states.
        """
        metadata = self.metadata
        for element, suspect, at in self._claiming:
            outside = root is not None and not root.first <= at <= root.end
            rule = suspect.verdict if suspect is not None else None
            if rule is None or rule in _CLAIMING_RULES:
                metadata.read_element(element, outside=outside)
            elif suspect is not None and suspect.element is element:
                if rule is Rule.HIDDEN or element.name in SILENT_ELEMENTS:
                    metadata.read_properties(element, 0)
                elif element.attribute("content"):
                    metadata.read_properties(element, OUTSIDE_PENALTY * outside)

    def _add_text(self, text: str, frame: _Frame) -> None:
        if frame.preformatted:
            first, *rest = text.split("\n")
            self._line.append(first)
            for line in rest:
                self._end_line()
                self._line.append(line)
        elif self._line or self._marked is not None or self._marks or not text.isspace():
            self._line.append(text)
        else:  # indentation of the source
            return
        if frame.in_link:
            self._linked += len(text.strip())
        if self._after_image and text.strip():
            self._after_image = False

    def _end_line(self) -> None:
        line = self._line
        suspect = None
        if self._marked is not None or self._marks:
            if self._marked is not None:
                self._marks.append((self._marked.mark, len(line), self._marked))
                self._marked.mark = 0
            suspect = self._resolve_marks()
        self._lines.append("".join(line))
        self._line_suspects.append(suspect)
        line.clear()

    def _resolve_marks(self) -> Suspect | None:
        """Remove suspected inline elements from the line unless they are part of a sentence.

        Returns the suspect if the whole line is in suspected elements.
        """
        line = self._line
        marks, self._marks = self._marks, []
        filled = [at for at, part in enumerate(line) if part.strip(_BLANKS)]
        covered = 0
        for start, end, _ in marks:
            if covered < len(filled) and filled[covered] < start:
                break
            while covered < len(filled) and filled[covered] < end:
                covered += 1
        if covered == len(filled):
            return marks[0][2].suspect if filled else None
        for start, end, frame in reversed(marks):
            first, after = bisect_left(filled, start), bisect_left(filled, end)
            if first == after:
                continue
            before_text = line[filled[first - 1]].rstrip() if first else ""
            after_text = line[filled[after]].lstrip() if after < len(filled) else ""
            text = "".join(line[start:end])
            if not _in_sentence(before_text, text, after_text, frame):
                line[start:end] = [" "] + [""] * (end - start - 1)
                if is_prose(text, size_of(text)):
                    self._asides.append((text, frame.suspect))
        return None

    def _flush(self, frame: _Frame) -> None:
        """Turn the collected lines into passages of the block that ``frame`` is in."""
        if not self._line and not self._lines:
            return
        self._end_line()
        lines, suspects, linked = self._lines, self._line_suspects, self._linked
        self._linked = 0
        if len(lines) == 1 and lines[0].isspace():  # indentation of the source
            lines.clear()
            suspects.clear()
            return
        self._lines, self._line_suspects = [], []
        suspect = frame.suspect
        if any(suspects):
            filled = [at for at, line in enumerate(lines) if line.strip()]
            if all(suspects[at] for at in filled):
                suspect = suspects[filled[0]] if filled else suspect
            else:
                lines = [
                    line
                    for line, own in zip(lines, suspects, strict=True)
                    if own is None or is_prose(line, size_of(line))
                ]
        total = 0
        for text in split_paragraphs(lines):
            if not total:
                total = sum(len(line.strip()) for line in lines)
                self._flush_alt()
            share = min(linked / total, 1.0) if linked else 0.0
            self._add(text, frame.kind, frame, suspect, share)
        if self._asides:
            for text, own in self._asides:
                self._add(clean_line(text), BlockKind.TEXT, frame, own, 0.0)
            self._asides.clear()

    def _add(
        self, text: str, kind: BlockKind, frame: _Frame, suspect: Suspect | None, linked: float
    ) -> None:
        region = self.regions.around(frame.block, len(self.passages), frame.suspect)
        self.passages.append(Passage(text, kind, region, suspect, linked))

    def _add_caption(self, text: str, frame: _Frame) -> None:
        text = notices.strip_credit(text)
        if not text or notices.is_boilerplate_line(text):
            return
        key = comparison_key(text)
        if key and key not in self._captions:
            self._captions.add(key)
            self._add(text, BlockKind.CAPTION, frame, frame.suspect, 0.0)

    def _flush_alt(self) -> None:
        """Take the alternative text of an image as its caption, if it has no other caption."""
        if self._alt is not None:
            alt, frame = self._alt
            self._alt = None
            self._add_caption(alt, frame)

    def _leave(self, frame: _Frame) -> None:
        if frame.breaks:
            self._flush(frame)
            return
        if frame is self._marked:
            self._marks.append((frame.mark, len(self._line), frame))
            self._marked = None
        if frame.element.name in ("td", "th"):
            self._line.append(CELL_SEPARATOR)

    def _enter(self, element: Element, frame: _Frame) -> _Frame | None:
        name = element.name
        if name == "br":
            self._end_line()
            return None
        if name in _HEAD_ELEMENTS:
            self.metadata.read_head(element)
            return None
        attrs = element.attrs
        if name in SILENT_ELEMENTS:
            if attrs:
                self.metadata.read_properties(element, 0)
            return None
        if name == "img":
            self._image(element, frame)
            return None
        selected = self.selected
        careful = frame.careful and element not in selected.kept
        traits = boilerplate.traits_of(element) if attrs else _NO_TRAITS
        suspect = frame.suspect
        rule = None
        if (
            traits
            or name in _SPECIAL_ELEMENTS
            or self._ruled
            or not boilerplate.RULED_ATTRIBUTES.isdisjoint(attrs)
        ):
            if element in selected.captions:
                self._flush(frame)
                self._take_caption(element, frame)
                return None
            if careful and "chart" in traits:
                self._flush(frame)
                self._take_chart(element, frame)
                return None
            if self._is_caption(element, traits, careful):
                self._flush(frame)
                self._take_caption(element, frame)
                return None
            rule = self._rule_of(element, traits, frame)
            if rule is not None:
                suspect = Suspect(element, rule, suspect)
                self.suspects.append(suspect)
        if name in _CLAIMING_ELEMENTS or (
            attrs and not boilerplate.CLAIMING_ATTRIBUTES.isdisjoint(attrs)
        ):
            self._claiming.append((element, suspect, len(self.passages)))
        entered = _Frame(element, suspect, frame)
        entered.careful = careful
        if name in ("ul", "ol"):
            entered.in_list = True
        if name in boilerplate.BLOCK_ELEMENTS:
            if frame.in_row:
                self._line.append(CELL_SEPARATOR)
            else:
                self._flush(frame)
                entered.breaks = True
                entered.block = element
                if name in boilerplate.HEADING_ELEMENTS:
                    entered.kind = BlockKind.HEADING
                elif name == "tr":
                    entered.in_row = self._is_row(element)
                elif name == "pre":
                    entered.preformatted = True
        elif name == "a":
            entered.in_link = True
        if rule is not None and not entered.breaks and self._marked is None:
            entered.mark = len(self._line)
            self._marked = entered
        return entered

    def _rule_of(self, element: Element, traits: frozenset[str], frame: _Frame) -> Rule | None:
        """Return the rule under which ``element``, a child of ``frame``, is suspected, or None."""
        selected = self.selected
        if element in selected.dropped:
            return Rule.OUTLET_RULE
        if element in selected.credits:
            return Rule.CREDIT
        if not frame.careful or element in selected.kept:
            return Rule.HIDDEN if boilerplate.is_hidden(element) else None
        rule = boilerplate.rule_of(element, traits)
        if (
            rule is None
            and boilerplate.is_credit(element, traits)
            and (len(short_text(element)) <= _MAX_CREDIT)
        ):
            return Rule.CREDIT
        if (
            rule in (None, Rule.SIDEBAR)
            and not frame.in_list
            and element.name in LINK_LIST_ELEMENTS
            and is_link_list(element, self.host)
        ):
            return Rule.LINKS
        return rule

    def _is_row(self, element: Element) -> bool:
        return (
            not contains_element(element, "table") and len(short_text(element)) <= _MAX_ROW
        )  # else it is layout

    def _is_caption(self, element: Element, traits: frozenset[str], careful: bool) -> bool:
        name = element.name
        if name == "figcaption":
            return True
        if name in ("small", "em", "i", "span", "p", "div", "figure"):
            if name == "small" and self._after_image:
                return len(short_text(element)) <= _MAX_CAPTION
            if careful and name != "figure" and "caption" in traits:
                return len(short_text(element)) <= _MAX_CAPTION and not contains_element(
                    element, "img"
                )
        return False

    def _take_caption(self, element: Element, frame: _Frame) -> None:
        kept: list[str] = []
        stack: list[Iterator[Element | str]] = [iter(element.contents)]
        while stack:
            child = next(stack[-1], None)
            if child is None:
                stack.pop()
            elif type(child) is str:
                kept.append(child)
            elif isinstance(child, Element):
                if (
                    child.name in DROPPED_ELEMENTS
                    or boilerplate.is_hidden(child)
                    or boilerplate.is_credit(child, boilerplate.traits_of(child))
                    or child in self.selected.credits
                ):
                    continue
                if child.name in ("br", "p", "div"):
                    kept.append(" ")
                stack.append(iter(child.contents))
        text = clean_line("".join(kept))
        if text:
            self._alt = None
            self._add_caption(text, frame)

    def _take_chart(self, element: Element, frame: _Frame) -> None:
        """Keep whole sentences as captions, once: a chart is drawn for several widths."""
        for node in iter_elements(element, limit=10 * MAX_NODES):
            if node.name == "p" and _is_sentence(text := short_text(node)):
                self._add_caption(text, frame)

    def _image(self, element: Element, frame: _Frame) -> None:
        self._after_image = True
        alt = clean_line(element.attribute("alt")[:_MAX_ALT])
        if _is_sentence(alt):
            self._flush_if_blank()
            self._flush_alt()
            self._alt = (alt, frame)

    def _flush_if_blank(self) -> None:
        if not any(part.strip() for part in (*self._line, *self._lines)):
            self._line.clear()
            self._lines.clear()
            self._line_suspects.clear()
            self._marks.clear()


def _is_sentence(alt: str) -> bool:
    """Return whether the alternative text of an image is a sentence, as captions are."""
    if not 8 <= len(alt) <= 300 or ("/" in alt[:-1] and " " not in alt):  # a label or a path
        return False
    if solo_character().search(alt):
        return any(mark in alt for mark in "。！？，；") and len(alt) >= 12
    return alt.count(" ") >= 5 and alt.rstrip("”\"')").endswith((".", "!", "?"))


_BLANKS: Final = " \n\t\r\f\xa0\u3000|｜·•,/-–—" + CELL_SEPARATOR
"""White space, and signs between the parts of a line."""
_TERMINAL: Final = tuple(".!?。！？…」』”")
_SEPARATORS: Final = tuple("|｜·•/:：")


def _in_sentence(before: str, text: str, after: str, frame: _Frame) -> bool:
    """Return whether an inline element with ``text`` is part of the sentence around it.

    ``before`` and ``after`` are the other texts of its line.
    """
    if before and after:
        return not before.endswith(_SEPARATORS) or frame.element.name in _SENTENCE_ELEMENTS
    if before:
        return not before.endswith((*_TERMINAL, *_SEPARATORS)) and (
            frame.element.name in _SENTENCE_ELEMENTS or text.rstrip().endswith(_TERMINAL)
        )
    return frame.element.name != "button" and not after.startswith(_SEPARATORS)


_ABSOLUTE_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*:|//|/cdn-cgi/l/email-protection", re.IGNORECASE)
"""Absolute addresses, and Cloudflare's form of mail addresses."""


def _is_at(address: str, host: str) -> bool:
    """Return whether ``host`` is the host of an absolute address."""
    if address.startswith(_beginnings(host)):
        return True
    return host in address.lower() and url_host(address) == host


@lru_cache(maxsize=64)
def _beginnings(host: str) -> tuple[str, ...]:
    return tuple(f"{scheme}://{www}{host}/" for scheme in ("https", "http") for www in ("www.", ""))


def is_link_list(element: Element, host: str) -> bool:
    """Return whether ``element`` contains only links to other articles of the same outlet.

    ``host`` is the outlet's, or empty.
    """
    links = [node for node in iter_elements(element) if node.name == "a"]
    if len(links) < (1 if element.name in ("ul", "ol") else 2):  # a section may be one headline
        return False
    inside = 0
    for link in links:
        address = link.attribute("href").strip()
        if address == "#":
            return False
        inside += not _ABSOLUTE_ADDRESS.match(address) or (host != "" and _is_at(address, host))
    if inside * 5 < len(links) * 4:
        return False
    total = len(comparison_key("".join(iter_text(element, limit=4 * MAX_NODES))))
    plain = len(comparison_key("".join(iter_text(element, limit=4 * MAX_NODES, links=False))))
    return plain * 5 <= total
