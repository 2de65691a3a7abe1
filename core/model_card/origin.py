"""What the networks are for, and where their data, labels and partitions come from."""

from __future__ import annotations

from core.datasets import KNOWN_DATASET
from core.evaluation import PATIENT_SCORE
from core.model_card.facts import Facts
from core.model_card.markdown import bullets, count, figure_table, paragraphs, percent, plain, table

_PARTS = ("train", "validation", "test")


def list_warnings(facts: Facts) -> list[str]:
    """What a reader must know before the first figure; empty for an honest task on patients kept apart."""
    found = []
    if facts.shared is None:
        found.append(
            "**Nobody can tell whether these figures leak.** It is unknown which slices belong to one "
            "patient, so slices of one patient may stand in training and in test."
        )
    elif facts.shared > 0:
        found.append(
            f"**These figures leak.** {percent(facts.shared)} of the test slices have a slice of the same "
            "patient in training. The networks can recognise the patient instead of the finding: the figures "
            "say nothing about new patients, and must not be quoted without this sentence."
        )
    if facts.protocol["labels"] == "folder":
        found.append(
            "**The label is the folder's, not what the slice shows.** Every slice carries its patient's "
            f"label. {_share_in_folder(facts)}"
        )
    return found


def describe_overview(facts: Facts) -> str:
    """Design, data and main figures in a few lines."""
    names = " and ".join(facts.titles.values())
    slices = facts.level(facts.experiment.frameworks[0])
    patients = f" of {count(slices['n_patients'], 'patient')}" if slices["n_patients"] else ""
    columns = {
        f"{title}, {level}s": facts.level(framework, level)
        for framework, title in facts.titles.items()
        for level in ("slice", "patient")
    }
    interval = facts.record["interval"]
    return paragraphs(
        f"Convolutional neural networks (deep learning; {names}) read single slices of head CT. "
        f"{plain(facts.experiment.meaning)} Retrospective; {count(slices['n'], 'held-out slice')}{patients}, "
        f"{slices['positives']} of them positive, each scored by a network that did not train on it.",
        figure_table(
            [
                ("auroc", "AUROC", "number"),
                ("average_precision", "average precision", "number"),
                ("recall", "sensitivity", "share"),
                ("specificity", "specificity", "share"),
            ],
            columns,
        ),
        f"In brackets: {100 * interval['level']:.0f} % intervals, {interval['method']} over "
        f"{interval['resampled']}, {interval['n_resamples']} resamples. A patient's score is "
        f"{PATIENT_SCORE}; a patient is positive if any slice is.",
        _conclude(facts),
    )


def describe_use(facts: Facts) -> str:
    """Aim, users and role, and what the networks are not for."""
    blind = (
        "No ischemic stroke: the data hold none, so the networks cannot see one."
        if facts.is_known
        else "No disease beyond what the two classes of its own data set stand for."
    )
    return paragraphs(
        "**Background.** Networks that read single CT slices are often published with a split by image, so "
        "that slices of one patient are on both sides. How far such figures hold for a new patient is asked "
        "here.",
        "**Aim.** To train the same network in each framework under one protocol, to compare them on the "
        "same held-out slices, and to state how far the figures can be trusted. No hypothesis was registered "
        "beforehand.",
        "**For whom.** Students, teachers, presenters and researchers. The networks have no role in care, "
        "neither as a first nor as a second reader.",
        "**Not for:**",
        bullets(
            [
                "No diagnosis, triage or treatment decision: this is not a medical device.",
                blind,
                "No other pictures than axial head-CT slices in a brain window; no outline, volume or age of "
                "a lesion.",
                "No statement on a whole examination: slices are read one by one, and a patient's score is "
                "no more than their mean.",
                "No population, scanner or window beyond those of the data, where nothing was measured.",
            ]
        ),
    )


def describe_data(facts: Facts) -> str:
    """Source, licence, fingerprint, counts, and what was left out."""
    data = facts.card["dataset"]
    n_patients = data.get("n_patients")
    rows = [
        ["name", KNOWN_DATASET["name"] if facts.is_known else "a data set of the user's own"],
        ["source", f"<{KNOWN_DATASET['url']}>" if facts.is_known else "not recorded"],
        [
            "licence",
            "unclear; the pictures are not part of this project" if facts.is_known else "not recorded",
        ],
        ["fingerprint (SHA-256)", f"`{plain(data['fingerprint'])}`"],
        ["slices", str(data["n_slices"])],
        ["positive slices", str(data.get("n_positive", "not recorded"))],
        ["patients", str(n_patients) if n_patients else "unknown"],
        ["unreadable files, left out", str(data.get("n_refused", "not recorded"))],
    ]
    origin = (
        "The pictures are those of PhysioNet CT-ICH (Hssayeni et al., Data 2020, 5(1):14; head CT after "
        "trauma, one hospital) under another name. How patients were selected there is told in that "
        "publication; it is not part of this data set."
        if facts.is_known
        else "Where the pictures come from and how patients were selected is not recorded."
    )
    return paragraphs(
        table(["", ""], rows),
        origin,
        bullets(
            [
                "Included: every readable picture of the two class folders; no subset was chosen.",
                "Missing data: a file that cannot be read is left out and counted above; a slice without a "
                "label cannot occur.",
                "De-identification: the pictures carry no names; how they were de-identified is not "
                "documented.",
                "Acquisition: scanner, dose, kernel, slice thickness and window are not in the data set.",
            ]
        ),
    )


def describe_labels(facts: Facts) -> str:
    """What a positive is, who said so, and how that is known."""
    if facts.protocol["labels"] == "slice":
        origin = (
            "**The slice's own label**, recovered by the file-number rule. In the original set each slice "
            "with a hemorrhage was followed by its mask, both numbered together; the masks were deleted. So "
            "a slice counts as positive if the number after its own is missing in its patient. It was "
            "chosen because the folder's label does not say what a slice shows."
        )
    else:
        origin = (
            "**The folder's label**, which is the patient's and is copied to every slice. It was chosen "
            "because published work on such sets uses it; it does not say what a slice shows."
        )
    labels = [plain(limit) for limit in facts.card["limits"] if "label" in limit]
    readers = (
        "The labels go back to the radiologists who read the original set. Their single readings are not "
        "shipped, and nobody labelled anything anew here; validation and test slices were labelled like the "
        "training slices."
        if facts.is_known
        else "Who labelled the data, and how, is not recorded."
    )
    return paragraphs(origin, plain(facts.experiment.meaning), readers, bullets(labels), _cross_labels(facts))


def describe_partitions(facts: Facts) -> str:
    """How slices were parted, at which level, and what each part holds."""
    protocol = facts.protocol
    unit = "patient" if protocol["split"] == "patient" else "slice"
    if facts.shared is None:
        apart = "Whether parts share patients is unknown."
    elif facts.shared == 0:
        apart = "**No patient is in both training and test** of any fold."
    else:
        apart = f"**{percent(facts.shared)} of the test slices have a slice of their patient in training.**"
    folds = (
        "one held-out part"
        if protocol["folds"] == 1
        else f"{protocol['folds']} folds; every slice is tested once"
    )
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
    return paragraphs(
        f"Parts are disjoint by **{unit}**; stratified by label, drawn with seed {protocol['seed']}, "
        f"{folds}. {apart}",
        table(["fold", "part", "slices", "positive slices", "patients", "positive patients"], rows),
        "The number of slices and patients is that of the data set; no sample size was calculated.",
    )


def _conclude(facts: Facts) -> str:
    """What the ranking of slices shows, one sentence."""
    if facts.shared is None or facts.shared > 0:
        return "**Conclusion:** the figures do not show how the networks do on patients they have not seen."
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
    verdicts = [f"{verdict} by {' and '.join(who)}" for verdict, who in told.items()]
    return f"**Conclusion:** {'; '.join(verdicts)}."


def _share_in_folder(facts: Facts) -> str:
    if not facts.knows_slices:
        return "How many of them show the finding is unknown."
    inside = facts.slices[facts.slices["folder_label"] == 1]["slice_label"]
    name = plain(facts.experiment.classes[1])
    return f"Only {percent(float(inside.mean()))} of the slices in the folder {name} show a hemorrhage."


def _cross_labels(facts: Facts) -> str:
    """Folder labels against slice labels, where both are known."""
    if not facts.knows_slices:
        return "The slices have no labels of their own, beside their folder's."
    rows = []
    for folder, name in ((0, "negative"), (1, "positive")):
        own = facts.slices[facts.slices["folder_label"] == folder]["slice_label"]
        rows.append([f"{name} folder", str(int((own == 0).sum())), str(int((own == 1).sum()))])
    return table(["", "slices without hemorrhage", "slices with hemorrhage"], rows)


def describe_availability(facts: Facts) -> str:
    """Who may get what."""
    data = (
        "Data: at Kaggle, fetched by `python -m core download`; their licence is unclear."
        if facts.is_known
        else "Data: the user's own; not part of this project."
    )
    return bullets(
        [
            "Software: this project, MIT licence.",
            "Trained networks: in the experiment's folder, native weights and ONNX.",
            "Predictions, partitions and training history: in the experiment's folder, as CSV.",
            data,
        ]
    )
