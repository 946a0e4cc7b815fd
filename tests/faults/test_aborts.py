"""A command that is killed, or whose calls fail, leaves the old index or the new one."""

from __future__ import annotations

import random

import pytest

from tests.support.fault_scenarios import (
    SCENARIO_NAMES,
    Workshop,
    random_plans,
    scenario_named,
    try_fault,
)
from tests.support.stress import Tally, trial_count

pytestmark = pytest.mark.torture


@pytest.mark.parametrize("name", SCENARIO_NAMES)
def test_fault_leaves_old_or_new_index(workshop: Workshop, name: str, tally: Tally) -> None:
    scenario = scenario_named(workshop.engine, name)
    calls = workshop.expected(scenario).calls
    wrong = []
    for plan in random_plans(calls, random.Random(f"{name} 19"), trial_count(2, 120)):
        found = try_fault(workshop, scenario, plan)
        tally["trials"] += 1
        tally["failures"] += bool(found)
        wrong += found
    assert wrong == []
