"""Authors: the names of people in bylines, without outlets, roles and user accounts.

A byline such as ``作者：甲、乙`` or ``By A and B`` becomes its names; Latin names keep their
capitals. :mod:`newsgrep.extraction.authors` decides which claims to believe.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from newsgrep.analysis.characters import SOLO, fold, strip_invisible
from newsgrep.extraction.claims import Loss
from newsgrep.extraction.whitespace import collapse_whitespace, unescape_html

_WRITERS: Final = "作者|撰文|撰稿人?|撰写|文字?|采写|采访|编译|整理|特约撰稿人?|记者|通讯员"
_OTHERS: Final = (
    "(?:责任|执行|实习|见习|图片|图文|视频|本期|值班|美术|新媒体)?编辑|责编|美编|主编|监制"
    "|图片?|摄影师?|摄|插画|绘图|制图|设计|视频|剪辑|题图"
    "|翻译|译者?|校对?|审校|审核|排版|统筹|策划|来源|出处|时间"
)
_SIGN: Final = r"\s*[/:|—丨]\s*"
_LABEL_BEFORE = re.compile(
    rf"(?:(?<=[\s、])|^)(?:本文)?(?:(?P<writer>{_WRITERS})|(?:{_OTHERS})){_SIGN}"
)
"""A label before names: two of them in ``文 | 甲  编辑 | 乙``."""
_LABEL_AFTER = re.compile(
    rf"([^\s/|—丨:]{{2,20}})\s*(?:[/|—丨]\s*(?:(?P<writer>{_WRITERS})|(?:{_OTHERS}))"
    rf"|\s(?:译|翻译|摄|摄影|编辑|图))(?=\s|$)(?!{_SIGN})"
)
"""A label after a name: ``甲/文 乙/图`` and ``丙 译``."""
_ENGLISH_OTHERS = re.compile(
    r"\s*+[;|,.·]?\s*+(?:(?:with\s+)?(?:photo(?:graph)?s?|pictures?|illustrations?|video|graphics?|artwork)"
    r"|edited|translated|translation|additional\s+reporting)\s+by\b.*$",
    re.DOTALL,
)
_BRACKETED = re.compile(r"[〔【(\[].{2,80}[〕】)\]]")
_NEXT_LINE = re.compile(r"(?<=[^\s/／:：|｜︱丨、,，;；])[^\S\n]*\n\s*")
_COUNTRY = re.compile(r"[\[〔【(][\u4e00-\u9fff]{1,4}[\]〕】)]\s*(?=\S)")
"""The country of a translated author: ``[美]约翰·史密斯``."""
_LABEL = re.compile(
    r"(?:本文)?(?:(?:作者|撰文|撰稿人?|撰写|文字?|采写|采访|编译|整理|特约撰稿人?)\s*[/:|—丨]\s*"
    r"|(?:本[报刊台网社]|特派|特约|实习|见习|驻.{1,8})?(?:记者|作者|通讯员)\s*[/:|]?\s*"
    r"|[\u4e00-\u9fff]{2,8}[报网社台刊](?:特派|特约|见习|实习)?记者\s*[/:|]?\s*|[\u4e00-\u9fff]{2,6}记者\s+"
    r"|(?:(?:view\s+|show\s+)?all\s+(?:posts|articles)\s+of|(?:post\s+)?(?:author|autor(?:in|e)?|auteure?))[:\s]\s*(?:by[:\s]\s*)?"
    r"|(?:[a-z]+\s){0,3}by[:\s]\s*"
    r"|(?:(?:geschrieben|veröffentlicht|verfasst|ein\s+beitrag|publié|écrit|rédigé|escrito|publicado|scritto|pubblicato"
    r"|geschreven|geplaatst|skrevet|skriven)\s+)?"
    r"(?:(?:vom|par|por)[:\s]\s*|von[:\s]\s*(?!de[rnm]\s)|(?:di|da|de|door|av|af)\s+(?=\S+\s+\S)))"
)
_GLUED = re.compile(r"(?<!\S)([Bb]y|[Vv]on|[Pp]ar|[Pp]or)(?=[A-ZÀ-Þ][a-zß-ÿ])")
"""A label and a name in elements without a space between them: ``vonMaria``."""
_ROLE_TAIL = re.compile(
    r"\s*(?:\|.*|\s@\w+|(?:本报|特派|特约)?(?:记者|撰稿人?|编辑|翻译|报道|发自.*)|[(][^)]*[)])$"
)
_SEPARATOR = re.compile(
    r"\s*(?:[、,;&|/∕—丨\n](?:\s*and\s)?|\s(?:and|with|和|与)\s)\s*|(?<=[^\W\d_])[和与](?=[a-z])"
)
_NOT_NAMES: Final = frozenset(
    [
        "name",
        "author name",
        "redaktion",
        "redacción",
        "rédaction",
        "redação",
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
        "name",
        "unattributed",
        "newsroom",
        "contributor",
        "contributors",
        "more",
        "others",
        "al",
        "al.",
        "匿名",
        "佚名",
        "无名",
        "管理员",
        "编辑",
        "编辑部",
        "小编",
        "本站",
        "本报",
        "本刊",
        "本网",
        "记者",
        "作者",
        "来源",
        "综合",
        "综合报道",
        "转载",
        "网友",
        "网络",
        "佚名",
    ]
) | {"staff writer", "staff writers", "staff reporter", "staff reporters", "follow", "subscribe"}
_OUTLET_LIKE = re.compile(
    r".*(?:记者|编辑部|编辑|通讯社|新闻网|中文网|日报|晚报|周刊|电视台|观察者?网|书评|\.(?:com|net|org|cn|st))$|.*(?:报道组|报导组)$"
)
_REPORT_FROM = re.compile(
    r"\s*[/∕|]\s*[^/∕|]{1,10}?(?:综合)?(?:报道|报导|电)$"
    r"|\s+(?:发自)?[\u4e00-\u9fff]{2,6}?(?:综合)?(?:报道|报导|专电|电)$"
)
_HAN_NAMES = re.compile(r"[\u4e00-\u9fff]{2,4}(?:\s[\u4e00-\u9fff]{2,4})+")
_MAX_LATIN_NAME: Final = 60
_MAX_HAN_NAME: Final = 15
_HAS_HAN = re.compile(f"[{SOLO}]")
_SUFFIX = re.compile(r"(?:jr|sr|ii|iii|iv|ph\.?d|m\.?d)\.?")


_MAX_BYLINE: Final = 300
_MAX_BYLINE_LINE: Final = 100
"""Characters of a whole line that is a byline."""


def parse_names(byline: str, outlets: Iterable[str] = (), roles: Iterable[str] = ()) -> list[str]:
    """Return the people named in ``byline``, in order, each once.

    ``outlets`` and ``roles`` are not names of people: the source, its aliases, job titles as an
    outlet writes them.

    >>> parse_names("文 | 张三、李四 编辑 | 王五")
    ['张三', '李四']
    """
    text = collapse_whitespace(_NEXT_LINE.sub("、", strip_invisible(unescape_html(byline)).strip()))
    if not text or "://" in text or len(text) > _MAX_BYLINE:
        return []
    text = _GLUED.sub(r"\1 ", text)
    folded = fold(text)
    excluded = {fold(name) for name in (*outlets, *roles)}
    found: dict[str, None] = {}
    for start, end in _writer_spans(folded):
        piece = folded[start:end]
        start += _end_of(_COUNTRY, piece)
        start += _end_of(_LABEL, folded[start:end])
        tail = _REPORT_FROM.search(folded[start:end])
        if tail:
            end = start + tail.start()
        for first, last in _split_at(_SEPARATOR, folded, start, end):
            for at, to in _people_in(folded, first, last):
                name = text[at:to]
                if (
                    _is_name(folded[at:to])
                    and folded[at:to] not in excluded
                    and _is_capitalised(name)
                ):
                    found[name] = None
    return list(found)


_Span = tuple[int, int]


def _end_of(pattern: re.Pattern[str], text: str) -> int:
    match = pattern.match(text)
    return match.end() if match else 0


def _split_at(pattern: re.Pattern[str], text: str, start: int, end: int) -> list[_Span]:
    """Return the spans between the matches of ``pattern`` in ``text[start:end]``."""
    marks = [m.span() for m in pattern.finditer(text, start, end)]
    return list(
        zip([start, *(mark[1] for mark in marks)], [*(mark[0] for mark in marks), end], strict=True)
    )


def _writer_spans(folded: str) -> list[_Span]:
    """Return the parts of a byline that name writers, not editors or photographers."""
    start, end = (1, len(folded) - 1) if _BRACKETED.fullmatch(folded) else (0, len(folded))
    others = _ENGLISH_OTHERS.search(folded, start, end)
    if others:
        end = others.start()
    text = folded[start:end]
    labelled = list(_LABEL_AFTER.finditer(text))
    if labelled:
        return [
            (start + match.start(1), start + match.end(1)) for match in labelled if match["writer"]
        ]
    marks = list(_LABEL_BEFORE.finditer(text))
    if not marks:
        return [(start, end)]
    ends = [*(mark.start() for mark in marks[1:]), len(text)]
    spans = [(0, marks[0].start())]
    spans += [(m.end(), to) for m, to in zip(marks, ends, strict=True) if m["writer"]]
    return [(start + at, start + to) for at, to in spans if text[at:to].strip()]


_AROUND_NAME: Final = " .:·-—|　：｜→»›"


def _people_in(folded: str, start: int, end: int) -> list[_Span]:
    """Return the spans of names in a part of a byline: Han names may be separated by spaces."""
    start, end = _strip(folded, start, end, " ")
    start += _end_of(_LABEL, folded[start:end])
    tail = _ROLE_TAIL.search(folded[start:end])
    if tail:
        end = start + tail.start()
    start, end = _strip(folded, start, end, _AROUND_NAME)
    if _HAN_NAMES.fullmatch(folded, start, end):
        return _split_at(_SPACES, folded, start, end)
    if _SUFFIX.fullmatch(folded, start, end):
        return []
    both = _split_at(_AND, folded, start, end)
    full = all(_SPACES.search(folded, *span) for span in both)
    return both if full else [(start, end)]


def _strip(text: str, start: int, end: int, signs: str) -> _Span:
    while start < end and text[start] in signs:
        start += 1
    while start < end and text[end - 1] in signs:
        end -= 1
    return start, end


_SPACES = re.compile(r"\s+")
_LATIN_SEPARATOR = re.compile(r"\s*[,;&]\s*(?:and\s+)?|\s(?:and|und|et)\s")
_AND = re.compile(r"\s(?:und|et|och|og)\s")
"""Between two full names; an institution may have these words in its name."""
_DATED = re.compile(r"[\s年月]\d|\d\s?[年月日]|\d:\d")
_PARTICLES: Final = frozenset(
    [
        "af",
        "al",
        "av",
        "bin",
        "ben",
        "d'",
        "da",
        "das",
        "de",
        "del",
        "della",
        "den",
        "der",
        "des",
        "di",
        "do",
        "dos",
        "du",
        "el",
        "e",
        "la",
        "le",
        "ten",
        "ter",
        "van",
        "von",
        "y",
    ]
)
"""Words in names that are not capitalised."""
_MAX_WORDS: Final = 6


def _is_capitalised(name: str) -> bool:
    """Return whether the words of a Latin name begin as words of names do; other scripts pass.

    The name of a user account may be all in lower case.
    """
    words = name.split()
    if len(words) < 2 or name.islower() or not name[0].isascii():
        return len(words) < _MAX_WORDS
    return len(words) <= _MAX_WORDS and all(
        not word[0].islower() or word in _PARTICLES or "-" in word for word in words
    )


def why_not_a_name(text: str) -> Loss:
    """Return what ``text``, a byline without names, is instead."""
    name = fold(text.strip())
    if _OUTLET_LIKE.fullmatch(name):
        return Loss.OUTLET_NAME
    return Loss.PLACEHOLDER if name in _NOT_NAMES else Loss.NOT_A_NAME


def _is_name(name: str) -> bool:
    if not name or name in _NOT_NAMES or _OUTLET_LIKE.fullmatch(name):
        return False
    if not any(char.isalpha() for char in name) or "@" in name or _DATED.search(name):
        return False
    if name[0].isdigit() and " " in name:  # 2 min read
        return False
    return len(name) <= (_MAX_HAN_NAME if _HAS_HAN.search(name) else _MAX_LATIN_NAME)


_BYLINE = re.compile(
    r"(?:本文)?(?:作者|撰文|撰稿人?|文字?|特约撰稿人?|采写|整理|(?:本[报刊台网社]|[\u4e00-\u9fff]{2,6}[报网社台刊])?(?:特派|特约|实习|见习)?(?:记者|通讯员))\s*"
    r"(?:[/:|—丨]|(?<=[者员人])\s)\s*(?P<cjk>[^。!?;:]{1,40}?(?:(?:编辑|责编|翻译|摄影):[^。!?;:]{1,20}?)?)"
    r"(?:\s+(?:发布|\d{4}).*)?"
    r"|(?:本[报刊台]|特派)记者(?P<glued>[\u4e00-\u9fff]{2,3})"
    r"|(?P<before>[\u4e00-\u9fff·]{2,8}\s?[/|]\s?(?:文|撰文)(?:\s+[\u4e00-\u9fff·]{2,8}\s?[/|]\s?(?:图|摄影|编辑))?)"
    r"|(?:by|von|par|por)\s+(?P<latin>[a-z](?:[^.!?:;]|(?<=\b[a-z])\.|(?<=\b[jsd]r)\.){2,80})"
)
_HAN_NAME = re.compile(
    r"[\u4e00-\u9fff]{2,4}|[\u4e00-\u9fff]{1,8}(?:[·.]\s?(?:[\u4e00-\u9fff]{1,8}|[a-z]{1,12}))+"
)
_NOT_IN_NAMES: Final = frozenset("你您我他她它们的了吗呢吧么这哪谁啥怎没")
_RARE_IN_NAMES: Final = frozenset("那样是有不要想能会很都就还在到说被把为后以看走做")
"""A name contains at most one of these."""
_LATIN: Final = r"[a-z\u00df-\u024f\u0370-\u052f][a-z0-9\u00df-\u024f\u0370-\u052f.'-]*"
_LATIN_NAME = re.compile(rf"{_LATIN}(?:\s{_LATIN}){{0,4}}")


def byline_in_line(line: str) -> str | None:
    """Return what follows ``作者：``, ``文/`` or ``By`` if the whole ``line`` is a byline.

    A question after ``记者：`` in an interview is not a byline.
    """
    if not 3 <= len(line) <= _MAX_BYLINE_LINE or line[-1] in "。！？!?；;：:":
        return None
    start, end = 0, len(line)
    if line[0] in "(（[［【〔":
        start, end = _strip(line, 0, len(line), "()（）[]［］【】〔〕 ")
    match = _BYLINE.fullmatch(fold(line), start, end)
    if match is None:
        return None
    start, end = match.span(match.lastgroup or 0)
    found = line[start:end].strip()
    if match["latin"] and not (
        found[0].isupper() and all(map(_is_capitalised, _LATIN_SEPARATOR.split(found)))
    ):
        return None
    return found


def looks_like_names(text: str) -> bool:
    """Return whether ``text`` has the form of one or more names of people.

    >>> looks_like_names("张三、李四"), looks_like_names("你们为什么留下")
    (True, False)
    """
    if len(text) > _MAX_BYLINE:
        return False
    folded = fold(text).strip(_AROUND_NAME)
    parts = [folded[a:b].strip() for a, b in _split_at(_NAME_BREAK, folded, 0, len(folded))]
    parts = [part for part in parts if part]
    return 0 < len(parts) <= 12 and all(map(_has_form_of_name, parts))


_NAME_BREAK = re.compile(r"\s*(?:[、,&/|]|\s(?:and|和|与)\s)\s*|(?<=[\u4e00-\u9fff])\s+")


def _has_form_of_name(name: str) -> bool:
    if _HAN_NAME.fullmatch(name):
        return _NOT_IN_NAMES.isdisjoint(name) and sum(map(_RARE_IN_NAMES.__contains__, name)) < 2
    return len(name) <= 40 and _LATIN_NAME.fullmatch(name) is not None


_REPORTERS = re.compile(
    r"[(【\[〔](?P<agency>[^()【】\[\]〔〕]{0,12}?)(?:特派|特约|驻\S{1,8}?|见习|实习)?记者\s?:?\s*(?P<names>[\u4e00-\u9fff、,·\s]{2,40}?)"
    r"(?P<dated>(?:\d{1,2}月)?\d{1,2}日(?:综合)?(?:外电|专)?[电讯]|(?:报道|报导)|综合报[道导])?[)】\]〕]"
)
_OTHER_ROLE = re.compile(
    r"\s*(?:(?:本报|见习|实习|特约)?(?:记者|通讯员|实习生)|摄影|编译|综合|外电)\s*|\s*[、,]\s*|\s+"
)
_DOUBLE_SURNAMES: Final = (
    "欧阳",
    "司马",
    "上官",
    "诸葛",
    "东方",
    "皇甫",
    "尉迟",
    "公孙",
    "慕容",
    "令狐",
    "司徒",
    "夏侯",
    "张简",
)


def reporters_in(text: str) -> str | None:
    """Return the reporters whom an agency's dateline names at the beginning or end of ``text``.

    >>> reporters_in("（海角社记者邱小潮鹤湾19日电）港务局公布了办法。")
    '邱小潮'
    """
    if "记者" not in text and "記者" not in text:
        return None
    for start in (0, max(0, len(text) - _DATELINE_TAIL)) if len(text) > _DATELINE else (0,):
        folded = fold(text[start : start + (_DATELINE_TAIL if start else _DATELINE)])
        for match in _REPORTERS.finditer(folded):
            if start and match.end() < len(folded.rstrip()):
                continue
            first, last = match.span("names")
            spans = [s for s in _split_at(_OTHER_ROLE, folded, first, last) if s[0] < s[1]]
            if spans and match["dated"] and match["agency"]:
                spans[-1] = _without_place(folded, *spans[-1])
            names = [text[start + a : start + b] for a, b in spans]
            if names and all(map(looks_like_names, names)):
                return "、".join(names)
    return None


def _without_place(folded: str, start: int, end: int) -> _Span:
    """Return the span of a name that is written together with the place of the report."""
    length = end - start
    if length < 4:
        return start, end
    if folded.startswith(_DOUBLE_SURNAMES, start):
        return start, start + min(4, length - 2)
    return start, start + (2 if length == 4 else 3)


_DATELINE: Final = 80
_DATELINE_TAIL: Final = 40
