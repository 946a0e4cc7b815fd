"""Authors: which of the claims to believe, and the names in them.

Elements with the class of a byline also contain what is around the name: ``View all posts by``,
``Geschrieben von``. Where the metadata state a name that such a text contains, it is the name.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from newsgrep.extraction.bylines import parse_names, why_not_a_name
from newsgrep.extraction.claims import Body, Claim, ClaimField, Claims, Loss, is_placeholder
from newsgrep.extraction.outlets import Outlet, Outlets
from newsgrep.extraction.trace import NO_TRACE, Trace
from newsgrep.extraction.whitespace import comparison_key
from newsgrep.models import Provenance

_STATED_BY_PAGE: Final = frozenset(
    (Provenance.OUTLET_RULE, Provenance.ADDRESS_ELEMENT, Provenance.BYLINE, Provenance.LABEL)
)


_LINE_RANK: Final = 200
_MAX_NAMES: Final = 100
"""Names that are compared with each other; a page with more of them lists its staff."""


def choose_authors(
    claims: Claims,
    body: Body,
    source: str | None,
    outlet: Outlet | None,
    outlets: Outlets,
    trace: Trace = NO_TRACE,
) -> tuple[tuple[str, ...], Provenance | None]:
    """Return the authors and where their names were found.

    Tries what the page itself states, then lines of the text, then front matter, then the
    reporters in a dateline, then the rest of the metadata. Feeds often give the outlet as author;
    an outlet is never an author here.
    """
    excluded = {source or ""} | {claim.value for claim in claims.sources}
    roles: tuple[str, ...] = ()
    if outlet:
        excluded |= outlet.names
        roles = outlet.roles
    front_matter, page, other = [], [], []
    for claim in claims.authors:
        if is_placeholder(claim.value):
            trace.lost(claim, Loss.PLACEHOLDER)
        elif claim.provenance is Provenance.FRONT_MATTER:
            front_matter.append(claim)
        elif claim.provenance in _STATED_BY_PAGE:
            page.append(claim)
        else:
            other.append(claim)
    lines = [
        Claim(ClaimField.AUTHORS, line, Provenance.BYLINE, rank=_LINE_RANK) for line in body.bylines
    ]
    reporters = [
        Claim(ClaimField.AUTHORS, names, Provenance.TEXT, rank=_LINE_RANK)
        for names in body.reporters
    ]

    def people_in(claim: Claim) -> list[str]:
        if _is_sentence(claim.value):
            return []
        found = parse_names(claim.value, excluded, roles)
        return [name for name in found if outlets.find(name) is None]

    known = [name for claim in other for name in people_in(claim)]
    for group in (page, lines, front_matter, reporters, other):
        first: Claim | None = None
        names: list[str] = []
        for claim in group:
            if first and not _same_place(first, claim):
                break
            if people := people_in(claim):
                first = first or claim
                names += people
                trace.won(claim)
            else:
                trace.lost(claim, _why_not_people(claim.value, excluded, outlets))
        if first:
            return tuple(_tidy(names[:_MAX_NAMES], known[:_MAX_NAMES])), first.provenance
    return (), None


def _same_place(first: Claim, other: Claim) -> bool:
    """Return whether two claims are of the same kind and rank, so that both count."""
    return first.provenance is other.provenance and first.rank == other.rank


def _why_not_people(value: str, excluded: set[str], outlets: Outlets) -> Loss:
    if value.strip() in excluded or outlets.find(value):
        return Loss.OUTLET_NAME
    return why_not_a_name(value)


_MIN_SENTENCE: Final = 8
"""Words of a sentence about an author."""


def _is_sentence(text: str) -> bool:
    """Return whether ``text`` is about an author: half of its words begin in lower case."""
    words = text.split()
    return len(words) >= _MIN_SENTENCE and 2 * sum(word[0].islower() for word in words) >= len(
        words
    )


def _tidy(names: Iterable[str], known: Iterable[str]) -> dict[str, None]:
    """Return ``names``, each once, as ``known`` or the shortest of them write them."""
    keys = {comparison_key(name): name for name in known if not name.islower()}
    found: dict[str, None] = {}
    for name in names:
        key = comparison_key(name)
        within = [other for other in keys if len(other) > _MIN_KEY and other in key]
        found.setdefault(keys[max(within, key=len)] if within and key not in keys else name)
    ends = tuple(f" {name}" for name in found if len(name) > _MIN_KEY)
    tidied = {name: None for name in found if not name.endswith(ends)}
    stated = [name for name in tidied if comparison_key(name) in keys]
    # Several names that the metadata state as well: the others are roles and institutions.
    return dict.fromkeys(stated) if len(stated) == len(keys) > 1 else tidied


_MIN_KEY: Final = 4
