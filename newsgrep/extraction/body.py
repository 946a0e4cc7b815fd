"""From blocks to a body: which are headline, bylines, notices, captions, and which are text.

A sentence is left out only where its position agrees with its wording: before the first or after
the last sentence of the article. What is left out as prose is returned as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from newsgrep.analysis.characters import fold
from newsgrep.extraction import notices
from newsgrep.extraction.bylines import byline_in_line, looks_like_names, parse_names, reporters_in
from newsgrep.extraction.claims import Block, BlockKind, Body, Claims, Rule
from newsgrep.extraction.dates.lines import parse_date_line
from newsgrep.extraction.labels import begins_event, read_labels
from newsgrep.extraction.outlets import Outlet
from newsgrep.extraction.trace import NO_TRACE, Trace
from newsgrep.extraction.whitespace import comparison_key, has_word
from newsgrep.models import LeftOut, Precision, Provenance

_HEAD_BLOCKS: Final = 6
"""Blocks of text at the top that may be headline, date, byline or credit."""
_TAIL_BLOCKS: Final = 8
"""Blocks of text at the end that may name editors and translators."""
_MAX_UNKNOWN: Final = 3
"""Short lines without a sentence that may follow the notices at the end."""
_MAX_HEADING: Final = 40
"""Characters; a longer heading is text in large print."""
_MAX_REPEATED_TITLE: Final = 300
_MAX_ROLE_LINE: Final = 30
_MAX_HEAD_NOTICE: Final = 160
_MAX_FOLDED: Final = notices.MAX_NOTICE
"""Characters; no rule takes a longer paragraph."""

TAG_LINE: Final = re.compile(r"(?:[#＃][^\s#＃]{1,40}[#＃]?\s*+){1,20}")
HASHTAG: Final = re.compile(r"[#＃]([^\s#＃]{1,40})")

_ROLE_LINE = re.compile(r".{0,14}(?:记者|特约撰稿人?|特派员|correspondent|reporter)")
_NAME_LINE = re.compile(r"[\u4e00-\u9fff·]{2,8}|[A-Z][\w.'-]+(?: [A-Z][\w.'-]+){1,3}")
_HEAD_CREDIT = re.compile(r"图(?:片?来源)?\s*[/:]\s*[^。]{1,40}")
_OUTLET_SUFFIX = re.compile(r"[|｜_\-–—]\s*[^|｜]{1,25}$")
_DATELINE = re.compile(r".{1,24}?\s*[—–]{1,2}")
_KEYWORDS = re.compile(r"(?:关键[词字]|标签|tags?|keywords?)\s*[:>»]+\s*([^。!?]{1,100})")
_TAG_SPLIT = re.compile(r"[\s,，;；、/|]+")
_STATEMENT = re.compile(r"[。!?]|[^.]{60}\.\s")
"""What the name of an author does not contain; an element with its class may be prose."""
_SPEAKER = re.compile(r"[^\s:]{1,6}:")
_STOPS: Final = ("。", "！", "？", "…", "!", "?")
"""Signs of a sentence; others fold to them."""

_STATED: Final = frozenset(
    (Rule.TITLE, Rule.DATE, Rule.BYLINE, Rule.TAGS, Rule.CAPTION, Rule.REPEATED)
)
"""Rules that move a text to another field, or that leave it out because it is there already."""
_WITHOUT_TRACE: Final = frozenset((Rule.NAVIGATION, Rule.CREDIT))


def build_body(
    blocks: Iterable[Block],
    claims: Claims,
    outlet: Outlet | None,
    title: str | None,
    trace: Trace = NO_TRACE,
    *,
    source: str | None = None,
    page: bool = False,
) -> Body:
    """Return the body: ``blocks`` without headline, bylines, credits and boilerplate lines.

    ``page`` is whether the file is a whole page. A post may be a few words that look like a
    button; a page that has nothing else is no article.
    """
    sorter = _BlockSorter(blocks, claims, outlet, title, page=page)
    sorter.site_names.add(source or "")
    sorter.sort()
    for block, rule in zip(sorter.blocks, sorter.rules, strict=True):
        trace.block(block, rule)
    return sorter.body()


_MIN_WORDS: Final = 12
"""Words of a line that is a sentence, although it does not end with a full stop."""


class _BlockSorter:
    """Decides what each block is: ``rules`` has the rule of each block, None for the body.

    Lines are judged whole and by their position: a line in the middle of an article that looks
    like boilerplate belongs to the author.
    """

    def __init__(
        self,
        blocks: Iterable[Block],
        claims: Claims,
        outlet: Outlet | None,
        title: str | None,
        *,
        page: bool,
    ) -> None:
        self.page = page
        self.blocks = list(blocks)
        self.rules: list[Rule | None] = [block.rule for block in self.blocks]
        self._folded: dict[int, str] = {}
        self.outlet = outlet
        self.title_key = comparison_key(title or "")
        self.stated_titles = {
            comparison_key(claim.value)
            for claim in claims.titles
            if claim.provenance is not Provenance.HEADING
        }
        longest = max(map(len, self.stated_titles), default=0)
        self.longest_title = _longest_repeated(max(longest, len(self.title_key)))
        self.title_begins = {key[:1] for key in (self.title_key, *self.stated_titles)}
        self.site_names = {claim.value for claim in claims.sources} | set(claims.site)
        self.known_lines = {claim.value for claim in claims.authors}
        if outlet:
            self.known_lines |= outlet.names.union(outlet.roles)
        self.captions: dict[str, str] = {}
        self.tags: dict[str, None] = {}
        self.bylines: list[str] = []
        self.cut: list[tuple[int, LeftOut]] = []
        self.first_date: str | None = None

    def sort(self) -> None:
        """Give every block its rule."""
        begun = False
        for index, block in enumerate(self.blocks):
            if self.rules[index] is None:
                self.rules[index] = self._rule_at_any_position(index, block)
                begun = begun or (self.rules[index] is None and self._has_sentence(index))
            elif block.rule is Rule.METADATA and block.kind is BlockKind.TEXT:
                # A date below the text is that of another article.
                before = [index] if begun else []
                self.rules[index] = self._rule_in_head(index, before) or block.rule
        self._take_head()
        self._take_tail()
        self._take_last_lines()
        self._drop_last_headings()
        if None not in self.rules and not self.captions:
            self._restore()
        if self.captions:
            self._drop_captions_in_text()

    def _fold(self, index: int) -> str:
        """Return the folded text of a block, or nothing if it is longer than any rule allows."""
        folded = self._folded.get(index)
        if folded is None:
            text = self.blocks[index].text
            folded = fold(text) if len(text) <= _MAX_FOLDED else ""
            self._folded[index] = folded
        return folded

    def _texts(self) -> list[int]:
        return [index for index, rule in enumerate(self.rules) if rule is None]

    def _rule_at_any_position(self, index: int, block: Block) -> Rule | None:
        text = block.text
        if block.kind is BlockKind.CAPTION:
            self.captions.setdefault(comparison_key(text), text)
            return Rule.CAPTION
        if self.outlet and self.outlet.drops_line(text):
            return Rule.OUTLET_RULE
        if notices.may_be_button(text) and notices.is_button(self._fold(index)):
            return Rule.NAVIGATION
        if text[0] in "#＃" and TAG_LINE.fullmatch(text):
            self.tags.update(dict.fromkeys(HASHTAG.findall(text)))
            return Rule.TAGS
        if not notices.may_be_credited(text):
            return None
        if (caption := notices.photo_caption(text, self._fold(index))) is not None:
            if caption:
                self.captions.setdefault(comparison_key(caption), caption)
            return Rule.CAPTION if caption else Rule.CREDIT
        return None

    # The top of an article.

    def _take_head(self) -> None:
        """Sort the blocks near the top: headline, date, byline, role, credit, notices."""
        kept: list[int] = []
        begun = False
        for number, index in enumerate(self._texts()):
            if number >= 2 * _HEAD_BLOCKS or len(kept) >= _HEAD_BLOCKS:
                break
            rule = self._rule_in_head(index, kept)
            if rule is None and not begun and self._is_notice_in_head(index):
                rule = Rule.NOTICE
            self.rules[index] = rule
            if rule is None:
                kept.append(index)
                begun = begun or self._has_sentence(index)
        if len(kept) > 1 and _DATELINE.fullmatch(self.blocks[kept[0]].text):
            first, second = kept[:2]
            joined = f"{self.blocks[first].text} {self.blocks[second].text}"
            self.blocks[second] = replace(self.blocks[second], text=joined)
            self._folded.pop(second, None)
            self.rules[first] = Rule.REPEATED

    def _is_notice_in_head(self, index: int) -> bool:
        length = len(self.blocks[index].text)
        return length <= _MAX_HEAD_NOTICE and notices.is_notice(self._fold(index))

    def _rule_in_head(self, index: int, kept: list[int]) -> Rule | None:
        text = self.blocks[index].text
        if self._is_title(text):
            return Rule.TITLE
        if self.blocks[index].kind is BlockKind.HEADING and text in self.site_names:
            return Rule.NAVIGATION
        if (
            not kept
            and self.first_date is None
            and _is_date_line(text)
            and not (index + 1 < len(self.blocks) and begins_event(self.blocks[index + 1].text))
        ):
            self.first_date = text
            return Rule.DATE
        if (
            kept
            and len(text) <= _MAX_ROLE_LINE
            and _ROLE_LINE.fullmatch(self._fold(index))
            and _NAME_LINE.fullmatch(self.blocks[kept[-1]].text)
        ):
            before = kept.pop()
            self.bylines.append(self.blocks[before].text)
            self.rules[before] = Rule.BYLINE
            return Rule.BYLINE
        if (
            text in self.known_lines and not _STATEMENT.search(self._fold(index))
        ) or self._is_byline(text):
            return Rule.BYLINE
        if text[0] in "图圖" and _HEAD_CREDIT.fullmatch(self._fold(index)):
            return Rule.CREDIT
        return None

    def _is_title(self, text: str) -> bool:
        """Return whether ``text`` is the title or one that was stated, alone or with the outlet."""
        if not self.title_key or len(text) > self.longest_title:
            return False
        if text[0].isalnum() and text[0].casefold()[:1] not in self.title_begins:
            return False
        key = comparison_key(text)
        return key in self.stated_titles or _repeats_title(text, key, self.title_key)

    def _has_sentence(self, index: int) -> bool:
        text = self.blocks[index].text
        if len(text) > _MAX_FOLDED or any(map(text.__contains__, _STOPS)):
            return True
        if notices.is_prose(self._fold(index)):
            return True
        return text.count(" ") >= _MIN_WORDS

    # The end of an article.

    def _take_tail(self) -> None:
        """Sort the blocks near the end: names of editors, and notices after the last sentence."""
        texts = self._texts()
        for index in texts[-_TAIL_BLOCKS:]:
            text = self.blocks[index].text
            if not notices.may_be_end_note(text):
                continue
            if keywords := _KEYWORDS.fullmatch(self._fold(index)):
                values = text[keywords.start(1) :]
                self.tags.update(dict.fromkeys(filter(None, _TAG_SPLIT.split(values))))
                self.rules[index] = Rule.TAGS
            elif notices.is_end_note(self._fold(index)):
                if not self._is_speaker(self._fold(index)):
                    self.rules[index] = Rule.EDITORS_NOTE
            elif not self._is_speaker(self._fold(index)) and self._is_byline(text):
                self.rules[index] = Rule.BYLINE
        footers: list[int] = []
        noticed = False
        unknown = 0
        for index in reversed(self._texts()):
            folded = self._fold(index)
            if notices.is_notice(folded):
                self.rules[index] = Rule.NOTICE
                noticed = True
            elif notices.is_footer(folded):
                footers.append(index)
            elif self._has_sentence(index) or len(folded) > _MAX_HEADING or unknown >= _MAX_UNKNOWN:
                break
            else:
                unknown += 1
        if noticed:
            for index in footers:
                self.rules[index] = Rule.NAVIGATION

    def _is_speaker(self, folded: str) -> bool:
        """Return whether a line begins with a label that begins other lines, too: a dialogue."""
        label = _SPEAKER.match(folded)
        if label is None:
            return False
        begins = (fold(block.text[: label.end()]) for block in self.blocks)
        return sum(1 for each in begins if each == label.group()) > 1

    def _take_last_lines(self) -> None:
        """Cut boilerplate lines at the end of paragraphs that ``<br>`` separates from the text."""
        texts = self._texts()
        for index in texts:
            text = self.blocks[index].text
            if "\n" not in text:
                continue
            lines = text.split("\n")
            end = _end_of_text(lines, self.outlet, last=index == texts[-1])
            if end == len(lines):
                continue
            self.blocks[index] = replace(self.blocks[index], text="\n".join(lines[:end]))
            for line in lines[end:]:
                if not notices.is_boilerplate_line(line):
                    self.cut.append((index, LeftOut(line, Rule.NOTICE)))

    def _drop_last_headings(self) -> None:
        texts = self._texts()
        while len(texts) > 1:
            last = self.blocks[texts[-1]]
            if has_word(last.text) and (
                last.kind is not BlockKind.HEADING or len(last.text) > _MAX_HEADING
            ):
                break
            self.rules[texts.pop()] = Rule.TRAILING_HEADING

    # The whole article.

    def _is_byline(self, text: str) -> bool:
        byline = byline_in_line(text) or _authors_and_editors(text)
        if byline and parse_names(byline) and (":" not in fold(text) or _names_in(byline)):
            self.bylines.append(byline)
            return True
        return False

    def _restore(self) -> None:
        """Keep what wording left out if nothing else remains: a post may be a few words."""
        for index, block in enumerate(self.blocks):
            rule = self.rules[index]
            if self.page or block.rule is not None or not has_word(block.text):
                continue
            if rule in (Rule.NAVIGATION, Rule.NOTICE, Rule.EDITORS_NOTE):
                self.rules[index] = None
        if self._texts():
            return
        # A post that consists of its headline.
        for index, rule in enumerate(self.rules):
            if rule is Rule.TITLE and self.blocks[index].kind is BlockKind.TEXT:
                self.rules[index] = None
                return

    def _drop_captions_in_text(self) -> None:
        """Leave out paragraphs that are captions as well; a short text may be both."""
        begins = {caption[:1] for caption in self.captions}
        for index in self._texts():
            text = self.blocks[index].text
            if text[0].isalnum() and text[0].casefold()[:1] not in begins:
                continue
            start = comparison_key(text[:20]) if len(text) > 8 else ""
            if (
                start
                and any(caption.startswith(start) for caption in self.captions)
                and comparison_key(text) in self.captions
            ):
                self.rules[index] = Rule.CAPTION

    def body(self) -> Body:
        """Return the result of :meth:`sort`."""
        texts = [self.blocks[index].text for index in self._texts()]
        reporters = (reporters_in(text) for text in dict.fromkeys((*texts[:2], *texts[-1:])))
        return Body(
            tuple(texts),
            tuple(self.captions.values()),
            tuple(self.tags),
            tuple(self.bylines),
            self.first_date,
            tuple(block.text for block in self.blocks if block.rule in (None, Rule.METADATA)),
            tuple(self._left_out()),
            tuple(filter(None, reporters)),
        )

    def _left_out(self) -> list[LeftOut]:
        found = list(self.cut)
        for index, (block, rule) in enumerate(zip(self.blocks, self.rules, strict=True)):
            if rule is None or rule in _STATED:
                continue
            if (
                block.rule is None and (rule in _WITHOUT_TRACE or not self._leaves_trace(index))
            ) or (rule is Rule.METADATA and not self._has_sentence(index)):
                continue
            found.append((index, LeftOut(block.text, rule)))
        return [passage for _, passage in sorted(found, key=lambda each: each[0])]

    def _leaves_trace(self, index: int) -> bool:
        """Return whether a text that a rule left out is prose or an editor's note."""
        if self.rules[index] in (Rule.NOTICE, Rule.EDITORS_NOTE):
            return has_word(self.blocks[index].text)
        return notices.is_prose(self._fold(index) or fold(self.blocks[index].text))


def _end_of_text(lines: Sequence[str], outlet: Outlet | None, *, last: bool) -> int:
    """Return the number of lines of a paragraph before the boilerplate lines at its end.

    ``last`` is whether it is the last paragraph of the article, which notices may end.
    """
    kept = end = len(lines)
    while end > 1:
        end -= 1
        line = lines[end]
        if not has_word(line):  # a separator, perhaps above the next notice
            continue
        folded = fold(line)
        notice = notices.is_button(folded) and "://" not in line
        if last and not notice:
            notice = notices.is_end_note(folded) or notices.is_notice(folded)
        if not notice and not (outlet and outlet.drops_line(line)):
            break
        kept = end
    while 1 < kept < len(lines) and not has_word(lines[kept - 1]):
        kept -= 1
    return kept


def _authors_and_editors(text: str) -> str | None:
    """Return a line such as ``作者：甲 编辑：乙 校对：丙``, or None if it states anything else."""
    if len(text) > _MAX_FOLDED or "。" in text or (":" not in text and "：" not in text):
        return None
    stated = read_labels(text)
    if stated is None or not stated.authors or len(stated.all()) > len(stated.authors):
        return None
    return text


def _names_in(byline: str) -> bool:
    return all(map(looks_like_names, parse_names(byline)))


def _is_date_line(text: str) -> bool:
    stated = parse_date_line(text)
    return stated is not None and stated.precision not in (Precision.MONTH, Precision.YEAR)


def _longest_repeated(length: int) -> int:
    """Return the characters of the longest line that may be a title whose key has ``length``."""
    return min(_MAX_REPEATED_TITLE, 2 * length + 60)


def _repeats_title(text: str, key: str, title_key: str) -> bool:
    """Return whether ``text``, whose key is ``key``, is the title, alone or with the outlet."""
    if key == title_key:
        return True
    return (
        key.startswith(title_key)
        and len(key) - len(title_key) <= 20
        and len(title_key) >= 6
        and _OUTLET_SUFFIX.search(text) is not None
    )
