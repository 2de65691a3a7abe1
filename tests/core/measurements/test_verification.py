"""Comparing served networks, native weights and recorded predictions."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from core.datasets.dataset import Dataset, index_dataset, read_pixels
from core.errors import DatasetError, ExperimentError, MissingExtraError
from core.experiments import Experiment, publish, write_experiment, write_table
from core.imaging.preprocessing import prepare
from core.measurements.verification import TOLERANCE, Check, run_in_child, verify_experiment
from core.synthetic.phantoms import write_phantom_dataset
from tests.builders import MIDDLE, SLOPES, write_tiny_experiment


def run_formula(experiment: Experiment, framework: str, images: np.ndarray) -> np.ndarray:
    """Return the probabilities of the tiny networks' native weights: every fold's network is the formula."""
    means = (images / 255).mean(axis=(1, 2, 3))
    probability = 1 / (1 + np.exp(-SLOPES[framework] * (means - MIDDLE)))
    return np.tile(probability, (experiment.card["protocol"]["folds"], 1))


@pytest.fixture(scope="module")
def phantoms(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """A small data set of phantoms."""
    folder = tmp_path_factory.mktemp("phantoms")
    write_phantom_dataset(folder, n_patients=12, slices_per_patient=4, size=64)
    return index_dataset(folder)


@pytest.fixture
def recorded(models: Path, phantoms: Dataset) -> Experiment:
    """An experiment on the phantoms whose recorded predictions are those of its networks."""
    written = write_tiny_experiment(models, table=phantoms.table, fingerprint=phantoms.fingerprint)
    table = written.predictions()
    mean_of = {
        file: prepare(read_pixels(phantoms, file), written.recipe).mean() for file in table["file"].unique()
    }
    means = table["file"].map(mean_of).astype(float)
    for framework, slope in SLOPES.items():
        table[framework] = 1 / (1 + np.exp(-slope * (means - MIDDLE)))
    return rewrite(written, table)


def rewrite(experiment: Experiment, predictions: pd.DataFrame) -> Experiment:
    """Return the experiment with other recorded predictions."""
    root, name = experiment.folder.parent, experiment.name
    building = root / ".building"
    experiment.folder.rename(building)
    write_table(building / "predictions.csv", predictions)
    write_experiment(building, experiment.card)
    return publish(building, root, name)


def test_without_the_data_set_phantoms_are_read(tiny: Experiment) -> None:
    """The served networks are checked, and a note says that the recorded predictions were not."""
    outcome = verify_experiment(tiny, run_native=run_formula)
    assert ["pytorch", "keras"] == [check.framework for check in outcome.checks]
    assert all(check.n_slices >= 16 and "phantoms" in check.compared for check in outcome.checks)
    assert outcome.passed
    assert "only phantoms were compared" in outcome.notes[0]


def test_with_the_data_set_records_are_checked(recorded: Experiment, phantoms: Dataset) -> None:
    """Both comparisons are made for both networks, on a sample of test slices or on all."""
    outcome = verify_experiment(recorded, phantoms, n_slices=10, run_native=run_formula)
    assert [("pytorch", 10), ("pytorch", 10), ("keras", 10), ("keras", 10)] == [
        (check.framework, check.n_slices) for check in outcome.checks
    ]
    assert outcome.passed
    assert () == outcome.notes
    whole = verify_experiment(recorded, phantoms, n_slices=None, run_native=run_formula)
    assert {len(phantoms.table)} == {check.n_slices for check in whole.checks}
    assert whole.passed


def test_each_record_is_compared_with_its_own_fold(recorded: Experiment, phantoms: Dataset) -> None:
    """A recorded prediction is compared with the network of the fold that tested the slice."""
    fold_of = recorded.predictions().query("part == 'test'").set_index("file")["fold"]
    asked: list[np.ndarray] = []

    def run_one_fold_wrong(experiment: Experiment, framework: str, images: np.ndarray) -> np.ndarray:
        native = run_formula(experiment, framework, images)
        native[0] = 1 - native[0]
        asked.append(images)
        return native

    outcome = verify_experiment(recorded, phantoms, n_slices=None, run_native=run_one_fold_wrong)
    assert {0, 1, 2} == set(fold_of)
    assert [False] * 4 == [check.passed for check in outcome.checks]

    elsewhere = recorded.predictions()
    elsewhere = elsewhere[~((elsewhere["part"] == "test") & (elsewhere["fold"] == 0))]
    others = rewrite(recorded, elsewhere)
    outcome = verify_experiment(others, phantoms, n_slices=None, run_native=run_one_fold_wrong)
    assert [False, True, False, True] == [check.passed for check in outcome.checks]


def test_a_served_network_that_differs_is_found(tiny: Experiment) -> None:
    """A difference just above the tolerance on one slice fails the check of that framework alone."""

    def run_off(experiment: Experiment, framework: str, images: np.ndarray) -> np.ndarray:
        native = run_formula(experiment, framework, images)
        native[:, -1] += 2 * TOLERANCE if framework == "keras" else TOLERANCE / 2
        return native

    outcome = verify_experiment(tiny, run_native=run_off)
    assert [True, False] == [check.passed for check in outcome.checks]
    assert not outcome.passed
    assert 2 * TOLERANCE == pytest.approx(outcome.checks[1].max_difference, rel=0.05)


def test_the_served_network_is_the_mean_of_the_folds(tiny: Experiment) -> None:
    """The folds' networks may differ from each other; their mean is compared with the served network."""

    def run_spread(experiment: Experiment, framework: str, images: np.ndarray) -> np.ndarray:
        return run_formula(experiment, framework, images) + np.array([[-0.1], [0.0], [0.1]])

    assert verify_experiment(tiny, run_native=run_spread).passed


def test_a_changed_record_is_found(recorded: Experiment, phantoms: Dataset) -> None:
    """A recorded prediction that the weights do not give fails, while the served network passes."""
    table = recorded.predictions()
    table.loc[table["part"] == "test", "keras"] += 0.001
    outcome = verify_experiment(rewrite(recorded, table), phantoms, n_slices=None, run_native=run_formula)
    assert [True, True, True, False] == [check.passed for check in outcome.checks]


def test_nan_does_not_pass() -> None:
    """A check whose difference is NaN fails."""
    assert not Check("keras", "", 1, float("nan")).passed
    assert Check("keras", "", 1, TOLERANCE).passed


def test_another_data_set_is_refused(tiny: Experiment, phantoms: Dataset) -> None:
    """A data set with another fingerprint raises an error that shows both."""
    with pytest.raises(DatasetError, match=f"not the one .*{phantoms.fingerprint[:12]}.*expected"):
        verify_experiment(tiny, phantoms, run_native=run_formula)


def test_a_missing_framework_is_named(tiny: Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without torch the error says how to install it, before any process is started."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r'pytorch weights need torch.*pip install "\.\[train\]"'):
        run_in_child(tiny, "pytorch", np.zeros((1, 32, 32, 1), np.uint8))


def _fake_child(monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Run this script as the child process, with the arguments of the real one."""
    real = subprocess.run

    def run(command: list[str], **options: Any) -> Any:
        assert [sys.executable, "-m", "core.training.child", "probabilities"] == command[:4]
        return real([sys.executable, "-c", script, *command[4:]], **options)

    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    monkeypatch.setattr(subprocess, "run", run)


def test_the_child_gets_the_images_and_answers(tiny: Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    """Images go to the child and probabilities come back through files, unchanged."""
    script = """
import sys, numpy as np
options = dict(zip(sys.argv[1::2], sys.argv[2::2]))
assert set(options) == {"--experiment", "--framework", "--images", "--out"}, options
images = np.load(options["--images"])
assert images.dtype == np.uint8
np.save(options["--out"], np.tile(images.mean(axis=(1, 2, 3)), (3, 1)))
"""
    _fake_child(monkeypatch, script)
    images = np.random.default_rng(0).integers(0, 255, (5, 32, 32, 1), dtype=np.uint8)
    expected = np.tile(images.mean(axis=(1, 2, 3)), (3, 1))
    np.testing.assert_array_equal(expected, run_in_child(tiny, "keras", images))


def test_one_fold_can_be_run_alone(tiny: Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    """The child gets the fold, and returns one row of probabilities instead of one per fold."""
    script = """
import sys, numpy as np
options = dict(zip(sys.argv[1::2], sys.argv[2::2]))
np.save(options["--out"], np.full((1, len(np.load(options["--images"]))), int(options["--fold"]) / 10))
"""
    _fake_child(monkeypatch, script)
    images = np.zeros((4, 32, 32, 1), np.uint8)
    np.testing.assert_array_equal(np.full((1, 4), 0.2), run_in_child(tiny, "keras", images, fold=2))


@pytest.mark.parametrize(
    ("script", "message"),
    [
        (
            "import sys; print('loading'); sys.exit('Error: weights-0.pt is missing')",
            r"weights-0\.pt is missing",
        ),
        ("import sys; sys.exit(3)", "exit code 3"),
        ("pass", "exit code 0"),
        (
            "import sys, numpy as np; np.save(sys.argv[-1], np.zeros((3, 1))); sys.exit(4)",
            "exit code 4",
        ),
        (
            "import sys, numpy as np; np.save(sys.argv[sys.argv.index('--out') + 1], np.zeros((3, 2)))",
            r"wrong shape \(\(3, 2\)\)",
        ),
    ],
    ids=["words", "code", "nothing", "late", "shape"],
)
def test_a_child_that_fails_is_an_error(
    tiny: Experiment, monkeypatch: pytest.MonkeyPatch, script: str, message: str
) -> None:
    """A child that fails, writes nothing or returns a wrong shape raises an error with its last line."""
    _fake_child(monkeypatch, script)
    with pytest.raises(ExperimentError, match=message):
        run_in_child(tiny, "pytorch", np.zeros((1, 32, 32, 1), np.uint8))
