"""An HTML tree becomes blocks of text and claims, in one walk without recursion.

Broken pages nest a hundred thousand elements, so that nothing here descends by calling
itself, and every look into a subtree is bounded.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from newsgrep.ingest import furniture, wording
from newsgrep.ingest.layout import CELL, comparable, paragraphs_of, plain
from newsgrep.ingest.linklist import CONTAINERS, host_of, is_lead_in, is_link_list
from newsgrep.ingest.marked import Marked
from newsgrep.ingest.metadata import MetadataReader
from newsgrep.ingest.nodes import Element, Tree
from newsgrep.ingest.raw import Block, Kind
from newsgrep.ingest.tree import LOOK, contains, elements, short_text
from newsgrep.text.patterns import SOLO_CHARACTER

_HEAD: Final = frozenset(("meta", "title", "link", "script"))


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

    def __init__(self, tree: Tree, marked: Marked, url: str | None) -> None:
        self.tree = tree
        self.marked = marked
        self.host = host_of(url)
        self.metadata = MetadataReader(url)
        self.blocks: list[Block] = []
        self._lines: list[str] = []
        self._line: list[str] = []
        self._kind = Kind.TEXT
        self._after_image = False
        self._alt: str | None = None
        self._captions: set[str] = set()
        for tag in marked.authors:
            self.metadata.author(short_text(tag), "site rule", 0)
        for tag in marked.dates:
            stated = tag.attribute("datetime") or tag.attribute("content")
            self.metadata.date(stated or short_text(tag), "site rule", 0)

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
        for text in paragraphs_of(lines):
            self._settle_alt()
            self.blocks.append(Block(text, self._kind))

    def _drop_lead_in(self) -> None:
        if self.blocks and self.blocks[-1].kind is Kind.TEXT and is_lead_in(self.blocks[-1].text):
            self.blocks.pop()

    def _caption(self, text: str) -> None:
        text = wording.without_credit(text)
        if not text or wording.is_notice(text):
            return
        key = comparable(text)
        if key and key not in self._captions:
            self._captions.add(key)
            self.blocks.append(Block(text, Kind.CAPTION))

    def _settle_alt(self) -> None:
        """Take a sentence in an image's alt as its caption, if no other came with the image."""
        alt, self._alt = self._alt, None
        if alt:
            self._caption(alt)

    def _leave(self, frame: _Frame) -> None:
        if frame.breaks and frame.mode is _Mode.TEXT:
            self._flush()
            self._kind = Kind.TEXT
        elif frame.tag.name in ("td", "th"):
            self._line.append(CELL)

    def _enter(
        self, tag: Element, frame: _Frame, root: Element | None, careful: bool
    ) -> _Frame | None:
        name = tag.name
        if name == "br":
            if frame.mode is _Mode.TEXT:
                self._end_line()
            return None
        if name in _HEAD:
            self.metadata.head(tag)
            return None
        attrs = tag.attrs
        if name in furniture.DROPPED_ELEMENTS or (attrs and furniture.is_hidden(tag)):
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
        traits = furniture.traits(tag)
        if careful and mode is _Mode.TEXT and "chart" in traits:
            self._flush()
            self._take_chart(tag)
            return None
        if tag in marked.dropped:
            return None
        if careful and attrs and furniture.is_dropped(tag, traits):
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
            and furniture.is_credit(tag, traits)
            and len(short_text(tag)) <= 200  # no name is longer
        ):
            return None
        if self._is_caption(tag, traits, careful):
            self._flush()
            self._take_caption(tag)
            return None
        if careful and self._is_metadata(tag, traits):
            if name in furniture.BLOCKS:
                self._flush()
            return _Frame(iter(tag.contents), tag, _Mode.METADATA)
        if careful and name in CONTAINERS and not frame.in_list and is_link_list(tag, self.host):
            self._flush()
            self._drop_lead_in()
            return None
        breaks = name in furniture.BLOCKS and not frame.in_row
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
            self._kind = Kind.HEADING if name in furniture.HEADINGS else self._kind
        elif name in furniture.BLOCKS:
            self._line.append(CELL)
        return entered

    def _is_row(self, tag: Element) -> bool:
        return not contains(tag, "table") and len(short_text(tag)) <= 600  # else it is layout

    def _is_caption(self, tag: Element, traits: frozenset[str], careful: bool) -> bool:
        name = tag.name
        if name == "figcaption":
            return True
        if name in ("small", "em", "i", "span", "p", "div", "figure"):
            if name == "small" and self._after_image:
                return len(short_text(tag)) <= 400  # longer is text in small print
            if careful and name != "figure" and "caption" in traits:
                return len(short_text(tag)) <= 400 and not contains(tag, "img")  # as above
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
                    child.name in furniture.DROPPED_ELEMENTS
                    or furniture.is_hidden(child)
                    or furniture.is_credit(child, furniture.traits(child))
                    or child in self.marked.credits
                ):
                    continue
                if child.name in ("br", "p", "div"):
                    kept.append(" ")
                stack.append(iter(child.contents))
        text = plain("".join(kept))
        if text:
            self._alt = None
            self._caption(text)

    def _take_chart(self, tag: Element) -> None:
        """Keep what is said in whole sentences, once: a chart is drawn for several widths."""
        for node in elements(tag, limit=10 * LOOK):
            if node.name == "p" and _is_sentence(text := short_text(node)):
                self._caption(text)

    def _image(self, tag: Element) -> None:
        self._after_image = True
        alt = plain(tag.attribute("alt")[:1000])  # more than any sentence, see below
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
    if SOLO_CHARACTER.search(alt):
        return any(mark in alt for mark in "。！？，；") and len(alt) >= 12  # words, no label
    return alt.count(" ") >= 5 and alt.rstrip("”\"')").endswith((".", "!", "?"))  # likewise
