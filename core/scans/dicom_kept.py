"""The attributes of a DICOM file that decoding may look at; all others are dropped right after parsing.

An allow-list. The reference for what must go is DICOM PS3.15, table E.1-1: no attribute here is in it. Names,
identifiers, dates, free texts and private attributes are not among them.
"""

from __future__ import annotations

from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag, Tag

KEPT = (
    # what kind of picture it is
    "Modality",
    "ImageType",
    "BurnedInAnnotation",
    "LossyImageCompression",
    "DirectoryRecordSequence",
    # how its pixels are stored
    "Rows",
    "Columns",
    "NumberOfFrames",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "PlanarConfiguration",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "PixelData",
    "FloatPixelData",
    "DoubleFloatPixelData",
    "ExtendedOffsetTable",
    "ExtendedOffsetTableLengths",
    # what they mean
    "RescaleSlope",
    "RescaleIntercept",
    "WindowCenter",
    "WindowWidth",
    # where it lies
    "InstanceNumber",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "PixelSpacing",
    "SliceThickness",
    # the same of files of many frames
    "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
    "PixelMeasuresSequence",
    "PlanePositionSequence",
    "PlaneOrientationSequence",
    "PixelValueTransformationSequence",
    "FrameVOILUTSequence",
)
KEPT_META = ("TransferSyntaxUID", "MediaStorageSOPClassUID")
_FRAMES = ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence")


def drop_the_rest(dataset: Dataset) -> None:
    """Drop every attribute that is not kept, in place: of the file, of its head, and of each frame's groups.

    Raises:
        whatever pydicom raises for a sequence that is damaged.
    """
    _drop(dataset, KEPT)
    _drop(dataset.file_meta, KEPT_META)
    dataset.preamble = None
    for name in _FRAMES:
        for groups in dataset.get(name) or ():
            _drop(groups, KEPT)
            for group in groups:
                for item in group.value if group.VR == "SQ" else ():
                    _drop(item, KEPT)


def _drop(dataset: Dataset, names: tuple[str, ...]) -> None:
    kept = {Tag(tag) for name in names if (tag := tag_for_keyword(name)) is not None}
    for tag in set(dataset.keys()) - kept:
        del dataset[BaseTag(tag)]
