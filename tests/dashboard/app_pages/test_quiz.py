"""The page "Reading quiz", run without a browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.cases.quiz import sample_cases, score_answers
from core.experiments import Experiment
from tests.dashboard.conftest import OpenPage, read_texts
from tests.dashboard.story_data import write_set, write_story


@pytest.fixture
def made(models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Experiment:
    """An experiment whose data set is on this machine."""
    monkeypatch.setenv("STROKE_CT_DATA", str(tmp_path / "set"))
    return write_set(tmp_path / "set", models)


def _deal(experiment: Experiment, seed: int = 1):
    tested = experiment.calibrated_predictions()
    order = experiment.slices()["file"]
    tested = tested[tested["part"] == "test"].set_index("file", drop=False)
    return sample_cases(tested.reindex(order).dropna(subset="label"), seed)


def _answer(app: AppTest, number: int, label: int) -> AppTest:
    return app.button(key=f"answer_{number}_{label}").click().run()


def _go_on(app: AppTest, number: int) -> AppTest:
    return app.button(key=f"next_{number}").click().run()


def _take(app: AppTest, answers: list[int]) -> AppTest:
    for number, label in enumerate(answers):
        _answer(app, number, label)
        _go_on(app, number)
    return app


def test_a_question_tells_no_answer(open_page: OpenPage, made: Experiment) -> None:
    """Before an answer, the page shows neither file, label nor probability."""
    dealt = _deal(made)
    app = open_page("quiz")
    words = read_texts(app).replace("\\", "")
    assert ["Slice 1 of 10"] == [image.proto.imgs[0].alt for image in app.image]
    assert dealt["file"].iloc[0] not in words
    assert f"{dealt['pytorch'].iloc[0]:.2f}" not in words
    assert ["○ No hemorrhage", "● Hemorrhage"] == [
        button.label for button in app.button if button.key.startswith("answer_")
    ]


def test_an_answer_shows_the_label_and_both_networks(open_page: OpenPage, made: Experiment) -> None:
    """After an answer, the page shows label, file and each network's recorded probability."""
    row = _deal(made).iloc[0]
    app = _answer(open_page("quiz"), 0, int(row["label"]))
    words = read_texts(app).replace("\\", "")
    assert "✓ **Right.**" in words
    assert row["file"] in words
    assert f"**{row['pytorch']:.2f}**" in words
    assert f"**{row['keras']:.2f}**" in words


def test_a_wrong_answer_is_shown(open_page: OpenPage, made: Experiment) -> None:
    """A wrong answer is called a miss."""
    row = _deal(made).iloc[0]
    assert "✗ **Wrong.**" in read_texts(_answer(open_page("quiz"), 0, 1 - int(row["label"])))


def test_an_answer_is_final(open_page: OpenPage, made: Experiment) -> None:
    """After an answer no button changes it, and a rerun keeps it."""
    app = _answer(open_page("quiz"), 0, 1)
    before = read_texts(app)
    assert not [button for button in app.button if button.key.startswith("answer_")]
    assert before == read_texts(app.run())


def test_the_score_counts_you_and_both_networks(open_page: OpenPage, made: Experiment) -> None:
    """The score page shows the counts of the visitor and both networks."""
    dealt = _deal(made)
    answers = [1] * 10
    words = read_texts(_take(open_page("quiz"), answers))
    labels = dealt["label"].astype(int).to_list()
    given = {"you": answers}
    for name in made.frameworks:
        given[name] = (dealt[name] >= made.threshold(name)).astype(int).to_list()
    for said in given.values():
        score = score_answers(labels, said)
        low, high = (f"{100 * end:.0f}" for end in score.interval)
        assert f"## {score.right} of 10 :gray[\\[{low}–{high} %\\]]" in words
    assert "Hemorrhage: 5 of 5 right" in words


def test_the_cases_stand_at_the_end_with_pictures(open_page: OpenPage, made: Experiment) -> None:
    """The score page shows ten pictures in the order of the quiz."""
    app = _take(open_page("quiz"), [0] * 10)
    assert [f"Slice {number}" for number in range(1, 11)] == [image.proto.imgs[0].alt for image in app.image]


def test_leaving_and_returning_keeps_the_answers(open_page: OpenPage, made: Experiment) -> None:
    """After a visit to another page the third question is still shown."""
    app = _take(open_page("quiz"), [0, 1])
    app.switch_page("app_pages/about.py").run()
    app.switch_page("app_pages/quiz.py").run()
    assert ["Slice 3 of 10"] == [image.proto.imgs[0].alt for image in app.image]


def test_other_slices_are_another_quiz_and_the_first_is_kept(open_page: OpenPage, made: Experiment) -> None:
    """The link holds the number of the quiz; going back finds the answers again."""
    app = _take(open_page("quiz"), [0])
    app.button(key="other_quiz").click().run()
    assert "2" == app.query_params["quiz"]
    assert ["Slice 1 of 10"] == [image.proto.imgs[0].alt for image in app.image]
    app.query_params["quiz"] = "1"
    app.run()
    assert ["Slice 2 of 10"] == [image.proto.imgs[0].alt for image in app.image]


def test_a_link_leads_to_the_same_slices(open_page: OpenPage, made: Experiment) -> None:
    """Quiz 7 has the same slices for all visitors."""
    first = _answer(open_page("quiz", quiz="7"), 0, 1)
    assert _deal(made, 7)["file"].iloc[0] in read_texts(first).replace("\\", "")


@pytest.mark.parametrize("number", ["0", "-1", "x", "99999"])
def test_a_quiz_that_does_not_exist_is_the_first(open_page: OpenPage, made: Experiment, number: str) -> None:
    """An invalid number opens quiz 1."""
    assert "**Quiz 1**" in read_texts(open_page("quiz", quiz=number))


def test_starting_again_asks_first(open_page: OpenPage, made: Experiment) -> None:
    """The page says what will be forgotten; the button then opens the first question."""
    app = _take(open_page("quiz"), [0, 1])
    assert "This deletes your 2 answers of quiz 1." in read_texts(app)
    app.button(key="restart_quiz").click().run()
    assert ["Slice 1 of 10"] == [image.proto.imgs[0].alt for image in app.image]
    assert "This forgets" not in read_texts(app)


def test_without_a_data_set_the_slices_are_synthetic(open_page: OpenPage, models: Path) -> None:
    """The slices are phantoms, half with a hemorrhage; the page says that they prove nothing."""
    write_story(models, "tiny")
    app = open_page("quiz")
    assert "The data set is not on this machine, so these slices are synthetic" in read_texts(app).replace(
        "\\", ""
    )
    words = read_texts(_take(app, [1] * 10))
    assert "Simulated hemorrhage: 5 of 5 right" in words
    assert "No simulated hemorrhage: 0 of 5 right" in words


def test_another_data_set_is_named(
    open_page: OpenPage, models: Path, tmp_path: Path, made: Experiment
) -> None:
    """If the data set here is not the experiment's, the slices are phantoms and the reason is given."""
    for path in (tmp_path / "set").rglob("*.jpg"):
        path.write_bytes(path.read_bytes() + b" ")
    words = read_texts(open_page("quiz")).replace("\\", "")
    assert "is not the one of this experiment, so these slices are synthetic" in words


def test_without_experiments_the_page_invites(open_page: OpenPage) -> None:
    """Without experiments the page links to Train."""
    app = open_page("quiz")
    assert "No trained experiment yet" in read_texts(app)
    assert not app.image


def test_a_damaged_network_is_named(open_page: OpenPage, models: Path) -> None:
    """A changed ONNX file is named without another error."""
    write_story(models, "tiny")
    with (models / "tiny" / "keras" / "model.onnx").open("ab") as file:
        file.write(b" ")
    app = open_page("quiz")
    assert any("model\\.onnx" in warning.value for warning in app.warning)
