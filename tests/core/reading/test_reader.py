"""Reading a scan with both networks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.errors import ExperimentError, ScanError
from core.experiments import Experiment, add_files, write_experiment
from core.frameworks import FRAMEWORKS
from core.gate import GateFinding
from core.gate.familiarity import FAMILIARITY_FILE, fit_familiarity, hash_image, pack_familiarity
from core.gate.head_ct import HeadCt
from core.imaging.preprocessing import Recipe, prepare
from core.reading.findings import SliceFinding
from core.reading.outcome import OVERRIDE_NOTE, decide
from core.reading.reader import COPY, SEEN_IN_TRAINING, Reader
from core.reading.redecision import apply_operating_points
from core.reading.verdict import make_study_rules, reach_verdicts
from core.scans import Scan, Slice, Technical
from core.scans.raster import COLORED
from core.scans.scan import OTHER_PART
from core.serving.model import BATCH_SIZE, ServedModel
from tests.builders import render_head, tiny_probability, write_tiny_experiment, write_tiny_model


def make_scan(*grays: float, warnings: tuple[str, ...] = (), sha256: str = "0" * 64) -> Scan:
    """A scan with one head per mean gray."""
    slices = tuple(Slice(render_head(gray)) for gray in grays)
    return Scan("here.png", sha256, "gray", slices, warnings)


def test_findings_tell_what_both_networks_say(tiny: Experiment) -> None:
    """Probability, outcome, threshold, heat map and frame are those of each network and the recipe."""
    scan = make_scan(0.2, 0.8, warnings=("Rotated.",))
    findings = Reader(tiny).read(scan)
    assert ("here.png", "0" * 64, "tiny") == (findings.source, findings.sha256, findings.experiment)
    assert [0, 1] == [finding.index for finding in findings.slices]
    for finding, piece, positive in zip(findings.slices, scan.slices, (False, True), strict=True):
        image = prepare(piece.pixels, tiny.recipe)
        assert list(FRAMEWORKS) == list(finding.models)
        for framework, model in finding.models.items():
            assert tiny_probability(framework, image) == pytest.approx(model.probability, abs=1e-6)
            assert ("flagged" if positive else "not_flagged") == model.outcome
            assert tiny.threshold(framework) == model.threshold
            assert (8, 8) == model.heat.shape
            assert model.heat[4, 1] > model.heat[4, -2]
        assert finding.familiarity is None
        assert ("Rotated.",) == finding.warnings


def test_a_probability_at_the_threshold_is_flagged(tiny: Experiment) -> None:
    """Without a band, a probability equal to the threshold is flagged."""
    reader = Reader(tiny)
    at = {name: model.probability for name, model in reader.read(make_scan(0.4)).slices[0].models.items()}
    finding = reader.read(make_scan(0.4), at).slices[0]
    assert {"flagged"} == {model.outcome for model in finding.models.values()}
    above = {name: float(np.nextafter(value, 1)) for name, value in at.items()}
    finding = reader.read(make_scan(0.4), above).slices[0]
    assert {"not_flagged"} == {model.outcome for model in finding.models.values()}


def test_chosen_operating_points_replace_the_default_ones(tiny: Experiment) -> None:
    """A threshold given for one network applies to it alone; the networks may then disagree."""
    finding = Reader(tiny).read(make_scan(0.8), {"keras": 1.0}).slices[0]
    assert ("flagged", "not_flagged") == tuple(model.outcome for model in finding.models.values())
    assert tiny.threshold("pytorch") == finding.models["pytorch"].threshold
    assert 1.0 == finding.models["keras"].threshold
    assert finding.conclusion.agree is False


def test_probabilities_are_recalibrated_as_the_card_says(models: Path) -> None:
    """Probabilities are recalibrated as served; the raw ones are given, too."""
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
    """With an older card both probabilities are the same number, and nothing needs review."""
    for model in Reader(tiny).read(make_scan(0.4)).slices[0].models.values():
        assert model.raw_probability == model.probability
        assert "uncertain" != model.outcome


def test_what_lies_in_the_band_needs_review(models: Path) -> None:
    """A slice in the review band needs review, also in the band around another threshold."""
    experiment = write_tiny_experiment(models, calibrated=True)
    scan = make_scan(*np.linspace(0.3, 0.5, 41))
    for points in ({}, {"keras": 0.7}):
        low, high = experiment.review_band("keras", threshold=points.get("keras"))
        models_ = [finding.models["keras"] for finding in Reader(experiment).read(scan, points).slices]
        uncertain = [model.outcome == "uncertain" for model in models_]
        assert [low < model.probability < high for model in models_] == uncertain
        assert {True, False} == set(uncertain)


def test_an_operating_point_for_no_network_is_refused(tiny: Experiment) -> None:
    """A misspelt framework is an error, not a default."""
    with pytest.raises(ExperimentError, match=r"jax.*choose from: pytorch, keras"):
        Reader(tiny).read(make_scan(0.5), {"jax": 0.5})


def test_a_slice_seen_in_training_is_said_to_be(models: Path) -> None:
    """A scan whose hash was in training or validation gets a warning, and no other does."""
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


def test_slices_are_handed_on_as_they_are_read(tiny: Experiment) -> None:
    """The batches given to `on_slices` together are the findings, in order."""
    handed_on: list[SliceFinding] = []
    scan = make_scan(*np.linspace(0.15, 0.85, BATCH_SIZE * 2 + 1))
    findings = Reader(tiny).read(scan, on_slices=handed_on.extend)
    assert list(findings.slices) == handed_on


def test_whoever_is_handed_slices_can_end_the_reading(tiny: Experiment) -> None:
    """An exception in `on_slices` ends the reading; no further batch is given."""
    handed_on = []

    def stop(slices: Sequence[SliceFinding]) -> None:
        handed_on.append(slices)
        raise KeyError("enough")

    with pytest.raises(KeyError, match="enough"):
        Reader(tiny).read(make_scan(*np.linspace(0.15, 0.85, BATCH_SIZE * 9)), on_slices=stop)
    assert 1 == len(handed_on)


def test_hounsfield_units_are_windowed(tiny: Experiment) -> None:
    """A scan in Hounsfield units is read through the brain window."""
    gray = make_scan(0.5)
    units = [
        np.select([piece.pixels == 0, piece.pixels > 0.95], [-1000, 900], piece.pixels * 120 - 20)
        for piece in gray.slices
    ]
    hu = Scan("x", "0" * 64, "hu", tuple(Slice(one.astype(np.float32)) for one in units))
    reader = Reader(tiny)
    expected = reader.read(gray).slices[0].models["keras"].probability
    assert expected == pytest.approx(reader.read(hu).slices[0].models["keras"].probability, abs=1e-3)


def test_one_network_alone_reads(models: Path) -> None:
    """An experiment with one framework gives one finding per slice, and no agreement."""
    experiment = write_tiny_experiment(models, "half", frameworks=("keras",))
    finding = Reader(experiment).read(make_scan(0.8)).slices[0]
    assert ["keras"] == list(finding.models)
    assert finding.conclusion.agree is False


def test_a_network_that_does_not_fit_the_recipe_is_refused(tiny: Experiment) -> None:
    """A model whose input does not fit the recipe is refused before anything is read."""
    write_tiny_model(tiny.folder / "keras" / "model.onnx", Recipe(64, "rgb", "whole", "unit").shape)
    experiment = write_experiment(tiny.folder, tiny.card)
    with pytest.raises(ExperimentError, match=r"keras network and.*\(64, 64, 3\).*\(32, 32, 1\)"):
        Reader(experiment)


def test_a_changed_network_is_not_loaded(tiny: Experiment) -> None:
    """A model file swapped after the experiment was opened is refused."""
    write_tiny_model(tiny.folder / "keras" / "model.onnx", tiny.recipe.shape, slope=-1.0)
    with pytest.raises(ExperimentError, match="differs from its SHA-256"):
        Reader(tiny)


def make_photograph() -> Scan:
    """A picture whose content reaches its borders."""
    rows, columns = np.mgrid[:64, :64] / 64
    return Scan("cat.png", "1" * 64, "gray", (Slice((0.3 + 0.3 * rows * columns).astype(np.float32)),))


def test_what_is_no_head_ct_is_refused(tiny: Experiment) -> None:
    """The gate's first reason is given, and no network runs."""
    with pytest.raises(ScanError, match="borders") as refused:
        Reader(tiny).read(make_photograph())
    assert "not_head_ct" == refused.value.code


def test_a_refusal_can_be_overridden_and_leaves_a_mark(tiny: Experiment) -> None:
    """When the gate is overridden, the findings say so, and no slice is counted."""
    findings = Reader(tiny).read(make_photograph(), override_gate=True)
    assert (True, "refuse") == (findings.overridden, findings.slices[0].gate.outcome)
    assert {("not_judged", None)} == {(one.outcome, one.score) for one in findings.verdicts.values()}
    assert ("not_judged", OVERRIDE_NOTE) == (findings.conclusion.outcome, findings.conclusion.reasons[0])
    assert OVERRIDE_NOTE in findings.slices[0].conclusion.reasons
    assert not Reader(tiny).read(make_scan(0.4), override_gate=True).overridden


def test_a_few_odd_slices_do_not_spoil_a_study(tiny: Experiment) -> None:
    """Up to half of the slices may be refused: all are read, and the refused are not counted."""
    scan = make_scan(0.5, 0.6)
    mixed = Scan("s", "2" * 64, "gray", (*scan.slices, *make_photograph().slices))
    findings = Reader(tiny).read(mixed)
    assert ["warn", "warn", "refuse"] == [finding.gate.outcome for finding in findings.slices]
    assert [2, 2] == [verdict.n_counted for verdict in findings.verdicts.values()]


def test_a_file_that_says_mr_is_refused(tiny: Experiment) -> None:
    """A file that names another modality is refused, however the picture looks."""
    scan = make_scan(0.5)
    with pytest.raises(ScanError, match="MR, not CT"):
        Reader(tiny).read(Scan("s", "0" * 64, "gray", scan.slices, technical=Technical(modality="MR")))


@pytest.mark.parametrize(("spacing_mm", "is_refused"), [(3.0, False), (6.0, True)])
def test_what_is_known_in_millimetres_is_measured(
    tiny: Experiment, spacing_mm: float, is_refused: bool
) -> None:
    """A head in Hounsfield units is refused if it is 350 mm long, and not at half of that."""
    hu = np.where(render_head(0.5) > 0, 30, -1000).astype(np.float32)
    scan = Scan("s", "0" * 64, "hu", (Slice(hu),), technical=Technical(spacing_mm=(spacing_mm,) * 2))
    (finding,) = Reader(tiny).read(scan, override_gate=True).slices
    assert is_refused == any("mm across" in reason for reason in finding.gate.reasons)


def test_a_file_that_says_chest_is_doubted(tiny: Experiment) -> None:
    """A header that names another body part is one more reason, and marks the picture as odd."""
    (finding,) = Reader(tiny).read(make_scan(0.5, warnings=(OTHER_PART,))).slices
    assert ("warn", True, OTHER_PART) == (finding.gate.outcome, finding.gate.odd, finding.gate.reasons[-1])
    assert not Reader(tiny).read(make_scan(0.5)).slices[0].gate.odd


def test_color_reaches_the_gate(tiny: Experiment) -> None:
    """A scan that was in color is read with a warning."""
    findings = Reader(tiny).read(make_scan(0.5, warnings=(COLORED,)))
    assert "warn" == findings.slices[0].gate.outcome


def make_familiar(experiment: Experiment, grays: Sequence[float]) -> Experiment:
    """Return the experiment with features of heads of these grays; the first half are held out."""
    images = np.stack([prepare(render_head(gray), experiment.recipe) for gray in grays])
    served = {
        name: ServedModel(experiment.model_path(name)).predict(images).features
        for name in experiment.frameworks
    }
    parts = {"fold_0": ["test" if i < len(grays) // 2 else "train" for i in range(len(grays))]}
    known = fit_familiarity(pd.DataFrame(parts), served, np.stack([hash_image(image) for image in images]))
    return add_files(experiment, {FAMILIARITY_FILE: pack_familiarity(known)})


def tell_apart(experiment: Experiment, known: float, strange: float) -> Experiment:
    """Return the experiment with a regression that takes heads of one gray for head CT, not of the other."""
    images = np.stack([prepare(render_head(gray), experiment.recipe) for gray in (known, strange)])
    weights = {}
    for name in experiment.frameworks:
        head, other = ServedModel(experiment.model_path(name)).predict(images).features
        slopes = (head - other) / ((head - other) @ (head - other))
        weights[name] = np.append(4 * slopes, -4 * slopes @ (head + other) / 2).astype(np.float32)
    familiarity = experiment.familiarity()
    assert familiarity is not None
    learned = pack_familiarity(replace(familiarity, head_ct=HeadCt(weights)))
    return add_files(experiment, {FAMILIARITY_FILE: learned})


def test_what_the_networks_do_not_know_is_refused(models: Path) -> None:
    """A head whose features are unlike head CT is refused, or read anyway and marked."""
    single = write_tiny_experiment(models, folds=1)
    known = make_familiar(single, np.linspace(0.45, 0.55, 40))
    reader = Reader(tell_apart(known, 0.5, 0.9))
    found = reader.read(make_scan(0.5))
    assert not any("less like a head CT" in reason for reason in found.slices[0].gate.reasons)
    with pytest.raises(ScanError) as refused:
        reader.read(make_scan(0.9))
    assert "not_head_ct" == refused.value.code
    found = reader.read(make_scan(0.9), override_gate=True)
    assert (True, "refuse") == (found.overridden, found.slices[0].gate.outcome)
    assert "less like a head CT" in found.slices[0].gate.reasons[-1]


def test_familiarity_is_measured_only_on_request(models: Path) -> None:
    """The distance from training, in units of its limit, is measured for validations, in no other reading."""
    known = make_familiar(write_tiny_experiment(models, folds=1), np.linspace(0.45, 0.55, 40))
    near, far = Reader(known, familiarity=True).read(make_scan(0.5, 0.9), override_gate=True).slices
    assert 0 < near.familiarity <= 1 < far.familiarity
    assert [None] == [one.familiarity for one in Reader(known).read(make_scan(0.5)).slices]


def test_a_copy_of_what_the_networks_were_made_from_is_told(models: Path) -> None:
    """A copy of a training slice gets a warning; a copy of a slice that was only tested does not."""
    single = write_tiny_experiment(models, folds=1)
    known = make_familiar(single, np.linspace(0.45, 0.55, 40))
    other = np.where(render_head(0.5) > 0, np.random.default_rng(0).uniform(0.3, 0.7, (64, 64)), 0)
    scan = Scan("s", "0" * 64, "gray", (Slice(render_head(0.52)), Slice(other.astype(np.float32))))
    findings = Reader(known).read(scan, override_gate=True)
    assert [(COPY,), ()] == [finding.warnings for finding in findings.slices]


def test_one_slice_is_judged_by_its_own_decision(tiny: Experiment) -> None:
    """The verdict on a scan of one slice is the slice's decision, also at another operating point."""
    findings = Reader(tiny).read(make_scan(0.5))
    for name, verdict in findings.verdicts.items():
        model = findings.slices[0].models[name]
        assert (model.probability, model.threshold, model.band) == (
            verdict.score,
            verdict.threshold,
            verdict.band,
        )
    (anew,) = apply_operating_points([findings], tiny, {"keras": 0.99})
    decided = [decide(one.score, one.threshold, one.band) for one in anew.verdicts.values()]
    assert ["flagged", "not_flagged"] == decided


def test_a_study_is_judged_as_patients_are(tiny: Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    """The verdict on a study is that of core.reading.verdict, and stays when slices are redecided."""
    monkeypatch.setattr("core.reading.reader.judge_scan", lambda scan, _: [GateFinding("read")] * 3)
    findings = Reader(tiny).read(make_scan(0.3, 0.5, 0.7))
    probabilities = {
        name: [finding.models[name].probability for finding in findings.slices] for name in tiny.frameworks
    }
    expected = reach_verdicts(probabilities, [True] * 3, make_study_rules(tiny))
    assert expected == findings.verdicts
    assert expected == apply_operating_points([findings], tiny, {"keras": 0.99})[0].verdicts
