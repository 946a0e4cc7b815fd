"""A loss of power leaves the old index or the new one, and after success the new one."""

from __future__ import annotations

import random

import pytest

from tests.support.fault_scenarios import (
    SCENARIO_NAMES,
    Workshop,
    scenario_named,
    try_power_loss,
)
from tests.support.stress import Tally, trial_count

pytestmark = pytest.mark.torture


@pytest.mark.parametrize("name", SCENARIO_NAMES)
def test_power_loss_leaves_old_or_new_index(workshop: Workshop, name: str, tally: Tally) -> None:
    scenario = scenario_named(workshop.engine, name)
    calls = len(workshop.expected(scenario).changes)
    chance = random.Random(f"{name} 20")
    wrong = []
    for number in range(trial_count(1, 60)):
        # The end is as frequent as all other moments of a third of the trials.
        at = chance.choice((calls, chance.randint(1, calls), chance.randint(1, calls)))
        found = try_power_loss(workshop, scenario, at, chance, in_order=number % 3 == 0)
        tally["trials"] += 1
        tally["failures"] += bool(found)
        wrong += found
    assert wrong == []
