"""The page "About", run without a browser."""

from __future__ import annotations

from pathlib import Path

from tests.builders import write_tiny_experiment
from tests.dashboard.conftest import OpenPage, read_texts


def test_limits_come_from_the_cards(open_page: OpenPage, models: Path) -> None:
    """The page shows each experiment's summary and limits."""
    experiment = write_tiny_experiment(models)
    words = read_texts(open_page("about")).replace("\\", "")
    assert experiment.card["summary"] in words
    for limit in experiment.card["limits"]:
        assert limit in words


def test_without_experiments_the_page_still_says_what_this_is(open_page: OpenPage) -> None:
    """Without experiments the intended use is still shown."""
    words = read_texts(open_page("about"))
    assert "Diagnosis, triage" in words
    assert "Not a medical device" in words
