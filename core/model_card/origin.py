"""The purpose of the networks, and the origin of their data, labels and partitions."""

from __future__ import annotations

from core.datasets import KNOWN_DATASET
from core.evaluation import PATIENT_SCORE
from core.model_card.facts import Facts
from core.model_card.markdown import figure_table, number, render, table
from core.model_card.sources import summarize_outcomes

_PARTS = ("train", "validation", "test")


def list_warnings(facts: Facts) -> list[str]:
    """Return the warnings to be read before the first figure; may be empty."""
    found = render("warnings", facts=facts, share_in_folder=_share_in_folder(facts))
    return found.split("\n\n") if found else []


def describe_overview(facts: Facts) -> str:
    """Return design, data and main figures in a few lines."""
    columns = {
        f"{title}, {level}s": facts.level(framework, level)
        for framework, title in facts.titles.items()
        for level in ("slice", "patient")
    }
    return render(
        "in-short",
        facts=facts,
        slices=facts.level(facts.experiment.frameworks[0]),
        figures=figure_table(
            [
                ("auroc", "AUROC", "number"),
                ("average_precision", "average precision", "number"),
                ("recall", "sensitivity", "share"),
                ("specificity", "specificity", "share"),
            ],
            columns,
        ),
        interval=facts.record["interval"],
        patient_score=PATIENT_SCORE,
        verdicts=_conclude(facts),
        outcomes=summarize_outcomes(facts.experiment),
    )


def describe_use(facts: Facts) -> str:
    """Return aim, users and role, and what the networks are not for."""
    return render("intended-use", facts=facts)


def describe_data(facts: Facts) -> str:
    """Return source, license, fingerprint, counts and exclusions."""
    return render("data", facts=facts, data=facts.card["dataset"], known=KNOWN_DATASET)


def describe_labels(facts: Facts) -> str:
    """Return the meaning of a positive label, its readers and its origin."""
    return render("labels", facts=facts, cross_table=_cross_labels(facts) if facts.knows_slices else "")


def describe_partitions(facts: Facts) -> str:
    """Return the split, the unit it keeps apart, and the counts of each partition."""
    rows = []
    for fold in facts.folds:
        for part in _PARTS:
            members = facts.slices[facts.slices[fold] == part]
            patients = members.groupby("patient")["label"].max()
            rows.append(
                [
                    str(int(fold.removeprefix("fold_")) + 1),
                    part,
                    number(len(members)),
                    number(int(members["label"].sum())),
                    str(len(patients)) if facts.knows_patients else "unknown",
                    str(int(patients.sum())) if facts.knows_patients else "unknown",
                ]
            )
    heads = ["fold", "partition", "slices", "positive slices", "patients", "positive patients"]
    return render("partitions", facts=facts, parts=table(heads, rows))


def describe_availability(facts: Facts) -> str:
    """Return the availability of software, networks and data."""
    return render("availability", facts=facts)


def _conclude(facts: Facts) -> list[str]:
    """Return what AUROC shows for new patients; empty if test patients are or may be in training."""
    if facts.shared is None or facts.shared > 0:
        return []
    by_verdict: dict[str, list[str]] = {}
    for framework, title in facts.titles.items():
        interval = facts.level(framework)["auroc"]["interval"]
        if interval is None:
            verdict = "It is unknown whether {} can separate"
        elif interval[0] > 0.5:
            verdict = "{} can separate"
        else:
            verdict = "It is not shown that {} can separate"
        by_verdict.setdefault(verdict, []).append(title)
    what = "better than chance, positive from negative slices of patients not used in training"
    return [f"{verdict.format(' and '.join(who))}, {what}." for verdict, who in by_verdict.items()]


def _share_in_folder(facts: Facts) -> float:
    """Return the share of the positive folder's slices that are positive themselves; NaN if unknown."""
    return float(facts.slices[facts.slices["folder_label"] == 1]["slice_label"].mean())


def _cross_labels(facts: Facts) -> str:
    """Return the table of folder labels against slice labels, for slices with both."""
    rows = []
    names = ("Normal", "Stroke") if facts.is_known else ("negative", "positive")
    for folder, name in enumerate(names):
        own = facts.slices[facts.slices["folder_label"] == folder]["slice_label"]
        rows.append([f"{name} folder", number(int((own == 0).sum())), number(int((own == 1).sum()))])
    return table(["", "slices without hemorrhage", "slices with hemorrhage"], rows)
