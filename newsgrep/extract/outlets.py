"""Outlet rules: which files belong to an outlet, and what on its pages is not article text.

The rules are data: ``outlets.toml`` beside this module, and a file of the same form that the
user may have. To add an outlet, add a table there, and a page with its expected fields to
``tests/fixtures/outlets``.
This module also decides which outlet published a file, and removes its name from titles.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from datetime import timedelta, timezone, tzinfo
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from newsgrep.analysis.characters import strip_invisible
from newsgrep.errors import UsageError
from newsgrep.extract.claims import Claim, ClaimField, Claims, Loss
from newsgrep.extract.dom import Element, Tree
from newsgrep.extract.trace import NO_TRACE, Trace
from newsgrep.extract.whitespace import collapse_whitespace, comparison_key
from newsgrep.models import Provenance


@dataclass(frozen=True, slots=True)
class Outlet:
    """An outlet: its name, how to recognise its files, and what to do with them.

    ``body``, ``drop``, ``keep``, ``captions``, ``credits``, ``byline`` and ``date`` are CSS
    selectors; ``drop_lines`` are regular expressions for whole paragraphs. The comment at the
    top of ``outlets.toml`` explains every key.
    """

    name: str
    hosts: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    markers: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    body: str = ""
    drop: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    captions: tuple[str, ...] = ()
    credits: tuple[str, ...] = ()
    byline: str = ""
    date: str = ""
    title_suffixes: tuple[str, ...] = ()
    zone: str = ""
    roles: tuple[str, ...] = ()
    drop_lines: tuple[str, ...] = ()

    @property
    def names(self) -> frozenset[str]:
        """Return the outlet's name and its aliases."""
        return frozenset((self.name, *self.aliases))

    @property
    def selectors(self) -> tuple[str, ...]:
        """Return all CSS selectors of the rules."""
        each = (self.body, *self.drop, *self.keep, *self.captions, *self.credits)
        return tuple(filter(None, (*each, self.byline, self.date)))

    def timezone(self) -> tzinfo | None:
        """Return the time zone of times without an offset, or None if no rule names one."""
        return parse_zone(self.zone) if self.zone else None

    def drops_line(self, text: str) -> bool:
        """Return whether ``text``, a whole paragraph, is not article text in this outlet."""
        pattern = _line_pattern(self.drop_lines)
        return pattern is not None and pattern.fullmatch(text) is not None


@lru_cache(maxsize=64)
def _line_pattern(patterns: tuple[str, ...]) -> re.Pattern[str] | None:
    return re.compile("|".join(f"(?:{p})" for p in patterns), re.DOTALL) if patterns else None


_OFFSET = re.compile(r"([+-])(\d{2}):?(\d{2})")

# For machines without a time zone database; these zones have had no summer time since 1991.
_FIXED_OFFSETS: Final = {
    "UTC": 0, "Asia/Shanghai": 8, "Asia/Hong_Kong": 8, "Asia/Taipei": 8, "Asia/Singapore": 8,
}  # fmt: skip


@lru_cache(maxsize=64)
def parse_zone(name: str) -> tzinfo:
    """Return the time zone ``name``, an offset or an IANA name: ``+08:00``, ``Asia/Shanghai``.

    Raises ``ValueError`` or ``OSError`` if this machine has no such zone.
    """
    if name in _FIXED_OFFSETS:
        return timezone(timedelta(hours=_FIXED_OFFSETS[name]))
    match = _OFFSET.fullmatch(name)
    if match:
        offset = timedelta(hours=int(match[2]), minutes=int(match[3]))
        return timezone(-offset if match[1] == "-" else offset)
    try:
        return ZoneInfo(name)
    except KeyError as exc:  # ZoneInfoNotFoundError
        raise ValueError(f"no time zone called {name!r}") from exc


class Outlets:
    """All known outlets, to look up by address, by name, or by a marker in the text."""

    def __init__(self, outlets: tuple[Outlet, ...]) -> None:
        self.all = outlets
        self._by_host: dict[str, list[Outlet]] = {}
        self._markers: list[tuple[str, Outlet]] = []
        self._by_name: dict[str, Outlet] = {}
        for outlet in outlets:
            for host in outlet.hosts:
                self._by_host.setdefault(host.lower().removeprefix("www."), []).append(outlet)
            self._markers += [(marker, outlet) for marker in outlet.markers]
            for name in (outlet.name, *outlet.aliases):
                self._by_name.setdefault(name.casefold(), outlet)

    def for_url(self, url: str | None) -> Outlet | None:
        """Return the outlet whose host and path match ``url``; the longest host wins."""
        try:
            parts = urlsplit(url or "")
            host = (parts.hostname or "").lower()
        except ValueError:
            return None
        while host:
            for outlet in self._by_host.get(host, ()):
                if not outlet.paths or any(parts.path.startswith(path) for path in outlet.paths):
                    return outlet
            host = host.partition(".")[2]
        return None

    def for_text(self, text: str) -> Outlet | None:
        """Return the outlet whose marker occurs in ``text``."""
        return next((outlet for marker, outlet in self._markers if marker in text), None)

    def find(self, name: str) -> Outlet | None:
        """Return the outlet with the name or alias ``name``."""
        return self._by_name.get(name.strip().casefold())


_LIST_KEYS: Final = frozenset(f.name for f in fields(Outlet) if f.type != "str")
_KEYS: Final = frozenset(f.name for f in fields(Outlet))
_SELECTOR_KEYS: Final = ("drop", "keep", "captions", "credits", "body", "byline", "date")


def load_outlets(user_file: Path | None = None) -> Outlets:
    """Return the outlets that newsgrep ships, extended by ``user_file`` if it exists.

    A table there with the name of a shipped outlet replaces the keys that it contains.
    Raises :class:`~newsgrep.errors.UsageError` with file, table, and what to change.
    """
    shipped = (files("newsgrep.extract") / "outlets.toml").read_text(encoding="utf-8")
    known = _read_tables(tomllib.loads(shipped), "outlets.toml", {})
    if user_file is None or not user_file.exists():
        return Outlets(tuple(known.values()))
    name = str(user_file)
    try:
        tables = tomllib.loads(user_file.read_bytes().decode("utf-8-sig"))
    except OSError as exc:
        raise UsageError(f"Cannot read {name}: {exc.strerror}. Check its permissions.") from exc
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise UsageError(
            f"{name} is not valid TOML: {exc}. Correct it, or move it to another folder."
        ) from exc
    own = _read_tables(tables, name, known)
    # The user's outlets come first, so that they win where a shipped outlet has the same host.
    return Outlets(tuple((own | {k: v for k, v in known.items() if k not in own}).values()))


def _read_tables(
    tables: Mapping[str, Any], name: str, known: Mapping[str, Outlet]
) -> dict[str, Outlet]:
    entries = tables.get("outlet", [])
    extra = set(tables) - {"outlet"}
    if extra or not isinstance(entries, list) or not all(isinstance(e, dict) for e in entries):
        wrong = f"[{min(extra)}]" if extra else "[outlet]"
        raise UsageError(f"{name}: unexpected {wrong}. Write a [[outlet]] table for each outlet.")
    found: dict[str, Outlet] = {}
    for number, table in enumerate(entries, 1):
        outlet = _read_outlet(table, f"{name}: [[outlet]] number {number}", known)
        found[outlet.name] = outlet
    return found


def _read_outlet(table: Mapping[str, Any], where: str, known: Mapping[str, Outlet]) -> Outlet:
    name = table.get("name")
    if not isinstance(name, str) or not name.strip():
        raise UsageError(f'{where} has no name. Add name = "the outlet\'s name".')
    where = f"{where} ({name})"
    values: dict[str, Any] = {}
    for key, value in table.items():
        if key not in _KEYS:
            keys = ", ".join(sorted(_KEYS))
            raise UsageError(f"{where}: unknown key {key!r}. Keys are: {keys}.")
        if key in _LIST_KEYS:
            items = [value] if isinstance(value, str) else value
            if not isinstance(items, list) or not all(isinstance(i, str) for i in items):
                raise UsageError(f'{where}: {key} must be a list of strings: {key} = ["…"]')
            values[key] = tuple(item for item in items if item)
        elif not isinstance(value, str):
            raise UsageError(f'{where}: {key} must be a string: {key} = "…"')
        else:
            values[key] = value
    if not known:  # the shipped rules; a test checks them
        return Outlet(**values)
    outlet = replace(known[name], **values) if name in known else Outlet(**values)
    _check_outlet(outlet, where)
    return outlet


def _check_outlet(outlet: Outlet, where: str) -> None:
    if outlet.selectors:
        from newsgrep.extract.selectors import syntax_error  # loads Beautiful Soup

        for key in _SELECTOR_KEYS:
            value = getattr(outlet, key)
            for selector in (value,) if isinstance(value, str) else value:
                if selector and (problem := syntax_error(selector)):
                    raise UsageError(
                        f"{where}: invalid CSS selector {selector!r} in {key}: {problem}"
                    )
    for pattern in outlet.drop_lines:
        try:
            re.compile(pattern)
        except re.error as exc:
            raise UsageError(
                f"{where}: invalid regular expression {pattern!r} in drop_lines: {exc}. "
                "Write \\\\ for a backslash, or use 'single quotes'."
            ) from exc
    if outlet.zone:
        try:
            parse_zone(outlet.zone)
        except (ValueError, OSError) as exc:
            raise UsageError(
                f'{where}: unknown time zone {outlet.zone!r}. Write an offset: zone = "+08:00"'
            ) from exc


_NO_ELEMENTS: Final[frozenset[Element]] = frozenset()
_MAX_STATED: Final = 5
"""Elements read as byline or date; more of them belong to a list of articles."""


@dataclass(frozen=True, slots=True)
class SelectedElements:
    """The elements of a page that the rules of its outlet select.

    ``complete`` is False if the page is too large for its selectors to be evaluated.
    """

    dropped: frozenset[Element] = _NO_ELEMENTS
    captions: frozenset[Element] = _NO_ELEMENTS
    credits: frozenset[Element] = _NO_ELEMENTS
    kept: frozenset[Element] = _NO_ELEMENTS
    body: Element | None = None
    authors: tuple[Element, ...] = ()
    dates: tuple[Element, ...] = ()
    complete: bool = True

    @classmethod
    def on_page(cls, tree: Tree, outlet: Outlet | None) -> SelectedElements:
        """Return what the rules of ``outlet`` select on the page ``tree``."""
        if outlet is None or not outlet.selectors:
            return cls()
        from newsgrep.extract.selectors import SelectorMatcher  # loads Beautiful Soup

        matcher = SelectorMatcher(tree, outlet.selectors)
        select = matcher.select
        return cls(
            frozenset(select(*outlet.drop, outlet.byline, outlet.date)),
            frozenset(select(*outlet.captions)),
            frozenset(select(*outlet.credits)),
            frozenset(select(*outlet.keep)),
            next(iter(select(outlet.body)), None),
            tuple(select(outlet.byline)[:_MAX_STATED]),
            tuple(select(outlet.date)[:_MAX_STATED]),
            complete=not matcher.too_large,
        )


def url_host(url: str | None) -> str | None:
    """Return the host of ``url`` without ``www.``, or None."""
    try:
        host = urlsplit(url or "").hostname
    except ValueError:
        return None
    return host.removeprefix("www.") if host else None


_FEED_RANK: Final = 8
_TITLE_RANK: Final = 30
_HOST_RANK: Final = 40


def choose_source(
    claims: Claims,
    url: str | None,
    outlet: Outlet | None,
    outlets: Outlets,
    titles: Iterable[str] = (),
    trace: Trace = NO_TRACE,
) -> tuple[str | None, Provenance | None]:
    """Return the name of the outlet that published an article, and where it was found.

    Tries the outlet whose rules apply, then front matter, then what feeds write as author or
    as the only tag, then the page's metadata, the ends of ``titles``, and the host of ``url``.
    """
    for name, claim in _iter_sources(claims, url, outlet, outlets, titles, trace):
        trace.won(claim)
        return name, claim.provenance
    return None, None


def _iter_sources(
    claims: Claims,
    url: str | None,
    outlet: Outlet | None,
    outlets: Outlets,
    titles: Iterable[str],
    trace: Trace,
) -> Iterator[tuple[str, Claim]]:
    """Yield the names of outlets that a file states, the best evidence first."""
    if outlet:
        yield outlet.name, Claim(ClaimField.SOURCE, outlet.name, Provenance.OUTLET_RULE, "name")
    for claim in claims.sources:
        if claim.provenance is Provenance.FRONT_MATTER:
            if "://" not in claim.value:
                known = outlets.find(claim.value)
                yield (known.name if known else claim.value), claim
            trace.lost(claim, Loss.NOT_AN_OUTLET)
    name = _outlet_as_author_or_tag(claims, url, outlets)
    if name:
        yield name, _stated(name, Provenance.FRONT_MATTER, _FEED_RANK)
    for claim in claims.sources:
        name = collapse_whitespace(strip_invisible(claim.value))
        if name and "://" not in name and len(name) <= _MAX_OUTLET_NAME:
            known = outlets.find(name)
            yield (known.name if known else name), claim
        trace.lost(claim, Loss.NOT_AN_OUTLET)
    name = outlet_in_titles(titles)
    if name:
        yield name, _stated(name, Provenance.TITLE, _TITLE_RANK)
    host = url_host(url)
    if host:
        yield host, _stated(host, Provenance.URL, _HOST_RANK)


def _stated(name: str, provenance: Provenance, rank: int) -> Claim:
    return Claim(ClaimField.SOURCE, name, provenance, rank=rank)


_MAX_OUTLET_NAME: Final = 80


def _outlet_as_author_or_tag(claims: Claims, url: str | None, outlets: Outlets) -> str | None:
    """Return the outlet's name that a feed wrote as author or as the only tag, or None."""
    written = [c.value for c in claims.authors if c.provenance is Provenance.FRONT_MATTER]
    tags = claims.tags
    host = comparison_key(url_host(url) or "")
    for name in (*written[:1], *tags[:1]):
        known = outlets.find(name)
        if known:
            return known.name
        key = comparison_key(name)
        if not key:
            continue
        if name in written and name in tags:
            return name
        if len(key) > 2 and key.isascii() and key in host:  # initials occur in any host
            return name
        if len(tags) == 1 and name in tags and sounds_like_outlet(name):
            return name
    return None


_SECTION_NAME = re.compile(
    r"(?:国际|國際|国内|國內|社会|社會|财经|財經|体育|體育|娱乐|娛樂|科技|时事|時事|时政|時政|政治|经济|經濟|文化|生活|热点|熱點"
    r"|今日|最新|即时|即時|本地|地方|两岸|兩岸|港澳|军事|軍事|专题|專題|深度|综合|綜合|要闻|要聞|图片|圖片|观点|觀點|互联|互聯|海外|影|书|書)?"
    r"(?:新闻|新聞|评论|評論|书评|書評|杂志|雜誌|媒体|媒體|传媒|傳媒|社|网|網|报|報|月刊|周刊|週刊|电台|電台|电视台|電視台|中文)"
    r"|(?:(?:world|local|latest|breaking|business|sports?|tech|social|book|top|daily|the)\s+)?"
    r"(?:news|times|post|daily|weekly|herald|reviews?|journal|magazine|radio|press|media|tribune|observer)",
    re.IGNORECASE,
)
"""Sounds like an outlet but names a section of one."""
_TOPIC_WORD = re.compile(
    r".*(?:笔记|筆記|随笔|隨筆|分享|教程|学习|學習|感想|游记|遊記|思考|杂谈|雜談|日记|日記|文章|博客|部落格|翻译|翻譯|转载|轉載|心得|生活|技术|技術|智能|智慧|政治|经济|經濟|社会|社會|文化|历史|歷史)",
    re.DOTALL,
)
_OUTLET_NAME = re.compile(
    r".*(?:报|報|网|網|新闻|新聞|社|电视台|電視台|电台|電台|之音|周刊|週刊|月刊|杂志|雜誌|书评|書評|评论|評論|媒体|媒體|传媒|傳媒"
    r"|日报|中文|\b(?:News|Times|Post|Daily|Weekly|Herald|Review|Journal|Magazine|Radio|Press|Media|Tribune|Observer))$",
    re.IGNORECASE,
)


def sounds_like_outlet(name: str) -> bool:
    """Return whether ``name`` has the form of an outlet's name: ``…周报``, ``… Times``."""
    return _OUTLET_NAME.fullmatch(name) is not None and _SECTION_NAME.fullmatch(name) is None


def looks_like_topic(name: str) -> bool:
    """Return whether ``name`` is rather a subject or a kind of text than an outlet."""
    return (
        len(name) <= 3  # an outlet with so short a name is known by its host as well
        or name.islower()
        or _SECTION_NAME.fullmatch(name) is not None
        or _TOPIC_WORD.fullmatch(name) is not None
    )


_TITLE_SUFFIX = re.compile(r"(.{2,400})(?<=\S)\s*([|｜_]|\s[-–—·]\s)\s*([^|｜]{1,40})")
_ATTACHED_SUFFIX = re.compile(r"(.{2,400}[\u4e00-\u9fff！？”》）])([-–—])([\u4e00-\u9fff]{3,12})")
"""``标题-某某网``: believed only if the end is an outlet's name."""
_SECTION = re.compile(r"[\u4e00-\u9fff]{2,6}(?:频道|頻道|栏目|欄目)?")
_KNOWN_SECTION = re.compile(
    r"(?:国际|國際|国内|國內|社会|社會|财经|財經|体育|體育|娱乐|娛樂|科技|时事|時事|时政|時政|政治|经济|經濟|文化|生活|军事|軍事|评论|評論"
    r"|观点|觀點|要闻|要聞|新闻|新聞|两岸|兩岸|港澳|教育|健康|旅游|旅遊|汽车|汽車|房产|房產)(?:新闻|新聞|频道|頻道)?"
    r"|(?:World|Business|Sports?|Opinion|Politics|Culture|Technology|News)",
)
"""Sections that follow a dash; another text after a dash is a second headline."""


def outlet_in_titles(titles: Iterable[str]) -> str | None:
    """Return the outlet's name at the end of one of ``titles``, if it sounds like one."""
    for title in titles:
        match = _TITLE_SUFFIX.fullmatch(title) or _ATTACHED_SUFFIX.fullmatch(title)
        if match and len(match[3]) <= 20 and sounds_like_outlet(match[3]):
            return match[3]
    return None


def strip_title_suffix(title: str, outlet: Outlet | None, names: Iterable[str]) -> str:
    """Return ``title`` without the outlet's name that pages add at its end.

    ``names`` are the names that may be removed.
    """
    for suffix in outlet.title_suffixes if outlet else ():
        if title.endswith(suffix) and len(title) > len(suffix):
            return title[: -len(suffix)].rstrip()
    keys = {comparison_key(name) for name in names if name}
    for pattern in (_TITLE_SUFFIX, _ATTACHED_SUFFIX):
        match = pattern.fullmatch(title)
        if match and comparison_key(match[3]) in keys and comparison_key(match[1]):
            return _strip_section(match[1], match[2].strip())
    return title


def _strip_section(title: str, sign: str) -> str:
    """Return ``title`` without the section that came between it and the outlet's name."""
    match = _TITLE_SUFFIX.fullmatch(title)
    pattern = _SECTION if sign == "_" else _KNOWN_SECTION
    if match and match[2].strip() == sign and pattern.fullmatch(match[3]):
        return match[1]
    return title
