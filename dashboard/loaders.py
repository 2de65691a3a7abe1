"""What the pages load, and what is kept of it. It and records.py alone use `st.cache_*`.

What comes from a visitor (scans, findings) is kept for that visitor's session only, bounded, in memory, and
keyed by hashes; nothing of it outlives the session. What comes from the experiments is shared by all; their
figures are in dashboard.records.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st
from PIL import Image
from streamlit.runtime.scriptrunner_utils.script_run_context import ScriptRunContext, get_script_run_ctx

from core.datasets.class_folders import find_class_folders
from core.datasets.dataset import find_dataset
from core.errors import StrokeError
from core.experiments import Experiment, list_experiments, models_root
from core.reading.reader import Reader
from core.scans import read_scan
from dashboard.overlays import to_thumbnail
from dashboard.reading_store import Read, ReadingStore
from dashboard.reading_threads import BackgroundReading
from dashboard.readings import PICTURE_SIZE, Reading, key_of, read_group
from dashboard.references import Reference, load_reference
from dashboard.session_end import end_session_later
from dashboard.stack_pictures import pack_heat, pack_preview
from dashboard.uploads import Upload

if TYPE_CHECKING:
    import pandas as pd

    from core.evaluation.review import Band

_KEPT_PREVIEWS = 900  # some 12 KB each
_UPPER_BRAIN = (0.45, 0.75)  # positions of synthetic slices, from neck (0) to vertex (1)


@st.cache_resource(scope="session", show_spinner=False, on_release=end_session_later)
def session() -> ScriptRunContext | None:
    """This visitor's session: to be asked on every page, so that its end is noticed."""
    return get_script_run_ctx()


def experiments() -> tuple[list[Experiment], list[StrokeError]]:
    """All experiments, and an error for each damaged folder; looked at again when a card changes."""
    root = models_root()
    found, damaged = _experiments(root, _stamp(root))
    return list(found), list(damaged)


def read_upload(experiment: Experiment, upload: Upload) -> Reading:
    """Read one upload that holds one scan with both networks, or say why it cannot be read.

    What this visitor's session has read before comes at once.
    """
    return _readings().read(*_ask(experiment, [upload], False))[0]


def look_in(
    experiment: Experiment, group: Sequence[Upload], *, override_gate: bool = False, begin: bool = True
) -> list[Reading] | BackgroundReading | None:
    """Read files that belong together in the background: what came of it, or the reading under way.

    Args:
        group, override_gate: see `dashboard.readings.read_group`.
        begin: whether to begin it if need be; if not, there may be None.
    """
    return _readings().look_in(*_ask(experiment, group, override_gate), begin=begin)


def end_other_readings(
    experiment: Experiment, groups: Sequence[Sequence[Upload]], let_through: Collection[str]
) -> None:
    """Stop what this visitor's session reads in the background, unless it is one of these groups."""
    keys = [key_of(group) for group in groups]
    _readings().end_others([(key, experiment.digest, key in let_through) for key in keys])


def _ask(experiment: Experiment, group: Sequence[Upload], override_gate: bool) -> tuple[object, Read]:
    """What a reading is kept under, and how to do it."""
    reader = _reader(experiment.digest, experiment)
    key = (key_of(group), experiment.digest, override_gate)
    return key, lambda on_step: read_group(reader, group, override_gate=override_gate, on_step=on_step)


@st.cache_resource(scope="session", ttl="1h", show_spinner=False)
def _readings() -> ReadingStore:
    return ReadingStore()


def previews(experiment: Experiment, reading: Reading) -> list[dict[str, Any]]:
    """A preview and the heat maps of every slice, packed for the browser; see dashboard.stack_pictures.

    Of a study that is still being read only the slices that have come since are packed.
    """
    kept = _session_previews()
    key = (reading.findings.sha256, experiment.digest)
    packed = kept[key] = kept.pop(key, [])
    for finding in reading.findings.slices[len(packed) :]:
        picture = pack_preview(reading.pictures[finding.index])
        packed.append({"picture": picture, "heat": pack_heat(finding)})
    while len(kept) > 1 and sum(map(len, kept.values())) > _KEPT_PREVIEWS:
        kept.pop(next(iter(kept)))
    return packed[: len(reading.findings.slices)]


@st.cache_resource(scope="session", ttl="1h", show_spinner=False)
def _session_previews() -> dict[tuple[str, str], list[dict[str, Any]]]:
    return {}


@st.cache_resource(max_entries=1, show_spinner=False)
def samples() -> tuple[Upload, ...]:
    """Synthetic head CT slices, drawn by this program: two with a planted bright spot, one without."""
    return tuple(
        _draw_synthetic(name, np.random.default_rng(seed), lesion, 0.5)
        for seed, lesion, name in (
            (3, True, "Synthetic slice with a bright spot, 1"),
            (11, True, "Synthetic slice with a bright spot, 2"),
            (5, False, "Synthetic slice without a spot"),
        )
    )


@st.cache_resource(max_entries=32, show_spinner=False)
def synthetic_slice(seed: tuple[int, ...], lesion: bool) -> Upload:
    """A synthetic slice somewhere in the upper brain; its name does not tell whether it holds a spot."""
    rng = np.random.default_rng(seed)
    return _draw_synthetic("A synthetic slice", rng, lesion, float(rng.uniform(*_UPPER_BRAIN)))


def _draw_synthetic(name: str, rng: np.random.Generator, lesion: bool, position: float) -> Upload:
    from core.synthetic.phantoms import draw_phantom

    phantom = draw_phantom(rng, lesion=lesion, size=PICTURE_SIZE, position=position)
    target = BytesIO()
    Image.fromarray(np.rint(phantom.pixels * 255).astype(np.uint8)).save(target, "PNG")
    return Upload(name, target.getvalue(), synthetic=True)


@dataclass(frozen=True)
class Sample:
    """A test slice with its label (0 or 1) and what the networks that never saw it say."""

    file: str
    patient: str
    label: int
    probabilities: dict[str, float]
    picture: Image.Image


def review_bands(experiment: Experiment, thresholds: dict[str, float]) -> dict[str, Band | None]:
    """The probabilities around each network's threshold that need review: (low, high), or None."""
    return {name: experiment.review_band(name, threshold=cut) for name, cut in thresholds.items()}


def history(experiment: Experiment) -> pd.DataFrame:
    """The experiment's loss and accuracy at every epoch."""
    return _history(experiment.digest, experiment)


def slices(experiment: Experiment) -> pd.DataFrame:
    """Every slice of the experiment's data set, with its labels and its part in each fold."""
    return _slices(experiment.digest, experiment)


def features(experiment: Experiment) -> pd.DataFrame:
    """Map and neighbours of the slices, see `core.measurements.feature_space`; only of an experiment that has them."""
    return _features(experiment.digest, experiment)


def cases(experiment: Experiment) -> pd.DataFrame:
    """Its out-of-sample slices one by one, see `core.cases.cases.list_cases`; shared, not to be changed."""
    return _cases(experiment.digest, experiment)


def share_of_leaks(experiment: Experiment) -> float | None:
    """Share of the test slices with a slice of the same patient in training; None when patients are "
    "unknown."""
    return _share_of_leaks(experiment.digest, experiment)


def sample_slices(experiment: Experiment, draw: int) -> list[Sample] | None:
    """A handful of test slices of both classes, each file compared with its recorded hash.

    Returns:
        None when no data set is on this machine; an empty list when it is another one.

    Raises:
        DatasetError: what lies where the data set should be is none.
    """
    folder = find_dataset()
    return None if folder is None else _sample_slices(experiment.digest, draw, folder, experiment)


def reference(experiment: Experiment, label: int) -> Reference:
    """A typical slice of this label, to compare with; a phantom without the data set."""
    return _reference(experiment.digest, label, find_dataset(), experiment)


@st.cache_data(max_entries=8, show_spinner=False)
def _reference(digest: str, label: int, folder: Path | None, _experiment: Experiment) -> Reference:
    return load_reference(_experiment, label, folder)


@st.cache_data(max_entries=8, show_spinner=False)
def _history(digest: str, _experiment: Experiment) -> pd.DataFrame:
    return _experiment.history()


@st.cache_data(max_entries=4, show_spinner=False)
def _slices(digest: str, _experiment: Experiment) -> pd.DataFrame:
    return _experiment.slices()


@st.cache_resource(max_entries=4, show_spinner=False)
def _features(digest: str, _experiment: Experiment) -> pd.DataFrame | None:
    return _experiment.features()


@st.cache_resource(max_entries=8, show_spinner=False)
def _cases(digest: str, _experiment: Experiment) -> pd.DataFrame:
    from core.cases.cases import list_cases

    return list_cases(_experiment.slices(), _experiment.calibrated_predictions())


@st.cache_data(max_entries=8, show_spinner=False)
def _share_of_leaks(digest: str, _experiment: Experiment) -> float | None:
    slices = _experiment.slices()
    if (slices["patient"] == "").any():
        return None
    n_test = n_shared = 0
    for fold in range(_experiment.card["protocol"]["folds"]):
        part = slices[f"fold_{fold}"]
        tested = slices.loc[part == "test", "patient"]
        n_test += len(tested)
        n_shared += int(tested.isin(slices.loc[part == "train", "patient"]).sum())
    return n_shared / n_test


@st.cache_data(max_entries=4, show_spinner="Fetching slices of the data set ...")
def _sample_slices(digest: str, draw: int, folder: Path, _experiment: Experiment) -> list[Sample]:
    root, _ = find_class_folders(folder)
    table = _experiment.calibrated_predictions()
    test = table[table["part"] == "test"]
    chosen = [
        row
        for label in (1, 0)
        for row in test[test["label"] == label].sample(frac=1, random_state=draw).head(4).itertuples()
    ]
    samples = []
    for row in chosen:
        path = root / row.file
        if not path.is_file():
            continue
        data = path.read_bytes()
        if hashlib.sha256(data).hexdigest() != row.sha256:
            continue
        scores = {name: float(getattr(row, name)) for name in _experiment.frameworks}
        picture = to_thumbnail(read_scan(data, "").slices[0].pixels, 320)
        samples.append(Sample(row.file, row.patient, int(row.label), scores, picture))
    return samples


@st.cache_resource(max_entries=8, show_spinner=False)
def memory(kind: str) -> dict[Any, Any]:
    """A store that all sessions share, for what is computed under a progress bar: a cached function cannot
    draw one. Whoever fills it bounds it."""
    return {}


@st.cache_resource(max_entries=3, show_spinner="Opening the networks ...")
def _reader(digest: str, _experiment: Experiment) -> Reader:
    return Reader(_experiment)


@st.cache_resource(max_entries=4, show_spinner=False)
def _experiments(
    root: Path, stamp: tuple[object, ...]
) -> tuple[tuple[Experiment, ...], tuple[StrokeError, ...]]:
    found, damaged = list_experiments(root)
    return tuple(found), tuple(damaged)


def _stamp(root: Path) -> tuple[object, ...]:
    """Changes whenever an experiment appears, goes or is written anew."""
    if not root.is_dir():
        return ()
    files = sorted(path for path in root.glob("[!.]*/**/*") if path.is_file())
    return tuple((path.as_posix(), path.stat().st_mtime_ns, path.stat().st_size) for path in files)
