"""The tables of a site calibration."""

from __future__ import annotations

from pathlib import Path

from core.sources import set_thresholds
from core.validation import fit_site, list_validations
from dashboard.validate.site import list_thresholds
from tests.builders import write_tiny_experiment, write_tiny_validation


def test_the_card_s_thresholds_are_those_that_decide(tmp_path: Path) -> None:
    """The card decides by all sources, the site by Youden's rule; each column shows what decides there."""
    experiment = write_tiny_experiment(tmp_path, calibrated=True)
    write_tiny_validation(experiment, "north", n_patients=80, n_slices=4)
    chosen = set_thresholds(experiment)
    site = fit_site(chosen, list_validations(chosen)[0], n_resamples=20)
    rows = list_thresholds(chosen, site)
    levels = [(level, name) for level in ("slice", "patient") for name in chosen.frameworks]
    assert [f"≥ {chosen.threshold(name, level):.3f}" for level, name in levels] == [
        row["Model card"] for row in rows
    ]
    own = [f"≥ {site.threshold(name, level):.3f}" for level, name in levels]
    assert own == [row["This site"] for row in rows]
