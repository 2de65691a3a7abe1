"""`core` as a library: its public names, what importing it loads, and README's example."""

from __future__ import annotations

import doctest
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import core
from core.experiments import Experiment
from core.service import DEFAULT_NAME
from core.synthetic import render_phantom, save_phantom
from core.synthetic.phantoms import write_phantom_dataset
from core.system import child_environment
from tests.core.test_imports import FRAMEWORK_LIBRARIES, SLOW_LIBRARIES
from tests.source_trees import ROOT, list_public_names

README = (ROOT / "README.md").read_text(encoding="utf-8")
HEAVY = FRAMEWORK_LIBRARIES | SLOW_LIBRARIES | {"numpy", "scipy", "PIL", "onnxruntime", "pydicom"}


def test_every_public_name_is_there() -> None:
    """`dir(core)` lists the names of the stub, and each can be taken from core."""
    assert sorted(list_public_names("core")) == sorted(core.__all__) == sorted(dir(core))
    for name in core.__all__:
        assert hasattr(core, name), name


def test_the_readme_names_public_names() -> None:
    """Whatever README imports or mentions from core is public."""
    section = README.split("## Use it as a library")[1].split("\n## ")[0]
    imported = re.search(r"from core import (.+)", section)
    assert imported
    mentioned = re.findall(r"`([a-z]+_[a-z_]+)`", section)
    assert set() == {*imported[1].split(", "), *mentioned} - set(core.__all__)


def test_importing_core_loads_nothing_large() -> None:
    """No framework, no table, no statistics, not even NumPy; ONNX Runtime is told to send nothing home."""
    code = "import sys, os, core; print(os.environ['ORT_DISABLE_TELEMETRY'], sorted(set(sys.modules) & "
    done = subprocess.run(
        [sys.executable, "-c", f"{code}{HEAVY!r}))"],
        env={key: value for key, value in child_environment().items() if key != "ORT_DISABLE_TELEMETRY"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "1 []" == done.stdout.strip()


def test_reading_as_a_library_loads_no_framework(tiny: Experiment, tmp_path: Path) -> None:
    """A scan is read by path and by bytes, with equal findings, without a framework or a slow library."""
    picture = tmp_path / "phantom.png"
    save_phantom(render_phantom(np.random.default_rng(0), lesion=True), picture)
    code = (
        "import sys; from core import Reader, open_experiment, read_scan\n"
        "reader = Reader(open_experiment())\n"
        f"path = {str(picture)!r}\n"
        "scans = read_scan(path), read_scan(open(path, 'rb').read(), 'phantom.png')\n"
        "one, two = [reader.read(scan) for scan in scans]\n"
        "assert one.source == two.source and one.sha256 == two.sha256\n"
        "probabilities = [[m.probability for m in f.slices[0].models.values()] for f in (one, two)]\n"
        "assert probabilities[0] == probabilities[1]\n"
        f"print(sorted(set(sys.modules) & {FRAMEWORK_LIBRARIES | SLOW_LIBRARIES!r}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ, capture_output=True, text=True, check=False
    )
    assert ("[]", 0) == (done.stdout.strip(), done.returncode), done.stderr


def test_figures_and_audit_as_a_library(tiny: Experiment, tmp_path: Path) -> None:
    """The record of an experiment, a prepared slice and an audit come from the public names alone."""
    record = core.evaluate_experiment(core.open_experiment("tiny"), n_resamples=20)
    assert {"pytorch", "keras"} == set(record["models"])
    image = core.prepare(np.zeros((64, 64), np.float32), tiny.recipe)
    assert tiny.recipe.shape == image.shape
    write_phantom_dataset(tmp_path / "set", n_patients=2, slices_per_patient=4, size=64)
    assert 8 == core.audit_dataset(core.index_dataset(tmp_path / "set")).n_slices
    with pytest.raises(core.ExperimentError):
        core.open_experiment("gone")


def test_readme_example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """README's example is a doctest: it runs as it stands, with the shipped default experiment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("STROKE_CT_MODELS", raising=False)
    monkeypatch.setenv("STROKE_CT_EXPERIMENT", DEFAULT_NAME)
    example = doctest.DocTestParser().get_doctest(README, {}, "README.md", "README.md", 0)
    assert 5 <= len(example.examples) <= 12
    report: list[str] = []
    doctest.DocTestRunner(optionflags=doctest.FAIL_FAST).run(example, out=report.append)
    assert [] == report
    assert (tmp_path / "phantom.png").is_file()
