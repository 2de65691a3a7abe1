"""How well networks rank under other conditions: within groups of slices, and on slices that were changed.

Both rest on what was measured after the training, in an experiment's optional tables properties.csv and
robustness.csv (see core.experiments). They are the parts "subgroups" and "robustness" of a LEVEL, which a
record of core.evaluation.summary does not hold until `complete_record` puts them there: groups have resamples
of their own, and not every reader of a record wants to wait for them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from core.errors import EvaluationError
from core.evaluation.intervals import without_value
from core.evaluation.levels import LEVELS
from core.evaluation.measures import list_keys
from core.evaluation.patients import Names, patient_names
from core.evaluation.subgroups import subgroups, thirds

if TYPE_CHECKING:
    import pandas as pd

HEAD_LEVELS = ("base", "middle", "vertex")
BRIGHTNESS = ("dark", "medium", "bright")
_OF_SLICES = "place in the head and brightness belong to a slice, not to a patient"


class Measured(Protocol):
    """What is asked of an experiment here."""

    @property
    def name(self) -> str: ...

    @property
    def frameworks(self) -> Sequence[str]: ...

    def calibrated_predictions(self) -> pd.DataFrame: ...

    def properties(self) -> pd.DataFrame | None: ...

    def robustness(self) -> pd.DataFrame | None: ...


def complete_record(record: Mapping[str, Any], experiment: Measured) -> dict[str, Any]:
    """The record of an experiment with the parts "subgroups" and "robustness" in each LEVEL.

    Args:
        record: of core.evaluation.summary; groups are resampled as its other figures were. It is not changed.
        experiment: the one that the record is of.

    Raises:
        EvaluationError: see `subgroups_of`.
        ExperimentError: a table cannot be read.
    """
    interval = record["interval"]
    groups = subgroups_of(experiment, n_resamples=interval["n_resamples"], seed=interval["seed"])
    changed = robustness_of(experiment)
    models = {
        framework: {
            level: {**levels[level], "subgroups": groups[framework][level],
                    "robustness": changed[framework][level]}
            for level in LEVELS
        }
        for framework, levels in record["models"].items()
    }  # fmt: skip
    return {**record, "models": models}


def subgroups_of(
    experiment: Measured, *, n_resamples: int = 2000, seed: int = 0
) -> dict[str, dict[str, dict[str, Any]]]:
    """{framework: {"slice": {"level": [GROUP, ...], "brightness": [GROUP, ...]}, "patient": {"reason"}}}.

    A GROUP is a record of core.evaluation.subgroups, of the held-out slices with calibrated probabilities.
    "level" is the third of the head, HEAD_LEVELS; "brightness" the third of all held-out slices, BRIGHTNESS.
    A slice of unknown place or brightness is in none. Not measured: {"reason"} in the place of both lists.

    Raises:
        EvaluationError: the table of properties names a slice twice.
    """
    properties = experiment.properties()
    if properties is None:
        return _nothing_measured(experiment)
    table = experiment.calibrated_predictions()
    table = table[table["part"] == "test"]
    members = group_slices(table["file"], properties)
    labels, patients = table["label"].to_numpy(), patient_names(table)
    return {
        framework: {
            "slice": {
                kind: subgroups(
                    labels, table[framework].to_numpy(), patients, names, order=order,
                    n_resamples=n_resamples, seed=seed,
                )
                for kind, (names, order) in members.items()
            },
            "patient": {"reason": _OF_SLICES},
        }
        for framework in experiment.frameworks
    }  # fmt: skip


def group_slices(files: pd.Series[str], properties: pd.DataFrame) -> dict[str, tuple[Names, tuple[str, ...]]]:
    """For "level" and "brightness" the group (n,) of each of the slices, "" where unknown, and all groups.

    Args:
        files: (n,) names of the slices.
        properties: the table properties.csv of core.experiments.

    Raises:
        EvaluationError: the table names a slice twice.
    """
    if properties["file"].duplicated().any():
        raise EvaluationError(
            "the table of properties names a slice twice",
            found=f"{int(properties['file'].duplicated().sum())} rows too many",
        )
    known = properties.set_index("file").reindex(files)
    return {
        "level": (known["level"].fillna("").to_numpy(dtype=str), HEAD_LEVELS),
        "brightness": (thirds(known["brightness"].to_numpy(dtype=float), BRIGHTNESS), BRIGHTNESS),
    }


def robustness_of(experiment: Measured) -> dict[str, dict[str, dict[str, Any]]]:
    """{framework: {level: {"conditions": [CONDITION, ...]}}}, the unchanged slices first.

    A CONDITION is {"perturbation", "amount": see core.imaging.perturbations, "n": rows measured, "auroc",
    "average_precision": FIGUREs}. Not measured: {"reason"} in the place of "conditions".
    """
    table = experiment.robustness()
    if table is None:
        return _nothing_measured(experiment)
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for framework in experiment.frameworks:
        found[framework] = {}
        for level in LEVELS:
            own = table[(table["framework"] == framework) & (table["level"] == level)]
            rows = [_read_condition(row) for row in own.to_dict("records")]
            found[framework][level] = (
                {"conditions": rows} if rows else {"reason": f"nothing was measured per {level}"}
            )
    return found


def list_columns(name: str, figure: Mapping[str, Any]) -> dict[str, Any]:
    """A FIGURE as columns of robustness.csv: its value, the ends of its interval, and the reason.

    >>> list_columns("auroc", {"value": 0.8, "interval": [0.7, 0.9]})
    {'auroc': 0.8, 'auroc_low': 0.7, 'auroc_high': 0.9, 'auroc_reason': ''}
    """
    low, high = figure["interval"] or (None, None)
    reason = figure.get("reason", "")
    return {name: figure["value"], f"{name}_low": low, f"{name}_high": high, f"{name}_reason": reason}


def _read_condition(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {
        "perturbation": str(row["perturbation"]),
        "amount": float(row["amount"]),
        "n": int(row["n"]),
        **{name: _read_figure(row, name) for name in list_keys("ranking")},
    }


def _read_figure(row: Mapping[Any, Any], name: str) -> dict[str, Any]:
    """What `list_columns` wrote; an older table has no intervals."""
    value, low, high = (_number(row.get(f"{name}{part}")) for part in ("", "_low", "_high"))
    reason = str(row.get(f"{name}_reason", ""))
    if value is None:
        return without_value(reason or "it could not be estimated")
    if low is None or high is None:
        return {"value": value, "interval": None, "reason": reason or "no interval was measured"}
    return {"value": value, "interval": [low, high]}


def _number(value: float | None) -> float | None:
    """None for NaN too: an empty cell."""
    return None if value is None or value != value else float(value)


def _nothing_measured(experiment: Measured) -> dict[str, dict[str, dict[str, Any]]]:
    reason = f"not measured for this experiment; python -m core robustness {experiment.name} does it"
    return {framework: {level: {"reason": reason} for level in LEVELS} for framework in experiment.frameworks}
