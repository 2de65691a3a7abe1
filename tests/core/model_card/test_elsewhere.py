"""The results on scans from elsewhere, on the model card and in README."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.evaluation import evaluate_experiment as evaluate
from core.experiments import Experiment
from core.model_card import claim, elsewhere, weaknesses
from core.model_card.elsewhere import describe_elsewhere, tabulate_trials, tabulate_validations
from core.model_card.facts import Facts, gather_facts
from core.model_card.markdown import format_figure
from core.model_card.readme_table import render_elsewhere
from core.validation import make_record, try_calibration
from tests.builders import write_tiny_experiment, write_tiny_validation
from tests.core.model_card.conftest import N_RESAMPLES, cells

_MAIN = (("auroc", "number"), ("recall", "share"), ("specificity", "share"))


@pytest.fixture
def validated(models: Path) -> Facts:
    """Facts of a tiny experiment with a validation of two sources, and one without positive slices."""
    experiment = write_tiny_experiment(models, calibrated=True)
    write_tiny_validation(experiment, sources=("north", "south"))
    write_tiny_validation(experiment, "quiet", sources=("west",), labels=(0,), patients_known=False)
    return gather_facts(experiment, N_RESAMPLES)


def test_without_a_validation_the_section_says_how_to_make_one(facts: Facts) -> None:
    """The section names the command, and external validation is listed as missing."""
    assert "python -m core validate tiny DATA" in describe_elsewhere(facts)
    assert "External validation" == cells(weaknesses.describe_missing(facts), "External validation")[0]
    assert "not available" == cells(claim.describe_claim(facts), "33")[2]


def test_each_validation_has_its_figures_and_terms(validated: Facts) -> None:
    """Figures are those of the record; terms, notes and reasons of the input check are given."""
    text = describe_elsewhere(validated)
    for one in validated.validated:
        for framework, title in validated.titles.items():
            level = one.record["there"][framework]["slice"]
            assert format_figure(level["brier"], "fine") in text
            row = [one.title, title, f"{level['n']} ({level['positives']})"]
            row += [format_figure(level[key], style) for key, style in _MAIN]
            assert f"| {' | '.join(row)} |" in text
        assert all(f"- {note}" in text.replace("\\", "") for note in one.record["notes"])
    assert ["elsewhere", "West"] == [one.title for one in validated.validated]
    assert "- West. Terms: Invented." in text
    assert "not estimable: it needs at least 20 positive slices; there are 0" in text
    assert "| source | south | Keras |" in text
    assert "- No bone is visible: 1 slice\n" in text


def test_external_validation_is_no_longer_missing(validated: Facts) -> None:
    """CLAIM item 33 is covered, and the list of what is missing does not name it."""
    assert "External validation" not in weaknesses.describe_missing(validated)
    assert "covered" == cells(claim.describe_claim(validated), "33")[2]


def test_the_table_for_documents_ends_with_home(tiny: Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows are those of the validation, then those at home; the short table lacks some columns."""
    monkeypatch.setattr(elsewhere, "evaluate_experiment", lambda one: evaluate(one, n_resamples=N_RESAMPLES))
    assert "" == tabulate_validations(tiny)
    assert "No validation is stored." == render_elsewhere([tiny])
    validation = write_tiny_validation(tiny)
    lines = tabulate_validations(tiny).splitlines()
    assert ["North", "North", "at home, out of sample", "at home, out of sample"] == [
        line.split(" | ")[0].strip("| ") for line in lines[2:]
    ]
    record = make_record(tiny, validation, N_RESAMPLES)
    assert f"| {format_figure(record['there']['keras']['slice']['auroc'])} |" in lines[3]
    assert f"{record['gate']['refuse']} of {record['gate']['n']} |" in lines[2]
    assert len(tabulate_validations(tiny, short=True).splitlines()[0]) < len(lines[0])
    assert tabulate_validations(tiny, short=True) == render_elsewhere([tiny], short=True)


def test_a_trial_of_a_site_calibration_is_shown(models: Path) -> None:
    """Card, site and change of the stored trial stand in the section of the model card."""
    experiment = write_tiny_experiment(models, calibrated=True)
    validation = write_tiny_validation(experiment, n_patients=40, parts=("", "", "kept"))
    trial = try_calibration(experiment, validation, 20, n_draws=5, n_resamples=N_RESAMPLES)
    row = ["North", "20 patients", "72 (36)", "Keras", "sensitivity (recall)"]
    model = trial["models"]["keras"]
    row += [format_figure(model[side]["recall"], "share") for side in ("before", "after")]
    row.append(format_figure(model["difference"]["recall"], "points"))
    line = f"| {' | '.join(row)} |"
    facts = gather_facts(experiment, N_RESAMPLES)
    assert line in describe_elsewhere(facts)
    assert line in tabulate_trials(experiment, facts.validated)
    assert "" == tabulate_trials(experiment, ())
