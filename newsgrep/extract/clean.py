"""An HTML tree becomes blocks of text and claims, in one walk without recursion.

Broken pages nest a hundred thousand elements, so that nothing here descends by calling
itself, and every look into a subtree is bounded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Final
from urllib.parse import urlsplit

from newsgrep.analysis.characters import solo_character
from newsgrep.extract import boilerplate
from newsgrep.extract.claims import Block, BlockKind
from newsgrep.extract.dom import Element, Tree
from newsgrep.extract.metadata import MetadataReader
from newsgrep.extract.outlets import SelectedElements
from newsgrep.extract.tree import MAX_NODES, contains_element, iter_elements, iter_text, short_text
from newsgrep.extract.whitespace import CELL_SEPARATOR, clean_line, comparison_key, split_paragraphs
from newsgrep.models import Provenance

_HEAD_ELEMENTS: Final = frozenset(("meta", "title", "link", "script"))


class _Mode(IntEnum):
    TEXT = 0
    METADATA = 1
    OUTSIDE = 2


@dataclass(slots=True)
class _Frame:
    """An element that the walk is inside of."""

    children: Iterator[Element | str]
    tag: Element
    mode: _Mode
    breaks: bool = False
    in_list: bool = False
    in_row: bool = False
    preformatted: bool = False


class Cleaner:
    """One walk over one tree."""

    def __init__(self, tree: Tree, marked: SelectedElements, url: str | None) -> None:
        self.tree = tree
        self.marked = marked
        self.host = link_host(url)
        self.metadata = MetadataReader(url)
        self.blocks: list[Block] = []
        self._lines: list[str] = []
        self._line: list[str] = []
        self._kind = BlockKind.TEXT
        self._after_image = False
        self._alt: str | None = None
        self._captions: set[str] = set()
        for tag in marked.authors:
            self.metadata.author(short_text(tag), Provenance.OUTLET_RULE, 0)
        for tag in marked.dates:
            stated = tag.attribute("datetime") or tag.attribute("content")
            self.metadata.date(stated or short_text(tag), Provenance.OUTLET_RULE, 0)

    def run(self, root: Element | None, *, careful: bool = True) -> None:
        """Walk the whole tree; text is taken from under ``root`` (None: from everywhere).

        With ``careful`` False, classes and ids are not looked at for what to drop.
        """
        root = self.marked.body or root
        start = _Mode.OUTSIDE if root is not None else _Mode.TEXT
        top = self.tree.root
        stack = [_Frame(iter(top.contents), top, start)]
        while stack:
            frame = stack[-1]
            child = next(frame.children, None)
            if child is None:
                stack.pop()
                self._leave(frame)
            elif isinstance(child, Element):
                entered = self._enter(child, frame, root, careful)
                if entered is not None:
                    stack.append(entered)
            elif frame.mode is _Mode.TEXT and type(child) is str:
                self._text(child, frame)
        self._flush()
        self._settle_alt()

    def _text(self, text: str, frame: _Frame) -> None:
        if frame.preformatted:
            first, *rest = text.split("\n")
            self._line.append(first)
            for line in rest:
                self._end_line()
                self._line.append(line)
        else:
            self._line.append(text)
        if self._after_image and text.strip():
            self._after_image = False

    def _end_line(self) -> None:
        self._lines.append("".join(self._line))
        self._line.clear()

    def _flush(self) -> None:
        if not self._line and not self._lines:
            return
        self._end_line()
        if len(self._lines) == 1 and self._lines[0].isspace():  # the source is indented
            self._lines.clear()
            return
        lines, self._lines = self._lines, []
        for text in split_paragraphs(lines):
            self._settle_alt()
            self.blocks.append(Block(text, self._kind))

    def _drop_lead_in(self) -> None:
        if (
            self.blocks
            and self.blocks[-1].kind is BlockKind.TEXT
            and is_lead_in(self.blocks[-1].text)
        ):
            self.blocks.pop()

    def _caption(self, text: str) -> None:
        text = boilerplate.strip_credit(text)
        if not text or boilerplate.is_boilerplate_line(text):
            return
        key = comparison_key(text)
        if key and key not in self._captions:
            self._captions.add(key)
            self.blocks.append(Block(text, BlockKind.CAPTION))

    def _settle_alt(self) -> None:
        """Take a sentence in an image's alt as its caption, if no other came with the image."""
        alt, self._alt = self._alt, None
        if alt:
            self._caption(alt)

    def _leave(self, frame: _Frame) -> None:
        if frame.breaks and frame.mode is _Mode.TEXT:
            self._flush()
            self._kind = BlockKind.TEXT
        elif frame.tag.name in ("td", "th"):
            self._line.append(CELL_SEPARATOR)

    def _enter(
        self, tag: Element, frame: _Frame, root: Element | None, careful: bool
    ) -> _Frame | None:
        name = tag.name
        if name == "br":
            if frame.mode is _Mode.TEXT:
                self._end_line()
            return None
        if name in _HEAD_ELEMENTS:
            self.metadata.head(tag)
            return None
        attrs = tag.attrs
        if name in boilerplate.DROPPED_ELEMENTS or (attrs and boilerplate.is_hidden(tag)):
            if attrs:
                self.metadata.properties(tag, 0, short_text)
            return None
        marked = self.marked
        mode = _Mode.TEXT if tag is root else frame.mode
        careful = careful and tag not in marked.kept
        if mode is _Mode.TEXT and tag in marked.captions:
            self._flush()
            self._take_caption(tag)
            return None
        traits = boilerplate.traits(tag)
        if careful and mode is _Mode.TEXT and "chart" in traits:
            self._flush()
            self._take_chart(tag)
            return None
        if tag in marked.dropped:
            return None
        if careful and attrs and boilerplate.is_boilerplate(tag, traits):
            if tag.attribute("content"):
                self.metadata.properties(tag, int(mode), short_text)
            return None
        rank = 0 if mode is not _Mode.OUTSIDE else 1
        if attrs or name in ("time", "address", "h1"):
            self.metadata.element(tag, rank, short_text)
        if mode is not _Mode.TEXT:
            return _Frame(iter(tag.contents), tag, mode)
        return self._enter_text(tag, frame, traits, careful)

    def _enter_text(
        self, tag: Element, frame: _Frame, traits: frozenset[str], careful: bool
    ) -> _Frame | None:
        name = tag.name
        if name == "img":
            self._image(tag)
            return None
        if tag in self.marked.credits or (
            careful
            and traits
            and boilerplate.is_credit(tag, traits)
            and len(short_text(tag)) <= 200  # no name is longer
        ):
            return None
        if self._is_caption(tag, traits, careful):
            self._flush()
            self._take_caption(tag)
            return None
        if careful and self._is_metadata(tag, traits):
            if name in boilerplate.BLOCK_ELEMENTS:
                self._flush()
            return _Frame(iter(tag.contents), tag, _Mode.METADATA)
        if (
            careful
            and name in LINK_LIST_ELEMENTS
            and not frame.in_list
            and is_link_list(tag, self.host)
        ):
            self._flush()
            self._drop_lead_in()
            return None
        breaks = name in boilerplate.BLOCK_ELEMENTS and not frame.in_row
        entered = _Frame(
            iter(tag.contents),
            tag,
            _Mode.TEXT,
            breaks,
            frame.in_list or name in ("ul", "ol"),
            frame.in_row or (name == "tr" and self._is_row(tag)),
            preformatted=frame.preformatted or name == "pre",
        )
        if breaks:
            self._flush()
            self._kind = BlockKind.HEADING if name in boilerplate.HEADING_ELEMENTS else self._kind
        elif name in boilerplate.BLOCK_ELEMENTS:
            self._line.append(CELL_SEPARATOR)
        return entered

    def _is_row(self, tag: Element) -> bool:
        return (
            not contains_element(tag, "table") and len(short_text(tag)) <= 600
        )  # else it is layout

    def _is_caption(self, tag: Element, traits: frozenset[str], careful: bool) -> bool:
        name = tag.name
        if name == "figcaption":
            return True
        if name in ("small", "em", "i", "span", "p", "div", "figure"):
            if name == "small" and self._after_image:
                return len(short_text(tag)) <= 400  # longer is text in small print
            if careful and name != "figure" and "caption" in traits:
                return len(short_text(tag)) <= 400 and not contains_element(tag, "img")  # as above
        return False

    def _take_caption(self, tag: Element) -> None:
        kept: list[str] = []
        stack: list[Iterator[Element | str]] = [iter(tag.contents)]
        while stack:
            child = next(stack[-1], None)
            if child is None:
                stack.pop()
            elif type(child) is str:
                kept.append(child)
            elif isinstance(child, Element):
                if (
                    child.name in boilerplate.DROPPED_ELEMENTS
                    or boilerplate.is_hidden(child)
                    or boilerplate.is_credit(child, boilerplate.traits(child))
                    or child in self.marked.credits
                ):
                    continue
                if child.name in ("br", "p", "div"):
                    kept.append(" ")
                stack.append(iter(child.contents))
        text = clean_line("".join(kept))
        if text:
            self._alt = None
            self._caption(text)

    def _take_chart(self, tag: Element) -> None:
        """Keep what is said in whole sentences, once: a chart is drawn for several widths."""
        for node in iter_elements(tag, limit=10 * MAX_NODES):
            if node.name == "p" and _is_sentence(text := short_text(node)):
                self._caption(text)

    def _image(self, tag: Element) -> None:
        self._after_image = True
        alt = clean_line(tag.attribute("alt")[:1000])  # more than any sentence, see below
        if _is_sentence(alt):
            self._flush_if_blank()
            self._settle_alt()
            self._alt = alt

    def _flush_if_blank(self) -> None:
        if not any(part.strip() for part in (*self._line, *self._lines)):
            self._line.clear()
            self._lines.clear()

    def _is_metadata(self, tag: Element, traits: frozenset[str]) -> bool:
        name = tag.name
        if name == "address":
            return True
        if name == "footer":
            parent = tag.parent
            return parent is None or parent.name != "blockquote"
        if name == "time":
            return not any(part.strip() for part in self._line) and self._stands_alone(tag)
        if "meta" in traits:
            return len(short_text(tag)) <= 400  # longer is text about an author
        return False

    def _stands_alone(self, tag: Element) -> bool:
        parent = tag.parent
        if parent is None or parent.name not in ("p", "li", "td", "blockquote", "span", "em"):
            return True
        return short_text(parent) == short_text(tag)


def _is_sentence(alt: str) -> bool:
    """Tell whether an image's alt text says something, as a caption does."""
    if not 8 <= len(alt) <= 300 or ("/" in alt[:-1] and " " not in alt):  # a label, a path
        return False
    if solo_character().search(alt):
        return any(mark in alt for mark in "。！？，；") and len(alt) >= 12  # words, no label
    return alt.count(" ") >= 5 and alt.rstrip("”\"')").endswith((".", "!", "?"))  # likewise


def _content_rank(tag: Element, traits: frozenset[str]) -> int | None:
    """Return how clearly ``tag`` says that it is the article, 0 being clearest."""
    if tag.name == "article":
        return 0
    if "articlebody" in tag.attribute("itemprop").lower():
        return 1
    if tag.name == "main" or tag.attribute("role").lower() == "main":
        return 2
    if "content" in traits and tag.name in ("div", "section", "td"):
        return 3
    return None


def find_main_content(tree: Tree) -> Element | None:
    """Return the element of a page that holds its article, or its body, or None."""
    found: list[tuple[int, int, Element]] = []
    total = 0
    stack: list[tuple[Iterator[Element | str], Element, int | None, int]] = [
        (iter(tree.root.contents), tree.root, None, 0)
    ]
    while stack:
        children, tag, rank, before = stack[-1]
        child = next(children, None)
        if child is None:
            stack.pop()
            if rank is not None:
                found.append((rank, total - before, tag))
        elif isinstance(child, Element):
            if child.name in boilerplate.DROPPED_ELEMENTS or child.name in ("a", "head", "footer"):
                continue
            traits = boilerplate.traits(child)
            if boilerplate.is_boilerplate(child, traits):
                continue
            stack.append((iter(child.contents), child, _content_rank(child, traits), total))
        elif type(child) is str:
            total += len(child.strip())
    for wanted in range(4):
        candidates = [
            (size, tag) for rank, size, tag in found if rank == wanted and size * 2 >= total
        ]
        if candidates and total:
            return min(candidates, key=lambda pair: pair[0])[1]
    return tree.body


LINK_LIST_ELEMENTS: Final = frozenset(("ul", "ol", "section", "aside"))
_LEAD_IN = re.compile(
    r"(?=.{0,40}(?:下面|以下|这里|這裡|此处|此處|回顾|回顧|看到|列表|系列|阅读|閱讀|前文|链接|鏈接|连结|連結|错过|錯過|更多|相关|相關"
    r"|\b(?:read|see|here|more|series)\b))[^。！？!?，,]{0,40}(?:[，,][^。！？!?，,]{0,40})?[:：]",
    re.IGNORECASE,
)
_ABSOLUTE_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*:|//|/cdn-cgi/l/email-protection", re.IGNORECASE)
"""Absolute addresses, and what Cloudflare makes of somebody's."""


def link_host(url: str | None) -> str:
    """Return the host of ``url`` without ``www.``, empty if there is none."""
    try:
        return (urlsplit(url or "").hostname or "").removeprefix("www.")
    except ValueError:
        return ""


def is_link_list(tag: Element, host: str) -> bool:
    """Tell whether ``tag`` is nothing but links to ``host``, the outlet's, or into this page."""
    links = [node for node in iter_elements(tag) if node.name == "a"]
    if len(links) < (1 if tag.name in ("ul", "ol") else 2):  # a section may be one headline
        return False
    inside = 0
    for link in links:
        address = link.attribute("href").strip()
        if address == "#":
            return False
        inside += (link_host(address) or None) == host or not _ABSOLUTE_ADDRESS.match(address)
    if inside * 5 < len(links) * 4:
        return False
    total = len(comparison_key("".join(iter_text(tag, limit=4 * MAX_NODES))))
    plain = len(comparison_key("".join(iter_text(tag, limit=4 * MAX_NODES, links=False))))
    return plain * 5 <= total


def is_lead_in(text: str) -> bool:
    """Tell whether a paragraph only leads over to a list, so that it goes where the list goes."""
    return len(text) <= 41 and _LEAD_IN.fullmatch(text) is not None  # longer says something
