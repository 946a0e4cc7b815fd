"""What programs that save pages write into them: the address of the page and the time of saving.

Browsers, HTTrack, SingleFile and monolith write a comment at the top; web archives have address
and time in the addresses of their copies. Clippers, which write Markdown, put links and lists of
fields above the article: Readwise a list below a heading, Omnivore and SimpRead lines with a link
to the original.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from typing import Final

from newsgrep.analysis.characters import fold
from newsgrep.extraction.frontmatter.dialects import Fields, key_line, parse_lines
from newsgrep.extraction.whitespace import unescape_html

_MAX_SAVER_HEAD: Final = 20_000
"""Characters in which the comment of a program is searched."""
_MAX_COMMENT: Final = 2_000
_ADDRESS: Final = r"https?://[^\s<>\"']{1,2000}"
_COMMENT = re.compile(rf"<!--((?:(?!-->).){{10,{_MAX_COMMENT}}}+)-->", re.DOTALL)
_SAVED_FROM = re.compile(rf"\s*saved from url=\(\d{{4}}\)({_ADDRESS})", re.IGNORECASE)
_MIRRORED = re.compile(
    r"\s*Mirrored from (\S{4,2000}) by HTTrack[^,]{0,100},\s*(?P<mail>.{10,40}?)\s*$",
    re.IGNORECASE | re.DOTALL,
)
_SINGLE_FILE = re.compile(
    rf"\s*(?:Page saved with|Archive processed by) SingleFile\s+url:\s*({_ADDRESS})"
    r"(?:\s+saved date:\s*(?P<script>[^\n(]{10,60}))?",
    re.IGNORECASE,
)
_MONOLITH = re.compile(
    rf"\s*Saved from ({_ADDRESS}) at (?P<iso>\d{{4}}-\d\d-\d\dT[\d:.]{{5,12}}Z?)", re.IGNORECASE
)
_SIGNS: Final = ("saved from", "Mirrored from", "SingleFile", "Saved from")
_PROGRAMS: Final = (_SAVED_FROM, _MIRRORED, _SINGLE_FILE, _MONOLITH)

_REPLAYED = re.compile(r"""wombat\(\s*["'](https?://[^"'\s]{1,2000})["']\s*,\s*["'](\d{14})["']""")
"""What the Wayback Machine calls with address and time in a script."""
_ARCHIVED = re.compile(
    r"https?://[^/\s]{4,80}/((?:web/)?\d{8,14}|web/\d{4,14}|\d{8}-\d{6})(?:[a-z]{2}_)?"
    r"/(https?:/{1,2}[^\s/]\S*)"
)
_SCRIPT_DATE = re.compile(
    r"[A-Z][a-z]{2} ([A-Z][a-z]{2}) (\d{1,2}) (\d{4}) (\d\d):(\d\d):(\d\d) GMT([+-])(\d\d):?(\d\d)"
)
_MONTHS: Final = "JanFebMarAprMayJunJulAugSepOctNovDec"


@dataclass(frozen=True, slots=True)
class Saved:
    """The address of a saved page, and when it was saved; None for what is not stated."""

    url: str | None = None
    fetched: datetime | None = None


def read_saved(markup: str) -> Saved:
    """Return what the program that saved the page ``markup`` wrote into it."""
    head = markup[:_MAX_SAVER_HEAD]
    if "wombat(" in head and (replayed := _REPLAYED.search(head)):
        return Saved(replayed[1], _compact_time(replayed[2]))
    if not any(sign in head for sign in _SIGNS):
        return Saved()
    for comment in _COMMENT.finditer(head):
        for program in _PROGRAMS:
            if match := program.match(comment[1]):
                url = unescape_html(match[1])
                if not url.startswith(("http://", "https://")):
                    url = f"http://{url}"  # HTTrack writes no scheme
                original = original_address(url)
                return Saved(original.url, original.fetched or _time_of(match.groupdict()))
    return Saved()


def original_address(url: str) -> Saved:
    """Return the address of which ``url``, in a web archive, is a copy, and when it was made.

    Returns ``url`` itself if it is not in a web archive.

    >>> original_address("https://web.archive.org/web/20120605/http://a.example/b").url
    'http://a.example/b'
    """
    match = _ARCHIVED.match(url)
    if match is None:
        return Saved(url)
    scheme, _, rest = match[2].partition(":")
    return Saved(
        f"{scheme}://{rest.lstrip('/')}", _compact_time("".join(filter(str.isdigit, match[1])))
    )


def _time_of(stated: dict[str, str | None]) -> datetime | None:
    """Return the time that a program states in one of the forms ``mail``, ``script``, ``iso``."""
    try:
        if text := stated.get("mail"):
            moment = parsedate_to_datetime(text)
        elif text := stated.get("iso"):
            moment = datetime.fromisoformat(text)
        elif (text := stated.get("script")) and (match := _SCRIPT_DATE.match(text)):
            moment = _script_time(match)
        else:
            return None
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _script_time(match: re.Match[str]) -> datetime:
    """Return a time as JavaScript prints it: ``Thu Mar 10 2022 19:12:36 GMT-0800``."""
    month = _MONTHS.index(match[1]) // 3 + 1
    offset = timedelta(hours=int(match[8]), minutes=int(match[9]))
    zone = timezone(-offset if match[7] == "-" else offset)
    day, year, hour, minute, second = (int(match[at]) for at in (2, 3, 4, 5, 6))
    return datetime(year, month, day, hour, minute, second, tzinfo=zone)


def _compact_time(digits: str) -> datetime | None:
    if len(digits) < 8:
        return None
    try:
        return datetime.strptime(digits.ljust(14, "0"), "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None


_MAX_CLIPPER_HEAD: Final = 3_000
"""Characters in which the lines of a clipper are searched."""
_MAX_CLIPPER_LINE: Final = 600
_MAX_CLIPPER_LINES: Final = 12

_NUMBER_SIGNS: Final = ("#", "＃", "﹟")
_FIELD_LIST = re.compile(
    r"^#{1,4}[ \t]*(?:metadata|properties|元数据|属性)[ \t]*\n\s*"
    r"((?:[-*][ \t][^\n]{1,500}(?:\n|\Z)){1,30})"
    r"(?:\s*#{1,4}[ \t]*(?:highlights|高亮|标注)[ \t]*\n)?",
    re.MULTILINE,
)
"""A list of fields below a heading, and the heading above the text; folded."""
_LIST_KEYS: Final = {"full title": "title", "category": "type", "document tags": "tags"}
_LINKED_ADDRESS: Final = r"(https?://[^\s()<>\"]{1,2000})"
_ORIGINAL = re.compile(
    r"(?:>\s*)?(?:[^\n]{0,200}?[\s,;]|)"
    r"(?:原文(?:地址|链接|网址)?|(?:read |view )?original(?: article| link| url)?|source url)"
    rf"\s*:?\s*(?:\[[^\]\n]{{0,300}}\]\({_LINKED_ADDRESS}\)|<?{_LINKED_ADDRESS}>?)[\s.]*"
)
_READ_LINK = re.compile(
    r"\[(?:read (?:on|in) [^\]\n]{1,40}|(?:read|view) original|view in browser"
    rf"|原文(?:地址|链接)?)\]\({_LINKED_ADDRESS}\)"
)
"""A line that is only a link to the original or to the copy of the clipper, folded."""


def read_clipper(fields: Fields, text: str) -> tuple[Fields, str]:
    """Return ``fields`` with what a clipper wrote at the top of ``text``, and ``text`` without it.

    ``fields`` are those of the front matter, which are believed first.
    """
    head = text[:_MAX_CLIPPER_HEAD]
    if "](" not in head and "http" not in head:
        return fields, text
    found: Fields = {}
    headed = any(head.startswith(sign) or f"\n{sign}" in head for sign in _NUMBER_SIGNS)
    if headed and (stated := _FIELD_LIST.search(fold(head))):
        block = head[stated.start(1) : stated.end(1)]
        items = [line.lstrip("-* \t") for line in block.splitlines()]
        if all(key_line(item) for item in items):
            listed = parse_lines("\n".join(items)) or {}
            found = {_LIST_KEYS.get(key, key): values for key, values in listed.items()}
            text = text[: stated.start()] + text[stated.end() :]
    urls, text = _take_links(text)
    if urls:
        found.setdefault("url", (urls[-1],))
    return {**found, **fields}, text


def _take_links(text: str) -> tuple[list[str], str]:
    """Return the addresses in lines with links to the original, and ``text`` without them."""
    urls: list[str] = []
    kept: list[str] = []
    start = end = 0
    for _ in range(_MAX_CLIPPER_LINES):
        end = text.find("\n", start) + 1 or len(text)
        line = text[start:end].strip() if end - start <= _MAX_CLIPPER_LINE else ""
        folded = fold(line) if line else ""
        match = None
        if "http" in folded:
            match = _READ_LINK.fullmatch(folded) or _ORIGINAL.fullmatch(folded)
        if match is None:
            kept.append(text[start:end])
        else:
            group = next(number for number, value in enumerate(match.groups(), 1) if value)
            urls.append(line[match.start(group) : match.end(group)])
        start = end
        if end == len(text):
            break
    return urls, "".join(kept) + text[end:] if urls else text
