"""NIfTI volumes: orientation is honoured, and headers are checked before anything is inflated."""

from __future__ import annotations

import gzip
import itertools
from functools import partial

import nibabel
import numpy as np
import pytest

from core.errors import ScanError
from core.scans import Scan, nifti, read_scan, read_study
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
    """A volume without air, such as an MRI, becomes display gray, with a warning."""
    scan = read(write_nifti((np.arange(40 * 40 * 3) % 900).reshape(40, 40, 3).astype(np.int16)))
    assert ("gray", True) == (scan.unit, "not Hounsfield units" in scan.warnings[0])
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


def test_nothing_beyond_the_volume_is_inflated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Data after the volume in a gzipped file is never inflated."""
    starts = []
    read_start = nifti._read_start
    monkeypatch.setattr(
        nifti, "_read_start", lambda data, n: starts.append(read_start(data, n)) or starts[-1]
    )
    check_slices(read(gzip.compress(write_nifti() + bytes(50_000_000))))
    assert len(write_nifti()) == max(map(len, starts))
