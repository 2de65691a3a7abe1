"""The four outcomes of a reading: how one network, a slice and a scan come to theirs, and their words.

Rules, in this order:

- not judged: the file cannot be judged (not axial, not soft-tissue CT, not Hounsfield units where they are
  due), the gate refused it, or no brain is visible;
- uncertain: a network is in its review band, the networks disagree, the scan has doubts, or the gate warns of
  a slice (of a study: warns of or refuses half or more of the slices that show brain);
- flagged or not flagged: all networks say so.

A study that is incomplete keeps its outcome. Every result needs a person, flagged or not; "needs review" in
tables only marks those without a clear answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from core.evaluation import Band
from core.frameworks import TITLES

Outcome = Literal["flagged", "not_flagged", "uncertain", "not_judged"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
_WORDS = {
    "flagged": "Flagged: possible {}",
    "not_flagged": "Not flagged",
    "uncertain": "Uncertain: please review",
    "not_judged": "Not judged",
}
OVERRIDE_NOTE = "This does not look like a head CT. It was opened at the user's request, and is not judged."
REFUSED_NOTE = "To these networks this does not look like a head CT."
NO_BRAIN = "No brain is visible."
UNFINISHED = "The study is still being read."
UNUSABLE = "No slice can be judged: every slice shows no brain, or was refused by the input check."
NO_RULE = (
    "The experiment has no decision threshold for studies: it could not be chosen on validation patients."
)
NO_SITE_RULE = (
    "The site calibration has no decision threshold for studies: its patients are unknown, or too few of"
    " them have, or do not have, the finding. Use the thresholds of the model card."
)


@dataclass(frozen=True)
class Conclusion:
    """The joint answer of all networks on a slice or a scan.

    Attributes:
        outcome: one of OUTCOMES.
        reasons: why it is uncertain or not judged, as sentences; empty for the other outcomes.
        incomplete: why the scan is part of a study only, as sentences.
        agree: whether several networks gave the same clear answer, flagged or not flagged.
    """

    outcome: Outcome
    reasons: tuple[str, ...] = ()
    incomplete: tuple[str, ...] = ()
    agree: bool = False

    @property
    def review(self) -> bool:
        """Return whether there is no clear answer, or the study is incomplete; see `needs_review`."""
        return needs_review(self.outcome, self.incomplete)


def decide(score: float | None, threshold: float, band: Band | None) -> Outcome:
    """Return what one network says, from its score alone.

    Args:
        score: in [0, 1]; None if nothing was scored.
        threshold: decides where there is no band.
        band: scores strictly between its two edges are uncertain. If its lower edge is the threshold, so is
            a score there: it is not below the threshold.

    >>> [decide(score, 0.5, (0.4, 0.6)) for score in (0.3, 0.4, 0.5, 0.6)]
    ['not_flagged', 'not_flagged', 'uncertain', 'flagged']
    >>> decide(0.5, 0.5, (0.5, 0.6))
    'uncertain'
    """
    if score is None:
        return "not_judged"
    low, high = band or (threshold, threshold)
    if score >= high and score >= threshold:
        return "flagged"
    return "not_flagged" if score <= low and score < threshold else "uncertain"


def conclude(
    answers: Mapping[str, Outcome],
    what: str,
    *,
    bands: Mapping[str, Band | None] | None = None,
    bars: Sequence[str] = (),
    doubts: Sequence[str] = (),
    incomplete: Sequence[str] = (),
    n_networks: int,
) -> Conclusion:
    """Return what all networks together say, by the rules of this module.

    Args:
        answers: framework -> what it says from its score alone; at least one unless something bars them.
        what: what was compared with the threshold: "probability" of a slice, or "score" of a study.
        bands: framework -> its review band, where it is to be named.
        bars: why nothing can be judged, as sentences.
        doubts: why every sure answer would be too sure, as sentences.
        incomplete: why the scan is part of a study only, as sentences.
        n_networks: number of networks that read the scan.
    """
    if bars:
        return Conclusion("not_judged", tuple(bars), tuple(incomplete))
    reasons = dict.fromkeys(
        [*_list_near(answers, what, bands or {}), *_describe_disagreement(answers), *doubts]
    )
    if reasons:
        return Conclusion("uncertain", tuple(reasons), tuple(incomplete))
    outcome = combine_outcomes(list(answers.values()))
    return Conclusion(outcome, (), tuple(incomplete), agree=len(answers) == n_networks > 1)


def combine_outcomes(answers: Sequence[Outcome]) -> Outcome:
    """Return what all networks say if they say the same, else "uncertain".

    >>> combine_outcomes(["flagged", "flagged"]), combine_outcomes(["flagged", "not_flagged"])
    ('flagged', 'uncertain')
    """
    return answers[0] if len(set(answers)) == 1 else "uncertain"


def needs_review(outcome: Outcome, incomplete: Sequence[str]) -> bool:
    """Return whether a result has no clear answer, or is of an incomplete study.

    It does not say that other results need no person: every result does, flagged or not.
    """
    return outcome in ("uncertain", "not_judged") or bool(incomplete)


def name_outcome(outcome: Outcome, finding: str) -> str:
    """Return an outcome in words; `finding` is that of the experiment.

    >>> name_outcome("flagged", "hemorrhage")
    'Flagged: possible hemorrhage'
    """
    return _WORDS[outcome].format(finding)


def describe_near(what: str, band: Band | None, network: str = "") -> str:
    """Return why one network is uncertain. The band of a study often lies above its threshold.

    >>> describe_near("score", (0.591, 0.797), "PyTorch")
    'The score of PyTorch is in its review band, 0.59 to 0.80.'
    >>> describe_near("probability", (0.12, 0.18))
    'The probability is close to the threshold.'
    """
    subject = f"The {what} of {network}" if network else f"The {what}"
    if what == "score" and band is not None:
        low, high = band
        return f"{subject} is in its review band, {low:.2f} to {high:.2f}."
    return f"{subject} is close to {'its' if network else 'the'} threshold."


def _list_near(answers: Mapping[str, Outcome], what: str, bands: Mapping[str, Band | None]) -> list[str]:
    near = [name for name, answer in answers.items() if answer == "uncertain"]
    if len(near) > 1 and not any(bands.get(name) for name in near):
        plural = {"score": "scores", "probability": "probabilities"}[what]
        return [
            f"The {plural} of {' and '.join(TITLES[name] for name in near)} are close to their thresholds."
        ]
    return [describe_near(what, bands.get(name), TITLES[name]) for name in near]


def _describe_disagreement(answers: Mapping[str, Outcome]) -> list[str]:
    flagged, others = (
        " and ".join(TITLES[name] for name, its in answers.items() if its == side)
        for side in ("flagged", "not_flagged")
    )
    return [f"The networks disagree: {flagged} flagged it, {others} did not."] if flagged and others else []
