"""The report of scans as PDF, read back as text."""

from __future__ import annotations

from datetime import UTC, datetime
from io import BytesIO

import pytest
from PIL import Image

from core.experiments import Experiment
from core.prediction import Findings, Reader, decide_anew
from core.scan_pdf import ScanReport, write_pdf
from core.scan_reports import most_suspicious, program_version
from core.scans import Scan, Slice
from tests.builders import draw_head, write_tiny_experiment

pypdf = pytest.importorskip("pypdf", reason="pypdf is not installed")

COLORS = dict.fromkeys(("pytorch", "keras", "positive", "negative", "review", "text", "grid"), "#336699")
MADE = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)


def read_gray(experiment: Experiment, gray: float, source: str = "a.png", n_slices: int = 1) -> Findings:
    """Findings of equal slices of this mean gray."""
    scan = Scan(source, "ab" * 32, "gray", (Slice(draw_head(gray)),) * n_slices, ("The picture was turned.",))
    return Reader(experiment).read(scan)


def write(experiment: Experiment, *scans: Findings, picture: Image.Image | None = None, **options) -> bytes:
    """The report of scans, each under one and the same picture."""
    picture = picture or Image.new("L", (32, 32), 90)
    reports = [
        ScanReport(
            scan, most_suspicious(scan), picture, dict.fromkeys(experiment.frameworks, picture), **options
        )
        for scan in scans
    ]
    return write_pdf(experiment, reports, colors=COLORS, heat_bar=Image.new("RGB", (64, 4)), made=MADE)


def read_pages(pdf: bytes) -> list[str]:
    """The words of each page, every run of blanks as one."""
    return [" ".join(page.extract_text().split()) for page in pypdf.PdfReader(BytesIO(pdf)).pages]


def test_the_report_tells_what_both_networks_say(models) -> None:
    """One page holds probability, operating point, band and decision of both, doubts, and its origin."""
    experiment = write_tiny_experiment(models, calibrated=True)
    findings = read_gray(experiment, 0.9)
    (page,) = read_pages(write(experiment, findings))
    for name, title in (("pytorch", "PyTorch"), ("keras", "Keras")):
        model = findings.slices[0].models[name]
        low, high = experiment.review_band(name, threshold=model.threshold)
        needs = "yes" if model.review else "no"
        row = f"{title} {model.probability:.2f} {model.decision} from {model.threshold:.2f}"
        assert f"{row} {needs} ({low:.2f} to {high:.2f})" in page
    assert "Hemorrhage (both networks agree)" in page
    assert "The picture was turned." in page
    assert all(limit in page for limit in experiment.card["limits"])
    assert experiment.digest in page
    assert "Research and teaching. Not for diagnosis." in page
    assert f"Program {program_version()}. 2026-01-02 03:04 UTC" in page


def test_disagreement_comes_first(tiny: Experiment) -> None:
    """Where the networks disagree, the headline says who says what."""
    (scan,) = decide_anew([read_gray(tiny, 0.5)], tiny, {"pytorch": 1.0, "keras": 0.0})
    (page,) = read_pages(write(tiny, scan))
    assert "The networks disagree: PyTorch says No hemorrhage, Keras says Hemorrhage" in page


def test_each_scan_has_its_page_in_the_order_given(tiny: Experiment) -> None:
    """Three scans make three pages and one on the networks; a single scan has all on one."""
    pages = read_pages(write(tiny, *(read_gray(tiny, 0.5, f"{name}.png") for name in "cab")))
    assert 4 == len(pages)
    assert [True] * 3 == [f"{name}.png" in page for name, page in zip("cab", pages, strict=False)]
    assert "what they have never seen" in pages[3]
    assert all("Not for diagnosis" in page and tiny.digest[:16] in page for page in pages)
    assert 1 == len(read_pages(write(tiny, read_gray(tiny, 0.5))))


def test_markup_in_a_file_name_stays_text(tiny: Experiment) -> None:
    """Tags, entities and pictures in a name are printed letter by letter; signs the font lacks become "?"."""
    name = '<b>x</b> <img src="/etc/passwd"/> &amp; 日.png'
    (page,) = read_pages(write(tiny, read_gray(tiny, 0.5, name)))
    assert name.replace("日", "?") in page


def test_a_very_long_name_does_not_break_the_page(tiny: Experiment) -> None:
    """A name of 3000 characters flows over lines and pages."""
    pages = read_pages(write(tiny, read_gray(tiny, 0.5, "x" * 3000)))
    assert 3000 <= "".join(pages).count("x")


def test_nothing_of_the_file_but_its_name_is_in_the_report(tiny: Experiment) -> None:
    """What a picture carries in its information (a comment, EXIF) does not reach the document; no author."""
    picture = Image.new("L", (32, 32), 90)
    exif = picture.getexif()
    exif[0x010E] = "JANE DOE"
    picture.info |= {"comment": b"JANE DOE", "exif": exif.tobytes(), "dpi": (72, 72)}
    pdf = write(tiny, read_gray(tiny, 0.5), picture=picture)
    assert b"JANE DOE" not in pdf
    reader = pypdf.PdfReader(BytesIO(pdf))
    assert not reader.metadata.author
    images = [image for page in reader.pages for image in page.images]
    assert 2 == len(images)  # equal pictures are kept once: this one and the bar of heat
    assert all(b"JANE DOE" not in image.data for image in images)


def test_a_scan_of_several_slices_names_the_one_shown(tiny: Experiment) -> None:
    """The report says which slice is shown, and how many each network calls positive."""
    (page,) = read_pages(write(tiny, read_gray(tiny, 0.9, n_slices=3)))
    assert "Slice 1 of 3" in page
    assert "Slices called Hemorrhage: PyTorch 3, Keras 3." in page


def test_a_synthetic_scan_is_named_as_such(tiny: Experiment) -> None:
    """Only a phantom's report says that it is no person's."""
    findings = read_gray(tiny, 0.5)
    assert "Synthetic" in read_pages(write(tiny, findings, synthetic=True))[0]
    assert "Synthetic" not in read_pages(write(tiny, findings))[0]


def test_progress_is_told_scan_by_scan(tiny: Experiment) -> None:
    """`on_scan` hears the number done and the total, in order."""
    heard: list[tuple[int, int]] = []
    findings = read_gray(tiny, 0.5)
    picture = Image.new("L", (32, 32))
    report = ScanReport(findings, findings.slices[0], picture, {})
    write_pdf(
        tiny, [report] * 3, colors=COLORS, heat_bar=Image.new("RGB", (64, 4)), made=MADE,
        on_scan=lambda done, total: heard.append((done, total)),
    )  # fmt: skip
    assert [(1, 3), (2, 3), (3, 3)] == heard


def test_a_report_of_nothing_is_refused(tiny: Experiment) -> None:
    """No scan, no document."""
    with pytest.raises(ValueError, match="at least one scan"):
        write(tiny)
