"""Thresholds, figures, calibration and comparison."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.evaluation.measures import MEASURES
from core.evaluation.operating_points import RULES
from core.model_card import measures
from core.model_card.facts import Facts, gather_facts
from core.model_card.markdown import format_figure
from tests.builders import write_tiny_experiment
from tests.core.model_card.conftest import cells


def test_every_rule_has_a_reason(facts: Facts) -> None:
    """Each rule is described next to the thresholds of the card."""
    text = measures.describe_decisions(facts)
    for rule in facts.card["operating_points"]["keras"]["slice"]:
        title = RULES[rule].title
        shown = cells(text, f"**{title}** (default)" if rule == "youden" else title)
        assert f"{facts.card['operating_points']['pytorch']['slice'][rule]:.3f}" == shown[3]
        assert f"{facts.card['operating_points']['keras']['patient'][rule]:.3f}" == shown[6]


def test_the_review_band_is_given(facts: Facts) -> None:
    """Band, share and undecided rows are those of the record."""
    review = facts.level("keras", "slice")["review"]
    review["counts"] |= {"indeterminate_negative": 123, "indeterminate_positive": 45}
    shown = cells(measures.describe_decisions(facts), "Keras, slice")
    assert f"{review['low']:.3f} to {review['high']:.3f}" == shown[1]
    assert format_figure(review["share"], "share") == shown[2]
    assert ["123", "45"] == shown[3:]


@pytest.mark.parametrize(("level", "place"), [("slice", 0), ("patient", 1)])
def test_all_figures_have_their_intervals(facts: Facts, level: str, place: int) -> None:
    """Every figure of both networks, on slices and on patients, is the record's, with its interval."""
    text = measures.describe_results(facts).split("### Per ")[1 + place]
    for key, one in MEASURES.items():
        shown = cells(text, one.label)[1:]
        told = [
            format_figure(facts.level(framework, level)[key], one.form) for framework in ("pytorch", "keras")
        ]
        assert told == [cell.split(" (")[0] for cell in shown], one.label
    confusion = facts.level("keras", level)["confusion"]
    assert ["Keras", *(str(confusion[cell]) for cell in ("tn", "fp", "fn", "tp"))] == cells(text, "Keras")


def test_the_other_operating_points_have_figures(facts: Facts) -> None:
    """Each rule except the default has its own table."""
    heads = measures.describe_results(facts).split("### Per ")[1]
    for title in (RULES[rule].title for rule in list(facts.card["operating_points"]["keras"]["slice"])[1:]):
        assert f"| PyTorch, {title} | Keras, {title} |" in heads


def test_calibration_shows_before_and_after(facts: Facts) -> None:
    """The fits are those of the card, the figures those of the record before and after."""
    text = measures.describe_calibration(facts)
    fit = facts.card["calibration"]["pytorch"]["folds"][1]
    assert f"| PyTorch | 2 | {fit['slope']:.3f} | {fit['intercept']:+.3f} |" in text
    found = facts.level("pytorch")["calibration"]
    told = [format_figure(found[when]["brier"], "fine") for when in ("before", "after")]
    assert told == cells(text, "Brier score")[1:3]
    bins = found["reliability"]["after"]
    assert f"| {bins[0]['n']} | {bins[0]['positives']} |" in text


def test_a_card_without_calibration_says_so(models: Path) -> None:
    """An older card has no fits and no review band; both are named as missing."""
    facts = gather_facts(write_tiny_experiment(models), 20)
    assert "The card contains no calibration" in measures.describe_calibration(facts)


def test_comparison_tells_the_tests(facts: Facts) -> None:
    """Differences, McNemar's counts and DeLong's p-values are the record's."""
    found = facts.record["comparison"]["slice"]
    found["mcnemar"] |= {"only_first_right": 123, "only_second_right": 45}
    text = measures.describe_comparison(facts)
    assert format_figure(found["differences"]["auroc"], "difference") == cells(text, "AUROC")[1]
    assert "PyTorch alone right in 123, Keras alone in 45" in text
    assert f"p = {found['delong_by_patient']['p_value']:.3f}" in text
    assert str(found["disagreement"]["positives"]["neither"]) == cells(text, "positives")[4]


def test_one_model_is_compared_with_nothing(models: Path) -> None:
    """An experiment of one framework has its figures, and the reason why there is no comparison."""
    facts = gather_facts(write_tiny_experiment(models, frameworks=("keras",)), 20)
    assert "there is nothing to compare it with" in measures.describe_comparison(facts)
    assert 2 == len(cells(measures.describe_results(facts), "AUROC"))
