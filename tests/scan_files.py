"""Synthetic DICOM, NIfTI and zip files for tests, with invented patients."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

import nibabel
import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


def render_hu(seed: int = 0, size: int = 64) -> np.ndarray:
    """Return (size, size) int16 Hounsfield units: skull and brain in air, asymmetric, with noise by seed."""
    rows, columns = np.mgrid[:size, :size] / (size - 1) - 0.5
    radius = np.hypot(rows * 1.1, columns * 1.3)
    hu = np.full((size, size), -1000.0)
    hu[radius < 0.45] = 900
    hu[radius < 0.40] = 30
    hu[np.hypot(rows + 0.1, columns - 0.15) < 0.06] = 70
    noise = np.random.default_rng(seed).integers(-4, 5, (size, size))
    return (hu + noise * (radius < 0.45)).astype(np.int16)


def render_dataset(
    hu: np.ndarray | None = None, *, z: float | None = 0.0, directions: Sequence[float] = AXIAL, **tags: Any
) -> Dataset:
    """Return a CT slice as a data set with its file meta information.

    Args:
        hu: (H, W) int16, or (n, H, W) for a file of many frames.
        z: position of the slice in mm; None leaves out position and orientation.
        tags: attributes by keyword that replace or extend the usual ones; None removes one.
    """
    hu = render_hu() if hu is None else hu
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = CTImageStorage
    dataset.SOPClassUID = CTImageStorage
    dataset.SOPInstanceUID = generate_uid()
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.SeriesInstanceUID = "1.2.3.4"
    dataset.Modality = "CT"
    dataset.PatientID, dataset.PatientName, dataset.PatientBirthDate = "7", "Invented^Nobody", "19000101"
    dataset.Rows, dataset.Columns = hu.shape[-2:]
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 16, 15
    dataset.PixelRepresentation = 1
    dataset.RescaleSlope, dataset.RescaleIntercept = 1, 0
    dataset.PixelSpacing, dataset.SliceThickness = [0.5, 0.5], 5
    dataset.WindowCenter, dataset.WindowWidth = 40, 80
    if hu.ndim == 3:
        dataset.NumberOfFrames = len(hu)
    if z is not None:
        dataset.ImagePositionPatient = [-16, -16, z]
        dataset.ImageOrientationPatient = list(directions)
    dataset.PixelData = hu.astype("<i2").tobytes()
    dataset["PixelData"].VR = "OW"
    for name, value in tags.items():
        if value is None:
            delattr(dataset, name)
        else:
            setattr(dataset, name, value)
    return dataset


def save(dataset: Dataset, *, syntax: str | None = None) -> bytes:
    """Return a data set as the bytes of a DICOM file, in another uncompressed transfer syntax if given."""
    if syntax is not None:
        dataset.file_meta.TransferSyntaxUID = syntax
        if dataset.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.2":
            dataset.PixelData = np.frombuffer(dataset.PixelData, "<u2").astype(">u2").tobytes()
    stream = io.BytesIO()
    dataset.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def write_dicom(hu: np.ndarray | None = None, **options: Any) -> bytes:
    """Return `render_dataset` as the bytes of a file."""
    return save(render_dataset(hu, **options))


def write_encapsulated(frames: Sequence[bytes], syntax: str, **options: Any) -> bytes:
    """Return a DICOM file of frames that are already compressed."""
    dataset = render_dataset(**options)
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.PixelData = encapsulate(list(frames))
    dataset["PixelData"].is_undefined_length = True
    return save(dataset)


def write_series(n_slices: int = 6, *, step: float = 5.0, **options: Any) -> list[bytes]:
    """Return a series of slices from the feet to the head."""
    return [
        write_dicom(render_hu(index), z=step * index, InstanceNumber=n_slices - index, **options)
        for index in range(n_slices)
    ]


def write_nifti(volume: np.ndarray | None = None, affine: np.ndarray | None = None, **header: Any) -> bytes:
    """Return a NIfTI volume; by default four slices of 64 x 64, axes to the right, front and head."""
    if volume is None:
        volume = np.stack([render_hu(index).T[::-1, ::-1] for index in range(4)], axis=2)
    affine = np.diag([0.5, 0.5, 5.0, 1.0]) if affine is None else affine
    image = nibabel.Nifti1Image(volume, affine)
    for name, value in header.items():
        image.header[name] = value
    return image.to_bytes()


def write_zip(members: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return a zip archive."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return stream.getvalue()


def sort_files(*files: bytes, names: Sequence[str] = ()) -> list[Any]:
    """Return the scans and refusals of DICOM files named 0, 1, 2, ..., decoded in this process."""
    from core.scans.decoding import decode_file
    from core.scans.series import sort_into_scans

    listed = names or [str(index) for index in range(len(files))]
    return list(sort_into_scans([decode_file(data, name) for data, name in zip(files, listed, strict=True)]))
