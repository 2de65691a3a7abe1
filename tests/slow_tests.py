"""The slow tests in a given time: the most telling first, and a list of those not reached."""

from __future__ import annotations

import time

import pytest

# The slow tests of these files run first, in this order; those of other files follow.
FIRST = (
    "tests/dashboard/journeys/test_whole_app.py",
    "tests/dashboard/journeys/test_corpus.py",
    "tests/core/test_training_whole.py",
    "tests/test_third_network.py",
    "tests/test_wheel.py",
    "tests/test_trained_models.py",
    "tests/dashboard/journeys/test_train.py",
    "tests/dashboard/journeys/test_study.py",
    "tests/dashboard/journeys/test_read.py",
    "tests/core/scans/test_mutations.py",
)
NOT_REACHED = "not reached in the time given"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --stop-at."""
    parser.addoption(
        "--stop-at", type=float, help="begin no test after this time, in seconds since 1970, and list them"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the files of FIRST before the others."""
    ranks = {config.rootpath / path: rank for rank, path in enumerate(FIRST)}
    items.sort(key=lambda item: ranks.get(item.path, len(ranks)))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip the test when the time is over."""
    stop_at = item.config.getoption("--stop-at")
    if stop_at is not None and time.time() >= stop_at:
        pytest.skip(NOT_REACHED)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """List the tests not reached."""
    skipped = terminalreporter.stats.get("skipped", [])
    missed = [report.nodeid for report in skipped if NOT_REACHED in str(report.longrepr)]
    if missed:
        terminalreporter.section(f"{len(missed)} tests were {NOT_REACHED}")
        for name in missed:
            terminalreporter.line(name)
