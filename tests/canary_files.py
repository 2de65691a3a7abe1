"""Files with identifiers of an invented patient wherever a format has room for text."""

from __future__ import annotations

import io
import warnings
import zipfile
from collections.abc import Mapping
from functools import cache
from typing import Any

import nibabel
import numpy as np
from PIL import Image, ImageCms, PngImagePlugin
from pydicom.datadict import DicomDictionary, keyword_for_tag
from pydicom.dataset import Dataset

from tests.builders import render_head
from tests.scan_files import render_dataset, render_hu, save, write_nifti

NAME, DATE, UID = "KANARIE", "18770102", "1.2.826.0.1.771771"
# Must not be found in any output.
CANARIES = (NAME, DATE, UID)
# For file names, which are shown but must go no further.
FILE_NAME = "PARROT"

_VALUES = dict.fromkeys(("LO", "SH", "ST", "LT", "UT", "UC", "CS", "AE", "UR"), NAME)
_VALUES |= {"PN": f"{NAME}^{NAME}", "DA": DATE, "DT": f"{DATE}030405", "UI": UID}
# Attributes that decoding compares with the standard's terms.
_KEPT = ("PhotometricInterpretation", "Modality", "SOPClassUID", "DirectoryRecordSequence")
_OVERLAYS = 0x6000
# One of so many sequences also holds a date and a private attribute; all of them would take twice as long.
_FULL_ITEM = 20


def plant_dicom(dataset: Dataset) -> Dataset:
    """Return the data set with canaries in every text, date and UID, also in sequences and private ones."""
    for number, (tag, (vr, *_rest)) in enumerate(DicomDictionary.items()):
        name = keyword_for_tag(tag)
        if not name or name in _KEPT or tag >> 16 in (0, 2, 4, 0xFFFE):
            continue
        if vr in _VALUES:
            dataset.add_new(tag, vr, _VALUES[vr])
        elif vr == "SQ":
            item = Dataset()
            item.PatientName = f"{NAME}^{NAME}"
            if number % _FULL_ITEM == 0:
                item.InstitutionName, item.StudyDate = NAME, DATE
                item.private_block(0x0011, NAME, create=True).add_new(1, "UT", NAME)
            dataset.add_new(tag, vr, [item])
    block = dataset.private_block(0x0099, NAME, create=True)
    block.add_new(1, "LO", NAME)
    block.add_new(2, "UN", NAME.encode())
    block.add_new(3, "OB", NAME.encode())
    dataset.add_new((_OVERLAYS << 16) | 0x4000, "LT", NAME)
    dataset.add_new((_OVERLAYS << 16) | 0x3000, "OW", (NAME * 100).encode())
    dataset.add_new(0x50000020, "CS", NAME)
    meta = dataset.file_meta
    meta.SourceApplicationEntityTitle = meta.SendingApplicationEntityTitle = NAME
    meta.ReceivingApplicationEntityTitle = meta.ImplementationVersionName = NAME
    meta.PrivateInformationCreatorUID, meta.PrivateInformation = UID, NAME.encode()
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.preamble = NAME.encode().ljust(128, b" ")
    return dataset


def save_planted(dataset: Dataset) -> bytes:
    """Return the data set with canaries as a file, without pydicom's warning about the character set."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return save(plant_dicom(dataset))


@cache  # filling all attributes of the standard takes seconds
def write_dicom_files() -> Mapping[str, bytes]:
    """Return a series of four slices and files that are refused, all with canaries."""
    files = {f"slice{n}.dcm": save_planted(render_dataset(render_hu(n), z=5.0 * n)) for n in range(4)}
    wrong = (
        {"Rows": 0}, {"PhotometricInterpretation": NAME}, {"RescaleSlope": 0}, {"Modality": NAME},
        {"Modality": "SR"}, {"BitsAllocated": 32}, {"PixelData": None},
    )  # fmt: skip
    for number, tags in enumerate(wrong):
        files[f"wrong{number}.dcm"] = save_planted(render_dataset(**tags))
    odd = render_dataset()
    odd.add_new(0x00280008, "LO", NAME)  # number of frames: an error on conversion would quote the name
    files["odd.dcm"] = save_planted(odd)
    whole = files["slice0.dcm"]
    return files | {"cut.dcm": whole[:-3000], "third.dcm": whole[: len(whole) // 3]}


def write_volumes() -> dict[str, bytes]:
    """Return NIfTI volumes with canaries in header and extensions: CT, the same cut off, and MRI."""
    texts = {name: NAME.encode() for name in ("descrip", "aux_file", "db_name", "intent_name", "data_type")}
    plain = nibabel.Nifti1Image.from_bytes(write_nifti(**texts))
    for code in ("comment", "afni"):
        plain.header.extensions.append(nibabel.nifti1.Nifti1Extension(code, f"{NAME} {DATE}".encode()))
    whole = plain.to_bytes()
    bright = np.random.default_rng(0).integers(0, 900, (64, 64, 3)).astype(np.int16)
    return {"v.nii": whole, "cut.nii": whole[: len(whole) // 2], "mr.nii": write_nifti(bright, **texts)}


def write_pictures() -> dict[str, bytes]:
    """Return pictures with canaries in EXIF, XMP, color profiles, comments and tags, whole and cut off."""
    head = Image.fromarray(np.rint(255 * render_head(0.5, 128)).astype(np.uint8))
    exif = Image.Exif()
    for tag in (0x010E, 0x013B, 0x8298, 0x9286, 0x0132, 0x010F, 0x0110, 0x0131, 0xA430):
        exif[tag] = f"{NAME} {DATE}"
    exif.get_ifd(0x8825)[0x001B] = NAME.encode()  # GPS processing method
    xmp = f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><dc:creator>{NAME} {DATE}</dc:creator></x:xmpmeta>'.encode()
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes() + NAME.encode()
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Patient", f"{NAME} {DATE}")
    texts.add_text(NAME, NAME, zip=True)
    texts.add_itxt("Author", NAME, "en", NAME)
    comments = {270: NAME, 269: NAME, 285: NAME, 305: NAME, 306: DATE, 315: NAME, 316: NAME, 33432: NAME}
    options: dict[str, dict[str, Any]] = {
        "a.jpg": {"comment": NAME.encode(), "exif": exif, "xmp": xmp, "icc_profile": profile},
        "a.png": {"pnginfo": texts, "exif": exif, "icc_profile": profile},
        "a.webp": {"lossless": True, "exif": exif, "xmp": xmp, "icc_profile": profile},
        "a.tif": {"tiffinfo": comments, "icc_profile": profile},
        "a.bmp": {},
    }
    files = {}
    for name, extra in options.items():
        target = io.BytesIO()
        kind = {"jpg": "JPEG", "tif": "TIFF"}.get(name[2:], name[2:].upper())
        head.convert("RGB" if kind == "WEBP" else "L").save(target, kind, **extra)
        files[name] = target.getvalue() + NAME.encode()
    cut = {f"cut-{name}": data[: len(data) // 2] for name, data in files.items()}
    return files | cut | {"x.dcm": files["a.jpg"], "nothing.txt": f"{NAME} {DATE}".encode()}


def pack(files: Mapping[str, bytes], folder: str = NAME) -> bytes:
    """Return a zip with canaries in its folder name and in the comments of the archive and its members."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.comment = f"{NAME} {DATE}".encode()
        for name, data in files.items():
            entry = zipfile.ZipInfo(f"{folder}/{folder} {DATE}/{name}")
            entry.comment = NAME.encode()
            entry.extra = b"\x99\x99" + len(NAME).to_bytes(2, "little") + NAME.encode()
            archive.writestr(entry, data, zipfile.ZIP_DEFLATED)
    return target.getvalue()


def find_canaries(text: str | bytes, *more: str) -> list[str]:
    """Return the canaries and other words found in a text, or in bytes in UTF-8 or UTF-16."""
    words = (*CANARIES, *more)
    if isinstance(text, str):
        return [word for word in words if word.lower() in text.lower()]
    return [
        word
        for word in words
        if any(word.encode(code) in text for code in ("utf-8", "utf-16-le", "utf-16-be"))
    ]
