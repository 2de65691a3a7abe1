"""Slices in Hounsfield units are judged by their numbers and by sizes in mm."""

from __future__ import annotations

import numpy as np
import pytest

from core.gate.appearance import NEARLY_EMPTY, NO_HEAD, GateFinding
from core.gate.hounsfield import judge_hu
from core.scans import LEARNED, window_hu

MM = 1.0


def make_ellipse(tall_mm: float, wide_mm: float, inside_hu: float, rim_hu: float | None = None) -> np.ndarray:
    """Return an ellipse in air, (300, 300) Hounsfield units at 1 mm, with a rim of 14 mm."""
    rows, columns = np.mgrid[:300, :300] - 149.5
    whole = np.hypot(rows / tall_mm, columns / wide_mm) < 0.5
    inside = np.hypot(rows / (tall_mm - 28), columns / (wide_mm - 28)) < 0.5
    noise = np.random.default_rng(0).normal(0, 4, rows.shape)
    body = np.where(inside | (rim_hu is None), inside_hu + noise, 0 if rim_hu is None else rim_hu)
    return np.where(whole, body, -1000).astype(np.float32)


def look(pixels_hu: np.ndarray, spacing_mm: tuple[float, float] | None = (MM, MM)) -> GateFinding:
    """Judge the slice in the usual window."""
    return judge_hu(window_hu(pixels_hu, LEARNED), pixels_hu, spacing_mm)


def test_a_head_is_read() -> None:
    """Brain within bone in air is read, at any margin, with and without a known spacing."""
    head = make_ellipse(190, 150, 32, 900)
    for picture in (head, head[54:246, 74:226], np.pad(head, 40, constant_values=-2000)):
        found = look(picture)
        assert ("read", (), True) == (found.outcome, found.reasons, found.brain_visible)
    assert "read" == look(head, None).outcome


def test_a_stored_type_does_not_matter() -> None:
    """Whole numbers of 16 bits, as DICOM files hold, are judged like others."""
    assert "read" == look(make_ellipse(190, 150, 32, 900).astype(np.int16)).outcome


@pytest.mark.parametrize("offset_hu", [-1024, -2000])
def test_air_shows_no_head(offset_hu: int) -> None:
    """Air, padding, and the arc of a head holder show no head."""
    air = np.full((300, 300), offset_hu, np.int16)
    rows, columns = np.mgrid[:300, :300]
    away = np.hypot(rows - 120, columns - 150)
    arc = np.where((away > 110) & (away < 117) & (rows > 150), 100, air)
    assert [NO_HEAD] * 2 == [look(picture) for picture in (air, arc)]


def test_the_tip_of_a_head_is_warned_of() -> None:
    """A small object without bone is the tip of a head; with bone it is read."""
    assert NEARLY_EMPTY == look(make_ellipse(50, 40, 30))
    assert "read" == look(make_ellipse(50, 40, 30, 700)).outcome


@pytest.mark.parametrize(
    ("picture", "spacing_mm", "reason"),
    [
        (make_ellipse(190, 150, 32, 900), 1.5, "mm across, larger than a head"),
        (make_ellipse(190, 150, 32), 1.0, "No bone"),
        (make_ellipse(190, 150, -800, 900), 1.0, "lung"),
    ],
)
def test_what_is_no_head_is_refused(picture: np.ndarray, spacing_mm: float, reason: str) -> None:
    """A larger object, one without bone, and one that holds much air are refused, with the reason."""
    found = look(picture, (spacing_mm, spacing_mm))
    assert ("refuse", True) == (found.outcome, found.odd)
    assert reason in found.reasons[0]
