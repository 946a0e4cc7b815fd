"""From blocks to a body: which are headline, bylines, notices, captions, and which are text."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from newsgrep.extract import notices
from newsgrep.extract.bylines import byline_in_line, parse_names
from newsgrep.extract.claims import Block, BlockKind, Body, Claims
from newsgrep.extract.dates import parse_date_line
from newsgrep.extract.outlets import Outlet
from newsgrep.extract.whitespace import comparison_key
from newsgrep.models import Precision

_HEAD_BLOCKS: Final = 6
"""Blocks of text at the top that may be headline, date, byline or credit."""
_TAIL_BLOCKS: Final = 8
"""Blocks of text at the end that may be notes of editors and translators."""
_MAX_HEADING: Final = 40
"""Characters; a longer heading is text in large print."""
_MAX_REPEATED_TITLE: Final = 300

_TAG_LINE = re.compile(r"(?:[#＃][^\s#＃]{1,40}\s*){1,20}")
_HASHTAG = re.compile(r"[#＃]([^\s#＃]{1,40})")

_ROLE_LINE = re.compile(
    r".{0,14}(?:记者|記者|特约撰稿人?|特約撰稿人?|特派员|特派員|[Cc]orrespondent|[Rr]eporter)"
)
_NAME_LINE = re.compile(r"[\u4e00-\u9fff·]{2,8}|[A-Z][\w.'-]+(?: [A-Z][\w.'-]+){1,3}")
_HEAD_CREDIT = re.compile(r"(?:图|圖)(?:片?来源|片?來源)?\s*[/／：:]\s*[^。]{1,40}")
_OUTLET_SUFFIX = re.compile(r"[|｜_\-–—]\s*[^|｜]{1,25}$")
_DATELINE = re.compile(r".{1,24}?\s*[—–]{1,2}")


class _BlockSorter:
    """Decides in one pass what each block is.

    Lines are judged whole and by their position: a line in the middle of an article that looks
    like boilerplate belongs to the author.
    """

    def __init__(self, claims: Claims, outlet: Outlet | None, title: str | None) -> None:
        self.outlet = outlet
        self.title_key = comparison_key(title or "")
        self.known_lines = {claim.value for claim in claims.authors}
        if outlet:
            self.known_lines |= outlet.names.union(outlet.roles)
        self.body_blocks: list[Block] = []
        self.repeated: list[Block] = []
        self.captions: dict[str, str] = {}
        self.tags: dict[str, None] = {}
        self.bylines: list[str] = []
        self.first_date: str | None = None

    def add(self, block: Block, before: int, after: int) -> None:
        """Sort a block with ``before`` blocks of text before it and ``after`` after it."""
        if "\n" in block.text and block.kind is not BlockKind.CAPTION:
            block = self._strip_last_lines(block)
        text = block.text
        if block.kind is BlockKind.CAPTION:
            self.captions.setdefault(comparison_key(text), text)
        elif (
            notices.is_boilerplate_line(text)
            or self._is_tag_line(text)
            or (
                len(self.body_blocks) < _HEAD_BLOCKS
                and before < 2 * _HEAD_BLOCKS
                and self._is_head(block)
            )
            or (after < _TAIL_BLOCKS and (notices.is_end_note(text) or self._is_byline(text)))
        ):
            pass
        elif (caption := notices.photo_caption(text)) is not None:
            if caption:
                self.captions.setdefault(comparison_key(caption), caption)
        elif len(self.body_blocks) == 1 and _DATELINE.fullmatch(self.body_blocks[0].text):
            self.body_blocks = [replace(block, text=f"{self.body_blocks[0].text} {text}")]
        else:
            self.body_blocks.append(block)

    def _is_head(self, block: Block) -> bool:
        """Return whether a block near the top is headline, date, byline, role or credit."""
        text = block.text
        if self.title_key and _repeats_title(text, self.title_key):
            self.repeated.append(block)
        elif not self.body_blocks and self.first_date is None and _is_date_line(text):
            self.first_date = text
        elif (
            self.body_blocks
            and _ROLE_LINE.fullmatch(text)
            and _NAME_LINE.fullmatch(self.body_blocks[-1].text)
        ):
            self.bylines.append(self.body_blocks.pop().text)
        else:
            return (
                text in self.known_lines
                or _HEAD_CREDIT.fullmatch(text) is not None
                or self._is_byline(text)
            )
        return True

    def _strip_last_lines(self, block: Block) -> Block:
        """Remove boilerplate lines at the end of a paragraph that ``<br>`` separates from it."""
        lines = block.text.split("\n")
        kept = end = len(lines)
        while end > 1:
            end -= 1
            line = lines[end]
            if not comparison_key(line):  # a separator, perhaps above the next notice
                continue
            notice = notices.is_boilerplate_line(line) and "://" not in line
            if not notice and not (self.outlet and self.outlet.drops_line(line)):
                break
            kept = end
        while 1 < kept < len(lines) and not comparison_key(lines[kept - 1]):
            kept -= 1
        return replace(block, text="\n".join(lines[:kept]))

    def _is_byline(self, text: str) -> bool:
        byline = byline_in_line(text)
        if byline and parse_names(byline):
            self.bylines.append(byline)
            return True
        return False

    def _is_tag_line(self, text: str) -> bool:
        if text.startswith(("#", "＃")) and _TAG_LINE.fullmatch(text):
            self.tags.update(dict.fromkeys(_HASHTAG.findall(text)))
            return True
        return False

    def paragraphs(self) -> tuple[str, ...]:
        """Return the texts of the body, without headings at the end."""
        blocks = self.body_blocks
        while blocks and (
            not comparison_key(blocks[-1].text)
            or (
                blocks[-1].kind is BlockKind.HEADING
                and len(blocks) > 1
                and len(blocks[-1].text) <= _MAX_HEADING
            )
        ):
            blocks.pop()
        if not blocks and not self.captions:
            # A post that consists of its headline. A page that has only a heading is no article.
            blocks = [block for block in self.repeated if block.kind is BlockKind.TEXT][:1]
        return tuple(block.text for block in blocks if not self._is_caption(block.text))

    def _is_caption(self, text: str) -> bool:
        """Return whether ``text`` is one of the captions; a short text may be both."""
        if len(text) <= 8:
            return False
        start = comparison_key(text[:20])
        return (
            any(caption.startswith(start) for caption in self.captions)
            and comparison_key(text) in self.captions
        )


def build_body(
    blocks: Iterable[Block], claims: Claims, outlet: Outlet | None, title: str | None
) -> Body:
    """Return the body: ``blocks`` without headline, bylines, credits and boilerplate lines."""
    blocks = [block for block in blocks if not (outlet and outlet.drops_line(block.text))]
    texts = sum(1 for block in blocks if block.kind is not BlockKind.CAPTION)
    sorter = _BlockSorter(claims, outlet, title)
    before = 0
    for block in blocks:
        sorter.add(block, before, texts - before - 1)
        before += block.kind is not BlockKind.CAPTION
    return Body(
        sorter.paragraphs(),
        tuple(sorter.captions.values()),
        tuple(sorter.tags),
        tuple(sorter.bylines),
        sorter.first_date,
        tuple(block.text for block in blocks),
    )


def _is_date_line(text: str) -> bool:
    stated = parse_date_line(text)
    return stated is not None and stated.precision not in (Precision.MONTH, Precision.YEAR)


def _repeats_title(text: str, title_key: str) -> bool:
    """Return whether ``text`` is the title, alone or with the outlet's name."""
    if len(text) > _MAX_REPEATED_TITLE:
        return False
    line = comparison_key(text)
    if line == title_key:
        return True
    return (
        line.startswith(title_key)
        and len(line) - len(title_key) <= 20
        and len(title_key) >= 6
        and _OUTLET_SUFFIX.search(text) is not None
    )
