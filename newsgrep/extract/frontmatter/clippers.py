"""What clippers write above an article besides front matter: links and lists of fields.

Readwise writes a list below a heading, Omnivore and SimpRead lines with a link to the original.
"""

from __future__ import annotations

import re
from typing import Final

from newsgrep.analysis.fold import fold
from newsgrep.extract.frontmatter.dialects import Fields, key_line, parse_lines

_MAX_HEAD: Final = 3_000
"""Characters in which such lines are searched."""
_MAX_LINE: Final = 600
_MAX_LINES: Final = 12

_NUMBER_SIGNS: Final = ("#", "＃", "﹟")
_LIST = re.compile(
    r"^#{1,4}[ \t]*(?:metadata|properties|元数据|属性)[ \t]*\n\s*"
    r"((?:[-*][ \t][^\n]{1,500}(?:\n|\Z)){1,30})"
    r"(?:\s*#{1,4}[ \t]*(?:highlights|高亮|标注)[ \t]*\n)?",
    re.MULTILINE,
)
"""A list of fields below a heading, and the heading above the text; folded."""
_LIST_KEYS: Final = {"full title": "title", "category": "type", "document tags": "tags"}
_ADDRESS: Final = r"(https?://[^\s()<>\"]{1,2000})"
_ORIGINAL = re.compile(
    r"(?:>\s*)?(?:[^\n]{0,200}?[\s,;]|)"
    r"(?:原文(?:地址|链接|网址)?|(?:read |view )?original(?: article| link| url)?|source url)"
    rf"\s*:?\s*(?:\[[^\]\n]{{0,300}}\]\({_ADDRESS}\)|<?{_ADDRESS}>?)[\s.]*"
)
_READ_LINK = re.compile(
    r"\[(?:read (?:on|in) [^\]\n]{1,40}|(?:read|view) original|view in browser"
    rf"|原文(?:地址|链接)?)\]\({_ADDRESS}\)"
)
"""A line that is only a link to the original or to the copy of the clipper, folded."""


def read_clipper(fields: Fields, text: str) -> tuple[Fields, str]:
    """Return ``fields`` with what a clipper wrote at the top of ``text``, and ``text`` without it.

    ``fields`` are those of the front matter, which are believed first.
    """
    head = text[:_MAX_HEAD]
    if "](" not in head and "http" not in head:
        return fields, text
    found: Fields = {}
    headed = any(head.startswith(sign) or f"\n{sign}" in head for sign in _NUMBER_SIGNS)
    if headed and (stated := _LIST.search(fold(head))):
        block = head[stated.start(1) : stated.end(1)]
        items = [line.lstrip("-* \t") for line in block.splitlines()]
        if all(key_line(item) for item in items):
            listed = parse_lines("\n".join(items)) or {}
            found = {_LIST_KEYS.get(key, key): values for key, values in listed.items()}
            text = text[: stated.start()] + text[stated.end() :]
    urls, text = _take_lines(text)
    if urls:
        found.setdefault("url", (urls[-1],))
    return {**found, **fields}, text


def _take_lines(text: str) -> tuple[list[str], str]:
    """Return the addresses in lines with links to the original, and ``text`` without them."""
    urls: list[str] = []
    kept: list[str] = []
    start = end = 0
    for _ in range(_MAX_LINES):
        end = text.find("\n", start) + 1 or len(text)
        line = text[start:end].strip() if end - start <= _MAX_LINE else ""
        folded = fold(line) if line else ""
        match = None
        if "http" in folded:
            match = _READ_LINK.fullmatch(folded) or _ORIGINAL.fullmatch(folded)
        if match is None:
            kept.append(text[start:end])
        else:
            group = next(number for number, value in enumerate(match.groups(), 1) if value)
            urls.append(line[match.start(group) : match.end(group)])
        start = end
        if end == len(text):
            break
    return urls, "".join(kept) + text[end:] if urls else text
