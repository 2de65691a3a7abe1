"""Class folders with slice labels become lines of a manifest."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.datasets.as_manifest import describe_class_folders
from core.datasets.dataset import index_dataset
from core.errors import DatasetError
from core.synthetic.phantoms import write_phantom_dataset
from tests.manifest_files import write_slice


def test_slice_labels_become_lines(tmp_path: Path) -> None:
    """Hemorrhage is labeled; ischemia is presumed absent, but unknown where hemorrhage is present."""
    write_phantom_dataset(tmp_path, n_patients=4, slices_per_patient=4, size=48)
    dataset = index_dataset(tmp_path)
    layout = describe_class_folders(dataset)
    shows = dataset.labels("slice")
    assert dataset.table["file"].to_list() == [line["file"] for line in layout.lines]
    assert [("absent", "present")[label] for label in shows] == [line["hemorrhage"] for line in layout.lines]
    assert [("", "unknown")[label] for label in shows] == [line["ischemia"] for line in layout.lines]
    means, reason = layout.sources[0].silence["ischemia"]
    assert "presumed absent" == means
    assert "nobody looked for ischemia" in reason


def test_folder_labels_alone_are_not_enough(tmp_path: Path) -> None:
    """Without slice labels nothing is guessed."""
    for name in ("Normal", "Stroke"):
        write_slice(tmp_path / name / "a.png", seed=len(name))
    with pytest.raises(DatasetError, match="slice labels of these class folders are unknown"):
        describe_class_folders(index_dataset(tmp_path))
