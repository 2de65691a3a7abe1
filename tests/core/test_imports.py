"""Imports: reading and evaluating load no framework, reading starts fast, package fronts load nothing.

That PyTorch and TensorFlow never meet in one process, tests/core/models/test_cnn_contract.py holds.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.experiments import Experiment
from tests.builders import render_head
from tests.source_trees import MODULES, PACKAGES, ROOT

FRAMEWORK_LIBRARIES = {"torch", "torchvision", "tensorflow", "keras"}
# Each costs a good part of a second, and reading a scan needs none of them.
SLOW_LIBRARIES = {
    "pandas",
    "sklearn",
    "scipy.stats",
    "matplotlib",
    "streamlit",
    "plotly",
    "rich",
    "kagglehub",
    "jinja2",
}

_RUN = """
import contextlib, io, json, sys
from core.cli.app import main
out = io.StringIO()
with contextlib.redirect_stdout(out):
    try:
        main(sys.argv[1:])
    except SystemExit as end:
        code = end.code
print(json.dumps({"code": code, "out": out.getvalue(), "modules": sorted(sys.modules)}))
"""


def run_apart(*arguments: str) -> tuple[int, str, set[str]]:
    """Run a command in a fresh process and return exit code, output and the modules loaded at its end."""
    done = subprocess.run(
        [sys.executable, "-c", _RUN, *arguments], cwd=ROOT, env=os.environ.copy(), capture_output=True,
        text=True, timeout=120, check=False,
    )  # fmt: skip
    assert 0 == done.returncode, done.stderr
    ended = json.loads(done.stdout)
    return ended["code"] or 0, ended["out"], set(ended["modules"])


def test_predict_loads_no_framework(tiny: Experiment, tmp_path: Path) -> None:
    """Reading a scan with both networks leaves no framework and no slow library in sys.modules."""
    picture = tmp_path / "a.png"
    Image.fromarray(np.rint(255 * render_head(0.5)).astype(np.uint8)).save(picture)
    code, out, modules = run_apart("predict", str(picture), "--json")
    assert 0 == code
    assert {"pytorch", "keras"} <= set(json.loads(out)["scans"][0]["slices"][0]["findings"]["hemorrhage"])
    assert set() == modules & FRAMEWORK_LIBRARIES
    assert set() == modules & SLOW_LIBRARIES


def test_evaluate_loads_no_framework(tiny: Experiment) -> None:
    """Evaluating loads no framework: figures come from the record alone."""
    code, _, modules = run_apart("evaluate", "tiny", "--json", "--resamples", "20")
    assert 0 == code
    assert set() == modules & FRAMEWORK_LIBRARIES


def run_script(script: str) -> str:
    """Run a program in a fresh process and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert 0 == done.returncode, done.stderr
    return done.stdout.strip()


def _tell_loaded(libraries: set[str]) -> str:
    return f"print(sorted(set(sys.modules) & {libraries!r}))"


def test_importing_core_loads_no_framework() -> None:
    """Every module of core except the two networks can be imported in one process without a framework."""
    names = [
        name
        for name in MODULES
        if name.startswith("core.") and not re.search(r"models\.(pytorch|keras)_|__main__", name)
    ]
    script = f"import importlib, sys\nfor name in {names!r}: importlib.import_module(name)\n"
    assert "[]" == run_script(script + _tell_loaded(FRAMEWORK_LIBRARIES))


def test_fronts_load_nothing() -> None:
    """Importing all packages of core loads none of their modules and no heavy library: fronts are lazy."""
    packages = [package for package in PACKAGES if package.startswith("core.")]
    script = f"import importlib, sys\nfor name in {packages!r}: importlib.import_module(name)\n"
    script += "ours = {name for name in sys.modules if name.split('.')[0] == 'core'}\n"
    script += f"print(sorted(ours - {set(packages)!r}))\n"
    heavy = FRAMEWORK_LIBRARIES | SLOW_LIBRARIES | {"numpy", "scipy", "PIL", "onnxruntime", "pydicom"}
    assert "['core']\n[]" == run_script(script + _tell_loaded(heavy))


@pytest.mark.parametrize("module", ["core.cli.app", "core.reading.reader", "core.experiments.folders"])
def test_importing_the_way_to_a_reading_is_quick(module: str) -> None:
    """These modules load no table, statistics or web library."""
    assert "[]" == run_script(f"import sys, {module}\n" + _tell_loaded(SLOW_LIBRARIES))
