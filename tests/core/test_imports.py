"""What is loaded: reading and evaluating need no framework, and reading starts at once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.experiments import Experiment
from tests.builders import draw_head

ROOT = Path(__file__).parents[2]
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
    """Run a command in a fresh process: exit code, output, and the modules loaded at its end."""
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
    Image.fromarray(np.rint(255 * draw_head(0.5)).astype(np.uint8)).save(picture)
    code, out, modules = run_apart("predict", str(picture), "--json")
    assert 0 == code
    assert {"pytorch", "keras"} <= set(json.loads(out)["scans"][0]["slices"][0])
    assert set() == modules & FRAMEWORK_LIBRARIES
    assert set() == modules & SLOW_LIBRARIES


def test_evaluate_loads_no_framework(tiny: Experiment) -> None:
    """Figures come from the record alone."""
    code, _, modules = run_apart("evaluate", "tiny", "--json", "--resamples", "20")
    assert 0 == code
    assert set() == modules & FRAMEWORK_LIBRARIES


def _core_modules() -> list[str]:
    found = []
    for path in sorted((ROOT / "core").rglob("*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        if not name.endswith(("pytorch_cnn", "keras_cnn", "__main__")):
            found.append(name)
    return found


def test_importing_core_loads_no_framework() -> None:
    """Every module of core but the two networks can be imported, all in one process, without a framework."""
    script = "import importlib, sys\n"
    script += f"for name in {_core_modules()!r}: importlib.import_module(name)\n"
    script += f"print(sorted(set(sys.modules) & {FRAMEWORK_LIBRARIES!r}))"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert "[]" == done.stdout.strip(), done.stderr


@pytest.mark.parametrize("module", ["core.cli.app", "core.reading.reader", "core.experiments"])
def test_importing_the_way_to_a_reading_is_quick(module: str) -> None:
    """These modules load no table, statistics or web library."""
    script = f"import sys, {module}\nprint(sorted(set(sys.modules) & {SLOW_LIBRARIES!r}))"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert "[]" == done.stdout.strip(), done.stderr
