"""Markdown with HTML in it: which lines are Markdown and which are HTML.

Scrapers write headings, rules and links in Markdown around the HTML of a page; authors put tables
and pictures in HTML into Markdown. CommonMark ends HTML at each empty line, so that the rest of
an element would be read as Markdown.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final, NamedTuple

from newsgrep.extraction.formats.html import looks_like_html

_CONTAINER: Final = (
    r"html|body|head|div|article|section|main|header|footer|nav|aside|figure|table|ul|ol|dl|blockquote"
    r"|center|form|details|pre|script|style|picture|video|audio|iframe|noscript|h[1-6]"
)
"""Elements that must be closed; they are counted to find where the outermost one ends."""
_OPENS = re.compile(
    rf"[ \t]*<(?:!--|!doctype\b|/?(?:{_CONTAINER}|p|hr|br|img|link|meta|address|font|span|a)\b)",
    re.IGNORECASE,
)
_TAG = re.compile(rf"<(?P<end>/?)(?:{_CONTAINER})\b[^<>]{{0,2000}}(?P<void>/?)>", re.IGNORECASE)
_COMMENT = re.compile(r"<!--(?:(?!-->|<!--).){0,20000}+-->")
_WRITTEN = re.compile(r"</(?:p|li|td|th|h[1-6]|figcaption|dd|span)\s*>|<br\s*/?>", re.IGNORECASE)
"""Markup of running text: without any of it, an element contains Markdown."""
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")


class Part(NamedTuple):
    """Consecutive lines of a text; ``html`` is whether they are HTML and not Markdown."""

    text: str
    html: bool


def split_html(text: str) -> list[Part]:
    r"""Return the parts of ``text`` in order.

    >>> [part.html for part in split_html("# 标题\n\n<div>\n<p>甲</p>\n\n<p>乙</p>\n</div>")]
    [False, True]
    """
    if _is_one_element(text):
        return [Part(text, html=True)]
    lines = text.split("\n")
    parts: list[Part] = []
    markdown: list[str] = []
    fence = ""
    unclosed = False
    closed = max((at for at, line in enumerate(lines) if "-->" in line), default=-1)
    at = 0
    while at < len(lines):
        line = lines[at]
        mark = _FENCE.match(line)
        if mark and (not fence or mark[1].startswith(fence)):
            fence = "" if fence else mark[1]
        elif not fence and _OPENS.match(line):
            end: int | None
            if line.lstrip().startswith("<!--"):
                end = _end_of_comment(lines, at, closed)
            else:
                end = None if unclosed else _end_of_html(lines, at)
            if end is None:
                # One scan to the end of the file is enough: the time remains linear.
                unclosed = True
                end = _next_blank(lines, at)
            markup = "\n".join(lines[at:end])
            if _WRITTEN.search(markup) or not _has_blank_lines(lines, at, end):
                if any(map(str.strip, markdown)):
                    parts.append(Part("\n".join(markdown), html=False))
                markdown = []
                parts.append(Part(markup, html=True))
                at = end
                continue
            markdown += lines[at:end]
            at = end
            continue
        markdown.append(line)
        at += 1
    if any(map(str.strip, markdown)):
        parts.append(Part("\n".join(markdown), html=False))
    return parts


def _is_one_element(text: str) -> bool:
    """Return whether one element contains all of ``text``, which is so for most scraped HTML."""
    start = _OUTERMOST.match(text)
    if start is None or not text.rstrip().endswith(">") or not _WRITTEN.search(text):
        return False
    name = start[1].lower()
    depth = 0
    for tag in _tags(name).finditer(text):
        depth += -1 if tag[1] else 1
        if depth <= 0:
            return not text[tag.end() :].strip(" \t\r\n>")
    return False


_OUTERMOST = re.compile(
    r"\s*<(html|div|article|section|main|table|center)\b[^<>]{0,2000}>", re.IGNORECASE
)


@cache
def _tags(name: str) -> re.Pattern[str]:
    return re.compile(rf"<(/?){name}\b", re.IGNORECASE)


def _end_of_html(lines: list[str], start: int) -> int | None:
    """Return the line after the element that begins on the line ``start``.

    An element that is never closed is None, unless HTML follows to the end.
    """
    depth = 0
    for at in range(start, len(lines)):
        line = lines[at]
        if "<" in line:
            for tag in _TAG.finditer(_COMMENT.sub("", line) if "<!--" in line else line):
                if not tag["void"]:
                    depth += -1 if tag["end"] else 1
        following = lines[at + 1] if at + 1 < len(lines) else ""
        if depth <= 0 and (not following.strip() or line.rstrip().endswith(">")):
            return at + 1
    return len(lines) if looks_like_html("\n".join(lines[start:])) else None


def _end_of_comment(lines: list[str], start: int, closed: int) -> int:
    """Return the line after the comment that begins on the line ``start``.

    ``closed`` is the last line on which a comment ends; a comment that begins later is text.
    """
    if start > closed:
        lines[start] = lines[start].replace("<!--", "&lt;!--")
        return start + 1
    return next(at for at in range(start, closed + 1) if "-->" in lines[at]) + 1


def _next_blank(lines: list[str], start: int) -> int:
    return next((at for at in range(start + 1, len(lines)) if not lines[at].strip()), len(lines))


def _has_blank_lines(lines: list[str], start: int, end: int) -> bool:
    return any(not lines[at].strip() for at in range(start, end))
