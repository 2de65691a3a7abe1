"""Identifiers of a patient, planted wherever a file has room, never enter a scan, an error or a log."""

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
    """Every file of tests.canary_files, by name."""
    return {**write_dicom_files(), **write_volumes(), **write_pictures()}


def describe(value: Any) -> str:
    """Everything that an object holds, however deep, as text; of pixels their size alone."""
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


def test_each_file_holds_what_is_looked_for() -> None:
    """A name is planted in every file, but for those cut off that have room only behind their pixels."""
    bare = [name for name, data in write_all().items() if NAME not in find_canaries(data)]
    assert ["cut-a.webp", "cut-a.bmp"] == bare


def test_phi_canary() -> None:
    """Scans and refusals of files in a zip hold nothing of their texts, of folders, or of comments."""
    study = read_study([("a.zip", pack(write_all()))])
    assert (9, 17) == (len(study.scans), len(study.refused))
    assert 4 in {len(scan.slices) for scan in study.scans if scan.unit == "hu"}
    assert [] == find_canaries(describe(study))


def test_phi_canary_in_this_process(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Neither what comes of a file, nor the causes of an error, nor any log or print hold its texts."""
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
    for held in (
        dataclasses.replace(scan, warnings=(f"of {NAME}",)),
        dataclasses.replace(scan, technical=technical),
        (error,),
    ):
        assert [NAME] == find_canaries(describe(held))
