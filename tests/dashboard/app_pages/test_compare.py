"""The page "Compare", run without a browser."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from core.cli.app import main
from core.evaluation.summary import evaluate_experiment
from core.experiments import Experiment, add_files, update_card
from dashboard.shared import components
from tests.builders import write_tiny_experiment
from tests.dashboard.conftest import OpenPage, read_texts, render_file
from tests.lesion_tables import add_lesion_tables

TABS = (
    "Calibration",
    "Utility",
    "Subgroups",
    "Robustness",
    "Where they look",
    "Tests",
    "Other experiments",
    "Learning",
    "Slices",
)


def _cells(app) -> pd.DataFrame:
    return app.table[0].value.set_index("")


def _keys(app) -> list[str]:
    return [chart.key for chart in app.get("plotly_chart")]


def _add_tables(experiment: Experiment) -> Experiment:
    """Invented optional tables."""
    files = experiment.predictions().query("part == 'test'")["file"]
    place = [number / len(files) for number in range(len(files))]
    level = ["base" if at < 0.5 else "middle" for at in place]
    properties = pd.DataFrame({"file": files, "brightness": place, "position": place, "level": level})
    rows = [
        (change, amount, name, kind, 96, 0.8 - amount, 0.5, 0.6, 0.9, "")
        for change, amount in (("none", 0.0), ("noise", 0.1))
        for name in experiment.frameworks
        for kind in ("slice", "patient")
    ]
    columns = ["perturbation", "amount", "framework", "level", "n", "auroc", "average_precision",
               "auroc_low", "auroc_high", "auroc_reason"]  # fmt: skip
    tables = {"properties.csv": properties, "robustness.csv": pd.DataFrame(rows, columns=columns)}
    return add_files(experiment, {name: one.to_csv(index=False).encode() for name, one in tables.items()})


def test_without_experiments_the_page_invites_to_train_one(open_page: OpenPage) -> None:
    """An empty folder of experiments leads to the page Train."""
    assert "No trained experiment yet" in read_texts(open_page("compare"))


@pytest.mark.parametrize("level", ["slice", "patient"])
def test_every_figure_is_the_records(open_page: OpenPage, models: Path, level: str) -> None:
    """The table holds exactly the values and intervals of `python -m core evaluate`."""
    experiment = write_tiny_experiment(models)
    record = evaluate_experiment(experiment)["models"]
    cells = _cells(open_page("compare", level=level))
    for name, column in zip(("pytorch", "keras"), cells.columns[:2], strict=True):
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


def test_differences_are_the_records(open_page: OpenPage, models: Path) -> None:
    """The difference is first minus second, in percentage points with its interval."""
    experiment = write_tiny_experiment(models, calibrated=True)
    gap = evaluate_experiment(experiment)["comparison"]["slice"]["differences"]["recall"]
    low, high = (f"{100 * end:+.0f}".replace("-", "−") for end in gap["interval"])
    told = _cells(open_page("compare")).loc["Sensitivity (recall)", "Difference, PyTorch − Keras"]
    assert f"{100 * gap['value']:+.0f}".replace("-", "−") == told.split(" ")[0].strip("*")
    assert told.endswith(f":gray[\\[{low} to {high}\\]]")


def test_the_review_band_is_shown_and_can_be_excluded(open_page: OpenPage, models: Path) -> None:
    """The share in the band is the record's; without it, rates are over decided slices."""
    experiment = write_tiny_experiment(models, calibrated=True)
    review = evaluate_experiment(experiment)["models"]["keras"]["slice"]["review"]
    app = open_page("compare")
    row = _cells(app).iloc[-1]
    assert row.iloc[1].startswith(f"**{100 * review['share']['value']:.0f} %**")
    app.toggle(key="set_aside").set_value(True).run()
    assert 2 == len(_cells(app).columns)
    decided = review["specificity"]["value"]
    assert _cells(app).iloc[:, 1].loc["Specificity"].startswith(f"**{100 * decided:.0f} %**")
    assert "True" == app.query_params["set_aside"]


@pytest.mark.parametrize(
    ("tab", "own"),
    [
        ("Calibration", ["reliability_pytorch", "reliability_keras"]),
        ("Utility", ["utility"]),
        ("Subgroups", ["subgroups_level", "subgroups_brightness"]),
        ("Robustness", ["robustness"]),
        ("Tests", ["gaps", "agreement_positives", "agreement_negatives"]),
        ("Other experiments", ["others_auroc", "others_average_precision"]),
        ("Learning", ["learning_pytorch", "learning_keras"]),
        ("Slices", []),
    ],
)
def test_only_the_open_tab_is_drawn(open_page: OpenPage, models: Path, tab: str, own: list[str]) -> None:
    """The page shows curves, confusion matrices and the charts of the tab that the link names."""
    _add_tables(write_tiny_experiment(models, calibrated=True))
    app = open_page("compare", tab=tab)
    assert ["pr", "roc", "confusion_pytorch", "confusion_keras", *own] == _keys(app)
    assert not app.warning


def test_the_figures_of_each_source_are_shown(open_page: OpenPage, models: Path) -> None:
    """Of an experiment on several sources the tab has a table of each, and of those left out."""
    experiment = write_tiny_experiment(models, calibrated=True, n_patients=36, sources=("east", "west"))
    figures = {key: {"value": 0.875, "interval": [0.8, 0.9]} for key in ("auroc", "average_precision")}
    sources = [
        {"source": "east", "n": 144, "positives": 36, "models": {"keras": figures}},
        {"source": "west", "reason": "there is nothing to learn from"},
    ]
    update_card(experiment, {"left_out": {"created": "2026-01-03", "version": 1, "sources": sources}})
    app = open_page("compare", tab="Sources")
    tables = [table.value for table in app.table if "Source" in table.value]
    assert [["east", "", "west", ""], ["east"]] == [list(table["Source"]) for table in tables]
    assert "No network was trained with west left out" in read_texts(app)


@pytest.mark.parametrize("level", ["slice", "patient"])
@pytest.mark.parametrize("tab", TABS)
def test_every_tab_stands_with_one_network_alone(
    open_page: OpenPage, models: Path, tab: str, level: str
) -> None:
    """An experiment with one framework has no differences and no tests, and no tab fails."""
    _add_tables(write_tiny_experiment(models, frameworks=("keras",)))
    app = open_page("compare", tab=tab, level=level)
    assert 1 == len(_cells(app).columns)
    assert ("nothing to compare it with" in read_texts(app)) is True


def _no_positives(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(label=0)


def _all_equal(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(pytorch=0.3, keras=0.3)


def _two_patients(table: pd.DataFrame) -> pd.DataFrame:
    tested = table[table["part"] == "test"]
    of_both = [tested.loc[tested["label"] == label, "patient"].iloc[-1] for label in (0, 1)]
    return table[table["patient"].isin(of_both)]


@pytest.mark.parametrize("tab", TABS)
@pytest.mark.parametrize("change", [_no_positives, _all_equal, _two_patients])
def test_what_cannot_be_estimated_is_said_in_every_tab(
    open_page: OpenPage, models: Path, monkeypatch: pytest.MonkeyPatch, change, tab: str
) -> None:
    """With one class, equal scores or two patients the tabs give reasons and invent no number."""
    experiment = _add_tables(write_tiny_experiment(models))
    table = change(experiment.predictions())
    monkeypatch.setattr(type(experiment), "predictions", lambda self: table)
    app = open_page("compare", tab=tab)
    assert re.search("not estimable|no interval", "\n".join(_cells(app).astype(str).to_numpy().ravel()))


def _print_json(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """Return the output of `python -m core evaluate tiny --json`."""
    with pytest.raises(SystemExit):
        main(["evaluate", "tiny", "--json"])
    record: dict[str, Any] = json.loads(capsys.readouterr().out)
    return record


def test_subgroups_are_those_of_the_json(
    open_page: OpenPage, models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Counts, AUROC and reasons of every group are those of `evaluate --json`."""
    _add_tables(write_tiny_experiment(models, calibrated=True))
    models_found = _print_json(capsys)["models"]
    app = open_page("compare", tab="Subgroups")
    for place, kind in enumerate(("level", "brightness")):
        rows = app.table[1 + place].value
        for name, column in zip(("pytorch", "keras"), rows.columns[4:], strict=True):
            groups = models_found[name]["slice"]["subgroups"][kind]
            expected = [(str(one["n"]), components.write_figure(one["auroc"], False)) for one in groups]
            assert expected == list(zip(rows["Slices"], rows[column], strict=True))


@pytest.mark.parametrize("level", ["slice", "patient"])
def test_robustness_is_that_of_the_json(
    open_page: OpenPage, models: Path, capsys: pytest.CaptureFixture[str], level: str
) -> None:
    """The figure's marks and its sentence are those of `evaluate --json`."""
    _add_tables(write_tiny_experiment(models))
    models_found = _print_json(capsys)["models"]
    app = open_page("compare", tab="Robustness", level=level)
    (chart,) = [chart for chart in app.get("plotly_chart") if chart.key == "robustness"]
    traces = {trace["name"]: trace for trace in json.loads(chart.proto.spec)["data"]}
    for name, title in (("pytorch", "PyTorch"), ("keras", "Keras")):
        conditions = models_found[name][level]["robustness"]["conditions"]
        assert [one["auroc"]["value"] for one in conditions] == traces[title]["x"]
        assert [one["auroc"]["interval"][1] - one["auroc"]["value"] for one in conditions] == pytest.approx(
            traces[title]["error_x"]["array"]
        )
    told = components.write_figure(conditions[1]["auroc"], False)
    assert f"at worst {told}" in read_texts(app)


@pytest.mark.parametrize("tab", ["Subgroups", "Robustness"])
def test_what_was_not_measured_is_invited(open_page: OpenPage, models: Path, tab: str) -> None:
    """Without the optional table the tab names the command that measures it."""
    write_tiny_experiment(models)
    app = open_page("compare", tab=tab)
    assert "Not measured yet" in read_texts(app)
    assert "stroke-ct robustness tiny" == app.code[0].value


def test_heat_maps_stand_against_outlines(open_page: OpenPage, models: Path) -> None:
    """The tab shows the stored shares with intervals and chance, and a figure; without them the command."""
    experiment = write_tiny_experiment(models)
    app = open_page("compare", tab="Where they look")
    assert "Not measured yet" in read_texts(app)
    assert "stroke-ct localise tiny MANIFEST" == app.code[0].value
    add_lesion_tables(experiment)
    app = open_page("compare", tab="Where they look")
    assert "looking" in _keys(app)
    rows = app.table[1].value
    assert rows.iloc[0, 1] == "**82 %** :gray[\\[71–90\\]]"
    assert rows["chance"].to_list()[0] == ":gray[17 %]"
    assert "40 slices of 9 patients" in read_texts(app)


def test_comparable_experiments_are_named(open_page: OpenPage, models: Path) -> None:
    """Same slices and labels can be compared; other labels and splits are named."""
    write_tiny_experiment(models, "one")
    write_tiny_experiment(models, "two", seed=4)
    write_tiny_experiment(models, "tiny", labels="folder", split="random", folds=1)
    app = open_page("compare", tab="Other experiments", experiment="one")
    rows = app.table[1].value
    told = dict(zip(rows[""].str.extract(r"\*\*(\w+)")[0], rows["Comparable with this one"], strict=True))
    assert ("", True) == (told["one"], "same slices, labels and split" in told["two"])
    assert "labels differ, splits differ, folds differ" in told["tiny"]


def test_the_slider_sets_both_networks_to_one_threshold(open_page: OpenPage, models: Path) -> None:
    """The moved slider sets the threshold of both networks, and the link holds it."""
    write_tiny_experiment(models)
    app = open_page("compare", operating_point="f1")
    app.slider(key="threshold").set_value(0.355).run()
    link = {"operating_point": "custom", "pytorch_threshold": "0.355", "keras_threshold": "0.355"}
    assert link == {key: app.query_params[key] for key in link}
    assert 2 == read_texts(app).count("≥ **0.355**")


def test_a_link_with_two_thresholds_keeps_them_apart(open_page: OpenPage, models: Path) -> None:
    """Each network has its own threshold, and the slider shows their mean."""
    write_tiny_experiment(models)
    app = open_page("compare", operating_point="custom", pytorch_threshold="0.2", keras_threshold="0.4")
    assert 0.3 == pytest.approx(app.slider(key="threshold").value)
    texts = read_texts(app)
    assert ("≥ **0.200**" in texts, "≥ **0.400**" in texts) == (True, True)


def test_a_custom_threshold_moves_the_confusion_matrix(open_page: OpenPage, models: Path) -> None:
    """At threshold 0 every slice is positive: sensitivity is 100 %."""
    write_tiny_experiment(models)
    app = open_page("compare", operating_point="custom", pytorch_threshold="0.0", keras_threshold="0.0")
    for column in _cells(app).columns[:2]:
        assert _cells(app).loc["Sensitivity (recall)", column].startswith("**100 %**")
        assert _cells(app).loc["Specificity", column].startswith("**0 %**")


def test_choices_go_along_from_page_to_page(open_page: OpenPage, models: Path) -> None:
    """The experiment and the custom threshold chosen on Read a scan are kept on Compare."""
    write_tiny_experiment(models)
    write_tiny_experiment(models, "two")
    app = open_page("read_scan")
    app.selectbox(key="experiment").set_value("two")
    app.selectbox(key="operating_point").set_value("custom").run()
    app.slider(key="keras_threshold").set_value(0.13).run()
    app.query_params.clear()
    app.switch_page("app_pages/compare.py").run()
    assert "two" == app.selectbox(key="experiment").value
    link = {"experiment": "two", "operating_point": "custom", "keras_threshold": "0.13"}
    assert link == {key: app.query_params[key] for key in link}


def test_custom_starts_at_the_threshold_of_the_card(open_page: OpenPage, models: Path) -> None:
    """Choosing "custom" alone decides as before, also if the card's rule is not the first one."""
    experiment = update_card(write_tiny_experiment(models), {"default_operating_point": "sensitivity_90"})
    expected = round(experiment.threshold("keras"), 2)
    assert expected != round(experiment.threshold("keras", rule="youden"), 2)
    assert expected == open_page("read_scan", operating_point="custom").slider(key="keras_threshold").value


def test_a_random_split_is_called_a_leak(open_page: OpenPage, models: Path) -> None:
    """If patients are in both training and test, the page warns and gives the share."""
    write_tiny_experiment(models, split="random", folds=1)
    warning = open_page("compare").warning[0].value
    assert "These results suffer from leakage" in warning
    assert re.search(r"\d+ % of the test slices", warning)


def test_patients_kept_apart_are_said_to_be(open_page: OpenPage, models: Path) -> None:
    """With a split by patient the page says that patients are kept apart, without a warning."""
    write_tiny_experiment(models, split="patient")
    app = open_page("compare")
    assert "Patients kept apart" in read_texts(app)
    assert not app.warning


def test_unknown_patients_give_no_patient_level(open_page: OpenPage, models: Path) -> None:
    """Without patients the patient level is refused in words, and leakage is called unknown."""
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
    """Without the data set the page names the command that downloads it."""
    write_tiny_experiment(models)
    assert "stroke-ct download" in read_texts(open_page("compare", tab="Slices"))


def _write_data(folder: Path) -> pd.DataFrame:
    rows = []
    for patient in range(12):
        for number in range(1, 5):
            file = f"{'Stroke' if patient >= 6 else 'Normal'}/{patient + 1} ({number}).png"
            data = render_file(0.2 + 0.05 * patient + 0.01 * number)
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
    app = open_page("compare", tab="Slices")
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
    """A data set with the same file names but other pictures is called another one."""
    data = tmp_path / "brain-stroke-ct"
    table = _write_data(data)
    table["sha256"] = "3" * 64
    write_tiny_experiment(models, table=table, fingerprint="2" * 64)
    monkeypatch.setenv("STROKE_CT_DATA", str(data))
    app = open_page("compare", tab="Slices")
    assert "is not the one this experiment was trained on" in read_texts(app)
    assert not app.image


def test_unknown_patients_of_some_slices_are_counted(models: Path, open_page) -> None:
    """Patients who are known are apart, and the slices of unknown ones are named."""
    write_tiny_experiment(models, n_patients=36, sources=("east", "west"), anonymous=("west",))
    words = read_texts(open_page("compare"))
    assert (
        "no known patient is in both training and test. The patients of 144 of 288 slices are unknown."
        in words
    )
