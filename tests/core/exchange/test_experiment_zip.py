"""An experiment as a zip file: export, import, and what an import refuses."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from core.errors import ExperimentError, StrokeError
from core.exchange import experiment_zip
from core.exchange.experiment_zip import export_experiment, has_native_weights, import_experiment
from core.exchange.smoke import N_IMAGES
from core.experiments import Experiment, list_experiments
from core.measurements.verification import run_in_child
from tests.builders import write_tiny_experiment, write_tiny_model
from tests.core.job_folders import write_job_folder

Members = dict[str, bytes]


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The tiny experiment as a zip file, exported with native weights in its folder."""
    root = tmp_path_factory.mktemp("models")
    experiment = write_tiny_experiment(root)
    target = root / "tiny.zip"
    (experiment.folder / "keras" / "model-0.keras").write_bytes(b"weights")
    card = json.loads((experiment.folder / "experiment.json").read_text())
    card["files"]["keras/model-0.keras"] = sha256(b"weights").hexdigest()
    (experiment.folder / "experiment.json").write_text(json.dumps(card))
    whole = list_experiments(root)[0][0]
    assert has_native_weights(whole)
    export_experiment(whole, target)
    assert ["tiny", "tiny.zip"] == sorted(path.name for path in root.iterdir())
    return target.read_bytes()


@pytest.fixture
def smokeless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Skip the smoke check, which these tests do not need."""
    monkeypatch.setattr(experiment_zip, "check_smoke", lambda experiment: None)


def unpack(packed: bytes) -> Members:
    """Return the members of an archive."""
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def pack(
    members: Members, *, rehash: bool = True, card: Callable[[dict[str, Any]], None] | None = None
) -> io.BytesIO:
    """Return an archive of these members, whose card lists their hashes and is then changed by `card`."""
    members = dict(members)
    if "experiment.json" in members:
        values = json.loads(members["experiment.json"])
        if rehash:
            others = {name: data for name, data in members.items() if name != "experiment.json"}
            values["files"] = {name: sha256(data).hexdigest() for name, data in others.items()}
        if card:
            card(values)
        members["experiment.json"] = json.dumps(values).encode()
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return target


def test_an_exported_experiment_can_be_imported(packed: bytes, models: Path) -> None:
    """Tables, networks and figures are those exported; native weights are left out, and an error says so."""
    names = {"experiment.json", "slices.csv", "predictions.csv", "history.csv"}
    assert names | {"keras/model.onnx", "pytorch/model.onnx"} == set(unpack(packed))
    experiment = import_experiment(io.BytesIO(packed))
    ((found,), damaged) = list_experiments(models)
    assert (experiment.digest, []) == (found.digest, damaged)
    expected = write_tiny_experiment(models.parent / "again")
    pd.testing.assert_frame_equal(expected.predictions(), found.predictions())
    assert expected.card["operating_points"] == found.card["operating_points"]
    assert not has_native_weights(found)
    assert {"pytorch": N_IMAGES, "keras": N_IMAGES} == {
        name: len(found.card["smoke"][name]) for name in found.frameworks
    }
    with pytest.raises(ExperimentError, match="imported"):
        run_in_child(found, "pytorch", None)  # type: ignore[arg-type]


def refuse(archive: io.BytesIO, models: Path, words: str) -> None:
    """Check that the archive is refused with these words, and leaves no files."""
    with pytest.raises(StrokeError, match=words):
        import_experiment(archive)
    assert [] == [path.name for path in models.iterdir() if path.name != "tiny" and path.name != ".training"]


@pytest.mark.usefixtures("smokeless")
@pytest.mark.parametrize(
    "name",
    [
        "pytorch/weights-0.pt",
        "keras/model-0.keras",
        "evil.py",
        "../slices.csv",
        "keras/../slices.csv",
        "keras/model.onnx.data",
    ],
)
def test_other_files_are_refused_unopened(packed: bytes, models: Path, name: str) -> None:
    """Native weights, programs and other files are refused, even if the card lists them."""
    refuse(
        pack({**unpack(packed), name: b"data"}), models, "not part of an exported experiment|leads outside it"
    )


@pytest.mark.usefixtures("smokeless")
def test_a_missing_or_changed_file_is_refused(packed: bytes, models: Path) -> None:
    """A missing member, a wrong hash, an unlisted file and a damaged card are refused."""
    members = unpack(packed)
    for name in members:
        refuse(pack({key: data for key, data in members.items() if key != name}, rehash=False), models, name)
        if name != "experiment.json":
            refuse(pack({**members, name: members[name] + b" "}, rehash=False), models, f"{name} differs")
    refuse(
        pack({**members, "properties.csv": b"file"}, rehash=False),
        models,
        "are not those that experiment.json lists",
    )
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, data in {**members, "experiment.json": b"{"}.items():
            archive.writestr(name, data)
    refuse(target, models, "JSON")


def set_folds(card: dict[str, Any]) -> None:
    card["protocol"]["folds"] = 10**9
    card.pop("calibration", None)


@pytest.mark.usefixtures("smokeless")
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda card: card.update(name="../../out"), "experiment's name"),
        (lambda card: card.update(format=2), "format"),
        (lambda card: card["files"].update({"/etc/passwd": "0" * 64}), "outside its folder"),
        (set_folds, "folds"),
        (lambda card: card["dataset"].update(n_slices=3), "number of slices or folds"),
        (lambda card: card["protocol"].update(folds=7), "number of slices or folds"),
        (lambda card: card["operating_points"]["keras"].update(slice={"youden": "x"}), "valid number"),
    ],
)
def test_an_invalid_card_is_refused(
    packed: bytes, models: Path, change: Callable[[dict[str, Any]], None], words: str
) -> None:
    """Names and paths outside the folder, another format, and numbers that do not match the tables fail."""
    refuse(pack(unpack(packed), card=change), models, words)


@pytest.mark.usefixtures("smokeless")
@pytest.mark.parametrize(
    ("old", "new", "words"),
    [(b",0.", b",7.", "not probabilities"), (b"Normal/1 (", b"Normal/999 (", "are not in slices.csv")],
)
def test_invalid_tables_are_refused(packed: bytes, models: Path, old: bytes, new: bytes, words: str) -> None:
    """Probabilities above 1 and predictions for unknown slices are refused."""
    members = unpack(packed)
    refuse(pack({**members, "predictions.csv": members["predictions.csv"].replace(old, new)}), models, words)


@pytest.mark.usefixtures("smokeless")
def test_an_experiment_that_no_page_can_show_is_refused(
    packed: bytes, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An experiment whose figures or model card cannot be computed is refused."""
    for name in ("evaluate_experiment", "render_model_card"):
        with monkeypatch.context() as changed:
            changed.setattr(experiment_zip, name, lambda *_, **__: {}["n_positive"])
            refuse(io.BytesIO(packed), models, "do not match")


@pytest.mark.usefixtures("smokeless")
def test_a_name_that_is_taken_is_refused(packed: bytes, models: Path, tiny: Experiment) -> None:
    """An existing experiment is not replaced."""
    refuse(io.BytesIO(packed), models, "already")
    assert tiny.digest == list_experiments(models)[0][0].digest


@pytest.mark.usefixtures("smokeless")
def test_the_name_of_a_training_is_refused(packed: bytes, models: Path) -> None:
    """The name of an unfinished training is taken."""
    write_job_folder(models, "tiny", "failed", 1)
    refuse(io.BytesIO(packed), models, "already")


def test_a_replaced_network_is_refused(packed: bytes, models: Path, tmp_path: Path) -> None:
    """A network replaced by another, with its hash on the card, fails the smoke check."""
    other = write_tiny_model(tmp_path / "model.onnx", (32, 32, 1), slope=1.0).read_bytes()
    refuse(pack({**unpack(packed), "keras/model.onnx": other}), models, "keras network does not give")


def test_a_file_that_is_not_a_network_is_refused(packed: bytes, models: Path) -> None:
    """A file that ONNX Runtime cannot load is refused with a message."""
    refuse(pack({**unpack(packed), "keras/model.onnx": b"no network"}), models, "cannot be run")


def test_an_archive_without_smoke_check_is_refused(packed: bytes, models: Path) -> None:
    """A card without the networks' recorded probabilities is refused."""
    refuse(pack(unpack(packed), card=lambda card: card.pop("smoke")), models, "no recorded probabilities")
