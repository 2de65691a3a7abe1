"""Export and import of an experiment as one zip file: its card, tables and served networks.

Native weights (.pt, .keras) are not exported: opening a stranger's weights is not safe, and neither reading
scans nor the figures need them. An import is checked before it appears: file names against our own list,
sizes, hashes, card and tables, and the networks' outputs against those on the card (`core.exchange.smoke`).
"""

from __future__ import annotations

import secrets
import shutil
import zipfile
from pathlib import Path
from typing import BinaryIO

from core.errors import ExperimentError, StrokeError
from core.evaluation import evaluate_experiment
from core.exchange.smoke import check_smoke, run_smoke
from core.experiments import (
    CARD_NAME,
    OPTIONAL_TABLES,
    TABLES,
    Experiment,
    is_taken,
    models_root,
    parse_table,
    publish,
    read_experiment,
    write_experiment,
)
from core.frameworks import BY_NAME, FRAMEWORKS
from core.gate import FAMILIARITY_FILE
from core.model_card import render_model_card
from core.system import Limits, open_zip, write_aside
from core.training import work_folder

LIMITS = Limits(n_members=32, member_bytes=400_000_000, total_bytes=1_000_000_000)
ALLOWED = (
    CARD_NAME,
    *TABLES,
    *OPTIONAL_TABLES,
    FAMILIARITY_FILE,
    *(f"{name}/model.onnx" for name in FRAMEWORKS),
)
_CARD_BYTES = 5_000_000
_MAX_FOLDS = 100
# Enough to check that all figures can be computed.
_N_RESAMPLES = 20


def has_native_weights(experiment: Experiment) -> bool:
    """Return whether the experiment has its frameworks' native weights; an imported one has none."""
    suffixes = tuple(framework.weights_suffix for framework in BY_NAME.values())
    return any(path.endswith(suffixes) for path in experiment.card["files"])


def export_experiment(experiment: Experiment, target: Path) -> None:
    """Write an experiment as a zip file.

    Args:
        experiment: its files are checked against their hashes again.
        target: the file to write.

    Raises:
        ExperimentError: a file is damaged, or a network cannot be run.
        StrokeError: code "not_written": the file could not be written.
    """
    read_experiment(experiment.folder)
    aside = target.parent / f".export-{secrets.token_hex(4)}"
    try:
        for path in _list_exported(experiment):
            (aside / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(experiment.folder / path, aside / path)
        card = {**experiment.card, "smoke": run_smoke(experiment), "original": experiment.digest}
        written = write_experiment(aside, card)
        with write_aside(target) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in (CARD_NAME, *written.card["files"]):
                archive.write(aside / path, path)
    except OSError as error:
        raise StrokeError(
            f"{target.name} could not be written",
            found=error.strerror or type(error).__name__,
            remedy=f"check the free space of and the permissions on {target.parent}",
            code="not_written",
        ) from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def import_experiment(source: BinaryIO, root: Path | None = None) -> Experiment:
    """Import an experiment from a zip file of `export_experiment`; it appears whole or not at all.

    Raises:
        ExperimentError: the archive's contents are invalid, or the name is taken.
        StrokeError: code "bad_zip", see `core.system.zip_files`.
    """
    root = root or models_root()
    root.mkdir(parents=True, exist_ok=True)
    folder = root / f".import-{secrets.token_hex(4)}"
    try:
        with open_zip(source, LIMITS) as archive:
            members = {info.filename: info for info in archive.members}
            _check_members(members)
            for path in ALLOWED:  # our own names, never the archive's
                if path in members:
                    (folder / path).parent.mkdir(parents=True, exist_ok=True)
                    with (folder / path).open("xb") as file:
                        archive.copy(members[path], file)
        experiment = _read(folder)
        name = experiment.name
        if is_taken(name, root) or work_folder(root, name).exists():
            raise ExperimentError(
                f'There is already an experiment or a training "{name}"', remedy="delete that one first"
            )
        _check_contents(experiment, set(members))
        check_smoke(experiment)
        return publish(folder, root, name)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _read(folder: Path) -> Experiment:
    try:
        return read_experiment(folder)
    except ExperimentError as error:
        raise ExperimentError(
            "The archive does not hold a complete experiment",
            found=error.problem.replace(folder.name, "archive"),
            remedy="download it again, or export it again",
        ) from error


def _list_exported(experiment: Experiment) -> list[str]:
    return [path for path in experiment.card["files"] if path in ALLOWED]


def _check_members(members: dict[str, zipfile.ZipInfo]) -> None:
    for name in members:
        if name not in ALLOWED:
            raise ExperimentError(
                "The archive holds a file that is not part of an exported experiment",
                found=repr(name)[:80],
                remedy="export it again; only cards, tables and served networks are accepted",
            )
    if CARD_NAME not in members:
        raise ExperimentError(
            f"The archive holds no {CARD_NAME}", remedy="choose the zip file of an exported experiment"
        )
    if members[CARD_NAME].file_size > _CARD_BYTES:
        raise ExperimentError(f"The archive's {CARD_NAME} is too large")


def _check_contents(experiment: Experiment, names: set[str]) -> None:
    """Check that card, members and tables agree; the hashes have been checked."""
    card = experiment.card
    listed = {*card["files"], CARD_NAME}
    if listed != names:
        raise ExperimentError(
            "The archive holds other files than its card lists",
            found=", ".join(sorted(listed ^ names))[:200],
        )
    folds = card["protocol"]["folds"]
    if folds > _MAX_FOLDS:
        raise ExperimentError(f"experiment.json has more than {_MAX_FOLDS} folds", found=str(folds))
    slices, predictions, _ = experiment.slices(), experiment.predictions(), experiment.history()
    experiment.familiarity()
    for name in set(OPTIONAL_TABLES) & names:
        try:
            parse_table((experiment.folder / name).read_bytes(), OPTIONAL_TABLES[name])
        except ValueError as error:
            raise ExperimentError(f'"{name}" {error}') from error
    if len(slices) != card["dataset"]["n_slices"] or f"fold_{folds - 1}" not in slices.columns:
        raise ExperimentError("slices.csv does not hold the number of slices and folds on the card")
    for framework in experiment.frameworks:
        if not predictions[framework].between(0, 1).all():
            raise ExperimentError(f"predictions.csv holds values of {framework} that are not probabilities")
    if not predictions["file"].isin(slices["file"]).all():
        raise ExperimentError("predictions.csv names slices that slices.csv does not hold")
    try:
        # Everything that pages show of an experiment comes from these two.
        evaluate_experiment(experiment, n_resamples=_N_RESAMPLES)
        render_model_card(experiment, n_resamples=_N_RESAMPLES)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise ExperimentError(
            "The archive's card and tables do not match",
            found=f"{type(error).__name__}: {error}"[:200],
        ) from error
