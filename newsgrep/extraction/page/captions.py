"""Texts of images and charts: captions without credits, alternative texts, whole sentences."""

from __future__ import annotations

from collections.abc import Iterator, Set

from newsgrep.analysis.characters import solo_character
from newsgrep.extraction.page import boilerplate
from newsgrep.extraction.page.dom import (
    DROPPED_ELEMENTS,
    MAX_NODES,
    Element,
    iter_elements,
    short_text,
)
from newsgrep.extraction.whitespace import clean_line


def caption_text(element: Element, credited: Set[Element]) -> str:
    """Return the text of a caption on one line, without credits and hidden parts.

    ``credited`` are the elements that the outlet's rules select as credits.
    """
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
                or child in credited
            ):
                continue
            if child.name in ("br", "p", "div"):
                kept.append(" ")
            stack.append(iter(child.contents))
    return clean_line("".join(kept))


def chart_sentences(element: Element) -> Iterator[str]:
    """Yield the whole sentences in a chart, which may be drawn for several widths."""
    for node in iter_elements(element, limit=10 * MAX_NODES):
        if node.name == "p" and is_sentence(text := short_text(node)):
            yield text


def is_sentence(alt: str) -> bool:
    """Return whether the alternative text of an image is a sentence, as captions are."""
    if not 8 <= len(alt) <= 300 or ("/" in alt[:-1] and " " not in alt):  # a label or a path
        return False
    if solo_character().search(alt):
        return any(mark in alt for mark in "。！？，；") and len(alt) >= 12
    return alt.count(" ") >= 5 and alt.rstrip("”\"')").endswith((".", "!", "?"))
