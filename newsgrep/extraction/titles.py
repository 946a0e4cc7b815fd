"""The title of an article: the claim that others agree with, the first line, or the body's start.

The name of the site and its sections are around the headline in most titles of pages; they are
removed. A part of a title is the headline if the page shows it by itself.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from typing import Final

from newsgrep.analysis.characters import fold, strip_invisible
from newsgrep.extraction.claims import Block, Body, Claim, ClaimField, Claims, Loss, is_placeholder
from newsgrep.extraction.file_names import title_in_folder
from newsgrep.extraction.outlets import Outlet, url_host
from newsgrep.extraction.page.headlines import title_parts, title_sections
from newsgrep.extraction.trace import NO_TRACE, Trace
from newsgrep.extraction.whitespace import collapse_whitespace, comparison_key
from newsgrep.models import Provenance

_COLUMN_SUFFIX = re.compile(r"(?<=\S{4})\s+[|｜]\s+[^\s|｜，。,.]{2,12}$")
"""The name of a column or an outlet after the headline of a plain text."""
_MAX_DERIVED_TITLE: Final = 60
_MAX_HEADLINE: Final = 100
_MAX_CLAIMS: Final = 60
"""Claims that are compared with each other; no page states more titles of its own."""
_FIRST_LINE_RANK: Final = 200
_BODY_START_RANK: Final = 210
_FOLDER_NAME_RANK: Final = 205
_FILE_NAME_RANK: Final = 220

_WRITTEN: Final = frozenset((Provenance.FRONT_MATTER, Provenance.LINK_LINE))
_MEDIUM = re.compile(
    r"[\[【(](?:视频|影片|影音|音频|图文|图片|组图|图集|多图|直播|回放|video|audio|photos?|gallery"
    r"|live|watch)[\]】)]\s*"
)
"""The medium in brackets before a headline, folded."""
_OPENING: Final = frozenset("[［﹇【︻(（︵﹙")


def choose_title(
    claims: Claims,
    blocks: Sequence[Block],
    outlet: Outlet | None,
    source: str | None,
    trace: Trace = NO_TRACE,
) -> tuple[str | None, Provenance | None]:
    """Return the title that the file states or shows, and its provenance, or None twice.

    ``source`` is the name of the outlet, which is removed from the end of the title.
    """
    site = {source or ""} | {claim.value for claim in claims.sources} | set(claims.site)
    site |= {url_host(claim.value) or "" for claim in claims.urls[:2]}
    if outlet:
        site |= outlet.names
    names = site | set(claims.tags[:2])
    for claim in _by_agreement(claims.titles, site):
        if is_placeholder(claim.value):
            trace.lost(claim, Loss.PLACEHOLDER)
            continue
        title = strip_title_suffix(claim.value, outlet, names)
        if claim.provenance is Provenance.TITLE_ELEMENT:
            title = _before_underscore(title)
        if claim.provenance is not Provenance.HEADING:
            title = _strip_prefix(title, site)
        title = strip_medium(title)
        if comparison_key(title):
            trace.won(claim)
            return title, claim.provenance
        trace.lost(claim, Loss.NOT_A_HEADLINE)
    first = next((block for block in blocks if block.text), None)
    if first and len(blocks) > 1:
        claim = Claim(ClaimField.TITLE, first.text, Provenance.FIRST_LINE, rank=_FIRST_LINE_RANK)
        if _is_headline(first.text):
            trace.won(claim)
            title = strip_title_suffix(first.text, outlet, names)
            return _COLUMN_SUFFIX.sub("", title), Provenance.FIRST_LINE
        trace.lost(claim, Loss.NOT_A_HEADLINE)
    return None, None


def strip_medium(title: str) -> str:
    """Return ``title`` without the medium in brackets that sites write before headlines.

    >>> strip_medium("[视频]渔港开航")
    '渔港开航'
    """
    match = _MEDIUM.match(fold(title[:20])) if title[:1] in _OPENING else None
    return title[match.end() :] if match and match.end() < len(title) else title


def _by_agreement(titles: Sequence[Claim], site: Iterable[str]) -> Sequence[Claim]:
    """Return ``titles`` with the claim first that the others support.

    That is a heading that is the whole or a part of what metadata state, else what two places of
    metadata state, unless the article's own heading says it in other words. The names of the
    ``site`` are no titles.
    """
    if len(titles) < 2 or titles[0].provenance in _WRITTEN:
        return titles
    site_keys = set(map(_key, site))
    titles = titles[:_MAX_CLAIMS]
    titles = [each for each in titles if _key(each.value) not in site_keys] or titles
    titles = [each for each in titles if not is_placeholder(each.value)] or titles
    stated = [each for each in titles if each.provenance is not Provenance.HEADING]
    parts = [(each.provenance, _part_keys(each.value)) for each in stated]
    sections = {_key(name) for each in stated for name in title_sections(each.value)}
    sections -= {key for _, keys in parts for key, first in keys.items() if first}

    def support(claim: Claim) -> tuple[int, int]:
        """Return how many places state a title, and how many begin with it."""
        key = _key(claim.value)
        stating = {place for place, keys in parts if key in keys}
        first = {place for place, keys in parts if keys.get(key)}
        return len(stating), len(first)

    titles = [each for each in titles if _key(each.value) not in sections] or titles
    heading = titles[0] if titles[0].provenance is Provenance.HEADING else None
    shown = [each for each in titles if each.provenance is Provenance.HEADING and support(each)[0]]
    if shown:
        best = max(shown, key=support)  # the first of equal ones
        whole = _begun_headline(titles, stated, best)
        if whole and support(whole)[0] > 1:
            return _first(titles, whole)
        if heading is None or support(heading)[0] or support(best)[0] > 1:
            return _first(titles, best)
        others = [each for each in stated if _key(best.value) not in _part_keys(each.value)]
        if any(_alike(heading.value, each.value) for each in others):
            return titles
        return _first(titles, best)
    agreed = [each for each in stated if support(each)[0] > 1]
    if agreed:
        best = max(agreed, key=support)
        if heading is None or not _alike(heading.value, best.value):
            return _first(titles, best)
    return titles


def _begun_headline(titles: Sequence[Claim], stated: Sequence[Claim], best: Claim) -> Claim | None:
    """Return what is ``stated`` and begins a heading with a lead, if ``best`` is a part of it.

    Some pages have headline and lead in one heading, and the name of a series in another.
    """
    headings = [_key(each.value) for each in titles if each.provenance is Provenance.HEADING]
    part = _key(best.value)
    for claim in stated:
        key = _key(claim.value)
        longer = len(key) > len(part) and part in key and key not in headings
        if longer and any(heading.startswith(key) for heading in headings):
            return claim
    return None


def _first(titles: Sequence[Claim], best: Claim) -> list[Claim]:
    return [best, *(each for each in titles if each is not best)]


def _key(text: str) -> str:
    return comparison_key(fold(text))


def _part_keys(title: str) -> dict[str, bool]:
    """Return the keys of ``title`` and its parts; True for those that it begins with."""
    found = {_key(title): True}
    for part, first in title_parts(title):
        found.setdefault(_key(part), first)
    return found


def _alike(heading: str, title: str) -> bool:
    """Return whether two headlines have much of their wording in common."""
    one, other = (_pairs(_key(text)) for text in (heading, title))
    return len(one & other) * 3 >= min(len(one), len(other)) > 0


def _pairs(key: str) -> set[str]:
    return {key[at : at + 2] for at in range(len(key) - 1)}


_TITLE_SUFFIX = re.compile(r"(.{2,400})(?<=\S)\s*([|｜_]|--|\s[-–—·:»]\s)\s*([^|｜]{1,40})")
_ATTACHED_SUFFIX = re.compile(
    r"(.{2,400}[\u4e00-\u9fff！？”》）])([-–—])([\w\u4e00-\u9fff. ]{3,20})"
)
"""``标题-某某网``: believed only if the end is an outlet's name."""
_TITLE_PREFIX = re.compile(r"([^|｜_»]{1,60}?)\s*([|｜_»]|\s[-–—·:]\s|:\s)\s*(\S.{1,400})")
_DOMAIN = re.compile(r"(?:[\w-]{1,40}\.){1,3}[a-z]{2,6}", re.IGNORECASE)
_SECTION = re.compile(r"[\u4e00-\u9fff]{2,6}(?:频道|栏目)?")
_KNOWN_SECTION = re.compile(
    r"(?:国际|国内|社会|财经|体育|娱乐|科技|时事|时政|政治|经济|文化|生活|军事|评论"
    r"|观点|要闻|新闻|两岸|港澳|教育|健康|旅游|汽车|房产)(?:新闻|频道)?"
    r"|(?:world|business|sports?|opinion|politics|culture|technology|news)",
)
"""Sections that follow a dash, folded; another text after a dash is a second headline."""


def strip_title_suffix(title: str, outlet: Outlet | None, names: Iterable[str]) -> str:
    """Return ``title`` without the outlet's name that pages add at its end.

    ``names`` are the names that may be removed.
    """
    for suffix in outlet.title_suffixes if outlet else ():
        if title.endswith(suffix) and len(title) > len(suffix):
            return title[: -len(suffix)].rstrip()
    found = [pattern.fullmatch(title) for pattern in (_TITLE_SUFFIX, _ATTACHED_SUFFIX)]
    keys = {_key(name) for name in names if name} if any(found) else set()
    for match in found:
        if match and _key(match[3]) in keys and comparison_key(match[1]):
            return _strip_section(match[1], match[2].strip())
    match = found[0]
    return match[1] if match and _DOMAIN.fullmatch(match[3]) else title


def _strip_prefix(title: str, site: Iterable[str]) -> str:
    """Return ``title`` without one of the names of the ``site`` at its beginning."""
    match = _TITLE_PREFIX.fullmatch(title)
    return match[3] if match and _key(match[1]) in set(map(_key, site)) else title


def _strip_section(title: str, sign: str) -> str:
    """Return ``title`` without the section that came between it and the outlet's name."""
    match = _TITLE_SUFFIX.fullmatch(title)
    pattern = _KNOWN_SECTION if "-" in sign or sign in "–—·" else _SECTION
    if match and match[2].strip() == sign and pattern.fullmatch(fold(match[3])):
        return match[1]
    return title


_MIN_BEFORE_UNDERSCORE: Final = 6


def _before_underscore(title: str) -> str:
    """Return ``title`` up to its first underscore, which separates sections in Chinese titles."""
    before, sign, _ = title.partition("_")
    han = sum(1 for char in before if "\u4e00" <= char <= "\u9fff")
    return before.rstrip() if sign and han >= _MIN_BEFORE_UNDERSCORE else title


def _is_headline(text: str) -> bool:
    """Return whether the first text of a file is a headline: short, one line, no sentence."""
    return (
        len(text) <= _MAX_HEADLINE
        and "\n" not in text
        and not text.endswith(("。", ".", "，", ",", "；", ";", "：", ":"))
        and bool(comparison_key(text))
    )


def derive_title(body: Body, path: str, trace: Trace = NO_TRACE) -> tuple[str, Provenance, Body]:
    """Return a title from the first line of ``body``, cut at punctuation, or from the path.

    Programs that save each page as ``index.html`` write the title into the name of its folder.
    """
    if title := title_in_folder(path):
        trace.won(Claim(ClaimField.TITLE, title, Provenance.FILE_NAME, rank=_FOLDER_NAME_RANK))
        return title, Provenance.FILE_NAME, body
    if body.paragraphs:
        line = body.paragraphs[0].partition("\n")[0]
        trace.won(Claim(ClaimField.TITLE, line, Provenance.BODY_START, rank=_BODY_START_RANK))
        if len(line) <= _MAX_DERIVED_TITLE:
            return line, Provenance.BODY_START, body
        for end in range(_MAX_DERIVED_TITLE, 8, -1):
            if line[end - 1] in "。！？!?；;，,、 ":
                return line[:end].rstrip("，,、；; "), Provenance.BODY_START, body
        return line[: _MAX_DERIVED_TITLE - 1] + "…", Provenance.BODY_START, body
    name = os.path.splitext(os.path.basename(path))[0]  # noqa: PTH119, PTH122 - any byte
    shown = collapse_whitespace(strip_invisible(os.fsencode(name).decode("utf-8", "replace")))
    trace.won(Claim(ClaimField.TITLE, name, Provenance.FILE_NAME, rank=_FILE_NAME_RANK))
    return shown or "untitled", Provenance.FILE_NAME, body
