"""Describe the folder of a public set by the layout of its kind."""

from __future__ import annotations

from pathlib import Path

from core.errors import DatasetError
from core.manifests import phe_sich, rsna, teknofest
from core.manifests.layouts import Kind, Layout, OnProgress

_DESCRIBE = {"phe-sich": phe_sich.describe, "rsna": rsna.describe, "teknofest": teknofest.describe}


def describe_folder(kind: Kind, folder: Path, on_progress: OnProgress = lambda done, total: None) -> Layout:
    """Describe the folder of a public set, other than the Kaggle set.

    Args:
        kind: "phe-sich", "rsna" or "teknofest".
        folder: the folder.
        on_progress: called with the number of files looked at, and their total.

    Raises:
        DatasetError: the folder has another layout, or its table cannot be used.
    """
    if not folder.is_dir():
        raise DatasetError(f"There is no folder {str(folder)!r}", remedy="check the path")
    layout = _DESCRIBE[kind](folder, on_progress)
    if not layout.lines:
        raise DatasetError(f"The folder {folder.name!r} holds no slice of this layout")
    return layout
