"""The leakage control, with true and shuffled labels."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import LeaveOneGroupOut
from sklearn.neighbors import KNeighborsClassifier

from core.audit import leakage, nearest_neighbour
from core.audit.leakage import Control, Estimate, Outcome, conclude, run_control
from core.datasets.dataset import index_dataset, read_pixels
from core.datasets.splits import make_folds
from core.errors import ScanError
from core.synthetic.phantoms import write_phantom_dataset
from tests.core.real_data import index_real_data, needs_real_data


def write_patterns(folder, *, n_patients=12, n_slices=5, own=1.0, seed=0, name="{patient} ({number}).png"):
    """Write noise pictures with a share `own` of the patient's pattern. Odd patients are "Stroke"."""
    rng = np.random.default_rng(seed)
    for patient in range(1, n_patients + 1):
        pattern = rng.random((48, 48))
        target = folder / ("Stroke" if patient % 2 else "Normal")
        target.mkdir(parents=True, exist_ok=True)
        for number in range(1, n_slices + 1):
            pixels = own * pattern + (1 - own) * rng.random((48, 48)) + 0.01 * rng.random((48, 48))
            file = target / name.format(patient=patient, number=number)
            Image.fromarray(np.uint8(250 * pixels / 1.01)).save(file)
    return index_dataset(folder)


@pytest.fixture(scope="module")
def phantoms(tmp_path_factory):
    """A data set of 8 patients with 6 phantoms each."""
    folder = tmp_path_factory.mktemp("phantoms")
    write_phantom_dataset(folder, n_patients=8, slices_per_patient=6, size=64)
    return index_dataset(folder)


def read_small(dataset):
    """Return the pictures as the control compares them, computed independently."""
    rows = []
    for file in dataset.table["file"]:
        image = Image.fromarray(np.uint8(np.round(read_pixels(dataset, file) * 255)))
        rows.append(np.asarray(image.resize((48, 48), Image.Resampling.BILINEAR), float).ravel())
    pixels = np.stack(rows)
    return (pixels - pixels.mean(1, keepdims=True)) / pixels.std(1, keepdims=True)


def test_random_splits_agree_with_scikit_learn(phantoms):
    """Accuracy over random splits is the mean of scikit-learn's nearest neighbor on the same splits."""
    pictures, y = read_small(phantoms), phantoms.labels("folder")
    hits = []
    for run in range(3):
        (fold,) = make_folds(y, phantoms.table["patient"], split="random", folds=1, seed=2 * 3 + run)
        learned = np.concatenate([fold.train, fold.validation])
        model = KNeighborsClassifier(1).fit(pictures[learned], y[learned])
        hits.append(model.score(pictures[fold.test], y[fold.test]))
    outcome = run_control(phantoms, seed=2, n_runs=3).find("folder", "random")
    assert 3 == outcome.n_runs
    expected = (np.mean(hits), min(hits), max(hits))
    assert expected == pytest.approx((outcome.accuracy.value, outcome.accuracy.low, outcome.accuracy.high))


@pytest.mark.parametrize("labels", ["folder", "slice"])
def test_split_by_patient_agrees_with_scikit_learn(phantoms, labels):
    """The split by patient agrees with scikit-learn's nearest neighbor, one patient left out at a time."""
    pictures, y = read_small(phantoms), phantoms.labels(labels)
    called, scores = np.zeros(len(y)), np.zeros(len(y))
    for rest, test in LeaveOneGroupOut().split(pictures, y, phantoms.table["patient"]):
        model = KNeighborsClassifier(1).fit(pictures[rest], y[rest])
        called[test] = model.predict(pictures[test])
        near = [
            KNeighborsClassifier(1)
            .fit(pictures[rest][y[rest] == k], y[rest][y[rest] == k])
            .kneighbors(pictures[test])[0][:, 0]
            for k in (0, 1)
        ]
        scores[test] = near[0] / (near[0] + near[1])
    outcome = run_control(phantoms, n_runs=1).find(labels, "patient")
    assert (called == y).mean() == pytest.approx(outcome.accuracy.value)
    assert roc_auc_score(y, scores) == pytest.approx(outcome.auroc.value, abs=1e-6)
    assert outcome.accuracy.low < outcome.accuracy.value < outcome.accuracy.high


def test_the_settings_of_a_set_with_slice_labels(phantoms):
    """Settings are true and shuffled folder labels and true slice labels, at random and by patient."""
    control = run_control(phantoms, n_runs=1)
    assert [
        ("folder", "random", False),
        ("folder", "random", True),
        ("folder", "patient", False),
        ("folder", "patient", True),
        ("slice", "random", False),
        ("slice", "patient", False),
    ] == [(outcome.labels, outcome.split, outcome.shuffled) for outcome in control.outcomes]
    assert (48, 48, 8, ("Normal", "Stroke")) == (
        control.n_slices,
        control.n_slices_in_set,
        control.n_patients,
        control.classes,
    )
    shown = phantoms.labels("slice").mean()
    expected = [0.5, 0.5, 0.5, 0.5, 1 - shown, 1 - shown]
    assert expected == pytest.approx([outcome.majority for outcome in control.outcomes])
    assert control.find("slice", "random", shuffled=True) is None


def test_the_seed_decides(phantoms):
    """The same seed gives the same control, another seed another."""
    first, again, other = (run_control(phantoms, seed=seed, n_runs=2) for seed in (3, 3, 4))
    assert first == again
    assert first.outcomes != replace(other, seed=3).outcomes


def test_patients_are_recognized_by_their_pattern(tmp_path):
    """If pictures hold only a pattern of the patient, the score on shuffled labels is perfect."""
    control = run_control(write_patterns(tmp_path, own=0.9), n_runs=4)
    assert 1.0 == control.find("folder", "random", shuffled=True).accuracy.low
    assert 1.0 == control.find("folder", "random", shuffled=True).auroc.low
    assert control.find("folder", "patient").accuracy.value < 0.8
    text = conclude(control)
    assert text.startswith("A model that scores 100 % with shuffled labels recognizes patients, not disease")
    assert "With patients kept apart it scores" in text


def test_noise_has_no_leakage(tmp_path):
    """With pictures of noise the score on shuffled labels is low, and the conclusion says so."""
    control = run_control(write_patterns(tmp_path, own=0.0), n_runs=4)
    assert control.find("folder", "random", shuffled=True).accuracy.value < 0.8
    assert "recognizes few patients, or none" in conclude(control)


def test_unknown_patients_are_not_made_up(tmp_path):
    """With unknown patients only the random split is estimated; the other outcomes have a reason."""
    control = run_control(write_patterns(tmp_path, name="p{patient}-{number}.png"), n_runs=2)
    assert 0 == control.n_patients
    assert 0 < control.find("folder", "random").accuracy.value <= 1
    for split, shuffled in (("random", True), ("patient", False), ("patient", True)):
        outcome = control.find("folder", split, shuffled=shuffled)
        expected = Estimate(None, reason="the patients of the slices are unknown")
        assert (0, expected, expected) == (outcome.n_runs, outcome.accuracy, outcome.auroc)
    assert control.find("slice", "random") is None
    assert "cannot be estimated: the patients" in conclude(control)


@pytest.mark.parametrize(("n_patients", "counts"), [(2, "1 and 1"), (3, "1 and 2")])
def test_too_few_patients(tmp_path, n_patients, counts):
    """A class with one patient gives no estimate, and the reason has the numbers of patients."""
    control = run_control(write_patterns(tmp_path, n_patients=n_patients, n_slices=10), n_runs=2)
    outcome = control.find("folder", "patient")
    assert outcome.accuracy.value is None
    assert outcome.accuracy.reason.endswith(f"there are {counts}")
    assert control.find("folder", "random", shuffled=True).accuracy.value is None
    assert control.find("folder", "random").accuracy.value is not None


def test_too_few_slices_for_a_random_split(tmp_path):
    """If a tenth cannot be held out, the random split has a reason; the split by patient is estimated."""
    control = run_control(write_patterns(tmp_path, n_patients=4, n_slices=1), n_runs=2)
    outcome = control.find("folder", "random")
    assert outcome.accuracy.value is None
    assert "one class only" in outcome.accuracy.reason or "too few slices" in outcome.accuracy.reason
    assert control.find("folder", "patient").accuracy.value is not None
    assert conclude(control).startswith("Nothing can be concluded: ")


def test_slice_labels_of_one_class(tmp_path):
    """If no slice shows a hemorrhage, slice labels give no estimate, because all are equal."""
    control = run_control(write_patterns(tmp_path), n_runs=1)
    for split in ("random", "patient"):
        assert "all labels are equal" == control.find("slice", split).auroc.reason


def test_whole_patients_are_sampled_from_large_sets(phantoms, monkeypatch):
    """Above the limit, as many whole patients are sampled as fit, others for another seed."""
    monkeypatch.setattr(leakage, "MAX_SLICES", 40)
    control = run_control(phantoms, n_runs=1)
    assert (36, 6, 48) == (control.n_slices, control.n_patients, control.n_slices_in_set)
    chosen = [tuple(leakage._choose_rows(phantoms, seed)) for seed in range(5)]
    assert len(set(chosen)) > 1


def test_progress_counts_pictures_and_settings(phantoms):
    """Both callbacks end at their totals."""
    read, compared = [], []
    run_control(
        phantoms,
        n_runs=1,
        reading=lambda *at: read.append(at),
        comparing=lambda *at: compared.append(at),
    )
    assert (48, 48) == read[-1]
    assert [(done, 6) for done in range(1, 7)] == compared


def test_an_error_in_the_callback_stops_the_reading(phantoms, monkeypatch):
    """An error raised in the callback stops the reading of further pictures."""
    monkeypatch.setattr(leakage, "_READ_AHEAD", 4)
    read = []
    monkeypatch.setattr(leakage, "read_pixels", lambda d, file: read.append(file) or read_pixels(d, file))

    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_control(phantoms, reading=stop)
    assert 4 == len(read)


def test_a_removed_picture_is_an_error(tmp_path):
    """A picture removed after indexing raises a ScanError."""
    dataset = write_patterns(tmp_path)
    (tmp_path / dataset.table["file"][3]).unlink()
    with pytest.raises(ScanError):
        run_control(dataset, n_runs=1)


def test_copies_in_both_classes_score_one_half(tmp_path):
    """A slice with a copy in both classes scores 0.5, without a division by zero."""
    distances = np.array([[0.0, 0.0, 1.0], [3.0, 1.0, 9.0]], np.float32)
    assert [0.5, 0.75] == nearest_neighbour._score(distances, np.array([0, 1, 1])).tolist()


def test_no_runs_are_refused(phantoms):
    """Zero runs raise a ValueError."""
    with pytest.raises(ValueError, match="at least 1"):
        run_control(phantoms, n_runs=0)


def test_conclusion_with_small_test_sets():
    """If only the mean score on shuffled labels is above guessing, the conclusion is cautious."""
    text = conclude(make_control(meaningless=(0.75, 0.4, 1.0)))
    assert text.endswith("It recognizes some patients; the test sets are too small to say how many.")


def test_conclusion_without_a_split_by_patient():
    """Without an estimate for the split by patient, the conclusion leaves it out."""
    assert "A model that scores 94 % with shuffled labels recognizes patients, not disease." == conclude(
        make_control(meaningless=(0.94, 0.9, 1.0))
    )


def make_control(meaningless):
    """Return a control with majority 0.6, this accuracy on shuffled labels and no split by patient."""

    def outcome(split, shuffled, *accuracy, reason=""):
        return Outcome("folder", shuffled, split, 1, 0.6, Estimate(*accuracy, reason=reason), Estimate(None))

    return Control(
        "f", 0, ("Normal", "Stroke"), 10, 4, 10,
        (
            outcome("random", False, 0.95, 0.9, 1.0),
            outcome("random", True, *meaningless),
            outcome("patient", False, None, reason="why"),
        ),
    )  # fmt: skip


@needs_real_data
@pytest.mark.slow
def test_the_published_set_has_leakage():
    """On the real set shuffled labels score like true ones, 0.94, and the split by patient 0.564."""
    control = run_control(index_real_data())
    assert 0.945 == pytest.approx(control.find("folder", "random").accuracy.value, abs=0.01)
    assert 0.937 == pytest.approx(control.find("folder", "random", shuffled=True).accuracy.value, abs=0.015)
    assert 0.564 == pytest.approx(control.find("folder", "patient").accuracy.value, abs=0.005)
