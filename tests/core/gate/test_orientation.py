"""A head turned by quarter turns is turned upright where that is sure, and no other picture is turned."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from core.errors import ScanError
from core.gate.orientation import (
    LIKELY,
    MAY_BE_TURNED,
    SURE,
    WEIGHTS_FILE,
    combine,
    score_turns,
    tell_turning,
    turn_upright,
)
from core.manifests import Kind, describe_folder
from core.scans import Scan, Slice, Technical, read_scan, turn_scan
from core.synthetic import render_phantom
from core.synthetic.phantom_anatomy import sample_head
from tests.core.real_data import needs_real_data, real_folder

QUARTERS = range(4)
UNSURE_SCORES = np.log([0.02, 0.96, 0.01, 0.01])


def render_stack(seed: int = 0, n: int = 6) -> list[np.ndarray]:
    """Return the slices of a synthetic head."""
    draws = np.random.default_rng(seed)
    head = sample_head(draws)
    places = np.linspace(0.3, 0.7, n)
    return [render_phantom(draws, lesion=False, position=place, head=head).pixels for place in places]


def turn(pixels: np.ndarray, quarters: int) -> np.ndarray:
    """Turn a picture counterclockwise."""
    return np.ascontiguousarray(np.rot90(pixels, quarters))


def make_scan(*pictures: np.ndarray, **facts: Any) -> Scan:
    """Return a scan of gray pictures."""
    return Scan("a.png", "0" * 64, "gray", tuple(map(Slice, pictures)), **facts)


@pytest.mark.parametrize("quarters", QUARTERS)
def test_a_turned_stack_is_turned_upright(quarters: int) -> None:
    """Slices of one head are turned as one; the scan says by how many degrees."""
    stack = render_stack()
    scan, degrees, doubt = turn_upright(make_scan(*(turn(pixels, quarters) for pixels in stack)))
    assert (-quarters % 4 * 90, "") == (degrees, doubt)
    np.testing.assert_array_equal(stack, [piece.pixels for piece in scan.slices])
    assert bool(quarters) == len(scan.warnings)


@pytest.mark.parametrize(
    ("quarters", "way"), [(1, "90° clockwise"), (2, "180°"), (3, "90° counterclockwise")]
)
def test_the_turn_is_said(quarters: int, way: str) -> None:
    """A warning says how the pictures, or the only one, were turned."""
    stack = [turn(pixels, quarters) for pixels in render_stack()]
    said = (
        f"{{}} turned {way} before reading, so that the face is at the top; the program judged this from the "
        "picture."
    )
    assert (said.format("The pictures were"),) == turn_upright(make_scan(*stack))[0].warnings
    face = turn(render_phantom(np.random.default_rng(0), lesion=False, position=0.1).pixels, quarters)
    assert (said.format("The picture was"),) == turn_upright(make_scan(face))[0].warnings


@pytest.mark.parametrize("quarters", QUARTERS)
def test_mirroring_changes_nothing(quarters: int) -> None:
    """A mirrored head is told as well as the head, and stays mirrored."""
    stack = [turn(pixels[:, ::-1], quarters) for pixels in render_stack()]
    assert -quarters % 4 * 90 == tell_turning(stack).degrees
    head, mirrored = (tell_turning([one]) for one in (turn(render_stack()[0], quarters), stack[0]))
    assert head.degrees == mirrored.degrees
    assert head.probability == pytest.approx(mirrored.probability, abs=0.05)


def test_the_scores_turn_with_the_picture() -> None:
    """Turning a picture moves its scores along, exactly; mirroring swaps the quarter turns."""
    small = np.random.default_rng(0).random((32, 32)).astype(np.float32)
    scores = score_turns(small)
    for quarters in QUARTERS:
        np.testing.assert_allclose(np.roll(scores, -quarters), score_turns(turn(small, quarters)), atol=1e-4)
    np.testing.assert_allclose(scores[[0, 3, 2, 1]], score_turns(small[:, ::-1]), atol=1e-4)


def test_slices_that_agree_are_surer_than_one() -> None:
    """Nine slices that say the same count as three; slices that contradict each other say nothing."""
    (one, many), two = (combine(np.tile(UNSURE_SCORES, (n, 1))) for n in (1, 9)), UNSURE_SCORES[::-1]
    assert (90, False, True) == (many.degrees, one.is_sure, many.is_sure)
    assert not combine(np.stack([UNSURE_SCORES, two])).is_sure


def test_a_scan_that_tells_how_the_head_lies_is_not_turned() -> None:
    """The orientation that a file, or a manifest, tells stands."""
    lying = make_scan(*(turn(pixels, 1) for pixels in render_stack()))
    assert 270 == turn_upright(lying)[1]
    oriented = replace(lying, is_oriented=True)
    assert (oriented, 0, "") == turn_upright(oriented)
    marked = replace(lying, technical=Technical(marks=("R", "L", "A", "P")))
    assert (marked, 0, "") == turn_upright(marked)


def test_an_unsure_head_stays_as_it_lies(monkeypatch: pytest.MonkeyPatch) -> None:
    """A picture that is likely turned is warned of; one that may be is not, and neither is turned."""
    scan = make_scan(np.eye(40, dtype=np.float32))
    for chance, said in ((SURE - 0.001, MAY_BE_TURNED), (LIKELY - 0.001, "")):
        scores = np.log([(1 - chance) / 3, chance, *[(1 - chance) / 3] * 2])
        monkeypatch.setattr("core.gate.orientation.score_turns", lambda small, scores=scores: scores)
        assert (scan, 0, said) == turn_upright(scan)


@pytest.mark.parametrize("gray", [0.0, 0.5, 1.0])
def test_an_even_picture_is_not_turned(gray: float) -> None:
    """A picture without a head says nothing."""
    for shape in ((40, 40), (40, 60)):
        assert not tell_turning([np.full(shape, gray, np.float32)]).is_sure


def test_spacing_turns_along() -> None:
    """After a quarter turn, rows are columns."""
    lying = make_scan(
        *(turn(pixels, 1) for pixels in render_stack()), technical=Technical(spacing_mm=(0.5, 0.7))
    )
    assert (0.7, 0.5) == turn_upright(lying)[0].technical.spacing_mm


def test_the_figures_come_with_the_weights() -> None:
    """Beside the weights stand counts of each source, left out and kept aside, at today's limit."""
    with np.load(WEIGHTS_FILE) as file:
        figures = json.loads(file["figures"].tobytes())
    assert SURE == figures["sure"]
    assert set(figures["kept"]) < set(figures["left_out"])
    for counts in (*figures["left_out"].values(), *figures["kept"].values()):
        for kind in ("slices", "studies"):
            parts = [counts[f"{kind}_{word}"] for word in ("right", "wrong", "left")]
            assert counts[kind] == sum(parts)
            assert 40 * parts[1] <= parts[0]


@needs_real_data
def test_real_heads_are_turned_upright() -> None:
    """Of every 40th slice of four sources, most are turned from three positions, none wrongly."""
    home = real_folder()
    assert home is not None
    places = [(path, 0) for path in sorted(home.glob("*/*.jpg"))]
    sets: dict[str, Kind] = {"phe-sich": "phe-sich", "rsna-2019": "rsna", "teknofest-ischemia": "teknofest"}
    for name, kind in sets.items():
        folder = home.parent / name
        if folder.is_dir():
            lines = describe_folder(kind, folder).lines
            places += [(folder / line["file"], int(line.get("rotate") or 0)) for line in lines]
    outcomes = []
    for path, clockwise in places[::40]:
        try:
            lying = read_scan(path)
        except ScanError:  # a blank picture
            continue
        for quarters in QUARTERS:
            _, degrees, _ = turn_upright(turn_scan(lying, 90 * quarters - clockwise))
            assert degrees in (0, -quarters % 4 * 90), path.name
            outcomes += [degrees != 0] if quarters else []
    assert 0.5 < np.mean(outcomes)
