"""The scope of an experiment: what its networks do not tell, and which slices are of the published set."""

from __future__ import annotations

from collections.abc import Sequence

from core.datasets import KNOWN_DATASET
from core.experiments.experiment import Experiment
from core.manifests import get_finding


def describe_scope(experiment: Experiment, panel: Sequence[Experiment] = ()) -> str:
    """Return what networks trained for one finding do not tell, as a sentence; "" if the card names none.

    Args:
        experiment: whose networks.
        panel: the experiments that read the same scans.
    """
    if not experiment.card.get("finding"):
        return ""
    if others := [one for one in panel if one.finding != experiment.finding]:
        rest = " and ".join(f"those of {one.name} look for {one.finding}" for one in others)
        return f"These networks look for {experiment.finding} alone; {rest}."
    return get_finding(experiment.finding_key).scope


def list_limits(experiment: Experiment, panel: Sequence[Experiment] = ()) -> list[str]:
    """Return the limits on the card, and what its networks do not tell; see `describe_scope`."""
    first, *others = experiment.card["limits"]
    return [one for one in (first, describe_scope(experiment, panel), *others) if one]


def find_published_source(experiment: Experiment) -> str:
    """Return the name of the source that is the published Kaggle set; "" unless it is one of several."""
    sources = experiment.card["dataset"].get("sources") or ()
    names = [one["name"] for one in sources if one["title"] == KNOWN_DATASET["name"]]
    return str(names[0]) if names and len(sources) > 1 else ""
