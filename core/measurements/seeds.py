"""The spread of results over seeds: an experiment beside the same training begun with other seeds.

seeds.csv has a row for each figure of each training ("seed"): where it was measured ("scans": "home", a
source or a validation; "part": of it), what it is ("figure") and its "value". A figure of the shortcut names
the source whose negative slices were ranked ("other"). Figures that cannot be estimated are left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from core.errors import ExperimentError
from core.experiments import OPTIONAL_TABLES, Experiment, add_files
from core.manifests import KEPT
from core.measurements.shortcut import AWAY, COVERED
from core.measurements.unseen_slices import iterate_rows
from core.sources import describe_version

if TYPE_CHECKING:
    import pandas as pd

SEEDS_TABLE = "seeds.csv"
RESULTS, LOOKING, SHORTCUT = "results", "looking", "shortcut"
_RESULTS = ("auroc", "average_precision", "recall", "specificity")
_KEY = ["about", "scans", "part", "other", "framework", "figure"]
# Intervals of a single training are not used here.
_N_RESAMPLES = 2


def gather_seeds(experiments: Sequence[Experiment]) -> pd.DataFrame:
    """Return the table seeds.csv.

    Args:
        experiments: two or more that differ in nothing but the seed.

    Raises:
        ExperimentError: they differ in something else, or two have the same seed.
    """
    import pandas as pd

    first, *others = experiments
    for other in others:
        _check_alike(first, other)
    seeds = [one.card["protocol"]["seed"] for one in experiments]
    if len(set(seeds)) < len(seeds):
        raise ExperimentError(
            "Two trainings have the same seed",
            found=", ".join(f"{one.name}: {seed}" for one, seed in zip(experiments, seeds, strict=True)),
            remedy="train with another seed: stroke-ct train ... --seed N",
        )
    rows = [row for one in experiments for row in _list_figures(one)]
    return pd.DataFrame(rows, columns=list(OPTIONAL_TABLES[SEEDS_TABLE]))


def store_seeds(experiment: Experiment, table: pd.DataFrame) -> Experiment:
    """Store the table in the experiment, replacing an older one; return it. Errors as `add_files`."""
    return add_files(experiment, {SEEDS_TABLE: table.to_csv(index=False, lineterminator="\n").encode()})


def summarise_seeds(table: pd.DataFrame) -> pd.DataFrame:
    """Return for each figure its mean, lowest and highest value over the seeds, and the number of seeds.

    Returns:
        The columns of seeds.csv but "seed" and "value", then "mean", "low", "high" and "n".
    """
    grouped = table.groupby(_KEY, sort=False)["value"]
    return grouped.agg(mean="mean", low="min", high="max", n="count").reset_index()


def _check_alike(first: Experiment, other: Experiment) -> None:
    """Raise unless both were trained, and decide, in the same way but for the seed."""
    parts: list[dict[str, Any]] = []
    for one in (first, other):
        card = one.card
        protocol = {key: value for key, value in card["protocol"].items() if key != "seed"}
        keys = ("recipe", "layers", "default_operating_point")
        parts.append(
            {**protocol, **{key: card.get(key) for key in keys}, "data set": card["dataset"]["fingerprint"]}
        )
    if differing := [key for key in parts[0] | parts[1] if parts[0].get(key) != parts[1].get(key)]:
        raise ExperimentError(
            f'"{other.name}" is not the same training as "{first.name}" with another seed',
            found=f"they differ in {', '.join(differing)}",
            remedy="train it with the same settings, but for --seed",
        )


def _list_figures(experiment: Experiment) -> Iterator[dict[str, Any]]:
    """Yield the rows of one experiment."""
    seed = experiment.card["protocol"]["seed"]
    for row in describe_version(experiment, _N_RESAMPLES)["figures"]:
        part = {"home": "all", "source": "source"}.get(row["where"]) or (KEPT if row["kept"] else "all")
        for framework, figures in row["models"].items():
            for key in _RESULTS:
                if (value := figures[key]["value"]) is not None:
                    yield _make_row(seed, RESULTS, row["scans"], part, "", framework, key, value)
    looked, controls = experiment.localisation(), experiment.shortcut()
    for row in iterate_rows(looked) if looked is not None else ():
        if row.value == row.value:
            yield _make_row(seed, LOOKING, row.source, row.part, "", row.framework, row.measure, row.value)
    for row in iterate_rows(controls) if controls is not None else ():
        if row.control in (COVERED, AWAY) and row.value == row.value:
            yield _make_row(
                seed, SHORTCUT, row.source, row.part, row.other, row.framework, row.control, row.value
            )


def _make_row(seed: int, *values: Any) -> dict[str, Any]:
    return dict(zip(("seed", *_KEY, "value"), (seed, *values), strict=True))
