"""A scan seen by both networks."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.errors import ExperimentError
from core.experiments import FRAMEWORKS, Experiment, write_experiment
from core.models.onnx_model import BATCH_SIZE
from core.prediction import SEEN_IN_TRAINING, Findings, Reader, Refusal, list_files, read_paths
from core.preprocessing import Recipe, prepare, to_frame
from core.scans import Scan, Slice
from tests.builders import tiny_probability, write_tiny_experiment, write_tiny_model


def make_scan(*grays: float, warnings: tuple[str, ...] = (), sha256: str = "0" * 64) -> Scan:
    """A scan with one slice per mean gray: bright on the left, dark on the right."""
    ramp = np.linspace(0.1, -0.1, 64, dtype=np.float32)
    slices = tuple(Slice(np.clip(np.tile(gray + ramp, (64, 1)), 0, 1).astype(np.float32)) for gray in grays)
    return Scan("here.png", sha256, "gray", slices, warnings)


def write_picture(path: Path, gray: int) -> Path:
    """A picture file of 64 x 64 pixels, mostly of this gray (0 to 255)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.full((64, 64), gray, dtype=np.uint8)
    pixels[:8] = 0
    Image.fromarray(pixels).save(path)
    return path


def test_findings_tell_what_both_networks_say(tiny: Experiment) -> None:
    """Probability, decision, threshold, heat map and frame are those of each network and the recipe."""
    scan = make_scan(0.2, 0.8, warnings=("Rotated.",))
    findings = Reader(tiny).read(scan)
    assert ("here.png", "0" * 64, "tiny") == (findings.source, findings.sha256, findings.experiment)
    assert [0, 1] == [finding.index for finding in findings.slices]
    for finding, piece, decision in zip(findings.slices, scan.slices, tiny.classes, strict=True):
        image = prepare(piece.pixels, tiny.recipe)
        assert list(FRAMEWORKS) == list(finding.models)
        for framework, model in finding.models.items():
            assert tiny_probability(framework, image) == pytest.approx(model.probability, abs=1e-6)
            assert (decision, decision == "Hemorrhage") == (model.decision, model.positive)
            assert tiny.threshold(framework) == model.threshold
            assert (8, 8) == model.heat.shape
            assert model.heat[0, 0] > model.heat[0, -1]
        assert finding.agree is True
        assert ("Rotated.",) == finding.warnings
        np.testing.assert_array_equal(to_frame(piece.pixels, tiny.recipe), finding.frame)


def test_a_probability_at_the_threshold_is_positive(tiny: Experiment) -> None:
    """The decision is positive from the threshold on, not above it only."""
    reader = Reader(tiny)
    at = {name: model.probability for name, model in reader.read(make_scan(0.4)).slices[0].models.items()}
    finding = reader.read(make_scan(0.4), at).slices[0]
    assert {"Hemorrhage"} == {model.decision for model in finding.models.values()}
    above = {name: float(np.nextafter(value, 1)) for name, value in at.items()}
    finding = reader.read(make_scan(0.4), above).slices[0]
    assert {"No hemorrhage"} == {model.decision for model in finding.models.values()}


def test_chosen_operating_points_replace_the_default_ones(tiny: Experiment) -> None:
    """A threshold given for one network decides for it; the other keeps its own; they may disagree."""
    finding = Reader(tiny).read(make_scan(0.8), {"keras": 1.0}).slices[0]
    assert ("Hemorrhage", "No hemorrhage") == tuple(model.decision for model in finding.models.values())
    assert tiny.threshold("pytorch") == finding.models["pytorch"].threshold
    assert 1.0 == finding.models["keras"].threshold
    assert finding.agree is False


def test_probabilities_are_recalibrated_as_the_card_says(models: Path) -> None:
    """Served probabilities go through the served recalibration; the network's own stand beside them."""
    experiment = write_tiny_experiment(models, calibrated=True)
    finding = Reader(experiment).read(make_scan(0.42)).slices[0]
    image = prepare(make_scan(0.42).slices[0].pixels, experiment.recipe)
    for framework, model in finding.models.items():
        raw = tiny_probability(framework, image)
        expected = experiment.recalibration(framework).apply(raw)
        assert raw == pytest.approx(model.raw_probability, abs=1e-4)
        assert expected == pytest.approx(model.probability, abs=1e-4)
        assert abs(raw - expected) > 1e-3


def test_without_recalibration_a_probability_is_the_networks_own(tiny: Experiment) -> None:
    """An older card: both probabilities are the same number, and nothing needs review."""
    for model in Reader(tiny).read(make_scan(0.4)).slices[0].models.values():
        assert model.raw_probability == model.probability
        assert model.review is False


def test_what_lies_in_the_band_needs_review(models: Path) -> None:
    """A slice in a network's review band needs review, also in the band around a moved threshold."""
    experiment = write_tiny_experiment(models, calibrated=True)
    scan = make_scan(*np.linspace(0.3, 0.5, 41))
    for points in ({}, {"keras": 0.7}):
        low, high = experiment.review_band("keras", threshold=points.get("keras"))
        models_ = [finding.models["keras"] for finding in Reader(experiment).read(scan, points).slices]
        assert [low < model.probability < high for model in models_] == [model.review for model in models_]
        assert {True, False} == {model.review for model in models_}


def test_an_operating_point_for_no_network_is_refused(tiny: Experiment) -> None:
    """A misspelt framework is an error, not a default."""
    with pytest.raises(ExperimentError, match=r"jax.*choose from: pytorch, keras"):
        Reader(tiny).read(make_scan(0.5), {"jax": 0.5})


def test_a_slice_seen_in_training_is_said_to_be(models: Path) -> None:
    """The warning stands on a scan whose hash was in training or validation, and on no other."""
    experiment = write_tiny_experiment(models, "one", folds=1)
    reader = Reader(experiment)
    slices = experiment.slices().set_index("fold_0")["sha256"]
    for part, expected in (
        ("train", (SEEN_IN_TRAINING,)),
        ("validation", (SEEN_IN_TRAINING,)),
        ("test", ()),
    ):
        assert expected == reader.read(make_scan(0.5, sha256=slices[part].iloc[0])).slices[0].warnings


def test_a_long_scan_is_read_whole(tiny: Experiment) -> None:
    """More slices than a batch holds keep their order and count."""
    grays = np.linspace(0.15, 0.85, BATCH_SIZE * 2 + 1)
    findings = Reader(tiny).read(make_scan(*grays))
    probabilities = [finding.models["keras"].probability for finding in findings.slices]
    assert list(range(len(grays))) == [finding.index for finding in findings.slices]
    assert sorted(probabilities) == probabilities


def test_hounsfield_units_are_windowed(tiny: Experiment) -> None:
    """A scan in Hounsfield units is read as its brain window."""
    gray = make_scan(0.5)
    hu = Scan("x", "0" * 64, "hu", tuple(Slice(piece.pixels * 120 - 20) for piece in gray.slices))
    reader = Reader(tiny)
    expected = reader.read(gray).slices[0].models["keras"].probability
    assert expected == pytest.approx(reader.read(hu).slices[0].models["keras"].probability, abs=1e-3)


def test_one_network_alone_reads(models: Path) -> None:
    """An experiment with one framework gives one finding per slice, which agrees with itself."""
    experiment = write_tiny_experiment(models, "half", frameworks=("keras",))
    finding = Reader(experiment).read(make_scan(0.8)).slices[0]
    assert ["keras"] == list(finding.models)
    assert finding.agree is True


def test_a_network_that_does_not_fit_the_recipe_is_refused(tiny: Experiment) -> None:
    """A model for other images than the recipe makes is named before anything is read."""
    write_tiny_model(tiny.folder / "keras" / "model.onnx", Recipe(64, "rgb", "whole", "unit").shape)
    experiment = write_experiment(tiny.folder, tiny.card)
    with pytest.raises(ExperimentError, match=r"keras model does not fit.*\(64, 64, 3\).*\(32, 32, 1\)"):
        Reader(experiment)


def test_a_changed_network_is_not_loaded(tiny: Experiment) -> None:
    """A model file that was swapped after the experiment was read is refused."""
    write_tiny_model(tiny.folder / "keras" / "model.onnx", tiny.recipe.shape, slope=-1.0)
    with pytest.raises(ExperimentError, match="differs from its hash"):
        Reader(tiny)


def test_a_folder_is_walked_in_natural_order(tmp_path: Path) -> None:
    """Files come under their path below the folder, numbers by value, hidden ones left out."""
    top = tmp_path / "in"
    for name in ("b/10.png", "b/2.png", "a.png", "b/.hidden.png", ".git/c.png", "note.txt"):
        write_picture(top / name, 100) if name.endswith("png") else (top / name).write_text("")
    (top / "empty").mkdir()
    single = write_picture(tmp_path / "x" / "single.png", 100)
    listed = list_files([top, single])
    assert ["a.png", "b/2.png", "b/10.png", "note.txt", "single.png"] == [source for _, source in listed]
    assert listed[1][0] == top / "b" / "2.png"


def test_bad_files_are_named_and_the_others_read(tiny: Experiment, tmp_path: Path) -> None:
    """What is no scan comes back with a code and a reason, in its place; progress counts every file."""
    write_picture(tmp_path / "in" / "1.png", 200)
    (tmp_path / "in" / "2.png").write_bytes(b"")
    write_picture(tmp_path / "in" / "3.png", 50)
    steps: list[tuple[int, int]] = []
    paths = [tmp_path / "in", tmp_path / "gone.png"]
    outcomes = list(read_paths(paths, Reader(tiny), on_file=lambda *step: steps.append(step)))
    assert ["1.png", "2.png", "3.png", "gone.png"] == [outcome.source for outcome in outcomes]
    assert [Findings, Refusal, Findings, Refusal] == [type(outcome) for outcome in outcomes]
    assert ["empty", "unreadable"] == [outcome.code for outcome in outcomes if isinstance(outcome, Refusal)]
    assert [(1, 4), (2, 4), (3, 4), (4, 4)] == steps
    digest = hashlib.sha256((tmp_path / "in" / "1.png").read_bytes()).hexdigest()
    assert isinstance(outcomes[0], Findings)
    assert digest == outcomes[0].sha256


@pytest.mark.skipif(os.name == "nt", reason="Windows knows no named pipes in folders")
def test_a_pipe_is_refused_at_once(tiny: Experiment, tmp_path: Path) -> None:
    """A pipe among the files does not keep the reader waiting."""
    os.mkfifo(tmp_path / "pipe.png")
    (outcome,) = read_paths([tmp_path / "pipe.png"], Reader(tiny))
    assert isinstance(outcome, Refusal)
    assert "not_an_image" == outcome.code


@pytest.mark.skipif(os.name == "nt", reason="names are UTF-16 there")
def test_a_name_that_is_no_text_can_be_shown(tiny: Experiment, tmp_path: Path) -> None:
    """Bytes in a name that are no UTF-8 are replaced, so that printing the source cannot fail."""
    os.mkdir(tmp_path / "in")
    path = os.path.join(os.fsencode(tmp_path / "in"), b"\xff.png")
    with open(path, "wb") as stream:
        stream.write(b"x")
    (outcome,) = read_paths([tmp_path / "in"], Reader(tiny))
    assert "?.png" == outcome.source
