"""Damaged, missing and exchanged files are errors, and ``newsgrep doctor`` finds all of them."""

from __future__ import annotations

import random

import pytest

from tests.support.damage import random_damage
from tests.support.fault_scenarios import Workshop, try_damage
from tests.support.stress import Tally, trial_count

pytestmark = pytest.mark.torture


def test_damage_is_an_error_and_doctor_finds_it(workshop: Workshop, tally: Tally) -> None:
    indexes = workshop.indexes
    index, old, other = indexes["new"], indexes["old"], indexes["other"]
    assert index is not None
    assert old is not None
    assert other is not None
    others = {"from the commit before": old, "from another index": other}
    failures = []
    for damage in random_damage(index, others, random.Random(19), trial_count(15, 500)):
        outcome = try_damage(workshop, "new", damage)
        tally["trials"] += 1
        tally["errors"] += outcome.is_error
        tally["same answers"] += not outcome.is_error and not outcome.is_wrong
        tally["wrong answers"] += outcome.is_wrong
        tally["found by doctor"] += outcome.is_found
        if outcome.is_wrong or not outcome.is_found:
            failures.append(outcome.details)
    assert failures == []
