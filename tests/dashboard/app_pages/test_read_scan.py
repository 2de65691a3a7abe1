"""The page "Read a scan", run without a browser."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from core.experiments import Experiment
from core.gate import GateFinding
from core.imaging.preprocessing import prepare
from core.reading import reader
from core.scans import read_scan
from core.validation import count_flags
from dashboard.readings import reading
from dashboard.shared import components
from tests.builders import tiny_probability, write_tiny_experiment, write_tiny_validation
from tests.dashboard.conftest import OpenPage, read_stack, read_texts, render_file

pytestmark = pytest.mark.usefixtures("open_gate")


def _expected(experiment: Experiment, data: bytes) -> dict[str, float]:
    image = prepare(read_scan(data, "x").slices[0].pixels, experiment.recipe)
    return {name: tiny_probability(name, image) for name in experiment.frameworks}


def _headline(app: AppTest) -> str:
    """Return the largest words on the page, without markup."""
    (header,) = app.header
    return str(header.value).replace("\\", "")


def _alts(app: AppTest) -> list[str]:
    """Return the alternative text of each picture."""
    return [image.proto.imgs[0].alt for image in app.image]


def test_without_experiments_the_page_invites_to_train_one(open_page: OpenPage) -> None:
    """Without an experiment the page links to the page Train."""
    app = open_page("read_scan")
    assert "No trained experiment yet" in read_texts(app)
    assert "Not a medical device" in read_texts(app)


def test_without_files_the_page_says_what_it_will_show(open_page: OpenPage, models: Path) -> None:
    """Before any upload the page says how to begin, and explains the positive class."""
    experiment = write_tiny_experiment(models)
    app = open_page("read_scan")
    assert "Drop a head CT slice or study to begin" in read_texts(app)
    assert experiment.meaning.split(".")[0] in read_texts(app)


def test_one_file_shows_both_probabilities_and_two_heat_maps(open_page: OpenPage, models: Path) -> None:
    """An uploaded PNG shows the tiny networks' probabilities and outcomes, and a heat map of each."""
    experiment = write_tiny_experiment(models)
    data = render_file(0.9)
    app = open_page("read_scan")
    app.file_uploader[0].upload("bright.png", data, "image/png").run()
    assert "Both networks agree. :small[:gray[They share the training data" in read_texts(app)
    assert "Flagged: possible hemorrhage" in _headline(app)
    stack, expected = read_stack(app), _expected(experiment, data)
    assert list(expected) == [network["name"] for network in stack["networks"]]
    assert [round(value, 4) for value in expected.values()] == stack["slices"][0]["scores"]
    assert ["flagged", "flagged"] == stack["slices"][0]["decisions"]
    assert "flagged" == stack["slices"][0]["outcome"]
    assert 2 == len(stack["picture"]["heat"])


def test_disagreement_is_uncertain(open_page: OpenPage, models: Path) -> None:
    """If one network is above its threshold and the other below, the headline is unsure and says why."""
    write_tiny_experiment(models)
    app = open_page("read_scan", operating_point="custom", pytorch_threshold="0.99", keras_threshold="0.01")
    app.file_uploader[0].upload("middle.png", render_file(0.45), "image/png").run()
    assert "Uncertain: please review" in _headline(app)
    assert "The networks disagree\\: Keras flagged it\\, PyTorch did not\\." in read_texts(app)
    assert "agree." not in read_texts(app)


def test_a_probability_in_the_review_band_is_uncertain(open_page: OpenPage, models: Path) -> None:
    """A probability at the threshold of one network makes the result uncertain; the reason names it."""
    experiment = write_tiny_experiment(models, calibrated=True)
    data = render_file(0.45)
    raw = _expected(experiment, data)
    at = {name: float(experiment.recalibration(name).apply(value)) for name, value in raw.items()}
    cuts = {"pytorch_threshold": f"{at['pytorch']:.2f}", "keras_threshold": "0.99"}
    app = open_page("read_scan", operating_point="custom", **cuts)
    app.file_uploader[0].upload("middle.png", data, "image/png").run()
    assert ["uncertain", "not_flagged"] == read_stack(app)["slices"][0]["decisions"]
    assert "Uncertain: please review" in _headline(app)
    assert "The probability of PyTorch is close to its threshold\\." in read_texts(app)
    (scales,) = [alt for alt in _alts(app) if "threshold" in alt]
    assert 2 == scales.count("review band")


def test_a_card_without_review_bands_asks_for_no_review(open_page: OpenPage, models: Path) -> None:
    """Without review bands on the card the word review is not on the page."""
    write_tiny_experiment(models)
    app = open_page("read_scan")
    app.file_uploader[0].upload("dark.png", render_file(0.1), "image/png").run()
    assert "review" not in read_texts(app)
    assert not any("review" in alt for alt in _alts(app))
    assert "Not flagged" in _headline(app)


def test_what_the_gate_warns_of_is_uncertain(
    open_page: OpenPage, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A score far above the threshold is no sure headline where the gate warns; its reason stands there."""
    found = GateFinding("warn", ("The outline is odd.",))
    monkeypatch.setattr(reader, "judge_scan", lambda scan, recipe: [found])
    write_tiny_experiment(models)
    app = open_page("read_scan")
    app.file_uploader[0].upload("bright.png", render_file(0.9), "image/png").run()
    assert "Uncertain: please review" in _headline(app)
    assert 1 == read_texts(app).count("The outline is odd")


def test_what_shows_no_brain_is_not_judged(
    open_page: OpenPage, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reason stands below; no score is shown, neither beside the result nor in the worklist."""
    found = GateFinding("read", brain_visible=False)
    monkeypatch.setattr(reader, "judge_scan", lambda scan, recipe: [found])
    write_tiny_experiment(models)
    app = open_page("read_scan")
    for name in ("a.png", "b.png"):
        app.file_uploader[0].upload(name, render_file(0.9 if name == "a.png" else 0.8), "image/png")
    app.run()
    assert "Not judged" in _headline(app)
    assert "No brain is visible" in read_texts(app)
    assert [] == [alt for alt in _alts(app) if "threshold" in alt]
    assert ["PyTorch" in caption for caption in app.radio(key="worklist").proto.captions] == [False, False]


def test_a_panel_answers_for_each_finding(open_page: OpenPage, panel: list[Experiment]) -> None:
    """Each finding has its headline; the viewer shows the heat maps of the one chosen, as the link says."""
    app = open_page("read_scan")
    data = render_file(0.9)
    app.file_uploader[0].upload("bright.png", data, "image/png").run()
    headlines = [str(header.value).replace("\\", "") for header in app.header]
    for experiment, headline in zip(panel, headlines, strict=True):
        name = experiment.finding
        assert f"{name.capitalize()}: flagged" in headline
    assert panel[0].finding == read_stack(app)["finding"]
    app.segmented_control(key="finding").set_value(panel[1].finding).run()
    assert panel[1].finding == read_stack(app)["finding"]
    assert panel[1].finding == app.query_params["finding"]


def test_a_finding_can_be_left_out(open_page: OpenPage, panel: list[Experiment]) -> None:
    """Without the other experiment the page is that of one finding; one may also be chosen alone."""
    app = open_page("read_scan", experiment_2="")
    app.file_uploader[0].upload("bright.png", render_file(0.9), "image/png").run()
    assert "Flagged: possible hemorrhage" in _headline(app)
    app.selectbox(key="experiment").set_value("other").run()
    assert "Flagged: possible ischemia" in _headline(app)


def test_a_panel_without_one_of_its_experiments_reads_nothing(
    open_page: OpenPage, panel: list[Experiment], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The missing one is named, and another is used only if the visitor chooses so."""
    monkeypatch.setenv("STROKE_CT_EXPERIMENT", "tiny,lost")
    app = open_page("read_scan")
    assert 'There is no experiment \\"lost\\"' in read_texts(app)
    assert [] == list(app.header)
    app.selectbox(key="experiment_2").set_value("other").run()
    app.file_uploader[0].upload("bright.png", render_file(0.9), "image/png").run()
    assert len(panel) == len(app.header)


def test_moving_the_operating_point_does_not_rerun_the_networks(
    open_page: OpenPage, models: Path, monkeypatch
) -> None:
    """Another threshold changes the decision; the networks read the scan once."""
    scans = []
    original = reading.read_together
    monkeypatch.setattr(
        reading, "read_together", lambda all, scan, **more: scans.append(scan) or original(all, scan, **more)
    )
    write_tiny_experiment(models)
    app = open_page("read_scan", operating_point="custom", pytorch_threshold="0.01", keras_threshold="0.01")
    data = render_file(0.3)
    app.file_uploader[0].upload("dark.png", data, "image/png").run()
    assert "Flagged: possible hemorrhage" in _headline(app)
    app.slider(key="pytorch_threshold").set_value(0.99)
    app.slider(key="keras_threshold").set_value(0.99).run()
    assert "Not flagged" in _headline(app)
    assert 1 == sum(scan.sha256 == hashlib.sha256(data).hexdigest() for scan in scans)


def test_a_bad_file_is_refused_by_name_and_the_others_are_read(open_page: OpenPage, models: Path) -> None:
    """A text file named .png is refused with its name and a reason; the good file next to it is shown."""
    write_tiny_experiment(models)
    app = open_page("read_scan")
    app.file_uploader[0].upload("no picture.png", b"words, not pixels", "image/png")
    app.file_uploader[0].upload("good.png", render_file(0.9), "image/png").run()
    assert 1 == len(app.warning)
    assert "no picture" in app.warning[0].value
    assert "was not read" in app.warning[0].value
    assert "Both networks agree." in read_texts(app)


def test_the_worklist_puts_the_most_urgent_first(open_page: OpenPage, models: Path) -> None:
    """Of two files the brighter one, which the tiny networks flag, is first."""
    write_tiny_experiment(models)
    app = open_page("read_scan")
    app.file_uploader[0].upload("dark.png", render_file(0.1), "image/png")
    app.file_uploader[0].upload("bright.png", render_file(0.9), "image/png").run()
    assert ["bright\\.png", "dark\\.png"] == app.radio(key="worklist").options


def test_two_files_of_one_name_get_unique_names(open_page: OpenPage, models: Path) -> None:
    """The second file of a name gets a number, and each leads to its own reading."""
    write_tiny_experiment(models)
    app = open_page("read_scan")
    app.file_uploader[0].upload("1.png", render_file(0.1), "image/png")
    app.file_uploader[0].upload("1.png", render_file(0.9), "image/png").run()
    assert ["1\\.png \\(2\\)", "1\\.png"] == app.radio(key="worklist").options
    assert "Flagged: possible hemorrhage" in _headline(app)
    app.radio(key="worklist").set_value("1\\.png").run()
    assert "Not flagged" in _headline(app)


def test_the_chosen_scan_stays_when_a_more_suspicious_one_comes(open_page: OpenPage, models: Path) -> None:
    """A new file at the top of the list does not replace the scan on screen."""
    write_tiny_experiment(models)
    app = open_page("read_scan")
    files = {"dark.png": 0.1, "darker.png": 0.05, "bright.png": 0.9}
    for n_files in (2, 3):
        for name, gray in list(files.items())[:n_files]:
            app.file_uploader[0].upload(name, render_file(gray), "image/png")
        app.run()
        if n_files == 2:
            app.radio(key="worklist").set_value("darker\\.png").run()
    assert "bright\\.png" == app.radio(key="worklist").options[0]
    assert "darker\\.png" == app.radio(key="worklist").value
    assert "darker.png" in [text.value for text in app.text]


def test_synthetic_scans_are_labelled_as_such(open_page: OpenPage, models: Path) -> None:
    """The button shows phantoms, labeled as synthetic."""
    write_tiny_experiment(models)
    app = open_page("read_scan")
    next(button for button in app.button if "synthetic" in button.label).click().run()
    assert "**Synthetic:** made by this program" in read_texts(app)
    assert all("Synthetic" in option for option in app.radio(key="worklist").options)


def test_a_scan_seen_in_training_is_marked(open_page: OpenPage, models: Path) -> None:
    """A file whose content was in the training data is shown with the warning of the reader."""
    import pandas as pd

    from core.reading.reader import SEEN_IN_TRAINING
    from core.scans import read_scan

    data = render_file(0.8)
    first = write_tiny_experiment(models)
    table = first.slices()[["file", "patient", "number", "folder_label", "slice_label", "sha256"]]
    table["sha256"] = pd.Series([read_scan(data, "x").sha256, *table["sha256"][1:]])
    write_tiny_experiment(models, table=table, fingerprint="0" * 64)
    app = open_page("read_scan")
    app.file_uploader[0].upload("seen.png", data, "image/png").run()
    assert SEEN_IN_TRAINING.split(":")[0] in read_texts(app).replace("\\", "")


def test_markup_in_a_file_name_is_shown_as_plain_text(open_page: OpenPage, models: Path) -> None:
    """A name that is Markdown for a remote picture is escaped."""
    write_tiny_experiment(models)
    name = "![x](http://example.org/x.png) <b>.png"
    app = open_page("read_scan")
    app.file_uploader[0].upload(name, b"no picture", "image/png").run()
    assert "![x](" not in app.warning[0].value
    assert "<b>" not in app.warning[0].value.replace("\\<", "")


def test_a_damaged_experiment_is_named_and_the_others_serve(open_page: OpenPage, models: Path) -> None:
    """A folder with a broken card is named in a warning; scans are still read."""
    write_tiny_experiment(models)
    broken = models / "broken"
    broken.mkdir()
    (broken / "experiment.json").write_text("{")
    app = open_page("read_scan")
    assert "broken" in app.warning[0].value
    app.file_uploader[0].upload("bright.png", render_file(0.9), "image/png").run()
    assert "Both networks agree." in read_texts(app)


def test_a_link_to_a_missing_experiment_says_so(open_page: OpenPage, models: Path) -> None:
    """A link to an experiment that is gone says so, keeps the name, and opens no other."""
    write_tiny_experiment(models)
    app = open_page("read_scan", experiment="gone")
    assert "gone" in app.warning[0].value
    assert app.selectbox(key="experiment").value is None
    assert "gone" == app.query_params["experiment"]


def test_a_link_reopens_experiment_and_operating_point(open_page: OpenPage, models: Path) -> None:
    """The query parameters choose the experiment and the rule."""
    write_tiny_experiment(models, "one")
    write_tiny_experiment(models, "two")
    app = open_page("read_scan", experiment="two", operating_point="sensitivity_90")
    assert "two" == app.selectbox(key="experiment").value
    assert "sensitivity_90" == app.selectbox(key="operating_point").value


def test_an_experiment_of_one_framework_reads_too(open_page: OpenPage, models: Path) -> None:
    """With Keras alone there is one heat map and no word on agreement."""
    write_tiny_experiment(models, frameworks=("keras",))
    app = open_page("read_scan")
    app.file_uploader[0].upload("bright.png", render_file(0.9), "image/png").run()
    assert ["Keras"] == [network["title"] for network in read_stack(app)["networks"]]
    assert "Read by one network." in read_texts(app)


def test_the_worklist_shows_pictures_outcomes_and_scores(open_page: OpenPage, models: Path) -> None:
    """Each row has a thumbnail, the outcome, and the scores beside the result."""
    experiment = write_tiny_experiment(models)
    files = {"bright.png": render_file(0.9), "middle.png": render_file(0.45)}
    app = open_page("read_scan", operating_point="custom", pytorch_threshold="0.90", keras_threshold="0.10")
    for name, data in files.items():
        app.file_uploader[0].upload(name, data, "image/png")
    app.run()
    captions = app.radio(key="worklist").proto.captions
    assert ["bright\\.png", "middle\\.png"] == app.radio(key="worklist").options
    for caption, data in zip(captions, files.values(), strict=True):
        assert caption.startswith("![](data:image/jpeg;base64,")
        for name, probability in _expected(experiment, data).items():
            assert f"{ {'pytorch': 'PyTorch', 'keras': 'Keras'}[name] } {probability:.2f}" in caption
    assert "Flagged" in captions[0]
    assert "Uncertain" in captions[1]


def test_forty_files_are_read_and_listed(open_page: OpenPage, models: Path) -> None:
    """Forty scans are in one worklist, sorted from the most to the least urgent."""
    write_tiny_experiment(models)
    app = open_page("read_scan")
    for number in range(40):
        app.file_uploader[0].upload(f"{number:02}.png", render_file(0.3 + 0.012 * number), "image/png")
    app.run()
    assert [f"{number:02}\\.png" for number in reversed(range(40))] == app.radio(key="worklist").options
    assert "Worklist: 40 scans" in app.radio(key="worklist").label


def test_several_refusals_are_collapsed(open_page: OpenPage, models: Path) -> None:
    """Refused files are counted in one line that opens; those refused for one reason share a sentence."""
    write_tiny_experiment(models)
    app = open_page("read_scan")
    for number in range(5):
        app.file_uploader[0].upload(f"{number}", b"words", "image/png")
    app.file_uploader[0].upload("x", b"", "image/png")
    app.run()
    assert "6 files were not read" in [expander.label for expander in app.expander]
    joined, other = [warning.value.replace("\\", "") for warning in app.warning]
    assert (True, True) == ("0, 1, 2 and 2 more" in joined, "x" in other and "empty" in other)


def test_the_limits_come_from_the_card(open_page: OpenPage, models: Path) -> None:
    """Every limit on the experiment's card is on the page, before and after a scan is read."""
    experiment = write_tiny_experiment(models)
    app = open_page("read_scan")
    for _ in range(2):
        texts = read_texts(app).replace("\\", "")
        assert all(limit in texts for limit in experiment.card["limits"])
        app.file_uploader[0].upload("a.png", render_file(0.9), "image/png").run()


def test_a_phantom_to_compare_with_is_labelled(open_page: OpenPage, models: Path) -> None:
    """Without the data set the slice to compare with is a phantom, labeled as one."""
    write_tiny_experiment(models)
    app = open_page("read_scan")
    app.file_uploader[0].upload("a.png", render_file(0.9), "image/png").run()
    assert read_stack(app)["reference"] is None
    app.segmented_control(key="reference").set_value("Hemorrhage").run()
    reference = read_stack(app)["reference"]
    assert "Phantom" == reference["title"]
    assert reference["text"].startswith("Synthetic slice with a simulated hemorrhage")
    assert reference["address"].startswith("data:image/jpeg;base64,")


def test_a_scan_of_several_slices_opens_at_the_most_suspicious(open_page: OpenPage, models: Path) -> None:
    """A TIFF of three pages opens at the brightest one; all three are in the viewer."""
    write_tiny_experiment(models)
    stack = io.BytesIO()
    pages = [Image.open(io.BytesIO(render_file(gray))) for gray in (0.3, 0.9, 0.35)]
    pages[0].save(stack, "TIFF", save_all=True, append_images=pages[1:])
    app = open_page("read_scan")
    app.file_uploader[0].upload("stack.tif", stack.getvalue(), "image/tiff").run()
    stack = read_stack(app)
    assert [1, 3, ""] == [stack["index"], len(stack["slices"]), stack["direction"]]


def test_downloads_are_offered_for_what_was_read(open_page: OpenPage, models: Path) -> None:
    """One scan: a report, the worklist, JSON, DICOM; two: all reports as well."""
    write_tiny_experiment(models)
    app = open_page("read_scan")
    offered = []
    for names in (["secret one.png"], ["secret one.png", "secret two.png"]):
        for name in names:
            app.file_uploader[0].upload(name, render_file(0.9 if "one" in name else 0.3), "image/png")
        app.run()
        offered.append([button.proto.label for button in app.get("download_button")])
    always = ["Worklist (CSV)", "JSON", "Report (DICOM)", "Heat maps (DICOM)"]
    assert ["Report (PDF)", *always] == offered[0]
    assert ["Report (PDF)", "All 2 reports (PDF)", *always] == offered[1]


def test_a_picture_without_a_head_is_read_only_on_demand(
    open_page: OpenPage, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A picture without a head is refused; the button reads it anyway, without judging it."""
    refused = GateFinding("refuse", ("No bone is visible.",), brain_visible=False)
    monkeypatch.setattr(reader, "judge_scan", lambda scan, recipe: [refused])
    write_tiny_experiment(models)
    picture = io.BytesIO()
    Image.linear_gradient("L").resize((64, 64)).point(lambda gray: 80 + gray // 3).save(picture, "PNG")
    app = open_page("read_scan")
    app.file_uploader[0].upload("cat.png", picture.getvalue(), "image/png").run()
    assert "does not look like a head CT" in app.warning[0].value
    assert not app.header
    app.file_uploader[0].upload("cat.png", picture.getvalue(), "image/png")
    next(button for button in app.button if button.label == "Read anyway").click().run()
    assert "Not judged" in _headline(app)
    assert 1 == read_texts(app).count("is not judged")


def test_data_from_elsewhere_stand_beside_the_verdict(open_page: OpenPage, models: Path) -> None:
    """Under the outcome stands how often such an outcome was right in the stored validations."""
    experiment = write_tiny_experiment(models)
    write_tiny_validation(experiment)
    app = open_page("read_scan")
    app.file_uploader[0].upload("a.png", render_file(0.9), "image/png").run()
    n, positives = count_flags(experiment).outcomes["flagged"]
    assert components.plain(f"Of {n} validation slices that were flagged, {positives} ") in read_texts(app)
