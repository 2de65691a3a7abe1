"""The page "Validate", run without a browser."""

from __future__ import annotations

import json
import time
from functools import partial
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.evaluation.summary import evaluate_experiment
from core.experiments import Experiment
from core.sources import succeed_experiment
from core.synthetic.phantoms import write_phantom_dataset
from core.validation import fit_site, list_sites, list_validations, make_record
from dashboard.shared.components import write_figure
from dashboard.validate import runs, site
from tests.builders import write_tiny_experiment, write_tiny_validation
from tests.dashboard.conftest import OpenPage, read_texts
from tests.manifest_files import write_two_sources

pytestmark = pytest.mark.usefixtures("few_resamples")


@pytest.fixture
def experiment(models: Path) -> Experiment:
    """The only experiment, calibrated."""
    return write_tiny_experiment(models, calibrated=True)


def _cells(app: AppTest) -> str:
    """Return the words of all tables."""
    return "\n".join(str(cell) for table in app.table for cell in table.value.to_numpy().ravel())


def _warnings(app: AppTest) -> str:
    return "\n".join(warning.value for warning in app.warning)


def test_without_experiments_the_page_invites(open_page: OpenPage) -> None:
    """Without an experiment there is nothing to validate, and the page links to Train."""
    assert "No trained experiment yet" in read_texts(open_page("validate"))


def test_without_a_validation_the_page_says_what_to_do(open_page: OpenPage, experiment: Experiment) -> None:
    """The page asks for a data set, and says what it will show."""
    app = open_page("validate")
    assert "**No validation yet.** Enter the path of a data set on the left" in read_texts(app)
    assert not app.table


def test_home_and_there_stand_side_by_side(
    open_page: OpenPage, experiment: Experiment, few_resamples: int
) -> None:
    """The table has every figure of the record at home and there, with intervals or the reason."""
    validation = write_tiny_validation(experiment, labels=(0, 0, 0, 0, 0, 0, 0, 1), n_patients=18)
    app = open_page("validate")
    record = make_record(experiment, validation, few_resamples, home=evaluate_experiment(experiment))
    cells = _cells(app)
    for levels in record["there"].values():
        for key in ("specificity", "brier", "accuracy"):
            assert write_figure(levels["slice"][key], key != "brier") in cells
    assert "not estimable (1)" in cells
    reason = "(1) It needs at least 20 positive slices; there are 12."
    assert reason in read_texts(app).replace("\\", "")
    for levels in record["home"].values():
        assert write_figure(levels["slice"]["auroc"], False) in cells


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ("Input check", "refuses **1**"),
        *(
            pytest.param(*row, marks=pytest.mark.slow)
            for row in (
                ("Curves", "compare ROC curves"),
                ("Threshold", "Click a cell to see its slices"),
                ("Sources", "By vendor"),
                ("Calibration", "Below the dotted line"),
                ("This site", "Make a calibration for this site"),
                ("Without labels", "Do these scans look like the training scans?"),
            )
        ),
    ],
)
def test_each_part_opens_from_its_link(
    open_page: OpenPage, experiment: Experiment, part: str, words: str
) -> None:
    """Each tab opens from its link with its own words."""
    write_tiny_validation(experiment, sources=("north", "south"), vendors=("GE", "Siemens"))
    app = open_page("validate", part=part)
    assert words in read_texts(app) + str([button.label for button in app.button])
    assert part == app.query_params.get("part", "Curves")


def test_a_link_reopens_a_validation_on_one_page(open_page: OpenPage, experiment: Experiment) -> None:
    """The link names the validation and the view for printing; the sheet has no tabs."""
    write_tiny_validation(experiment, "a")
    write_tiny_validation(experiment, "b", seed=1)
    app = open_page("validate", validation="b", sheet="True")
    assert "b" == app.header[0].value
    assert not app.tabs
    app.button(key="open_a").click().run()
    assert "a" == app.header[0].value
    assert "a" == app.query_params.get("validation", "a")


def test_a_link_to_a_missing_validation_says_so(open_page: OpenPage, experiment: Experiment) -> None:
    """A deleted validation in a link is named, and another is shown."""
    write_tiny_validation(experiment)
    app = open_page("validate", validation="gone")
    assert "no validation “gone”" in _warnings(app)
    assert "elsewhere" == app.header[0].value


def test_one_of_an_earlier_version_is_marked(open_page: OpenPage, experiment: Experiment) -> None:
    """A validation of other networks is listed, and its results are not shown."""
    folder = write_tiny_validation(experiment).folder
    details = json.loads((folder / "validation.json").read_text())
    (folder / "validation.json").write_text(json.dumps({**details, "served": "0" * 64}))
    app = open_page("validate")
    assert "of an earlier version" in read_texts(app)
    assert "Of an earlier version" in _warnings(app)
    assert not app.table


def test_after_a_succession_the_page_says_so(open_page: OpenPage, models: Path) -> None:
    """A validation of version 1 says what to do; the figures of both versions can be opened."""
    earlier = write_tiny_experiment(models, calibrated=True)
    write_tiny_validation(earlier, "hospital", n_patients=40)
    others = write_tiny_experiment(models, "tiny-2", calibrated=True, shifts=(0.1, 0.2, 0.3))
    succeed_experiment(others, earlier)
    app = open_page("validate", validation="hospital")
    words = _warnings(app).replace("\\", "")
    assert "The networks changed (version 1 → 2)" in words
    assert "calibrate again" in words
    assert "How the networks changed" in [one.label for one in app.expander]
    assert not app.table
    app.session_state["versions"] = True
    app.run()
    assert not app.exception
    (table,) = app.table
    assert ["1", "2"] == [one for one in table.value["Version"] if one]


def test_a_damaged_one_is_named_beside_the_others(open_page: OpenPage, experiment: Experiment) -> None:
    """It is listed with its cause and what to do; the others open, and it can be deleted."""
    write_tiny_validation(experiment)
    (write_tiny_validation(experiment, "broken").folder / "validation.json").write_text("{")
    app = open_page("validate", validation="broken")
    words = read_texts(app).replace("\\", "")
    assert "**broken**" in words
    assert "validation.json is missing or not valid JSON. Delete it, and run it again" in words
    assert "elsewhere" == app.header[0].value
    app.button(key="delete_now_broken").click().run()
    assert not app.exception
    assert "**broken**" not in read_texts(app)


def test_a_validation_is_deleted(open_page: OpenPage, experiment: Experiment) -> None:
    """After the confirmation it is gone, and the page invites again."""
    write_tiny_validation(experiment)
    app = open_page("validate")
    app.button(key="delete_now_elsewhere").click().run()
    assert not app.exception
    assert [] == list_validations(experiment)
    assert "No validation yet" in read_texts(app)


def test_unlabeled_scans_are_compared_with_home(open_page: OpenPage, experiment: Experiment) -> None:
    """A validation without labels shows whether the scans look like the training scans, and no results."""
    validation = write_tiny_validation(experiment)
    details = json.loads((validation.folder / "validation.json").read_text())
    details["left_out"]["unknown_label"] = details["n_listed"]
    (validation.folder / "validation.json").write_text(json.dumps(details))
    words = read_texts(open_page("validate"))
    assert "Do these scans look like the training scans?" in words
    assert "Own data set and new scans" not in words


def test_a_site_calibration_is_made_and_deleted(
    open_page: OpenPage, experiment: Experiment, monkeypatch: pytest.MonkeyPatch, few_resamples: int
) -> None:
    """The tab makes it, says what it rests on and what it changes, and deletes it."""
    monkeypatch.setattr(site, "fit_site", partial(fit_site, n_resamples=few_resamples))
    write_tiny_validation(experiment)
    app = open_page("validate", part="This site")
    app.button(key="fit_site").click().run()
    (made,) = list_sites(experiment)
    words = read_texts(app)
    assert "from **95** slices, **48** with the finding and **47** without; 16 patients" in words
    assert "Not used: 1 refused by the input check" in words
    change = made.details["cross_fitted"]["keras"]["slice"]
    assert write_figure(change["after"]["specificity"], True) in _cells(app)
    app.button(key="delete_site_now").click().run()
    assert [] == list_sites(experiment)
    assert not app.exception


def test_a_folder_that_is_no_data_set_is_named(
    open_page: OpenPage, experiment: Experiment, tmp_path: Path
) -> None:
    """The error of the data set is shown, and nothing can be started."""
    app = open_page("validate")
    app.text_input(key="validation_data").set_value(str(tmp_path / "nowhere")).run()
    assert not app.exception
    assert app.warning
    assert "start_validation" not in [button.key for button in app.button]


def test_the_plan_says_what_matters_for_a_validation(
    open_page: OpenPage, experiment: Experiment, tmp_path: Path
) -> None:
    """Unknown patients are said with what they mean for the intervals; nothing is said of a training."""
    app = open_page("validate")
    app.text_input(key="validation_data").set_value(str(write_two_sources(tmp_path))).run()
    words = read_texts(app).replace("\\", "")
    assert "**9** patients." in words
    assert "The patients of 12 of 48 slices are unknown. Each of these slices counts as independent" in words
    assert "A split by patient" not in words
    assert "no training uses them" not in words


def test_a_data_set_is_validated_in_the_background(
    open_page: OpenPage, experiment: Experiment, tmp_path: Path
) -> None:
    """The page counts the data set, starts the run, shows its progress, and opens the stored validation."""
    write_phantom_dataset(tmp_path / "set", n_patients=6, slices_per_patient=4, size=64)
    app = open_page("validate")
    app.text_input(key="validation_data").set_value(str(tmp_path / "set")).run()
    assert "**6** patients" in read_texts(app)
    app.button(key="start_validation").click().run()
    assert not app.exception
    for _ in range(600):
        if list_validations(experiment):
            break
        time.sleep(0.1)
    (stored,) = list_validations(experiment)
    assert "set" == stored.name
    app.run()
    app.run()
    assert not app.exception
    assert "set" == app.header[0].value
    assert [] == runs.list_runs(experiment)
