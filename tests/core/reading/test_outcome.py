"""The four outcomes, from scores and from what several networks say."""

from __future__ import annotations

import doctest

import pytest

from core.reading import outcome
from core.reading.outcome import OUTCOMES, Conclusion, Outcome, conclude, decide, name_outcome, needs_review


def test_the_examples_run() -> None:
    """The doctests of the module."""
    assert 0 == doctest.testmod(outcome).failed


def test_scores_strictly_within_the_band_are_uncertain() -> None:
    """The edges belong to the sure outcomes."""
    scores = (0.2, 0.3, 0.301, 0.5, 0.599, 0.6, 0.9)
    expected = ["not_flagged"] * 2 + ["uncertain"] * 3 + ["flagged"] * 2
    assert expected == [decide(score, 0.4, (0.3, 0.6)) for score in scores]


@pytest.mark.parametrize("band", [None, (0.4, 0.4)])
def test_without_a_band_the_threshold_decides(band: tuple[float, float] | None) -> None:
    """A score at the threshold is flagged; a band without width decides in the same way."""
    assert ["not_flagged", "flagged", "flagged"] == [decide(score, 0.4, band) for score in (0.39, 0.4, 0.41)]


def test_without_a_score_nothing_is_judged() -> None:
    """A network that scored nothing says nothing."""
    assert "not_judged" == decide(None, 0.4, (0.3, 0.6))


def test_every_outcome_has_its_words() -> None:
    """The finding is named where it is flagged only."""
    assert [
        "Flagged: possible stroke",
        "Not flagged",
        "Uncertain: please review",
        "Not judged",
    ] == [name_outcome(one, "stroke") for one in OUTCOMES]


def test_review_marks_results_without_a_clear_answer_and_parts_of_studies() -> None:
    """A flag has a clear answer; an incomplete study is marked whatever its outcome."""
    assert [False, False, True, True] == [needs_review(one, ()) for one in OUTCOMES]
    assert [True] * 4 == [needs_review(one, ("Slices are missing.",)) for one in OUTCOMES]
    assert Conclusion("flagged", incomplete=("Slices are missing.",)).review


@pytest.mark.parametrize(
    ("pytorch", "keras", "expected", "reasons"),
    [
        ("flagged", "flagged", "flagged", ()),
        ("not_flagged", "not_flagged", "not_flagged", ()),
        (
            "flagged",
            "not_flagged",
            "uncertain",
            ("The networks disagree: PyTorch flagged it, Keras did not.",),
        ),
        ("uncertain", "flagged", "uncertain", ("The score of PyTorch is close to its threshold.",)),
        (
            "uncertain",
            "uncertain",
            "uncertain",
            ("The scores of PyTorch and Keras are close to their thresholds.",),
        ),
    ],
)
def test_all_networks_must_say_so(
    pytorch: Outcome, keras: Outcome, expected: Outcome, reasons: tuple[str, ...]
) -> None:
    """Only what both networks say is said; they agree only where each was sure."""
    found = conclude({"pytorch": pytorch, "keras": keras}, "score", n_networks=2)
    assert (expected, reasons, not reasons) == (found.outcome, found.reasons, found.agree)


def test_the_band_of_a_study_is_named() -> None:
    """It may lie wholly above the threshold, so "close to it" would mislead."""
    answers: dict[str, Outcome] = {"pytorch": "uncertain", "keras": "uncertain"}
    bands = {"pytorch": (0.591, 0.797), "keras": (0.68, 0.82)}
    assert (
        "The score of PyTorch is in its review band, 0.59 to 0.80.",
        "The score of Keras is in its review band, 0.68 to 0.82.",
    ) == conclude(answers, "score", bands=bands, n_networks=2).reasons


def test_bars_come_before_doubts_and_doubts_before_answers() -> None:
    """A barred scan is not judged, whatever else is wrong; each has the reasons of its own rule."""
    sure: dict[str, Outcome] = {"pytorch": "flagged", "keras": "flagged"}
    barred = conclude(sure, "score", bars=("Not axial.",), doubts=("A MIP.",), n_networks=2)
    assert Conclusion("not_judged", ("Not axial.",)) == barred
    doubtful = conclude(sure, "score", doubts=("A MIP.", "A MIP."), n_networks=2)
    assert Conclusion("uncertain", ("A MIP.",)) == doubtful
    near = conclude({"keras": "uncertain"}, "probability", doubts=("A MIP.",), n_networks=1)
    assert ("The probability of Keras is close to its threshold.", "A MIP.") == near.reasons


@pytest.mark.parametrize("expected", ["flagged", "not_flagged"])
def test_an_incomplete_study_keeps_its_outcome(expected: Outcome) -> None:
    """The gaps are added, hide no outcome, and ask for review."""
    answers: dict[str, Outcome] = {"pytorch": expected, "keras": expected}
    found = conclude(answers, "score", incomplete=("Slices are missing.",), n_networks=2)
    assert Conclusion(expected, (), ("Slices are missing.",), agree=True) == found
    assert found.review


def test_one_network_agrees_with_nobody() -> None:
    """Agreement takes two networks that were both judged."""
    answers: dict[str, Outcome] = {"keras": "flagged"}
    assert [False, False] == [conclude(answers, "score", n_networks=n).agree for n in (1, 2)]
