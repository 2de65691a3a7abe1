"""Export and import of an experiment as one zip file: its card, tables and served networks.

Native weights (.pt, .keras) are not exported: opening a stranger's weights is not safe, and neither reading
scans nor the figures need them. Validations stay where they were measured: they describe a hospital's own
patients, and whoever imports the networks can validate them again. An import is checked before it appears:
file names against our own list, sizes, hashes, card and tables, and the networks' outputs against those on
the card (`core.exchange.smoke`).
"""

from __future__ import annotations

import secrets
import shutil
import zipfile
from pathlib import Path
from typing import BinaryIO

from core.errors import ExperimentError
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
from core.system import Limits, explain_failed_write, open_zip, write_aside
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
_EXPORT_AGAIN = "export the experiment again"
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
    with explain_failed_write(target.name, target.parent):
        try:
            for path in _list_exported(experiment):
                (aside / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(experiment.folder / path, aside / path)
            card = {**experiment.card, "smoke": run_smoke(experiment), "original": experiment.digest}
            written = write_experiment(aside, card)
            with write_aside(target) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
                for path in (CARD_NAME, *written.card["files"]):
                    archive.write(aside / path, path)
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
                f'An experiment or a training run "{name}" already exists', remedy="delete that one first"
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
            "The archive does not contain a complete experiment",
            found=error.problem.replace(folder.name, "archive"),
            remedy="download it again, or export it again",
        ) from error


def _list_exported(experiment: Experiment) -> list[str]:
    return [path for path in experiment.card["files"] if path in ALLOWED]


def _check_members(members: dict[str, zipfile.ZipInfo]) -> None:
    for name in members:
        if name not in ALLOWED:
            raise ExperimentError(
                "The archive contains a file that is not part of an exported experiment",
                found=repr(name)[:80],
                remedy=f"export it again; only {CARD_NAME}, tables and ONNX networks are accepted",
            )
    if CARD_NAME not in members:
        raise ExperimentError(
            f"The archive contains no {CARD_NAME}", remedy="choose the zip file of an exported experiment"
        )
    if members[CARD_NAME].file_size > _CARD_BYTES:
        raise ExperimentError(
            f"{CARD_NAME} in the archive is too large",
            found=f"{members[CARD_NAME].file_size / 1e6:.1f} MB; the limit is {_CARD_BYTES / 1e6:.0f} MB",
            remedy=_EXPORT_AGAIN,
        )


def _check_contents(experiment: Experiment, names: set[str]) -> None:
    """Check that card, members and tables agree; the hashes have been checked."""
    card = experiment.card
    listed = {*card["files"], CARD_NAME}
    if listed != names:
        raise ExperimentError(
            f"The files in the archive are not those that {CARD_NAME} lists",
            found=", ".join(sorted(listed ^ names))[:200],
            remedy=_EXPORT_AGAIN,
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
            raise ExperimentError(f'"{name}" {error}', remedy=_EXPORT_AGAIN) from error
    if len(slices) != card["dataset"]["n_slices"] or f"fold_{folds - 1}" not in slices.columns:
        n_folds = sum(column.startswith("fold_") for column in slices.columns)
        raise ExperimentError(
            f"slices.csv and {CARD_NAME} differ in the number of slices or folds",
            found=f"{len(slices):,} slices and {n_folds} folds in slices.csv, "
            f"{card['dataset']['n_slices']:,} and {folds} in {CARD_NAME}",
            remedy=_EXPORT_AGAIN,
        )
    for framework in experiment.frameworks:
        if not predictions[framework].between(0, 1).all():
            raise ExperimentError(
                f"predictions.csv contains values of {framework} that are not probabilities",
                remedy=_EXPORT_AGAIN,
            )
    if not predictions["file"].isin(slices["file"]).all():
        raise ExperimentError("predictions.csv lists slices that are not in slices.csv", remedy=_EXPORT_AGAIN)
    try:
        # Everything that pages show of an experiment comes from these two.
        evaluate_experiment(experiment, n_resamples=_N_RESAMPLES)
        render_model_card(experiment, n_resamples=_N_RESAMPLES)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise ExperimentError(
            f"{CARD_NAME} and the tables in the archive do not match",
            found=f"{type(error).__name__}: {error}"[:200],
            remedy=_EXPORT_AGAIN,
        ) from error
