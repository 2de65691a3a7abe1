"""Results of the same training with several seeds."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import ExperimentError
from core.evaluation import evaluate_experiment
from core.experiments import Experiment
from core.measurements.seeds import gather_seeds, store_seeds, summarise_seeds
from core.model_card.methods import describe_seeds
from tests.builders import write_tiny_experiment
from tests.core.cli.test_validate import call
from tests.lesion_tables import add_lesion_tables


@pytest.fixture
def trained(models: Path) -> list[Experiment]:
    """The same tiny training with three seeds; heat maps and the shortcut are measured for each."""
    return [
        add_lesion_tables(
            write_tiny_experiment(models, f"tiny-{seed}", calibrated=True, seed=seed, fingerprint=64 * "a"),
            covered=0.5 + seed / 10,
        )
        for seed in range(3)
    ]


def test_the_summary_has_mean_and_range_over_the_seeds(trained: list[Experiment]) -> None:
    """AUROC at home is that of each record; the shortcut's covered AUROC was 0.5, 0.6 and 0.7."""
    found = summarise_seeds(gather_seeds(trained))
    values = [evaluate_experiment(one)["models"]["keras"]["slice"]["auroc"]["value"] for one in trained]
    home = found.query("scans == 'home' and framework == 'keras' and figure == 'auroc'").iloc[0]
    expected = (sum(values) / 3, min(values), max(values))
    assert pytest.approx(expected) == (home["mean"], home["low"], home["high"])
    covered = found[found["figure"] == "covered"]
    assert {(0.6, 0.5, 0.7, 3)} == {
        (round(row["mean"], 6), round(row["low"], 6), round(row["high"], 6), row["n"])
        for _, row in covered.iterrows()
    }


def test_only_the_same_training_counts(trained: list[Experiment]) -> None:
    """Another setting is refused by its name, and so is a seed that two trainings share."""
    first, second, _ = trained
    protocol = {**second.card["protocol"], "epochs": 77}
    other = replace(second, card={**second.card, "protocol": protocol})
    with pytest.raises(ExperimentError, match="they differ in epochs"):
        gather_seeds([first, other])
    with pytest.raises(ExperimentError, match="the same seed"):
        gather_seeds([first, first])


def test_the_command_stores_what_the_card_tells(
    trained: list[Experiment], models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The JSON has the figures of the table, and the card their mean and range."""
    code, out, _ = call(capsys, "seeds", "tiny-0", "tiny-1", "tiny-2", "--json")
    assert (0, "seeds/1") == (code, json.loads(out)["schema"])
    stored = store_seeds(trained[0], gather_seeds(trained))
    assert json.loads(out)["figures"] == summarise_seeds(stored.seeds()).to_dict("records")
    told = describe_seeds(stored)
    assert "3 times, with the seeds 0, 1, 2" in told
    assert "0.600 (0.500 to 0.700)" in told
    assert "82.0 % (82 to 82)" in told
    assert "" == describe_seeds(trained[1])
