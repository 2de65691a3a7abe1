"""Read a scan: the choice whether the card or a site calibration decides."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.experiments import Experiment
from core.validation import fit_site, open_site
from tests.builders import write_tiny_experiment, write_tiny_validation
from tests.dashboard.conftest import OpenPage, read_stack, read_texts, render_file
from tests.scan_files import render_hu, write_dicom

LABEL = "Calibration and thresholds"


@pytest.fixture
def experiment(models: Path) -> Experiment:
    """The tiny experiment with a site calibration "north"."""
    tiny = write_tiny_experiment(models)
    fit_site(tiny, write_tiny_validation(tiny, "north", n_patients=20), n_resamples=20)
    return tiny


def test_without_a_site_there_is_no_choice(open_page: OpenPage, models: Path) -> None:
    """Without site calibrations no choice is offered, and the page says that the card decided."""
    write_tiny_experiment(models)
    app = open_page("read_scan")
    assert LABEL not in [one.label for one in app.selectbox]
    app.file_uploader[0].upload("a.png", render_file(0.45), "image/png").run()
    assert "Decided with the calibration and thresholds of the model card" in read_texts(app)


def test_a_site_is_chosen_by_name(open_page: OpenPage, experiment: Experiment) -> None:
    """At first the card decides; a chosen site decides with its own recalibration and thresholds."""
    app = open_page("read_scan")
    app.file_uploader[0].upload("a.png", render_file(0.45), "image/png").run()
    (choice,) = (one for one in app.selectbox if one.label == LABEL)
    assert ["Model card", 'Site "north"'] == choice.options
    home = read_stack(app)
    choice.set_value("north").run()
    there, site = read_stack(app), open_site(experiment, "north")
    assert "Decided with the site calibration" in read_texts(app)
    assert "Fitted to 119 slices of 20 patients, 60 with the finding" in read_texts(app)
    for network, before, after in zip(
        there["networks"], home["slices"][0]["scores"], there["slices"][0]["scores"], strict=True
    ):
        assert site.threshold(network["name"]) == network["threshold"]
        expected = site.recalibration(network["name"]).apply(before)
        assert float(expected) == pytest.approx(after, abs=2e-3)
    assert app.query_params["site"] in ("north", ["north"])


def test_a_link_names_a_site(open_page: OpenPage, experiment: Experiment) -> None:
    """A link with a site opens the page with it."""
    app = open_page("read_scan", site="north")
    app.file_uploader[0].upload("a.png", render_file(0.45), "image/png").run()
    assert "Decided with the site calibration" in read_texts(app)


def test_a_site_that_is_not_there_decides_nothing(open_page: OpenPage, experiment: Experiment) -> None:
    """A link with an unknown site is an error; nothing is read until the visitor chooses."""
    app = open_page("read_scan", site="south")
    assert "has no validation" in app.warning[0].value
    assert [] == list(app.header)
    (choice,) = (one for one in app.selectbox if one.label == LABEL)
    assert choice.value is None
    choice.set_value("").run()
    assert [] == list(app.warning)


def test_a_rule_is_the_sites_own(open_page: OpenPage, experiment: Experiment) -> None:
    """Another operating point takes the site's threshold of that rule."""
    app = open_page("read_scan", site="north", operating_point="f1")
    app.file_uploader[0].upload("a.png", render_file(0.45), "image/png").run()
    site = open_site(experiment, "north")
    expected = [site.threshold(name, "slice", "f1") for name in experiment.frameworks]
    assert expected == [network["threshold"] for network in read_stack(app)["networks"]]


def test_a_site_without_a_rule_for_studies_gives_no_result(
    open_page: OpenPage, experiment: Experiment
) -> None:
    """A study then is not judged; the reason stands there, and what else limits it."""
    app = open_page("read_scan", site="north")
    for place in range(3):
        data = write_dicom(render_hu(place), z=5.0 * place, InstanceNumber=place)
        app.file_uploader[0].upload(f"{place}.dcm", data, "application/dicom")
    texts = read_texts(app.run())
    assert "Not judged" in texts
    assert "has no decision threshold for studies" in texts
    assert "Study incomplete" in texts
