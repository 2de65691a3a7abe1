"""A run: what is read, what is left out, what is stored, and how it resumes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from core.datasets import Dataset, read_pixels
from core.errors import DatasetError, EvaluationError, ExperimentError, StrokeError
from core.experiments import Experiment, find_experiment
from core.imaging import hash_picture
from core.imaging.preprocessing import prepare
from core.manifests import Source
from core.validation import Validation, list_validations, make_record, open_validation, run, run_validation
from core.validation.work import CHUNK
from tests.builders import tiny_probability, write_tiny_experiment
from tests.core.validation.sets import Heads
from tests.source_trees import ROOT

SILENT = {"hemorrhage": ("presumed absent", "nobody looked")}


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Two sources: patients, vendors, a kept part, unknown labels and a slice without patient."""
    heads = Heads(tmp_path_factory.mktemp("mixed") / "SMITH")
    heads.sources = (Source("north", "North", "free", SILENT), Source("south"), Source("unused"))
    heads.add(12, 1, patient="north/9", source="north", vendor="GE", part="kept")
    heads.add(12, 0, patient="north/JONES", source="north", vendor="Siemens", part="kept")
    heads.add(5, 1, patient="south/9", source="south")
    heads.add(1, 0, source="south")
    return heads.add(4, None, patient="south/9", source="south").build()


@pytest.fixture(scope="module")
def stored(mixed: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Validation:
    """The validation of a tiny experiment on the mixed set; treat it as read-only."""
    return run_validation(write_tiny_experiment(tmp_path_factory.mktemp("models")), mixed, "elsewhere")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers by the file's name instead of readings, for tests of what is done with answers."""

    def answer(_: Any, __: Any, file: str) -> dict[str, Any]:
        probability = int(file.removesuffix(".png")) / 200
        found = {"pytorch": probability, "keras": probability, "familiarity": None}
        return {"outcome": "read", "gate": "read", "reasons": "", "brain_visible": 1, **found}

    monkeypatch.setattr(run, "_read_file", answer)


def test_every_slice_is_read_as_the_reader_reads(
    tiny: Experiment, mixed: Dataset, stored: Validation
) -> None:
    """Each slice has the raw probability of the tiny formula for its prepared image."""
    table = stored.predictions()
    for row, file in list(zip(table.to_dict("records"), mixed.table["file"], strict=True))[::8]:
        with Image.open(mixed.folder / file) as picture:
            image = prepare(np.asarray(picture, np.float32) / 255, tiny.recipe)
        for framework in tiny.frameworks:
            assert tiny_probability(framework, image) == pytest.approx(row[framework], abs=1e-4)


def test_labels_sources_and_parts_are_stored(mixed: Dataset, stored: Validation) -> None:
    """The rows keep order, source, vendor, part, label and hash; unknown labels stay unknown."""
    table = stored.predictions()
    assert list(range(1, 35)) == table["number"].tolist()
    for column in ("source", "vendor", "part", "sha256"):
        assert mixed.table[column].tolist() == table[column].tolist()
    assert mixed.table["slice_label"].tolist() == table["label"].tolist()


def test_patients_become_running_numbers(stored: Validation) -> None:
    """Patients of two sources with the same id are two; an unknown patient stays unknown."""
    patients = stored.predictions()["patient"].tolist()
    assert [*["1"] * 12, *["2"] * 12, *["3"] * 5, "", *["3"] * 4] == patients


def test_nothing_stored_names_a_file_or_patient(mixed: Dataset, stored: Validation) -> None:
    """Neither the folder, the files' names, nor the patients' ids are in any stored file."""
    texts = {path.name: path.read_text(encoding="utf-8") for path in stored.folder.rglob("*")}
    assert {"validation.json", "predictions.csv"} == set(texts)
    for text in texts.values():
        assert not any(word in text for word in ("SMITH", "JONES", ".png", "south/9", str(mixed.folder)))


def test_details_say_what_was_read(tiny: Experiment, mixed: Dataset, stored: Validation) -> None:
    """Fingerprint, counts, and only the sources that were read, with what their silence means."""
    details = stored.details
    assert mixed.fingerprint == details["fingerprint"]
    assert tiny.networks_digest == details["served"]
    assert 34 == details["n_listed"]
    left_out = {"known_file": 0, "near_copy": 0, "unreadable": 0, "unknown_label": 4}
    assert left_out == details["left_out"]
    assert ["north", "south"] == [source["name"] for source in details["sources"]]
    assert {"hemorrhage": ["presumed absent", "nobody looked"]} == details["sources"][0]["silence"]


@pytest.mark.usefixtures("quick")
def test_only_the_kept_part_is_read(tiny: Experiment, mixed: Dataset) -> None:
    """With a part, the slices of the others are not read; a part without slices is refused."""
    validation = run_validation(tiny, mixed, "elsewhere", part="kept")
    assert {"kept"} == set(validation.predictions()["part"])
    assert ("kept", 24) == (validation.details["part"], validation.details["n_listed"])
    with pytest.raises(DatasetError) as refused:
        run_validation(tiny, mixed, "other", part="train")
    assert "no_part" == refused.value.code


def test_the_gate_is_recorded_and_overridden(tiny: Experiment, tmp_path: Path) -> None:
    """A slice that the gate refuses has a probability, the outcome and the reasons."""
    heads = Heads(tmp_path / "set").add(24, 1)
    filled = np.tile(np.arange(60, 188, dtype=np.uint8), (128, 1))
    Image.fromarray(filled).save(heads.folder / "3.png")
    table = run_validation(tiny, heads.build(), "elsewhere").predictions()
    assert "refuse" == table["gate"][3]
    assert table["reasons"][3].startswith("The image is filled to its borders")
    assert 0 < table["keras"][3] < 1
    assert {"read", "warn"} >= set(table["gate"].drop(3))


@pytest.mark.usefixtures("quick")
def test_files_of_the_own_data_set_are_left_out(models: Path, tmp_path: Path) -> None:
    """Slices with the hash of any of the experiment's own, tested or trained on, are left out and counted."""
    own = Heads(tmp_path / "own").add(24, 1, patient="1").add(24, 0, patient="2").add(24, 1, patient="3")
    table = own.build().table.assign(patient=[str(row // 6) for row in range(72)])
    table["folder_label"] = (np.arange(72) // 6 % 2).astype(int)
    experiment = write_tiny_experiment(models, table=table, labels="folder", split="random", folds=1)
    with pytest.raises(DatasetError) as refused:
        run_validation(experiment, own.build(), "elsewhere")
    assert "training_slices" == refused.value.code
    assert "72 slices of the experiment's own data set" in str(refused.value)
    other = own.add(19, 1).build()
    with pytest.raises(DatasetError) as refused:
        run_validation(experiment, other, "elsewhere")
    assert ("too_few", True) == (refused.value.code, "19 labeled slices are left" in str(refused.value))
    details = run_validation(experiment, own.add(1, 0).build(), "elsewhere").details
    assert (72, 92) == (details["left_out"]["known_file"], details["n_listed"])


def test_near_copies_are_left_out(tiny: Experiment, mixed: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """Slices that look the same as a training slice are left out and counted, also in the refusal."""
    from core.gate import Familiarity

    copies = [False]
    close = Familiarity({}, 1.0, 2.0, np.zeros((0, 32), np.uint8))
    monkeypatch.setattr(Familiarity, "distances", lambda *_: np.full(1, 0.5))
    monkeypatch.setattr(Familiarity, "is_copy", lambda *_: copies.append(not copies[-1]) or copies[-1])
    monkeypatch.setattr(Experiment, "familiarity", lambda _: close)
    with pytest.raises(DatasetError) as refused:
        run_validation(tiny, mixed, "elsewhere")
    assert "too_few" == refused.value.code
    assert "17 copies of its training slices" in str(refused.value)
    assert [] == list((tiny.folder / "validations").iterdir())
    copies[:] = [False]
    monkeypatch.setattr("core.validation.run.MIN_SLICES", 10)
    validation = run_validation(tiny, mixed, "elsewhere")
    assert 17 == validation.details["left_out"]["near_copy"]
    assert validation.details["likeness_searched"]
    table = validation.predictions()
    assert [*range(1, 18)] == table["number"].tolist()
    assert [0.5] * 17 == table["familiarity"].tolist()


def test_copies_of_the_published_set_are_left_out(
    models: Path, mixed: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whole pictures are compared with the experiment's slices of the published set; copies are not read."""
    experiment = write_tiny_experiment(models)
    asked = []

    def list_known(digests: set[str]) -> np.ndarray:
        asked.append(digests)
        return hash_picture(read_pixels(mixed, mixed.table["file"][0]))[None].view(np.uint64)

    monkeypatch.setattr(run, "list_known_hashes", list_known)
    with pytest.raises(DatasetError, match="29 copies of its training slices"):
        run_validation(experiment, mixed, "elsewhere")
    assert [set(experiment.slices()["sha256"])] == asked


def test_unreadable_files_are_counted(tiny: Experiment, tmp_path: Path) -> None:
    """A file that was damaged after indexing, and one refused before, are counted; the rest is used."""
    heads = Heads(tmp_path / "set").add(26, 1)
    dataset = heads.build()
    dataset.refused.append({"file": "x.png", "code": "truncated", "message": ""})
    (heads.folder / "5.png").write_bytes(b"")
    validation = run_validation(tiny, dataset, "elsewhere")
    assert (2, 27) == (validation.details["left_out"]["unreadable"], validation.details["n_listed"])
    assert 25 == len(validation.predictions())


@pytest.mark.usefixtures("quick")
def test_a_set_without_labels_is_read(tiny: Experiment, tmp_path: Path) -> None:
    """A set without any label is read, if it has 20 slices, but it has no record of results."""
    with pytest.raises(DatasetError) as refused:
        run_validation(tiny, Heads(tmp_path / "few").add(19, None).build(), "few")
    assert "too_few" == refused.value.code
    assert not (tiny.folder / "validations").exists()
    validation = run_validation(tiny, Heads(tmp_path / "set").add(20, None).build(), "elsewhere")
    assert (0, 20) == (validation.n_labeled, len(validation.predictions()))
    with pytest.raises(EvaluationError, match='name the class folders "No hemorrhage" and "Hemorrhage"'):
        make_record(tiny, validation)


@pytest.mark.usefixtures("quick")
def test_labels_are_of_the_experiments_finding(tiny: Experiment, tmp_path: Path) -> None:
    """An experiment on ischemia is measured on labels of ischemia; without any, no slice has a label."""
    from dataclasses import replace

    ischemia = {"key": "ischemia", "name": "ischemic lesion", "counts": "Any."}
    other = replace(tiny, card={**tiny.card, "finding": ischemia})
    dataset = Heads(tmp_path / "set").add(12, 1).add(12, 0).build()
    assert run.choose_labels(other, dataset)[1].isna().all()
    labels = pd.array([0] * 12 + [1] * 11 + [pd.NA], dtype="Int64")
    both = replace(dataset, table=dataset.table.assign(ischemia=labels), findings=("hemorrhage", "ischemia"))
    finding, found = run.choose_labels(other, both)
    assert ("ischemia", labels.tolist()) == (finding, found.tolist())
    finding, found = run.choose_labels(tiny, both)
    assert ("hemorrhage", [1] * 12 + [0] * 12) == (finding, found.tolist())


@pytest.mark.usefixtures("quick")
def test_folders_named_after_the_finding_are_labels(tiny: Experiment, tmp_path: Path) -> None:
    """Class folders "no hemorrhage" and "hemorrhage" give slice labels; other names do not."""
    from dataclasses import replace

    dataset = Heads(tmp_path / "set").add(12, 1).add(12, 0).build()
    table = dataset.table.assign(hemorrhage=pd.array([pd.NA] * 24, dtype="Int64"))
    named = replace(dataset, table=table, classes=("no hemorrhage", "HEMORRHAGE"))
    validation = run_validation(tiny, named, "elsewhere")
    assert [1] * 12 + [0] * 12 == validation.predictions()["label"].tolist()
    other = run_validation(tiny, replace(named, classes=("Normal", "Stroke")), "other")
    assert other.predictions()["label"].isna().all()


@pytest.mark.usefixtures("quick")
def test_names_are_checked_and_taken_once(tiny: Experiment, mixed: Dataset) -> None:
    """A name is a folder's name; a taken one is refused, or replaced on request."""
    for name in ("", "../x", ".hidden", "A", "x" * 81, "a b"):
        with pytest.raises(ExperimentError, match="The validation's name must have at most 80"):
            run_validation(tiny, mixed, name)
    run_validation(tiny, mixed, "elsewhere")
    with pytest.raises(ExperimentError) as refused:
        run_validation(tiny, mixed, "elsewhere")
    assert "name_taken" == refused.value.code
    replaced = run_validation(tiny, mixed, "elsewhere", part="kept", replace=True)
    assert [24] == [len(one.predictions()) for one in list_validations(tiny)]
    assert "kept" == replaced.details["part"]
    assert ["elsewhere"] == [path.name for path in replaced.folder.parent.iterdir()]


@pytest.mark.usefixtures("quick")
def test_a_stopped_one_is_not_listed_and_resumes(tiny: Experiment, tmp_path: Path) -> None:
    """A stop is an error with the counts; the same call reads only what is missing, with the same outcome."""
    dataset = Heads(tmp_path / "set").add(34, 1).add(32, 0).build()
    whole = run_validation(tiny, dataset, "whole").predictions()
    seen: list[tuple[int, int]] = []
    with pytest.raises(StrokeError) as stopped:
        run_validation(
            tiny, dataset, "part", on_progress=lambda *at: seen.append(at), should_stop=lambda: bool(seen)
        )
    assert ("stopped", True) == (stopped.value.code, f"{CHUNK} of 66 slices" in str(stopped.value))
    assert ["whole"] == [one.name for one in list_validations(tiny)]
    with pytest.raises(ExperimentError):
        open_validation(tiny, ".part")
    run_validation(tiny, dataset, "part", on_progress=lambda *at: seen.append(at))
    assert [(32, 66), (64, 66), (66, 66)] == seen
    assert whole.equals(open_validation(tiny, "part").predictions())
    assert {"whole", "part"} == {path.name for path in (tiny.folder / "validations").iterdir()}


@pytest.mark.usefixtures("quick")
def test_work_on_other_data_is_refused(tiny: Experiment, mixed: Dataset, tmp_path: Path) -> None:
    """An unfinished validation is not continued with other data or another part."""
    with pytest.raises(StrokeError, match="stopped"):
        run_validation(tiny, mixed, "elsewhere", should_stop=lambda: True)
    for dataset, part in ((Heads(tmp_path / "set").add(30, 1).build(), None), (mixed, "kept")):
        with pytest.raises(ExperimentError) as refused:
            run_validation(tiny, dataset, "elsewhere", part=part)
        assert "other_data" == refused.value.code
        assert mixed.fingerprint[:12] in str(refused.value)
    assert run_validation(tiny, mixed, "elsewhere").is_current


@pytest.mark.usefixtures("quick")
def test_work_of_other_networks_is_read_anew(models: Path, mixed: Dataset) -> None:
    """Chunks that another version of the experiment read are not used."""
    tiny, seen = write_tiny_experiment(models), []
    with pytest.raises(StrokeError, match="stopped"):
        run_validation(
            tiny, mixed, "elsewhere", on_progress=lambda *at: seen.append(at), should_stop=lambda: bool(seen)
        )
    hidden = tiny.folder / "validations" / ".elsewhere"
    (hidden / "0-32.json").write_text("[]")
    begun = (hidden / "begun.json").read_text()
    (hidden / "begun.json").write_text(begun.replace(tiny.networks_digest, "0" * 64))
    assert 34 == len(run_validation(tiny, mixed, "elsewhere").predictions())


SCRIPT = """
import sys
from pathlib import Path
from core.experiments import find_experiment
from core.validation import run_validation
from tests.core.validation.sets import Heads
dataset = Heads(Path(sys.argv[1])).add(80, 1).build()
run_validation(find_experiment("tiny"), dataset, "killed",
               on_progress=lambda done, _: print(done, flush=True) or __import__("time").sleep(20))
"""


@pytest.mark.slow
def test_a_killed_one_loses_at_most_a_chunk(tiny: Experiment, tmp_path: Path) -> None:
    """After kill -9 nothing is listed; the next run keeps the chunk that was read, and reads the rest."""
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "set")], cwd=ROOT, stdout=subprocess.PIPE
    )
    assert process.stdout
    assert b"32\n" == process.stdout.readline()
    process.kill()
    process.wait()
    assert [] == list_validations(find_experiment("tiny"))
    seen: list[int] = []
    dataset = Heads(tmp_path / "set").add(80, 1).build()
    run_validation(tiny, dataset, "killed", on_progress=lambda done, _: seen.append(done))
    assert [64, 80] == seen


@pytest.mark.usefixtures("quick")
def test_two_at_once_are_refused(tiny: Experiment, mixed: Dataset) -> None:
    """While a validation runs, another of the same name is refused."""
    refused = []

    def run_again() -> bool:
        with pytest.raises(ExperimentError) as error:
            run_validation(tiny, mixed, "elsewhere")
        refused.append(error.value.code)
        return False

    run_validation(tiny, mixed, "elsewhere", should_stop=run_again)
    assert ["busy", "busy"] == refused


@pytest.mark.usefixtures("quick")
def test_an_experiment_on_folder_labels_uses_the_patients(models: Path, tmp_path: Path) -> None:
    """For an experiment on labels of folders, the label is the patient's, and no finding is named."""
    experiment = write_tiny_experiment(models, labels="folder")
    heads = Heads(tmp_path / "set").add(12, 0, folder_label=1).add(12, 1, folder_label=0)
    validation = run_validation(experiment, heads.build(), "elsewhere")
    assert [1] * 12 + [0] * 12 == validation.predictions()["label"].tolist()
    assert "" == validation.details["finding"]
