"""Dates in names: in URLs, titles, and the names of files and their folders."""

from __future__ import annotations

import re
from typing import Final

from newsgrep.extraction.dates.forms import (
    DAY_FIRST,
    MAX_FIELD,
    StatedDate,
    build_date,
    may_state_date,
    plain_signs,
)
from newsgrep.extraction.file_names import telling_folder

_URL_DATE = re.compile(
    r"/(?P<year>19\d\d|20\d\d)(?P<sep>[-/_]?)(?P<month>0[1-9]|1[0-2]|(?<=[-/_])[1-9])(?P=sep)"
    r"(?P<day>0[1-9]|[12]\d|3[01]|(?<=[-/_])[1-9])(?=[/_.?#-]|$)"
)
_URL_YEAR_DAY = re.compile(
    r"/(?P<year>19\d\d|20\d\d)[-/](?P<month>0[1-9]|1[0-2])(?P<day>0[1-9]|[12]\d|3[01])(?=[/_.?#-]|$)"
)
_URL_MONTH_DAY = re.compile(
    r"/(?P<year>19\d\d|20\d\d)-?(?P<month>0[1-9]|1[0-2])/(?P<day>0[1-9]|[12]\d|3[01])(?=[/_.?#-]|$)"
)
_URL_TAIL_DATE = re.compile(
    r"[-_/=]t?(?P<year>20\d\d)(?P<sep>-?)(?P<month>0[1-9]|1[0-2])(?P=sep)(?P<day>0[1-9]|[12]\d|3[01])(?=[/_.?#&-]|$)"
)
_URL_MONTH = re.compile(r"/(?P<year>19\d\d|20\d\d)[-/]?(?P<month>0[1-9]|1[0-2])(?P<day>)/")


def date_in_url(url: str) -> StatedDate | None:
    """Return the day or the month in ``url``, such as ``/20240517/`` or ``/2024/05/``, or None."""
    for pattern in (_URL_DATE, _URL_YEAR_DAY, _URL_MONTH_DAY, _URL_TAIL_DATE, _URL_MONTH):
        match = pattern.search(url)
        if match and (found := build_date(match, "", None)):
            return found.stated
    return None


_PART = re.compile(r"[\\/]")
_NAME_DATE = re.compile(
    r"(?<!\d)(?P<year>19\d\d|20\d\d)(?P<sep>[-_.年]?)(?P<month>0?[1-9]|1[0-2])(?:(?P=sep)|(?<=\d)月)"
    r"(?P<day>0[1-9]|[12]\d|3[01]|(?<=[-_.月])[1-9])日?(?!\d)"
)
_MAX_FOLDERS: Final = 4
_BRACKETS: Final = "()（）[]［］【】〔〕「」《》<> \t"
_SEPARATORS: Final = _BRACKETS + "-_—–|｜·:：,，、/"


def date_at_edge(text: str) -> StatedDate | None:
    """Return the day with which ``text``, a title or the name of a file, begins or ends.

    A date in words must be separated from the rest: ``2008年5月12日地震之后`` is about a day.

    >>> date_at_edge("《汀海新闻》（20220409）").day
    datetime.date(2022, 4, 9)
    """
    text = text[:MAX_FIELD].strip(_BRACKETS)
    if not may_state_date(text):
        return None
    text = plain_signs(text)
    for match in (*_NAME_DATE.finditer(text), *DAY_FIRST.finditer(text)):
        before, after = text[: match.start()], text[match.end() :]
        if before and after:
            continue
        beside = (before[-1:] + after[:1]) or " "
        in_words = match["sep"] == "年" or match.re is DAY_FIRST
        if (beside in _SEPARATORS or not in_words) and (found := build_date(match, "", None)):
            return found.stated
    return None


def date_in_path(path: str) -> StatedDate | None:
    """Return the day that the name of a file begins or ends with, or that its folders are.

    The name of a file that says nothing is that of its folder: ``2024-05-16 lugang/index.html``.

    >>> date_in_path("/archive/2024-05-16-lugang.md").day
    datetime.date(2024, 5, 16)
    >>> date_in_path("/archive/2022/04/09/a.md").day
    datetime.date(2022, 4, 9)
    """
    *folders, name = _PART.split(path[-1000:])
    if stated := date_at_edge(name.rpartition(".")[0] or name):
        return stated
    near = folders[-_MAX_FOLDERS:]
    for folder in reversed(near):
        if _NAME_DATE.fullmatch(folder) and (stated := date_at_edge(folder)):
            return stated
    match = _URL_DATE.search("/" + "/".join(near) + "/")
    if match and (found := build_date(match, "", None)):
        return found.stated
    folder = telling_folder(path)
    return date_at_edge(folder) if folder else None
