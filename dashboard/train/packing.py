"""Zip files of the page Train: uploaded data sets and exported experiments."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from core.datasets import UploadedSet, find_class_folders, list_files, unpack_dataset
from core.exchange import export_experiment
from core.experiments import Experiment, models_root
from core.training import list_jobs, trainings_folder
from dashboard.shared import loaders

if TYPE_CHECKING:
    from streamlit.runtime.uploaded_file_manager import UploadedFile

_N_KNOWN = 32  # unpacked uploads to remember


def unpack_upload(upload: UploadedFile, progress: Callable[[int, int], None]) -> UploadedSet:
    """Unpack an uploaded data set into the work folder of the training runs, once per upload.

    Raises:
        DatasetError, StrokeError: see `core.datasets.unpack_dataset`.
    """
    known = loaders.memory("uploads")
    found: UploadedSet | None = known.get(upload.file_id)
    if found is None or not found.folder.is_dir():
        area = trainings_folder(models_root()) / ".datasets"
        in_use = [Path(job.command["dataset"]) for job in list_jobs() if "dataset" in job.command]
        found = unpack_dataset(upload, area, in_use=in_use, progress=progress)
        while len(known) >= _N_KNOWN:
            known.pop(next(iter(known)))
        known[upload.file_id] = found
    return found


def count_pictures(folder: Path) -> dict[str, int]:
    """Count the files in each class folder, (negative, positive), without opening them.

    Raises:
        DatasetError: there are not exactly two class folders.
    """
    root, classes = find_class_folders(folder)
    return {name: len(list_files(root / name)) for name in classes}


def pack_experiment(experiment: Experiment) -> bytes:
    """Return an experiment as the bytes of a zip file, see `core.exchange.export_experiment`."""
    with TemporaryDirectory(prefix="stroke-ct-") as folder:
        target = Path(folder, "experiment.zip")
        export_experiment(experiment, target)
        return target.read_bytes()
