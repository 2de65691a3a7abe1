"""Read what a DICOM file says about itself beside pixels and geometry, before most of it is dropped.

The texts are compared with known terms and never quoted.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from pydicom.dataset import Dataset

from core.scans.dicom_attributes import read_text, read_texts
from core.scans.kernels import is_medium_sharp, is_sharp
from core.scans.scan import NOT_AXIAL, OTHER_PART

SHARP = (
    "The image was reconstructed with a sharp kernel (for bone or lung), which makes brain noisy; the"
    " networks were trained on images for soft tissue."
)
MEDIUM_SHARP = (
    "The image was reconstructed with a kernel sharper than those for soft tissue, which makes brain look"
    " noisy."
)
# DICOM terms (PS3.16, annex L) for body parts that are often scanned. Other terms are ignored.
_OTHER_PARTS = {
    "ABDOMEN", "ABDOMENPELVIS", "ANKLE", "AORTA", "ARM", "BREAST", "CHEST", "CHESTABDOMEN", "COLON", "CSPINE",
    "ELBOW", "EXTREMITY", "FOOT", "HAND", "HEART", "HIP", "KIDNEY", "KNEE", "LEG", "LIVER", "LSPINE", "LUNG",
    "PANCREAS", "PELVIS", "SHOULDER", "SPINE", "SPLEEN", "TSPINE", "WRIST",
}  # fmt: skip

# Begin an entry that says that no contrast agent was given, or nothing about it.
_NO_CONTRAST = {
    "0", "BEZ", "BRAK", "FALSE", "GEEN", "INGEN", "KEIN", "KEINE", "KEINES", "N", "NA", "NAO", "NATIV",
    "NATIVE", "NC", "NCCT", "NECT", "NEIN", "NEM", "NESSUN", "NESSUNO", "NIL", "NINGUNO", "NO", "NON",
    "NONCONTRAST", "NONE", "NOT", "NULL", "NÃO", "OHNE", "PLAIN", "SANS", "SENZA", "SEM", "SIN", "UDEN",
    "UNENHANCED", "UNKNOWN", "UTAN", "UTEN", "WITHOUT", "WO", "YOK", "ZONDER", "БЕЗ", "НЕТ",
    "なし", "无", "無", "平扫", "없음",
}  # fmt: skip
# May stand before the word that denies: "IV: none".
_ROUTES = {
    "AGENT",
    "BOLUS",
    "CM",
    "CONTRAST",
    "CONTRASTE",
    "I",
    "IV",
    "KM",
    "MEDIA",
    "MEDIUM",
    "ORAL",
    "PO",
    "V",
}

# Words of Image Type (PS3.3 C.8.16.1, C.8.2.1.1), of the volume's properties and of series descriptions.
_PROJECTED = re.compile(
    r"(?<![A-Z])(MIP|MINIP|MAX[ _]?IP|MIN[ _]?IP|MAXIMUM|MINIMUM|VRT|VOLUME[ _]RENDER\w*)(?![A-Z])"
)
_AVERAGED = re.compile(r"(?<![A-Z])(AVERAGE\w*|AVG|MEAN|MPR|MPVR|REFORMATTED|RESAMPLED|SLAB)(?![A-Z])")
_TURNED = re.compile(r"(?<![A-Z])(COR|CORONAL|SAG|SAGITTAL|OBL|OBLIQUE)(?![A-Z])")
_DESCRIBED = re.compile(r"(?<![A-Z])(MIP|MIPS|MINIP|MAX IP|MIN IP|VRT)(?![A-Z])")

# Rescale types of PS3.3 C.11.1.1.2 that are no Hounsfield units, and words of Image Type for such maps.
_OTHER_UNITS = {
    "OD": "optical density",
    "MGML": "milligrams per milliliter",
    "PCT": "percent",
    "Z_EFF": "effective atomic number",
    "ED": "electron density",
    "EDW": "electron density",
}
_MAPS = {
    **dict.fromkeys(("CBF", "RCBF"), "blood flow"),
    **dict.fromkeys(("CBV", "RCBV"), "blood volume"),
    **dict.fromkeys(("MTT", "TTP", "TMAX", "TTD"), "transit time"),
    **dict.fromkeys(("RHO", "ELECTRON_DENSITY"), "electron density"),
    **dict.fromkeys(("ZEFF", "Z_EFF"), "effective atomic number"),
    "IODINE": "iodine density",
}


@dataclass(frozen=True)
class Remarks:
    """Remarks on a file.

    Attributes:
        sentences: warnings for the reader.
        doubts: those of them because of which results are uncertain.
        unfit: those of them because of which nothing can be judged.
        unit: what the values are if the file says that they are not Hounsfield units, else "".
    """

    sentences: tuple[str, ...]
    doubts: tuple[str, ...]
    unfit: tuple[str, ...]
    unit: str


def take_remarks(dataset: Dataset) -> Remarks:
    """Return the remarks on a file.

    Args:
        dataset: a whole file, before attributes are dropped.
    """
    remarks: list[str] = []
    doubts: list[str] = []
    unfit: list[str] = []
    kernels = [*read_texts(dataset, "ConvolutionKernel"), *read_texts(dataset, "ConvolutionKernelGroup")]
    if is_sharp(kernels):
        unfit.append(SHARP)
    elif is_medium_sharp(kernels):
        doubts.append(MEDIUM_SHARP)
    if read_text(dataset, "BodyPartExamined").replace(" ", "") in _OTHER_PARTS:
        remarks.append(OTHER_PART)
    if names_contrast(read_text(dataset, "ContrastBolusAgent")):
        remarks.append(
            "The scan was made with contrast agent; the networks were trained on scans without it."
        )
    if any(0x6000 <= tag.group <= 0x601E for tag in set(dataset.keys())):
        remarks.append("The file's overlay was ignored.")
    kinds = read_texts(dataset, "ImageType")
    made = " ".join(
        kinds
        + read_texts(dataset, "VolumetricProperties")
        + read_texts(dataset, "VolumeBasedCalculationTechnique")
    )
    if _PROJECTED.search(made) or _DESCRIBED.search(read_text(dataset, "SeriesDescription")):
        doubts.append(
            "The images are projections of slabs (such as maximum-intensity, MIP); the networks were trained"
            " on plain slices."
        )
    elif _AVERAGED.search(made):
        remarks.append("The images are averaged or reformatted slabs (MPR), computed from other slices.")
    described = " ".join([*kinds, read_text(dataset, "SeriesDescription")])
    if "ImageOrientationPatient" not in dataset and _TURNED.search(described):
        unfit.append(NOT_AXIAL)
    if read_text(dataset, "RescaleType") == "HU_MOD":
        doubts.append("The file says that the values are modified Hounsfield units.")
    unit = next(
        (_OTHER_UNITS[kind] for kind in read_texts(dataset, "RescaleType") if kind in _OTHER_UNITS), ""
    )
    unit = unit or next((_MAPS[kind] for kind in kinds[2:] if kind in _MAPS), "")
    return Remarks((*remarks, *doubts, *unfit), tuple(doubts), tuple(unfit), unit)


def names_contrast(text: str) -> bool:
    """Return whether an entry for the contrast agent, in upper case, names one.

    >>> [names_contrast(text) for text in ("OMNIPAQUE 300", "NON-IONIC", "NONE", "W/O", "-", "IV: NO")]
    [True, True, False, False, False, False]
    """
    words = re.findall(r"[^\W_]+", text.replace("W/O", "WITHOUT").replace("N/A", "NA").replace("N.A", "NA"))
    if "NON" in words[:1] and "IONIC" in words[1:2]:
        return True
    rest = [word for word in words if word not in _ROUTES]
    # Routes alone ("ORAL") tell that something was given.
    return rest[0] not in _NO_CONTRAST if rest else bool(words)
