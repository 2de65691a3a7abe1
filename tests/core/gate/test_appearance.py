"""The gate reads a picture, reads it with a warning, or refuses it."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from core.errors import ScanError
from core.gate.appearance import NEARLY_EMPTY, NO_HEAD, is_brain_visible, judge
from core.synthetic.phantoms import render_phantom


@pytest.fixture(params=[0, 1, 2])
def head(request: pytest.FixtureRequest) -> np.ndarray:
    """A synthetic head CT slice."""
    return render_phantom(np.random.default_rng(request.param), lesion=True, size=256).pixels


def as_mri(head: np.ndarray) -> np.ndarray:
    """Return the head as on MRI: no signal from bone, nothing clipped."""
    return np.where(head > 0.85, 0.05, 0.9 * head).astype(np.float32)


def test_a_head_ct_is_read(head: np.ndarray) -> None:
    """A head with bright bone on black is read without a warning."""
    assert ("read", ()) == (judge(head).outcome, judge(head).reasons)


def test_framing_does_not_matter(head: np.ndarray) -> None:
    """The same head enlarged, off center or with a white margin is read too."""
    shifted = np.zeros((400, 500), np.float32)
    shifted[100:356, 30:286] = head
    page = np.pad(head, 12, constant_values=1.0)
    assert ["read"] * 3 == [
        judge(picture).outcome for picture in (shifted, page, head.repeat(2, 0).repeat(2, 1))
    ]


def test_mri_is_never_read_without_a_warning(head: np.ndarray) -> None:
    """A head without bright bone is refused or gives a warning that names MRI."""
    found = judge(as_mri(head))
    assert found.outcome in ("warn", "refuse")
    assert "MRI" in found.reasons[0]


def test_a_head_without_any_bright_rim_is_refused(head: np.ndarray) -> None:
    """A head without bone and without a bright rim is refused."""
    assert "refuse" == judge(np.where(head > 0.6, 0.05, head).astype(np.float32)).outcome


def test_a_photograph_is_refused() -> None:
    """A picture that reaches to its borders is refused."""
    rows, columns = np.mgrid[0:200, 0:300] / 300
    photograph = (0.3 + 0.3 * np.sin(9 * rows) * np.cos(7 * columns) + 0.2 * rows).astype(np.float32)
    found = judge(photograph)
    assert "refuse" == found.outcome
    assert "borders" in found.reasons[0]


def test_an_inverted_picture_is_refused(head: np.ndarray) -> None:
    """A black head on white is refused as inverted."""
    inverted = (1 - head).astype(np.float32)
    found = judge(inverted)
    assert "refuse" == found.outcome
    assert "inverted" in found.reasons[0]


def test_color_warns_with_bone_and_refuses_without(head: np.ndarray) -> None:
    """A picture in color gives a warning if bone is visible, and is refused otherwise."""
    assert "warn" == judge(head, colored=True).outcome
    assert "refuse" == judge(as_mri(head), colored=True).outcome


def test_a_wide_window_is_warned_of(head: np.ndarray) -> None:
    """Bright but unclipped bone, as on CT in a wide window, is read with a warning."""
    rng = np.random.default_rng(0)
    wide = np.clip(0.4 * head + (head > 0.85) * rng.uniform(0.1, 0.6, head.shape), 0, 1).astype(np.float32)
    found = judge(wide)
    assert "warn" == found.outcome
    assert "window" in found.reasons[0]


def test_a_window_for_bone_is_warned_of(head: np.ndarray) -> None:
    """Brain that is nearly even, although bone is clipped, gives a warning about the window."""
    bone = np.where(head > 0.85, 1, np.where(head > 0.1, 0.3 + 0.02 * head, 0)).astype(np.float32)
    found = judge(bone)
    assert "warn" == found.outcome
    assert "wide window" in found.reasons[0]


def test_an_odd_outline_is_warned_of(head: np.ndarray) -> None:
    """Half of a head gives a warning about its outline."""
    half = np.zeros_like(head)
    half[:, :88] = head[:, :88]
    found = judge(half)
    assert "warn" == found.outcome
    assert "outline" in found.reasons[0]


def test_a_small_head_is_warned_of(head: np.ndarray) -> None:
    """A head of some 70 pixels is read, with a warning that names its size."""
    found = judge(head[::3, ::3])
    assert "warn" == found.outcome
    assert "pixels" in found.reasons[-1]


def test_burnt_in_words_are_warned_of(head: np.ndarray) -> None:
    """Text beside the head gives a warning."""
    picture = Image.fromarray(np.rint(head.repeat(2, 0).repeat(2, 1) * 255).astype(np.uint8))
    ImageDraw.Draw(picture).text((6, 4), "DOE JOHN 1970", fill=220, font=ImageFont.load_default(14))
    with_text = np.asarray(picture, dtype=np.float32) / 255
    found = judge(with_text)
    assert ("warn", "read") == (found.outcome, judge(head).outcome)
    assert "Text" in found.reasons[0]


@pytest.mark.parametrize("share", [0.0, 0.02, 0.04])
def test_a_head_cropped_to_the_head_is_read(head: np.ndarray, share: float) -> None:
    """Without a black margin a head CT is read: bone rings it. Without bone or inverted it is not."""
    rows, columns = np.nonzero(head > 0.2)
    height, width = np.ptp(rows) * share, np.ptp(columns) * share
    cropped = head[
        round(rows.min() + height) : round(rows.max() - height),
        round(columns.min() + width) : round(columns.max() - width),
    ]
    assert "read" == judge(cropped).outcome
    assert "read" != judge(as_mri(cropped)).outcome
    assert "refuse" == judge((1 - cropped).astype(np.float32)).outcome


def test_the_tip_of_a_head_is_warned_of() -> None:
    """A small blurred object without bone is the tip of a head; filling the picture it is refused."""
    rows, columns = np.mgrid[:256, :256]
    away = np.hypot((rows - 128) / 36, (columns - 120) / 32)
    tip = 0.5 * np.maximum(1 - away, 0).astype(np.float32)
    assert NEARLY_EMPTY == judge(tip)
    assert "refuse" == judge(tip[90:166, 85:155]).outcome


def test_nothing_on_black_shows_no_head() -> None:
    """A picture without an object, or with the arc of a head holder only, is refused as showing no head."""
    empty = np.zeros((256, 256), np.float32)
    empty[10, 10] = 1
    rows, columns = np.mgrid[:256, :256]
    away = np.hypot(rows - 100, columns - 128)
    arc = np.where((away > 100) & (away < 112) & (rows > 110), 0.9, 0).astype(np.float32)
    assert [NO_HEAD] * 2 == [judge(picture) for picture in (empty, arc)]
    assert ("refuse", True) == (NO_HEAD.outcome, "no head" in NO_HEAD.reasons[0])


def test_an_invalid_picture_is_an_error() -> None:
    """Values that are not finite raise a ScanError."""
    with pytest.raises(ScanError):
        judge(np.full((64, 64), np.nan, np.float32))


def test_brain_is_visible_within_the_skull(head: np.ndarray) -> None:
    """Brain is found with and without a margin, and in a skull open on one side."""
    opened = head.copy()
    opened[:, :80] = np.minimum(opened[:, :80], 0.6)
    assert [True] * 3 == [is_brain_visible(picture) for picture in (head, np.pad(head, 60), opened)]


def test_strands_of_muscle_and_bone_are_not_brain(head: np.ndarray) -> None:
    """Tissue in strands and bone alone are not brain."""
    rows = np.arange(len(head))[:, None]
    strands = np.where((rows // 4) % 2 == 0, head, np.minimum(head, 0.05)).astype(np.float32)
    vertex = np.where(head > 0.2, 1.0, 0.0).astype(np.float32)
    assert [False] * 2 == [is_brain_visible(picture) for picture in (strands, vertex)]
