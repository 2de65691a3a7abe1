"""Coverage of the CLAIM 2024 checklist, item by item, judged from the record.

Source: Tejani et al., Checklist for Artificial Intelligence in Medical Imaging (CLAIM): 2024 Update,
Radiology: Artificial Intelligence 2024;6(4):e240300. Numbers, order and subjects of the 44 items were
compared with two public copies of its table (the publication itself was not accessible). The wording is ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from core.model_card.facts import Facts
from core.model_card.markdown import paragraphs, table
from core.model_card.methods import list_pretrained

SOURCE = "Tejani et al., Radiology: Artificial Intelligence 2024;6(4):e240300"
Status = Literal["covered", "partly", "not available", "not applicable"]
STATUSES: tuple[Status, ...] = ("covered", "partly", "not available", "not applicable")

ITEMS = {
    1: "Study of AI, with its kind of technology",
    2: "Summary of design, methods, results, conclusions",
    3: "Background, intended use and role",
    4: "Aims and hypotheses",
    5: "Prospective or retrospective",
    6: "Goal of the study",
    7: "Sources of the data",
    8: "Inclusion and exclusion criteria",
    9: "Preprocessing",
    10: "Selection of subsets of the data",
    11: "De-identification",
    12: "Handling of missing data",
    13: "Protocol of image acquisition",
    14: "Definition of the reference standard",
    15: "Reason for this reference standard",
    16: "Source of the annotations",
    17: "Annotation of the test set",
    18: "Variability between and within annotators",
    19: "Assignment of data to partitions",
    20: "Level at which partitions are disjoint",
    21: "Intended sample size",
    22: "Description of the model",
    23: "Software, frameworks, packages",
    24: "Initial values of the parameters",
    25: "Training",
    26: "Selection of the final model",
    27: "Ensembling",
    28: "Measures of performance",
    29: "Measures of significance and uncertainty",
    30: "Robustness or sensitivity analysis",
    31: "Explainability or interpretability",
    32: "Evaluation on internal data",
    33: "Testing on external data",
    34: "Registration as a clinical trial",
    35: "Numbers of patients or examinations included and excluded",
    36: "Demographic and clinical characteristics per partition",
    37: "Performance with its statistical uncertainty",
    38: "Diagnostic performance and its precision",
    39: "Analysis of wrong results",
    40: "Limitations",
    41: "Implications for practice",
    42: "Access to the protocol or technical details",
    43: "Availability of software, model and data",
    44: "Funding and the funders' role",
}


@dataclass(frozen=True)
class Coverage:
    """Coverage of one item: the card's section ("" for none), and a remark or reason."""

    number: int
    status: Status
    section: str
    remark: str = ""


def judge_items(facts: Facts) -> list[Coverage]:
    """Return the coverage of all 44 items in order."""
    return [*_judge_framing(facts), *_judge_data(facts), *_judge_methods(facts), *_judge_results(facts)]


def describe_claim(facts: Facts) -> str:
    """Return the table of coverage, and the number of items of each status."""
    found = judge_items(facts)
    totals = [f"{sum(one.status == status for one in found)} {status}" for status in STATUSES]
    rows = [[str(one.number), ITEMS[one.number], one.status, _link(one.section), one.remark] for one in found]
    return paragraphs(
        f"Items of CLAIM 2024 ({SOURCE}), our wording: {', '.join(totals)}. A model card is not a "
        "publication; the checklist shows what a publication would need beyond it.",
        table(["item", "asks for", "status", "where", "remark"], rows),
    )


def _judge_framing(facts: Facts) -> list[Coverage]:
    """Judge items 1-6: title, summary, aim, design."""
    return [
        Coverage(1, "covered", "In short"),
        Coverage(2, "covered", "In short"),
        Coverage(3, "covered", "Intended use"),
        Coverage(4, "partly", "Intended use", "aims are stated; no hypothesis was registered"),
        Coverage(5, "covered", "In short", "retrospective"),
        Coverage(6, "covered", "Intended use"),
    ]


def _judge_data(facts: Facts) -> list[Coverage]:
    """Judge items 7-21: data, reference standard, partitions, sample size."""
    known = facts.is_known
    unrecorded = "not recorded for the user's own data set"
    patients = (
        "no patient is in two of them" if facts.shared == 0 else "partitions share patients: see the warning"
    )
    return [
        Coverage(7, "covered", "Data") if known else Coverage(7, "not available", "", unrecorded),
        Coverage(8, "partly", "Data", "of images only; the selection of patients is not recorded"),
        Coverage(9, "covered", "Preprocessing"),
        Coverage(10, "covered", "Data", "no subset was chosen"),
        Coverage(11, "not available", "", "how the data were de-identified is not documented"),
        Coverage(12, "covered", "Data"),
        Coverage(13, "not available", "", "acquisition parameters are not recorded"),
        Coverage(14, "covered", "Labels")
        if known
        else Coverage(14, "partly", "Labels", "the rule is stated; who read the images is not recorded"),
        Coverage(15, "covered", "Labels"),
        Coverage(
            16,
            "partly",
            "Labels",
            "radiologists of the original set; their labels are inferred, not included",
        )
        if known
        else Coverage(16, "not available", "", unrecorded),
        Coverage(17, "partly", "Labels", "labeled like the training slices; no separate reader")
        if known
        else Coverage(17, "not available", "", unrecorded),
        Coverage(18, "not available", "", "individual readers' labels are not recorded"),
        Coverage(19, "covered", "Partitions"),
        Coverage(20, "not available", "", "patients are unknown")
        if facts.shared is None
        else Coverage(20, "covered", "Partitions", patients),
        Coverage(21, "not available", "", "none was calculated: the whole data set was used"),
    ]


def _judge_methods(facts: Facts) -> list[Coverage]:
    """Judge items 22-34: model, training, evaluation."""
    folds = facts.protocol["folds"]
    return [
        Coverage(22, "covered", "Networks")
        if facts.card.get("layers")
        else Coverage(22, "not available", "", "the card does not list the layers"),
        Coverage(23, "covered", "Training"),
        Coverage(24, "covered", "Networks", "partly pretrained" if list_pretrained(facts) else "random"),
        Coverage(25, "covered", "Training"),
        Coverage(26, "covered", "Training"),
        Coverage(27, "covered", "Networks", "mean of the folds" if folds > 1 else "one network"),
        Coverage(28, "covered", "Results"),
        Coverage(29, "covered", "Results")
        if facts.knows_patients
        else Coverage(29, "partly", "Results", "intervals treat slices as independent: patients are unknown"),
        Coverage(30, "not available", "", "not measured for this experiment")
        if not facts.has_table("robustness.csv")
        else Coverage(30, "covered", "Robustness"),
        Coverage(31, "covered", "Where the networks look")
        if facts.has_table("localisation.csv")
        else Coverage(31, "partly", "Networks", "it was not measured whether heat maps show the finding"),
        _judge_internal(facts),
        Coverage(33, "covered", "In other hospitals")
        if facts.validated
        else Coverage(33, "not available", "", "no other data set was measured with this experiment"),
        Coverage(34, "not applicable", "", "no clinical trial"),
    ]


def _judge_internal(facts: Facts) -> Coverage:
    if facts.shared == 0:
        return Coverage(32, "covered", "Results")
    why = "patients are unknown" if facts.shared is None else "test patients are in training as well"
    return Coverage(32, "partly", "Results", why)


def _judge_results(facts: Facts) -> list[Coverage]:
    """Judge items 35-44: results, discussion, other information."""
    patients = facts.knows_patients
    by_slice = "per slice only: patients are unknown"
    return [
        Coverage(35, "covered", "Data") if patients else Coverage(35, "partly", "Data", by_slice),
        Coverage(36, "not available", "", "age, sex and clinical findings are not recorded"),
        Coverage(37, "covered", "Results"),
        Coverage(38, "covered", "Results") if patients else Coverage(38, "partly", "Results", by_slice),
        Coverage(39, "partly", "Failures", "counted; no subgroups measured, no radiologist reviewed them")
        if not facts.has_table("properties.csv")
        else Coverage(
            39, "covered", "Failures", "counted by patient and subgroup; no radiologist reviewed them"
        ),
        Coverage(40, "covered", "Limits"),
        Coverage(41, "covered", "Intended use", "none: not for clinical use"),
        Coverage(42, "covered", "Checks", "the whole record; no protocol was published beforehand"),
        Coverage(43, "covered", "Availability")
        if facts.is_known
        else Coverage(43, "partly", "Availability", "the data are the user's own"),
        Coverage(44, "not available", "", "nothing is recorded about funding"),
    ]


def _link(section: str) -> str:
    return f"[{section}](#{section.lower().replace(' ', '-')})" if section else ""
