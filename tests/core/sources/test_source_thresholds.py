"""Thresholds chosen on home and the stored validations together."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.errors import ExperimentError
from core.evaluation import (
    SOURCES_RULE,
    Source,
    choose_slice_band,
    choose_study_band,
    choose_threshold,
    evaluate_experiment,
    score_study,
)
from core.experiments import Experiment, read_experiment
from core.measurements import store_properties
from core.sources import count_outcomes, explain_study_band, set_thresholds
from core.sources.outcomes import name_own
from core.sources.source_thresholds import HOME, SLICE_SHARE
from core.sources.study_scores import WAYS
from core.training.card import describe_results
from core.validation import delete_validation, list_sites, list_validations, make_record
from core.validation.site_fit import fit_site
from core.validation.store import store_validation
from tests.builders import write_tiny_experiment, write_tiny_validation


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Experiment:
    """A calibrated tiny experiment with a validation, a quarter of which is kept aside."""
    experiment = write_tiny_experiment(tmp_path_factory.mktemp("models"), calibrated=True)
    write_tiny_validation(experiment, "north", n_patients=80, n_slices=4, parts=("", "", "", "kept"))
    return experiment


@pytest.fixture(scope="module")
def after(before: Experiment) -> Experiment:
    """The same with thresholds of all sources; treat it as read-only."""
    return set_thresholds(before)


def gather(experiment: Experiment, framework: str) -> dict[str, Source]:
    """Slices that may have a say, read from the tables by hand."""
    home = experiment.calibrated_predictions().query("part == 'validation'")
    there = list_validations(experiment)[0].predictions()
    there = there[(there["part"] != "kept") & there["label"].notna() & (there["gate"] != "refuse")]
    calibrated = experiment.recalibration(framework).apply(there[framework])
    return {
        HOME: Source(home["label"].to_numpy() == 1, home[framework].to_numpy()),
        "north": Source(there["label"].to_numpy(int) == 1, calibrated),
    }


def test_slices_of_home_and_of_development_parts_choose(after: Experiment) -> None:
    """Kept slices have no say; threshold and band are those of core.evaluation.sources."""
    for framework in after.frameworks:
        sources = gather(after, framework)
        threshold = choose_threshold(sources)
        assert threshold == after.threshold(framework)
        assert choose_slice_band(sources, threshold, share=SLICE_SHARE) == after.review_band(framework)
    counts = {one["name"]: one["n"] for one in after.card["sources"]["slice"]["sources"]}
    assert {name: one.score.size for name, one in gather(after, "keras").items()} == counts


def test_patients_of_home_and_of_development_parts_choose(after: Experiment) -> None:
    """Threshold and band of patients follow from their scores; at home, those of validation rows."""
    home = after.calibrated_predictions().query("part == 'validation'")
    there = list_validations(after)[0].predictions().query("part != 'kept' and gate != 'refuse'")
    for framework in after.frameworks:
        calibrated = after.recalibration(framework).apply(there[framework])
        tables = {HOME: home, "north": there.assign(**{framework: calibrated})}
        sources = {}
        for name, table in tables.items():
            table = table[table["counted"] == 1] if "counted" in table else table
            keys = ["patient", "fold"] if name == HOME else ["patient"]
            studies = [study for _, study in table.groupby(keys)]
            scores = np.array([score_study(study[framework]) for study in studies])
            sources[name] = Source(np.array([study["label"].max() == 1 for study in studies]), scores)
        threshold = choose_threshold(sources)
        assert after.threshold(framework, "patient") == pytest.approx(threshold)
        assert after.review_band(framework, "patient") == pytest.approx(choose_study_band(sources, threshold))
        found = after.card["sources"]["patient"]
        assert {name: one.score.size for name, one in sources.items()} == {
            one["name"]: one["n"] for one in found["sources"]
        }


def test_home_is_rated_on_its_test_rows(after: Experiment) -> None:
    """On the card, home's sensitivity is that of the record, at both levels."""
    record = evaluate_experiment(after, n_resamples=20)["models"]
    for framework in after.frameworks:
        for level in ("slice", "patient"):
            measured = record[framework][level]["recall"]["value"]
            assert measured == pytest.approx(after.card["sources"][level]["at"][framework][HOME]["recall"])


def test_home_s_studies_are_scored_as_they_are_served(tmp_path: Path) -> None:
    """Slices that do not count leave no gap that their neighbors fill, on the card as in the record."""
    experiment = write_tiny_experiment(tmp_path, calibrated=True)
    table = experiment.slices()[["file"]].assign(brightness=0.5, level="middle")
    table["position"] = np.tile(np.arange(8) / 7, len(table) // 8)
    table["brain_visible"] = np.tile([1, 1, 0, 1, 1, 0, 1, 1], len(table) // 8)
    known = store_properties(experiment, table)
    write_tiny_validation(known, "north", n_patients=80, n_slices=4, parts=("", "", "", "kept"))
    chosen = set_thresholds(known)
    test_patients_of_home_and_of_development_parts_choose(chosen)
    test_home_is_rated_on_its_test_rows(chosen)


def test_without_patients_elsewhere_studies_are_left_out(tmp_path: Path) -> None:
    """Home alone chooses for patients; leaving it out leaves nothing to choose on, and the card says so."""
    experiment = write_tiny_experiment(tmp_path, calibrated=True, n_patients=60)
    write_tiny_validation(experiment, "north", n_patients=80, n_slices=4, patients_known=False)
    left_out = set_thresholds(experiment).card["sources"]["patient"]["left_out"]["keras"]
    assert {HOME: {"reason": "there is no other source to choose on"}} == left_out


def test_studies_of_which_no_slice_counts_are_no_source(tmp_path: Path) -> None:
    """A validation whose slices show no brain chooses for slices only."""
    experiment = write_tiny_experiment(tmp_path, calibrated=True)
    write_tiny_validation(experiment, "north", n_patients=80, n_slices=4)
    neck = write_tiny_validation(experiment, "neck", n_patients=40, n_slices=4)
    table = neck.predictions().drop(columns="counted").assign(brain_visible=0)
    store_validation(experiment, "neck", neck.details, table.to_csv(index=False).encode(), replace=True)
    about = set_thresholds(experiment).card["sources"]
    names = {level: [one["name"] for one in found["sources"]] for level, found in about.items()}
    assert {"slice": [HOME, "neck", "north"], "patient": [HOME, "north"]} == names


def test_an_earlier_choice_for_patients_does_not_stay(tmp_path: Path) -> None:
    """If studies allow no choice any more, the card holds neither threshold, band nor an empty level."""
    experiment = write_tiny_experiment(tmp_path, calibrated=True, frameworks=("keras",))
    write_tiny_validation(experiment, "north", n_patients=80, n_slices=4)
    first = set_thresholds(experiment)
    assert SOURCES_RULE in first.card["operating_points"]["keras"]["patient"]
    delete_validation(first, "north")
    write_tiny_validation(first, "few", n_patients=8, n_slices=40)
    second = set_thresholds(first)
    assert {"slice"} == set(second.card["sources"])
    for key in ("operating_points", "review_bands"):
        assert SOURCES_RULE not in second.card[key]["keras"]["patient"]
    assert {} == explain_study_band(second)


def test_a_choice_that_fails_changes_nothing(tmp_path: Path) -> None:
    """New results reach the card only together with thresholds of all sources."""
    experiment = write_tiny_experiment(tmp_path, calibrated=True)
    write_tiny_validation(experiment, "north", n_patients=80, n_slices=4)
    chosen = set_thresholds(experiment)
    delete_validation(chosen, "north")
    with pytest.raises(ExperimentError):
        set_thresholds(chosen, describe_results(chosen.predictions(), chosen.frameworks))
    assert chosen.digest == read_experiment(chosen.folder).digest


def test_they_are_the_default_and_the_others_stay(before: Experiment, after: Experiment) -> None:
    """The card keeps the thresholds of the other rules."""
    assert SOURCES_RULE == after.card["default_operating_point"]
    assert before.threshold("keras", rule="youden") == after.threshold("keras", rule="youden")


def test_the_card_says_what_leaving_out_gives(after: Experiment) -> None:
    """Each source is rated at the threshold of the others, on both levels; ways to score are compared."""
    for level in ("slice", "patient"):
        found = after.card["sources"][level]
        assert {HOME, "north"} == set(found["left_out"]["keras"]) == set(found["at"]["pytorch"])
    table = after.study_scores()
    assert table is not None
    assert set(WAYS) == set(table["score"])


def test_records_use_threshold_and_band(after: Experiment) -> None:
    """Evaluation and validation decide at the card's default, with its band."""
    home = evaluate_experiment(after, n_resamples=20)
    there = make_record(after, list_validations(after)[0], n_resamples=20, home=home)
    for record in (home["models"], there["there"]):
        for level in ("slice", "patient"):
            found = record["keras"][level]
            assert after.threshold("keras", level) == found["threshold"]
            assert after.review_band("keras", level) == (found["review"]["low"], found["review"]["high"])


def test_validations_stay_current_and_are_chosen_on_again(after: Experiment) -> None:
    """New thresholds spoil no validation, and the same data choose the same."""
    assert all(one.is_current for one in list_validations(after))
    again = set_thresholds(after)
    assert after.card["operating_points"] == again.card["operating_points"]
    assert after.served_digest == again.served_digest


def test_a_site_chooses_by_its_own_slices(tmp_path: Path) -> None:
    """A site calibration needs one source only: its default rule is Youden's."""
    experiment = write_tiny_experiment(tmp_path, calibrated=True)
    write_tiny_validation(experiment, "north", n_patients=80, n_slices=4, parts=("", "", "", "kept"))
    changed = set_thresholds(experiment)
    site = fit_site(changed, list_validations(changed)[0], n_resamples=20)
    assert "youden" == site.details["default_operating_point"]
    assert np.isfinite(site.threshold("keras"))
    assert ["north"] == [one.name for one in list_sites(changed)]


def test_without_a_validation_there_is_nothing_to_choose_on(tmp_path: Path) -> None:
    """An experiment without validations keeps its rule."""
    with pytest.raises(ExperimentError) as refused:
        set_thresholds(write_tiny_experiment(tmp_path))
    assert "no_sources" == refused.value.code


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Experiment:
    """An experiment on three sources, one of unknown patients, with a validation that has no kept part."""
    experiment = write_tiny_experiment(
        tmp_path_factory.mktemp("models"),
        n_patients=126,
        n_slices=4,
        calibrated=True,
        sources=("east", "north", "west"),
        anonymous=("west",),
    )
    write_tiny_validation(experiment, "hospital", n_patients=40)
    return experiment


def list_own(experiment: Experiment, framework: str, part: str) -> dict[str, Source]:
    """Rows of a part of each own source, read from the tables by hand."""
    table = experiment.calibrated_predictions().query("part == @part")
    source = table["file"].map(experiment.slices().set_index("file")["source"])
    return {
        name: Source(own["label"].to_numpy() == 1, own[framework].to_numpy())
        for name, own in table.groupby(source)
    }


def test_each_of_several_own_sources_chooses(mixed: Experiment) -> None:
    """Validation rows of each source choose, its test rows are rated, and stored validations have no say."""
    changed = set_thresholds(mixed)
    for framework in changed.frameworks:
        own = list_own(changed, framework, "validation")
        assert ["east", "north", "west"] == list(own)
        assert choose_threshold(own) == changed.threshold(framework)
        found = changed.card["sources"]["slice"]
        assert set(own) == set(found["at"][framework]) == set(found["left_out"][framework])
        for name, tested in list_own(changed, framework, "test").items():
            called = tested.score >= changed.threshold(framework)
            assert pytest.approx(called[tested.positive].mean()) == found["at"][framework][name]["recall"]
    # Studies of the source of unknown patients have no say.
    assert {"east", "north"} == {one["name"] for one in changed.card["sources"]["patient"]["sources"]}
    assert {"east", "north"} == set(explain_study_band(changed)["keras"])


def make_also(experiment: Experiment, *sources: str) -> pd.DataFrame:
    """Slices without the finding from elsewhere, with low probabilities, as read_development gives them."""
    rng = np.random.default_rng(5)
    n = 30 * len(sources)
    return pd.DataFrame(
        {
            "number": np.arange(1, n + 1),
            "source": np.repeat(sources, 30),
            "part": "",
            "patient": "",
            "label": 0,
            "gate": ["refuse", *["read"] * (n - 1)],
            "brain_visible": 1,
            "position_mm": None,
            **{name: rng.uniform(0.05, 0.6, n) for name in experiment.frameworks},
            "sha256": [f"{row:064x}" for row in range(n)],
        }
    )


def test_slices_of_other_sources_take_part_and_are_stored(mixed: Experiment) -> None:
    """They are in thresholds.csv, count as a source, and choose again with the next call."""
    changed = set_thresholds(mixed, also=(make_also(mixed, "ministry", "north"), [{"name": "ministry"}]))
    counts = {one["name"]: one["n"] for one in changed.card["sources"]["slice"]["sources"]}
    assert (29, 30) == (counts["ministry"], counts["north, other slices"])
    sources = list_own(changed, "keras", "validation")
    calibrated = changed.recalibration("keras").apply(changed.threshold_slices()["keras"])
    read = changed.threshold_slices()["gate"] == "read"
    for name, title in (("ministry", "ministry"), ("north", "north, other slices")):
        own = (changed.threshold_slices()["source"] == name) & read
        sources[title] = Source(np.zeros(own.sum(), bool), calibrated[own])
    assert choose_threshold(sources) == changed.threshold("keras")
    assert ["hospital"] == [one.name for one in list_validations(changed)]
    again = set_thresholds(changed)
    assert changed.card["sources"] == again.card["sources"]


def test_slices_that_other_networks_read_are_refused(mixed: Experiment) -> None:
    """After a change of the recipe, thresholds.csv must be read again."""
    stored = set_thresholds(mixed, also=(make_also(mixed, "ministry"), []))
    recipe = {**stored.card["recipe"], "level_hu": 50}
    with pytest.raises(ExperimentError, match=r"read them again.*--also") as refused:
        set_thresholds(replace(stored, card={**stored.card, "recipe": recipe}))
    assert "other_version" == refused.value.code


def test_own_sources_are_counted_beside_home(mixed: Experiment) -> None:
    """Outcomes of home are followed by those of each of its sources, which add up to them."""
    counts = [one for one in count_outcomes(set_thresholds(mixed)) if one.level == "slice"]
    home = sum(one.n for one in counts if one.source == HOME)
    parts = {one.source for one in counts if one.source.startswith(f"{HOME}, ")}
    assert {name_own(name) for name in ("east", "north", "west")} == parts
    assert home == sum(one.n for one in counts if one.source in parts)
