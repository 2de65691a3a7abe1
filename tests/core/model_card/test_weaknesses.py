"""Robustness, subgroups, failures, and what is not available."""

from __future__ import annotations

import dataclasses
from dataclasses import replace
from pathlib import Path

import pandas as pd

from core.datasets.kaggle import KNOWN_DATASET
from core.evaluation.subgroups import measure_subgroups
from core.experiments import add_files
from core.measurements.gate_figures import store_gate
from core.model_card import weaknesses
from core.model_card.facts import Facts, gather_facts
from core.model_card.markdown import format_figure
from tests.builders import write_tiny_experiment
from tests.core.model_card.conftest import add_tables, cells


def test_what_was_not_measured_is_named(facts: Facts) -> None:
    """Without their tables robustness, subgroups and gate are not available, and listed as missing."""
    assert weaknesses.describe_robustness(facts).startswith("**Not available:**")
    assert weaknesses.describe_subgroups(facts).startswith("**Not available:**")
    assert weaknesses.describe_gate(facts).startswith("**Not available:** not measured")
    missing = weaknesses.describe_missing(facts)
    for what in (
        "Robustness",
        "Subgroups",
        "Input check",
        "External validation",
        "Agreement between readers",
    ):
        assert what == cells(missing, what)[0]


def test_robustness_is_given(measured: Facts) -> None:
    """Each perturbation has its AUROC for each network; a missing figure is called not estimable."""
    text = weaknesses.describe_robustness(measured)
    assert ["unchanged", "0.90", "0.90"] == cells(text, "unchanged")
    assert ["noise, SD 10 % of the gray range", "0.71", "0.71"] == cells(
        text, "noise, SD 10 % of the gray range"
    )
    assert ["scale 0.9", "not estimable", "not estimable"] == cells(text, "scale 0.9")
    assert ["slices or patients", "96", "96"] == cells(text, "slices or patients")
    assert "sample" not in text
    assert "| Robustness |" not in weaknesses.describe_missing(measured)


def test_a_sample_is_called_one(models: Path) -> None:
    """Robustness of fewer than all held-out slices is called that of a sample."""
    experiment = add_tables(write_tiny_experiment(models), n=40)
    text = weaknesses.describe_robustness(gather_facts(experiment, 20))
    assert "a sample of 40 of the 96 test slices" in text


def test_intervals_of_robustness_are_given(measured: Facts) -> None:
    """Measured intervals are next to the figure; otherwise the text says that there are none."""
    assert "Single measurements, without intervals." in weaknesses.describe_robustness(measured)
    table = measured.experiment.robustness()
    assert table is not None
    table = table.assign(auroc_low=0.61, auroc_high=0.95, auroc_reason="")
    changed = add_files(measured.experiment, {"robustness.csv": table.to_csv(index=False).encode()})
    text = weaknesses.describe_robustness(gather_facts(changed, 20))
    assert ["unchanged", "0.90 [0.61-0.95]", "0.90 [0.61-0.95]"] == cells(text, "unchanged")
    assert "In brackets: 95 % intervals" in text


def test_subgroups_are_those_of_the_evaluation(measured: Facts) -> None:
    """The rows are computed by core.evaluation.subgroups on the calibrated held-out slices."""
    properties = measured.experiment.properties()
    assert properties is not None
    tested = measured.tested.merge(properties, on="file")
    (expected, *_) = measure_subgroups(
        tested["label"], tested["pytorch"], tested["patient"], tested["level"], order=("base",),
        n_resamples=50,
    )  # fmt: skip
    kind, title, row = weaknesses.find_subgroups(measured)[0]
    assert ("region", "PyTorch", expected) == (kind, title, row)
    text = weaknesses.describe_subgroups(measured)
    assert f"| {expected['positives']} | {format_figure(expected['auroc'])} |" in text
    assert "The region of 1 slice is unknown." in text


def test_the_worst_subgroup_is_named(measured: Facts) -> None:
    """The failures name the subgroup with the lowest AUROC of each network."""
    groups = [entry for entry in weaknesses.find_subgroups(measured) if entry[1] == "Keras"]
    known = [entry for entry in groups if entry[2]["auroc"]["value"] is not None]
    assert len(known) < len(groups)
    kind, _, worst = min(known, key=lambda entry: entry[2]["auroc"]["value"])
    assert (
        f'Keras: lowest AUROC in the subgroup "{worst["group"]}" ({kind}),'
        in weaknesses.describe_failures(measured)
    )


def test_refusals_are_given(measured: Facts) -> None:
    """Each kind has its shares with intervals; unreadable files and the bias are named."""
    text = weaknesses.describe_gate(measured)
    shares = ["190: 95.0 % [91.0-97.6]", "9: 4.5 % [2.1-8.4]", "1: 0.5 % [0.0-2.8]"]
    assert ["head CT", "200", *shares] == cells(text, "head CT")
    shares = ["1: 5.0 % [0.1-24.9]", "3: 15.0 % [3.2-37.9]", "16: 80.0 % [56.3-94.3]"]
    assert ["anything else", "20", *shares] == cells(text, "anything else")
    assert "3 files could not be read" in text
    assert "limits of the check**; these results are too optimistic. Heads and cats." in text
    assert "images kept aside are not recorded" in text
    assert "| Input check |" not in weaknesses.describe_missing(measured)


def test_images_kept_aside_have_figures_of_their_own(measured: Facts) -> None:
    """Images kept aside have their own paragraph, after the development images."""
    rows = measured.experiment.gate().assign(images="kept_aside", what="Dogs.", n=4, read=1, warn=1, refuse=2)
    kept_aside = dataclasses.replace(measured, experiment=store_gate(measured.experiment, rows))
    text = weaknesses.describe_gate(kept_aside)
    _, after = text.split("**Images kept aside** while the limits were set. Dogs.")
    assert "2: 50.0 %" in cells(after, "head CT")[-1]
    assert "not recorded" not in text


def test_what_was_left_out_of_learning_is_given_by_source(measured: Facts) -> None:
    """Slices judged by features alone have their own paragraph; sources are named."""
    rows = measured.experiment.gate().assign(images="left_out", what="Each.", n=4, read=2, warn=1, refuse=1)
    source = rows[rows["kind"] == "head_ct"].assign(kind="head_ct: north")
    learned = store_gate(measured.experiment, pd.concat([rows, source]))
    text = weaknesses.describe_gate(dataclasses.replace(measured, experiment=learned))
    _, after = text.split("**Images left out** while the regression was fitted. Each.")
    assert ["north", "4", "2: 50.0 %"] == [cell.split(" [")[0] for cell in cells(after, "north")[:3]]
    assert 2 == text.count("3 files could not be read")


def test_failures_are_counted(facts: Facts) -> None:
    """Missed slices and false alarms are those of the confusion matrices."""
    confusion = facts.level("keras")["confusion"]
    counts = facts.level("keras")["review"]["counts"]
    numbers = [confusion["fn"], confusion["fp"], counts["fn"], counts["fp"]]
    text = weaknesses.describe_failures(facts)
    assert ["Keras", *map(str, numbers)] == cells(text, "Keras")
    wrong = [
        (facts.tested[name] >= facts.experiment.threshold(name)) != facts.tested["label"]
        for name in facts.titles
    ]
    both, either = (wrong[0] & wrong[1]).sum(), (wrong[0] | wrong[1]).sum()
    assert f"Of {either} slices that at least one network misreads, both misread {both}." in text
    missed = facts.level("keras", "patient")["confusion"]["fn"]
    assert f"Keras: {missed} of 6 positive patients missed" in text


def test_patients_are_named_for_the_published_set_only(facts: Facts, models: Path) -> None:
    """Patients with the most errors are named only for the public data set."""
    text = weaknesses.describe_failures(facts)
    assert "their numbers are not public" in text
    assert "| patient |" not in text
    known = gather_facts(
        write_tiny_experiment(models, "known", fingerprint=KNOWN_DATASET["fingerprint"], calibrated=True), 20
    )
    wrong = sum(sum(map(int, known.errors(framework)[kind])) for framework in known.titles for kind in (0, 1))
    text = weaknesses.describe_failures(known)
    assert f"of all {wrong} errors (patient numbers of the public data set)" in text
    assert "| patient | slices |" in text


def test_no_error_is_no_table(facts: Facts) -> None:
    """If every slice is read correctly, no patient is listed."""
    perfect = facts.tested.assign(**{name: facts.tested["label"].astype(float) for name in facts.titles})
    assert "No slice is misread." in weaknesses.describe_failures(replace(facts, tested=perfect))
