"""The settings."""

from __future__ import annotations

import pytest

from core.service import DEFAULT_NAME, Settings


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, (DEFAULT_NAME, "ischemia-by-study")),
        ("", (DEFAULT_NAME, "ischemia-by-study")),
        ("mine", ("mine",)),
        (" mine , other,", ("mine", "other")),
    ],
)
def test_the_panel_is_named_by_an_environment_variable(
    monkeypatch: pytest.MonkeyPatch, value: str | None, expected: tuple[str, ...]
) -> None:
    """Commas separate the names; without a value the shipped experiments are the panel."""
    monkeypatch.delenv("STROKE_CT_EXPERIMENT", raising=False)
    if value is not None:
        monkeypatch.setenv("STROKE_CT_EXPERIMENT", value)
    assert expected == Settings().experiment
