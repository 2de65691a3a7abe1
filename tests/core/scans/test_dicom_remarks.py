"""Known terms in a DICOM file are noticed, whatever its vendor and language."""

from __future__ import annotations

import pytest
from pydicom.dataset import Dataset

from core.scans.dicom_remarks import MEDIUM_SHARP, SHARP, names_contrast, take_remarks
from tests.scan_files import render_dataset


@pytest.mark.parametrize(
    "text",
    ["", " ", "NONE", "None given", "NO", "N", "N/A", "NA", "-", "--", "0", "0 ml", "without", "W/O",
     "w/o contrast", "KEIN", "ohne KM", "SIN", "sin contraste", "Sans", "Nativ", "NON CONTRAST",
     "non-contrast", "IV: none", "No IV contrast", "yok", "нет", "无"],
)  # fmt: skip
def test_denials_are_no_contrast(text: str) -> None:
    """Entries that deny contrast agent give no remark."""
    assert not names_contrast(text.upper())


@pytest.mark.parametrize(
    "text", ["OMNIPAQUE 350", "iv contrast", "Oral", "NON-IONIC 100 ml", "Ultravist", "X"]
)
def test_other_entries_are_contrast(text: str) -> None:
    """Any other entry names an agent."""
    assert names_contrast(text.upper())


@pytest.mark.parametrize(
    ("tags", "word"),
    [
        ({"ContrastBolusAgent": "X"}, "contrast agent"),
        ({"ImageType": ["DERIVED", "SECONDARY", "AXIAL", "AVERAGE"]}, "averaged"),
        ({"ImageType": ["DERIVED", "PRIMARY", "MPR"]}, "reformatted"),
    ],
)
def test_remarks(tags: dict[str, object], word: str) -> None:
    """Contrast and reformatting are said, without doubt on the results."""
    said = take_remarks(render_dataset(**tags))
    assert (True, (), ()) == (any(word in one for one in said.sentences), said.doubts, said.unfit)


@pytest.mark.parametrize(
    ("tags", "doubts", "unfit"),
    [
        ({"ConvolutionKernel": ["Hr68h", "3"]}, (), (SHARP,)),
        ({"ConvolutionKernelGroup": "BONE"}, (), (SHARP,)),
        ({"ConvolutionKernel": "H50s"}, (MEDIUM_SHARP,), ()),
        ({"ConvolutionKernel": "H31s"}, (), ()),
    ],
)
def test_sharp_kernels_are_not_for_soft_tissue(
    tags: dict[str, object], doubts: tuple[str, ...], unfit: tuple[str, ...]
) -> None:
    """A kernel for bone makes a file unfit, a rather sharp one doubtful; both are said."""
    said = take_remarks(render_dataset(**tags))
    assert (doubts, unfit, doubts + unfit) == (said.doubts, said.unfit, said.sentences)


@pytest.mark.parametrize(
    "tags",
    [
        {"ImageType": ["DERIVED", "SECONDARY", "AXIAL", "CT_SOM5 MIP"]},
        {"ImageType": ["DERIVED", "PRIMARY", "VOLUME", "MAXIMUM"]},
        {"ImageType": ["DERIVED", "SECONDARY", "MIN_IP"]},
        {"VolumetricProperties": "MAXIMUM"},
        {"SeriesDescription": "Head 10/3 MIP ax"},
    ],
)
def test_projections_raise_doubt(tags: dict[str, object]) -> None:
    """Results on projections of slabs need review."""
    (doubt,) = take_remarks(render_dataset(**tags)).doubts
    assert "maximum-intensity" in doubt


@pytest.mark.parametrize(
    ("tags", "unit"),
    [
        ({"RescaleType": "ED"}, "electron density"),
        ({"RescaleType": "MGML"}, "milligrams per milliliter"),
        ({"ImageType": ["DERIVED", "SECONDARY", "AXIAL", "CBF"]}, "blood flow"),
        ({"RescaleType": "HU"}, ""),
        ({"RescaleType": "US"}, ""),
        ({"RescaleType": "SECRET"}, ""),
    ],
)
def test_other_units_are_named(tags: dict[str, object], unit: str) -> None:
    """A rescale type or image type of other units is recognized; unknown ones tell nothing."""
    assert unit == take_remarks(render_dataset(**tags)).unit


def test_the_groups_of_frames_are_read_too() -> None:
    """In a file of many frames, kernel and rescale type stand in the groups of frames."""
    dataset, group, made, values = render_dataset(), Dataset(), Dataset(), Dataset()
    made.ConvolutionKernel, values.RescaleType = "BONE", "ED"
    group.CTReconstructionSequence, group.PixelValueTransformationSequence = [made], [values]
    dataset.SharedFunctionalGroupsSequence = [group]
    said = take_remarks(dataset)
    assert (1, "electron density") == (len(said.sentences), said.unit)


def test_a_plain_slice_has_no_remark() -> None:
    """The usual image type and kernel say nothing."""
    said = take_remarks(
        render_dataset(ImageType=["ORIGINAL", "PRIMARY", "AXIAL", "ADD"], ConvolutionKernel="STD+")
    )
    assert ((), (), (), "") == (said.sentences, said.doubts, said.unfit, said.unit)
