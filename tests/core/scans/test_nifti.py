"""NIfTI volumes: orientation is honoured, and headers are checked before anything is inflated."""

from __future__ import annotations

import gzip
import itertools
from functools import partial

import nibabel
import numpy as np
import pytest

from core.errors import ScanError
from core.scans import Scan, hounsfield, nifti, nifti_geometry, read_scan, read_study
from tests.scan_files import render_hu, write_nifti


def read(data: bytes) -> Scan:
    """Return the scan of a volume."""
    return read_scan(data, "v.nii")


def refusal(data: bytes) -> ScanError:
    """Return the error that reading raises."""
    with pytest.raises(ScanError) as caught:
        read(data)
    return caught.value


def check_slices(scan: Scan) -> None:
    """Assert that the slices are those rendered, upright and from the feet to the head."""
    assert ("hu", 4, ("R", "L", "A", "P")) == (scan.unit, len(scan.slices), scan.technical.marks)
    for index, slice_ in enumerate(scan.slices):
        np.testing.assert_array_equal(render_hu(index), slice_.pixels)


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_volume_is_a_scan(pack) -> None:
    """Slices of a plain or gzipped volume are in radiological orientation, with their voxel size."""
    scan = read(pack(write_nifti()))
    check_slices(scan)
    assert ((0.5, 0.5), 5.0, [0, 5, 10, 15]) == (
        scan.technical.spacing_mm,
        scan.technical.slice_spacing_mm,
        [slice_.position_mm for slice_ in scan.slices],
    )


@pytest.mark.parametrize("axes", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("signs", [(1, 1, 1), (-1, 1, 1), (1, -1, -1)])
def test_orientation_is_honoured(axes, signs) -> None:
    """Any order and direction of the stored axes gives the same slices."""
    volume = np.stack([render_hu(index).T[::-1, ::-1] for index in range(4)], axis=2)
    size = np.array([0.5, 0.5, 5.0])
    affine = np.eye(4)
    affine[:3, :3] = np.diag(size * signs)
    for axis, sign in enumerate(signs):
        if sign < 0:
            volume = np.flip(volume, axis)
            affine[axis, 3] = size[axis] * (volume.shape[axis] - 1)
    affine[:, :3] = affine[:, list(axes)]
    check_slices(read(write_nifti(np.ascontiguousarray(volume.transpose(axes)), affine)))


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_nifti_2_is_read_like_nifti_1(pack) -> None:
    """The wider header gives the same slices."""
    volume = np.stack([render_hu(index).T[::-1, ::-1] for index in range(4)], axis=2)
    image = nibabel.Nifti2Image(volume, np.diag([0.5, 0.5, 5.0, 1.0]))
    check_slices(read(pack(image.to_bytes())))


def test_slope_and_intercept_are_applied() -> None:
    """Stored values are rescaled as the header says."""
    volume = np.stack([(render_hu().T[::-1, ::-1] + 1024) // 2] * 4, axis=2)
    data = write_nifti(volume)
    stored = bytearray(data)
    stored[112:120] = np.array([2, -1024], "<f4").tobytes()
    assert 900 < read(bytes(stored)).slices[0].pixels.max() < 910


def test_an_unknown_orientation_is_reported() -> None:
    """Without a usable affine the slices stay as stored, with a warning that left and right are unknown."""
    data = bytearray(write_nifti())
    data[280:328] = np.full(12, np.nan, "<f4").tobytes()
    scan = read(bytes(data))
    assert (None, True) == (scan.technical.marks, "left and right are unknown" in scan.warnings[0])


@pytest.mark.slow
@pytest.mark.parametrize("pack", [bytes, partial(gzip.compress, compresslevel=1)])
def test_300_slices_fit_into_memory(pack) -> None:
    """A rescaled volume of 300 slices of 512 x 512 is read within the worker's limits."""
    one = np.kron(render_hu(), np.ones((8, 8), np.int16))
    data = write_nifti(np.repeat(one[:, :, None], 300, axis=2), scl_slope=2, scl_inter=3)
    study = read_study([("v.nii", pack(data))])
    assert ([300], ()) == ([len(scan.slices) for scan in study.scans], study.refused)


def test_a_volume_in_display_orientation_can_be_scaled() -> None:
    """A float volume that needs neither reorientation nor rescaling is scaled to gray."""
    values = np.random.default_rng(0).uniform(0, 500, (40, 40, 3)).astype(np.float32)
    data = write_nifti(values, np.diag([-0.5, -0.5, 5.0, 1.0]))
    scan = read(data[:112] + bytes(8) + data[120:])
    low, high = values.min(), values.max()
    np.testing.assert_allclose((values[:, :, 0].T - low) / (high - low), scan.slices[0].pixels, atol=1e-6)


def test_values_that_are_not_hounsfield_units_are_reported() -> None:
    """A volume without air, such as an MRI, becomes display gray, and nothing on it is judged."""
    scan = read(write_nifti((np.arange(40 * 40 * 3) % 900).reshape(40, 40, 3).astype(np.int16)))
    assert ("gray", True) == (scan.unit, "not Hounsfield units" in scan.warnings[0])
    assert ((scan.warnings[0],), ()) == (scan.unfit, scan.doubts)
    values = np.stack([slice_.pixels for slice_ in scan.slices])
    assert (0.0, 1.0) == (values.min(), values.max())


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda data: data[: len(data) // 2], "truncated"),
        (lambda data: data[:100], "truncated"),
        (lambda data: data[:42] + b"\xfb\xff" + data[44:], "degenerate"),
        (lambda data: data[:70] + b"\x0f\x27" + data[72:], "truncated"),
        (lambda data: data[:70] + b"\x80\x00" + data[72:], "unsupported_format"),
        (lambda data: data[:108] + np.float32(1e9).tobytes() + data[112:], "truncated"),
        (lambda data: data[:344] + b"ni1\0" + data[348:], "unsupported_format"),
        (lambda data: data[:344] + b"\0\0\0\0" + data[348:], "unsupported_format"),
        (lambda data: data[:42] + np.array([4096] * 3, "<i2").tobytes() + data[48:], "too_large"),
        (lambda data: gzip.compress(data)[:-5000], "truncated"),
        (lambda data: gzip.compress(b"something else" * 100), "unsupported_format"),
    ],
)
def test_damaged_volumes_are_refused(change, code) -> None:
    """Each kind of damaged or unsupported volume is refused with its code."""
    assert code == refusal(change(write_nifti())).code


def test_four_dimensions_are_refused() -> None:
    """A series of volumes is refused; a fourth dimension of length 1 is ignored."""
    volume = np.stack([np.stack([render_hu(i).T[::-1, ::-1] for i in range(4)], axis=2)] * 2, axis=3)
    assert "4 dimensions" in str(refusal(write_nifti(volume)))
    check_slices(read(write_nifti(volume[..., :1])))


@pytest.mark.parametrize("rest", [b"", bytes(512) + b"rest"])
def test_gzip_files_of_several_members_are_read(rest: bytes) -> None:
    """A gzip file may have several members; what is no member after the last is ignored."""
    data = write_nifti()
    cuts = [0, 200, 348, 5000, len(data)]
    check_slices(read(b"".join(gzip.compress(data[a:b]) for a, b in itertools.pairwise(cuts)) + rest))
    members = [gzip.compress(data[:5000]), gzip.compress(data[5000:])]
    assert "truncated" == refusal(members[0] + members[1][:-200]).code


def test_names_that_do_not_match_the_packing_are_said() -> None:
    """A plain volume named .gz and a gzipped one named .nii are read with a remark."""
    for name, data in (("v.nii.gz", write_nifti()), ("v.nii", gzip.compress(write_nifti()))):
        scan = read_scan(data, name)
        check_slices(scan)
        assert "The name ends in" in scan.warnings[0]
    assert () == read_scan(gzip.compress(write_nifti()), "v.nii.gz").warnings


def write_forms(sform: np.ndarray, qform: np.ndarray) -> bytes:
    """Return a volume with two orientations."""
    volume = np.stack([render_hu(index).T[::-1, ::-1] for index in range(4)], axis=2)
    image = nibabel.Nifti1Image(volume, None)
    image.set_sform(sform, 1)
    image.set_qform(qform, 1)
    return image.to_bytes()


RAS = np.diag([0.5, 0.5, 5.0, 1.0])
TURNED = nibabel.affines.from_matvec(nibabel.eulerangles.euler2mat(z=0.1) @ RAS[:3, :3], [0.0, 0.0, 0.0])


def test_without_codes_left_and_right_are_unknown() -> None:
    """With both codes 0 voxel sizes are known, left and right are not."""
    data = bytearray(write_nifti())
    data[252:256] = bytes(4)
    scan = read(bytes(data))
    assert (None, (0.5, 0.5), 5.0) == (
        scan.technical.marks, scan.technical.spacing_mm, scan.technical.slice_spacing_mm
    )  # fmt: skip
    assert nifti_geometry.UNKNOWN in scan.warnings
    assert (False, True) == (scan.is_oriented, read(write_nifti()).is_oriented)


@pytest.mark.parametrize(
    ("flips", "words"),
    [((-1, 1, 1), "left and right;"), ((1, -1, 1), "front and back;"), ((1, 1, -1), "head and feet;")],
)
def test_forms_that_disagree_are_said(flips, words: str) -> None:
    """Two orientations that disagree about an axis are said, and no marks are shown."""
    scan = read(write_forms(RAS, RAS @ np.diag([*flips, 1])))
    assert (None, True) == (scan.technical.marks, any(words in warning for warning in scan.warnings))


@pytest.mark.parametrize(("sform", "qform"), [(RAS, TURNED), (np.diag([0.0, 0, 0, 1]), RAS)])
def test_forms_that_agree_about_the_axes_are_marked(sform, qform) -> None:
    """A small turn between the orientations and an empty one raise no doubt."""
    scan = read(write_forms(sform, qform))
    assert (("R", "L", "A", "P"), ()) == (scan.technical.marks, scan.warnings)


@pytest.mark.parametrize(
    ("factor", "unit", "word"),
    [
        (1e-3, 1, "in meters"),
        (1e3, 3, "in micrometers"),
        (1e-3, 2, "wrong"),
        (1e3, 0, "wrong"),
        (1, 1, "wrong"),
        (1, 0, ""),
    ],
)
def test_lengths_are_in_mm(factor: float, unit: int, word: str) -> None:
    """Lengths in another unit are converted, and a unit that cannot be is corrected; both are said."""
    scan = read(write_nifti(affine=np.diag([0.5 * factor, 0.5 * factor, 5 * factor, 1]), xyzt_units=unit))
    assert (0.5, 0.5, 5.0) == pytest.approx((*scan.technical.spacing_mm, scan.technical.slice_spacing_mm))
    assert word in " ".join(scan.warnings) if word else () == scan.warnings


def test_voxels_that_are_not_square_are_resampled() -> None:
    """Rows and columns of different spacing give the shape of the head."""
    volume = np.stack([render_hu(index).T[::-1, ::-1][::2] for index in range(4)], axis=2)
    scan = read(write_nifti(np.ascontiguousarray(volume), np.diag([1.0, 0.5, 5.0, 1.0])))
    assert ((64, 64), (0.5, 0.5)) == (scan.slices[0].pixels.shape, scan.technical.spacing_mm)
    assert "not square" in scan.warnings[0]


@pytest.mark.parametrize(
    ("slope", "inter", "n_said"), [(0, 0, 0), (np.nan, np.nan, 0), (1, np.nan, 1), (np.inf, 0, 1)]
)
def test_a_scaling_that_is_no_number_is_said(slope: float, inter: float, n_said: int) -> None:
    """A slope of 0 or NaN means no scaling; another one that is no number is ignored and said."""
    data = bytearray(write_nifti())
    data[112:120] = np.array([slope, inter], "<f4").tobytes()
    scan = read(bytes(data))
    check_slices(scan)
    assert n_said == sum("scaling" in warning for warning in scan.warnings)


@pytest.mark.parametrize(
    ("sizes", "across"),
    [
        ((0.5, 0.5, 5), False),
        ((0.5, 5, 0.5), True),
        ((5, 0.5, 0.5), True),
        ((1, 1, 1), False),
        ((1, 2, 1), False),
    ],
)
def test_a_stack_of_other_planes_is_unfit(sizes: tuple[float, ...], across: bool) -> None:
    """Axial slices cut out of coronal or sagittal ones are not judged; those of a fine volume are."""
    scan = read(write_nifti(affine=np.diag([*sizes, 1.0])))
    assert ((nifti_geometry.OTHER_PLANES,) if across else ()) == scan.unfit
    assert across == (nifti_geometry.OTHER_PLANES in scan.warnings)


def test_wrapped_numbers_are_restored() -> None:
    """Negative values stored without a sign are read as negative, and results need review."""
    volume = np.stack([render_hu(index).T[::-1, ::-1] for index in range(4)], axis=2)
    scan = read(write_nifti(volume.view(np.uint16)))
    check_slices(scan)
    assert "wrapped" in scan.doubts[0]


def test_a_step_of_1024_is_undone() -> None:
    """CT values plus 1024 are recognized without any unit, and results need review."""
    slices = [render_hu(index) for index in range(4)]
    for hu in slices:
        hu[6:40][hu[6:40] > 500] = 33
    volume = np.stack([hu.T[::-1, ::-1] for hu in slices], axis=2)
    scan = read(write_nifti(volume + np.int16(1024)))
    np.testing.assert_array_equal(slices[0], scan.slices[0].pixels)
    assert (hounsfield.ADDED,) == scan.doubts


def test_nothing_beyond_the_volume_is_inflated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Data after the volume in a gzipped file is never inflated."""
    starts = []
    read_start = nifti._read_start
    monkeypatch.setattr(
        nifti, "_read_start", lambda data, n: starts.append(read_start(data, n)) or starts[-1]
    )
    check_slices(read(gzip.compress(write_nifti() + bytes(50_000_000))))
    assert len(write_nifti()) == max(map(len, starts))
