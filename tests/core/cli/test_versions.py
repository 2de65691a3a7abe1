"""The commands `succeed` and `versions`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.experiments import find_experiment
from tests.builders import write_tiny_experiment
from tests.core.cli.test_validate import call


def test_a_successor_takes_the_name_and_tells_so(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command says which version follows which, and `versions` prints both."""
    write_tiny_experiment(models, calibrated=True)
    write_tiny_experiment(models, "tiny-2", calibrated=True, seed=1)
    code, out, _ = call(capsys, "succeed", "tiny-2", "tiny")
    assert (0, True) == (code, "The networks changed (version 1 → 2)" in out)
    assert 2 == find_experiment("tiny").version
    found = json.loads(call(capsys, "versions", "tiny", "--json")[1])
    assert ("versions/1", [1, 2]) == (found["schema"], [one["version"] for one in found["history"]])
    lines = call(capsys, "versions", "tiny")[1].splitlines()
    assert {("1", "home"), ("2", "home")} == {tuple(line.split()[:2]) for line in lines[1:]}
