"""Open images of known content for the gate's figures, with or without those that are kept aside.

A quarter of each public set is kept aside (`core.manifests.is_kept_aside`). In a manifest, its column "part"
tells them. In folders, a file's place tells them: the folder `not_ct`, or the folder of a public set under
the name that its manifest gives it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from core.datasets import NOTE, index_dataset, read_slice
from core.errors import DatasetError, ScanError
from core.manifests import KEPT, Kind, describe_folder, find_manifest, is_kept_aside
from core.reading import list_files
from core.scans import Refused, Scan, iterate_study

NOT_CT = "not_ct"
_KINDS: dict[str, Kind] = {"phe-sich": "phe-sich", "rsna-2019": "rsna", "teknofest-ischemia": "teknofest"}


@dataclass(frozen=True)
class Images:
    """Images of one folder, file or manifest.

    Attributes:
        n_files: number of files, or of lines of a manifest.
        n_left_out: number of others, which are kept aside or, if kept images were asked for, are not.
        scans: what is read from them; each file or line is opened when it is reached.
    """

    n_files: int
    n_left_out: int
    scans: Iterator[Scan | Refused]


def open_images(path: Path, kept: bool, on_file: Callable[[], None], *, most: int | None = None) -> Images:
    """Open a folder, a file or a manifest.

    Args:
        path: of a folder, all files are one upload, as in `core.reading.paths.read_paths`.
        kept: whether to open, of public sets, the images that are kept aside, or the others.
        on_file: called after each file or line.
        most: of a single folder or manifest, open at most about so many files, evenly spaced. A volume of
            fewer files is opened whole.

    Raises:
        DatasetError: the manifest cannot be used.
    """
    if not find_manifest(path):
        listed = [(file, source) for file, source in list_files([path]) if _is_image(file)]
        files = [(file, source) for file, source in listed if _is_kept(file) in (None, kept)]
        files = files[:: _step(len(files), most)]
        return Images(len(files), len(listed) - len(files), iterate_study(_count(files, on_file)))
    dataset = index_dataset(path)
    parts = dataset.table["part"] == KEPT
    wanted = parts == kept if parts.any() else ~parts
    names = dataset.table["file"][wanted].to_list()
    names = names[:: _step(len(names), most)]
    refused = [
        Refused(one["file"], ScanError(one["message"], code=one["code"]))
        for one in dataset.refused
        if one["code"] != NOTE
    ]

    def read() -> Iterator[Scan | Refused]:
        yield from refused
        for name in names:
            try:
                yield read_slice(dataset, name)
            except ScanError as error:
                yield Refused(name, error)
            on_file()

    return Images(len(names), len(parts) - len(names), read())


def name_source(path: Path) -> str:
    """Return the name of the images' source: of a public set its name, else that of the file or folder."""
    names = [folder.name for folder in (path.absolute(), *path.absolute().parents)]
    return next((name for name in names if name in _KINDS or name == NOT_CT), path.absolute().stem)


def _step(n_items: int, most: int | None) -> int:
    """Return the step that takes at most so many of the items."""
    return 1 if most is None else max(1, -(-n_items // most))


def _count(files: Sequence[tuple[Path, str]], on_file: Callable[[], None]) -> Iterator[tuple[str, Path]]:
    for path, source in files:
        yield source, path
        # The generator is resumed when this file has been read.
        on_file()


def _is_image(file: Path) -> bool:
    """Return whether a file is an image to judge; in a public set only its slices are, not its masks."""
    slices = _find_slices(file)
    return slices is None or file.absolute() in slices


def _is_kept(file: Path) -> bool | None:
    """Return whether a file is kept aside; None for a file of no public set."""
    if any(folder.name == NOT_CT for folder in file.absolute().parents):
        return is_kept_aside(NOT_CT, file.name)
    slices = _find_slices(file)
    return None if slices is None else slices[file.absolute()]


def _find_slices(file: Path) -> dict[Path, bool] | None:
    """Return the slices of the public set in whose folder a file is; None for a file of no public set."""
    folders = [folder for folder in file.absolute().parents if folder.name in _KINDS]
    found = (_list_slices(folder) for folder in folders)
    return next((slices for slices in found if slices is not None), None)


@cache
def _list_slices(folder: Path) -> dict[Path, bool] | None:
    """Return whether each slice of a public set is kept aside; None if the folder only has the set's name."""
    try:
        lines = describe_folder(_KINDS[folder.name], folder).lines
    except DatasetError:
        return None
    return {folder / line["file"]: line.get("part") == KEPT for line in lines}
