"""What changes in an index, decided file by file: which of two files an article is taken from.

The outcomes add up: every file of a plan has one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from newsgrep.archive.plan import Plan, is_better
from newsgrep.archive.prepare import Failed, Prepared
from newsgrep.archive.summary import Listed, Outcome, Summary
from newsgrep.engines.base import Change, Forget, Note, Remove, Upsert
from newsgrep.engines.entry import Entry
from newsgrep.models import Stamp, Status


class Run:
    """A plan, and what has become of its files so far."""

    def __init__(self, plan: Plan) -> None:
        self.committed = 0
        """How many of the files that were to be read are in the index."""

        self.plan = plan
        self._read = 0
        self._outcomes: dict[str, tuple[Outcome, str]] = {
            stamp.path: _standing(stamp) for stamp in plan.unchanged
        }
        self._decided_before = {stamp.path for stamp in plan.unchanged}
        stale = {file.path for file in plan.to_read} | {stamp.path for stamp in plan.gone}
        # The file that each article is taken from, as far as it stands unquestioned.
        self._winners: dict[str, Stamp] = {
            stamp.article_id: stamp
            for stamp in plan.known.values()
            if stamp.status is Status.INDEXED and stamp.article_id and stamp.path not in stale
        }
        self._lost: dict[str, Stamp] = {
            stamp.article_id: stamp
            for stamp in plan.known.values()
            if stamp.status is Status.INDEXED and stamp.article_id and stamp.path in stale
        }
        self._before = self._winners.keys() | self._lost.keys()
        self._followers: dict[str, list[Stamp]] = {}
        for stamp in plan.known.values():
            if stamp.status is Status.DUPLICATE and stamp.article_id and stamp.path not in stale:
                self._followers.setdefault(stamp.article_id, []).append(stamp)
        # Duplicates to be noted once it is known which file each article is taken from.
        self._duplicates: list[tuple[str, Stamp]] = []

    def commit(self) -> None:
        """Note that all changes that were asked for so far are in the index."""
        self.committed = self._read

    def changes(self, prepared: Iterator[Prepared]) -> Iterator[Iterable[Change]]:
        """Yield what is to be changed, in groups that must not be parted by a commit."""
        yield [Forget(stamp.path) for stamp in self.plan.gone if stamp.status is not Status.INDEXED]
        for item in prepared:
            self._read += 1
            match item:
                case Failed(path, reason):
                    yield self._failed(path, reason)
                case Stamp():
                    self._outcomes[item.path] = Outcome.REJECTED, item.reason or ""
                    yield (Note(item),)
                case _:
                    yield self._article(item)
        # Articles that lost their file and were found in no other one.
        lost = (article_id for article_id in self._lost if article_id not in self._winners)
        yield map(Remove, lost)
        yield (self._duplicate(stamp, self._winners[key]) for key, stamp in self._duplicates)

    def _failed(self, path: str, reason: str) -> Iterator[Change]:
        """Keep what the index has of a file that can't be read now."""
        self._outcomes[path] = Outcome.FAILED, reason
        known = self.plan.known.get(path)
        if known and known.article_id and known.status is Status.INDEXED:
            self._winners.setdefault(known.article_id, known)
        yield from ()

    def _article(self, entry: Entry) -> Iterator[Change]:
        stamp = entry.stamp
        article_id = entry.article_id
        known = self.plan.known.get(stamp.path)
        incumbent = self._winners.get(article_id)
        if incumbent and not is_better(stamp, incumbent):
            self._outcomes[stamp.path] = Outcome.DUPLICATE, ""
            self._duplicates.append((article_id, stamp))
            return
        if known and known.status is not Status.INDEXED:
            yield Forget(stamp.path)
        yield Upsert(entry)
        stood = article_id in self._before
        self._outcomes[stamp.path] = (Outcome.UPDATED if stood else Outcome.ADDED), ""
        self._winners[article_id] = stamp
        if incumbent:
            followers = self._followers.pop(article_id, [])
            self._duplicates += [(article_id, each) for each in (incumbent, *followers)]

    def _duplicate(self, stamp: Stamp, winner: Stamp) -> Change:
        later = winner.rank[0] > stamp.rank[0]
        fuller = winner.rank[1] > stamp.rank[1]
        why = "fetched later" if later else "is fuller" if fuller else "comes first"
        verb = "was " if later else ""
        reason = f"the same article as {winner.path}, which {verb}{why}"
        if stamp.path in self._outcomes:  # and not gone, or of another folder
            self._outcomes[stamp.path] = Outcome.DUPLICATE, reason
        return Note(stamp._replace(status=Status.DUPLICATE, reason=reason))

    def summary(self, articles: int, seconds: float) -> Summary:
        """Return what has become of all files, in an index that now holds ``articles``."""
        counts = Counter(outcome for outcome, _ in self._outcomes.values())
        listed: dict[Outcome, list[Listed]] = {
            Outcome.DUPLICATE: [],
            Outcome.REJECTED: [],
            Outcome.FAILED: [],
        }
        for path, (outcome, reason) in self._outcomes.items():
            if outcome in listed:
                listed[outcome].append(Listed(path, reason, path in self._decided_before))
        skipped: dict[str, list[Listed]] = {}
        for item in self.plan.skipped:
            skipped.setdefault(item.kind, []).append(Listed(item.path, item.reason))
        removed = [article_id for article_id in self._lost if article_id not in self._winners]
        return Summary(
            seen=self.plan.seen,
            counts={outcome: counts[outcome] for outcome in Outcome},
            removed=len(removed),
            articles=articles,
            listed={outcome: tuple(items) for outcome, items in listed.items()},
            skipped={kind: tuple(items) for kind, items in sorted(skipped.items())},
            seconds=seconds,
            shard=str(self.plan.shard) if self.plan.shard else None,
        )


def _standing(stamp: Stamp) -> tuple[Outcome, str]:
    match stamp.status:
        case Status.INDEXED:
            return Outcome.UNCHANGED, ""
        case Status.DUPLICATE:
            return Outcome.DUPLICATE, stamp.reason or ""
        case Status.REJECTED:
            return Outcome.REJECTED, stamp.reason or ""
