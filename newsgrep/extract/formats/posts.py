"""Posts of bulletin boards as plain text: their forms, signatures, origins and replies.

The head, such as ``作者: … 看板: …``, is a matter of :mod:`newsgrep.extract.labels`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from newsgrep.analysis.fold import fold
from newsgrep.extract.claims import Block, Claims, Rule
from newsgrep.extract.labels import join_claims, read_labels

_ORIGIN = re.compile(r"\s*※\s*(?:发信站|来源|文章网址|编辑|转录|修改|引述)\s*[::]")
_REPLY = re.compile(r"\s*(?:推|嘘|→)\s+[\w.-]{2,20}\s*:")
_ADDRESS = re.compile(r"https?://[^\s\]）)]{4,300}")
_FORM_LABEL = re.compile(r"\s*\d{1,2}\s?[.、．]\s?[^\s:：]{2,12}\s*[:：]\s*(?P<value>\S.{0,200})?$")
_MAX_LABEL_LINE: Final = 200
_MAX_SIGNATURE: Final = 12
"""Lines of the longest signature."""


@dataclass(frozen=True, slots=True)
class Post:
    """The lines of the text, claims of form and foot, and blocks that are not the text."""

    lines: list[str]
    claims: Claims
    blocks: tuple[Block, ...] = ()


def split_post(lines: Sequence[str]) -> Post:
    """Return the text of a post without its form, signature, origin and replies."""
    kept, stated = _take_form(lines)
    foot = next((i for i, line in enumerate(kept) if _ORIGIN.match(fold(line[:20]))), None)
    if foot is None:
        return Post(kept, join_claims(stated))
    start = foot
    for index in range(foot - 1, max(-1, foot - _MAX_SIGNATURE), -1):
        if kept[index].rstrip() == "--":
            start = index
    blocks = []
    for line in kept[start:]:
        folded = fold(line[:_MAX_LABEL_LINE])
        if _ORIGIN.match(folded):
            if "网址" in folded and (address := _ADDRESS.search(line)):
                claims = read_labels(f"url:{address.group()}")
                stated += [claims] if claims else []
        elif _REPLY.match(folded):
            blocks.append(Block(line.strip(), rule=Rule.COMMENTS))
        elif line.strip("- \t"):
            blocks.append(Block(line.strip(), rule=Rule.OUTSIDE))
    return Post(kept[:start], join_claims(stated), tuple(blocks))


def _take_form(lines: Sequence[str]) -> tuple[list[str], list[Claims]]:
    """Return the lines without a numbered form (``1.媒體來源:``), and what the form states."""
    labels = [i for i, line in enumerate(lines) if _is_form_label(line)]
    if len(labels) < 2:
        return list(lines), []
    stated: list[Claims] = []
    dropped: set[int] = set()
    for index in labels:
        following = lines[index + 1].strip() if index + 1 < len(lines) else ""
        alone = read_labels(lines[index].strip())
        joined = read_labels(f"{lines[index].strip()}{following}") if following else None
        if alone is None:
            continue
        dropped.add(index)
        if alone.all():
            stated.append(alone)
        elif joined is not None and joined.all():
            stated.append(joined)
            dropped.add(index + 1)
    return [line for i, line in enumerate(lines) if i not in dropped], stated


def _is_form_label(line: str) -> bool:
    return len(line) <= _MAX_LABEL_LINE and _FORM_LABEL.match(line) is not None
