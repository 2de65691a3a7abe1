"""The served ONNX networks beside the frameworks that trained them, in one run: start, latency, memory.

Both sides read the same slice with the same experiment and give a probability and a heat map: the native side
with every fold's network and by automatic differentiation, the served side with the one ONNX file. Warm, each
uses one thread, so that the ratios do not tell how many cores were free.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pytest

from core.errors import ExperimentError
from core.experiments import Experiment, default_experiment
from core.frameworks import name_weights
from core.synthetic.phantoms import render_phantom, save_phantom

ROOT = Path(__file__).parents[2]
N_COLD = 3
N_WARM = 20

# Reads one slice once (cold) or often (warm), then says how long it took and how much memory was needed.
_COMMON = """
import json, resource, statistics, sys
from pathlib import Path
from time import perf_counter

import numpy as np

from core.experiments import read_experiment
from core.imaging.preprocessing import prepare_many
from core.scans import read_scan

experiment, framework = read_experiment(Path(sys.argv[1])), sys.argv[2]
scan = read_scan(Path(sys.argv[3]).read_bytes(), "phantom")
images = prepare_many([scan.slices[0].pixels], experiment.recipe)
LOAD
seconds = []
for _ in range(1 + int(sys.argv[4])):
    start = perf_counter()
    probability, heat = read()
    seconds.append(perf_counter() - start)
# In bytes. On Linux ru_maxrss counts what the parent held when it forked; VmHWM does not.
status = Path("/proc/self/status")
if status.exists():
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    peak = 1024 * int(line.split()[1])
else:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({
    "warm_s": statistics.median(seconds[1:] or seconds),
    "peak": peak,
    "probability": float(probability),
    "heat": np.asarray(heat).tolist(),
}))
"""
_NATIVE = """
from core.models.architecture import architecture_of
from core.frameworks import name_weights
from core.models.contract import build_cnn

card = experiment.card
architecture = architecture_of(card)
members = []
for fold in range(int(sys.argv[5])):
    cnn = build_cnn(framework, architecture, seed=0, n_threads=1)
    cnn.load_weights(experiment.folder / framework / name_weights(framework, fold))
    members.append(cnn)
embed = members[0].embed
as_bytes = np.rint(images * 255).astype(np.uint8)

def read():
    # Once for all folds and for the heat maps too, as in the served file.
    inputs = embed(as_bytes)
    for cnn in members:
        cnn.embed = lambda images: inputs
    probabilities = [cnn.predict_probability(inputs) for cnn in members]
    return np.mean(probabilities), np.mean([cnn.explain(as_bytes) for cnn in members], axis=0)[0]
"""
_SERVED = """
from core.serving.model import MemberModel

n_folds = experiment.card["protocol"]["folds"]
model = MemberModel(experiment.model_path(framework), n_folds, n_threads=1)

def read():
    served = model.predict(images) if int(sys.argv[5]) == n_folds else model.predict_member(images, 0)
    return served.probability[0], served.heat[0]
"""


@pytest.fixture
def experiment() -> Experiment:
    """The experiment that the program opens with, with all its native weights."""
    try:
        found = default_experiment()
    except ExperimentError as error:
        pytest.skip(f"no experiment to measure: {error}")
    for framework in found.frameworks:
        for fold in range(found.card["protocol"]["folds"]):
            if not (found.folder / framework / name_weights(framework, fold)).exists():
                pytest.skip(f"the native {framework} weights of {found.name} are not there")
    return found


def run(*arguments: str) -> tuple[float, str]:
    """Run Python with these arguments: seconds of the whole process, and what it printed."""
    start = perf_counter()
    ended = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, "KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = perf_counter() - start
    assert 0 == ended.returncode, ended.stderr[-2000:]
    return seconds, ended.stdout


@pytest.mark.skipif(os.name == "nt", reason="peak memory is measured by the module resource")
def test_served_networks_against_their_frameworks(
    quick: bool, experiment: Experiment, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Served reading, of both networks at once, starts sooner than either framework; each served network
    is at least as fast per slice as its native form and needs no more memory, and says the same."""
    picture = tmp_path / "phantom.png"
    save_phantom(render_phantom(np.random.default_rng(0), lesion=True, size=512), picture)
    predict = ["-m", "core", "predict", str(picture), "--experiment", experiment.name, "--json"]
    scripts = {"native": _COMMON.replace("LOAD", _NATIVE), "served": _COMMON.replace("LOAD", _SERVED)}

    def measure(side: str, framework: str, n_warm: int) -> tuple[float, dict[str, Any]]:
        more = (str(experiment.folder), framework, str(picture), str(n_warm), str(n_folds))
        seconds, out = run("-c", scripts[side], *more)
        return seconds, json.loads(out.splitlines()[-1])

    folds = experiment.card["protocol"]["folds"]
    # Quick, the network of one fold: each takes its framework seconds to build.
    n_cold, n_warm, n_folds = (0, 0, 1) if quick else (N_COLD, N_WARM, folds)
    # By turns, so that whatever else the machine does meets all alike.
    cold: dict[str, list[float]] = {}
    for _ in range(n_cold):
        cold.setdefault("served", []).append(run(*predict)[0])
        for framework in experiment.frameworks:
            cold.setdefault(framework, []).append(measure("native", framework, 0)[0])
    start = {side: statistics.median(seconds) for side, seconds in cold.items()}

    lines, ratios = [], {}
    for framework in experiment.frameworks:
        native = measure("native", framework, n_warm)[1]
        served = measure("served", framework, n_warm)[1]
        assert native["probability"] == pytest.approx(served["probability"], abs=1e-4)
        np.testing.assert_allclose(native["heat"], served["heat"], atol=1e-3)
        for what, before, after, unit in (
            *([("start to finish", start[framework], start["served"], "s")] if n_cold else []),
            ("per slice, warm", 1e3 * native["warm_s"], 1e3 * served["warm_s"], "ms"),
            ("peak memory", native["peak"] / 1e6, served["peak"] / 1e6, "MB"),
        ):
            ratios[framework, what] = before / after
            lines.append(
                f"{framework:8} {what:16} {before:12,.2f} {unit:2} {after:12,.2f} {unit:2} "
                f"{before / after:7.1f}"
            )
    with capsys.disabled():
        print(f"\n{experiment.name}, {n_folds} fold(s); start: served reads with both networks")
        print(f"{'':25} {'native':>15} {'served':>15} {'ratio':>7}")
        print("\n".join(lines))
    assert quick or all(ratio >= 1 for ratio in ratios.values()), ratios
