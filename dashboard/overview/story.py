"""The story of three experiments: which experiment has which role, and its figures from the record.

An experiment's role follows from the labels and the split on its card. If several fit, the project's own
experiments come first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from core.datasets import HEMORRHAGE
from core.experiments import SHIPPED, Experiment
from dashboard.shared import records

Levels = dict[str, dict[str, Any]]  # by framework: LEVEL of core.evaluation.summary


@dataclass(frozen=True)
class Role:
    """A role in the story: its words, and the labels and split of the experiment that has it."""

    key: str
    title: str
    subtitle: str
    labels: str
    split: str


ROLES = (
    Role("famous", "The published method", "slices split at random", "folder", "random"),
    Role("apart", "The same network", "patients kept apart", "folder", "patient"),
    Role("honest", "Slice labels", "each slice's own label, patients kept apart", "slice", "patient"),
)


def assign_roles(experiments: Sequence[Experiment]) -> dict[str, Experiment]:
    """Return {role: experiment}, without the roles that no experiment fits.

    If there is a "famous" experiment, "apart" must be the same network: the same architecture, recipe and
    data.
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


def read_levels(experiment: Experiment) -> Levels:
    """Return each network's figures per slice, without those that are not estimable.

    They are on the published set if it is one of several sources: the story is about that set.
    """
    models = records.published_record(experiment)["models"]
    return {name: model["slice"] for name, model in models.items() if "reason" not in model["slice"]}


def _fits(experiment: Experiment, role: Role) -> bool:
    protocol = experiment.card["protocol"]
    is_hemorrhage = experiment.finding_key in ("", HEMORRHAGE)  # all that the published set is labeled for
    return is_hemorrhage and (protocol["labels"], protocol["split"]) == (role.labels, role.split)


def _network(experiment: Experiment) -> tuple[Any, ...]:
    card = experiment.card
    return card["protocol"]["architecture"], card["recipe"], card["dataset"]["fingerprint"]


def _rank(experiment: Experiment) -> tuple[bool, str]:
    return experiment.name not in SHIPPED, experiment.name
