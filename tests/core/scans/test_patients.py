"""One patient in several spellings, and two patients."""

from __future__ import annotations

import pytest

from core.scans.patients import SPELLED_TWICE
from tests.scan_files import render_hu, sort_files, write_dicom

_UTF, _LATIN = {"SpecificCharacterSet": "ISO_IR 192"}, {"SpecificCharacterSet": "ISO_IR 100"}


def sort_two(one: dict[str, str], other: dict[str, str]) -> list[str]:
    """Return what becomes of two slices with these tags: a code, or "one" and "spelled" if that is said."""
    files = [write_dicom(render_hu(i), z=5.0 * i, InstanceNumber=i, **t) for i, t in enumerate((one, other))]
    found = []
    for outcome in sort_files(*files):
        if hasattr(outcome, "error"):
            return [outcome.error.code]
        found = [f"{len(outcome.slices)} slices", *(["spelled"] if SPELLED_TWICE in outcome.warnings else [])]
    return found


@pytest.mark.parametrize(
    ("one", "other", "said"),
    [
        ("DOE^JANE", "Doe^Jane^^Dr", False),
        ("DOE^JANE", "Doe^Jane^^^Jr", False),
        ("DOE^JANE", "Doe, Jane", False),
        ("DOE^JANE^ANN", "Doe^Jane", True),
        ("DOE^JANE^ANN", "Doe^Jane^A", True),
        ("Yamada^Tarou", "Yamada^Tarou=山田^太郎", False),
        ("Müller^Jörg", "Mueller^Joerg", True),
        ("Weiss^Ana", "Weiß^Ana", False),
        ("", "DOE^JANE", False),
        ("ANONYMOUS", "DOE^JANE", False),
    ],
)
def test_one_patient_in_two_spellings(one: str, other: str, said: bool) -> None:
    """With one id, names that agree but for case, titles, middle names or encoding are one patient."""
    found = sort_two({"PatientName": one, **_UTF}, {"PatientName": other, **_UTF})
    assert ["2 slices", *(["spelled"] if said else [])] == found


def test_one_patient_in_two_encodings() -> None:
    """A name whose character set is given wrongly is the same name."""
    files = [write_dicom(render_hu(i), z=5.0 * i, PatientName="Müller^Jörg", **_UTF) for i in range(2)]
    wrong = files[1].replace(b"ISO_IR 192", b"ISO_IR 100")
    (scan,) = sort_files(files[0], wrong)
    assert 2 == len(scan.slices)


@pytest.mark.parametrize(
    ("one", "other"), [("7", "0007"), ("7", " 7 "), ("12 34", "1234"), ("7", ""), ("7", "0")]
)
def test_one_id_in_two_spellings(one: str, other: str) -> None:
    """Blanks and leading zeros make no second patient."""
    assert ["2 slices"] == sort_two({"PatientID": one}, {"PatientID": other})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"PatientID": "7"}, {"PatientID": "8"}),
        ({"PatientName": "DOE^JANE"}, {"PatientName": "SMITH^JANE"}),
        ({"PatientName": "DOE^JANE"}, {"PatientName": "DOE^MARK"}),
        ({"PatientName": "DOE^JANE", "PatientID": ""}, {"PatientName": "DOE^JEAN", "PatientID": ""}),
        ({"PatientBirthDate": "19700101"}, {"PatientBirthDate": "19700102"}),
    ],
)
def test_two_patients(one: dict[str, str], other: dict[str, str]) -> None:
    """Another id, name or birth date is another patient; without an id names must agree in each letter."""
    assert ["two_patients"] == sort_two(one, other)
