"""A study whose slices show too little of the head, and verdicts that need review whatever the score."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.experiments import Experiment
from core.gate import GateFinding
from core.reading.reader import Reader
from core.reading.redecision import apply_operating_points
from core.scans import Scan, Slice, Technical
from tests.builders import render_head


def make_study(n: int, step_mm: float, **fields: object) -> Scan:
    """Return a study of heads with positions."""
    slices = tuple(Slice(render_head(0.9), step_mm * index) for index in range(n))
    return replace(Scan("a", "0" * 64, "gray", slices, (), Technical(slice_spacing_mm=step_mm)), **fields)


@pytest.fixture(autouse=True)
def counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every slice show brain."""
    monkeypatch.setattr(
        "core.reading.reader.judge_scan", lambda scan, recipe: [GateFinding("read")] * len(scan.slices)
    )


@pytest.mark.parametrize(
    ("n", "step_mm", "short"), [(5, 10.0, True), (6, 10.0, False), (20, 2.0, True), (30, 2.0, False)]
)
def test_a_study_of_little_height_is_incomplete(
    tiny: Experiment, n: int, step_mm: float, short: bool
) -> None:
    """Below the least coverage each verdict needs review, and the reason is among the warnings."""
    findings = Reader(tiny).read(make_study(n, step_mm))
    assert short == bool(findings.incomplete)
    assert {short} == {verdict.review for verdict in findings.verdicts.values()}
    assert ("flagged", short, findings.incomplete) == (
        findings.conclusion.outcome, findings.conclusion.review, findings.conclusion.incomplete,
    )  # fmt: skip
    assert all(set(findings.incomplete) <= set(finding.warnings) for finding in findings.slices)
    assert short == any(f"cover {n * step_mm:.0f} mm" in reason for reason in findings.incomplete)


def test_slice_locations_stand_for_positions(tiny: Experiment) -> None:
    """The scores of a study are the same, whichever way its heights are given."""
    scan = make_study(4, 5.0)
    heights = [0.0, 2.5, 10.0, 40.0]
    images = [render_head(0.1 + 0.2 * index) for index in range(4)]
    placed, located, bare = (
        Reader(tiny).read(replace(scan, slices=tuple(map(make, images, heights)))).verdicts["keras"].score
        for make in (Slice, lambda pixels, mm: Slice(pixels, None, mm), lambda pixels, _: Slice(pixels))
    )
    assert placed == located != bare


def test_without_geometry_the_height_is_not_judged(tiny: Experiment) -> None:
    """Distances between slices stand for missing positions; without them nothing is said."""
    reader = Reader(tiny)
    bare = replace(make_study(3, 5.0), slices=tuple(Slice(render_head(0.9)) for _ in range(3)))
    unknown = replace(bare, technical=Technical())
    single = replace(bare, slices=bare.slices[:1])
    assert [True, False, False] == [bool(reader.read(scan).incomplete) for scan in (bare, unknown, single)]


@pytest.mark.parametrize("n", [1, 8])
def test_incomplete_doubtful_and_unfit_scans_need_review(tiny: Experiment, n: int) -> None:
    """Every verdict on such a scan needs review, at other operating points too; slices know of it."""
    expected = {"incomplete": "flagged", "doubts": "uncertain", "unfit": "not_judged"}
    for name, outcome in expected.items():
        fields = {name: ("It is.",)}
        findings = Reader(tiny).read(make_study(n, 10.0, **fields))
        (again,) = apply_operating_points([findings], tiny, {"keras": 0.01})
        for scan in (findings, again):
            assert {(True, outcome)} == {(one.review, one.outcome) for one in scan.verdicts.values()}
            assert {outcome} == {one.outcome for one in (scan.conclusion, *scan.slices)}
    plain = Reader(tiny).read(make_study(n, 10.0))
    assert {False} == {verdict.review for verdict in plain.verdicts.values()}
