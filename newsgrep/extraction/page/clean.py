"""From the tree of a page to passages of text and claims, in one walk.

Nothing is dropped here for its name or class: the walk notes what is suspected, and
``content`` decides with the whole page in view. Broken pages nest a hundred
thousand elements, so nothing is recursive, and every look into a subtree is bounded.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from newsgrep.extraction import notices
from newsgrep.extraction.claims import BlockKind, Rule
from newsgrep.extraction.outlets import SelectedElements, url_host
from newsgrep.extraction.page import boilerplate
from newsgrep.extraction.page.boilerplate import LINK_LIST_ELEMENTS, NO_SIGNS, Signs, is_link_list
from newsgrep.extraction.page.dom import (
    SILENT_ELEMENTS,
    Element,
    Tree,
    contains_element,
    short_text,
)
from newsgrep.extraction.page.elements import (
    BLOCK,
    BREAK,
    CAPTION_ELEMENTS,
    CELL,
    CLAIMING_ELEMENTS,
    FORMED_BLOCK,
    HEAD,
    IMAGE,
    INLINE,
    KIND_OF,
    LINK,
    NOTABLE_ELEMENTS,
    SPECIAL_ELEMENTS,
    Context,
    Mark,
    caption_text,
    chart_sentences,
    is_sentence,
    resolve_marks,
)
from newsgrep.extraction.page.metadata import OUTSIDE_PENALTY, MetadataReader
from newsgrep.extraction.page.passages import Passage, Region, Regions, Suspect, is_prose, size_of
from newsgrep.extraction.whitespace import (
    CELL_SEPARATOR,
    clean_line,
    comparison_key,
    split_paragraphs,
)
from newsgrep.models import Provenance

_MAX_CREDIT: Final = 200
"""Characters of an element with the class of a photo credit; a longer one is text."""
_MAX_CAPTION: Final = 400
"""Characters of a caption in an element other than ``figcaption``; a longer one is text."""
_MAX_ALT: Final = 1000
_CLAIMING_RULES: Final = frozenset((
    Rule.METADATA, Rule.FOOTER, Rule.SIDEBAR, Rule.CREDIT,
))  # fmt: skip
"""Rules of elements that state something about the article."""
_CAPTIONED: Final = frozenset(("small", "em", "i", "span", "p", "div"))
"""Elements that may be captions for their class."""


_Entered = tuple[Iterator["Element | str"], Element, Context, bool]
"""Children to visit, the element, its context, and whether leaving it needs a step."""


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
        self._marks: list[Mark] = []
        self._marked: Mark | None = None
        self._asides: list[tuple[str, Suspect | None]] = []
        self._linked = 0
        self._image_at = (-1, 0, 0)
        self._alt: tuple[str, Context] | None = None
        self._captions: set[str] = set()
        for element in selected.authors:
            self.metadata.add_author(short_text(element), Provenance.OUTLET_RULE, 0, "byline")
        for element in selected.dates:
            stated = element.attribute("datetime") or element.attribute("content")
            text = stated or short_text(element)
            self.metadata.add_date(text, Provenance.OUTLET_RULE, 0, "date")

    def run(self) -> None:
        """Walk the tree."""
        top = self.tree.root
        context = Context(top)
        stack: list[_Entered] = [(iter(top.contents), top, context, False)]
        line = self._line
        while stack:
            children, element, context, leaves = stack[-1]
            for child in children:
                if type(child) is str:
                    if not context.plain:
                        self._add_text(child, context)
                    elif line or not child.isspace():
                        line.append(child)
                elif type(child) is Element:
                    entered = self._enter(child, context)
                    if entered is not None:
                        stack.append(entered)
                        break
            else:
                stack.pop()
                if leaves:
                    if context.block is not element:
                        self._leave(element)
                    elif line or self._lines:
                        self._flush(context)
        self._flush(context)
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

    def _add_text(self, text: str, context: Context) -> None:
        if context.preformatted:
            first, *rest = text.split("\n")
            self._line.append(first)
            for line in rest:
                self._end_line()
                self._line.append(line)
        elif self._line or not text.isspace():  # else it is indentation of the source
            self._line.append(text)
        if context.in_link:
            self._linked += len(text.strip())

    def _end_line(self) -> None:
        line = self._line
        suspect = None
        if self._marked is not None or self._marks:
            if self._marked is not None:
                self._marks.append(self._marked._replace(end=len(line)))
                self._marked = self._marked._replace(start=0)
            suspect, asides = resolve_marks(line, self._marks)
            self._marks.clear()
            self._asides.extend(asides)
        self._lines.append("".join(line))
        self._line_suspects.append(suspect)
        line.clear()

    def _flush(self, context: Context) -> None:
        """Turn the collected lines into passages of the block of ``context``."""
        if not self._line and not self._lines:
            return
        if not self._lines and not self._marks and self._marked is None:
            self._flush_line(context)
            return
        self._end_line()
        lines, suspects, linked = self._lines, self._line_suspects, self._linked
        self._lines, self._line_suspects, self._linked = [], [], 0
        suspect = context.suspect
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
        found = split_paragraphs(lines)
        if found:
            self._flush_alt()
            share = 0.0
            if linked:
                share = min(linked / sum(len(line.strip()) for line in lines), 1.0)
            for text in found:
                self._add(text, context.kind, context, suspect, share)
        if self._asides:
            for text, own in self._asides:
                self._add(clean_line(text), BlockKind.TEXT, context, own, 0.0)
            self._asides.clear()

    def _flush_line(self, context: Context) -> None:
        """Turn the only line into a passage, as :meth:`_flush` does; most blocks are one line."""
        line, linked = self._line, self._linked
        raw = line[0] if len(line) == 1 else "".join(line)
        line.clear()
        self._linked = 0
        if CELL_SEPARATOR in raw:
            text = " ".join(filter(None, map(clean_line, raw.split(CELL_SEPARATOR))))
        else:
            text = clean_line(raw)
        if text:
            if self._alt is not None:
                self._flush_alt()
            share = min(linked / len(raw.strip()), 1.0) if linked else 0.0
            self._add(text, context.kind, context, context.suspect, share)

    def _add(
        self, text: str, kind: BlockKind, context: Context, suspect: Suspect | None, linked: float
    ) -> None:
        region = self.regions.around(context.block, len(self.passages), context.suspect)
        self.passages.append(Passage(text, kind, region, suspect, linked))

    def _add_caption(self, text: str, context: Context) -> None:
        text = notices.strip_credit(text)
        if not text or notices.is_boilerplate_line(text):
            return
        key = comparison_key(text)
        if key and key not in self._captions:
            self._captions.add(key)
            self._add(text, BlockKind.CAPTION, context, context.suspect, 0.0)

    def _flush_alt(self) -> None:
        """Take the alternative text of an image as its caption, if it has no other caption."""
        if self._alt is not None:
            alt, context = self._alt
            self._alt = None
            self._add_caption(alt, context)

    def _leave(self, element: Element) -> None:
        """Note where a suspected element or a cell ends."""
        if self._marked is not None and self._marked.element is element:
            self._marks.append(self._marked._replace(end=len(self._line)))
            self._marked = None
        if element.name in ("td", "th"):
            self._line.append(CELL_SEPARATOR)

    def _enter(self, element: Element, context: Context) -> _Entered | None:
        """Return the children of ``element`` with their context, or None if they are done."""
        name = element.name
        kind = KIND_OF.get(name, INLINE)
        if kind <= IMAGE:
            self._take_empty(element, kind, context)
            return None
        careful = context.careful
        suspect = None
        signs = boilerplate.signs_of(element) if element.attrs else NO_SIGNS
        traits, claims, ruled, _ = signs
        notable = name in NOTABLE_ELEMENTS
        if claims or (notable and name in CLAIMING_ELEMENTS):
            self._claiming.append((element, context.suspect, len(self.passages)))
        if ruled or self._ruled or (notable and name in SPECIAL_ELEMENTS):
            careful = careful and element not in self.selected.kept
            if (traits or self._ruled or name in CAPTION_ELEMENTS) and self._take_whole(
                element, traits, careful, context
            ):
                return None
            suspect = self._suspect(element, kind, signs, context)
        if kind >= BLOCK and not context.in_row:
            return self._enter_block(element, kind, suspect, careful, context)
        return self._enter_inline(element, kind, suspect, careful, context)

    def _suspect(
        self, element: Element, kind: int, signs: Signs, context: Context
    ) -> Suspect | None:
        """Note ``element`` as suspected, and return that, if a rule suspects it."""
        rule = self._rule_of(element, signs, context)
        around = context.suspect
        if rule is None or (around is not None and around.rule is rule and kind < BLOCK):
            return None
        suspect = Suspect(element, rule, around)
        self.suspects.append(suspect)
        if self._claiming and self._claiming[-1][0] is element:
            self._claiming[-1] = (element, suspect, len(self.passages))
        return suspect

    def _enter_block(
        self, element: Element, kind: int, suspect: Suspect | None, careful: bool, outer: Context
    ) -> _Entered | None:
        """Enter an element that begins and ends a paragraph, as :meth:`_enter` does."""
        if self._line or self._lines:
            self._flush(outer)
        contents = element.contents
        if not contents:
            return None
        inner = Context(
            element,
            suspect or outer.suspect,
            outer.kind,
            careful,
            outer.in_link,
            outer.in_list,
            False,
            outer.preformatted,
        )
        if kind is FORMED_BLOCK:
            inner.form(element)
        if len(contents) == 1 and type(contents[0]) is str:
            self._add_text(contents[0], inner)
            self._flush(inner)
            return None
        return (iter(contents), element, inner, True)

    def _enter_inline(
        self, element: Element, kind: int, suspect: Suspect | None, careful: bool, outer: Context
    ) -> _Entered | None:
        """Enter an element inside of a line, as :meth:`_enter` does."""
        contents = element.contents
        if (
            kind is LINK
            and suspect is None
            and not outer.preformatted
            and len(contents) == 1
            and type(text := contents[0]) is str
        ):
            if self._line or not text.isspace():
                self._line.append(text)
            self._linked += len(text.strip())
            return None
        if kind >= BLOCK:
            self._line.append(CELL_SEPARATOR)
        inner = outer
        if suspect is not None or careful is not outer.careful or kind is LINK:
            inner = Context(
                outer.block,
                suspect or outer.suspect,
                outer.kind,
                careful,
                outer.in_link or kind is LINK,
                outer.in_list,
                outer.in_row,
                outer.preformatted,
            )
        marked = suspect is not None and self._marked is None
        leaves = marked or kind >= CELL
        if not leaves and len(contents) == 1 and type(contents[0]) is str:
            self._add_text(contents[0], inner)
            return None
        if marked:
            self._marked = Mark(len(self._line), 0, element, suspect)
        return (iter(contents), element, inner, leaves)

    def _take_empty(self, element: Element, kind: int, context: Context) -> None:
        """Take what an element without text for readers means."""
        if kind is BREAK:
            self._end_line()
        elif kind is IMAGE:
            self._image(element, context)
        elif kind is HEAD:
            self.metadata.read_head(element)
        elif element.attrs:
            self.metadata.read_properties(element, 0)

    def _take_whole(
        self, element: Element, traits: frozenset[str], careful: bool, context: Context
    ) -> bool:
        """Take an element that is a caption or a chart as a whole, and return whether it is."""
        if careful and "chart" in traits and element not in self.selected.captions:
            self._flush(context)
            self._take_chart(element, context)
            return True
        if element in self.selected.captions or self._is_caption(element, traits, careful):
            self._flush(context)
            self._take_caption(element, context)
            return True
        return False

    def _rule_of(self, element: Element, signs: Signs, context: Context) -> Rule | None:
        """Return the rule under which ``element`` in ``context`` is suspected, or None.

        ``signs`` are those of ``element``.
        """
        if self._ruled:
            selected = self.selected
            if element in selected.dropped:
                return Rule.OUTLET_RULE
            if element in selected.credits:
                return Rule.CREDIT
            if not context.careful or element in selected.kept:
                return Rule.HIDDEN if boilerplate.is_hidden(element) else None
        rule = boilerplate.rule_of(element, signs)
        if (
            rule is None
            and boilerplate.is_credit(element, signs.traits)
            and (len(short_text(element)) <= _MAX_CREDIT)
        ):
            return Rule.CREDIT
        if (
            rule in (None, Rule.SIDEBAR)
            and not context.in_list
            and element.name in LINK_LIST_ELEMENTS
            and is_link_list(element, self.host)
        ):
            return Rule.LINKS
        return rule

    def _is_caption(self, element: Element, traits: frozenset[str], careful: bool) -> bool:
        name = element.name
        if name == "figcaption":
            return True
        if name == "small" and self._follows_image():
            return len(short_text(element)) <= _MAX_CAPTION
        return (
            careful
            and "caption" in traits
            and name in _CAPTIONED
            and len(short_text(element)) <= _MAX_CAPTION
            and not contains_element(element, "img")
        )

    def _take_caption(self, element: Element, context: Context) -> None:
        text = caption_text(element, self.selected.credits)
        if text:
            self._alt = None
            self._add_caption(text, context)

    def _take_chart(self, element: Element, context: Context) -> None:
        for text in chart_sentences(element):
            self._add_caption(text, context)

    def _image(self, element: Element, context: Context) -> None:
        self._image_at = (len(self.passages), len(self._lines), len(self._line))
        alt = clean_line(element.attribute("alt")[:_MAX_ALT])
        if is_sentence(alt):
            self._flush_if_blank()
            self._flush_alt()
            self._alt = (alt, context)

    def _follows_image(self) -> bool:
        """Return whether there was no text since the last image."""
        passages, lines, parts = self._image_at
        return passages == len(self.passages) and not any(
            part.strip() for part in (*self._lines[lines:], *self._line[parts:])
        )

    def _flush_if_blank(self) -> None:
        if not any(part.strip() for part in (*self._line, *self._lines)):
            self._line.clear()
            self._lines.clear()
            self._line_suspects.clear()
            self._marks.clear()
            if self._marked is not None:
                self._marked = self._marked._replace(start=0)
