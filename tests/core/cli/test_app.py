"""The command line, and its public forms in JSON."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from core.cli.app import main
from core.errors import ParityError
from core.experiments import Experiment, find_experiment
from core.frameworks import FRAMEWORKS
from core.measurements.verification import Check, Verification
from core.reading import OUTCOMES, name_outcome
from core.training.card import describe_results
from tests.builders import render_head, write_tiny_experiment

ROOT = Path(__file__).parents[3]


class Ended:
    """Outcome of a command: exit code, standard output and standard error."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    def json(self) -> Any:
        """Return standard output as JSON: one object and nothing else."""
        return json.loads(self.out)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Any:
    """Run a command in this process."""

    def run_command(*arguments: str | Path) -> Ended:
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return Ended(int(ended.value.code or 0), out, err)

    return run_command


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder with a dark, a bright and a broken picture, in subfolders."""
    folder = tmp_path / "in"
    for name, gray in (("dark/2.png", 0.2), ("dark/10.png", 0.25), ("bright 1.png", 0.8)):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.rint(255 * render_head(gray)).astype(np.uint8)).save(folder / name)
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no picture")
    return folder


def test_predict_json_has_the_public_form(tiny: Experiment, pictures: Path, run: Any) -> None:
    """predict/2: these keys, kinds and ranges, and no others."""
    record = run("predict", pictures, "--json").json()
    assert ["schema", "experiment", "elsewhere", "experiments", "scans", "refused"] == list(record)
    assert ("predict/2", "tiny") == (record["schema"], record["experiment"])
    for scan in record["scans"]:
        whole = ["source", "sha256", "slices", "verdict", "conclusion", "incomplete", "doubts", "unfit"]
        assert [*whole, "gate_overridden", "decided_by", "technical"] == list(scan)
        assert hashlib.sha256((pictures / scan["source"]).read_bytes()).hexdigest() == scan["sha256"]
        places = ["modality", "spacing_mm", "slice_spacing_mm", "gantry_tilt_deg"]
        assert places == list(scan["technical"])
        assert [["hemorrhage"]] * 2 == [list(scan[key]) for key in ("verdict", "conclusion")]
        for verdict in scan["verdict"]["hemorrhage"].values():
            answer = ["score", "threshold", "band", "outcome", "needs_review", "reasons"]
            assert [*answer, "n_counted", "key_slices"] == list(verdict)
            assert verdict["outcome"] in OUTCOMES
        conclusion = scan["conclusion"]["hemorrhage"]
        assert ["outcome", "words", "reasons", "needs_review", "agree", "decided_by"] == list(conclusion)
        assert name_outcome(conclusion["outcome"], "hemorrhage") == conclusion["words"]
        for index, finding in enumerate(scan["slices"]):
            answer = ["index", "findings", "conclusion", "outcome", "reasons", "agree", "counted"]
            facts = ["warnings", "position_mm", "brain_visible", "gate"]
            assert [*answer, *facts] == list(finding)
            assert ["outcome", "reasons", "turned"] == list(finding["gate"])
            assert ("read" == finding["gate"]["outcome"]) == ([] == finding["gate"]["reasons"])
            sentences = [*finding["gate"]["reasons"], *finding["reasons"], *finding["warnings"]]
            assert all(isinstance(sentence, str) for sentence in sentences)
            assert (index, 0) == (finding["index"], finding["gate"]["turned"])
            assert all(isinstance(finding[key], bool) for key in ("agree", "brain_visible", "counted"))
            assert [["hemorrhage"]] * 2 == [list(finding[key]) for key in ("findings", "conclusion")]
            assert finding["conclusion"]["hemorrhage"].items() <= finding.items()
            answers = finding["findings"]["hemorrhage"]
            assert [*FRAMEWORKS] == list(answers)
            for answer in answers.values():
                assert ["probability", "threshold", "outcome", "needs_review"] == list(answer)
                assert isinstance(answer["needs_review"], bool)
                assert isinstance(answer["probability"], float)
                assert 0 <= answer["probability"] <= 1
                assert answer["outcome"] in OUTCOMES
    for refusal in record["refused"]:
        assert ["source", "code", "message"] == list(refusal)
        assert all(isinstance(value, str) and value for value in refusal.values())


def test_predict_walks_a_folder_and_names_the_refused(tiny: Experiment, pictures: Path, run: Any) -> None:
    """Sources are paths below the folder in natural order; one refused file makes the exit code 1."""
    ended = run("predict", pictures, "--json")
    record = ended.json()
    assert 1 == ended.code
    assert ["bright 1.png", "dark/2.png", "dark/10.png"] == [scan["source"] for scan in record["scans"]]
    assert ["broken.jpg"] == [refusal["source"] for refusal in record["refused"]]
    answers = [scan["slices"][0]["findings"]["hemorrhage"]["keras"] for scan in record["scans"]]
    assert ["flagged", "not_judged", "not_flagged"] == [answer["outcome"] for answer in answers]
    assert "" == ended.err


def test_predict_refuses_what_is_no_head_ct(tiny: Experiment, tmp_path: Path, run: Any) -> None:
    """A photograph is listed as refused; with --override-gate it is read and marked."""
    rows = np.mgrid[:64, :64][0]
    Image.fromarray((60 + 2 * rows).astype(np.uint8)).save(tmp_path / "cat.png")
    refused = run("predict", tmp_path / "cat.png", "--json")
    assert (1, ["not_head_ct"]) == (refused.code, [one["code"] for one in refused.json()["refused"]])
    (scan,) = run("predict", tmp_path / "cat.png", "--override-gate", "--json").json()["scans"]
    assert (True, "refuse") == (scan["gate_overridden"], scan["slices"][0]["gate"]["outcome"])


def test_predict_of_good_files_ends_with_0(tiny: Experiment, pictures: Path, run: Any) -> None:
    """A single file's source is its name, and the exit code is 0 when all were read."""
    ended = run("predict", pictures / "dark" / "2.png", pictures / "bright 1.png", "--json")
    assert 0 == ended.code
    assert ["2.png", "bright 1.png"] == [scan["source"] for scan in ended.json()["scans"]]


def test_predict_prints_a_table(tiny: Experiment, pictures: Path, run: Any) -> None:
    """Without --json: what positive means, a line per slice with its result, and the refused on stderr."""
    ended = run("predict", pictures)
    assert f'calibrated probability of "Hemorrhage". {tiny.meaning}' in ended.out
    line = next(line for line in ended.out.splitlines() if line.startswith("bright 1.png"))
    (scan, *_) = run("predict", pictures, "--json").json()["scans"]
    answers = [answer["probability"] for answer in scan["slices"][0]["findings"]["hemorrhage"].values()]
    words = scan["conclusion"]["hemorrhage"]["words"]
    assert ["bright 1.png", *(f"{answer:.3f}" for answer in answers), words] == re.split("  +", line)
    assert "Refused: broken.jpg: " in ended.err
    assert 1 == ended.code


def test_predict_tells_a_reason_once(tiny: Experiment, tmp_path: Path, run: Any) -> None:
    """Files that were refused for one reason share a line, with the first names and the number of others."""
    for number in range(5):
        (tmp_path / f"{number}.txt").write_text("some text")
    ended = run("predict", *sorted(tmp_path.glob("*.txt")))
    assert ["Refused: 0.txt, 1.txt, 2.txt and 2 more: This is a file of unknown format"] == [
        line.split(", which cannot be read")[0] for line in ended.err.splitlines() if "Refused" in line
    ]


def test_predict_shows_warnings_once(models: Path, pictures: Path, run: Any) -> None:
    """A warning that many scans share is printed once, with their number."""
    experiment = write_tiny_experiment(models)
    exif = Image.Exif()
    exif[0x0112] = 6  # stored on its side
    for name in ("3.jpg", "4.jpg"):
        Image.open(pictures / "bright 1.png").save(pictures / name, exif=exif)
    ended = run("predict", pictures / "3.jpg", pictures / "4.jpg", "--experiment", experiment.name)
    notes = [line for line in ended.out.splitlines() if line.startswith("Note (")]
    assert ["Note (3.jpg and 1 more): The image was turned upright by its EXIF orientation."] == notes


def test_predict_takes_the_experiment_asked_for(models: Path, pictures: Path, run: Any) -> None:
    """--experiment chooses; without it the default one reads."""
    for name in ("other", "tiny"):
        write_tiny_experiment(models, name)
    file = pictures / "bright 1.png"
    assert "tiny" == run("predict", file, "--json").json()["experiment"]
    assert "other" == run("predict", file, "--json", "--experiment", "other").json()["experiment"]


def test_wrong_usage_ends_with_2(tiny: Experiment, pictures: Path, run: Any) -> None:
    """A missing path, no path and an unknown experiment are refused; the last lists the valid names."""
    gone = run("predict", pictures / "gone.png", "--json")
    assert (2, "") == (gone.code, gone.out)
    assert "gone.png" in gone.err
    assert 2 == run("predict").code
    unknown = run("predict", pictures, "--experiment", "nope")
    assert 2 == unknown.code
    assert 'no experiment "nope"; choose one of: tiny' in unknown.err
    assert 2 == run("evaluate", "nope").code
    assert 2 == run("verify", "nope").code
    assert 2 == run("fly").code


def test_an_empty_folder_is_said_to_be_empty(tiny: Experiment, tmp_path: Path, run: Any) -> None:
    """Without files to read: empty lists, exit code 0, and a note on standard error."""
    (tmp_path / "empty").mkdir()
    ended = run("predict", tmp_path / "empty", "--json")
    assert (0, [], []) == (ended.code, ended.json()["scans"], ended.json()["refused"])
    assert "No file was found in" in ended.err


def test_an_expected_failure_is_told_without_a_traceback(tiny: Experiment, pictures: Path, run: Any) -> None:
    """A damaged experiment ends with 1, one line on standard error, and nothing on standard output."""
    (tiny.folder / "slices.csv").unlink()
    ended = run("predict", pictures, "--experiment", "tiny", "--json")
    assert (1, "") == (ended.code, ended.out)
    assert ended.err.startswith('Error: Experiment "tiny": the file slices.csv is missing; ')
    assert 1 == len(ended.err.splitlines())


def test_names_cannot_steer_the_terminal(tiny: Experiment, tmp_path: Path, run: Any) -> None:
    """Control characters in a file's name are replaced in the table, and escaped in JSON."""
    name = "\x1b[2Jgone\n.png"
    (tmp_path / name).write_bytes(b"x")
    assert "\x1b" not in run("predict", tmp_path / name).err
    ended = run("predict", tmp_path / name, "--json")
    assert "\x1b" not in ended.out
    assert name == ended.json()["refused"][0]["source"]


def test_evaluate_json_has_the_public_form(tiny: Experiment, run: Any) -> None:
    """evaluate/2, completed: for each model and level counts, confusion and figures with intervals."""
    record = run("evaluate", "tiny", "--json", "--resamples", "200").json()
    assert ("evaluate/2", "tiny") == (record["schema"], record["experiment"])
    assert list(FRAMEWORKS) == list(record["models"])
    figures = ("accuracy", "precision", "recall", "specificity", "f1", "auroc", "average_precision")
    for framework, levels in record["models"].items():
        assert ["slice", "patient"] == list(levels)
        for level, measured in levels.items():
            assert tiny.threshold(framework, level) == measured["threshold"]
            assert ["tn", "fp", "fn", "tp"] == list(measured["confusion"])
            assert measured["n"] == sum(measured["confusion"].values())
            assert measured["positives"] == measured["confusion"]["fn"] + measured["confusion"]["tp"]
            for figure in figures:
                assert {"value", "interval"} <= set(measured[figure])
                if "reason" in measured[figure]:
                    continue
                low, high = measured[figure]["interval"]
                assert 0 <= low <= measured[figure]["value"] <= high <= 1
            for part in ("subgroups", "robustness"):
                assert "stroke-ct robustness tiny" in measured[part]["reason"]
    assert 96 == record["models"]["keras"]["slice"]["n"]
    assert 12 == record["models"]["keras"]["patient"]["n"]


def test_evaluate_counts_what_was_recorded(tiny: Experiment, run: Any) -> None:
    """The confusion matrix is that of the test rows of predictions.csv at the card's threshold."""
    rows = tiny.predictions().query("part == 'test'")
    called = rows["pytorch"] >= tiny.threshold("pytorch")
    expected = {
        "tn": int((~called & (rows["label"] == 0)).sum()),
        "fp": int((called & (rows["label"] == 0)).sum()),
        "fn": int((~called & (rows["label"] == 1)).sum()),
        "tp": int((called & (rows["label"] == 1)).sum()),
    }
    record = run("evaluate", "tiny", "--json", "--resamples", "50").json()
    assert expected == record["models"]["pytorch"]["slice"]["confusion"]


def test_evaluate_prints_a_table(tiny: Experiment, run: Any) -> None:
    """Without --json: a column for each model and level."""
    out = run("evaluate", "tiny", "--resamples", "50").out
    assert "PyTorch, slice" in out
    assert "Keras, patient" in out
    assert "average precision" in out


def test_predict_tells_what_needs_review(models: Path, pictures: Path, run: Any) -> None:
    """A probability in the review band says so, in JSON and in the table; without bands none does."""
    plain = write_tiny_experiment(models, "plain")
    write_tiny_experiment(models, "banded", calibrated=True)
    for number, gray in enumerate(np.linspace(0.25, 0.55, 16)):
        head = np.rint(255 * render_head(gray)).astype(np.uint8)
        Image.fromarray(head).save(pictures / "dark" / f"{number}.png")
    told = {}
    for name in (plain.name, "banded"):
        scans = run("predict", pictures / "dark", "--json", "--experiment", name).json()["scans"]
        answers = [scan["slices"][0]["findings"]["hemorrhage"]["keras"] for scan in scans]
        told[name] = [answer["needs_review"] for answer in answers]
    assert {False} == set(told["plain"])
    assert {False, True} == set(told["banded"])
    texts = [run("predict", pictures / "dark", "--experiment", name).out for name in told]
    assert [False, True] == ["The probability of Keras is close to its threshold." in text for text in texts]


def test_recompute_writes_the_card_anew(tiny: Experiment, run: Any) -> None:
    """Calibration, operating points and review bands come from the predictions; nothing else changes."""
    ended = run("recompute", "tiny")
    assert 0 == ended.code
    assert "tiny: PyTorch slope " in ended.out
    again = find_experiment("tiny")
    described = json.loads(json.dumps(describe_results(tiny.predictions(), FRAMEWORKS)))
    assert described == {key: again.card[key] for key in described}
    assert {**tiny.card, **described} == again.card
    assert 2 == run("recompute", "nope").code


def test_experiments_lists_the_good_and_names_the_bad(models: Path, run: Any) -> None:
    """A damaged folder is named on standard error, and the others are listed."""
    for name in ("a", "b"):
        write_tiny_experiment(models, name)
    (models / "b" / "slices.csv").unlink()
    ended = run("experiments")
    assert 0 == ended.code
    assert any(line.startswith("a ") for line in ended.out.splitlines())
    assert 'Skipped: Experiment "b"' in ended.err


@pytest.mark.parametrize(("difference", "code", "word"), [(1e-6, 0, "ok"), (0.5, 1, "DIFFERS")])
def test_verify_ends_with_1_on_a_mismatch(
    tiny: Experiment, run: Any, monkeypatch: pytest.MonkeyPatch, difference: float, code: int, word: str
) -> None:
    """The table says which check passed, the notes are printed, and a mismatch is exit code 1."""
    outcome = Verification("tiny", (Check("keras", "ONNX network and weights", 24, difference),), ("Note.",))
    monkeypatch.setattr("core.measurements.verification.verify_experiment", lambda *_, **__: outcome)
    monkeypatch.setattr("core.datasets.dataset.find_dataset", lambda: None)
    ended = run("verify", "tiny")
    assert code == ended.code
    assert word in ended.out
    assert "Note." in ended.out


def test_every_error_of_ours_is_caught(tiny: Experiment, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error raised anywhere below a command is printed in words."""

    def fail(*_: object, **__: object) -> None:
        raise ParityError("It differs", remedy="train again")

    monkeypatch.setattr("core.evaluation.summary.evaluate_experiment", fail)
    ended = run("evaluate", "tiny")
    assert (1, "Error: It differs; train again\n") == (ended.code, ended.err)


def test_the_module_runs_as_a_program(tiny: Experiment, pictures: Path) -> None:
    """`python -m core predict` runs in a new process with an ASCII console."""
    done = subprocess.run(
        [sys.executable, "-m", "core", "predict", str(pictures / "dark"), "--json"],
        cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (0, "") == (done.returncode, done.stderr)
    assert 2 == len(json.loads(done.stdout)["scans"])
