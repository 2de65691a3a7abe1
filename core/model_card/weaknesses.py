"""Where the networks fail, and what nobody knows about them."""

from __future__ import annotations

from typing import Any

import pandas as pd

from core.evaluation import LEVELS, patient_level, patient_names
from core.gate import FAMILIARITY_FILE
from core.imaging import Perturbation
from core.measurements import GATE_TABLE, KINDS, OUTCOMES, draw_shares
from core.model_card.facts import Facts
from core.model_card.markdown import bullets, count, paragraphs, percent, plain, table, tell

_KINDS = {"level": "level of the head", "brightness": "brightness"}
_WORST = 5
_IMAGES = {
    "development": "**Images that the gate's limits were set on**, so that these figures are too good.",
    "kept_aside": "**Images kept aside** while the limits were set.",
}


def describe_robustness(facts: Facts) -> str:
    """AUROC under each perturbation; not available where it was not measured."""
    if not facts.holds("robustness.csv"):
        name = facts.experiment.name
        return (
            "**Not available:** not measured for this experiment. With the data set and both frameworks, "
            f"`python -m core robustness {name}` measures it."
        )
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
            cells.setdefault(change, {})[column] = tell(one["auroc"])
    rows = [
        [change, *(own.get(column, "not estimable") for column in found)] for change, own in cells.items()
    ]
    rows.append(["rows", *(str(conditions[0]["n"]) for conditions in found.values())])
    measured = [one for conditions in found.values() for one in conditions]
    with_intervals = any(one["auroc"]["interval"] for one in measured)
    n_slices = max((found[column][0]["n"] for column in found if column[1] == "slice"), default=0)
    sample = (
        f" Measured on a sample of {n_slices} of the {len(facts.tested)} held-out slices, so the unchanged "
        "figures differ from those under Results."
        if n_slices < len(facts.tested)
        else ""
    )
    told = (
        "In brackets: 95 % intervals by bootstrap."
        if with_intervals
        else "Single measurements, without intervals."
    )
    return paragraphs(
        "AUROC of held-out slices that were changed before anything else, each scored by the network of its "
        f"own fold. {told}{sample}",
        table(["", *(f"{title}, {level}" for title, level in found)], rows),
    )


def describe_subgroups(facts: Facts) -> str:
    """AUROC by level of the head and by brightness; not available where slices were not looked at."""
    groups = find_subgroups(facts)
    if not groups:
        return "**Not available:** place in the head and brightness of the slices were not measured."
    rows = [
        [
            kind,
            row["group"],
            title,
            str(row["n"]),
            "unknown" if row["n_patients"] is None else str(row["n_patients"]),
            str(row["positives"]),
            tell(row["auroc"])
            if row["auroc"]["value"] is not None
            else f"not estimable: {plain(row['auroc']['reason'])}",
        ]
        for kind, title, row in groups
    ]
    one = next(iter(facts.titles.values()))
    placed = sum(row["n"] for kind, title, row in groups if (kind, title) == (_KINDS["level"], one))
    unknown = len(facts.tested) - placed
    return paragraphs(
        "Slices by their third of the series from base to vertex, and by the brightness of soft tissue. The "
        "thirds are of what was scanned, not anatomical landmarks; they were read off the pictures.",
        table(["by", "group", "", "slices", "patients", "positive", "AUROC"], rows),
        f"{count(unknown, 'slice')} could not be placed in the head." if unknown else "",
    )


def find_subgroups(facts: Facts) -> list[tuple[str, str, dict[str, Any]]]:
    """(kind, framework's title, GROUP of the record) of each group of slices; none where not measured."""
    if not facts.holds("properties.csv"):
        return []
    return [
        (words, title, row)
        for kind, words in _KINDS.items()
        for framework, title in facts.titles.items()
        for row in facts.level(framework)["subgroups"][kind]
    ]


def describe_failures(facts: Facts) -> str:
    """Counts of errors, errors shared by the networks, the patients and subgroups with most of them."""
    rows, wrong = [], []
    for framework, title in facts.titles.items():
        missed, alarms = facts.errors(framework)
        wrong.append(missed | alarms)
        review = facts.level(framework)["review"].get("counts")
        decided = ["-", "-"] if review is None else [str(review["fn"]), str(review["fp"])]
        rows.append([title, str(int(missed.sum())), str(int(alarms.sum())), *decided])
    shared = ""
    if len(wrong) > 1:
        both = int((wrong[0] & wrong[1]).sum())
        either = int((wrong[0] | wrong[1]).sum())
        shared = f"{both} of {count(either, 'slice')} that either network gets wrong are wrong in both."
    return paragraphs(
        "Slices, at the default operating point; on the right those outside the review band:",
        table(["", "missed", "false alarms", "missed, decided", "false alarms, decided"], rows),
        shared,
        _worst_patients(facts),
        _missed_patients(facts),
        _worst_subgroups(facts),
        "Why single slices fail was not examined by a radiologist.",
    )


def _worst_patients(facts: Facts) -> str:
    """The patients with most errors, named only where their numbers are public."""
    names = patient_names(facts.tested)
    if names is None:
        return "Patients are unknown, so errors cannot be counted by patient."
    errors = pd.DataFrame({"patient": names, "positive": facts.tested["label"].to_numpy()})
    for framework in facts.titles:
        errors[f"{framework}_fn"], errors[f"{framework}_fp"] = facts.errors(framework)
    sums = errors.groupby("patient").sum()
    kinds = [name for name in sums if name != "positive"]
    sums["slices"] = errors["patient"].value_counts()
    sums["errors"] = sums[kinds].sum(axis=1)
    # The name decides between patients with as many errors, so that the order is always the same.
    worst = sums.reset_index().sort_values(["errors", "patient"], ascending=[False, True]).head(_WORST)
    worst, total = worst[worst["errors"] > 0], int(sums["errors"].sum())
    if not total:
        return "No slice is read wrongly."
    share = percent(worst["errors"].sum() / total)
    told = f"The {count(len(worst), 'patient')} with most errors hold {share} of all {total} errors"
    if not facts.is_known:
        return f"{told}. Which ones is left out: their numbers are not public."
    rows = [
        [plain(row["patient"]), str(row["slices"]), str(row["positive"]), *(str(row[kind]) for kind in kinds)]
        for row in worst.to_dict("records")
    ]
    heads = [f"{title}, {kind}" for title in facts.titles.values() for kind in ("missed", "false alarms")]
    return paragraphs(
        f"{told} (numbers are those of the public data set):",
        table(["patient", "slices", "positive", *heads], rows),
    )


def _missed_patients(facts: Facts) -> str:
    """How many patients are misread as a whole."""
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
            f"{title}, patients: {len(missed)} of {int(labels.sum())} positive ones missed{which}, "
            f"{len(alarms)} of {int((labels == 0).sum())} negative ones called positive."
        )
    return bullets(lines)


def _order(name: str) -> tuple[int, str]:
    """Numbers by size, before other names."""
    return (int(name), "") if name.isdecimal() else (1_000_000_000, name)


def _worst_subgroups(facts: Facts) -> str:
    groups = [entry for entry in find_subgroups(facts) if entry[2]["auroc"]["value"] is not None]
    lines = []
    for title in facts.titles.values():
        own = [entry for entry in groups if entry[1] == title]
        if own:
            kind, _, worst = min(own, key=lambda entry: entry[2]["auroc"]["value"])
            lines.append(
                f"{title} ranks worst by {kind} in the group {worst['group']}: AUROC {tell(worst['auroc'])}."
            )
    return bullets(lines)


def describe_gate(facts: Facts) -> str:
    """Shares of slices that the gate reads, warns of and refuses; not available where it was not measured."""
    counts = facts.experiment.gate()
    if counts is None:
        name = facts.experiment.name
        return (
            "**Not available:** not measured for this experiment. "
            f"`python -m core gate {name} --head-ct DIR --other DIR` measures it."
        )
    parts = [
        "Before an answer is shown a gate looks at the picture of each slice"
        + (", and at what the networks' features say of it. " if facts.holds(FAMILIARITY_FILE) else ". ")
        + "In brackets: 95 % intervals by Clopper and Pearson; they take slices as independent, which those "
        "of one patient are not, so they are too narrow."
    ]
    for images, rows in counts.groupby("images", sort=True):
        parts.append(f"{_IMAGES[str(images)]} {plain(rows['what'].iloc[0])}".rstrip())
        parts.append(_tell_shares(draw_shares(rows)))
    if "kept_aside" not in set(counts["images"]):
        parts.append("What it does on images kept aside is not in the record.")
    return paragraphs(*parts)


def _tell_shares(shares: dict[str, dict[str, Any]]) -> str:
    titles = dict(zip(KINDS, ("head CT", "anything else"), strict=True))
    rows = [
        [
            titles[kind],
            str(one["n"]),
            *(f"{one[outcome]['count']}: {tell(one[outcome], 'fine share')}" for outcome in OUTCOMES),
        ]
        for kind, one in shares.items()
    ]
    unreadable = sum(one["unreadable"] for one in shares.values())
    return paragraphs(
        table(["", "slices", "read", "read with a warning", "refused"], rows),
        f"{count(unreadable, 'file')} could not be read and stand in no share." if unreadable else "",
    )


def describe_limits(facts: Facts) -> str:
    """The limits on the card."""
    return bullets(plain(limit) for limit in facts.card["limits"])


def describe_missing(facts: Facts) -> str:
    """What a careful reader would ask for and nobody can give."""
    rows = [
        ["External validation", "no other data set was measured with this experiment"],
        ["Age, sex, ethnicity", "not in the record; so no figure by any of them"],
        ["Scanner, dose, kernel, slice thickness", "not in the record; so no figure by any of them"],
        ["Agreement between readers", "no reader's own labels are in the record"],
        ["Comparison with a human reader", "nobody has read these slices beside the networks"],
        ["Effect on care", "the networks were never used in care"],
        ["Drift over time", "dates of the examinations are not in the record"],
    ]
    if facts.protocol["folds"] > 1:
        rows.append(["Figures of the served mean", "each slice was seen by some of its networks in training"])
    if not facts.holds("robustness.csv"):
        rows.append(["Robustness", "not measured for this experiment"])
    if not facts.holds("properties.csv"):
        rows.append(["Subgroups", "brightness and place in the head were not measured"])
    if not facts.holds(GATE_TABLE):
        rows.append(["What is refused", "the gate was not measured for this experiment"])
    if not facts.knows_patients:
        rows.append(["Figures per patient", "patients are unknown"])
    return table(["not available", "why"], rows)
