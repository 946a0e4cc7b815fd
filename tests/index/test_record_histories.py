"""Files of records that grow, shrink, are rotated and refilled: the index is what they have."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from newsgrep.index.folder import FolderIndex
from newsgrep.index.outcomes import Outcome, UpdateSummary
from newsgrep.index.update import UpdateOptions, update_index
from newsgrep.models import Status
from tests.support.record_files import FORMATS, Item
from tests.support.stress import Tally, trial_count

WORDS = ("港口", "河堤", "学校", "电车", "渔船", "图书馆", "灯塔", "盐场")
NAMES = ("d", "e", "f")


def item(number: int, version: int = 0, *, has_url: bool = True) -> Item:
    word = WORDS[number % len(WORDS)]
    details = "".join(f"，{WORDS[(number + each) % len(WORDS)]}{number}号" for each in range(6))
    body = f"{word}的第{number}号工程昨天完工{details}，{'沿岸的村子' * version}不再需要沙袋。"
    return Item(f"{word}第{number}号", body, f"https://a.example/{number}" if has_url else "")


def update(index: FolderIndex, folder: Path, prune: bool | None = True) -> UpdateSummary:
    return update_index(index, [str(folder)], UpdateOptions(prune=prune))


def contents(index: FolderIndex) -> dict[str, tuple[object, ...]]:
    """Return what is known of each record, and its article's text, by path.

    An article keeps the id that it had, so ids depend on the history.
    """
    with index.open() as engine:
        records = list(engine.file_records())
        ids = [each.article_id or "" for each in records if each.status is Status.INDEXED]
        bodies = {each.path: each.body for each in engine.get(ids)}
    assert len({record.path for record in records}) == len(records)
    return {
        record.path: (
            record.status,
            record.digest,
            record.reason if record.status is Status.REJECTED else "",
            record.ledger,
            bodies.get(record.path),
        )
        for record in records
    }


class Archive:
    """A folder of files of one format, and the articles in each."""

    def __init__(self, folder: Path, ending: str, chance: random.Random, *, has_urls: bool) -> None:
        self.folder = folder
        self.files: dict[str, list[Item]] = {}
        self._ending = ending
        self._chance = chance
        self._has_urls = has_urls
        self._next = 0

    def change(self) -> str:
        """Change one file, write it, and return what was done."""
        chance = self._chance
        name = chance.choice(NAMES)
        items = self.files.get(name, [])
        at = chance.randrange(len(items) + 1)
        what = chance.choice(
            ("append", "append", "insert", "delete", "edit", "shuffle", "refill", "rotate", "copy")
        )
        match what:
            case "append":
                items += [self._new() for _ in range(chance.randint(1, 4))]
            case "insert":
                items[at:at] = [self._new()]
            case "delete":
                del items[at : at + chance.randint(1, 3)]
            case "edit" if items:
                edited = chance.randrange(len(items))
                number = int(items[edited].title.partition("第")[2].removesuffix("号"))
                version = chance.randrange(1, 4)
                items[edited] = item(number, version, has_url=self._has_urls)
            case "shuffle":
                chance.shuffle(items)
            case "refill":
                items = [self._new() for _ in range(chance.randint(1, 8))]
            case "rotate":
                self._write(chance.choice(NAMES), items)
                items = [self._new()]
            case "copy":
                items += self.files.get(chance.choice(NAMES), [])[:3]
        self._write(name, items)
        return what

    def _new(self) -> Item:
        self._next += 1
        return item(self._next, has_url=self._has_urls)

    def _write(self, name: str, items: list[Item]) -> None:
        path = self.folder / f"{name}.{self._ending}"
        self.files[name] = list(items)
        if items:
            path.write_bytes(FORMATS[self._ending](items))
        else:
            path.unlink(missing_ok=True)


CASES = [(ending, True) for ending in FORMATS] + [("jsonl", False), ("csv", False), ("mbox", False)]


@pytest.mark.parametrize(("ending", "has_urls"), CASES)
def test_random_histories_end_like_a_new_index(
    tmp_path: Path, ending: str, has_urls: bool, tally: Tally
) -> None:
    chance = random.Random(f"{ending} {has_urls} 15")
    folder, index = tmp_path / "a", FolderIndex(tmp_path / "index")
    folder.mkdir()
    archive = Archive(folder, ending, chance, has_urls=has_urls)
    for step in range(trial_count(8, 150)):
        done = [archive.change() for _ in range(chance.randint(1, 3))]
        summary = update(index, folder)
        assert summary.seen == sum(summary.counts.values())
        fresh = FolderIndex(tmp_path / f"fresh{step}")
        update(fresh, folder)
        assert contents(index) == contents(fresh), (step, done)
        again = update(index, folder)
        assert again.counts[Outcome.ADDED] + again.counts[Outcome.UPDATED] == 0
        tally["states"] += 1
