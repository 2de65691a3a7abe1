"""Uploads: series sorted by geometry, archives, partial uploads, and separate patients."""

from __future__ import annotations

import random
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.scans import Scan, read_study, series
from core.scans.scan import Study
from tests.scan_files import (
    AXIAL,
    render_dataset,
    render_hu,
    save,
    write_dicom,
    write_nifti,
    write_series,
    write_zip,
)

CORONAL = (1.0, 0.0, 0.0, 0.0, 0.0, -1.0)


def read(*files: bytes) -> Study:
    """Read files named 0, 1, 2, ... as a study."""
    return read_study([(str(index), data) for index, data in enumerate(files)])


def only(study: Study) -> Scan:
    """Return the only scan of a study without refusals."""
    assert () == study.refused
    (scan,) = study.scans
    return scan


def codes(study: Study) -> list[str]:
    """Return the codes of the refusals."""
    return [refused.error.code for refused in study.refused]


def test_series_integrity() -> None:
    """Slices are sorted from the feet to the head; order and names of the files do not change the scan."""
    files = write_series(6)
    expected = only(read(*files))
    assert [0, 5, 10, 15, 20, 25] == [slice_.position_mm for slice_ in expected.slices]
    for index, slice_ in enumerate(expected.slices):
        np.testing.assert_array_equal(render_hu(index), slice_.pixels)
    random.Random(1).shuffle(files)
    zipped = write_zip({f"DOE/{index}": data for index, data in enumerate(files)})
    for study in (read(*files), read(zipped)):
        again = only(study)
        assert (expected.sha256, expected.warnings) == (again.sha256, again.warnings)
        assert expected.technical == again.technical
        for one, other in zip(expected.slices, again.slices, strict=True):
            np.testing.assert_array_equal(one.pixels, other.pixels)


def test_a_series_knows_its_geometry() -> None:
    """Voxel size, orientation marks, modality and gantry tilt are read."""
    technical = only(read(*write_series(3))).technical
    assert ((0.5, 0.5), 5.0) == (technical.spacing_mm, technical.slice_spacing_mm)
    assert (("R", "L", "A", "P"), "CT", 0.0) == (
        technical.marks, technical.modality, technical.gantry_tilt_deg
    )  # fmt: skip


def test_series_integrity_two_patients() -> None:
    """An upload with different ids, names or birth dates is refused, and none is quoted."""
    for tags in ({"PatientID": "8"}, {"PatientName": "Other^One"}, {"PatientBirthDate": "19700101"}):
        study = read(write_dicom(z=0), write_dicom(z=5, **tags))
        assert ((), ["two_patients"]) == (study.scans, codes(study))
        assert "Other" not in str(study.refused[0].error)


def test_series_integrity_two_patients_in_one_zip() -> None:
    """The refusal has the archive's name, and a volume in the same upload is read."""
    members = {"ONE/0": write_dicom(z=0), "TWO/1": write_dicom(z=5, PatientID="8")}
    study = read_study([("a.zip", write_zip(members)), ("v.nii", write_nifti())])
    assert (["v.nii"], [("a.zip", "two_patients")]) == (
        [scan.source for scan in study.scans],
        [(refused.source, refused.error.code) for refused in study.refused],
    )


def test_missing_patient_names_are_no_second_patient() -> None:
    """Empty values and different capitals do not count as a second patient."""
    files = [
        write_dicom(render_hu(0), z=0),
        write_dicom(render_hu(1), z=5, PatientID=""),
        write_dicom(render_hu(2), z=10, PatientName="invented^nobody^"),
    ]
    assert 3 == len(only(read(*files)).slices)


def test_series_integrity_gaps() -> None:
    """Up to three gaps are named by their slices; a change of slice thickness is not a gap."""
    files = write_series(16)
    found = [
        only(read(*(file for index, file in enumerate(files) if index not in missing))).warnings
        for missing in ([2], [2, 5, 8, 11])
    ]
    said, one = "Study incomplete: slices are missing", "10.0 mm between slices 2 and 3"
    more = "10.0 mm between slices 4 and 5, 10.0 mm between slices 6 and 7, and 1 more"
    assert [(f"{said} ({one}).",), (f"{said} ({one}, {more}).",)] == found
    thin = [write_dicom(render_hu(i), z=4.0 * i, SliceThickness=4) for i in range(4)]
    thick = [write_dicom(render_hu(9 + i), z=13.0 + 7 * i, SliceThickness=7) for i in range(4)]
    warnings = only(read(*thin, *thick)).warnings
    assert ("Slice spacing varies from 1.0 to 7.0 mm.",) == warnings


def test_duplicate_slices_are_read_once() -> None:
    """A duplicate slice is read once, with a warning."""
    files = write_series(3)
    scan = only(read(*files, files[1]))
    assert (3, ("Duplicate slices were read once: 1.",)) == (len(scan.slices), scan.warnings)


def test_two_passes_over_the_same_positions_are_two_scans() -> None:
    """Different slices at the same positions are separate scans."""
    study = read(*write_series(3), *[write_dicom(render_hu(20 + i), z=5.0 * i) for i in range(3)])
    assert [3, 3] == [len(scan.slices) for scan in study.scans]
    assert all("2 series" in scan.warnings[0] for scan in study.scans)


def test_series_and_sizes_are_separate_scans() -> None:
    """Slices of another series or another matrix are a separate scan."""
    study = read(
        *write_series(3),
        *write_series(2, SeriesInstanceUID="9.9"),
        *[write_dicom(render_hu(i, 96), z=5.0 * i) for i in range(4)],
    )
    assert [(4, 96), (3, 64), (2, 64)] == [(len(s.slices), len(s.slices[0].pixels)) for s in study.scans]
    assert 3 == len({scan.source for scan in study.scans})


def test_localizers_are_left_out() -> None:
    """A localizer beside axial slices is left out with a warning; alone it is refused."""
    marked = write_dicom(render_hu(50), z=0, ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])
    coronal = write_dicom(render_hu(51), z=0, directions=CORONAL)
    for localizer in (marked, coronal):
        scan = only(read(localizer, *write_series(3)))
        assert (3, "Localizers were left out: 1.") == (len(scan.slices), scan.warnings[0])
    study = read(marked)
    assert ((), ["localizer_only"]) == (study.scans, codes(study))


def test_slices_that_are_not_axial_are_reported() -> None:
    """A coronal series is read with a warning."""
    files = [
        save(render_dataset(render_hu(i), directions=CORONAL, ImagePositionPatient=[0, 5.0 * i, 0]))
        for i in range(5)
    ]
    scan = only(read(*files))
    assert (("R", "L", "H", "F"), True) == (
        scan.technical.marks, any("not axial" in warning for warning in scan.warnings)
    )  # fmt: skip


def test_gantry_tilt_orders_along_the_normal() -> None:
    """Spacing of tilted slices is measured along their normal, and the tilt is reported."""
    tilt = np.radians(20)
    directions = (1.0, 0.0, 0.0, 0.0, float(np.cos(tilt)), float(-np.sin(tilt)))
    scan = only(read(*write_series(4, directions=directions)))
    assert 5 * np.cos(tilt) == pytest.approx(scan.technical.slice_spacing_mm, abs=1e-3)
    assert (20.0, ("The slices are tilted by 20.0° (gantry tilt).",)) == (
        scan.technical.gantry_tilt_deg, scan.warnings
    )  # fmt: skip


@pytest.mark.parametrize(
    ("directions", "turn"),
    [
        (AXIAL, lambda hu: hu),
        ((-1.0, 0.0, 0.0, 0.0, 1.0, 0.0), np.fliplr),
        ((1.0, 0.0, 0.0, 0.0, -1.0, 0.0), np.flipud),
        ((0.0, 1.0, 0.0, 1.0, 0.0, 0.0), np.transpose),
        ((0.0, -1.0, 0.0, 1.0, 0.0, 0.0), lambda hu: np.flipud(hu).T),
    ],
)
def test_axial_slices_are_in_radiological_orientation(directions, turn) -> None:
    """A slice stored in any orientation is shown with the right on the left and the front at the top."""
    data = write_dicom(np.ascontiguousarray(turn(render_hu())), directions=directions)
    scan = only(read(data))
    np.testing.assert_array_equal(render_hu(), scan.slices[0].pixels)
    assert ("R", "L", "A", "P") == scan.technical.marks


def test_without_positions_instance_numbers_decide() -> None:
    """Files without geometry are sorted by instance number, with a warning."""
    files = [write_dicom(render_hu(i), z=None, InstanceNumber=9 - i) for i in range(3)]
    scan = only(read(*files))
    np.testing.assert_array_equal(render_hu(2), scan.slices[0].pixels)
    assert (None, True) == (
        scan.slices[0].position_mm,
        any("positions are missing" in warning for warning in scan.warnings),
    )


def test_a_single_slice_is_reported() -> None:
    """A single slice is read, with the warning that other slices are not seen."""
    assert "single slice" in only(read(write_dicom())).warnings[0]


def test_partial_upload(tmp_path: Path, encode) -> None:
    """Of ten slices with a damaged one, zipped or not, nine are read and one is named."""
    files = write_series(10)
    files[4] = files[4][:5000]
    study = read(*files)
    assert (9, ["4"], ["truncated"]) == (
        len(study.scans[0].slices), [refused.source for refused in study.refused], codes(study)
    )  # fmt: skip
    zipped = read_study([("a.zip", write_zip({f"s/{i}.dcm": data for i, data in enumerate(files)}))])
    assert (9, ["a.zip/4.dcm"], "a.zip") == (
        len(zipped.scans[0].slices), [refused.source for refused in zipped.refused], zipped.scans[0].source
    )  # fmt: skip


def test_pictures_volumes_and_series_of_one_archive(gray, encode) -> None:
    """Each picture and volume in an archive is a scan and its DICOM files are series; clutter is skipped."""
    members = {"a.png": encode(gray), "b/v.nii": write_nifti(), "__MACOSX/a.png": b"", "b/": b""}
    members |= {f"s/{i}": data for i, data in enumerate(write_series(3))}
    study = read_study([("all.zip", write_zip(members))])
    found = [(scan.source, scan.unit, len(scan.slices)) for scan in study.scans]
    assert [("all.zip/a.png", "gray", 1), ("all.zip/v.nii", "hu", 4), ("all.zip", "hu", 3)] == found
    assert () == study.refused


def test_files_are_read_one_at_a_time(gray, encode) -> None:
    """A picture is returned before the next file is read, so that a folder need not fit into memory."""
    from core.scans import iterate_study

    requested = []

    def files():
        for index in range(3):
            requested.append(index)
            yield str(index), encode(gray)

    outcomes = iterate_study(files())
    next(outcomes)
    assert [0] == requested


def test_a_study_is_limited_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slices beyond the limit of a study are refused by name, the others read."""
    monkeypatch.setattr("core.scans.intake.MAX_STUDY_PIXELS", 3 * 64 * 64)
    study = read(*write_series(5))
    assert (3, ["too_large"] * 2) == (len(study.scans[0].slices), codes(study))


def test_degenerate_pixels(encode) -> None:
    """NaN, constant and tiny inputs of every kind are refused as degenerate."""
    nan = np.full((40, 40, 3), 5.0, np.float32)
    nan[3, 3] = np.nan
    study = read(
        encode(np.full((40, 40), 7, np.uint8)),
        encode(np.arange(100, dtype=np.uint8).reshape(10, 10)),
        write_nifti(nan),
        write_nifti(np.full((40, 40, 3), -500, np.int16)),
        write_dicom(np.full((64, 64), -500, np.int16)),
        write_dicom(render_hu(size=16)),
    )
    assert ((), ["degenerate"] * 6) == (study.scans, codes(study))


def test_blank_slices_of_a_series_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """A blank slice above the head is left out; the series is read."""
    scan = only(read(*write_series(3), write_dicom(np.full((64, 64), -1000, np.int16), z=15)))
    assert (3, True) == (len(scan.slices), "Blank frames were left out: 4" in scan.warnings[0])


def test_disguised(gray, encode) -> None:
    """DICOM with a picture's name is read with a warning; EPS is never opened."""
    (scan,) = read_study([("a.jpg", write_dicom())]).scans
    assert "the content is DICOM" in scan.warnings[0]
    assert ["unsupported_format"] == codes(read_study([("b.jpg", b"%!PS-Adobe-3.0 EPSF-3.0\n")]))
    assert "hu" == only(read_study([("no_extension", b"".join(write_series(1)))])).unit


def test_filename_injection(gray, encode) -> None:
    """A hostile file name appears as the source only, not in warnings or errors."""
    name = "<svg onload=alert(1)>$(touch PWNED)../../x.png"
    study = read_study([(name, encode(gray)), (name, b"text")])
    assert (name, name) == (study.scans[0].source, study.refused[0].source)
    assert "onload" not in " ".join([*study.scans[0].warnings, str(study.refused[0].error)])


def test_sources_of_series_are_their_common_folder() -> None:
    """A series is named after its folder, or after its first file and a count."""
    assert "a/b" == series._name_group(["a/b/1.dcm", "a/b/2.dcm"])
    assert "a" == series._name_group(["a/b/1.dcm", "a/c/2.dcm"])
    assert "2.dcm and 1 more" == series._name_group(["10.dcm", "2.dcm"])


def test_positions_rise(encode) -> None:
    """Positions rise strictly, in DICOM and NIfTI alike."""
    for scan in (only(read(*write_series(5))), only(read(write_nifti()))):
        positions = [slice_.position_mm for slice_ in scan.slices]
        assert all(one < other for one, other in pairwise(positions))


def test_a_picture_has_no_position(gray, encode) -> None:
    """Pages of a picture have no position and keep their order."""
    pages = [Image.fromarray(gray), Image.fromarray(255 - gray)]
    scan = only(read(encode(pages[0], "TIFF", save_all=True, append_images=pages[1:])))
    assert [None, None] == [slice_.position_mm for slice_ in scan.slices]


def test_integer_hounsfield_units_are_int16() -> None:
    """A series with slope 1 is int16, one with fractions float32; both hold the file's values."""
    for slope, kind in ((1, np.int16), (1.01, np.float32)):
        (scan,) = read_study([("a.dcm", write_dicom(render_hu(1), RescaleSlope=slope))]).scans
        assert kind == scan.slices[0].pixels.dtype
        np.testing.assert_allclose(np.float32(slope) * render_hu(1), scan.slices[0].pixels, rtol=1e-6)
