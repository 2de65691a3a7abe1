"""Tell how the networks of an experiment changed: figures of its earlier versions beside those of today.

A VERSION, as versions.json holds one for each earlier version (core.experiments.versions):

    {"version", "created", "networks_digest", "summary",
     "data": {"n_slices", "n_positive", "n_patients", "sources": [name, ...]}: what it was trained on,
     "figures": [ROW, ...]}
    ROW: {"scans": HOME, one of its own sources, or the name of a validation,
          "where": "home", "source" or "elsewhere", "kept": whether of a validation only the kept part counts,
          and the fields of a GROUP of core.evaluation.by_source; "auroc_across" takes its positives from all
          own sources, or from all validations, if there are several}

Figures at home are out of sample, by the network that did not train on the slice; those elsewhere are of the
served networks. All are at the thresholds and calibration that the version had.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from core.evaluation import measure_group
from core.experiments import Experiment, read_history, succeed
from core.manifests import KEPT
from core.sources.source_thresholds import HOME, split_own
from core.validation import list_validations


def describe_version(experiment: Experiment, n_resamples: int = 2000, seed: int = 0) -> dict[str, Any]:
    """Return the VERSION of the experiment as it is now.

    Args:
        experiment: the experiment.
        n_resamples, seed: of the bootstrap.

    Raises:
        ExperimentError: a table is damaged.
    """
    thresholds = {name: experiment.threshold(name) for name in experiment.frameworks}
    home = experiment.calibrated_predictions().query("part == 'test'")
    own = split_own(experiment)
    sets = {
        "home": {HOME: home},
        "source": {name: table[table["part"] == "test"] for name, table in own.items() if len(own) > 1},
        "elsewhere": _read_elsewhere(experiment),
    }
    figures = []
    for where, tables in sets.items():
        positives = [table[table["label"] == 1] for table in tables.values()]
        together = pd.concat(positives, ignore_index=True) if len(positives) > 1 else None
        for scans, table in tables.items():
            kept = where == "elsewhere" and bool((table["part"] == KEPT).all())
            group = measure_group(table, thresholds, together, n_resamples=n_resamples, seed=seed)
            figures.append({"scans": scans, "where": where, "kept": kept, **group})
    data = experiment.card["dataset"]
    return {
        "version": experiment.version,
        "created": experiment.card["created"],
        "networks_digest": experiment.networks_digest,
        "summary": experiment.card["summary"],
        "data": {
            **{key: data.get(key) for key in ("n_slices", "n_positive", "n_patients")},
            "sources": [one["name"] for one in data.get("sources", ())],
        },
        "figures": figures,
    }


def _read_elsewhere(experiment: Experiment) -> dict[str, pd.DataFrame]:
    """Return the labeled slices of each current validation, of its kept part if it has one, calibrated."""
    found = {}
    for validation in list_validations(experiment):
        if not validation.is_current or not validation.n_labeled:
            continue
        read = validation.predictions()
        labeled = read[read["label"].notna()]
        kept = (labeled["part"] == KEPT).to_numpy()
        rows = labeled[kept] if kept.any() else labeled
        calibrated = {
            name: experiment.recalibration(name).apply(rows[name]) for name in experiment.frameworks
        }
        # Patients are numbered anew in each validation.
        known = rows["patient"] != ""
        patients = rows["patient"].where(~known, validation.name + " " + rows["patient"])
        labels = rows["label"].astype(int)
        found[validation.name] = rows.assign(label=labels, patient=patients, **calibrated)
    return found


def list_versions(experiment: Experiment, n_resamples: int = 2000, seed: int = 0) -> list[dict[str, Any]]:
    """Return all VERSIONs, the first one first, that of today last; [] if there are no earlier ones."""
    history = read_history(experiment)
    return [*history, describe_version(experiment, n_resamples, seed)] if history else []


def succeed_experiment(successor: Experiment, earlier: Experiment) -> Experiment:
    """Put newly trained networks in the place of an experiment; its figures stay as a row of history.

    Raises:
        ExperimentError, StrokeError: see `core.experiments.succeed`; a table is damaged.
    """
    return succeed(successor, earlier, describe_version(earlier))
