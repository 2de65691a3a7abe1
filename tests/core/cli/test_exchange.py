"""The commands export and import."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from core.cli import app as cli
from core.experiments import Experiment, delete_experiment, list_experiments


def test_an_experiment_goes_out_and_comes_in(tiny: Experiment, models: Path, tmp_path: Path) -> None:
    """An experiment that is exported, deleted and imported has the same predictions."""
    target = tmp_path / "out.zip"
    before = tiny.predictions()
    told = CliRunner().invoke(cli.app, ["export", "tiny", "--out", str(target)])
    assert (0, True) == (told.exit_code, str(target) in told.output)
    delete_experiment(tiny)
    told = CliRunner().invoke(cli.app, ["import", str(target)])
    assert (0, True) == (told.exit_code, "tiny is ready" in told.output)
    ((found,), _) = list_experiments(models)
    assert before.equals(found.predictions())


def test_wrong_usage_is_told(models: Path, tmp_path: Path) -> None:
    """An unknown experiment and a missing file end with 2; a damaged archive with 1, in words."""
    runner = CliRunner()
    assert 2 == runner.invoke(cli.app, ["export", "nobody"]).exit_code
    assert 2 == runner.invoke(cli.app, ["import", str(tmp_path / "none.zip")]).exit_code
    (tmp_path / "bad.zip").write_bytes(b"nothing")
    with pytest.raises(SystemExit) as ended:
        cli.main(["import", str(tmp_path / "bad.zip")])
    assert 1 == ended.value.code
