"""Robustness of an experiment, with formulas instead of native weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.datasets.dataset import Dataset, index_dataset, read_pixels
from core.errors import DatasetError, ExperimentError
from core.evaluation.conditions import robustness_of
from core.evaluation.curves import auroc, average_precision
from core.evaluation.patients import patient_level
from core.evaluation.summary import evaluate_experiment
from core.experiments import OPTIONAL_TABLES, Experiment, add_files
from core.frameworks import FRAMEWORKS
from core.imaging.perturbations import PERTURBATIONS, UNCHANGED, Perturbation, perturb
from core.imaging.preprocessing import prepare
from core.measurements import robustness
from core.measurements.robustness import TOLERANCE, measure_robustness
from core.measurements.verification import as_bytes
from core.synthetic.phantoms import write_phantom_dataset
from tests.builders import MIDDLE, SLOPES, write_tiny_experiment
from tests.core.measurements.test_verification import rewrite

TWO = (Perturbation("brightness", -0.2), Perturbation("noise", 0.1))


def answer(framework: str, fold: int, images: np.ndarray) -> np.ndarray:
    """Return probabilities (n,) of a fold's network for (n, h, w, c) in [0, 1]; folds differ in slope."""
    means = images.mean(axis=(1, 2, 3), dtype=np.float64)
    probability: np.ndarray = 1 / (1 + np.exp(-(SLOPES[framework] + fold) * (means - MIDDLE)))
    return probability


def run_formula(experiment: Experiment, framework: str, images: np.ndarray, fold: int) -> np.ndarray:
    """Return the formula's probabilities instead of those of native weights in a child process."""
    assert np.uint8 == images.dtype
    return answer(framework, fold, images / 255)[None]


@pytest.fixture(scope="module")
def phantoms(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """A small data set of phantoms."""
    folder = tmp_path_factory.mktemp("phantoms")
    write_phantom_dataset(folder, n_patients=12, slices_per_patient=5, size=64)
    return index_dataset(folder)


@pytest.fixture
def recorded(models: Path, phantoms: Dataset) -> Experiment:
    """An experiment on the phantoms whose recorded predictions are those of its folds' networks."""
    written = write_tiny_experiment(models, table=phantoms.table, fingerprint=phantoms.fingerprint)
    table = written.predictions()
    images = [prepare(read_pixels(phantoms, file), written.recipe)[None] for file in table["file"]]
    for framework in FRAMEWORKS:
        table[framework] = [
            answer(framework, fold, image)[0] for fold, image in zip(table["fold"], images, strict=True)
        ]
    return rewrite(written, table)


def rows_of(found: pd.DataFrame, perturbation: Perturbation, framework: str) -> pd.DataFrame:
    """Return the rows of one perturbation and framework, by level."""
    chosen = (found["perturbation"] == perturbation.name) & (found["amount"] == perturbation.amount)
    return found[chosen & (found["framework"] == framework)].set_index("level")


def test_unchanged_slices_get_the_recorded_figures(recorded: Experiment, phantoms: Dataset) -> None:
    """The first rows hold AUROC and average precision of the recorded predictions, on both levels."""
    found = measure_robustness(recorded, phantoms, perturbations=(), run_fold=run_formula)
    test = recorded.predictions().query("part == 'test'")
    for framework in FRAMEWORKS:
        rows = rows_of(found, UNCHANGED, framework)
        assert ["slice", "patient"] == list(rows.index)
        for level, labels, scores in (
            ("slice", test["label"], test[framework]),
            ("patient", *patient_level(test, framework)[:2]),
        ):
            assert len(labels) == rows["n"][level]
            assert auroc(labels, scores) == pytest.approx(rows["auroc"][level])
            assert average_precision(labels, scores) == pytest.approx(rows["average_precision"][level])


def test_the_intervals_are_those_of_the_record(recorded: Experiment, phantoms: Dataset) -> None:
    """Intervals and reasons of unchanged slices equal those of the evaluation, also in the stored table."""
    found = measure_robustness(recorded, phantoms, perturbations=(), run_fold=run_formula)
    stored = add_files(recorded, {"robustness.csv": found.to_csv(index=False).encode()})
    record = evaluate_experiment(recorded)
    for name, levels in robustness_of(stored).items():
        for level, part in levels.items():
            (unchanged,) = part["conditions"]
            for key in ("auroc", "average_precision"):
                expected = record["models"][name][level][key]
                assert expected["interval"] is not None
                assert expected == {**unchanged[key], "value": pytest.approx(unchanged[key]["value"])}


def test_perturbed_slices_are_scored_by_their_own_fold(recorded: Experiment, phantoms: Dataset) -> None:
    """A slice is darkened before it is prepared, and only its own fold scores it."""
    found = measure_robustness(recorded, phantoms, perturbations=TWO, run_fold=run_formula)
    assert 2 * 3 * 2 == len(found)
    test = recorded.predictions().query("part == 'test'")
    rng = np.random.default_rng(0)
    for framework in FRAMEWORKS:
        scores = [
            answer(
                framework,
                fold,
                as_bytes(prepare(perturb(read_pixels(phantoms, file), TWO[0], rng), recorded.recipe))[None]
                / 255,
            )[0]
            for file, fold in zip(test["file"], test["fold"], strict=True)
        ]
        rows = rows_of(found, TWO[0], framework)
        assert auroc(test["label"], scores) == pytest.approx(rows["auroc"]["slice"])
        assert average_precision(test["label"], scores) == pytest.approx(rows["average_precision"]["slice"])


def test_probabilities_are_recalibrated_by_fold(recorded: Experiment, phantoms: Dataset) -> None:
    """The folds' calibrations on the card are applied before the slices of all folds are ranked."""
    folds = [{"fold": fold, "slope": 1.0, "intercept": 2.0 * fold} for fold in range(3)]
    card = {**recorded.card, "calibration": {"keras": {"folds": folds}}}
    found = measure_robustness(replace(recorded, card=card), phantoms, perturbations=(), run_fold=run_formula)
    test = recorded.predictions().query("part == 'test'")
    odds = np.log(test["keras"] / (1 - test["keras"]))
    expected = auroc(test["label"], 1 / (1 + np.exp(-(odds + 2 * test["fold"]))))
    assert expected == pytest.approx(rows_of(found, UNCHANGED, "keras")["auroc"]["slice"])
    assert expected != pytest.approx(auroc(test["label"], test["keras"]))
    raw = rows_of(found, UNCHANGED, "pytorch")["auroc"]["slice"]
    assert auroc(test["label"], test["pytorch"]) == pytest.approx(raw)


def test_the_table_has_its_form(recorded: Experiment, phantoms: Dataset) -> None:
    """The table has the columns of robustness.csv and all perturbations, "none" first."""
    found = measure_robustness(recorded, phantoms, run_fold=run_formula)
    assert set(OPTIONAL_TABLES["robustness.csv"]) < set(found.columns)
    further = [f"auroc{part}" for part in ("_low", "_high", "_reason")]
    assert ["n", "auroc", *further, "average_precision"] == list(found.columns)[4:10]
    assert len(FRAMEWORKS) * (1 + len(PERTURBATIONS)) * 2 == len(found)
    assert "none" == found["perturbation"][0]
    assert found["auroc"].between(0, 1).all()


def test_noise_follows_seed_and_file(recorded: Experiment, phantoms: Dataset) -> None:
    """The same seed gives the same noise, in blocks of any size; another seed gives other noise."""
    noise = (Perturbation("noise", 0.1),)
    seen: dict[int, list[np.ndarray]] = {}

    def measure(seed: int) -> np.ndarray:
        seen[seed] = []

        def listen(experiment: Experiment, framework: str, images: np.ndarray, fold: int) -> np.ndarray:
            if framework == "keras":
                seen[seed].append(images[len(images) // 2 :].copy())
            return run_formula(experiment, framework, images, fold)

        measure_robustness(recorded, phantoms, perturbations=noise, seed=seed, run_fold=listen)
        return np.concatenate(seen[seed])

    first = measure(0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(robustness, "_BLOCK_BYTES", 2 * 7 * 32 * 32)
        np.testing.assert_array_equal(first, measure(0))
        assert len(phantoms.table) / 7 < len(seen[0])
        assert all(len(part) <= 7 for part in seen[0])
    assert not np.array_equal(first, measure(1))


def test_other_weights_are_refused(recorded: Experiment, phantoms: Dataset) -> None:
    """Probabilities off the recorded ones by more than the tolerance, or NaN, raise an error."""

    def run_off(by: float) -> robustness.RunFold:
        return lambda experiment, framework, images, fold: (
            run_formula(experiment, framework, images, fold) + (by if framework == "keras" else 0)
        )

    measure_robustness(recorded, phantoms, perturbations=(), run_fold=run_off(TOLERANCE / 2))
    for by in (2 * TOLERANCE, float("nan")):
        with pytest.raises(ExperimentError, match=r"keras weights.*do not give its recorded predictions"):
            measure_robustness(recorded, phantoms, perturbations=(), run_fold=run_off(by))


def test_another_data_set_is_refused(tiny: Experiment, phantoms: Dataset) -> None:
    """A data set with another fingerprint raises an error."""
    with pytest.raises(DatasetError, match="not the one"):
        measure_robustness(tiny, phantoms, run_fold=run_formula)


def test_a_sample_and_its_progress(recorded: Experiment, phantoms: Dataset) -> None:
    """Only the sample is measured; each slice counts one step to prepare and one per framework."""
    steps: list[tuple[int, int]] = []
    found = measure_robustness(
        recorded,
        phantoms,
        perturbations=TWO,
        n_slices=20,
        on_progress=lambda done, total: steps.append((done, total)),
        run_fold=run_formula,
    )
    assert {20} == set(found.loc[found["level"] == "slice", "n"])
    assert {60} == {total for _, total in steps}
    assert sorted(steps) == steps
    assert 60 == steps[-1][0]


def test_what_cannot_be_estimated_is_nan(recorded: Experiment, phantoms: Dataset) -> None:
    """Slices of one class give NaN and the reason; unknown patients give no patient level."""
    table = recorded.predictions()
    one_class = rewrite(recorded, table.assign(label=0))
    found = measure_robustness(one_class, phantoms, perturbations=(), run_fold=run_formula)
    for name in ("auroc", "average_precision"):
        assert found[name].isna().all()
        assert found[f"{name}_reason"].str.contains("both classes").all()
    unknown = rewrite(one_class, table.assign(patient=""))
    found = measure_robustness(unknown, phantoms, perturbations=(), run_fold=run_formula)
    assert ["slice", "slice"] == list(found["level"])
    assert found["auroc"].notna().all()
