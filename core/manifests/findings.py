"""The findings that a manifest labels, what counts as one, and warnings on labels that follow the source."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """Something that a slice shows or does not show.

    Attributes:
        key: the column of a manifest.
        name: as in "an intracranial hemorrhage".
        classes: names of the classes, (negative, positive).
        counts: a sentence: what counts as one.
        scope: a sentence: what networks that look for it do not tell.
    """

    key: str
    name: str
    classes: tuple[str, str]
    counts: str
    scope: str


_FINDINGS = (
    Finding(
        "hemorrhage",
        "intracranial hemorrhage",
        ("No hemorrhage", "Hemorrhage"),
        "A slice counts if blood shows on it inside the skull: in the brain, in its ventricles or around it.",
        "These networks look for hemorrhage alone: they do not tell whether there is an ischemic stroke.",
    ),
    Finding(
        "ischemia",
        "ischemic lesion",
        ("No ischemic lesion", "Ischemic lesion"),
        "A slice counts if a radiologist saw on it brain that is damaged by a lack of blood; damage too "
        "early to show on CT without contrast does not count.",
        "These networks look for ischemic lesions alone: they do not tell whether there is a hemorrhage.",
    ),
)
FINDINGS: tuple[str, ...] = tuple(finding.key for finding in _FINDINGS)


def get_finding(key: str) -> Finding:
    """Return the finding of a key.

    Raises:
        ValueError: there is none.
    """
    for finding in _FINDINGS:
        if finding.key == key:
            return finding
    raise ValueError(f"the finding must be one of {FINDINGS}, got {key!r}")


def warn_of_sources(counts: Mapping[str, tuple[int, int]], finding: Finding) -> list[str]:
    """Return warnings on sources whose slices a network could label without looking for the finding.

    Args:
        counts: source -> (slices without the finding, slices with it), of the slices to train on.
        finding: the finding.
    """
    only = {name: _name(name) for name, (n_negative, n_positive) in counts.items() if not n_negative}
    others = [_name(name) for name in counts if name not in only]
    if not only or not others:
        return []
    if not any(n_positive for name, (_, n_positive) in counts.items() if name not in only):
        return [
            f"Every slice used of {_list(only.values())} is labeled with an {finding.name}, and no slice "
            f"used of {_list(others)} is, so the source alone tells the label. Networks may learn to tell "
            f"the sources apart instead of seeing the {finding.name}."
        ]
    return [
        f"Every slice used of {name} is labeled with an {finding.name}. Networks may take the look "
        f"of this source for the {finding.name}."
        for name in only.values()
    ]


def list_sources_without(counts: Mapping[str, tuple[int, int]], finding: Finding) -> str:
    """Return a sentence that names the sources without a slice that shows the finding, or "".

    It is "" if no source has both labels: then `warn_of_sources` names them, or all labels are equal.

    Args:
        counts, finding: see `warn_of_sources`.
    """
    names = [_name(name) for name, (_, n_positive) in counts.items() if not n_positive]
    is_mixed = any(n_negative and n_positive for n_negative, n_positive in counts.values())
    return f"No slice used of {_list(names)} is labeled with an {finding.name}." if names and is_mixed else ""


def _name(source: str) -> str:
    return source or "the source without a name"


def _list(names: Iterable[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
