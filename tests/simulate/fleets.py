"""Scenarios for the tests: equal workers and a few hundred jobs unless said otherwise."""

import random
from typing import Any

from balanza.simulate.engine import Simulation, simulate
from balanza.simulate.measures import Outcome
from balanza.simulate.rules import Rules, rules_named
from balanza.simulate.scenario import Scenario, scenario_from
from balanza.simulate.workload import Chances, arrivals_of


def chances_of(seed: int) -> Chances:
    return lambda name: random.Random(f"{seed}/{name}")


def a_scenario(workers: int = 4, jobs: dict[str, Any] | None = None, **more: Any) -> Scenario:
    usual = {"count": 300, "load": 0.9, "prediction_sigma": 0.5}
    return scenario_from({"workers": [{"count": workers}], "jobs": usual | (jobs or {}), **more})


def outcome_of(scenario: Scenario, rules: Rules | str | None = None, seed: int = 1) -> Outcome:
    chosen = rules_named(rules, scenario.rules) if isinstance(rules, str) else rules or scenario.rules
    return simulate(scenario, chosen, chances_of(seed))


def simulation_of(scenario: Scenario, seed: int = 1) -> Simulation:
    chances = chances_of(seed)
    return Simulation(scenario, scenario.rules, chances, arrivals_of(scenario, chances))
