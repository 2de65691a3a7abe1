"""Tell whether the gate and the turning of heads judge as before, apart from what experiments store."""

from __future__ import annotations

from functools import cache

from core.gate.orientation import WEIGHTS_FILE
from core.system import sha256_of_file

# Raise it when the rules or limits of the gate or of turning change: stored validations hold their outcomes.
VERSION = 1


@cache
def digest_gate() -> str:
    """Return a text that changes with VERSION and with the weights that turn heads."""
    return f"{VERSION} {sha256_of_file(WEIGHTS_FILE)}"
