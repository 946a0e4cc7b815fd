"""The title of an article: the best claim, the first line, or the start of the body."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import Final

from newsgrep.analysis.characters import strip_invisible
from newsgrep.extract.claims import Block, Body, Claim, ClaimField, Claims, Loss
from newsgrep.extract.outlets import Outlet, strip_title_suffix
from newsgrep.extract.trace import NO_TRACE, Trace
from newsgrep.extract.whitespace import collapse_whitespace, comparison_key
from newsgrep.models import Provenance

_COLUMN_SUFFIX = re.compile(r"(?<=\S{4})\s+[|｜]\s+[^\s|｜，。,.]{2,12}$")
"""The name of a column or an outlet after the headline of a plain text."""
_MAX_DERIVED_TITLE: Final = 60
_MAX_HEADLINE: Final = 100
_FIRST_LINE_RANK: Final = 200
_BODY_START_RANK: Final = 210
_FILE_NAME_RANK: Final = 220


def choose_title(
    claims: Claims,
    blocks: Sequence[Block],
    outlet: Outlet | None,
    source: str | None,
    trace: Trace = NO_TRACE,
) -> tuple[str | None, Provenance | None]:
    """Return the title of the best claim or of the first block, and its provenance, or None twice.

    ``source`` is the name of the outlet, which is removed from the end of the title.
    """
    names = {source or ""} | {claim.value for claim in claims.sources} | set(claims.tags[:2])
    if outlet:
        names |= outlet.names
    for claim in claims.titles:
        title = strip_title_suffix(claim.value, outlet, names)
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


def _is_headline(text: str) -> bool:
    """Return whether the first text of a file is a headline: short, one line, no sentence."""
    return (
        len(text) <= _MAX_HEADLINE
        and "\n" not in text
        and not text.endswith(("。", ".", "，", ",", "；", ";", "：", ":"))
        and bool(comparison_key(text))
    )


def derive_title(body: Body, path: str, trace: Trace = NO_TRACE) -> tuple[str, Provenance, Body]:
    """Return a title from the first line of ``body``, cut at punctuation, or from the path."""
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
