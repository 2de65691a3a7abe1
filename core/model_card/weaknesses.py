"""The weaknesses on a model card: robustness, subgroups, failures, refusals, limits and gaps."""

from __future__ import annotations

from typing import Any

import pandas as pd

from core.evaluation import LEVELS, patient_level, patient_names
from core.experiments import list_limits
from core.imaging import Perturbation
from core.measurements import GATE_TABLE, KINDS, OUTCOMES, compute_shares
from core.model_card.facts import Facts
from core.model_card.markdown import bullets, format_figure, number, plain, render, table

_KINDS = {"level": "region", "brightness": "brightness"}
_WORST = 5


def describe_robustness(facts: Facts) -> str:
    """Return AUROC under each perturbation, if it was measured."""
    if not facts.has_table("robustness.csv"):
        return render("robustness", facts=facts, found="")
    found = {
        (title, level): part["conditions"]
        for framework, title in facts.titles.items()
        for level in LEVELS
        if "reason" not in (part := facts.level(framework, level)["robustness"])
    }
    cells: dict[str, dict[tuple[str, str], str]] = {}
    for column, conditions in found.items():
        for one in conditions:
            change = Perturbation(one["perturbation"], one["amount"]).title
            cells.setdefault(change, {})[column] = format_figure(one["auroc"])
    rows = [
        [change, *(own.get(column, "not estimable") for column in found)] for change, own in cells.items()
    ]
    rows.append(["slices or patients", *(number(conditions[0]["n"]) for conditions in found.values())])
    measured = [one for conditions in found.values() for one in conditions]
    return render(
        "robustness",
        facts=facts,
        found=table(["", *(f"{title}, {level}" for title, level in found)], rows),
        n_slices=max((found[column][0]["n"] for column in found if column[1] == "slice"), default=0),
        with_intervals=any(one["auroc"]["interval"] for one in measured),
    )


def describe_subgroups(facts: Facts) -> str:
    """Return AUROC by region of the head and by brightness, if they were measured."""
    groups = find_subgroups(facts)
    if not groups:
        return render("subgroups", groups="")
    rows = [
        [
            kind,
            row["group"],
            title,
            number(row["n"]),
            "unknown" if row["n_patients"] is None else number(row["n_patients"]),
            number(row["positives"]),
            format_figure(row["auroc"])
            if row["auroc"]["value"] is not None
            else f"not estimable: {plain(row['auroc']['reason'])}",
        ]
        for kind, title, row in groups
    ]
    one = next(iter(facts.titles.values()))
    placed = sum(row["n"] for kind, title, row in groups if (kind, title) == (_KINDS["level"], one))
    return render(
        "subgroups",
        groups=table(["by", "group", "", "slices", "patients", "positive", "AUROC"], rows),
        n_unplaced=len(facts.tested) - placed,
    )


def find_subgroups(facts: Facts) -> list[tuple[str, str, dict[str, Any]]]:
    """Return (kind, framework's title, GROUP of the record) of each group of slices, if measured."""
    if not facts.has_table("properties.csv"):
        return []
    return [
        (words, title, row)
        for kind, words in _KINDS.items()
        for framework, title in facts.titles.items()
        for row in facts.level(framework)["subgroups"][kind]
    ]


def describe_failures(facts: Facts) -> str:
    """Return the errors: counts, those shared by the networks, and the worst patients and subgroups."""
    rows, wrong = [], []
    for framework, title in facts.titles.items():
        missed, alarms = facts.errors(framework)
        wrong.append(missed | alarms)
        review = facts.level(framework)["review"].get("counts")
        decided = ["-", "-"] if review is None else [number(review["fn"]), number(review["fp"])]
        rows.append([title, number(int(missed.sum())), number(int(alarms.sum())), *decided])
    shared = None
    if len(wrong) > 1:
        shared = int((wrong[0] & wrong[1]).sum()), int((wrong[0] | wrong[1]).sum())
    return render(
        "failures",
        errors=table(
            [
                "",
                "missed",
                "false alarms",
                "missed, outside review band",
                "false alarms, outside review band",
            ],
            rows,
        ),
        shared=shared,
        worst_patients=_worst_patients(facts),
        missed_patients=_missed_patients(facts),
        worst_subgroups=_worst_subgroups(facts),
    )


def _worst_patients(facts: Facts) -> str:
    """Return the patients with the most errors, named only if their numbers are public."""
    names = patient_names(facts.tested)
    if names is None:
        return render("worst-patients", patients=None)
    errors = pd.DataFrame({"patient": names, "positive": facts.tested["label"].to_numpy()})
    for framework in facts.titles:
        errors[f"{framework}_fn"], errors[f"{framework}_fp"] = facts.errors(framework)
    sums = errors.groupby("patient").sum()
    kinds = [name for name in sums if name != "positive"]
    sums["slices"] = errors["patient"].value_counts()
    sums["errors"] = sums[kinds].sum(axis=1)
    # Patients with equally many errors are sorted by name, so that the order is always the same.
    worst = sums.reset_index().sort_values(["errors", "patient"], ascending=[False, True]).head(_WORST)
    worst, total = worst[worst["errors"] > 0], int(sums["errors"].sum())
    rows = [
        [plain(row["patient"]), str(row["slices"]), str(row["positive"]), *(str(row[kind]) for kind in kinds)]
        for row in worst.to_dict("records")
    ]
    heads = [f"{title}, {kind}" for title in facts.titles.values() for kind in ("missed", "false alarms")]
    return render(
        "worst-patients",
        facts=facts,
        patients=table(["patient", "slices", "positive", *heads], rows),
        n_worst=len(worst),
        total=total,
        share=worst["errors"].sum() / total if total else None,
    )


def _missed_patients(facts: Facts) -> str:
    """Return the numbers of positive patients missed and of negative patients called positive."""
    lines = []
    for framework, title in facts.titles.items():
        threshold = facts.level(framework, "patient")["threshold"]
        if threshold is None:
            continue
        labels, scores, names = patient_level(facts.tested, framework)
        missed = names[(labels == 1) & (scores < threshold)].tolist()
        alarms = names[(labels == 0) & (scores >= threshold)].tolist()
        which = f" ({', '.join(map(plain, sorted(missed, key=_order)))})" if facts.is_known and missed else ""
        lines.append(
            f"{title}: {len(missed)} of {int(labels.sum())} positive patients missed{which}, "
            f"{len(alarms)} of {int((labels == 0).sum())} negative patients called positive."
        )
    return bullets(lines)


def _order(name: str) -> tuple[int, str]:
    """Return a sort key: numbers by value, before other names."""
    return (int(name), "") if name.isdecimal() else (1_000_000_000, name)


def _worst_subgroups(facts: Facts) -> str:
    groups = [entry for entry in find_subgroups(facts) if entry[2]["auroc"]["value"] is not None]
    lines = []
    for title in facts.titles.values():
        own = [entry for entry in groups if entry[1] == title]
        if own:
            kind, _, worst = min(own, key=lambda entry: entry[2]["auroc"]["value"])
            lines.append(
                f'{title}: lowest AUROC in the subgroup "{worst["group"]}" ({kind}), '
                f"{format_figure(worst['auroc'])}."
            )
    return bullets(lines)


def describe_gate(facts: Facts) -> str:
    """Return the shares of slices that the gate reads, warns about and refuses, if they were measured."""
    table_of_counts = facts.experiment.gate()
    counts = None
    if table_of_counts is not None:
        counts = []
        for images, rows in table_of_counts.groupby("images", sort=True):
            shares = compute_shares(rows)
            unreadable = sum(shares[kind]["unreadable"] for kind in KINDS)
            counts.append((images, rows["what"].iloc[0], _format_shares(shares), unreadable))
    known = facts.experiment.familiarity()
    learned = known is not None and known.head_ct is not None
    return render("what-is-refused", facts=facts, learned=learned, counts=counts)


def _format_shares(shares: dict[str, dict[str, Any]]) -> str:
    titles = dict(zip(KINDS, ("head CT", "anything else"), strict=True))
    rows = [
        [
            titles[kind] if kind in titles else plain(kind.removeprefix("head_ct: ")),
            number(one["n"]),
            *(
                f"{number(one[outcome]['count'])}: {format_figure(one[outcome], 'fine share')}"
                for outcome in OUTCOMES
            ),
        ]
        for kind, one in shares.items()
    ]
    return table(["", "slices", "read", "read with a warning", "refused"], rows)


def describe_limits(facts: Facts) -> str:
    """Return the limits on the card."""
    return bullets(plain(limit) for limit in list_limits(facts.experiment))


def describe_missing(facts: Facts) -> str:
    """Return what a careful reader would expect but is not available, with the reasons."""
    return render("not-available", facts=facts, gate_table=GATE_TABLE)
