"""Pages that a server sends in place of an article: challenges, logins, errors, notices.

A page is one of them only if its text is short, states no date, and its title or most of its
text consists of their formulas. An article about error pages is longer than that, or dated.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Final

from newsgrep._io import table_lines
from newsgrep.analysis.characters import fold
from newsgrep.messages import mark

MAX_TEXT_UNDER_TITLE: Final = 500
"""Weight of the text of an error page whose title is a formula; it may list other articles."""
_MAX_LENGTH: Final = 4000
"""The same in characters: a long word has a small weight."""
_MAX_WIDE: Final = MAX_TEXT_UNDER_TITLE * 3 // 2
"""The same in Han characters with their punctuation."""
_MAX_HEADLINE: Final = 40
"""The same where the title alone decides."""
MAX_TEXT: Final = 150
"""The same of a page without such a title: as long as two sentences."""
_MAX_FRAME: Final = 200
"""The same of a frame of a saved page that is no article."""
_MIN_SHARE: Final = 0.5
"""The part of the text that formulas must make up on a page without such a title."""
_MAX_SENTENCE: Final = 160
"""Characters of a sentence that may be a formula."""

_REASONS: Final = {
    "challenge": "it is a challenge page of the web site, not the article",
    "login": "it is a login page of the web site, not the article",
    "not found": "it is a page of the web site that says “not found”, not the article",
    "removed": "it is a notice that the content was removed, not the article",
    "error": "it is an error page of the web site, not the article",
    "maintenance": "it is a notice of maintenance of the web site, not the article",
    "script": "it is a page that needs JavaScript to show the article; save it from a browser",
}
"""What the sections of ``error_pages.txt`` mean."""
_ENDS: Final = ("。", ".", "!", "?", "…", "”", "」")
"""How sentences end, folded; advertisements shout without."""
_FRAME: Final = mark("it is a frame of a saved page, not the article")


@cache
def formulas() -> dict[str, re.Pattern[str]]:
    """Return the formulas by reason; compiled when the first short page without a date is read."""
    names: dict[str, str] = {}
    sections: dict[str, list[str]] = {}
    reason = ""
    for line in filter(None, table_lines(__file__, "error_pages.txt")):
        if line.startswith("[") and line.endswith("]"):
            reason = _REASONS[line[1:-1]]
            continue
        for name, expression in names.items():
            line = line.replace(f"<{name}>", expression)
        if reason:
            sections.setdefault(reason, []).append(line)
        else:
            name, _, expression = line.partition(" = ")
            names[name.strip("<>")] = expression
    return {reason: re.compile("|".join(lines)) for reason, lines in sections.items()}


@cache
def _any_formula() -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{each.pattern})" for each in formulas().values()))


_TITLE_PARTS = re.compile(r"\s*[|_]\s*|\s+[-–—·:]+\s+|(?<=[\u4e00-\u9fff])[-–—](?=[\u4e00-\u9fff])")
_SENTENCE_END = re.compile(r"[。!?\n]+|\.+(?=\s|$|[\u4e00-\u9fff])")
_WORDS = re.compile(r"[0-9a-z\u00c0-\u2e7f\uac00-\ud7ff]+")
_HAN = re.compile(r"[\u2e80-\ua000]+")
_FRAME_NAME = re.compile(
    r"saved_resource(?:\(\d+\))?\.[a-z]{3,5}|(?:frame|ad|ads|banner)s?(?:[-_]\d+)?\.html?",
    re.IGNORECASE,
)
_FRAME_FOLDER = re.compile(
    r"(?s:.*)[_.](?:files|文件|檔案|dateien|fichiers|archivos|bestanden|ファイル)", re.IGNORECASE
)


def error_page(
    path: str, titles: Sequence[str], texts: Iterable[str], *, dated: bool, bare: bool = False
) -> str | None:
    """Return why a page is not an article, or None if it may be one.

    ``titles`` are those that the page states, ``texts`` its paragraphs and headings without
    boilerplate, and ``dated`` is whether it states a date of publication. ``bare`` is whether
    it is a whole page that states neither title nor address, as frames with advertisements do.
    ``path`` is that of the file: browsers save the frames of a page in a folder of their own.
    """
    if dated:
        return None
    texts = list(texts)
    if sum(map(len, texts)) > _MAX_LENGTH or (wide := sum(map(_wide, texts))) > _MAX_WIDE:
        return None
    parts = dict.fromkeys(part for title in titles for part in _parts(fold(title)))
    reasons = [reason for part in parts if (reason := _formula(part))]
    longest = MAX_TEXT_UNDER_TITLE if reasons else _MAX_FRAME
    if wide > longest * 3 // 2:
        return None
    folded: list[str] = []
    weight = 0
    for text in texts:
        folded.append(fold(text).strip())
        weight += _weight(folded[-1])
        if weight > longest:
            return None
    matched: dict[str, int] = {}
    for text in folded:
        for sentence in _SENTENCE_END.split(text):
            if (reason := _formula(sentence)) and sentence not in parts:
                matched[reason] = matched.get(reason, 0) + _weight(sentence)
    if reasons and (matched or len(reasons) > 1 or weight <= _MAX_HEADLINE):
        return reasons[0]
    if matched and weight <= MAX_TEXT and sum(matched.values()) >= _MIN_SHARE * weight:
        return max(matched, key=lambda reason: matched[reason])
    if bare and weight <= _MAX_HEADLINE and not any(text.endswith(_ENDS) for text in folded):
        return _FRAME
    folder, name = os.path.split(path)
    if weight <= _MAX_FRAME and (_FRAME_NAME.fullmatch(name) or _FRAME_FOLDER.fullmatch(folder)):
        return _FRAME
    return None


def _wide(text: str) -> int:
    """Return about the number of Han characters and their punctuation; faster than to count."""
    return (len(text.encode("utf-8", "replace")) - len(text)) // 2


def _weight(text: str) -> int:
    """Return the length of a folded text: Han characters count 1, words of letters 2."""
    rest = _HAN.sub("", text)
    return len(text) - len(rest) + 2 * len(_WORDS.findall(rest))


def _parts(title: str) -> list[str]:
    """Return a title and its parts between bars and dashes, one of which may be the formula."""
    if len(title) > _MAX_SENTENCE:
        return []
    return [title.strip(), *_TITLE_PARTS.split(title.strip())]


def _formula(text: str) -> str | None:
    """Return what a sentence or the part of a title is a formula for, or None."""
    text = text.strip(" \t\n\"'“”「」[]()<>《》,;:·—-")
    if not text or len(text) > _MAX_SENTENCE:
        return None
    if not _any_formula().fullmatch(text):
        return None
    return next((reason for reason, each in formulas().items() if each.fullmatch(text)), None)
