"""Lines that state a date: what a label says about it, and whether it is only mentioned.

A line above, beside or below a headline often has little more than a date, a source and an
author. A date in a sentence is a date of what the article is about.
"""

from __future__ import annotations

import re
from enum import IntEnum
from typing import Final, NamedTuple

from newsgrep.analysis.characters import HAN_DIGITS, SOLO, fold
from newsgrep.extraction.dates.forms import (
    FoundDate,
    StatedDate,
    find_dates,
    find_short_dates,
    may_state_day,
    parse_date,
)

# ruff: noqa: E501 - alternatives of one kind stay on one line of a pattern


MAX_LINE: Final = 200
"""Characters of a line that may be a date line; a longer one is text."""


class Meaning(IntEnum):
    """What a line says about a date; smaller values are better evidence of publication."""

    PUBLISHED = 0
    PLAIN = 1
    UPDATED = 2


class LineDate(NamedTuple):
    """A date that a line states, what it means, and the text that states it."""

    stated: StatedDate
    meaning: Meaning
    text: str


# The labels are folded: lower case, simplified, narrow signs. A part of a word counts at its
# beginning.
_UPDATED: Final = (
    r"更新|修改|修订|更改|编辑于|最后|最终|최종|수정"
    r"|\b(?:last |zuletzt |letzte )?(?:updat|modifi|edited|revis|review|aktuali[sz]|geandert|geändert|änderung"
    r"|actuali[sz]|aggiorna|atualiza|bijgewerkt|uppdatera|oppdater|opdater|päivitet|zmodyfikowan"
    r"|güncelle|ažurir|changed)\w*"
    r"|\bmis à jour\b|\bmise à jour\b|\bstand\b|обновлен|изменен|ενημέρ|оновлен|cập nhật|تحديث"
)
_PUBLISHED: Final = (
    r"发布|发表|刊登|刊发|发稿|首发|上传|投稿|公开|掲载|揭载|配信|게시|입력|등록|작성|승인|本报讯|电讯"
    r"|\b(?:publish|public(?:ad|at|er|aç)|publik|publié|publizier|veröffentlich|erschien|posted|post date|submitted|released|created"
    r"|written|erstellt|verfasst|eingestellt|gespeichert|geschrieben|gepostet|pubblicat|opublikowan|dodan"
    r"|vydán|zveřejn|gepubliceerd|geplaatst|julkais|yayınlan|yayın|eklen|objavljen|megjelen|uploaded|escrito"
    r"|enviado|inserito|rédigé|ajouté)\w*"
    r"|опубликован|публикац|δημοσ|đăng|نشر"
)
_OTHER: Final = (
    r"截止|截至|有效|今天|今日|现在|注册|加入|生于|出生|访问|检索|开始|结束|举行|版权|生效|施行|拍摄"
    r"|\b(?:joined|since|member|registr|registered|expires?|deadline|until|till|valid|copyright|retriev"
    r"|access|abgerufen|born|geboren|seit|bis|ab|starts?|ends?|beginn|today|heute|event|termin|due"
    r"|closing|taken|aufgenommen|aufnahme)\w*"
    r"|©|\(c\)"
)
_LABEL = re.compile(rf"(?P<updated>{_UPDATED})|(?P<other>{_OTHER})|(?P<published>{_PUBLISHED})")
_AFTER = re.compile(
    r"[ )\]|,-]{0,3}(?:(?P<updated>更新|修改|updated|aktualisiert)|(?P<published>发布|发表|刊登|提交|published|posted))"
    r"(?! ?:)(?!.{0,12}\d)"
)
_PARTICIPLE = re.compile(
    r"[^\d]{0,60}?\b(?:published|posted|veröffentlicht|gepostet|geschrieben|erstellt|verfasst|publié|pubblicato)\b"
)
_LABEL_DISTANCE: Final = 30
"""Characters between the end of a label and its date."""
_LABEL_LENGTH: Final = 70
_HAN = re.compile(f"[{SOLO}]")
_HAN_GLUE = re.compile(r"[于在至为期间讯社网报台]$|(?:星期|周)[一二三四五六日天]$")
_WORD = re.compile(r"[^\W\d_]{2,}")
_SENTENCE_END = re.compile(r"[。！？!?]|[.;] +\w")
_STOPS: Final = ("。", "！", "？", "!", "?")
_HAN_OF_PROSE = re.compile(
    rf"(?![{HAN_DIGITS}十廿卅元年月日号號民國国令和平成昭上下午凌清早晨中正后後傍晚间間深夜里裡前星期周週禮礼拜天火水木金土"
    r"時时點点分秒北京臺台香港東东首尔])[\u4e00-\u9fff]"
)
"""A Han character that no date contains."""
_MAX_SHORT: Final = 40
"""Characters of a line in which ``16.05.24`` is a date."""
_MAX_WORDS: Final = 14
_MAX_HAN: Final = 45
_MAX_SENTENCE_WORDS: Final = 5
_MAX_WORDS_BEFORE_STOP: Final = 3
_RELATIVE = re.compile(
    r"\b(?:on|by|since|from|in|after|before|am|vom|zum|bis|ab|du|le|el|del|dal|il|до|от|с)\b *$"
)


def is_prose(text: str) -> bool:
    """Return whether ``text`` has a sentence in Han characters: a quick test for most prose.

    >>> is_prose("大桥早在2012年5月1日就已经通车。"), is_prose("2012年5月1日。")
    (True, False)
    """
    return any(map(text.__contains__, _STOPS)) and _HAN_OF_PROSE.search(text) is not None


def read_line(text: str, *, day_first: bool | None = None) -> list[LineDate]:
    """Return the dates that ``text``, one line, states; none if it only mentions them.

    >>> [(each.stated.day.isoformat(), each.meaning.name)
    ...  for each in read_line("来源：汀海晚报 更新时间：2024-05-17 09:00")]
    [('2024-05-17', 'UPDATED')]
    >>> read_line("大桥早在2012年5月1日就已经通车。")
    []
    """
    if len(text) > MAX_LINE or is_prose(text) or not may_state_day(text):
        return []
    found = [each for each in find_dates(text, day_first=day_first) if each.stated.has_day]
    if not found and len(text) <= _MAX_SHORT:
        found = find_short_dates(text, day_first=day_first)
    if not found:
        return []
    folded = fold(text)
    dates: list[LineDate] = []
    end = 0
    labelled = False
    for each in found:
        meaning = _meaning(folded, end, each)
        labelled = labelled or (meaning is not None and meaning is not Meaning.PLAIN)
        if meaning is not None and not _is_mentioned(folded, each, meaning):
            dates.append(LineDate(each.stated, meaning, text[each.start : each.end].strip()))
        end = each.end
    return dates if dates and not _is_sentence(folded, found, labelled) else []


def label_meaning(text: str) -> Meaning | None:
    """Return what ``text``, the end of the text before a date, says about it; None for another."""
    folded = fold(text[-_LABEL_DISTANCE:])
    labels = [match.lastgroup for match in _LABEL.finditer(folded)]
    if "updated" in labels:
        return Meaning.UPDATED
    if labels:
        return Meaning.PUBLISHED if labels[-1] == "published" else None
    return Meaning.PLAIN


def _meaning(folded: str, start: int, found: FoundDate) -> Meaning | None:
    """Return what the label of a date says, None if it is no date of the article."""
    after = _AFTER.match(folded, found.end)
    if after:
        return Meaning.UPDATED if after["updated"] else Meaning.PUBLISHED
    begin = max(start, found.start - _LABEL_LENGTH)
    labels = [
        match.lastgroup
        for match in _LABEL.finditer(folded, begin, found.start)
        if found.start - match.end() <= _LABEL_DISTANCE
    ]
    if "updated" in labels:  # 更新时间, 更新发布
        return Meaning.UPDATED
    if labels and labels[-1] == "other":
        return None
    if labels or (found.stated.has_time and _PARTICIPLE.match(folded, found.end)):
        return Meaning.PUBLISHED
    return Meaning.PLAIN


def _is_mentioned(folded: str, found: FoundDate, meaning: Meaning) -> bool:
    """Return whether a date is part of a clause, as in ``汀海大桥2024年5月16日通车``."""
    if meaning is not Meaning.PLAIN:
        return False
    before, after = (
        folded[max(found.start - 12, 0) : found.start],
        folded[found.end : found.end + 1],
    )
    glued = bool(before and _HAN.match(before[-1])) and not _HAN_GLUE.search(before)
    if glued and (_HAN.match(after) or not found.stated.has_time):
        return True
    if _HAN.match(after) and not found.stated.has_time and not before.strip():
        return True
    return bool(
        after and _RELATIVE.search(before) and len(_WORD.findall(folded)) > _MAX_SENTENCE_WORDS
    )


def _is_sentence(folded: str, found: list[FoundDate], labelled: bool) -> bool:
    """Return whether there is too much else in a line, or a sentence."""
    rest = folded
    for each in reversed(found):
        rest = rest[: each.start] + " | " + rest[each.end :]
    if len(_HAN.findall(rest)) > _MAX_HAN * (1 + labelled):
        return True
    words = len(_WORD.findall(rest))
    if words > _MAX_WORDS * (1 + labelled):
        return True
    if (
        not labelled
        and words > _MAX_WORDS_BEFORE_STOP
        and folded.rstrip().endswith((".", "。", "!", "?"))
    ):
        return True
    return bool(_SENTENCE_END.search(rest)) and (
        words > _MAX_SENTENCE_WORDS or bool(_HAN.search(rest))
    )


_ALONE = re.compile(
    r"(?:(?:最后|最近)?(?:发布|发表|更新|刊登|时间|日期|published|posted|date|updated)(?:时间|日期|于|on|at)?\s*+:?\s*+)?"
    r"(?P<date>.{6,60}?)\s*(?:发布|提交|更新)?"
)
_DATE_CHARACTERS = re.compile(
    r"[\s\d:：.,，/()（）年月日号號时時分秒TZ+-]|星期.|周.|週.|GMT|UTC|[AaPp][Mm]|上午|下午|民國|民国"
)
_NAMES = re.compile(
    r"(?:星期|周|週|禮拜|礼拜)[一二三四五六日天]|\b(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?\b"
    r"|\b(?:jan|feb|mar|apr|may|jun|jul|aug|sept?|oct|nov|dec)[a-z]*\b|[〇零○一二三四五六七八九十廿]",
    re.IGNORECASE,
)
_MAX_ALONE: Final = 100


def parse_date_line(text: str) -> StatedDate | None:
    """Return the date in ``text``, a whole line, if the line contains nothing else."""
    if len(text) > _MAX_ALONE:
        return None
    stripped = text.strip()
    match = _ALONE.fullmatch(fold(stripped))
    if not match:
        return None
    stated = stripped[slice(*match.span("date"))]
    if _DATE_CHARACTERS.sub("", _NAMES.sub("", stated)):
        return None
    return parse_date(stated)
