"""Errors shown to users: each says what is wrong, what was found, and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError


class StrokeError(Exception):
    """An expected failure, explained in words.

    Args:
        problem: what is wrong, as a sentence without its full stop.
        found: what was found instead; empty when the problem says it.
        remedy: what the user can do about it.
        code: a short stable word for programs; each class has a default.
    """

    code = "error"

    def __init__(self, problem: str, *, found: str = "", remedy: str = "", code: str | None = None) -> None:
        self.problem, self.found, self.remedy = problem, found, remedy
        if code is not None:
            self.code = code
        parts = [problem + (f" ({found})" if found else "")]
        if remedy:
            parts.append(remedy)
        super().__init__("; ".join(parts))


class ScanError(StrokeError):
    """A file that cannot be read as a scan.

    Attributes:
        role: what the file can be in a study: "slice" (a study without it may be incomplete), "clutter" (a
            leftover of an operating system, or the index of a medium), "program" (or a text) or "other".
    """

    code = "unreadable"
    role = "slice"


class DatasetError(StrokeError):
    """A data set that cannot be used for the requested purpose."""

    code = "dataset"


class ExperimentError(StrokeError):
    """An experiment folder, or a model in it, that is damaged, of an unknown format, or misused."""

    code = "experiment"


class ParityError(ExperimentError):
    """A served (ONNX) model whose outputs differ from those of its framework."""

    code = "parity"


class TrainingError(StrokeError):
    """A training run that could not start, continue or finish."""

    code = "training"


class EvaluationError(StrokeError):
    """A figure that cannot be estimated from the given data."""

    code = "not_estimable"


class AnnotationError(StrokeError):
    """Tags and notes that cannot be read, written or imported."""

    code = "annotations"


class AnnotationConflict(AnnotationError):
    """An entry that someone else has changed or removed in the meantime."""

    code = "changed_meanwhile"


class MissingExtraError(StrokeError):
    """A feature that needs an optional library that is not installed."""

    code = "missing_extra"


def explain_refusal(error: ValidationError) -> tuple[str, str, str]:
    """Return the first value that pydantic refused, as (field, what it should be, what was found).

    For a missing field, the second part is "is missing" and the third is empty.
    """
    refusal = error.errors(include_url=False)[0]
    field = ".".join(map(str, refusal["loc"]))
    if refusal["type"] == "missing":
        return field, "is missing", ""
    _, verb, rest = refusal["msg"].partition("should")
    return field, verb + rest or refusal["msg"], repr(refusal["input"])[:80]
