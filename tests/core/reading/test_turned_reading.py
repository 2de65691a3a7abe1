"""A head that lies turned is read upright, and its pictures are shown upright."""

from __future__ import annotations

import numpy as np
import pytest

from core.experiments import Experiment
from core.gate.orientation import MAY_BE_TURNED, Turning, turn_upright
from core.imaging import cut_picture
from core.reading.reader import Reader
from core.scans import Scan, Slice, turn_scan, turn_slice
from core.synthetic import render_phantom
from core.synthetic.phantom_anatomy import sample_head
from tests.builders import render_head


def render_scan() -> Scan:
    """Return four slices of a synthetic head, upright."""
    draws = np.random.default_rng(0)
    head = sample_head(draws)
    places = (0.4, 0.5, 0.6, 0.7)
    stack = [render_phantom(draws, lesion=False, position=place, head=head).pixels for place in places]
    return Scan("a.tif", "0" * 64, "gray", tuple(map(Slice, stack)))


@pytest.mark.parametrize("quarters", range(4))
def test_a_turned_head_is_read_upright(tiny: Experiment, quarters: int) -> None:
    """A study that lies turned gets the answers of the upright one, and says how it was turned."""
    upright, reader = render_scan(), Reader(tiny)
    lying = turn_scan(upright, 90 * quarters)
    found = reader.read(lying)
    for index, (plain, turned) in enumerate(zip(reader.read(upright).slices, found.slices, strict=True)):
        assert (0, -quarters % 4 * 90) == (plain.turned, turned.turned)
        assert plain.models["pytorch"].probability == turned.models["pytorch"].probability
        assert plain.gate == turned.gate
        assert bool(quarters) == any("turned" in warning for warning in turned.warnings)
        np.testing.assert_array_equal(
            cut_picture(upright.slices[index], "gray", tiny.recipe),
            cut_picture(lying.slices[index], "gray", tiny.recipe, turned=turned.turned),
        )


def test_a_single_slice_of_a_scanner_is_never_turned(monkeypatch: pytest.MonkeyPatch) -> None:
    """One slice in Hounsfield units stays as it lies; the same picture in display gray is turned."""
    monkeypatch.setattr("core.gate.orientation.tell_turning", lambda _: Turning(270, 1.0))
    gray = turn_slice(render_scan().slices[1], 90)
    scans = [Scan("a", "0" * 64, "gray", (gray,)), Scan("a", "0" * 64, "hu", (Slice(80 * gray.pixels),))]
    assert [270, 0] == [turn_upright(scan)[1] for scan in scans]


def test_a_head_that_may_be_turned_is_warned_of(tiny: Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unsure turn is no turn, but a warning on the slice; it is no sign against a head CT."""
    monkeypatch.setattr("core.reading.reader.turn_upright", lambda scan: (scan, 0, MAY_BE_TURNED))
    (found,) = Reader(tiny).read(Scan("a.png", "0" * 64, "gray", (Slice(render_head(0.4)),))).slices
    assert (0, True, False) == (
        found.turned,
        MAY_BE_TURNED in found.warnings,
        MAY_BE_TURNED in found.gate.reasons,
    )
