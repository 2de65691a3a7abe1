"""One scan read with the networks of several experiments."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.errors import ScanError
from core.experiments import Experiment
from core.imaging.preprocessing import Recipe
from core.reading import reader as module
from core.reading.outcome import OVERRIDE_NOTE, REFUSED_NOTE
from core.reading.reader import Reader, read_together
from core.serving.model import BATCH_SIZE
from tests.builders import write_tiny_experiment
from tests.core.reading.test_reader import make_familiar, make_scan, tell_apart

GRAYS = tuple(np.linspace(0.3, 0.9, BATCH_SIZE + 3))


@pytest.mark.parametrize("size", [32, 48])
def test_each_experiment_says_what_it_says_alone(
    models: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """Recipes may be the same or not; with the same one, each slice is prepared once."""
    first = write_tiny_experiment(models, name="first")
    second = write_tiny_experiment(models, name="second", seed=1, recipe=Recipe(size=size))
    readers, scan = [Reader(first), Reader(second)], make_scan(*GRAYS)
    alone = [one.read(scan, {"keras": 0.7}) for one in readers]
    prepared: list[Recipe] = []
    prepare = module.prepare
    monkeypatch.setattr(
        module, "prepare", lambda gray, recipe: prepared.append(recipe) or prepare(gray, recipe)
    )
    told: list[list[int]] = []
    together = read_together(
        readers,
        scan,
        {name: {"keras": 0.7} for name in ("first", "second")},
        on_slices=lambda batches: told.append([len(own) for own in batches]),
    )
    assert len(GRAYS) * len({first.recipe, second.recipe}) == len(prepared)
    assert [[BATCH_SIZE] * 2, [3, 3]] == told
    for expected, found in zip(alone, together, strict=True):
        assert (expected.experiment, expected.verdicts) == (found.experiment, found.verdicts)
        for one, other in zip(expected.slices, found.slices, strict=True):
            assert (one.index, one.warnings, one.gate) == (other.index, other.warnings, other.gate)
            for name, model in one.models.items():
                assert (model.probability, model.threshold) == (
                    other.models[name].probability, other.models[name].threshold,
                )  # fmt: skip


def test_a_scan_that_only_some_refuse_is_not_judged_by_these(models: Path) -> None:
    """The others judge it; if all refuse it, it is refused, or read on request."""

    def learn(name: str, known: float, strange: float) -> Experiment:
        single = write_tiny_experiment(models, name=name, folds=1)
        return tell_apart(make_familiar(single, np.linspace(0.45, 0.55, 40)), known, strange)

    readers = [Reader(learn("bright", 0.9, 0.5)), Reader(learn("dark", 0.5, 0.9))]
    bright, dark = read_together(readers, make_scan(0.9, 0.9))
    assert ("not_judged", REFUSED_NOTE) == (dark.conclusion.outcome, dark.conclusion.reasons[0])
    assert (False, False) == (bright.overridden, dark.overridden)
    assert REFUSED_NOTE not in bright.conclusion.reasons
    assert {"refuse"} != {piece.gate.outcome for piece in bright.slices}
    with pytest.raises(ScanError, match="does not look like a head CT"):
        read_together(readers[1:] * 2, make_scan(0.9))
    for one in read_together(readers[1:] * 2, make_scan(0.9), override_gate=True):
        assert one.overridden
        assert OVERRIDE_NOTE in one.conclusion.reasons
