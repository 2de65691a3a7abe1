"""Fitting a site calibration to a stored validation, and what it is measured to change."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from core.errors import EvaluationError, ExperimentError
from core.evaluation import Bootstrap, logit
from core.experiments import Experiment, publishing
from core.reading import make_study_rules
from core.validation import SiteCalibration, Validation, fit_site
from core.validation.cross_fit import (
    cross_fit_patients,
    cross_fit_slices,
    deal_into_folds,
    score_studies,
    select_rows,
)
from core.validation.store import store_validation
from tests.builders import write_tiny_experiment, write_tiny_validation

FEW = 30


@pytest.fixture(scope="module")
def experiment(tmp_path_factory: pytest.TempPathFactory) -> Experiment:
    """A calibrated tiny experiment; treat it as read-only."""
    return write_tiny_experiment(tmp_path_factory.mktemp("models"), calibrated=True)


@pytest.fixture(scope="module")
def validation(experiment: Experiment) -> Validation:
    """A validation of 60 patients, 12 of the kept part."""
    return write_tiny_validation(
        experiment, "north", n_patients=60, n_slices=4, parts=("", "", "", "", "kept")
    )


@pytest.fixture(scope="module")
def site(experiment: Experiment, validation: Validation) -> SiteCalibration:
    """The site calibration fitted to it."""
    return fit_site(experiment, validation, n_resamples=FEW)


def vary(experiment: Experiment, validation: Validation, name: str, **columns: object) -> Validation:
    """Store the same validation under another name with these columns of its predictions changed."""
    table = validation.predictions().assign(**columns)
    return store_validation(experiment, name, validation.details, table.to_csv(index=False).encode())


def test_the_kept_part_is_not_used(experiment: Experiment, site: SiteCalibration) -> None:
    """Other probabilities in the kept part change nothing but the hash of the predictions."""
    table = site.validation.predictions()
    assert int((table["part"] == "kept").sum()) == site.details["rests_on"]["left_out"]["kept_aside"]
    other = vary(experiment, site.validation, "other", keras=table["keras"].where(table["part"] == "", 0.5))
    again = fit_site(experiment, other, n_resamples=FEW).details
    differing = {key for key, value in site.details.items() if again[key] != value}
    assert {"name", "predictions"} == differing


def test_slices_before_and_after(experiment: Experiment, site: SiteCalibration) -> None:
    """Before are the card's decisions, after those of a fit to the other patients, counted by hand."""
    rows = select_rows(site.validation.predictions())
    folds = deal_into_folds(rows.units, rows.positive)
    for framework in experiment.frameworks:
        raw, home = rows.table[framework].to_numpy(), experiment.recalibration(framework)
        change = site.details["cross_fitted"][framework]["slice"]
        called, _ = cross_fit_slices(rows, folds, raw, home, "youden")
        for side, decided in (
            ("before", home.apply(raw) >= experiment.threshold(framework)),
            ("after", called),
        ):
            expected = (decided[rows.positive].mean(), (~decided[~rows.positive]).mean())
            figures = change[side]
            assert pytest.approx(expected) == (figures["recall"]["value"], figures["specificity"]["value"])
        gained = change["after"]["recall"]["value"] - change["before"]["recall"]["value"]
        assert pytest.approx(gained) == change["difference"]["recall"]["value"]


def test_it_mends_calibration_out_of_sample(experiment: Experiment, site: SiteCalibration) -> None:
    """Cross-fitted probabilities have a calibration intercept nearer to 0 than the card's."""
    for levels in site.details["cross_fitted"].values():
        before, after = (levels["slice"]["calibration"][side] for side in ("before", "after"))
        values = [abs(one["calibration_intercept"]["value"]) for one in (before, after)]
        assert values[1] < values[0]


def test_studies_before_and_after(experiment: Experiment, validation: Validation) -> None:
    """Before, a study is decided by the rule that reads studies; after, by a fit to the other patients."""
    table = validation.predictions()
    threshold = make_study_rules(experiment)["keras"].threshold
    # The home recalibration of every slice's score is near the threshold of studies, on both sides.
    home = experiment.recalibration("keras")
    noise = np.random.default_rng(0).normal(0, 1, len(table))
    near = (logit(threshold) - home.intercept) / home.slope + noise + 0.5 * table["label"].astype(float)
    close = vary(experiment, validation, "close", keras=1 / (1 + np.exp(-near)))
    change = fit_site(experiment, close, n_resamples=FEW).details["cross_fitted"]["keras"]["patient"]
    rows = select_rows(close.predictions())
    labels, scores, _ = score_studies(rows.table, "keras", home)
    before = scores >= threshold
    assert (48, 24) == (change["n"], change["positives"])
    assert pytest.approx(before[labels == 1].mean()) == change["before"]["recall"]["value"]
    assert pytest.approx((~before[labels == 0]).mean()) == change["before"]["specificity"]["value"]
    folds = deal_into_folds(rows.units, rows.positive)
    labels, called, _ = cross_fit_patients(rows, folds, "keras", home, "youden")
    assert pytest.approx((~called[labels == 0]).mean()) == change["after"]["specificity"]["value"]


def test_intervals_are_over_patients(experiment: Experiment, site: SiteCalibration) -> None:
    """The interval of sensitivity is that of a bootstrap over the patients."""
    rows = select_rows(site.validation.predictions())
    raw = rows.table["keras"].to_numpy()
    called = experiment.recalibration("keras").apply(raw) >= experiment.threshold("keras")
    bootstrap = Bootstrap.over(rows.units, len(raw), n_resamples=FEW)
    hits = np.bincount(bootstrap.codes, called & rows.positive)
    totals = np.bincount(bootstrap.codes, rows.positive)
    drawn = bootstrap.run(lambda weights: {"recall": weights @ hits / (weights @ totals)})["recall"]
    expected = np.quantile(drawn, [0.025, 0.975])
    found = site.details["cross_fitted"]["keras"]["slice"]["before"]["recall"]["interval"]
    assert pytest.approx(expected.tolist()) == found


def test_unknown_patients_are_said(experiment: Experiment, validation: Validation) -> None:
    """If patients are unknown, slices are dealt and resampled, and studies get no threshold."""
    unknown = vary(experiment, validation, "unknown", patient="")
    details = fit_site(experiment, unknown, n_resamples=FEW).details
    assert ("slices", None) == (details["rests_on"]["unit"], details["rests_on"]["n_patients"])
    for framework in experiment.frameworks:
        assert "patient" not in details["operating_points"][framework]
        assert "they are unknown" in details["without"][framework]["patient"]
        assert "they are unknown" in details["cross_fitted"][framework]["patient"]["reason"]


def test_few_slices_are_refused_with_counts(experiment: Experiment) -> None:
    """Fewer than 20 slices with the finding are refused, and nothing is stored."""
    few = write_tiny_validation(experiment, "few", n_patients=40, n_slices=1, labels=(0, 0, 0, 1))
    with pytest.raises(EvaluationError, match="10 with, 29 without") as refused:
        fit_site(experiment, few)
    assert "too_few_slices" == refused.value.code
    assert ["predictions.csv", "validation.json"] == sorted(path.name for path in few.folder.iterdir())


def test_separated_slices_say_so(experiment: Experiment, validation: Validation) -> None:
    """If no recalibration fits, the card's is kept, and the reason is stored."""
    label = validation.predictions()["label"].astype(float)
    clear = vary(experiment, validation, "clear", keras=0.2 + 0.6 * label)
    details = fit_site(experiment, clear, n_resamples=FEW).details
    home = experiment.recalibration("keras")
    assert {"slope": home.slope, "intercept": home.intercept} == details["calibration"]["keras"]["served"]
    assert "no recalibration fits" in details["without"]["keras"]["calibration"]
    assert 1.0 == details["cross_fitted"]["keras"]["slice"]["after"]["recall"]["value"]


def test_that_of_another_version_is_not_fitted(experiment: Experiment, validation: Validation) -> None:
    """A validation of what the experiment no longer serves is refused."""
    old = replace(validation, details=validation.details | {"served": "0" * 64})
    with pytest.raises(ExperimentError, match="as it is now") as refused:
        fit_site(experiment, old)
    assert "other_version" == refused.value.code


def test_numbers_only(site: SiteCalibration) -> None:
    """The file holds no text of the predictions: neither a hash of a slice nor a reason."""
    text = (site.validation.folder / "site.json").read_text(encoding="utf-8")
    table = site.validation.predictions()
    assert not any(digest in text for digest in table["sha256"])
    assert hashlib.sha256(site.validation.read_predictions()).hexdigest() in text
    assert isinstance(table, pd.DataFrame)
    assert json.loads(text) == site.details


def test_what_came_with_the_program_is_not_changed(
    experiment: Experiment, validation: Validation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In an installed program, no site calibration is written into the experiments that came with it."""
    monkeypatch.setattr(publishing, "shipped_root", lambda: experiment.folder.resolve().parent)
    with pytest.raises(ExperimentError) as refused:
        fit_site(experiment, validation)
    assert "read_only" == refused.value.code
