"""Write a reading as DICOM: the report as an Encapsulated PDF, the heat maps as a Secondary Capture.

Each object is a new study with random UIDs and empty patient attributes. It holds no text from the scan and
no UID that refers to it (DICOM PS3.3, A.45.1 and A.8.5). The program knows nothing about the patient, so it
claims no method of de-identification.

Pixels are not cleaned: a name may be burned into a picture. "Burned In Annotation" is therefore "YES" for all
but synthetic scans, so that archives check the object before they pass it on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from io import BytesIO
from textwrap import shorten
from typing import TYPE_CHECKING

from core.frameworks import TITLES
from core.imaging import HEAT_WORDS
from core.reports.signs import draw_sign
from core.reports.tables import NOT_FOR_DIAGNOSIS, program_version
from core.reports.words import describe_turn, shorten_outcome

if TYPE_CHECKING:
    from PIL.Image import Image
    from pydicom import Dataset
    from pydicom.uid import UID

    from core.reading import SliceFinding
    from core.scans import Marks

_JPEG_QUALITY = 92
_LINE, _TEXT_SIZE = 26, 18  # pixels: height of a line of words, and of its letters
_STRIP = 3 * _LINE + 4
_SIGN = 18
_LONG_STRING = 64  # characters in a DICOM value of type LO


def write_dicom_report(
    pdf: bytes, *, title: str, made: datetime, synthetic: bool = False, mark: str = ""
) -> bytes:
    """Wrap a PDF in an Encapsulated PDF object (DICOM PS3.3, A.45.1).

    Args:
        pdf: the document, from core.reports.pdf.
        title: of the document; it must hold no text from the scan.
        made: time of the report, with its time zone.
        synthetic: whether all scans in it were made by a program, not from a person.
        mark: from `core.reports.words.name_conclusions`; it is in the title and the series description.

    Returns:
        The bytes of a DICOM file.

    Raises:
        ValueError: `pdf` is not a PDF, or `made` has no time zone.
    """
    from pydicom.uid import EncapsulatedPDFStorage, ExplicitVRLittleEndian

    if not pdf.startswith(b"%PDF-"):
        raise ValueError("these are not the bytes of a PDF")
    dataset = _start("DOC", EncapsulatedPDFStorage, made, synthetic, mark)
    dataset.AcquisitionDateTime = ""
    dataset.DocumentTitle = " ".join(part for part in (f"{title}.", mark, NOT_FOR_DIAGNOSIS) if part)
    dataset.ConceptNameCodeSequence = []
    dataset.VerificationFlag = "UNVERIFIED"
    dataset.MIMETypeOfEncapsulatedDocument = "application/pdf"
    # pydicom pads to an even length, as DICOM requires; the true length says where the document ends.
    dataset.EncapsulatedDocumentLength = len(pdf)
    dataset.EncapsulatedDocument = pdf
    return _to_bytes(dataset, ExplicitVRLittleEndian)


def write_dicom_capture(
    frames: Iterable[Image],
    *,
    made: datetime,
    synthetic: bool = False,
    mark: str = "",
    comment: str = "",
) -> bytes:
    """Put pictures into a Multi-frame True Color Secondary Capture object (DICOM PS3.3, A.8.5).

    Args:
        frames: at least one RGB picture, all of one size, from `render_capture`. They are taken one at a
            time and stored as JPEG.
        made: time of the capture, with its time zone.
        synthetic: whether the scan was made by a program, not from a person.
        mark: as for `write_dicom_report`.
        comment: on the images; it must hold no text from the scan.

    Returns:
        The bytes of a DICOM file.

    Raises:
        ValueError: there is no frame, the frames differ in size, or `made` has no time zone.
    """
    from pydicom.encaps import encapsulate
    from pydicom.tag import Tag
    from pydicom.uid import JPEGBaseline8Bit, MultiFrameTrueColorSecondaryCaptureImageStorage

    packed: list[bytes] = []
    sizes: set[tuple[int, int]] = set()
    for frame in frames:
        sizes.add(frame.size)
        target, bare = BytesIO(), frame.convert("RGB")
        bare.info.clear()  # Pillow would write a picture's comment into the JPEG
        # Color JPEG in DICOM is YBR_FULL_422: chroma at half the horizontal resolution.
        bare.save(target, "JPEG", quality=_JPEG_QUALITY, subsampling="4:2:2")
        packed.append(target.getvalue())
    if len(sizes) != 1:
        raise ValueError(f"a capture needs frames of one size; found {sorted(sizes)}")
    (width, height) = sizes.pop()
    dataset = _start("OT", MultiFrameTrueColorSecondaryCaptureImageStorage, made, synthetic, mark)
    dataset.ImageType = ["DERIVED", "SECONDARY"]
    dataset.ImageComments = f"{comment} {NOT_FOR_DIAGNOSIS}".strip()
    dataset.DerivationDescription = (
        f"Slices as framed for the networks, without and with the heat map of each network. {HEAT_WORDS}"
    )
    dataset.PatientOrientation = []
    dataset.NumberOfFrames = len(packed)
    dataset.FrameIncrementPointer = Tag("PageNumberVector")
    dataset.PageNumberVector = list(range(1, len(packed) + 1))
    dataset.SamplesPerPixel = 3
    dataset.PhotometricInterpretation = "YBR_FULL_422"
    dataset.PlanarConfiguration = 0
    dataset.Rows, dataset.Columns = height, width
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit, dataset.PixelRepresentation = 7, 0
    dataset.LossyImageCompression = "01"
    dataset.LossyImageCompressionMethod = "ISO_10918_1"
    ratio = 3 * width * height * len(packed) / sum(map(len, packed))
    dataset.LossyImageCompressionRatio = f"{ratio:.1f}"
    dataset.PixelData = encapsulate(packed)
    dataset["PixelData"].VR = "OB"
    return _to_bytes(dataset, JPEGBaseline8Bit)


def render_capture(
    finding: SliceFinding,
    n_slices: int,
    picture: Image,
    overlays: Mapping[str, Image],
    marks: Marks | None = None,
    words: str = "",
) -> Image:
    """Render a slice next to its heat maps, above its outcome, each network's result and the disclaimer.

    Args:
        finding: on the slice.
        n_slices: number of slices in its scan.
        picture: the slice, gray.
        overlays: framework -> the same picture, of the same size, with the network's heat map.
        marks: orientation marks at the left, right, top and bottom of the picture, if known.
        words: on the whole scan: its outcome, and whose calibration and thresholds decided.

    Returns:
        An RGB picture: the pictures side by side above a strip of text.
    """
    from PIL import Image, ImageDraw, ImageFont

    width, height = picture.size
    notes = [shorten_outcome(finding.outcome).lower()]
    notes += [] if finding.gate.brain_visible else ["no brain visible"]
    notes += [] if finding.gate.outcome != "refuse" else ["does not look like a head CT"]
    notes += [describe_turn(finding.turned)] if finding.turned else []
    captions: list[tuple[str, str]] = [
        (finding.outcome, f"Slice {finding.index + 1} of {n_slices}: {', '.join(notes)}")
    ]
    for name in overlays:
        model = finding.models[name]
        text = f"{TITLES[name]} {model.probability:.2f}"
        if finding.outcome == "not_judged":
            captions.append(("", text))
        else:
            captions.append((model.outcome, f"{text}, {shorten_outcome(model.outcome).lower()}"))
    image = Image.new("RGB", (width * (1 + len(overlays)), height + _STRIP))
    pen, font = ImageDraw.Draw(image), ImageFont.load_default(_TEXT_SIZE)
    for column, (panel, (outcome, text)) in enumerate(
        zip([picture, *overlays.values()], captions, strict=True)
    ):
        left = column * width + 6
        image.paste(panel, (column * width, 0))
        if outcome:
            draw_sign(pen, outcome, (left, height + 5), _SIGN, font)
        pen.text((left + _SIGN + 6, height + 4), text, fill="white", font=font)
    second = height + 4 + _LINE
    pen.text((6, second), NOT_FOR_DIAGNOSIS, fill="white", font=font)
    text = f"Left of each image: {marks[0]}, top: {marks[2]}" if marks else "Left and right are unknown"
    pen.text((width + 6, second), text, fill="white", font=font)
    pen.text((6, second + _LINE), words, fill="white", font=font)
    return image


def _start(modality: str, kind: UID, made: datetime, synthetic: bool, mark: str) -> Dataset:
    """Return a data set with the common parts of both objects: empty patient, new UIDs, disclaimer."""
    from pydicom import Dataset
    from pydicom.uid import generate_uid

    if made.utcoffset() is None:
        raise ValueError("`made` has no time zone")
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.SOPClassUID = kind
    # Without a prefix pydicom makes UIDs from random UUIDs, which say nothing about this machine.
    for uid in ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"):
        setattr(dataset, uid, generate_uid(prefix=None))
    for unknown in (
        "PatientName", "PatientID", "PatientBirthDate", "PatientSex",
        "ReferringPhysicianName", "StudyID", "AccessionNumber",
    ):  # fmt: skip
        setattr(dataset, unknown, "")
    for day in ("InstanceCreationDate", "StudyDate", "ContentDate"):
        setattr(dataset, day, f"{made:%Y%m%d}")
    for time in ("InstanceCreationTime", "StudyTime", "ContentTime"):
        setattr(dataset, time, f"{made:%H%M%S}")
    dataset.TimezoneOffsetFromUTC = f"{made:%z}"
    dataset.StudyDescription = NOT_FOR_DIAGNOSIS
    dataset.SeriesDescription = _describe_series(mark)
    dataset.ContentQualification = "RESEARCH"
    dataset.Modality = modality
    dataset.SeriesNumber = dataset.InstanceNumber = 1
    dataset.ConversionType = "SYN" if synthetic else "WSD"
    dataset.BurnedInAnnotation = "NO" if synthetic else "YES"
    dataset.Manufacturer = "stroke-ct"
    dataset.SoftwareVersions = program_version()
    return dataset


def _describe_series(mark: str) -> str:
    """Return a mark with as much of the disclaimer as fits; the study's description has it in any case."""
    words = f"{mark} Not for diagnosis." if mark else NOT_FOR_DIAGNOSIS
    return words if len(words) <= _LONG_STRING else shorten(mark, _LONG_STRING, placeholder=" ...")


def _to_bytes(dataset: Dataset, syntax: UID) -> bytes:
    from pydicom.dataset import FileMetaDataset

    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    target = BytesIO()
    dataset.save_as(target, enforce_file_format=True)
    return target.getvalue()
