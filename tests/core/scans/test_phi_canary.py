"""Patient identifiers, planted wherever a file has room, never enter a scan, an error or a log."""

from __future__ import annotations

import dataclasses
import logging
import traceback
from functools import cache
from typing import Any

import numpy as np
import pytest

from core.errors import ScanError
from core.scans import read_scan, read_study
from tests.canary_files import NAME, find_canaries, pack, write_dicom_files, write_pictures, write_volumes


@cache
def write_all() -> dict[str, bytes]:
    """Return every file of tests.canary_files by name."""
    return {**write_dicom_files(), **write_volumes(), **write_pictures()}


def describe(value: Any) -> str:
    """Return everything in an object, at any depth, as text; for pixels only shape and type."""
    if isinstance(value, np.ndarray):
        return f"pixels {value.shape} {value.dtype}"
    if isinstance(value, BaseException):
        return " ".join([repr(value), str(value), describe(vars(value)), *traceback.format_exception(value)])
    if dataclasses.is_dataclass(value):
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return type(value).__name__ + describe(fields)
    if isinstance(value, dict):
        return " ".join(describe(item) for pair in value.items() for item in pair)
    if isinstance(value, list | tuple):
        return " ".join(map(describe, value))
    return repr(value)


def test_each_file_holds_a_canary() -> None:
    """The name is in every file, except cut-off ones whose only room for text follows the pixels."""
    bare = [name for name, data in write_all().items() if NAME not in find_canaries(data)]
    assert ["cut-a.webp", "cut-a.bmp"] == bare


def test_phi_canary() -> None:
    """Scans and refusals from a zip hold no text of its files, folder names or comments."""
    study = read_study([("a.zip", pack(write_all()))])
    assert (9, 15) == (len(study.scans), len(study.refused))
    assert 4 in {len(scan.slices) for scan in study.scans if scan.unit == "hu"}
    assert [] == find_canaries(describe(study))


def test_phi_canary_in_this_process(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Outcomes, causes of errors, logs and printed output hold no text of the files."""
    files = write_all()
    caplog.set_level(logging.DEBUG)
    caplog.clear()
    outcomes: dict[str, object] = {}
    for name, data in files.items():
        try:
            outcomes[name] = read_scan(data, "a")
        except ScanError as error:
            outcomes[name] = error
    assert {} == {name: found for name, one in outcomes.items() if (found := find_canaries(describe(one)))}
    printed = capfd.readouterr()
    assert [] == find_canaries(caplog.text + printed.out + printed.err)


def test_the_description_goes_deep() -> None:
    """A word in a warning, a field of a field, or the cause of an error is found by these tests."""
    scan = read_scan(write_all()["v.nii"], "a")
    technical = dataclasses.replace(scan.technical, modality=NAME)
    error = ScanError("It failed")
    error.__cause__ = ValueError(NAME)
    for value in (
        dataclasses.replace(scan, warnings=(f"of {NAME}",)),
        dataclasses.replace(scan, technical=technical),
        (error,),
    ):
        assert [NAME] == find_canaries(describe(value))
