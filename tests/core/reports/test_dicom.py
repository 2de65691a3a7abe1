"""DICOM objects written from a reading, read back with pydicom."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO

import numpy as np
import pydicom
import pytest
from PIL import Image, ImageColor, ImageDraw, ImageFont, JpegImagePlugin
from pydicom import Dataset

from core.experiments import Experiment
from core.gate.appearance import GateFinding
from core.reading import OUTCOMES
from core.reading.findings import Findings
from core.reading.outcome import Conclusion
from core.reading.reader import Reader
from core.reports.dicom import render_capture, write_dicom_capture, write_dicom_report
from core.reports.signs import ON_BLACK, SIGNS, draw_sign
from core.reports.tables import NOT_FOR_DIAGNOSIS
from core.reports.words import name_conclusions, shorten_outcome
from core.scans import Scan, Slice

PDF = b"%PDF-1.4 a document"  # of odd length
MADE = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
MARK = "Research and teaching. Not for diagnosis."
UIDS = ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")
# Of type 1 and 2 in the modules of PS3.3 that both objects have: there, if with no value.
KNOWN = {"SOPClassUID", *UIDS, "Modality", "ConversionType", "BurnedInAnnotation", "InstanceNumber"}
UNKNOWN = {
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "ReferringPhysicianName", "StudyID",
    "AccessionNumber",
}  # fmt: skip


def report(**options) -> bytes:
    """A report of the words "a document"."""
    return write_dicom_report(PDF, title="Reading report", made=MADE, **options)


def capture(*grays: int, **options) -> bytes:
    """A capture of even gray frames, 48 wide and 32 high."""
    frames = (Image.new("RGB", (48, 32), (gray,) * 3) for gray in grays or (10, 200))
    return write_dicom_capture(frames, made=MADE, **options)


def read(data: bytes) -> Dataset:
    """Read the object; a value that its VR does not allow is an error."""
    settings = pydicom.config.settings
    before, settings.reading_validation_mode = settings.reading_validation_mode, pydicom.config.RAISE
    try:
        dataset = pydicom.dcmread(BytesIO(data))
        list(dataset.iterall())  # elements are looked at when they are asked for
    finally:
        settings.reading_validation_mode = before
    return dataset


def read_slices(experiment: Experiment, source: str = "a.png") -> Findings:
    """Findings of a dark and a bright slice; both come with a warning."""
    slices = []
    for gray in (0.1, 0.9):
        pixels = np.full((64, 64), gray, dtype=np.float32)
        pixels[:4] = 0
        slices.append(Slice(pixels))
    scan = Scan(source, "ab" * 32, "gray", tuple(slices), ("The picture was turned.",))
    return Reader(experiment).read(scan, override_gate=True)


def draw(experiment: Experiment, findings: Findings) -> list[Image.Image]:
    """Each slice captured between a gray and two red pictures of 256 pixels."""
    gray, red = Image.new("L", (256, 256), 90), Image.new("RGB", (256, 256), (200, 0, 0))
    overlays = dict.fromkeys(experiment.frameworks, red)
    return [render_capture(finding, len(findings.slices), gray, overlays) for finding in findings.slices]


def test_the_report_holds_the_pdf_byte_by_byte() -> None:
    """A PDF of odd length is padded for DICOM, and its true length is given."""
    dataset = read(report())
    assert (
        pydicom.uid.EncapsulatedPDFStorage == dataset.SOPClassUID == dataset.file_meta.MediaStorageSOPClassUID
    )
    assert ("DOC", "application/pdf") == (dataset.Modality, dataset.MIMETypeOfEncapsulatedDocument)
    assert (PDF + b"\0", len(PDF)) == (dataset.EncapsulatedDocument, dataset.EncapsulatedDocumentLength)
    assert "UNVERIFIED" == dataset.VerificationFlag


def test_the_capture_holds_the_pictures() -> None:
    """Three frames come back in their order, of their size and, within JPEG's loss, of their gray."""
    dataset = read(capture(10, 200, 90))
    pixels = dataset.pixel_array
    assert (3, 32, 48, 3) == pixels.shape
    assert [10, 200, 90] == pytest.approx(pixels.mean(axis=(1, 2, 3)), abs=2)
    assert [1, 2, 3] == list(dataset.PageNumberVector)
    assert pydicom.tag.Tag("PageNumberVector") == dataset.FrameIncrementPointer
    assert ("OT", "01", ["DERIVED", "SECONDARY"]) == (
        dataset.Modality, dataset.LossyImageCompression, list(dataset.ImageType),
    )  # fmt: skip


def test_the_jpeg_is_packed_as_the_header_says() -> None:
    """The JPEG has chroma at half the horizontal and at full vertical resolution, as in YBR_FULL_422."""
    dataset = read(capture())
    frame = pydicom.encaps.get_frame(dataset.PixelData, 0, number_of_frames=2)
    half_along_a_row = 1  # Pillow's number for it
    assert "YBR_FULL_422" == dataset.PhotometricInterpretation
    assert half_along_a_row == JpegImagePlugin.get_sampling(Image.open(BytesIO(frame)))


def test_a_capture_of_one_frame_can_be_read() -> None:
    """A scan of one slice makes an object of one frame."""
    dataset = read(capture(77))
    assert (1, (32, 48, 3)) == (dataset.NumberOfFrames, dataset.pixel_array.shape)


def test_gdcm_reads_the_capture_as_pydicom_does() -> None:
    """A second decoder finds the colors that were written."""
    red = Image.new("RGB", (48, 32), (200, 30, 30))
    dataset = read(write_dicom_capture([red], made=MADE))
    for plugin in ("gdcm", "pillow"):
        pixels = pydicom.pixels.pixel_array(dataset, decoding_plugin=plugin)
        assert [200, 30, 30] == pytest.approx(pixels.mean(axis=(0, 1)), abs=3), plugin


@pytest.mark.parametrize("made", [report, capture])
def test_the_object_is_marked_as_not_for_diagnosis(made) -> None:
    """The disclaimer is in the description of study and series, and in the title of a report."""
    dataset = read(made())
    assert (MARK, MARK) == (dataset.StudyDescription, dataset.SeriesDescription)
    assert "RESEARCH" == dataset.ContentQualification
    assert f"Reading report. {MARK}" == dataset.get("DocumentTitle", f"Reading report. {MARK}")


@pytest.mark.parametrize("made", [report, capture])
def test_the_patient_is_empty_and_nothing_is_claimed(made) -> None:
    """Required attributes exist, those of the patient empty; no method of de-identification is named."""
    dataset = read(made())
    assert set() == {name for name in KNOWN if not dataset.get(name)}
    assert set() == {name for name in UNKNOWN if name not in dataset or dataset.get(name)}
    assert "PatientIdentityRemoved" not in dataset
    assert "DeidentificationMethod" not in dataset


@pytest.mark.parametrize("made", [report, capture])
def test_only_a_synthetic_scan_is_said_to_hold_no_burnt_in_names(made) -> None:
    """Pixels from outside may show a name; those of a synthetic scan do not."""
    objects = [read(made(synthetic=synthetic)) for synthetic in (False, True)]
    assert [("YES", "WSD"), ("NO", "SYN")] == [(d.BurnedInAnnotation, d.ConversionType) for d in objects]


@pytest.mark.parametrize("made", [report, capture])
def test_two_exports_share_no_uid(made) -> None:
    """The six UIDs of two exports of one reading all differ."""
    uids = [getattr(read(made()), name) for name in UIDS for _ in range(2)]
    assert 6 == len(set(uids))
    assert all(uid.startswith("2.25.") and uid.is_valid for uid in uids)


@pytest.mark.parametrize("made", [report, capture])
def test_the_dates_are_those_of_the_export(made) -> None:
    """Study, content and creation have the day and time given, with its offset from UTC."""
    dataset = read(made())
    for name in ("Study", "Content", "InstanceCreation"):
        assert ("20260102", "030405") == (dataset[f"{name}Date"].value, dataset[f"{name}Time"].value)
    assert "+0000" == dataset.TimezoneOffsetFromUTC


def test_nothing_of_the_input_is_in_a_text(tiny: Experiment) -> None:
    """Neither the scan's file name nor its hash nor its picture's comment is anywhere in the capture."""
    findings = read_slices(tiny, "JANE^DOE.png")
    frames = draw(tiny, findings)
    for frame in frames:
        frame.info["comment"] = b"JANE^DOE"
    data = write_dicom_capture(frames, made=MADE)
    assert b"JANE" not in data
    assert findings.sha256.encode() not in data


def test_a_frame_shows_the_slice_the_heat_maps_and_words(tiny: Experiment) -> None:
    """The pictures are side by side above a strip with white words in each column and the disclaimer."""
    frame = np.asarray(draw(tiny, read_slices(tiny))[0])
    assert (256 + 82, 3 * 256, 3) == frame.shape
    assert [90, 90, 90] == frame[128, 128].tolist()
    assert [[200, 0, 0]] * 2 == [frame[128, 256 * column + 128].tolist() for column in (1, 2)]
    first, second = frame[256:284], frame[284:]
    assert [True] * 3 == [first[:, 256 * n : 256 * (n + 1)].max() > 200 for n in range(3)]
    assert second.max() > 200


def test_a_frame_says_what_decided(tiny: Experiment) -> None:
    """The last line of the strip differs between the card and a site, and is empty without a sentence."""
    finding = read_slices(tiny).slices[0]
    gray = Image.new("L", (512, 512), 90)
    overlays = dict.fromkeys(tiny.frameworks, gray)
    frames = [
        np.asarray(render_capture(finding, 2, gray, overlays, words=text))[566:]
        for text in ("", "Decided by the card.", "Decided by a site.")
    ]
    assert [0, 255, 255] == [frame.max() for frame in frames]
    assert 3 == len({frame.tobytes() for frame in frames})


def test_the_words_tell_one_slice_from_another(tiny: Experiment) -> None:
    """The strip depends on slice number, outcome and probability, and on nothing else."""
    findings = read_slices(tiny)
    slices = tuple(replace(piece, gate=GateFinding("read"), unfit=()) for piece in findings.slices)
    findings = replace(findings, slices=slices)
    one, two = (np.asarray(frame)[256:] for frame in draw(tiny, findings))
    assert not np.array_equal(one[:28, :256], two[:28, :256])
    assert not np.array_equal(one[:28, 256:512], two[:28, 256:512])
    assert np.array_equal(one[28:], two[28:])
    model = slices[0].models["pytorch"]
    near = (model.probability - 0.1, model.probability + 0.1)
    models = slices[0].models | {"pytorch": replace(model, band=near)}
    changed = replace(findings, slices=(replace(slices[0], models=models), slices[1]))
    again = np.asarray(draw(tiny, changed)[0])[256:]
    assert not np.array_equal(one[:28, :256], again[:28, :256])
    assert not np.array_equal(one[:28, 256:512], again[:28, 256:512])
    assert np.array_equal(one[:, 512:], again[:, 512:])


def test_the_sides_of_the_patient_are_written(tiny: Experiment) -> None:
    """Orientation marks are written below the second picture, or that left and right are unknown."""
    finding = read_slices(tiny).slices[0]
    gray = Image.new("L", (512, 512), 90)
    overlays = dict.fromkeys(tiny.frameworks, gray)
    known = (None, ("R", "L", "A", "P"), ("L", "R", "A", "P"))
    frames = [np.asarray(render_capture(finding, 2, gray, overlays, marks))[540:] for marks in known]
    assert [255, 255, 255] == [frame[:, 512:].max() for frame in frames]
    assert 3 == len({frame.tobytes() for frame in frames})


def test_what_the_gate_refused_is_marked_on_its_frame(tiny: Experiment) -> None:
    """A slice that was read, one without brain, one refused and one turned have different captions."""
    findings = read_slices(tiny)
    gray = Image.new("L", (512, 512), 90)
    overlays = dict.fromkeys(tiny.frameworks, gray)
    gates = (GateFinding("read"), GateFinding("read", (), False), GateFinding("refuse", ("No bone.",), False))
    slices = [replace(findings.slices[0], gate=gate) for gate in gates]
    slices.append(replace(slices[0], turned=90))
    frames = [np.asarray(render_capture(one, 2, gray, overlays))[512:540, :512] for one in slices]
    assert 4 == len({frame.tobytes() for frame in frames})


def test_what_is_no_pdf_is_refused() -> None:
    """A picture is not wrapped as a PDF."""
    with pytest.raises(ValueError, match="not the bytes of a PDF"):
        write_dicom_report(b"\x89PNG", title="Reading report", made=MADE)


def test_a_time_without_its_zone_is_refused() -> None:
    """A time without a time zone is refused, as it might be local time."""
    with pytest.raises(ValueError, match="time zone"):
        write_dicom_report(PDF, title="Reading report", made=MADE.replace(tzinfo=None))


def test_frames_of_no_or_of_two_sizes_are_refused() -> None:
    """A capture has at least one frame, and all are of one size."""
    with pytest.raises(ValueError, match="one size"):
        write_dicom_capture([], made=MADE)
    with pytest.raises(ValueError, match="one size"):
        write_dicom_capture([Image.new("RGB", (8, 8)), Image.new("RGB", (8, 9))], made=MADE)


@pytest.mark.parametrize("mark", ["", "Uncertain.", "Not flagged. Study incomplete."])
def test_a_mark_stands_in_title_and_description(mark: str) -> None:
    """Both objects give the outcome in the description of the series, which fits into 64 characters."""
    expected = f"{mark} Not for diagnosis." if mark else NOT_FOR_DIAGNOSIS
    for data in (report(mark=mark), capture(1, mark=mark)):
        dataset = read(data)
        assert (expected, NOT_FOR_DIAGNOSIS) == (dataset.SeriesDescription, dataset.StudyDescription)
        assert len(expected) <= 64
    title = " ".join(f"Reading report. {mark} {NOT_FOR_DIAGNOSIS}".split())
    assert title == read(report(mark=mark)).DocumentTitle


def test_the_mark_of_two_findings_fits(panel: list[Experiment]) -> None:
    """It names what each finding ends as; of two alike, the outcome once."""
    part = read_slices(panel[0])
    for outcomes in itertools.product(OUTCOMES, OUTCOMES):
        parts = []
        for outcome in outcomes:
            one = replace(part)
            object.__setattr__(one, "conclusion", Conclusion(outcome, (), ("Slices are missing.",)))
            parts.append(one)
        mark = name_conclusions(panel, tuple(parts))
        words = [shorten_outcome(outcome).lower() for outcome in outcomes]
        alike = f"Hemorrhage and ischemia {words[0]}. Incomplete."
        each = f"Hemorrhage {words[0]}. Ischemia {words[1]}. Incomplete."
        assert (alike if words[0] == words[1] else each) == mark
        assert read(report(mark=mark)).SeriesDescription in (mark, f"{mark} Not for diagnosis.")


def test_a_capture_says_the_outcome_and_its_reasons() -> None:
    """They are in the comments on the images, before the disclaimer."""
    words = "Uncertain: please review. The networks disagree."
    assert f"{words} {NOT_FOR_DIAGNOSIS}" == read(capture(1, comment=words)).ImageComments


@pytest.mark.parametrize("outcome", [*OUTCOMES, "incomplete"])
def test_each_outcome_has_a_sign_of_its_own_color(outcome: str) -> None:
    """The sign is drawn in its color on black; no two signs look alike."""
    pictures = {name: render_sign(name) for name in SIGNS}
    color = ImageColor.getrgb(ON_BLACK[SIGNS[outcome].color])
    assert color in {pixel for _, pixel in pictures[outcome].getcolors(4000)}
    shapes = {name: np.asarray(picture).any(axis=2).tobytes() for name, picture in pictures.items()}
    assert len(SIGNS) == len(set(shapes.values()))


def render_sign(outcome: str) -> Image.Image:
    """The sign of an outcome, 40 pixels wide, on black."""
    picture = Image.new("RGB", (40, 40))
    draw_sign(ImageDraw.Draw(picture), outcome, (0, 0), 40, ImageFont.load_default(24))
    return picture
