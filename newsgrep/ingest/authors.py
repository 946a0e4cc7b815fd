"""Names of people out of bylines: not outlets, not roles, not accounts of machines.

A byline such as ``作者：甲、乙`` or ``By A and B`` becomes its names; Latin names keep the
capitals that they have.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from typing import Final

from newsgrep.ingest.layout import collapse
from newsgrep.text.characters import SOLO, tidy

_LABEL = re.compile(
    r"^(?:本文)?(?:(?:作者|撰文|撰稿人?|撰寫|文字?|采写|採寫|采访|採訪|编译|編譯|整理|特约撰稿人?|特約撰稿人?)\s*[/／:：|｜︱丨]\s*"
    r"|(?:本报|本報|本刊|本台|特派|特约|特約|实习|實習|驻.{1,8}|駐.{1,8})?(?:记者|記者|作者)\s*[/／:：|｜]?\s*"
    r"|(?:Written\s+)?by[:\s]\s*|Author[:\s]\s*|Text\s+by[:\s]\s*)",
    re.IGNORECASE,
)
_ROLE_TAIL = re.compile(
    r"\s*(?:[|｜].*|(?:本报|特派|特约)?(?:记者|記者|撰稿人?|编辑|編輯|报道|報導|發自.*|发自.*)"
    r"|[（(][^）)]*[）)])$"
)
_SEPARATOR = re.compile(
    r"\s*(?:[、,，;；&＆|｜/／∕︱丨\n]|\s(?:and|with|和|与|與)\s)\s*|(?<=[^\W\d_])(?:和|与|與)(?=[A-Z])",
    re.IGNORECASE,
)
_NOBODY: Final = frozenset(
    [
        "admin",
        "administrator",
        "anonymous",
        "anonym",
        "guest",
        "editor",
        "editors",
        "staff",
        "webmaster",
        "root",
        "unknown",
        "none",
        "null",
        "undefined",
        "author",
        "authors",
        "user",
        "test",
        "匿名",
        "佚名",
        "管理员",
        "管理員",
        "编辑",
        "編輯",
        "编辑部",
        "編輯部",
        "小编",
        "小編",
        "本站",
        "本报",
        "本報",
        "记者",
        "記者",
        "作者",
        "来源",
        "來源",
        "综合",
        "綜合",
        "综合报道",
        "綜合報導",
        "转载",
        "轉載",
        "网友",
        "unattributed",
        "newsroom",
        "contributor",
        "contributors",
        "more",
        "others",
        "al.",
        "al",
    ]
)
_OUTLET_LIKE = re.compile(
    r".*(?:记者|記者|编辑部|編輯部|编辑|編輯|通讯社|通訊社|新闻网|新聞網|中文网|中文網|日报|日報|晚报|晚報|周刊|週刊|电视台|電視台"
    r"|观察者?网|書評|书评|\.(?:com|net|org|cn|st))$|.*(?:报道组|報導組)$",
    re.IGNORECASE,
)
_REPORT_FROM = re.compile(r"\s*[／/∕｜|]\s*[^／/∕｜|]{1,10}?(?:综合|綜合)?(?:报道|報導|電|电)$")
_HAN_NAMES = re.compile(r"[\u4e00-\u9fff]{2,4}(?:\s[\u4e00-\u9fff]{2,4})+")
_LATIN_NAME: Final = 60
_HAN_NAME: Final = 15
_HAS_HAN = re.compile(f"[{SOLO}]")
_SUFFIX = re.compile(r"(?:jr|sr|ii|iii|iv|ph\.?d|m\.?d)\.?", re.IGNORECASE)


def names_in(byline: str, outlets: Iterable[str] = (), roles: Iterable[str] = ()) -> list[str]:
    """Return the people named in ``byline``, in order, each once.

    ``outlets`` and ``roles`` are names that are nobody's: the source, its aliases, job
    titles as an outlet writes them.
    """
    text = collapse(tidy(html.unescape(byline)))
    if not text or "://" in text or len(text) > 300:  # no byline is longer
        return []
    text = _REPORT_FROM.sub("", _LABEL.sub("", text))
    nobody = {name.casefold() for name in (*outlets, *roles)}
    found: dict[str, None] = {}
    for part in _SEPARATOR.split(text):
        found.update(dict.fromkeys(_people(part or "", nobody)))
    return list(found)


def _people(part: str, nobody: set[str]) -> list[str]:
    name = _ROLE_TAIL.sub("", _LABEL.sub("", part.strip())).strip(" .:：·-—|")
    names = name.split() if _HAN_NAMES.fullmatch(name) else [name]
    return [
        each
        for each in names
        if not _SUFFIX.fullmatch(each) and _is_name(each) and each.casefold() not in nobody
    ]


_DATED = re.compile(r"[\s年月]\d|\d\s?[年月日]")


def _is_name(name: str) -> bool:
    if not name or name.casefold() in _NOBODY or _OUTLET_LIKE.fullmatch(name):
        return False
    if not any(char.isalpha() for char in name) or "@" in name or _DATED.search(name):
        return False
    return len(name) <= (_HAN_NAME if _HAS_HAN.search(name) else _LATIN_NAME)


_BYLINE = re.compile(
    r"(?:本文)?(?:作者|撰文|撰稿人?|文字?|特约撰稿人?|特約撰稿人?|采写|採寫|整理|(?:本报|本報|本刊|特派|特约)?(?:记者|記者))\s*"
    r"(?:[/／:：|｜︱丨]|(?<=者)\s)\s*(?P<cjk>[^。！？!?；;:：]{1,40}?)"
    r"(?:\s+(?:发布|發布|\d{4}).*)?"
    r"|By\s+(?P<latin>[A-Z][^.!?:;]{2,80})",
)


def in_line(line: str) -> str | None:
    """Return what follows ``作者：``, ``文/`` or ``By`` if ``line`` is such a byline only."""
    if len(line) > 100:  # no byline is longer
        return None
    match = _BYLINE.fullmatch(line)
    return (match["cjk"] or match["latin"]).strip() if match else None
