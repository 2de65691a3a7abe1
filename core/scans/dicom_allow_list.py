"""The allow-list of DICOM attributes: all others are dropped right after parsing.

The list holds no name, identifier, date, free text or private attribute, and none of the attributes that
DICOM's confidentiality profile removes (PS3.15, table E.1-1).
"""

from __future__ import annotations

from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag, Tag

ALLOWED = (
    # kind of picture
    "Modality",
    "ImageType",
    "BurnedInAnnotation",
    "LossyImageCompression",
    "DirectoryRecordSequence",
    # pixel storage
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
    # how values are displayed and rescaled
    "RescaleSlope",
    "RescaleIntercept",
    "ModalityLUTSequence",
    "LUTDescriptor",
    "LUTData",
    "PixelPaddingValue",
    "PixelPaddingRangeLimit",
    "WindowCenter",
    "WindowWidth",
    # slice geometry
    "InstanceNumber",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "PixelSpacing",
    "PixelAspectRatio",
    "SliceThickness",
    # the same in files of many frames
    "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
    "PixelMeasuresSequence",
    "PlanePositionSequence",
    "PlaneOrientationSequence",
    "PixelValueTransformationSequence",
    "FrameVOILUTSequence",
)
ALLOWED_META = ("TransferSyntaxUID", "MediaStorageSOPClassUID")
_FRAMES = ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence")


def drop_others(dataset: Dataset) -> None:
    """Drop, in place, every attribute not on the list: from the data set, file meta and per-frame groups.

    Raises:
        Exception: any error that pydicom raises for a damaged sequence.
    """
    _drop(dataset, ALLOWED)
    _drop(dataset.file_meta, ALLOWED_META)
    dataset.preamble = None
    for item in dataset.get("ModalityLUTSequence") or ():
        _drop(item, ALLOWED)
    for name in _FRAMES:
        for groups in dataset.get(name) or ():
            _drop(groups, ALLOWED)
            for group in groups:
                for item in group.value if group.VR == "SQ" else ():
                    _drop(item, ALLOWED)


def _drop(dataset: Dataset, names: tuple[str, ...]) -> None:
    allowed = {Tag(tag) for name in names if (tag := tag_for_keyword(name)) is not None}
    for tag in set(dataset.keys()) - allowed:
        del dataset[BaseTag(tag)]
