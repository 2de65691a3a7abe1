"""The tables of figures in the documents: their values are those of the evaluation."""

from __future__ import annotations

import re
from typing import Any

import pytest

from core.errors import StrokeError
from core.evaluation.summary import evaluate_experiment
from core.experiments import Experiment
from core.model_card.readme_table import render_figures, replace_figures
from tests.builders import write_tiny_experiment

ALL = "<!-- all figures: written by `make figures` -->"
ELSEWHERE = "<!-- main figures elsewhere: written by `make figures` -->"
MAIN = "<!-- main figures: written by `make figures` -->"
END = "<!-- end of figures -->"


def cells(line: str) -> list[str]:
    """The cells of one row of a Markdown table."""
    return [cell.strip() for cell in line.strip("|").split("|")]


def numbers(cell: str) -> list[float]:
    """Value, and the interval's ends where there are any."""
    return [float(number) for number in re.findall(r"\d+(?:\.\d+)?", cell)]


def flat(figure: dict[str, Any], scale: float = 1.0) -> list[float]:
    """A figure of the evaluation as `numbers` reads it from a cell."""
    return [scale * figure["value"], *(scale * end for end in figure["interval"] or ())]


def test_the_table_tells_the_evaluation(tiny: Experiment) -> None:
    """Each row's counts, values and intervals are those of `evaluate_experiment`, rounded."""
    header, rule, *rows = render_figures([tiny]).splitlines()
    assert 8 == len(cells(header)) == len(cells(rule))
    record = evaluate_experiment(tiny)["models"]
    assert ["PyTorch", "Keras"] == [cells(row)[1] for row in rows]
    for row, framework in zip(rows, ("pytorch", "keras"), strict=True):
        name, _, counts, patients, accuracy, auroc, precision, patient_auroc = cells(row)
        slices = record[framework]["slice"]
        assert "`tiny`" == name
        assert [slices["n"], slices["positives"]] == numbers(counts)
        assert [12] == numbers(patients)
        assert accuracy.split()[1] == "%"
        assert flat(slices["accuracy"], 100) == pytest.approx(numbers(accuracy), abs=0.5)
        assert 100 * slices["accuracy"]["value"] == pytest.approx(numbers(accuracy)[0], abs=0.05)
        for figure, cell in (
            (slices["auroc"], auroc),
            (slices["average_precision"], precision),
            (record[framework]["patient"]["auroc"], patient_auroc),
        ):
            assert flat(figure) == pytest.approx(numbers(cell), abs=0.005 + 1e-9)


def test_experiments_follow_each_other(tiny: Experiment) -> None:
    """Several experiments stand in one table in the order given, each with its own frameworks."""
    other = write_tiny_experiment(tiny.folder.parent, "other", frameworks=("keras",), seed=1)
    rows = render_figures([other, tiny]).splitlines()[2:]
    assert ["`other`", "`tiny`", "`tiny`"] == [cells(row)[0] for row in rows]
    assert ["Keras", "PyTorch", "Keras"] == [cells(row)[1] for row in rows]


def test_what_cannot_be_estimated_is_said(tiny: Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    """A figure without a value is "not estimable", one without an interval stands alone."""

    def evaluate(experiment: Experiment) -> dict[str, Any]:
        record = evaluate_experiment(experiment, n_resamples=10)
        for levels in record["models"].values():
            levels["patient"]["auroc"] = {"value": None, "interval": None}
            levels["slice"]["auroc"] = {"value": 0.876, "interval": None}
            levels["slice"]["accuracy"] = {"value": 0.9, "interval": None}
            levels["slice"]["n_patients"] = None
        return record

    monkeypatch.setattr("core.model_card.readme_table.evaluate_experiment", evaluate)
    row = cells(render_figures([tiny]).splitlines()[2])
    assert ["unknown", "90.0 %", "0.88"] == row[3:6]
    assert "not estimable" == row[7]


def test_the_short_table_has_the_main_columns(tiny: Experiment) -> None:
    """The cells of the short table are those of the full one, some columns left out."""
    full, short = (
        [cells(line) for line in render_figures([tiny], short).splitlines()] for short in (False, True)
    )
    assert ["experiment", "network", "accuracy", "AUROC", "patient AUROC"] == short[0]
    places = [full[0].index(title) for title in short[0]]
    assert [[row[place] for place in places] for row in full] == short


@pytest.mark.parametrize(("begin", "short"), [(ALL, False), (MAIN, True)])
def test_the_table_replaces_what_is_between_the_marks(tiny: Experiment, begin: str, short: bool) -> None:
    """Nothing outside the marks changes; replacing twice gives the same text."""
    text = f"# Title\n{begin}\n| old |\n{END}\nThe rest, with a | and <!-- a comment -->.\n"
    replaced = replace_figures(text, [tiny])
    assert text.replace("| old |", render_figures([tiny], short)) == replaced
    assert replaced == replace_figures(replaced, [tiny])
    assert f"{begin}\n{render_figures([tiny], short)}\n{END}" == replace_figures(f"{begin}{END}", [tiny])


@pytest.mark.parametrize("text", ["", "no mark", ALL, END, f"{END} {ALL}"])
def test_a_text_without_both_marks_is_refused(text: str) -> None:
    """The error says which marks to write."""
    with pytest.raises(StrokeError) as error:
        replace_figures(text, [])
    for mark in (ALL, MAIN, END):
        assert mark in str(error.value)


def test_a_text_may_have_several_tables(tiny: Experiment) -> None:
    """Each table between its own marks is replaced."""
    text = f"{MAIN}{END} between {ELSEWHERE}\n| old |\n{END} after"
    first = f"{MAIN}\n{render_figures([tiny], True)}\n{END}"
    expected = f"{first} between {ELSEWHERE}\nNo validation is stored.\n{END} after"
    assert expected == replace_figures(text, [tiny])
