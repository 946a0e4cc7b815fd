"""One run in memory: whatever the files and their order, records and articles are consistent."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable

import pytest

from newsgrep.indexing.run import UpdateRun
from newsgrep.models import FileRecord
from tests.support.memory_archive import Archive
from tests.support.stress import Tally, trial_count


@pytest.fixture
def promoted(monkeypatch: pytest.MonkeyPatch, tally: Tally) -> Tally:
    """Count duplicates that become articles because a better version replaced their article."""
    forget: Callable[[UpdateRun, FileRecord], None] = UpdateRun._forget_duplicate

    def counted(run: UpdateRun, record: FileRecord) -> None:
        tally["duplicates that become articles"] += 1
        forget(run, record)

    monkeypatch.setattr(UpdateRun, "_forget_duplicate", counted)
    return tally


def test_records_are_those_of_the_files_after_any_history(promoted: Tally) -> None:
    for seed in range(trial_count(120, 4000)):
        chance, archive = random.Random(seed), Archive(commits_often=seed % 2 == 0)
        for _ in range(10):
            for _ in range(chance.choice((1, 2, 6))):
                archive.change(chance)
            before = set(archive.articles)
            run = archive.update()
            archive.verify()
            archive.verify_versions()
            summary = run.summary(len(archive.articles), 0)
            assert summary.seen == sum(summary.counts.values()) == len(archive.files)
            assert summary.removed == len(before - set(archive.articles))
            plan = archive.plan()
            assert not plan.to_read, seed
            assert not plan.gone, seed
            promoted["runs"] += 1
    assert promoted["duplicates that become articles"]


def test_ids_do_not_depend_on_what_is_indexed_in_one_run() -> None:
    for seed in range(40):
        chance, archive = random.Random(seed), Archive()
        for _ in range(12):
            archive.change(chance)
        archive.update()
        again = Archive(dict(reversed(archive.files.items())))
        again.update()
        assert again.records() == archive.records()
        assert Counter(archive.articles) == Counter(again.articles)
