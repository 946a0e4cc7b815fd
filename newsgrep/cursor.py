"""Where a page of hits ended, as a token that goes into an address or a script as it is.

A place in an order by date stays good whatever comes into the index; one among scores is
good for one commit, for the scores of the next one are others.
"""

from __future__ import annotations

import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256
from typing import Final, NamedTuple
from zlib import crc32

from newsgrep.engines.base import Candidate, Order
from newsgrep.errors import UsageError
from newsgrep.query.tree import Node, scoring_terms

_VERSION: Final = "1"
_LONGEST: Final = 1000
_RANK, _SCORE, _MOMENT = b"r", b"s", b"m"
_AT_RANK: Final = struct.Struct(">QI")
_AT_SCORE: Final = struct.Struct(">Qdd")
_AT_MOMENT: Final = struct.Struct(">d")
_SUM: Final = struct.Struct(">I")
_ASKED: Final = 6  # bytes: a token is taken for another query's once in 2^48 mistakes


class Cursor(NamedTuple):
    """Where a page ended: after the first ``rank`` hits, or after the place of ``last``."""

    rank: int = 0
    last: Candidate | None = None


def token_for(cursor: Cursor, root: Node, order: Order, commit: int) -> str:
    """Return what :func:`cursor_of` takes: letters, digits, ``-`` and ``_``."""
    commit &= 2**64 - 1
    if cursor.last is None:
        kind, place = _RANK, _AT_RANK.pack(commit, cursor.rank)
    else:
        article_id, score, moment = cursor.last
        if _is_bound(root, order):
            kind, place = _SCORE, _AT_SCORE.pack(commit, score, moment)
        else:
            kind, place = _MOMENT, _AT_MOMENT.pack(moment)
        place += article_id.encode()
    data = kind + _asked(root, order) + place
    return _VERSION + urlsafe_b64encode(data + _SUM.pack(crc32(data))).decode().rstrip("=")


def cursor_of(token: str, root: Node, order: Order, commit: int) -> Cursor:
    """Return where ``token`` says to go on.

    Raises :class:`UsageError` for what is no token, for one of another query or order, and
    for one among the scores of another commit than ``commit``.
    """
    if token[:1].isdigit() and token[:1] != _VERSION:
        raise UsageError("This token is of another newsgrep: ask again without --after.")
    kind, asked, place = _opened(token)
    if asked != _asked(root, order):
        raise UsageError(
            "This token is of another query or order: ask with those that gave it, or "
            "without --after."
        )
    if kind == _MOMENT:
        (moment,) = _AT_MOMENT.unpack_from(place)
        return Cursor(last=Candidate(place[_AT_MOMENT.size :].decode(), 0.0, moment))
    if kind == _RANK:
        then, rank = _AT_RANK.unpack(place)
        cursor = Cursor(rank=rank)
    else:
        then, score, moment = _AT_SCORE.unpack_from(place)
        cursor = Cursor(last=Candidate(place[_AT_SCORE.size :].decode(), score, moment))
    if then != commit & 2**64 - 1:
        raise UsageError(
            "The index has changed since this token was given, and every score with it: ask "
            "again without --after, or by --sort date or -date, which go on whatever changes."
        )
    return cursor


def _opened(token: str) -> tuple[bytes, bytes, bytes]:
    try:
        if len(token) > _LONGEST:
            raise ValueError("too long")
        text = token.removeprefix(_VERSION).encode("ascii")
        data = urlsafe_b64decode(text + b"=" * (-len(text) % 4))
        if urlsafe_b64encode(data).rstrip(b"=") != text:
            raise ValueError("not as it was given")
        data, check = data[: -_SUM.size], data[-_SUM.size :]
        if check != _SUM.pack(crc32(data)) or data[:1] not in {_RANK, _SCORE, _MOMENT}:
            raise ValueError("not as it was given")
    except (ValueError, struct.error) as exc:
        raise UsageError(
            "What follows --after is no token: copy the whole “next” of the page before, or "
            "ask without --after."
        ) from exc
    return data[:1], data[1 : 1 + _ASKED], data[1 + _ASKED :]


def _is_bound(root: Node, order: Order) -> bool:
    """Return whether the places of hits are those of one commit only."""
    return order is Order.RELEVANCE and bool(scoring_terms(root))


def _asked(root: Node, order: Order) -> bytes:
    return sha256(f"{order.value} {root!r}".encode("utf-8", "surrogatepass")).digest()[:_ASKED]
