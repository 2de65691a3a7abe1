"""A stored site calibration: what it decides by, how it is listed, and when it is refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from core.errors import ExperimentError
from core.evaluation import choose_band
from core.experiments import CARD_NAME, Experiment, find_experiment, update_card
from core.validation import (
    SiteCalibration,
    delete_site,
    fit_site,
    list_sites,
    open_site,
    open_validation,
)
from core.validation.site import FILE_NAME
from tests.builders import write_tiny_experiment, write_tiny_validation


@pytest.fixture(scope="module")
def experiment(tmp_path_factory: pytest.TempPathFactory) -> Experiment:
    """A calibrated tiny experiment; treat it as read-only."""
    return write_tiny_experiment(tmp_path_factory.mktemp("models"), calibrated=True)


@pytest.fixture(scope="module")
def site(experiment: Experiment) -> SiteCalibration:
    """A site calibration from 48 patients."""
    return fit_site(experiment, write_tiny_validation(experiment, "north", n_patients=48), n_resamples=20)


def change(site: SiteCalibration, **fields: Any) -> None:
    """Change fields of the stored file."""
    path = site.validation.folder / FILE_NAME
    path.write_text(json.dumps(site.details | fields), encoding="utf-8")


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Experiment, SiteCalibration]:
    """An uncalibrated experiment and a site calibration, for `fragile`."""
    experiment = write_tiny_experiment(tmp_path_factory.mktemp("models"))
    return experiment, fit_site(
        experiment, write_tiny_validation(experiment, "north", n_patients=24), n_resamples=20
    )


@pytest.fixture
def fragile(fitted: tuple[Experiment, SiteCalibration]) -> Iterator[SiteCalibration]:
    """A site calibration that a test may damage or delete; it is restored afterwards."""
    experiment, site = fitted
    files = {
        path: path.read_bytes()
        for path in (experiment.folder / CARD_NAME, site.validation.folder / FILE_NAME)
    }
    yield site
    for path, data in files.items():
        path.write_bytes(data)


@pytest.fixture
def tiny(fitted: tuple[Experiment, SiteCalibration]) -> Experiment:
    """The experiment of `fragile`."""
    return fitted[0]


def test_it_is_stored_and_read_back(experiment: Experiment, site: SiteCalibration) -> None:
    """The calibration is read back as it was fitted; the card does not change, and lists no file of it."""
    assert site.details == open_site(experiment, "north").details
    assert ["north"] == [one.name for one in list_sites(experiment)]
    again = find_experiment("tiny", experiment.folder.parent)
    assert (experiment.digest, experiment.served_digest) == (again.digest, again.served_digest)
    assert not any("site" in path for path in again.card["files"])


def test_it_holds_the_documented_fields(site: SiteCalibration) -> None:
    """The keys are those of the module's docstring, and the counts those of the validation."""
    expected = {
        "schema", "name", "experiment", "created", "version", "served", "predictions", "finding", "rests_on",
        "default_operating_point", "calibration", "operating_points", "review_bands", "without",
        "cross_fitted",
    }  # fmt: skip
    assert expected == set(site.details)
    counts = {"n": 287, "positives": 144, "negatives": 143, "n_patients": 48, "unit": "patients"}
    left_out = {"kept_aside": 0, "unknown_label": 0, "refused": 1}
    assert counts | {"left_out": left_out} == site.details["rests_on"]


def test_it_decides_as_an_experiment_does(site: SiteCalibration) -> None:
    """Thresholds, recalibration and review bands are those of the file."""
    for framework, points in site.operating_points.items():
        assert points["slice"]["youden"] == site.threshold(framework)
        assert points["patient"]["f1"] == site.threshold(framework, "patient", "f1")
        band = site.details["review_bands"][framework]["slice"]["youden"]
        assert tuple(band) == site.review_band(framework)
        served = site.details["calibration"][framework]["served"]
        fitted = site.recalibration(framework)
        assert (served["slope"], served["intercept"]) == (fitted.slope, fitted.intercept)


def test_any_threshold_has_a_band(site: SiteCalibration) -> None:
    """The band around a threshold that no rule chose is that of the site's own slices."""
    table = site.validation.predictions()
    raw = table.loc[table["gate"] != "refuse", "keras"].to_numpy(np.float64)
    expected = choose_band(site.recalibration("keras").apply(raw), 0.123)
    assert expected == site.review_band("keras", threshold=0.123)
    assert site.review_band("keras", "patient", threshold=0.123) != expected


def test_an_unknown_rule_is_an_error(site: SiteCalibration) -> None:
    """A level or rule without a threshold is an error that names the way out."""
    with pytest.raises(ExperimentError, match="no operating point") as refused:
        site.threshold("keras", "slice", "invented")
    assert "use the thresholds of the model card" == refused.value.remedy


def test_that_of_another_experiment_is_refused(fragile: SiteCalibration, tiny: Experiment) -> None:
    """One that was made with another experiment is refused by name, and not listed."""
    change(fragile, experiment="other", served="0" * 64)
    with pytest.raises(ExperimentError, match='made with "other", used with "tiny"') as refused:
        open_site(tiny, "north")
    assert "other_experiment" == refused.value.code
    assert [] == list_sites(tiny)


def test_that_of_another_version_is_refused(fragile: SiteCalibration, tiny: Experiment) -> None:
    """Once what the experiment serves has changed, its site calibrations are refused, and not listed."""
    assert ["north"] == [one.name for one in list_sites(tiny)]
    changed = update_card(tiny, {"default_operating_point": "f1"})
    with pytest.raises(ExperimentError, match="another version") as refused:
        open_site(changed, "north")
    assert "other_version" == refused.value.code
    assert [] == list_sites(changed)


def test_texts_on_the_card_change_nothing(fragile: SiteCalibration, tiny: Experiment) -> None:
    """A changed summary changes the card's digest, but the site calibration stays."""
    changed = update_card(tiny, {"summary": "Another."})
    assert tiny.digest != changed.digest
    assert fragile.details == open_site(changed, "north").details


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (lambda site: (site.validation.folder / FILE_NAME).write_text("{"), "cannot be read as JSON"),
        (lambda site: (site.validation.folder / FILE_NAME).write_text("[" * 100_000), "cannot be read"),
        (lambda site: change(site, schema="site/9"), "schema"),
        (lambda site: change(site, calibration={}), "lacks a part of the pytorch network"),
        (lambda site: change(site, operating_points={"keras": {"slice": {"youden": "0.5"}}}), "youden"),
        (lambda site: change(site, predictions="0" * 64), "other predictions"),
    ],
)
def test_damage_is_said(
    fragile: SiteCalibration, tiny: Experiment, damage: Callable[[SiteCalibration], Any], problem: str
) -> None:
    """A damaged file is an error that says what is wrong, and it is not listed."""
    damage(fragile)
    with pytest.raises(ExperimentError, match=problem) as refused:
        open_site(tiny, "north")
    assert "damaged_site" == refused.value.code
    assert [] == list_sites(tiny)


def test_an_unknown_name_is_an_error(tiny: Experiment) -> None:
    """The error of a validation without calibration names those that have one; others are unknown."""
    write_tiny_validation(tiny, "south")
    with pytest.raises(ExperimentError, match="choose one of: north; or make one") as refused:
        open_site(tiny, "south")
    assert "unknown_site" == refused.value.code
    with pytest.raises(ExperimentError) as unknown:
        open_site(tiny, "west")
    assert "unknown_validation" == unknown.value.code


def test_it_can_be_deleted(fragile: SiteCalibration, tiny: Experiment) -> None:
    """After deletion the validation stays, without a site calibration."""
    delete_site(tiny, "north")
    assert [] == list_sites(tiny)
    assert "north" == open_validation(tiny, "north").name
