"""A record of the decisions of one extraction, for people who want to know why.

The functions that choose a field report to a :class:`Trace`: which claim was believed, which
were refused and why, and what became of each block. Indexing passes :data:`NO_TRACE`, which
records nothing; ``newsgrep extract --explain`` passes a :class:`FullTrace`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final, NamedTuple

from newsgrep.extraction.claims import Block, Claim, ClaimField, Claims, Loss, Rule
from newsgrep.messages import message


class Trace:
    """Receives the decisions of an extraction; this class drops them.

    ``full`` is whether someone reads the trace: only then look at evidence that cannot win.
    """

    full: bool = False

    def won(self, claim: Claim) -> None:
        """Record that ``claim`` was believed; several claims may name authors."""

    def lost(self, claim: Claim, loss: Loss) -> None:
        """Record that ``claim`` was refused. Without a record, a claim of the file was weaker."""

    def block(self, block: Block, rule: Rule | None) -> None:
        """Record that ``rule`` left ``block`` out of the body, or that it was kept (None)."""

    def dropped(self, block: Block, before: int) -> None:
        """Record a menu item or a button that comes after ``before`` blocks of the file."""


NO_TRACE: Final = Trace()
"""Records nothing."""


class ClaimOutcome(NamedTuple):
    """A claim, and why it lost: ``loss`` is None for a claim that was believed.

    ``winner`` is a claim that was believed in its place, or None if no claim was. ``line`` is
    the number of the line of the file that states it, from 1, or None if it is not known.
    """

    claim: Claim
    loss: Loss | None = None
    winner: Claim | None = None
    line: int | None = None

    @property
    def reason(self) -> str | None:
        """Why the claim lost, as a phrase such as ``weaker than the heading``, or None."""
        if self.loss is None:
            return None
        winner = message("others")
        if self.winner:
            winner = message("the {provenance}", provenance=message(self.winner.provenance))
        return message(self.loss, winner=winner)


class FullTrace(Trace):
    """Keeps every decision. ``blocks`` are the blocks with their rules, in document order."""

    full = True

    def __init__(self) -> None:
        self.blocks: list[tuple[Block, Rule | None]] = []
        self.menus: list[tuple[Block, int]] = []
        self._won: dict[ClaimField, list[Claim]] = {}
        self._lost: list[tuple[Claim, Loss]] = []

    def won(self, claim: Claim) -> None:
        """Keep a claim that was believed."""
        self._won.setdefault(claim.field, []).append(claim)

    def lost(self, claim: Claim, loss: Loss) -> None:
        """Keep a claim that was refused; of several reasons the first counts."""
        self._lost.append((claim, loss))

    def block(self, block: Block, rule: Rule | None) -> None:
        """Keep a block and its rule."""
        self.blocks.append((block, rule))

    def dropped(self, block: Block, before: int) -> None:
        """Keep a block that no later step receives, and its position."""
        self.menus.append((block, before))

    def sorted_blocks(self) -> tuple[Block, ...]:
        """Return all blocks with their rules in document order, menus and buttons included."""
        found = [(at, 1, replace(block, rule=rule)) for at, (block, rule) in enumerate(self.blocks)]
        found += [(before, 0, block) for block, before in self.menus]
        return tuple(block for *_, block in sorted(found, key=lambda each: each[:2]))

    def outcomes(self, claims: Claims) -> tuple[ClaimOutcome, ...]:
        """Return what became of ``claims`` and of the claims reported, by field and rank.

        The claims that were believed come first.
        """
        found: dict[tuple[object, ...], ClaimOutcome] = {}

        def add(outcome: ClaimOutcome) -> None:
            found.setdefault(outcome.claim[:4], outcome)  # the same place may be read twice

        for claim in (each for winners in self._won.values() for each in winners):
            add(ClaimOutcome(claim))
        for claim, loss in self._lost:
            add(ClaimOutcome(claim, loss, self._winner(claim.field)))
        for claim in claims.all():
            winner = self._winner(claim.field)
            same = winner is not None and winner.value == claim.value
            add(ClaimOutcome(claim, Loss.AGREES if same else Loss.WEAKER, winner))
        order = list(ClaimField)
        return tuple(
            sorted(
                found.values(),
                key=lambda each: (
                    order.index(each.claim.field),
                    each.loss is not None,
                    each.claim.rank,
                ),
            )
        )

    def has_winner(self, field: ClaimField) -> bool:
        """Return whether a claim about ``field`` was believed."""
        return field in self._won

    def _winner(self, field: ClaimField) -> Claim | None:
        return next(iter(self._won.get(field, ())), None)
