"""The three experiments as a story: which of those here plays which role, and its figures from the record.

A role is found from an experiment's card, its labels and its split. Where several fit, the names that this
project gives its own experiments come first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from core.experiments import SHIPPED, Experiment
from dashboard.shared import records

Levels = dict[str, dict[str, Any]]  # by framework: LEVEL of core.evaluation.summary


@dataclass(frozen=True)
class Role:
    """A part in the story: what an experiment's card must say to play it."""

    key: str
    title: str
    told: str
    labels: str
    split: str


ROLES = (
    Role("famous", "The famous number", "slices split at random", "folder", "random"),
    Role("apart", "The same network", "patients kept apart", "folder", "patient"),
    Role("honest", "The honest model", "each slice's own label, patients apart", "slice", "patient"),
)


def cast(experiments: Sequence[Experiment]) -> dict[str, Experiment]:
    """The experiment for each role, by its key; a role that nothing here can play is left out.

    "apart" is played by the same network as "famous" where there is a famous one: the same architecture,
    recipe and data.
    """
    fitting = {role.key: [one for one in experiments if _fits(one, role)] for role in ROLES}
    pairs = [
        (famous, apart)
        for famous in fitting["famous"]
        for apart in fitting["apart"]
        if _network(famous) == _network(apart)
    ]
    if pairs:
        pair = min(pairs, key=lambda pair: [_rank(one) for one in pair])
        fitting["famous"], fitting["apart"] = [pair[0]], [pair[1]]
    elif fitting["famous"]:
        fitting["apart"] = []
    return {key: min(found, key=_rank) for key, found in fitting.items() if found}


def levels(experiment: Experiment) -> Levels:
    """The figures per slice of each network, from the record; none where they cannot be estimated."""
    models = records.record(experiment)["models"]
    return {name: model["slice"] for name, model in models.items() if "reason" not in model["slice"]}


def _fits(experiment: Experiment, role: Role) -> bool:
    protocol = experiment.card["protocol"]
    return (protocol["labels"], protocol["split"]) == (role.labels, role.split)


def _network(experiment: Experiment) -> tuple[Any, ...]:
    card = experiment.card
    return card["protocol"]["architecture"], card["recipe"], card["dataset"]["fingerprint"]


def _rank(experiment: Experiment) -> tuple[bool, str]:
    return experiment.name not in SHIPPED, experiment.name
