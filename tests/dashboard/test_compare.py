"""The page "Compare", run without a browser."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pandas as pd
import pytest

from core.evaluation.summary import evaluate_experiment
from tests.builders import write_tiny_experiment
from tests.dashboard.conftest import OpenPage, draw_file, read_texts


def _cells(app) -> pd.DataFrame:
    return app.table[0].value.set_index("")


def test_without_experiments_the_page_invites_to_train_one(open_page: OpenPage) -> None:
    """An empty folder of experiments leads to the page Train."""
    assert "No trained experiment yet" in read_texts(open_page("compare"))


@pytest.mark.parametrize("level", ["slice", "patient"])
def test_every_figure_is_the_records(open_page: OpenPage, models: Path, level: str) -> None:
    """The table holds exactly the values and intervals of `python -m core evaluate`."""
    experiment = write_tiny_experiment(models)
    record = evaluate_experiment(experiment)["models"]
    cells = _cells(open_page("compare", level=level))
    for name, column in zip(("pytorch", "keras"), cells.columns, strict=True):
        auroc = record[name][level]["auroc"]
        low, high = auroc["interval"]
        assert f"**{auroc['value']:.2f}** :gray[\\[{low:.2f}–{high:.2f}\\]]" == cells.loc["AUROC", column]
        recall = record[name][level]["recall"]
        assert cells.loc["Sensitivity (recall)", column].startswith(f"**{100 * recall['value']:.0f} %**")


def test_a_changed_record_changes_the_page(open_page: OpenPage, models: Path) -> None:
    """The same experiment with other predictions shows other figures, without a restart."""
    write_tiny_experiment(models, seed=0)
    app = open_page("compare", operating_point="custom", pytorch_threshold="0.5", keras_threshold="0.5")
    before = _cells(app).to_numpy().tolist()
    write_tiny_experiment(models, seed=5)
    assert before != _cells(app.run()).to_numpy().tolist()


def test_all_charts_of_both_networks_are_drawn(open_page: OpenPage, models: Path) -> None:
    """Two curves, two confusion matrices and two learning charts stand on the page."""
    write_tiny_experiment(models)
    charts = open_page("compare").get("plotly_chart")
    assert 6 == len(charts)


def test_a_custom_threshold_moves_the_confusion_matrix(open_page: OpenPage, models: Path) -> None:
    """With the threshold at 0 every slice is called positive: sensitivity is 100 %."""
    write_tiny_experiment(models)
    app = open_page("compare", operating_point="custom", pytorch_threshold="0.0", keras_threshold="0.0")
    for column in _cells(app).columns:
        assert _cells(app).loc["Sensitivity (recall)", column].startswith("**100 %**")
        assert _cells(app).loc["Specificity", column].startswith("**0 %**")


def test_choices_go_along_from_page_to_page(open_page: OpenPage, models: Path) -> None:
    """The experiment and a threshold of one's own, chosen while reading, hold on "Compare" as well."""
    write_tiny_experiment(models, "one")
    write_tiny_experiment(models, "two")
    app = open_page("read_scan")
    app.selectbox(key="experiment").set_value("two")
    app.selectbox(key="operating_point").set_value("custom").run()
    app.slider(key="keras_threshold").set_value(0.13).run()
    app.query_params.clear()
    app.switch_page("app_pages/compare.py").run()
    assert "two" == app.selectbox(key="experiment").value
    assert 0.13 == app.slider(key="keras_threshold").value
    link = {"experiment": "two", "operating_point": "custom", "keras_threshold": "0.13"}
    assert link == {key: app.query_params[key] for key in link}


def test_a_random_split_is_called_a_leak(open_page: OpenPage, models: Path) -> None:
    """Where slices of one patient are on both sides, the page says how many, loudly."""
    write_tiny_experiment(models, split="random", folds=1)
    warning = open_page("compare").warning[0].value
    assert "These figures leak" in warning
    assert re.search(r"\d+ % of the test slices", warning)


def test_patients_kept_apart_are_said_to_be(open_page: OpenPage, models: Path) -> None:
    """With a split by patient the page says that no patient is on both sides, and warns of nothing."""
    write_tiny_experiment(models, split="patient")
    app = open_page("compare")
    assert "Patients kept apart" in read_texts(app)
    assert not app.warning


def test_unknown_patients_give_no_patient_level(open_page: OpenPage, models: Path) -> None:
    """Without patients the patient level is refused in words, and the leak is called unknown."""
    table = pd.DataFrame(
        {
            "file": [f"Stroke/{i}.png" if i % 2 else f"Normal/{i}.png" for i in range(60)],
            "patient": "",
            "number": pd.array([pd.NA] * 60, dtype="Int64"),
            "folder_label": [i % 2 for i in range(60)],
            "slice_label": pd.array([pd.NA] * 60, dtype="Int64"),
            "sha256": [hashlib.sha256(bytes([i])).hexdigest() for i in range(60)],
        }
    )
    write_tiny_experiment(models, table=table, labels="folder", split="random", fingerprint="1" * 64)
    app = open_page("compare", level="patient")
    words = read_texts(app)
    assert "not known which slices belong to one patient" in words
    assert "patients are unknown" in words
    assert "Not a medical device" in words


def test_without_the_data_set_the_samples_say_how_to_get_it(open_page: OpenPage, models: Path) -> None:
    """No data set on the machine: the page names the command that fetches it."""
    write_tiny_experiment(models)
    assert "python -m core download" in read_texts(open_page("compare"))


def _write_data(folder: Path) -> pd.DataFrame:
    rows = []
    for patient in range(12):
        for number in range(1, 5):
            file = f"{'Stroke' if patient >= 6 else 'Normal'}/{patient + 1} ({number}).png"
            data = draw_file(0.2 + 0.05 * patient + 0.01 * number)
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).write_bytes(data)
            label = int(patient >= 6)
            rows.append((file, str(patient + 1), number, label, label, hashlib.sha256(data).hexdigest()))
    columns = ["file", "patient", "number", "folder_label", "slice_label", "sha256"]
    return pd.DataFrame(rows, columns=columns).astype({"number": "Int64", "slice_label": "Int64"})


def test_with_the_data_set_samples_show_actual_and_predicted_labels(
    open_page: OpenPage, models: Path, tmp_path: Path, monkeypatch
) -> None:
    """Eight test slices, four of each class, each with its label and both recorded probabilities."""
    data = tmp_path / "brain-stroke-ct"
    experiment = write_tiny_experiment(models, table=_write_data(data), fingerprint="2" * 64)
    monkeypatch.setenv("STROKE_CT_DATA", str(data))
    app = open_page("compare")
    actual = [element.value for element in app.markdown if element.value.startswith("Actual:")]
    assert 8 == len(actual)
    assert 4 == sum("Actual: :violet" in text for text in actual)
    predictions = experiment.predictions().query("part == 'test'").set_index("file")
    files = [
        c.value.split(", ", 1)[1].replace("\\", "") for c in app.caption if c.value.startswith("patient")
    ]
    for file, text in zip(files, actual, strict=True):
        assert f"**] {predictions.loc[file, 'pytorch']:.2f} " in text


def test_pictures_that_differ_from_the_record_are_not_shown(
    open_page: OpenPage, models: Path, tmp_path: Path, monkeypatch
) -> None:
    """A data set with the same file names but other pictures is said to be another one."""
    data = tmp_path / "brain-stroke-ct"
    table = _write_data(data)
    table["sha256"] = "3" * 64
    write_tiny_experiment(models, table=table, fingerprint="2" * 64)
    monkeypatch.setenv("STROKE_CT_DATA", str(data))
    app = open_page("compare")
    assert "is not the one this experiment was trained on" in read_texts(app)
    assert not app.image
