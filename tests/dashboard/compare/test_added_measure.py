"""A metric that is added to the table of metrics appears wherever figures are shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.cli.terminal import print_evaluation
from core.evaluation import Measure, evaluate_experiment
from core.evaluation.measures import MEASURES
from core.evaluation.metrics import Floats, ratio
from core.model_card import render_model_card
from tests.builders import write_tiny_experiment
from tests.core.model_card.conftest import cells
from tests.dashboard.conftest import OpenPage


def _threat_score(tn: Floats, fp: Floats, fn: Floats, tp: Floats) -> Floats:
    return ratio(tp, tp + fn + fp)


def test_an_added_metric_is_everywhere(
    open_page: OpenPage, models: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The record, the terminal, the page Compare and the model card have one row for the metric."""
    added = Measure("threat_score", "threat score", "rate", "share", of_counts=_threat_score)
    monkeypatch.setitem(MEASURES, added.key, added)
    experiment = write_tiny_experiment(models, calibrated=True)

    record = evaluate_experiment(experiment)
    level = record["models"]["keras"]["slice"]
    counts = level["confusion"]
    value = counts["tp"] / (counts["tp"] + counts["fn"] + counts["fp"])
    low, high = level["threat_score"]["interval"]
    assert value == level["threat_score"]["value"]
    assert low < value < high
    assert "threat_score" in level["review"]
    assert "threat_score" in record["comparison"]["slice"]["differences"]

    print_evaluation(record)
    told = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("threat score"))
    assert f"{value:.3f} [{low:.3f}, {high:.3f}]" in told

    table = open_page("compare").table[0].value.set_index("")
    percents = f"**{100 * value:.0f} %** :gray[\\[{100 * low:.0f}–{100 * high:.0f}\\]]"
    assert percents == table.loc["Threat score"].iloc[1]

    text = render_model_card(experiment).markdown.split("### Per slice")[1].split("At a prevalence")[0]
    assert f"{100 * value:.1f} % [{100 * low:.0f}-{100 * high:.0f}]" == cells(text, "threat score")[2]
