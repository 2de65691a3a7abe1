"""A scan seen by both networks of an experiment: probabilities, decisions, heat maps, agreement, doubts."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from pathlib import Path

import numpy as np

from core.decision import Rule, make_rules
from core.errors import ExperimentError
from core.experiments import Experiment
from core.files import natural_key
from core.models.onnx_model import BATCH_SIZE, Served, ServedModel
from core.preprocessing import prepare_many, to_frame
from core.scans import Refused, Scan, iterate_study
from core.scans.windows import window_hu

SEEN_IN_TRAINING = (
    "This file is part of the data the served networks were made from: "
    "the reading is not out of sample and looks better than it is."
)


@dataclass(frozen=True, eq=False)
class ModelFinding:
    """What one network says about one slice.

    Attributes:
        probability: of the positive class, in [0, 1], recalibrated as the experiment's card says.
        raw_probability: as the network gave it.
        threshold: the operating point; the decision is positive from this probability on.
        review: whether the probability lies in the review band around the threshold: too near to decide.
        decision: name of the positive or the negative class.
        positive: whether the decision is the positive class.
        heat: (h', w') float32 in [0, 1]: evidence for the positive class; it covers the slice's whole frame.
    """

    probability: float
    raw_probability: float
    threshold: float
    review: bool
    decision: str
    positive: bool
    heat: np.ndarray


@dataclass(frozen=True, eq=False)
class SliceFinding:
    """What the networks say about one slice.

    Attributes:
        index: place of the slice in its scan, from 0.
        models: one finding for each framework of the experiment, PyTorch first.
        agree: whether all decisions are the same.
        warnings: what should make the reader doubt, as sentences; the scan's own warnings come first.
        frame: (size, size) float32 in [0, 1]: the picture the networks looked at, under the heat maps.
        position_mm: where the slice lies along the scan's axis, higher towards the head; None when unknown.
    """

    index: int
    models: dict[str, ModelFinding]
    agree: bool
    warnings: tuple[str, ...]
    frame: np.ndarray
    position_mm: float | None = None


@dataclass(frozen=True, eq=False)
class Findings:
    """A scan as the networks of one experiment see it.

    Attributes:
        source: what the user called the file; from outside, so to be shown as plain text only.
        sha256: of the file's bytes.
        experiment: name of the experiment.
        slices: one finding for each slice of the scan.
    """

    source: str
    sha256: str
    experiment: str
    slices: tuple[SliceFinding, ...]


@dataclass(frozen=True)
class Refusal:
    """A file that could not be read as a scan: which one, why as a word for programs, and why in words."""

    source: str
    code: str
    message: str


class Reader:
    """Reads scans with the served networks of one experiment, which it loads once.

    One reader may be used from several threads.

    Args:
        experiment: as core.experiments reads it.
        n_threads: threads of each network; see ServedModel.

    Raises:
        ExperimentError: a network is missing, damaged, or does not fit the experiment's recipe.
    """

    def __init__(self, experiment: Experiment, *, n_threads: int | None = None) -> None:
        self.experiment = experiment
        self._seen = experiment.training_hashes()

        def load(framework: str) -> ServedModel:
            return ServedModel(experiment.model_path(framework), n_threads=n_threads)

        with ThreadPoolExecutor(len(experiment.frameworks)) as pool:
            loaded = list(pool.map(load, experiment.frameworks))
        self._models = dict(zip(experiment.frameworks, loaded, strict=True))
        for framework, model in self._models.items():
            if model.input_shape != experiment.recipe.shape:
                raise ExperimentError(
                    f'Experiment "{experiment.name}": the {framework} model does not fit the recipe',
                    came=f"it reads {model.input_shape}, the recipe makes {experiment.recipe.shape}",
                    remedy="train it again",
                )

    def read(self, scan: Scan, operating_points: Mapping[str, float] | None = None) -> Findings:
        """Read every slice of a scan with every network.

        Args:
            scan: as core.scans reads it.
            operating_points: framework -> threshold to decide by, on calibrated probabilities, instead of the
                card's default ones; each has its own review band.

        Raises:
            ExperimentError: a network failed, or an operating point names no framework of the experiment.
        """
        rules = make_rules(self.experiment, operating_points or {})
        doubts = scan.warnings + ((SEEN_IN_TRAINING,) if scan.sha256 in self._seen else ())
        findings: list[SliceFinding] = []
        for start in range(0, len(scan.slices), BATCH_SIZE):
            batch = [
                piece.pixels if scan.unit == "gray" else window_hu(piece.pixels)
                for piece in scan.slices[start : start + BATCH_SIZE]
            ]
            images = prepare_many(batch, self.experiment.recipe)
            served = {framework: model.predict(images) for framework, model in self._models.items()}
            for row, pixels in enumerate(batch):
                models = {
                    framework: self._decide(answer, row, rules[framework])
                    for framework, answer in served.items()
                }
                findings.append(
                    SliceFinding(
                        index=start + row,
                        models=models,
                        agree=len({finding.positive for finding in models.values()}) == 1,
                        warnings=doubts,
                        frame=to_frame(pixels, self.experiment.recipe),
                        position_mm=scan.slices[start + row].position_mm,
                    )
                )
        return Findings(scan.source, scan.sha256, self.experiment.name, tuple(findings))

    def _decide(self, answer: Served, row: int, rule: Rule) -> ModelFinding:
        raw = float(answer.probability[row])
        probability = float(rule.recalibration.apply(raw))
        positive, review = rule.decide(probability)
        return ModelFinding(
            probability=probability,
            raw_probability=raw,
            threshold=rule.threshold,
            review=review,
            decision=self.experiment.classes[int(positive)],
            positive=positive,
            heat=answer.heat[row],
        )


def decide_anew(
    scans: Sequence[Findings], experiment: Experiment, operating_points: Mapping[str, float]
) -> list[Findings]:
    """The same readings decided at other operating points; no network is asked again.

    Args:
        scans: what a Reader of this experiment found.
        operating_points: framework -> threshold, as `Reader.read` takes them.

    Raises:
        ExperimentError: an operating point names no framework of the experiment.
    """
    rules = make_rules(experiment, operating_points)

    def anew(finding: SliceFinding) -> SliceFinding:
        models = {}
        for framework, model in finding.models.items():
            positive, review = rules[framework].decide(model.probability)
            models[framework] = replace(
                model,
                threshold=rules[framework].threshold,
                review=review,
                decision=experiment.classes[int(positive)],
                positive=positive,
            )
        agree = len({model.positive for model in models.values()}) == 1
        return replace(finding, models=models, agree=agree)

    return [replace(scan, slices=tuple(map(anew, scan.slices))) for scan in scans]


def read_paths(
    paths: Sequence[Path], reader: Reader, *, on_file: Callable[[int, int], None] | None = None
) -> Iterator[Findings | Refusal]:
    """Read files and folders, one after the other; what is no scan comes back as a Refusal.

    Args:
        paths: a file is read under its own name. A folder is walked, in natural order, each file in it read
            under its path below the folder; hidden files and folders are left out. Each folder is one upload
            (see `core.scans.iterate_study`): the DICOM files in it become series, and are of one patient. So
            are files that stand side by side in `paths`.
        reader: the networks.
        on_file: called with the number of files done and their total after each.

    Raises:
        ExperimentError: a network failed.
    """
    uploads: list[list[tuple[Path, str]]] = []
    for is_folder, together in groupby(paths, Path.is_dir):
        side_by_side = list(together)
        uploads += map(list_files, [[one] for one in side_by_side] if is_folder else [side_by_side])
    total, done = sum(map(len, uploads)), 0

    def count(upload: list[tuple[Path, str]]) -> Iterator[tuple[str, Path]]:
        nonlocal done
        for path, source in upload:
            yield source, path
            # Whoever asks for the next file is done with this one.
            done += 1
            if on_file:
                on_file(done, total)

    for upload in uploads:
        for outcome in iterate_study(count(upload)):
            if isinstance(outcome, Refused):
                yield Refusal(outcome.source, outcome.error.code, str(outcome.error))
            else:
                yield reader.read(outcome)


def list_files(paths: Sequence[Path]) -> list[tuple[Path, str]]:
    """Each file to read and what to call it; see `read_paths`. Links to folders are not followed."""
    listed: list[tuple[Path, str]] = []
    for path in paths:
        if not path.is_dir():
            listed.append((path, _as_text(path.name)))
            continue
        found: list[tuple[Path, str]] = []
        for place, folders, names in os.walk(path, onerror=partial(_list_folder, found, path)):
            folders[:] = [name for name in folders if not name.startswith(".")]
            for name in names:
                if not name.startswith("."):
                    file = Path(place, name)
                    found.append((file, _as_text(file.relative_to(path).as_posix())))
        listed += sorted(found, key=lambda item: natural_key(item[1]))
    return listed


def _as_text(name: str) -> str:
    """A name whose bytes are no UTF-8 cannot be printed as it is."""
    return name.encode("utf-8", "replace").decode("utf-8")


def _list_folder(found: list[tuple[Path, str]], top: Path, error: OSError) -> None:
    """List a folder that cannot be walked, so that it is refused by name and not passed over."""
    folder = Path(error.filename)
    found.append((folder, _as_text(folder.relative_to(top).as_posix())))
