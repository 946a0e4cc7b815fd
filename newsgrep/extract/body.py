"""From blocks to a body: what repeats the headline, credits and notices goes.

Lines are judged whole and by where they stand; a note that looks like furniture in the
middle of an article is the author's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final

from newsgrep.extract import boilerplate, bylines, dates
from newsgrep.extract.claims import Block, BlockKind, RawArticle
from newsgrep.extract.outlets import Outlet
from newsgrep.extract.whitespace import comparison_key
from newsgrep.models import Precision

_HEAD_BLOCKS: Final = 6
_TAIL_BLOCKS: Final = 8
_MAX_HEADING: Final = 40
"""Characters: a longer "heading" is text in large print."""
_TAG_LINE = re.compile(r"(?:[#＃][^\s#＃]{1,40}\s*){1,20}")
_HASHTAG = re.compile(r"[#＃]([^\s#＃]{1,40})")

_ROLE_LINE = re.compile(
    r".{0,14}(?:记者|記者|特约撰稿人?|特約撰稿人?|特派员|特派員|[Cc]orrespondent|[Rr]eporter)"
)
_NAME_LINE = re.compile(r"[\u4e00-\u9fff·]{2,8}|[A-Z][\w.'-]+(?: [A-Z][\w.'-]+){1,3}")
_HEAD_CREDIT = re.compile(r"(?:图|圖)(?:片?来源|片?來源)?\s*[/／：:]\s*[^。]{1,40}")
_DATELINE = re.compile(r".{1,24}?\s*[—–]{1,2}")


@dataclass(frozen=True, slots=True)
class Body:
    """Text as a reader takes it, and what the lines that were taken out have said."""

    paragraphs: tuple[str, ...]
    captions: tuple[str, ...]
    tags: tuple[str, ...]
    bylines: tuple[str, ...]
    first_date: str | None
    """A date that stood alone on one of the first lines."""
    stated: tuple[str, ...]
    """All text in order, captions too, for finding dates in it."""


class _BlockSorter:
    """Goes through the blocks once and says of each what it is."""

    def __init__(self, raw: RawArticle, site: Outlet | None, title: str | None) -> None:
        self.site = site
        self.wanted = comparison_key(title or "")
        self.named = {claim.value for claim in raw.claims.authors}
        self.nobody = {site.name, *site.aliases, *site.roles} if site else set()
        self.kept: list[Block] = []
        self.repeated: list[Block] = []
        self.captions: dict[str, str] = {}
        self.tags: dict[str, None] = {}
        self.bylines: list[str] = []
        self.first_date: str | None = None

    def take(self, block: Block, number: int, left: int) -> None:
        """Sort in a block that has ``number`` texts before it and ``left`` after it."""
        if "\n" in block.text and block.kind is not BlockKind.CAPTION:
            block = self._without_last_lines(block)
        text = block.text
        if block.kind is BlockKind.CAPTION:
            self.captions.setdefault(comparison_key(text), text)
        elif (
            boilerplate.is_boilerplate_line(text)
            or self._is_tag_line(text)
            or (
                len(self.kept) < _HEAD_BLOCKS and number < 2 * _HEAD_BLOCKS and self._is_head(block)
            )
            or (left < _TAIL_BLOCKS and (boilerplate.is_end_note(text) or self._is_byline(text)))
        ):
            pass
        elif (caption := boilerplate.photo_caption(text)) is not None:
            if caption:
                self.captions.setdefault(comparison_key(caption), caption)
        elif len(self.kept) == 1 and _DATELINE.fullmatch(self.kept[0].text):
            self.kept = [replace(block, text=f"{self.kept[0].text} {text}")]
        else:
            self.kept.append(block)

    def _is_head(self, block: Block) -> bool:
        """Tell whether a block near the top is headline, date, byline, role or credit."""
        text = block.text
        if self.wanted and _repeats_title(text, self.wanted):
            self.repeated.append(block)
        elif not self.kept and self.first_date is None and _is_date_line(text):
            self.first_date = text
        elif self.kept and _ROLE_LINE.fullmatch(text) and _NAME_LINE.fullmatch(self.kept[-1].text):
            self.bylines.append(self.kept.pop().text)
        else:
            return (
                text in self.named
                or text in self.nobody
                or _HEAD_CREDIT.fullmatch(text) is not None
                or self._is_byline(text)
            )
        return True

    def _without_last_lines(self, block: Block) -> Block:
        """Judge the last lines of a paragraph like paragraphs: many sites part both by ``<br>``."""
        lines = block.text.split("\n")
        kept = end = len(lines)
        while end > 1:
            end -= 1
            line = lines[end]
            if not comparison_key(line):  # a rule, perhaps above the next notice
                continue
            notice = boilerplate.is_boilerplate_line(line) and "://" not in line
            if not notice and not (self.site and self.site.drops_line(line)):
                break
            kept = end
        while 1 < kept < len(lines) and not comparison_key(lines[kept - 1]):
            kept -= 1
        return replace(block, text="\n".join(lines[:kept]))

    def _is_byline(self, text: str) -> bool:
        byline = bylines.byline_in_line(text)
        if byline and bylines.parse_names(byline):
            self.bylines.append(byline)
            return True
        return False

    def _is_tag_line(self, text: str) -> bool:
        if text.startswith(("#", "＃")) and _TAG_LINE.fullmatch(text):
            self.tags.update(dict.fromkeys(_HASHTAG.findall(text)))
            return True
        return False

    def paragraphs(self) -> tuple[str, ...]:
        """Return what is left, without headings that have nothing under them."""
        kept = self.kept
        while kept and (
            not comparison_key(kept[-1].text)
            or (
                kept[-1].kind is BlockKind.HEADING
                and len(kept) > 1
                and len(kept[-1].text) <= _MAX_HEADING
            )
        ):
            kept.pop()
        if not kept and not self.captions:
            # A post that is nothing but its headline; a page with a headline only is none.
            kept = [block for block in self.repeated if block.kind is BlockKind.TEXT][:1]
        return tuple(block.text for block in kept if not self._is_caption(block.text))

    def _is_caption(self, text: str) -> bool:
        """Tell whether ``text`` is one of the captions; a single word may well be both."""
        if len(text) <= 8:
            return False
        start = comparison_key(text[:20])
        return (
            any(caption.startswith(start) for caption in self.captions)
            and comparison_key(text) in self.captions
        )


def build_body(raw: RawArticle, site: Outlet | None, title: str | None) -> Body:
    """Return the body of ``raw`` without what is no article text."""
    blocks = [block for block in raw.blocks if not (site and site.drops_line(block.text))]
    texts = sum(1 for block in blocks if block.kind is not BlockKind.CAPTION)
    sorter = _BlockSorter(raw, site, title)
    number = 0
    for block in blocks:
        sorter.take(block, number, texts - number - 1)
        number += block.kind is not BlockKind.CAPTION
    return Body(
        sorter.paragraphs(),
        tuple(sorter.captions.values()),
        tuple(sorter.tags),
        tuple(sorter.bylines),
        sorter.first_date,
        tuple(block.text for block in blocks),
    )


def _is_date_line(text: str) -> bool:
    moment = dates.parse_date_line(text)
    return moment is not None and moment.precision not in (Precision.MONTH, Precision.YEAR)


def _repeats_title(text: str, wanted: str) -> bool:
    """Tell whether a line near the top is the title again, alone or with the outlet's name."""
    if len(text) > 300:  # no title is longer
        return False
    line = comparison_key(text)
    if line == wanted:
        return True
    return (
        line.startswith(wanted)
        and len(line) - len(wanted) <= 20
        and len(wanted) >= 6
        and bool(  # an outlet's name
            re.search(r"[|｜_\-–—]\s*[^|｜]{1,25}$", text)
        )
    )
