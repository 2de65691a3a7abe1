"""The PDF report, read back as text."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO

import numpy as np
import pytest
from reportlab.graphics.shapes import Circle, PolyLine, Rect
from reportlab.lib.colors import HexColor

from core.experiments import Experiment
from core.gate.appearance import GateFinding
from core.reading import OUTCOMES
from core.reading.findings import Findings
from core.reading.reader import Reader
from core.reading.redecision import apply_operating_points
from core.reading.verdict import RULE, make_study_rules, reach_verdicts
from core.reports.pdf import ScanReport, write_pdf
from core.reports.pdf_drawings import plot_curve
from core.reports.pdf_parts import COLORS, LOOKS
from core.reports.signs import SIGNS
from core.reports.tables import NOT_FOR_DIAGNOSIS, program_version
from core.reports.words import describe_worth
from core.scans import Scan, Slice, Technical
from core.validation import count_flags
from tests.builders import render_head, write_tiny_experiment, write_tiny_validation

pypdf = pytest.importorskip("pypdf", reason="pypdf is not installed")

pytestmark = pytest.mark.usefixtures("open_gate")
MADE = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)


def read_gray(experiment: Experiment, gray: float, source: str = "a.png") -> Findings:
    """Findings of one slice of this mean gray."""
    scan = Scan(source, "ab" * 32, "gray", (Slice(render_head(gray)),), ("The picture was turned.",))
    return Reader(experiment).read(scan)


def read_study(experiment: Experiment, n_slices: int = 5) -> Findings:
    """Findings of ever brighter slices, 5 mm apart; the first shows no brain."""
    grays = np.linspace(0.5, 0.9, n_slices)
    slices = tuple(Slice(render_head(gray), 5.0 * index) for index, gray in enumerate(grays))
    technical = Technical("CT", (0.5, 0.4), 5.0, ("R", "L", "A", "P"), None, 12.0)
    scan = Scan("a", "ab" * 32, "gray", slices, (), technical)
    findings = Reader(experiment).read(scan)
    gates = [GateFinding("read", (), index > 0) for index in range(n_slices)]
    pieces = tuple(replace(finding, gate=gate) for finding, gate in zip(findings.slices, gates, strict=True))
    votes = [piece.is_counted for piece in pieces]
    probabilities = {n: [p.models[n].probability for p in pieces] for n in experiment.frameworks}
    verdicts = reach_verdicts(probabilities, votes, make_study_rules(experiment))
    return replace(findings, slices=pieces, verdicts=verdicts)


def write(experiment: Experiment, *scans: Findings, **options) -> bytes:
    """The report of scans, each slice an even gray picture."""
    reports = [
        ScanReport((scan,), lambda index: np.full((32, 32), 90, np.uint8), **options) for scan in scans
    ]
    return write_pdf([experiment], reports, made=MADE)


def read_pages(pdf: bytes) -> list[str]:
    """The words of each page, every run of blanks as one."""
    return [" ".join(page.extract_text().split()) for page in pypdf.PdfReader(BytesIO(pdf)).pages]


def test_the_report_tells_what_both_networks_say(models) -> None:
    """One page holds outcome, probability, threshold and band of both, warnings, and its origin."""
    experiment = write_tiny_experiment(models, calibrated=True)
    findings = read_gray(experiment, 0.9)
    (page,) = read_pages(write(experiment, findings))
    for name, title in (("pytorch", "PyTorch"), ("keras", "Keras")):
        model = findings.slices[0].models[name]
        low, high = experiment.review_band(name, threshold=model.threshold)
        row = f"{title} {model.probability:.2f} Flagged {model.threshold:.2f} {low:.2f} to {high:.2f}"
        assert row in page
    assert "Flagged: possible hemorrhage Both networks agree. They share the training data" in page
    assert "The picture was turned." in page
    assert all(limit in page for limit in experiment.card["limits"])
    assert experiment.digest in page
    assert "Research and teaching. Not for diagnosis." in page
    assert f"Program {program_version()}. 2026-01-02 03:04 UTC" in page


def test_disagreement_is_an_unsure_headline(tiny: Experiment) -> None:
    """If the networks disagree, the headline asks for review, and the reason follows."""
    (scan,) = apply_operating_points([read_gray(tiny, 0.5)], tiny, {"pytorch": 1.0, "keras": 0.0})
    (page,) = read_pages(write(tiny, scan))
    assert "Uncertain: please review The networks disagree: Keras flagged it, PyTorch did not." in page
    assert "agree." not in page


def test_what_was_not_judged_has_reasons_and_no_score(tiny: Experiment) -> None:
    """The headline says so, the reason follows; no row holds a score, and nothing is said of flags."""
    write_tiny_validation(tiny)
    for findings in (read_gray(tiny, 0.9), read_study(tiny)):
        barred = replace(findings, unfit=("The planes are not axial.",))
        first, *_ = read_pages(write(tiny, barred))
        assert "Not judged" in first
        assert "The planes are not axial." in first
        assert "Network Score" not in first
        assert "Network Probability" not in first
        assert "elsewhere" not in first


def test_each_scan_has_its_page_in_the_order_given(tiny: Experiment) -> None:
    """Three scans make three pages and one on the networks; a single scan has all on one."""
    pages = read_pages(write(tiny, *(read_gray(tiny, 0.5, f"{name}.png") for name in "cab")))
    assert 4 == len(pages)
    assert [True] * 3 == [f"{name}.png" in page for name, page in zip("cab", pages, strict=False)]
    assert "Limits" in pages[3]
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


def test_no_author_is_named(tiny: Experiment) -> None:
    """The document's metadata name the program and the disclaimer, and no person."""
    metadata = pypdf.PdfReader(BytesIO(write(tiny, read_gray(tiny, 0.5)))).metadata
    assert not metadata.author
    assert {"Reading report", NOT_FOR_DIAGNOSIS, f"stroke-ct {program_version()}"} < set(metadata.values())


def test_a_study_tells_its_verdict_by_its_rule(tiny: Experiment) -> None:
    """Score, outcome and threshold of both networks, the rule, and the number of counted slices."""
    findings = read_study(tiny)
    first, *_ = read_pages(write(tiny, findings))
    assert "Flagged: possible hemorrhage" in first
    assert "Both networks agree." in first
    for name, title in (("pytorch", "PyTorch"), ("keras", "Keras")):
        verdict = findings.verdicts[name]
        assert f"{title} {verdict.score:.2f} Flagged {verdict.threshold:.2f} none" in first
    assert f"The score of a study is {RULE}; 4 of 5 slices count here." in first
    assert "5 slices, pixel size 0.50 x 0.40 mm, slice spacing 5.00 mm (median), gantry tilt 12.0°" in first
    assert "No brain visible: not counted (slice 1)." in first


def test_a_study_lists_and_shows_its_key_slices(tiny: Experiment) -> None:
    """The four counted slices, the highest probability first, are rows of a table and then pictures."""
    findings = read_study(tiny)
    pdf = write(tiny, findings)
    first, second, _ = read_pages(pdf)
    key_slices = findings.verdicts["pytorch"].key_slices
    assert (4, 3, 2, 1) == key_slices == findings.verdicts["keras"].key_slices
    for place, index in enumerate(key_slices, start=1):
        finding = findings.slices[index]
        row = f"{index + 1} {finding.position_mm:.1f} mm Flagged {finding.models['pytorch'].probability:.2f}"
        assert row in first
        assert f"PyTorch {place}, Keras {place}" in first
    shown = [second.index(f"Slice {index + 1}, position {5 * index:.1f} mm") for index in key_slices]
    assert sorted(shown) == shown
    assert "In each image, R is on the left and A at the top." in second
    unknown = read_pages(write(tiny, replace(findings, technical=Technical())))[1]
    assert [False, True] == ["Left and right are unknown." in page for page in (second, unknown)]


def test_the_curve_has_a_mark_for_each_slice() -> None:
    """PyTorch is a solid line with circles, Keras a dashed one with squares; not counted is hollow."""
    outcomes = ["not_judged"] * 3  # cells that are lines
    drawn = plot_curve({"pytorch": [0, 0.5, 1], "keras": [1, 1, 0]}, [False, True, True], [1], 300, outcomes)
    solid, dashed = (shape for shape in drawn.contents if isinstance(shape, PolyLine))
    assert (None, [4, 2]) == (solid.strokeDashArray, dashed.strokeDashArray)
    circles, squares = ([s for s in drawn.contents if isinstance(s, kind)] for kind in (Circle, Rect))
    for marks, color in ((circles, LOOKS["pytorch"].color), (squares, LOOKS["keras"].color)):
        filled = [mark.fillColor == HexColor(color) for mark in marks]
        assert [False, True, True, True] == filled  # the last stands in the legend
        assert {HexColor(color)} == {mark.strokeColor for mark in marks}
    heights = [circle.cy for circle in circles[:3]]
    assert heights[1] == (heights[0] + heights[2]) / 2


def test_the_curve_has_a_cell_for_each_outcome() -> None:
    """Below the curve, flagged is filled, not flagged hollow, uncertain crossed, not judged a line."""
    rows = {}
    for outcome in OUTCOMES:
        drawn = plot_curve({}, [True], [], 300, [outcome])
        color = HexColor(COLORS[SIGNS[outcome].color])
        shapes = [shape for shape in drawn.contents if getattr(shape, "strokeColor", None) == color]
        filled = any(getattr(shape, "fillColor", None) == color for shape in shapes)
        rows[outcome] = ([type(shape).__name__ for shape in shapes], filled)
    assert {
        "flagged": (["Rect"], True),
        "not_flagged": (["Rect"], False),
        "uncertain": (["Rect", "Line", "Line"], False),
        "not_judged": (["Line"], False),
    } == rows


@pytest.mark.parametrize(("visible", "reason"), [(False, "shows no brain"), (True, "validation patients")])
def test_a_study_without_a_verdict_says_why(tiny: Experiment, visible: bool, reason: str) -> None:
    """Without brain or a rule for studies nothing is judged; the strongest slice is still shown."""
    findings = read_study(tiny)
    gate = GateFinding("read", (), visible)
    slices = tuple(replace(finding, gate=gate) for finding in findings.slices)
    first, second = read_pages(write(tiny, replace(findings, slices=slices, verdicts={})))
    assert "Not judged" in first
    assert reason in first
    assert "Slice 5, position 20.0 mm" in second


def test_a_study_of_300_slices_has_three_pages(tiny: Experiment) -> None:
    """Curve, table and warnings do not grow with the number of slices; the limits come last."""
    pages = read_pages(write(tiny, read_study(tiny, n_slices=300)))
    assert [False, False, True] == ["Limits" in page for page in pages]


def test_a_synthetic_scan_is_named_as_such(tiny: Experiment) -> None:
    """Only the report of a phantom says that it is not a scan of a person."""
    findings = read_gray(tiny, 0.5)
    assert "Synthetic" in read_pages(write(tiny, findings, synthetic=True))[0]
    assert "Synthetic" not in read_pages(write(tiny, findings))[0]


def test_a_report_has_a_section_for_each_finding(panel: list[Experiment]) -> None:
    """Both conclusions stand on the first page; each study has its own scores, slices and limits."""
    for n_slices, n_pages in ((1, 2), (5, 5)):
        parts = tuple(read_study(one, n_slices) if n_slices > 1 else read_gray(one, 0.9) for one in panel)
        report = ScanReport(parts, lambda index: np.full((32, 32), 90, np.uint8))
        pages = read_pages(write_pdf(panel, [report], made=MADE))
        assert n_pages == len(pages)
        for experiment in panel:
            assert f"{experiment.finding.capitalize()}: flagged" in pages[0]
            (limits,) = [page for page in pages if f"Limits: {experiment.finding}" in page]
            assert f"look for {experiment.finding} alone; those of" in limits
            assert all(f"Experiment {experiment.name}, {experiment.digest[:16]}" in page for page in pages)


def test_progress_is_reported_scan_by_scan(tiny: Experiment) -> None:
    """`on_scan` is called with the number done and the total, in order."""
    heard: list[tuple[int, int]] = []
    findings = read_gray(tiny, 0.5)
    report = ScanReport((findings,), lambda index: np.zeros((32, 32), np.uint8))
    write_pdf([tiny], [report] * 3, made=MADE, on_scan=lambda done, total: heard.append((done, total)))
    assert [(1, 3), (2, 3), (3, 3)] == heard


def test_a_report_of_nothing_is_refused(tiny: Experiment) -> None:
    """A report without a scan is refused."""
    with pytest.raises(ValueError, match="at least one scan"):
        write(tiny)


def test_data_from_elsewhere_stand_beside_the_verdict(tiny: Experiment) -> None:
    """The report says how often such an outcome was right elsewhere, unless a site calibration decided."""
    findings = read_gray(tiny, 0.9)
    assert "elsewhere" not in "".join(read_pages(write(tiny, findings)))
    write_tiny_validation(tiny)
    assert describe_worth(tiny, findings, count_flags(tiny)) in "".join(read_pages(write(tiny, findings)))
    of_site = replace(findings, decided_by="north")
    assert "elsewhere" not in "".join(read_pages(write(tiny, of_site)))


def test_the_report_tells_what_decided(tiny: Experiment) -> None:
    """The card or the site calibration is named, for a slice and a study; the rule tells whose patients."""
    for findings in (read_gray(tiny, 0.9), read_study(tiny)):
        home, there = (
            read_pages(write(tiny, one))[0] for one in (findings, replace(findings, decided_by="north"))
        )
        assert "Decided with the calibration and thresholds of the model card." in home
        decided = 'Decided with the site calibration "north", not with the calibration of the model card.'
        assert decided in there
    assert "chosen on other patients" in home
    assert "chosen on the patients of the site" in there


@pytest.mark.parametrize("n_slices", [1, 5])
def test_an_incomplete_scan_is_marked_once(tiny: Experiment, n_slices: int) -> None:
    """The reason stands under the outcome, which it does not hide, and not again among the warnings."""
    findings = read_study(tiny) if n_slices > 1 else read_gray(tiny, 0.9)
    reason = "Slices are missing."
    pieces = tuple(replace(piece, warnings=(reason,)) for piece in findings.slices)
    marked = replace(findings, slices=pieces, incomplete=(reason,))
    (page, *_) = read_pages(write(tiny, marked))
    assert (1, 1) == (page.count(reason), page.count(f"Study incomplete: {reason}"))
    assert "Flagged: possible hemorrhage" in page
