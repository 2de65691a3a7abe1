"""Planted identifiers of a patient are found nowhere that this program writes or shows."""

from __future__ import annotations

import logging

import pytest
from pydicom.datadict import DicomDictionary, keyword_for_tag
from pydicom.dataset import Dataset

from core.cli import main
from core.experiments import Experiment
from core.scans import read_scan, read_study
from tests.scan_files import draw_dataset, draw_hu, save, write_nifti, write_zip

CANARY = "CANARY"
_TEXTS = ("PN", "LO", "SH", "ST", "LT", "UT", "UC", "CS", "AE", "UR")
# Technical attributes that decoding compares with the standard's own words.
_KEPT = ("PhotometricInterpretation", "Modality")


def plant(dataset: Dataset) -> Dataset:
    """The data set with the canary in every attribute of text there is, and in a private one."""
    for tag, (vr, *_rest) in DicomDictionary.items():
        name = keyword_for_tag(tag)
        if vr in _TEXTS and name and name not in _KEPT and tag >> 16 not in (0, 2, 4):
            dataset.add_new(tag, vr, f"{CANARY}^{CANARY}" if vr == "PN" else CANARY)
    block = dataset.private_block(0x0099, CANARY, create=True)
    block.add_new(1, "LO", CANARY)
    return dataset


def planted_files() -> list[bytes]:
    """Files that are read, refused and damaged, all of them with the canary inside."""
    good = [save(plant(draw_dataset(draw_hu(i), z=5.0 * i))) for i in range(3)]
    wrong = [
        save(plant(draw_dataset(**tags)))
        for tags in (
            {"Rows": 0}, {"PhotometricInterpretation": CANARY}, {"RescaleSlope": 0}, {"Modality": CANARY},
        )
    ]  # fmt: skip
    volume = write_nifti(descrip=CANARY.encode(), aux_file=CANARY.encode())
    return [*good, *wrong, good[0][:-3000], good[0][: len(good[0]) // 3], volume]


def test_phi_canary(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> None:
    """Neither scans nor refusals, neither logs nor the console hold anything of a file's texts."""
    caplog.set_level(logging.DEBUG)
    files = planted_files()
    assert all(CANARY.encode() in data for data in files)
    study = read_study([("a.zip", write_zip({f"{index}": data for index, data in enumerate(files)}))])
    assert (3, 2) == (max(len(scan.slices) for scan in study.scans if not scan.source.endswith("9")), 2)
    shown = [repr((scan.source, scan.warnings, scan.technical, scan.sha256)) for scan in study.scans]
    shown += [f"{refused.source} {refused.error!r} {refused.error}" for refused in study.refused]
    # The same in this process, where warnings and logs would be seen.
    shown.append(repr(read_scan(files[0], "a").technical))
    printed = capfd.readouterr()
    assert CANARY not in " ".join(shown) + caplog.text + printed.out + printed.err


def test_phi_canary_in_folders(tiny: Experiment, tmp_path, capfd: pytest.CaptureFixture[str]) -> None:
    """`predict` shows neither a file's texts nor the names of folders inside an archive."""
    members = {f"{CANARY}/{CANARY}/{index}": data for index, data in enumerate(planted_files())}
    (tmp_path / "a.zip").write_bytes(write_zip(members))
    with pytest.raises(SystemExit):
        main(["predict", str(tmp_path / "a.zip"), "--json"])
    printed = capfd.readouterr()
    assert '"position_mm"' in printed.out
    assert CANARY not in printed.out + printed.err
