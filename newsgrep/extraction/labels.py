"""Lines with labels at the top of an article: ``来源：甲报 作者：乙``, heads of mails and posts.

A line is read only if labels, dates and counters are all that it contains, so that a sentence
with such a word is never taken for one. All rules match folded text (:mod:`newsgrep.analysis.characters`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from newsgrep.analysis.characters import fold, strip_invisible
from newsgrep.extraction.bylines import looks_like_names
from newsgrep.extraction.claims import Block, BlockKind, Claim, ClaimField, Claims, Rule
from newsgrep.extraction.dates.forms import find_dates, may_state_date, parse_date
from newsgrep.extraction.dates.lines import Meaning, parse_date_line, read_line
from newsgrep.extraction.dates.ranks import HEAD_LINE_RANK, UPDATED_RANK
from newsgrep.extraction.sources import sounds_like_outlet
from newsgrep.models import Provenance

# ruff: noqa: E501 - alternatives of one kind stay on one line of a pattern


_LABELS: Final = {
    "title": r"标\s*题|题\s*目|主\s*题|(?:完整)?新闻标题|title|subject|headline",
    "source": r"(?:文章|稿件|信息|内容|新闻|消息|媒体)?来\s*源|来自|稿源|出\s*处|转载?自|摘自|媒体|发信站|source",
    "author": r"(?:本文|原文)?作\s*者|撰文|撰稿人?|记\s*者(?:署名|姓名)?|署名|文字|采写|通讯员|发信人|寄信人"
    r"|(?:written\s)?by|author|from",
    "date": r"(?:发布|发表|发文|刊发|刊登|成文|上传|创建|录入|提供|更新)?(?:日\s*期|时\s*间)|(?:发布|发表|刊登|刊发)于"
    r"|发布|发表|published|posted|date(?:\spublished)?|time",
    "url": r"(?:原文|文章|新闻|完整新闻|来源|本文)?(?:链\s*接|连\s*结|网\s*址|地\s*址)|url|link|permalink",
    "tags": r"关键[词字]|标签|keywords?|tags?",
    "editor": r"(?:责任|值班|执行|见习|实习|图文|新媒体|网络)?编\s*辑|责\s*编|校\s*对|[一二三初复终]?审(?:核|校|稿|签)?|监制|签发|editor",
    "other": r"(?:浏览|阅读|点击|访问|查看|下载|评论|回复|跟帖|转发)(?:次数|人数|量|数|率)?|人气|热度|字[号体](?:大小)?|栏目|分类|频道|版[次面]"
    r"|索引号|文号|编号|分享到?|打印|收藏|看\s*板|信\s*区|站内|views?|comments?|hits|to|cc|reply-to|message-id|newsgroups|organization"
    r"|(?:完整)?新闻[内本]文|正文|备注|section|category|language|x-[a-z-]{1,30}",
}
_LABEL = re.compile(
    r"(?:(?<![^\s|·/,;()\[\]【】])(?:\d{1,2}[.、]\s?)?)(?:"
    + "|".join(f"(?P<{field}>{words})" for field, words in _LABELS.items())
    + r")\s*:\s*"
)
_LABEL_END = re.compile(
    r"[a-z题目源自处体站者文人稿名字写员期间于布表接结址词签辑编对核校审制发数量率览读论击问看载复帖气度号小类道次面到享印藏板区内注-]\s*:"
)
"""The last character of every label and its colon: a quick test."""
_BRACKETED_LABEL = re.compile(r"^\s*[【\[](?P<label>[^】\]]{2,8})[】\]]\s*:?")
_BARE_LABEL = re.compile(
    r"\s*(?:" + "|".join(f"(?P<{field}>{words})" for field, words in _LABELS.items()) + r")\s*:?\s*"
)
_COUNT = re.compile(
    r"\s*\d[\d,.]*\s?[万次条个人]{0,2}\s?(?:阅读|评论|浏览|点击|回复|跟帖|收藏|转发)\s*|\s*"
)
_ROLE = re.compile(
    r"(?:(?:本[报刊台网]|特[约派]|见习|实习)?记者|通讯员|作者|by)\s+(?P<name>\S.{0,40})|文\s?/\s?(?P<before>\S.{0,40})"
)
_PART = re.compile(r"[^\s|]+(?:\s[^\s|]+)*?(?=\s{2,}|\s*\||\s*$|\s+(?:\S{0,4}记者|通讯员|作者)\s)")
_SENTENCE_SIGNS: Final = frozenset("。!?;…")
_SENTENCE_ENDS: Final = frozenset("。！？!?…")
_LABEL_SIGN = re.compile(r"[:：﹕︓|｜\[［﹇【︻]")
_SIGN = re.compile(r"[:：/／【\[]|\d{4}")
_MAX_EVENT_LABEL: Final = 20
_MAX_OUTLET: Final = 12
_PADDING: Final = " \t|·•/,;()[]【】-—:"
_AROUND_VALUE: Final = " \t|·•/,;-—:：，；　｜／"
_WEEKDAY = re.compile(r"\b(?:mon|tue|wed|thu|fri|sat|sun)[a-z]{0,6},?\s*$")
_BRACKETS = re.compile(r"[(\[]\s*[)\]]")
_ACCOUNT = re.compile(
    r"[\s]*(?:[a-z0-9_.@+-]{2,40}\s*(?:[(<]\s*(?P<nick>[^()<>]{0,40})[)>])?|\"?(?P<name>[^<>\"@]{2,40}?)\"?\s*<[^<>\s]{3,80}>)[\s,]*"
)
"""An account with a name, or a name with the address of a mail."""
_COUNTER = re.compile(
    r"[\d,.]{0,12}\s?[万次人条个+]?(?:\s?(?:大|中|小|默认|特大|打印|关闭|收藏|微信|微博|分享|我要评论|纠错)){0,8}"
)
_MAX_LINE: Final = 200
_MAX_VALUE: Final = 60
_MAX_OTHER: Final = 30
_MAX_TITLE: Final = 150
_MAX_HEAD_LINES: Final = 14
"""Lines of the longest head: that of a mail."""
_EVENT = re.compile(r"(?:地点|地址|会场|主办|承办|嘉宾|主讲|票价|报名|venue|place)\S{0,4}\s*:")


def read_labels(text: str) -> Claims | None:
    """Return what a line states, or None if it contains anything but labels and their values.

    >>> read_labels("2019-09-26 12:11 来源：海角晚报 作者：李在山").authors[0].value
    '李在山'
    """
    if len(text) > _MAX_LINE or "\n" in text:
        return None
    line = _Line(text)
    return line.claims() if line.read() else None


class _Line:
    """One line, its folded form, and the values that were read from it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.folded = fold(text)
        bracketed = _BRACKETED_LABEL.match(self.folded)
        if bracketed and _BARE_LABEL.fullmatch(bracketed["label"]):
            # The brackets mean what a colon means.
            end = bracketed.end()
            self.folded = f" {bracketed['label']}:".ljust(end) + self.folded[end:]
        self.values: dict[str, list[str]] = {}
        self.empty_label: str | None = None
        self.labels = 0

    def read(self) -> bool:
        """Read all parts; return whether every one of them is a label with a value or a date."""
        if self.folded.count("|") > 1:
            return self._read_bars()
        if ":" not in self.folded and "/" not in self.folded and not may_state_date(self.text):
            return False
        marks = list(_LABEL.finditer(self.folded)) if _LABEL_END.search(self.folded) else []
        self.labels = len(marks)
        starts = [*(mark.start() for mark in marks), len(self.text)]
        first = starts[0]
        if not self._read_unlabelled(0, first):
            return False
        return all(
            self._read_value(mark.lastgroup or "", mark.end(), end)
            for mark, end in zip(marks, starts[1:], strict=True)
        ) and bool(self.values or self.labels)

    def _read_bars(self) -> bool:
        """Read ``发表于2024-05-16 | 来源某报 | 3条评论``: bars make up for colons."""
        start = 0
        for part in [*self.folded.split("|")]:
            end = start + len(part)
            label = _BARE_LABEL.match(part)
            if label:
                self.labels += 1
                if not self._read_value(label.lastgroup or "", start + label.end(), end):
                    return False
            elif not (_COUNT.fullmatch(part) or self._read_unlabelled(start, end)):
                return False
            start = end + 1
        return bool(self.values)

    def _add(self, field: str, start: int, end: int) -> None:
        signs = " ：，,；;　|｜" if field == "title" else _AROUND_VALUE
        value = strip_invisible(self.text[start:end]).strip(signs)
        if value:
            self.values.setdefault(field, []).append(value)

    def _take_dates(self, start: int, end: int) -> str:
        """Return the folded part of the line without its dates, which are added."""
        rest = self.folded[start:end]
        if not rest:
            return rest
        for found in find_dates(self.text[start:end]):
            day = _WEEKDAY.search(rest, 0, found.start)
            first = day.start() if day else found.start
            self._add("date", start + found.start, start + found.end)
            rest = rest[:first] + " " * (found.end - first) + rest[found.end :]
        return _BRACKETS.sub(_blank, rest) if "(" in rest or "[" in rest else rest

    def _read_unlabelled(self, start: int, end: int) -> bool:
        """Read what precedes the first label: a date, an outlet's name, ``记者 甲``."""
        if not _SENTENCE_SIGNS.isdisjoint(self.folded[start:end]):
            return False
        rest = self._take_dates(start, end)
        for match in _PART.finditer(rest):
            part = match.group().strip(_PADDING)
            role = _ROLE.fullmatch(part)
            if not part or _COUNTER.fullmatch(part):
                continue
            if role:
                at = start + match.start() + match.group().index(part)
                group = "name" if role["name"] else "before"
                if not looks_like_names(role[group]):
                    return False
                self._add("author", at + role.start(group), at + role.end(group))
            elif (
                len(part) <= 20
                and ":" not in part
                and sounds_like_outlet(part)
                and (end < len(self.text) or "date" in self.values)
            ):
                self._add("source", start + match.start(), start + match.end())
            elif _is_name_alone(part) and any(":" in date for date in self.values.get("date", ())):
                self._add("author", start + match.start(), start + match.end())
            else:
                return False
        return True

    def _read_value(self, field: str, start: int, end: int) -> bool:
        value = self.folded[start:end].strip(_PADDING)
        if not value:
            self.empty_label = "" if field in ("editor", "other") else field
            return True
        if field == "title":
            self._add("title", start, end)
            return len(value) <= _MAX_TITLE
        if field == "url":
            self._add("url", start, end)
            return value.startswith(("http://", "https://")) and " " not in value
        if field == "tags":
            self._add("tags", start, end)
            return len(value) <= _MAX_LINE
        if not _SENTENCE_SIGNS.isdisjoint(value) or len(value) > _MAX_VALUE:
            return False
        if field == "date":
            rest = self._take_dates(start, end).strip(_PADDING)
            if "date" not in self.values:  # another form, such as that of RFC 2822
                self._add("date", start, end)
                return any(char.isdigit() for char in value)
            return _is_rest(rest) or self._read_unlabelled(start, end)
        rest = self._take_dates(start, end)
        value, *others = re.split(r"\s{2,}", rest.strip(_PADDING))
        if not value or any(len(other) > 8 for other in others):
            return not value
        if field in ("editor", "other"):
            return looks_like_names(value) if field == "editor" else len(value) <= _MAX_OTHER
        if field == "author":
            self._add("author", start, start + len(rest.rstrip()))
            return looks_like_names(value) or self._is_account(start, end)
        start += rest.index(value)
        end = start + len(value)
        self._add("source", start, end)
        words = self.text[start:end]
        return len(value) <= 40 and not (" " in words and words.isascii() and words[0].islower())

    def _is_account(self, start: int, end: int) -> bool:
        """Read ``account (name)``; return whether the value has this form."""
        match = _ACCOUNT.fullmatch(self.folded, start, end)
        if match is None:
            return False
        group = "name" if match["name"] else "nick"
        name = match[group]
        if name and "@" not in name and looks_like_names(name):
            self.values["author"][-1] = self.text[match.start(group) : match.end(group)]
        return True

    def claims(self) -> Claims:
        """Return the values as claims."""

        def of(field: ClaimField, key: str) -> tuple[Claim, ...]:
            return tuple(
                Claim(field, value, Provenance.LABEL, rank=_RANK)
                for value in self.values.get(key, ())
            )

        tags = [
            tag
            for value in self.values.get("tags", ())
            for tag in re.split(r"[\s,，;；、]+", value)
            if tag
        ]
        return Claims(
            titles=of(ClaimField.TITLE, "title"),
            sources=of(ClaimField.SOURCE, "source"),
            authors=of(ClaimField.AUTHORS, "author"),
            dates=tuple(self._dates()),
            urls=of(ClaimField.URL, "url"),
            tags=tuple(tags),
        )

    def _dates(self) -> Iterator[Claim]:
        lines = read_line(self.text)
        updated = {each.stated for each in lines if each.meaning is Meaning.UPDATED}
        for value in self.values.get("date", ()):
            rank = UPDATED_RANK if parse_date(value) in updated else HEAD_LINE_RANK
            yield Claim(ClaimField.PUBLISHED, value, Provenance.LABEL, rank=rank)


def _blank(match: re.Match[str]) -> str:
    return " " * len(match.group())


def _is_rest(text: str) -> bool:
    return not text or _COUNTER.fullmatch(text) is not None


_RANK: Final = 80
"""Rank of what a labelled line states: worse than what markup states about the article."""


_NOTHING: Final = Claims()


def take_labels(blocks: Sequence[Block]) -> tuple[tuple[Block, ...], Claims]:
    """Return ``blocks`` with the labelled lines at the top marked, and what those lines state.

    A label may be on one line and its value on the next, as in the forms of forums. A name alone
    next to a date is an author.
    """
    found = list(blocks)
    stated: list[Claims] = []
    waiting: str | None = None
    dated = False
    texts = [
        i
        for i, b in enumerate(blocks)
        if b.rule in (None, Rule.METADATA) and b.kind is not BlockKind.CAPTION
    ]
    sentences = 0
    following = blocks[texts[0]].text if texts else ""
    if begins_event(following):
        return tuple(blocks), _NOTHING
    for number, index in enumerate(texts[:_MAX_HEAD_LINES]):
        text = following
        following = blocks[texts[number + 1]].text if number + 1 < len(texts) else ""
        if begins_event(following):
            break
        if waiting is not None:
            line = _Line(f"{waiting}:{text}")
            waiting = None
            if line.read() and line.labels == 1:
                stated.append(line.claims())
                found[index] = replace(found[index], rule=Rule.BYLINE)
                continue
        if _may_have_labels(text) and (line := _Line(text)).read():
            count = max(line.labels, len(line.values))
            if count > 1 or (
                not sentences
                and line.labels
                and (line.values or line.empty_label is not None or stated)
            ):
                stated.append(line.claims())
                found[index] = replace(found[index], rule=Rule.BYLINE)
                waiting = line.empty_label or None
                continue
        if _has_sentence(text):
            sentences += 1
            if sentences > 1:
                break
        elif parse_date_line(text) is not None:
            dated = True
        elif _is_outlet_alone(text) and (dated or parse_date_line(following) is not None):
            claim = Claim(ClaimField.SOURCE, text, Provenance.LABEL, rank=_RANK)
            stated.append(Claims(sources=(claim,)))
            found[index] = replace(found[index], rule=Rule.BYLINE)
        elif dated and not sentences and _is_name_alone(text):
            stated.append(Claims(authors=(_author(text),)))
            found[index] = replace(found[index], rule=Rule.BYLINE)
            dated = False
    return tuple(found), join_claims(stated) if stated else _NOTHING


_LONE_NAME = re.compile(r"[\u4e00-\u9fff]{2,4}")


def _is_outlet_alone(text: str) -> bool:
    return 2 < len(text) <= _MAX_OUTLET and " " not in text and sounds_like_outlet(text)


def _is_name_alone(text: str) -> bool:
    return _LONE_NAME.fullmatch(text) is not None and looks_like_names(text)


def _author(text: str) -> Claim:
    return Claim(ClaimField.AUTHORS, text, Provenance.LABEL, rank=_RANK)


def _has_sentence(text: str) -> bool:
    return len(text) > _MAX_VALUE or not _SENTENCE_ENDS.isdisjoint(text)


def begins_event(text: str) -> bool:
    """Return whether a line such as ``地点：`` shows that the lines describe an event."""
    begin = text[:_MAX_EVENT_LABEL]
    return (":" in begin or "：" in begin) and _EVENT.match(fold(begin)) is not None


def _may_have_labels(text: str) -> bool:
    return (
        len(text) <= _MAX_LINE
        and "\n" not in text
        and _SIGN.search(text) is not None
        # A sentence may follow a label, but not a date alone.
        and ("。" not in text or _LABEL_SIGN.search(text) is not None)
    )


def join_claims(stated: Sequence[Claims]) -> Claims:
    """Return the claims of several lines."""
    return Claims(
        titles=tuple(claim for each in stated for claim in each.titles),
        sources=tuple(claim for each in stated for claim in each.sources),
        authors=tuple(claim for each in stated for claim in each.authors),
        dates=tuple(claim for each in stated for claim in each.dates),
        urls=tuple(claim for each in stated for claim in each.urls),
        tags=tuple(dict.fromkeys(tag for each in stated for tag in each.tags)),
    )


def merge_labels(claims: Claims, stated: Claims) -> Claims:
    """Return ``claims`` with what the labelled lines at the top of the article state.

    A reporter in the form of a post is a better author than who posted it.
    """
    if stated is _NOTHING:
        return claims
    reported = any(claim.provenance is Provenance.LABEL for claim in claims.authors)
    return Claims(
        titles=claims.titles + stated.titles,
        sources=claims.sources + stated.sources,
        authors=claims.authors if reported else claims.authors + stated.authors,
        dates=claims.dates + stated.dates,
        urls=claims.urls + stated.urls,
        tags=tuple(dict.fromkeys((*claims.tags, *stated.tags))),
        site=claims.site,
    )
