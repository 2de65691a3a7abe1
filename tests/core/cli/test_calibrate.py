"""The command calibrate, the use of a site calibration by predict, and validate without labels."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from core.cli.app import main
from core.experiments import Experiment
from core.validation import make_domain_record, open_site, open_validation, read_trial, run
from tests.builders import render_head, write_tiny_validation
from tests.core.validation.sets import Heads

FEW = ("--resamples", "30")


def call(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, str, str]:
    """(exit code, standard output, standard error) of a call."""
    with pytest.raises(SystemExit) as left:
        main(list(map(str, words)))
    out, err = capsys.readouterr()
    return int(left.value.code or 0), out, err


def test_a_site_calibration_is_made_and_printed(tiny: Experiment, capsys) -> None:
    """It says what it rests on, what changes, and why studies get no verdict; the JSON is what is stored."""
    write_tiny_validation(tiny, "north", n_patients=20)
    code, out, _ = call(capsys, "calibrate", "tiny", "north", *FEW)
    assert 0 == code
    assert "It rests on 119 slices, 60 positive and 59 negative, 20 patients" in out
    assert "per slice                     card" in out
    assert "Keras gives studies no verdict at this site" in out
    assert "10 with, 10 without" in out
    code, out, _ = call(capsys, "calibrate", "tiny", "north", *FEW, "--json")
    assert open_site(tiny, "north").details == json.loads(out)


def test_a_site_calibration_is_refused_with_its_counts(tiny: Experiment, capsys) -> None:
    """Too few slices of a class end in an error with both counts; an unknown validation names the known."""
    write_tiny_validation(tiny, "north", n_patients=16, n_slices=2)
    code, out, err = call(capsys, "calibrate", "tiny", "north")
    assert (1, "") == (code, out)
    assert "16 with, 15 without" in err
    code, _, err = call(capsys, "calibrate", "tiny", "south")
    assert 1 == code
    assert "choose one of: north" in err


def test_a_trial_is_made_and_printed(tiny: Experiment, capsys) -> None:
    """A trial says what it was fitted to and measured on; it makes no site calibration."""
    validation = write_tiny_validation(tiny, "north", n_patients=40, parts=("", "", "kept"))
    code, out, _ = call(capsys, "calibrate", "tiny", "north", "--try", "20", *FEW)
    assert 0 == code
    assert "to 20 of 28 patients" in out
    assert "Measured on 72 slices, 36 positive" in out
    assert not (validation.folder / "site.json").exists()
    trial = read_trial(tiny, validation)
    assert trial
    assert f"{trial['models']['keras']['difference']['recall']['value']:.3f}" in out


def test_predict_decides_by_a_site(tiny: Experiment, tmp_path: Path, capsys) -> None:
    """`--site` decides with the site's calibration, in print and JSON; without it, the card decides."""
    write_tiny_validation(tiny, "north", n_patients=20)
    call(capsys, "calibrate", "tiny", "north", *FEW)
    site = open_site(tiny, "north")
    picture = tmp_path / "a.png"
    Image.fromarray(np.rint(255 * render_head(0.45)).astype(np.uint8)).save(picture)
    _, out, _ = call(capsys, "predict", picture, "--site", "north")
    assert 'Decided with the site calibration "north"' in out
    assert f"Keras {site.threshold('keras'):.3f}" in out
    scans: list[Any] = []
    for words in (("--site", "north"), ()):
        scans += json.loads(call(capsys, "predict", picture, "--json", *words)[1])["scans"]
    assert ["north", "the card"] == [scan["decided_by"] for scan in scans]
    there, home = (scan["slices"][0]["findings"]["hemorrhage"]["keras"]["probability"] for scan in scans)
    assert float(site.recalibration("keras").apply(home)) == pytest.approx(there)


def test_predict_refuses_an_unknown_site(tiny: Experiment, tmp_path: Path, capsys) -> None:
    """A site that does not exist ends predict before anything is read."""
    picture = tmp_path / "a.png"
    Image.fromarray(np.zeros((64, 64), np.uint8)).save(picture)
    code, out, err = call(capsys, "predict", picture, "--site", "north")
    assert (1, "") == (code, out)
    assert 'has no validation "north"' in err


def test_without_labels_validate_tells_the_likeness(
    tiny: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    """A manifest without labels gives the record domain/1, as a table or as JSON."""

    def answer(_: Any, __: Any, file: str) -> dict[str, Any]:
        found = {"pytorch": 0.3, "keras": 0.2, "familiarity": None}
        return {"outcome": "read", "gate": "warn", "reasons": "Odd.", "brain_visible": 1, **found}

    monkeypatch.setattr(run, "_read_file", answer)
    heads = Heads(tmp_path / "set").add(20, None)
    manifest = heads.folder / "manifest.csv"
    lines = ["file,vendor", *(f"{row['file']},GE" for row in heads.rows)]
    manifest.write_text("\n".join(lines), encoding="utf-8")
    code, out, _ = call(capsys, "validate", "tiny", manifest, *FEW)
    assert 0 == code
    assert "20 slices. The gate:" in out
    assert "Labels are not used here" in out
    words = ("validate", "tiny", manifest, *FEW, "--replace", "--json")
    record = json.loads(call(capsys, *words)[1])
    assert "domain/1" == record["schema"]
    assert make_domain_record(tiny, open_validation(tiny, "set"), n_resamples=30) == record
