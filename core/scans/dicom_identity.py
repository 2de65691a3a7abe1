"""Take from a DICOM file what tells patients, studies, series and reconstructions apart, as keyed digests.

Digests of one upload can be compared with each other. Their key is discarded after the upload.
"""

from __future__ import annotations

import hashlib
import math
import re
import unicodedata
from typing import Any

from pydicom.dataset import Dataset

from core.scans.dicom_attributes import read_number, read_numbers, read_text
from core.scans.dicom_remarks import names_contrast
from core.scans.geometry import MAX_GANTRY_TILT_DEG
from core.scans.reconstructions import Trait

# Entries that say nothing about a patient.
_PLACEHOLDERS = {
    "ANON", "ANONYM", "ANONYMISED", "ANONYMIZED", "ANONYMOUS", "DEIDENTIFIED", "HIDDEN", "N/A", "NA",
    "NONAME", "NONE", "NULL", "PATIENT", "REMOVED", "UNBEKANNT", "UNKNOWN", "X", "XX", "XXX", "XXXX",
}  # fmt: skip
_TITLES = {"DR", "FRAU", "HERR", "JR", "MD", "MISS", "MR", "MRS", "MS", "PHD", "PROF", "SR"}
# Words of an image type (PS3.3, C.8.16) for slices that were computed from several others.
_COMPUTED = re.compile(
    r"MIP|MINIP|MAX_?IP|MIN_?IP|AVERAGE|AVG|MEAN|MPR|PROJECTION|REFORMATTED|SLAB|SUBTRACT|CURVED"
)


def take_identity(dataset: Dataset, key: bytes) -> dict[str, Any]:
    """Return the fields of a `Piece` that say to what the file belongs.

    Args:
        dataset: a whole file, before attributes are dropped.
        key: of the digests; the same for all files to compare.
    """

    def digest(text: str) -> str:
        return hashlib.blake2b(text.encode(), key=key, digest_size=16).hexdigest() if text else ""

    number = read_number(dataset, "InstanceNumber")
    return {
        "number": None if number is None else int(number),
        "location_mm": _read_location(dataset),
        "study": digest(read_text(dataset, "StudyInstanceUID")),
        "series": digest(read_text(dataset, "SeriesInstanceUID")),
        "patient": (
            digest(_clean_id(read_text(dataset, "PatientID"))),
            digest(re.sub(r"\D", "", read_text(dataset, "PatientBirthDate"))),
        ),
        "names": tuple(" ".join(map(digest, word)) for word in split_name(read_text(dataset, "PatientName"))),
        "traits": tuple(digest(text) for text in _read_traits(dataset).values()),
    }


def _read_location(dataset: Dataset) -> float | None:
    """Return the slice location in mm; None if it is not given.

    It is measured along the table: the planes of a tilted gantry are closer together, by the cosine.
    """
    location, tilt = read_number(dataset, "SliceLocation"), read_number(dataset, "GantryDetectorTilt") or 0.0
    if location is None or abs(tilt) > MAX_GANTRY_TILT_DEG:
        return location
    return location * math.cos(math.radians(tilt))


def split_name(name: str) -> list[tuple[str, str, str]]:
    """Return the words of a patient's name, each in three spellings; placeholders and titles are left out.

    The first spelling is without accents. The others agree where one name is written or encoded in several
    ways: the consonants of the letters that any encoding keeps, and those of the first spelling. They are ""
    for an initial.

    >>> split_name("MÜLLER^ANN^^DR") == [("MULLER", "MLLR", "MLLR"), ("ANN", "NN", "NN")]
    True
    """
    # Components: family, given and middle name, prefix, suffix. Other writings of the name follow "=".
    parts = name.upper().split("=")[0].split("^")[:3]
    words = [word for word in re.split(r"[\s,.;/_-]+", " ".join(parts)) if word]
    if "".join(words) in _PLACEHOLDERS:
        return []
    return [
        (
            _strip_accents(word) or word,
            _drop_vowels(re.sub(r"[^A-Z0-9]", "", word)),
            _drop_vowels(_strip_accents(word)),
        )
        if len(word) > 1
        else (word, "", "")
        for word in words
        if word not in _TITLES
    ]


def _strip_accents(word: str) -> str:
    return unicodedata.normalize("NFKD", word).encode("ascii", "ignore").decode()


def _drop_vowels(word: str) -> str:
    return re.sub(r"[AEIOUY]", "", word) or word


def _clean_id(text: str) -> str:
    cleaned = re.sub(r"[\s\0]", "", text).lstrip("0")
    return "" if cleaned in _PLACEHOLDERS else cleaned


def _read_traits(dataset: Dataset) -> dict[Trait, str]:
    """Return what differs between reconstructions and acquisitions, as text to compare."""

    def read(*names: str) -> str:
        return " ".join(read_text(dataset, name) for name in names).strip()

    def read_rounded(name: str) -> str:
        return " ".join(f"{value:.2g}" for value in read_numbers(dataset, name) or ())

    kind, agent = read("ImageType"), read("ContrastBolusAgent")
    found = {
        Trait.KERNEL: read("ConvolutionKernel"),
        Trait.COMPUTED: " ".join(sorted(set(_COMPUTED.findall(kind)))),
        Trait.ECHO: read("EchoNumbers", "EchoTime"),
        Trait.CONTRAST: agent if names_contrast(agent) else "",
        Trait.PHASE: read("TemporalPositionIdentifier", "NominalPercentageOfCardiacPhase"),
        Trait.DESCRIPTION: read("SeriesDescription", "ProtocolName"),
        Trait.THICKNESS: read_rounded("SliceThickness"),
        Trait.SPACING: read_rounded("PixelSpacing"),
        Trait.VOLTAGE: read("KVP"),
        Trait.SERIES: read("SeriesNumber", "SeriesTime"),
        Trait.ACQUISITION: read("AcquisitionNumber"),
        Trait.KIND: kind,
        Trait.WINDOW: read("WindowCenter", "WindowWidth"),
    }
    return {trait: found[trait] for trait in Trait}
