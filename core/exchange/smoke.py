"""The smoke check: a served network's probabilities for a few test images, recorded on the card of an export.

python -m core.exchange.smoke FOLDER      prints {framework: [probability, ...]} of the experiment in FOLDER

It runs in its own process with limits on time and memory, because the networks may come from a stranger.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import ExperimentError, StrokeError
from core.experiments import Experiment, read_experiment
from core.serving import ServedModel
from core.system import child_environment

# The largest difference in probability allowed between two machines.
TOLERANCE = 1e-4
N_IMAGES = 8
_TIMEOUT_S = 180
_MEMORY_BYTES = 8 * 1024**3


def make_test_images(shape: tuple[int, int, int]) -> np.ndarray:
    """Return test images that resemble heads: disks with a ring, a texture and a spot.

    They are computed in integers, without random numbers or an image library, so that they are the same on
    every machine and in every version.

    Args:
        shape: (h, w, c) of the images.

    Returns:
        (N_IMAGES, h, w, c) uint8.
    """
    height, width, n_channels = shape
    y, x = np.mgrid[:height, :width].astype(np.int64)
    # Squared distances from the center, in thousandths of the squared half side.
    radius = (1000 * ((2 * y - height) ** 2 + (2 * x - width) ** 2)) // (height * width)
    images = np.zeros((N_IMAGES, *shape), np.uint8)
    for number in range(N_IMAGES):
        gray = np.where(radius < 700, 90 + 6 * number + (x * (3 + number) + y * (5 + number)) % 31, 0)
        gray = np.where((radius >= 600) & (radius < 700), 235, gray)
        spot_y, spot_x = height * (3 + number % 3) // 8, width * (3 + number % 4) // 8
        spot = (y - spot_y) ** 2 + (x - spot_x) ** 2 < (height * (number % 4) // 24) ** 2
        images[number] = np.where(spot, 215, gray)[..., None].repeat(n_channels, axis=2)
    return images


def run_smoke(experiment: Experiment) -> dict[str, list[float]]:
    """Return each served network's probabilities for `make_test_images`, computed in a separate process.

    Raises:
        ExperimentError: a network cannot be run, or takes too much time or memory.
    """
    command = [sys.executable, "-m", "core.exchange.smoke", str(experiment.folder.resolve())]
    try:
        ended = subprocess.run(
            command,
            env=child_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ExperimentError(
            f'Testing the networks of "{experiment.name}" took too long',
            found=f"more than {_TIMEOUT_S} s",
            remedy="try again when the machine is less busy",
        ) from error
    lines = ended.stderr.decode("utf-8", "replace").strip().splitlines()
    if ended.returncode:
        raise ExperimentError(
            f'The networks of "{experiment.name}" cannot be run',
            found=lines[-1][:300] if lines else f"exit code {ended.returncode}",
            remedy="get the experiment or its archive again",
        )
    answers: dict[str, list[float]] = json.loads(ended.stdout)
    return answers


def check_smoke(experiment: Experiment) -> None:
    """Raise an ExperimentError unless the networks give the probabilities under "smoke" on the card."""
    recorded = experiment.card.get("smoke")
    answers = run_smoke(experiment)
    for framework, found in answers.items():
        expected = recorded.get(framework) if isinstance(recorded, dict) else None
        if not _are_probabilities(expected):
            raise ExperimentError(
                f"experiment.json has no recorded probabilities to test the {framework} network with",
                remedy="export the experiment again",
            )
        difference = float(np.abs(np.array(found) - np.array(expected)).max())
        if not difference <= TOLERANCE:
            raise ExperimentError(
                f"The {framework} network does not give the probabilities recorded in experiment.json",
                found=f"a difference of {difference:.2g}; at most {TOLERANCE:g} is allowed",
                remedy="download the archive again",
                code="parity",
            )


def _are_probabilities(values: Any) -> bool:
    return (
        isinstance(values, list)
        and len(values) == N_IMAGES
        and all(isinstance(value, int | float) and 0 <= value <= 1 for value in values)
    )


def _bound_memory() -> None:
    if os.name == "posix":
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, hard))


def main(folder: Path) -> int:
    """Print the probabilities of the experiment in `folder`; return 0, or 1 with one line on stderr."""
    _bound_memory()
    try:
        experiment = read_experiment(folder)
        answers = {}
        for framework in experiment.frameworks:
            model = ServedModel(experiment.model_path(framework))
            if model.input_shape != experiment.recipe.shape:
                raise ExperimentError(
                    f"The {framework} network needs images of shape {model.input_shape}, "
                    f"but the preprocessing gives {experiment.recipe.shape}"
                )
            probability = model.predict(make_test_images(model.input_shape) / np.float32(255)).probability
            answers[framework] = [round(float(value), 7) for value in probability]
    except (StrokeError, MemoryError) as error:
        print(str(error) or "memory ran out", file=sys.stderr)
        return 1
    print(json.dumps(answers))
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
