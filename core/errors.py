"""Errors a person may meet: each says what is wrong, what came, and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError


class StrokeError(Exception):
    """An expected failure, told in words.

    Args:
        problem: what is wrong, as a sentence without its full stop.
        found: what was met instead of what was needed; empty when the problem says it.
        remedy: what the reader can do about it.
        code: a short stable word for programs; each class has its own default.
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
    """A file that cannot be read as a scan."""

    code = "unreadable"


class DatasetError(StrokeError):
    """A data set that cannot serve the purpose asked of it."""

    code = "dataset"


class ExperimentError(StrokeError):
    """An experiment folder, or a model in it, that is damaged, foreign or misused."""

    code = "experiment"


class ParityError(ExperimentError):
    """A served model that does not compute what its framework computes."""

    code = "parity"


class TrainingError(StrokeError):
    """A training that could not start, go on or end."""

    code = "training"


class EvaluationError(StrokeError):
    """A figure that cannot be estimated from what was given."""

    code = "not_estimable"


class AnnotationError(StrokeError):
    """Tags and notes that cannot be read, written or taken in."""

    code = "annotations"


class AnnotationConflict(AnnotationError):
    """An entry that someone else changed or removed meanwhile."""

    code = "changed_meanwhile"


class MissingExtraError(StrokeError):
    """A part of the program that needs an optional library which is not installed."""

    code = "missing_extra"


def explain_refusal(error: ValidationError) -> tuple[str, str, str]:
    """Return of the first value that a pydantic model refused: its field, what it should be, and what came.

    A field that is not there comes with what it should be alone: "is missing".
    """
    refusal = error.errors(include_url=False)[0]
    field = ".".join(map(str, refusal["loc"]))
    if refusal["type"] == "missing":
        return field, "is missing", ""
    _, verb, rest = refusal["msg"].partition("should")
    return field, verb + rest or refusal["msg"], repr(refusal["input"])[:80]
