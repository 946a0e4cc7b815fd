"""Lines beside the text that name source and author: ``2024-05-16 来源：某报 作者：某某``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from newsgrep.analysis.characters import fold
from newsgrep.extraction.page.dom import Element, Tree, iter_text, short_text
from newsgrep.extraction.whitespace import clean_line

SIGNS: Final = ("来源", "來源", "稿源")
"""A page without any of these has no such line."""
SIGN_CHARACTER: Final = "源"
"""A character of each of ``SIGNS``: one character is found much faster than two."""
MAX_LINE: Final = 200
"""Characters of a line; a longer text is a paragraph."""
_MAX_LINES: Final = 20
_MAX_LEVELS: Final = 3
_INLINE: Final = frozenset(("a", "b", "em", "font", "i", "label", "small", "span", "strong", "u"))

_LABEL: Final = (
    r"(?:责任编辑|编辑|责编|作者|记者|来源|稿源|发布时间|更新时间|发布日期|时间|日期|浏览次数"
    r"|浏览|点击|阅读|字号|字体|分享)"
)
_NAME: Final = (
    rf"((?:(?!{_LABEL}\s*[:|/]|\d{{4}}[-年/.])[^\s|丨【】\[\]()<>《》:,;。!?\"“”]){{1,30}}"
    rf"(?:(?<=[a-z.&])\s(?!{_LABEL}\s*[:|/])[^\W\d][\w.'&-]{{0,20}}){{0,5}})"
)
_SOURCE = re.compile(
    rf"(?<![^\s\d|丨/·【\[()\]】:]):?(?:文章|稿件|信息|新闻|本文|消息|内容)?(?:来源|稿源)\s*[:|丨/]\s*{_NAME}"
)
_AUTHOR = re.compile(rf"(?<![^\s\d|丨/·【\[()\]】])(?:本文)?作者\s*[:|丨/]\s*{_NAME}")
_NO_SOURCE: Final = frozenset((
    "本站", "本站原创", "本网", "原创", "网络", "互联网", "未知", "不详", "综合", "转载", "其他",
    "其它",
))  # fmt: skip


def source_in_line(line: str) -> str | None:
    """Return the outlet that ``line`` names as its source, or None.

    >>> source_in_line("2024-05-16 08:30 来源：鹭湾日报 作者：何舟")
    '鹭湾日报'
    """
    match = _SOURCE.search(fold(line)) if len(line) <= MAX_LINE else None
    name = line[match.start(1) : match.end(1)].strip() if match else ""
    return name if name and fold(name) not in _NO_SOURCE else None


def author_in_line(line: str) -> str | None:
    """Return whom ``line`` names as author after its source, or None."""
    match = _AUTHOR.search(fold(line)) if len(line) <= MAX_LINE else None
    return line[match.start(1) : match.end(1)] if match else None


def iter_source_lines(tree: Tree) -> Iterator[tuple[str, Element]]:
    """Yield the lines of a page in which a label for the source occurs, in document order.

    A text with the label, and the next text if it ends in one, come before the line that they
    are a part of: elements beside them may follow without a space.
    """
    found = 0
    for element in tree.elements:
        for node in element.contents:
            if type(node) is str and any(sign in node for sign in SIGNS):
                found += 1
                if found > _MAX_LINES:
                    return
                if len(node) <= 2 * MAX_LINE:
                    yield clean_line(node) + _text_after(node, element), element
                line = _line_around(element)
                if len(line) <= MAX_LINE:
                    yield line, element


def _text_after(text: str, element: Element) -> str:
    """Return the next text of the page if ``text``, a child of ``element``, ends in a label."""
    if not text.rstrip().endswith((":", "：")):
        return ""
    position = next(i for i, node in enumerate(element.contents) if node is text) + 1
    around: Element | None = element
    for _ in range(_MAX_LEVELS):
        if around is None:
            break
        for node in around.contents[position : position + _MAX_LEVELS]:
            texts = iter_text(node, limit=10) if isinstance(node, Element) else (node,)
            for found in texts:
                if type(found) is str and found.strip():
                    return clean_line(found)
        position = around.position + 1
        around = around.parent
    return ""


def _line_around(element: Element) -> str:
    """Return the line of which ``element`` is a part."""
    block = element
    for _ in range(2 * _MAX_LEVELS):
        if block.name in _INLINE and block.parent is not None:
            block = block.parent
    line = short_text(block)
    if block.parent is not None and line.rstrip().endswith((":", "：")):
        return short_text(block.parent)  # a label in a cell of its own
    return line
