"""The two forms of every benchmark."""

from __future__ import annotations

import pytest


@pytest.fixture(
    params=[pytest.param(True, id="quick"), pytest.param(False, id="full", marks=pytest.mark.slow)]
)
def quick(request: pytest.FixtureRequest) -> bool:
    """Return whether to repeat little and bound no ratio, as in `make test`, where other tests run beside it.

    The full form holds the bounds. `make bench` runs it, and needs the machine to itself.
    """
    chosen: bool = request.param
    return chosen
