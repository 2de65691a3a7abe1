"""The page "Data", run without a browser."""

from __future__ import annotations

import time
from pathlib import Path

import pandas as pd
import pytest

from core.audit import known_pictures
from core.audit.leakage import conclude, run_control
from core.datasets import dataset as indexing
from core.datasets.dataset import index_dataset
from core.datasets.kaggle import KNOWN_DATASET
from core.errors import DatasetError
from core.evaluation.summary import evaluate_experiment
from core.experiments import find_experiment
from dashboard.data import laboratory
from dashboard.shared import datasets
from tests.builders import write_phantom_dataset, write_tiny_experiment
from tests.dashboard.conftest import OpenPage, read_texts
from tests.lesion_tables import add_lesion_tables
from tests.manifest_files import write_two_sources

SHIPPED = {"seed-random-split": "random", "folder-by-patient": "patient"}


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data set of 10 patients with 6 phantoms each, on this machine."""
    folder = tmp_path / "phantoms"
    write_phantom_dataset(folder, n_patients=10, slices_per_patient=6, size=64)
    monkeypatch.setenv("STROKE_CT_DATA", str(folder))
    return folder


def _write_story(models: Path, *names: str) -> None:
    for seed, name in enumerate(names or SHIPPED):
        write_tiny_experiment(models, name, split=SHIPPED[name], labels="folder", seed=seed)


def _words(app) -> str:
    return read_texts(app).replace("\\", "")


def _metrics(app) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def _press(app, label: str):
    return next(button for button in app.button if label in button.label).click().run()


def test_without_a_data_set_the_page_says_how_to_get_one(open_page: OpenPage) -> None:
    """Without data and experiments the page shows one button, the command and the variable."""
    app = open_page("data")
    words = _words(app)
    assert "The data set is not on this machine" in words
    assert "stroke-ct download" in words
    assert "STROKE_CT_DATA" in words
    assert ["Download it from Kaggle (69 MB)"] == [button.label for button in app.button]
    assert not app.metric
    assert 2 == sum("is not on this machine, so its results" in info.value for info in app.info)


def test_without_pictures_the_record_is_shown(open_page: OpenPage, models: Path) -> None:
    """With an experiment but no data set, the page shows all except pictures and the control."""
    _write_story(models)
    app = open_page("data")
    words = _words(app)
    assert "the slices of the experiment seed-random-split" in words
    assert "The control needs the images" in words
    assert "of 12" in _metrics(app)["Patients in training and test"]
    assert not app.image


def test_counts_of_the_set_on_this_machine(open_page: OpenPage, data: Path) -> None:
    """The page shows slices, patients, folders, fingerprint, and that it is not the published data set."""
    app = open_page("data")
    shown = _metrics(app)
    assert ("60", "10", "30", "30") == tuple(
        shown[key] for key in ("Slices", "Patients", "Slices in Normal", "Slices in Stroke")
    )
    assert f"`{index_dataset(data).fingerprint[:12]}`" in _words(app)
    assert "Not the published data set" in _words(app)


def test_refused_files_are_named(open_page: OpenPage, data: Path) -> None:
    """A file that is not a picture is listed with the reason."""
    (data / "Normal" / "1 (99).jpg").write_bytes(b"no picture")
    app = open_page("data")
    assert "1 file was refused" in [expander.label for expander in app.expander]
    assert any("Normal/1 (99).jpg" in frame.value.to_string() for frame in app.dataframe)


def test_another_folder_can_be_named(open_page: OpenPage, data: Path, tmp_path: Path) -> None:
    """The folder in the field is shown; a missing folder is refused in words."""
    write_phantom_dataset(tmp_path / "other", n_patients=4, slices_per_patient=5, size=64)
    app = open_page("data")
    app.text_input(key="data_folder").set_value(str(tmp_path / "other")).run()
    assert "20" == _metrics(app)["Slices"]
    app.text_input(key="data_folder").set_value(str(tmp_path / "gone")).run()
    assert "There is no folder" in app.warning[0].value
    assert not app.exception


def test_a_random_split_leaks_and_patients_apart_do_not(open_page: OpenPage, data: Path) -> None:
    """Each split has its shares; adjacent slices are shown only if the split separates some."""
    app = open_page("data")
    shown = _metrics(app)
    assert "100 %" == shown["Test slices with the same patient in training"]
    assert 6 == sum(c.value.startswith(("Test  ", "Training  ")) for c in app.caption)
    app = open_page("data", shown_split="patient")
    shown = _metrics(app)
    assert ("0 of 10", "0 %", "0 %") == (
        shown["Patients in training and test"],
        shown["Test slices with the same patient in training"],
        shown["Test slices with an adjacent slice in training"],
    )
    assert "Near-identical images" not in _words(app)


def test_near_copies_are_searched_on_demand(open_page: OpenPage, data: Path) -> None:
    """The search counts the near-copies of the whole data set, and the link reopens it."""
    app = _press(open_page("data"), "Search all images for near-copies")
    assert "are near-copies" in _words(app)
    assert "yes" == app.query_params["copies"]
    assert "are near-copies" not in _words(_press(app, "Show adjacent slices instead"))


def test_other_pairs_can_be_drawn(open_page: OpenPage, data: Path) -> None:
    """The button shows pairs of other patients, and the link keeps them."""
    app = open_page("data")
    before = [caption.value for caption in app.caption if caption.value.startswith("Test  ")]
    _press(app, "Show other pairs")
    assert before != [caption.value for caption in app.caption if caption.value.startswith("Test  ")]
    assert "1" == app.query_params["pairs"]


def test_unknown_patients_are_said_to_be(open_page: OpenPage, data: Path) -> None:
    """If files name no patients, leakage is called unknown and no label is invented."""
    for number, path in enumerate(sorted(data.rglob("*.jpg"))):
        path.rename(path.with_name(f"slice{number}.jpg"))
    app = open_page("data", control="0")
    words = _words(app)
    assert "leakage cannot be measured" in words
    assert "What a single slice shows is not known" in words
    assert "cannot be estimated: the patients of the slices are unknown" in words
    assert "unknown" == _metrics(app)["Patients"]


def test_the_same_network_is_the_records(open_page: OpenPage, models: Path, data: Path) -> None:
    """Accuracy and AUROC of both experiments are those of `python -m core evaluate`."""
    _write_story(models)
    text = next(m.value for m in open_page("data").markdown if m.value.startswith("Accuracy with slices"))
    for name in SHIPPED:
        for framework, levels in evaluate_experiment(find_experiment(name, models))["models"].items():
            figure = levels["slice"]["accuracy"]
            assert f"{framework.lower()}" in text.lower()
            low, high = figure["interval"]
            assert f"**{100 * figure['value']:.0f} %** :gray[\\[{100 * low:.0f}–{100 * high:.0f}\\]]" in text
    auroc = evaluate_experiment(find_experiment("folder-by-patient", models))["models"]["keras"]["slice"]
    assert f"**{auroc['auroc']['value']:.2f}**" in text


def test_a_missing_experiment_is_named(open_page: OpenPage, models: Path) -> None:
    """With one of the two experiments, the other is called missing and nothing is compared."""
    _write_story(models, "folder-by-patient")
    app = open_page("data")
    assert ["seed-random-split"] == [
        info.value.split()[2].replace("\\", "") for info in app.info if "so its results" in info.value
    ]
    assert not any(m.value.startswith("Accuracy with slices") for m in app.markdown)


def test_experiments_that_differ_are_not_compared(open_page: OpenPage, models: Path) -> None:
    """If their labels differ too, the page refuses the comparison."""
    _write_story(models, "seed-random-split")
    write_tiny_experiment(models, "folder-by-patient", labels="slice")
    app = open_page("data")
    assert any("differ in more than their split" in warning.value for warning in app.warning)


def test_the_control_is_run_on_demand(open_page: OpenPage, data: Path) -> None:
    """The button runs the control; figures and conclusion are core's, and the link reopens them."""
    app = open_page("data")
    assert not app.table
    _press(app, "Run the control")
    control = run_control(index_dataset(data))
    cells = pd.DataFrame(app.table[0].value).set_index("")
    outcome = control.find("folder", "random", shuffled=True)
    value, low, high = (
        100 * v for v in (outcome.accuracy.value, outcome.accuracy.low, outcome.accuracy.high)
    )
    assert (
        f"**{value:.0f} %** :gray[\\[{low:.0f}–{high:.0f}\\]]"
        == cells.loc["Shuffled labels, slices at random", "Accuracy"]
    )
    assert conclude(control) in _words(app)
    assert "0" == app.query_params["control"]
    again = open_page("data", control="0")
    assert cells.equals(pd.DataFrame(again.table[0].value).set_index(""))
    _press(again, "Run again with other splits")
    assert "1" == again.query_params["control"]


def test_a_link_waits_for_the_folder(open_page: OpenPage, models: Path, data: Path, monkeypatch) -> None:
    """A link keeps its values while the data set is missing, and they are shown once it is named."""
    _write_story(models)
    monkeypatch.setenv("STROKE_CT_DATA", "")
    app = open_page("data", control="0", pairs="2", examples="3")
    assert {"control": "0", "pairs": "2", "examples": "3"} == {
        key: app.query_params[key] for key in ("control", "pairs", "examples")
    }
    app.text_input(key="data_folder").set_value(str(data)).run()
    assert app.table


@pytest.mark.parametrize("nonsense", ["x", "-1", "99999999"])
def test_a_nonsense_link_runs_nothing(open_page: OpenPage, data: Path, nonsense: str) -> None:
    """An invalid seed is ignored: the page opens with the button."""
    app = open_page("data", control=nonsense)
    assert any("Run the control" in button.label for button in app.button)


def test_the_labels_are_counted_and_shown(open_page: OpenPage, data: Path) -> None:
    """The page counts slices with a lesion per folder and shows an example of each kind."""
    shown = int(index_dataset(data).labels("slice").sum())
    app = open_page("data")
    words = _words(app)
    assert (
        f"Only **{shown} of 30** slices in Stroke (**{100 * shown / 30:.1f} %**) show a hemorrhage" in words
    )
    assert "In Normal none does." in words
    assert "None." in words


def test_a_failing_step_spoils_no_other(open_page: OpenPage, data: Path, monkeypatch) -> None:
    """If the split cannot be made, the reason is shown and the labels are still counted."""

    def refuse(*arguments):
        raise DatasetError("There are too few slices")

    monkeypatch.setattr(laboratory, "fold", refuse)
    app = open_page("data")
    assert "There are too few slices" in app.warning[0].value
    assert "show a hemorrhage" in _words(app)


def test_a_missing_picture_is_named(open_page: OpenPage, data: Path, monkeypatch) -> None:
    """A picture that can no longer be read is named in its step."""
    found = index_dataset(data)
    monkeypatch.setattr(datasets, "dataset", lambda folder, progress: found)
    for path in data.rglob("*.jpg"):
        path.unlink()
    app = open_page("data")
    assert app.warning
    assert not app.exception


def test_the_download_is_offered_and_fails_in_words(open_page: OpenPage, monkeypatch) -> None:
    """The button starts the download; its failure is shown with the remedy."""

    def refuse(progress, checking):
        raise DatasetError("Kaggle cannot be reached", remedy="check the connection")

    monkeypatch.setattr(indexing, "download", refuse)
    app = _press(open_page("data"), "Download it from Kaggle")
    while datasets.download().going:
        time.sleep(0.01)
    app.run()
    assert "Kaggle cannot be reached" in _words(app)
    assert "Check the connection" in _words(app)


def test_a_going_download_shows_how_far_it_is(open_page: OpenPage) -> None:
    """While a download runs, every visitor sees its progress instead of the button."""
    job = datasets.download()
    job.stage, job.done, job.total = "Downloading", 1, 4
    app = open_page("data")
    assert not app.button
    assert ["Downloading ... 25 %"] == [bar.proto.text for bar in app.get("progress")]


def test_slices_of_the_published_set_are_told(
    open_page: OpenPage, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the files are slices of the published set under other names, the page says so and lists them."""
    dataset = index_dataset(data)
    monkeypatch.setitem(KNOWN_DATASET, "fingerprint", dataset.fingerprint)
    (tmp_path / "known.npz").write_bytes(known_pictures.pack_known_pictures(dataset))
    monkeypatch.setattr(known_pictures, "KNOWN_FILE", tmp_path / "known.npz")
    known_pictures._read_known.cache_clear()
    for name, other in (("Normal", "ischemic"), ("Stroke", "hemorrhagic")):
        (data / name).rename(data / other)
    app = open_page("data")
    known_pictures._read_known.cache_clear()
    (told,) = [warning.value.replace("\\", "") for warning in app.warning if "published set" in warning.value]
    assert "60 of your 60 files are slices of the published set" in told
    assert "30 called 'ischemic' here are Normal there." in told
    assert "The known files" in [expander.label for expander in app.expander]


@pytest.mark.slow
def test_a_manifest_shows_its_sources_without_ids(open_page: OpenPage, tmp_path: Path) -> None:
    """Counts, warnings, sources and faulty lines are shown; patients are running numbers."""
    path = write_two_sources(tmp_path)
    path.write_text(path.read_text().replace(",north,1,", ",north,Smith,") + "gone.png,north,9,present,GE\n")
    app = open_page("data")
    app.text_input(key="data_folder").set_value(str(path)).run()
    assert {"Slices": "48", "Patients": "9", "Slices with a hemorrhage": "12", "Slices without": "36"} == {
        name: value
        for name, value in _metrics(app).items()
        if name.startswith(("Slices", "Patients"))
        if "training" not in name
    }
    words = _words(app)
    assert "patients of 12 of 48 slices are unknown" in words
    assert "presumed absent, because each report names its bleedings" in words
    assert "A manifest gives each slice its own label" in words
    assert "Smith" not in words
    sources, faults = (frame.value for frame in app.dataframe[:2])
    assert ["north", "south"] == sources["source"].to_list()
    assert ["50"] == faults["line"].to_list()


def test_the_control_for_shortcuts_names_its_command(open_page: OpenPage, models: Path) -> None:
    """Without a stored control the step says how to measure one."""
    write_tiny_experiment(models)
    app = open_page("data")
    assert "Is it the lesion or the hospital?" in " ".join(one.value for one in app.header)
    assert "stroke-ct shortcut tiny MANIFEST" in [one.value for one in app.code]


@pytest.mark.parametrize(
    ("covered", "words", "counts"),
    [
        (0.55, "No sign that the networks know the hospital.", "lesion covered: 0 of 4"),
        (0.8, "Not the lesion alone.", "lesion covered: 4 of 4"),
    ],
)
def test_the_control_for_shortcuts_is_concluded(
    open_page: OpenPage, models: Path, covered: float, words: str, counts: str
) -> None:
    """The step says whether the networks know the hospital, and shows the comparisons."""
    add_lesion_tables(write_tiny_experiment(models), covered=covered)
    app = open_page("data")
    texts = _words(app)
    assert words in texts
    assert counts in texts
    assert "shortcut_tiny" in [chart.key for chart in app.get("plotly_chart")]
    told = [cell for table in app.table for cell in table.value.astype(str).to_numpy().ravel()]
    assert "**0.97** :gray[\\[0.95–0.99\\]]" in told
    assert "**12 %** :gray[\\[8–20\\]]" in told


def test_without_comparisons_nothing_is_concluded_about_the_hospital(
    open_page: OpenPage, models: Path
) -> None:
    """The step does not say that there is no sign where no other source could be compared."""
    add_lesion_tables(write_tiny_experiment(models), compared=False)
    texts = _words(open_page("data"))
    assert "**Not known.** No slice with its lesion covered could be compared" in texts
    assert "No sign" not in texts
