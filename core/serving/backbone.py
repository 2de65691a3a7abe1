"""The served form of a frozen backbone: an ONNX file that all networks on it share."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from core.errors import ExperimentError
from core.serving.session import RUNTIME_ERRORS, open_session, quote_first_line

# The inputs of served networks: images, or a backbone's maps of them.
INPUT, MAPS = "images", "maps"


class BackboneFile(NamedTuple):
    """An ONNX file with the input "images" (n, h, w, c), the output "maps" (n, h', w', d), and its hash."""

    path: Path
    sha256: str


# By the names in core.models.BACKBONES. `python -m tests.make_backbone` writes the file and tells its hash.
BACKBONE_FILES: dict[str, BackboneFile] = {
    "efficientnet-lite0": BackboneFile(
        Path(__file__).with_name("efficientnet_lite0.onnx"),
        "8b9d16de66990ff762de5892b2876561970fecaaa688128099ab178e284e3351",
    ),
}


class ServedBackbone:
    """A frozen backbone in ONNX Runtime, on the CPU. One object may be used from several threads.

    Args:
        file: its file.
        n_threads: threads of one call.

    Raises:
        ExperimentError: the file cannot be loaded, or its hash is another.
    """

    def __init__(self, file: BackboneFile, n_threads: int) -> None:
        self._name = file.path.name
        try:
            data = file.path.read_bytes()
            if hashlib.sha256(data).hexdigest() != file.sha256:
                raise ExperimentError(
                    f"{self._name} is not the backbone that the networks were trained with",
                    remedy=f"install the program again (in a clone: git restore core/serving/{self._name})",
                )
            self._session = open_session(data, n_threads)
        except (*RUNTIME_ERRORS, OSError) as error:
            raise ExperimentError(
                f"The backbone {self._name} cannot be loaded",
                found=quote_first_line(error),
                remedy="install the program again",
            ) from error

    def embed(self, images: np.ndarray) -> np.ndarray:
        """Return the feature maps (n, h', w', d) float32 of images (n, h, w, c) float32 in [0, 1].

        Raises:
            ExperimentError: ONNX Runtime failed.
        """
        try:
            # The layers of one image fit into the processor's cache: nearly twice as fast as eight at once.
            maps = [self._session.run([MAPS], {INPUT: image[None]})[0] for image in images]
        except RUNTIME_ERRORS as error:
            raise ExperimentError(
                f"The backbone {self._name} could not be run", found=quote_first_line(error)
            ) from error
        return np.concatenate(maps)


def load_backbone(name: str, n_threads: int) -> ServedBackbone:
    """Return the backbone of this name; it is loaded once.

    Raises:
        ExperimentError: no backbone has this name, or see `ServedBackbone`.
    """
    if name not in BACKBONE_FILES:
        raise ExperimentError(
            f"The network needs the backbone {name[:80]!r}, which this program does not have",
            found=f"known: {', '.join(BACKBONE_FILES)}",
            remedy="use the version of the program that the experiment was made with",
        )
    return _load(BACKBONE_FILES[name], n_threads)


_load = cache(ServedBackbone)
