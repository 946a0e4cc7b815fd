"""Names of files that say nothing, such as ``index.html``: the folder has the article's name."""

from __future__ import annotations

import os
import re
from typing import Final

_GENERIC = re.compile(
    r"(?:index|default|main|page|contents?|article|output|singlefile|正文|内容)[-_ ]?\d{0,3}",
    re.IGNORECASE,
)
_MAX_FOLDERS: Final = 3
_DATE = re.compile(
    r"(?<!\d)(?:19|20)\d\d[-_.年/]?(?:1[0-2]|0?[1-9])[-_.月/]?(?:3[01]|[12]\d|0?[1-9])日?(?!\d)"
    r"(?:[ T_-]{1,2}\d\d[-_:.]?\d\d(?:[-_:.]?\d\d)?(?!\d))?"
)
_AROUND: Final = " \t-_—–·.,，、|()（）[]【】"
_HAN = re.compile("[\u4e00-\u9fff]")
_MIN_HAN: Final = 4


def telling_folder(path: str) -> str | None:
    """Return the name of the folder that names the file at ``path``; None if its own name does.

    >>> telling_folder("/saved/2024-05-17 渡口/index.html")
    '2024-05-17 渡口'
    """
    *folders, name = path[-1000:].replace("\\", "/").split("/")
    if not _is_generic(os.path.splitext(name)[0]):  # noqa: PTH122 - any byte
        return None
    near = reversed(folders[-_MAX_FOLDERS:])
    return next((each for each in near if each and not _is_generic(each)), None)


def _is_generic(name: str) -> bool:
    return _GENERIC.fullmatch(name) is not None


def title_in_folder(path: str) -> str | None:
    """Return the title that a folder gives to a file whose own name says nothing, without a date.

    Only a name in Chinese is one: others are numbers, words of an address, or names of programs.

    >>> title_in_folder("/saved/2024-05-17_渡口的冬天/index.html")
    '渡口的冬天'
    """
    folder = telling_folder(path)
    if folder is None:
        return None
    title = _DATE.sub(" ", folder).strip(_AROUND)
    return title if len(_HAN.findall(title)) >= _MIN_HAN else None
