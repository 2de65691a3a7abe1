"""What the networks are for, and where their data, labels and partitions come from."""

from __future__ import annotations

from core.datasets import KNOWN_DATASET
from core.evaluation import PATIENT_SCORE
from core.model_card.facts import Facts
from core.model_card.markdown import figure_table, table
from core.model_card.prose import render

_PARTS = ("train", "validation", "test")


def list_warnings(facts: Facts) -> list[str]:
    """Return what a reader must know before the first figure; empty for an honest task."""
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
    )


def describe_use(facts: Facts) -> str:
    """Return aim, users and role, and what the networks are not for."""
    return render("intended-use", facts=facts)


def describe_data(facts: Facts) -> str:
    """Return source, licence, fingerprint, counts, and what was left out."""
    return render("data", facts=facts, data=facts.card["dataset"], known=KNOWN_DATASET)


def describe_labels(facts: Facts) -> str:
    """Return what a positive is, who said so, and how that is known."""
    return render("labels", facts=facts, cross_table=_cross_labels(facts) if facts.knows_slices else "")


def describe_partitions(facts: Facts) -> str:
    """Return how slices were parted, at which level, and what each part holds."""
    rows = []
    for fold in facts.folds:
        for part in _PARTS:
            members = facts.slices[facts.slices[fold] == part]
            patients = members.groupby("patient")["label"].max()
            rows.append(
                [
                    fold.removeprefix("fold_"),
                    part,
                    str(len(members)),
                    str(int(members["label"].sum())),
                    str(len(patients)) if facts.knows_patients else "unknown",
                    str(int(patients.sum())) if facts.knows_patients else "unknown",
                ]
            )
    heads = ["fold", "part", "slices", "positive slices", "patients", "positive patients"]
    return render("partitions", facts=facts, parts=table(heads, rows))


def describe_availability(facts: Facts) -> str:
    """Return who may get what."""
    return render("availability", facts=facts)


def _conclude(facts: Facts) -> list[str]:
    """Return what the ranking shows of new patients; nothing where training may hold patients of the test."""
    if facts.shared is None or facts.shared > 0:
        return []
    told: dict[str, list[str]] = {}
    for framework, title in facts.titles.items():
        interval = facts.level(framework)["auroc"]["interval"]
        if interval is None:
            verdict = "it cannot be told whether slices of new patients are ranked better than chance"
        elif interval[0] > 0.5:
            verdict = "slices of new patients are ranked better than chance"
        else:
            verdict = "slices of new patients are not shown to be ranked better than chance"
        told.setdefault(verdict, []).append(title)
    return [f"{verdict} by {' and '.join(who)}" for verdict, who in told.items()]


def _share_in_folder(facts: Facts) -> float:
    """Return the share of the positive folder's slices that are positive themselves; NaN where unknown."""
    return float(facts.slices[facts.slices["folder_label"] == 1]["slice_label"].mean())


def _cross_labels(facts: Facts) -> str:
    """Return folder labels against slice labels, where both are known."""
    rows = []
    for folder, name in ((0, "negative"), (1, "positive")):
        own = facts.slices[facts.slices["folder_label"] == folder]["slice_label"]
        rows.append([f"{name} folder", str(int((own == 0).sum())), str(int((own == 1).sum()))])
    return table(["", "slices without hemorrhage", "slices with hemorrhage"], rows)
