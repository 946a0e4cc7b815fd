"""Authors: the names of people in bylines, without outlets, roles and user accounts.

A byline such as ``作者：甲、乙`` or ``By A and B`` becomes its names; Latin names keep their
capitals. :func:`choose_authors` decides which claims to believe.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from newsgrep.analysis.characters import SOLO, strip_invisible
from newsgrep.extract.claims import Body, Claim, ClaimField, Claims, Loss
from newsgrep.extract.outlets import Outlet, Outlets
from newsgrep.extract.trace import NO_TRACE, Trace
from newsgrep.extract.whitespace import collapse_whitespace, unescape_html
from newsgrep.models import Provenance

_WRITER_LABELS: Final = (
    "作者|撰文|撰稿人?|撰寫|文字?|采写|採寫|采访|採訪|编译|編譯|整理"
    "|特约撰稿人?|特約撰稿人?|记者|記者|通讯员|通訊員"
)
_OTHER_LABELS: Final = (
    "(?:责任|責任|执行|執行|实习|實習|图片|圖片|视频|視頻|本期|值班|美术|美術)?(?:编辑|編輯)|责编|責編|美编|美編|主编|主編|监制|監製"
    "|图片?|圖片?|摄影师?|攝影師?|摄|攝|插画|插畫|绘图|繪圖|制图|製圖|设计|設計|视频|視頻|剪辑|剪輯|题图|題圖"
    "|翻译|翻譯|译者?|譯者?|校对?|校對?|审校|審校|审核|審核|排版|统筹|統籌|策划|策劃|来源|來源|出处|出處|时间|時間"
)
_LABEL_SIGN: Final = r"\s*[/／:：|｜︱丨]\s*"
_LABEL_BEFORE = re.compile(
    rf"(?:(?<=[\s、])|^)(?:本文)?(?:(?P<writer>{_WRITER_LABELS})|(?:{_OTHER_LABELS})){_LABEL_SIGN}"
)
"""A label before names: two of them in ``文 | 甲  编辑 | 乙``."""
_LABEL_AFTER = re.compile(
    rf"([^\s/／|｜︱丨:：]{{2,20}})\s*(?:[/／|｜︱丨]\s*(?:(?P<writer>{_WRITER_LABELS})|(?:{_OTHER_LABELS}))"
    rf"|\s(?:译|譯|翻译|翻譯|摄|攝|摄影|攝影|编辑|編輯|图|圖))(?=\s|$)(?!{_LABEL_SIGN})"
)
"""A label after a name: ``甲/文 乙/图`` and ``丙 译``."""
_ENGLISH_OTHERS = re.compile(
    r"\s*+[;|,.·]?\s*+(?:(?:with\s+)?(?:photo(?:graph)?s?|pictures?|illustrations?|video|graphics?|artwork)"
    r"|edited|translated|translation|additional\s+reporting)\s+by\b.*$",
    re.IGNORECASE | re.DOTALL,
)
_BRACKETED = re.compile(r"[〔【（(\[［](?P<inside>.{2,80})[〕】）)\]］]")
_NEXT_LINE = re.compile(r"(?<=[^\s/／:：|｜︱丨、,，;；])[^\S\n]*\n\s*")
_COUNTRY = re.compile(r"^[\[［〔【(（][\u4e00-\u9fff]{1,4}[\]］〕】)）]\s*(?=\S)")
"""The country of a translated author: ``[美]约翰·史密斯``."""
_LABEL = re.compile(
    r"^(?:本文)?(?:(?:作者|撰文|撰稿人?|撰寫|文字?|采写|採寫|采访|採訪|编译|編譯|整理|特约撰稿人?|特約撰稿人?)\s*[/／:：|｜︱丨]\s*"
    r"|(?:本报|本報|本刊|本台|特派|特约|特約|实习|實習|驻.{1,8}|駐.{1,8})?(?:记者|記者|作者|通讯员|通訊員)\s*[/／:：|｜]?\s*"
    r"|[\u4e00-\u9fff]{2,8}(?:报|報|网|網|社|台|刊)(?:特派|特约|特約)?(?:记者|記者)\s*[/／:：|｜]?\s*"
    r"|(?:Written\s+)?by[:\s]\s*|Author[:\s]\s*|Text\s+by[:\s]\s*)",
    re.IGNORECASE,
)
_ROLE_TAIL = re.compile(
    r"\s*(?:[|｜].*|(?:本报|特派|特约)?(?:记者|記者|撰稿人?|编辑|編輯|翻译|翻譯|报道|報導|發自.*|发自.*)"
    r"|[（(][^）)]*[）)])$"
)
_SEPARATOR = re.compile(
    r"\s*(?:[、,，;；&＆|｜/／∕︱丨\n]|\s(?:and|with|和|与|與)\s)\s*|(?<=[^\W\d_])(?:和|与|與)(?=[A-Z])",
    re.IGNORECASE,
)
_NOT_NAMES: Final = frozenset(
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
        "staff writer",
        "staff writers",
        "staff reporter",
        "staff reporters",
        "al.",
        "al",
    ]
)
_OUTLET_LIKE = re.compile(
    r".*(?:记者|記者|编辑部|編輯部|编辑|編輯|通讯社|通訊社|新闻网|新聞網|中文网|中文網|日报|日報|晚报|晚報|周刊|週刊|电视台|電視台"
    r"|观察者?网|書評|书评|\.(?:com|net|org|cn|st))$|.*(?:报道组|報導組)$",
    re.IGNORECASE,
)
_REPORT_FROM = re.compile(
    r"\s*[／/∕｜|]\s*[^／/∕｜|]{1,10}?(?:综合|綜合)?(?:报道|報導|電|电)$"
    r"|\s+(?:发自|發自)?[\u4e00-\u9fff]{2,6}?(?:综合|綜合)?(?:报道|報導|报导|專電|专电|電|电)$"
)
_HAN_NAMES = re.compile(r"[\u4e00-\u9fff]{2,4}(?:\s[\u4e00-\u9fff]{2,4})+")
_MAX_LATIN_NAME: Final = 60
_MAX_HAN_NAME: Final = 15
_HAS_HAN = re.compile(f"[{SOLO}]")
_SUFFIX = re.compile(r"(?:jr|sr|ii|iii|iv|ph\.?d|m\.?d)\.?", re.IGNORECASE)


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
    bracketed = _BRACKETED.fullmatch(text)
    text = _ENGLISH_OTHERS.sub("", bracketed["inside"] if bracketed else text)
    excluded = {name.casefold() for name in (*outlets, *roles)}
    found: dict[str, None] = {}
    for piece in _writer_parts(text):
        piece = _REPORT_FROM.sub("", _LABEL.sub("", _COUNTRY.sub("", piece)))
        for part in _SEPARATOR.split(piece):
            found.update(dict.fromkeys(_split_people(part or "", excluded)))
    return list(found)


def _writer_parts(text: str) -> list[str]:
    """Return the parts of a byline that name writers, not editors or photographers."""
    labelled = list(_LABEL_AFTER.finditer(text))
    if labelled:
        return [match[1] for match in labelled if match["writer"]]
    marks = list(_LABEL_BEFORE.finditer(text))
    if not marks:
        return [text]
    ends = [*(mark.start() for mark in marks[1:]), len(text)]
    parts = [text[: marks[0].start()]]
    parts += [text[m.end() : end] for m, end in zip(marks, ends, strict=True) if m["writer"]]
    return [part.strip() for part in parts if part.strip()]


def _split_people(part: str, excluded: set[str]) -> list[str]:
    name = _ROLE_TAIL.sub("", _LABEL.sub("", part.strip())).strip(" .:：·-—|")
    names = name.split() if _HAN_NAMES.fullmatch(name) else [name]
    return [
        each
        for each in names
        if not _SUFFIX.fullmatch(each) and _is_name(each) and each.casefold() not in excluded
    ]


_DATED = re.compile(r"[\s年月]\d|\d\s?[年月日]")


def _is_name(name: str) -> bool:
    if not name or name.casefold() in _NOT_NAMES or _OUTLET_LIKE.fullmatch(name):
        return False
    if not any(char.isalpha() for char in name) or "@" in name or _DATED.search(name):
        return False
    return len(name) <= (_MAX_HAN_NAME if _HAS_HAN.search(name) else _MAX_LATIN_NAME)


_BYLINE = re.compile(
    r"(?:本文)?(?:作者|撰文|撰稿人?|文字?|特约撰稿人?|特約撰稿人?|采写|採寫|整理|(?:本报|本報|本刊|特派|特约)?(?:记者|記者))\s*"
    r"(?:[/／:：|｜︱丨]|(?<=者)\s)\s*(?P<cjk>[^。！？!?；;:：]{1,40}?(?:(?:编辑|編輯|责编|責編|翻译|翻譯|摄影|攝影)[:：][^。！？!?；;:：]{1,20}?)?)"
    r"(?:\s+(?:发布|發布|\d{4}).*)?"
    r"|(?:本报|本報|本刊|本台|特派)(?:记者|記者)(?P<glued>[\u4e00-\u9fff]{2,3})"
    r"|(?P<before>[\u4e00-\u9fff·]{2,8}\s?[/／|｜]\s?(?:文|撰文)(?:\s+[\u4e00-\u9fff·]{2,8}\s?[/／|｜]\s?(?:图|圖|摄影|攝影|编辑|編輯))?)"
    r"|By\s+(?P<latin>[A-Z][^.!?:;]{2,80})",
)


def byline_in_line(line: str) -> str | None:
    """Return what follows ``作者：``, ``文/`` or ``By`` if the whole ``line`` is a byline."""
    if len(line) > _MAX_BYLINE_LINE:
        return None
    match = _BYLINE.fullmatch(line)
    return next(filter(None, match.groups())).strip() if match else None


_STATED_BY_PAGE: Final = frozenset(
    (Provenance.OUTLET_RULE, Provenance.ADDRESS_ELEMENT, Provenance.BYLINE)
)


_LINE_RANK: Final = 200


def choose_authors(
    claims: Claims,
    body: Body,
    source: str | None,
    outlet: Outlet | None,
    outlets: Outlets,
    trace: Trace = NO_TRACE,
) -> tuple[tuple[str, ...], Provenance | None]:
    """Return the authors and where their names were found.

    Tries what the page itself states, then lines of the text, then front matter, then the rest
    of the metadata. Feeds often give the outlet as author; an outlet is never an author here.
    """
    excluded = {source or ""} | {claim.value for claim in claims.sources}
    roles: tuple[str, ...] = ()
    if outlet:
        excluded |= outlet.names
        roles = outlet.roles
    front_matter, page, other = [], [], []
    for claim in claims.authors:
        if claim.provenance is Provenance.FRONT_MATTER:
            front_matter.append(claim)
        elif claim.provenance in _STATED_BY_PAGE:
            page.append(claim)
        else:
            other.append(claim)
    lines = [
        Claim(ClaimField.AUTHORS, line, Provenance.BYLINE, rank=_LINE_RANK) for line in body.bylines
    ]
    for group in (page, lines, front_matter, other):
        provenance: Provenance | None = None
        names: dict[str, None] = {}
        for claim in group:
            if provenance and claim.provenance is not provenance:
                break
            people = [
                name
                for name in parse_names(claim.value, excluded, roles)
                if outlets.find(name) is None
            ]
            if people:
                provenance = claim.provenance
                names.update(dict.fromkeys(people))
                trace.won(claim)
            else:
                trace.lost(claim, _why_not_people(claim.value, excluded, outlets))
        if names:
            return tuple(names), provenance
    return (), None


def _why_not_people(value: str, excluded: set[str], outlets: Outlets) -> Loss:
    name = value.strip()
    if name in excluded or outlets.find(name) or _OUTLET_LIKE.fullmatch(name):
        return Loss.OUTLET_NAME
    return Loss.PLACEHOLDER if name.casefold() in _NOT_NAMES else Loss.NOT_A_NAME
