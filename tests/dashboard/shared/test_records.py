"""The pages show the figures of the records."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.errors import EvaluationError
from core.evaluation.conditions import complete_record
from core.evaluation.summary import evaluate_experiment
from core.experiments import Experiment, add_files
from dashboard.shared import records
from tests.builders import write_tiny_experiment

POINT = ("threshold", "confusion", "recall", "specificity", "f1", "npv", "predictive_values", "review")


def _thresholds(experiment: Experiment, level: str, rule: str = "youden") -> dict[str, float]:
    return {name: experiment.threshold(name, level, rule) for name in experiment.frameworks}


@pytest.mark.parametrize("level", ["slice", "patient"])
@pytest.mark.parametrize("calibrated", [True, False])
def test_at_the_cards_points_the_scene_is_the_record(models: Path, level: str, calibrated: bool) -> None:
    """At every preset the scene equals the record; the comparison equals it at the default."""
    experiment = write_tiny_experiment(models, calibrated=calibrated)
    record = evaluate_experiment(experiment)
    for rule in experiment.card["operating_points"]["keras"][level]:
        scene = records.scene(experiment, level, _thresholds(experiment, level, rule))
        for name in experiment.frameworks:
            known = record["models"][name][level]
            found = scene.models[name]
            point = known["operating_points"][rule]
            assert point == {key: found[key] for key in point}
            assert known["auroc"] == found["auroc"]
            assert known["calibration"] == found["calibration"]
    scene = records.scene(experiment, level, _thresholds(experiment, level))
    assert record["comparison"][level] == scene.comparison


def test_another_threshold_moves_the_point_and_nothing_else(models: Path) -> None:
    """At threshold 0 everything is positive; figures that do not depend on the threshold stay."""
    experiment = write_tiny_experiment(models, calibrated=True)
    usual = records.scene(experiment, "slice", _thresholds(experiment, "slice"))
    moved = records.scene(experiment, "slice", {"pytorch": 0.0, "keras": 0.0})
    assert (1.0, 0.0) == tuple(moved.models["keras"][key]["value"] for key in ("recall", "specificity"))
    assert usual.models["keras"]["auroc"] == moved.models["keras"]["auroc"]
    assert usual.comparison["delong"] == moved.comparison["delong"]
    assert usual.comparison["mcnemar"] != moved.comparison["mcnemar"]


def test_one_network_has_nothing_to_be_compared_with(models: Path) -> None:
    """The scene of an experiment with one framework has its figures and no comparison."""
    experiment = write_tiny_experiment(models, frameworks=("keras",))
    scene = records.scene(experiment, "slice", {"keras": 0.5})
    assert "nothing to compare" in scene.comparison["reason"]
    assert ["keras"] == list(scene.models)


def _unknown_patients() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "file": [f"Stroke/{i}.png" if i % 2 else f"Normal/{i}.png" for i in range(60)],
            "patient": "",
            "number": pd.array([pd.NA] * 60, dtype="Int64"),
            "folder_label": [i % 2 for i in range(60)],
            "slice_label": pd.array([pd.NA] * 60, dtype="Int64"),
            "sha256": [hashlib.sha256(bytes([i])).hexdigest() for i in range(60)],
        }
    )


def test_unknown_patients_have_no_scene(models: Path) -> None:
    """Without patients the level "patient" is refused with the reason; slices have figures."""
    experiment = write_tiny_experiment(models, table=_unknown_patients(), labels="folder", split="random")
    with pytest.raises(EvaluationError) as caught:
        records.scene(experiment, "patient", {"pytorch": 0.5, "keras": 0.5})
    assert "patients are unknown" == caught.value.found
    scene = records.scene(experiment, "slice", {"pytorch": 0.5, "keras": 0.5})
    assert "slices" == scene.interval["resampled"]


def test_one_class_alone_is_not_estimable(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without positives, sensitivity and AUROC are null with a reason, and there are no curves."""
    experiment = write_tiny_experiment(models)
    table = experiment.predictions().assign(label=0)
    monkeypatch.setattr(type(experiment), "predictions", lambda self: table)
    scene = records.scene(experiment, "slice", {"pytorch": 0.5, "keras": 0.5})
    for key in ("recall", "auroc"):
        assert scene.models["keras"][key]["value"] is None
        assert scene.models["keras"][key]["reason"]
    with pytest.raises(EvaluationError):
        records.curves(experiment, "slice")


def test_equal_scores_are_not_estimable_where_they_say_nothing(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network that always answers 0.3 has an AUROC of 0.5 and no calibration fit."""
    experiment = write_tiny_experiment(models)
    table = experiment.predictions().assign(pytorch=0.3, keras=0.3)
    monkeypatch.setattr(type(experiment), "predictions", lambda self: table)
    model = records.scene(experiment, "slice", {"pytorch": 0.5, "keras": 0.5}).models["keras"]
    assert 0.5 == model["auroc"]["value"]
    assert model["calibration"]["after"]["calibration_slope"]["value"] is None


def _with_properties(experiment: Experiment) -> Experiment:
    files = experiment.predictions().query("part == 'test'")["file"]
    place = np.linspace(0, 1, len(files))
    level = np.where(place < 0.5, "base", "vertex")
    table = pd.DataFrame({"file": files, "brightness": place, "position": place, "level": level})
    return add_files(experiment, {"properties.csv": table.to_csv(index=False).encode()})


def test_the_pages_parts_are_those_of_the_completed_record(models: Path) -> None:
    """Subgroups and robustness of every network and level, measured or not."""
    bare = write_tiny_experiment(models, "bare")
    for experiment in (bare, _with_properties(write_tiny_experiment(models, calibrated=True))):
        completed = complete_record(records.record(experiment), experiment)
        for kind, part in (("subgroups", records.subgroups), ("robustness", records.robustness)):
            expected = {
                name: {level: one[kind] for level, one in levels.items()}
                for name, levels in completed["models"].items()
            }
            assert expected == part(experiment)


def test_the_share_in_common_counts_equal_slices_and_labels(models: Path) -> None:
    """The share counts slices that have the same file and the same label in both."""
    one = write_tiny_experiment(models, "one")
    assert 1.0 == records.share_in_common(one, write_tiny_experiment(models, "two", seed=3))
    other = write_tiny_experiment(models, "tiny", labels="folder")
    slices = one.predictions().query("part == 'test'")
    agree = int((slices["label"] == slices["file"].str.startswith("Stroke")).sum())
    assert agree / len(slices) == records.share_in_common(one, other)
