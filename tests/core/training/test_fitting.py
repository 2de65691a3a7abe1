"""The training loop of both frameworks, tested with a network in NumPy."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.datasets.splits import Fold
from core.errors import TrainingError
from core.models.contract import CNN
from core.training.fitting import (
    STATE_NAME,
    TrainingData,
    balance_classes,
    compute_learning_rate,
    fit_fold,
)
from tests.core.models.numpy_cnn import SMALL, MeanGray, Scripted

COLUMNS = [
    "epoch",
    "learning_rate",
    "train_loss",
    "train_accuracy",
    "validation_loss",
    "validation_accuracy",
    "validation_auroc",
    "seconds",
    "best",
]


@pytest.fixture
def data() -> TrainingData:
    """Sixty flat pictures; a third are positive, and brighter on average."""
    rng = np.random.default_rng(0)
    y_true = (np.arange(60) % 3 == 0).astype(int)
    gray = 110 + 40 * y_true + rng.normal(0, 20, 60)
    images = np.clip(gray, 0, 255).astype(np.uint8)[:, None, None, None] * np.ones((1, 32, 32, 1), np.uint8)
    return TrainingData(images, y_true)


@pytest.fixture
def sharp() -> TrainingData:
    """Black and white pictures, for scripted networks."""
    y_true = (np.arange(60) % 3 == 0).astype(int)
    return TrainingData(
        (y_true * 255).astype(np.uint8)[:, None, None, None] * np.ones((1, 4, 4, 1), np.uint8), y_true
    )


FOLD = Fold(train=np.arange(36), validation=np.arange(36, 48), test=np.arange(48, 60))


def fit(
    data: TrainingData,
    folder: Path,
    make_cnn: Callable[[], CNN] = MeanGray,
    **options: Any,
) -> list[dict[str, Any]]:
    """Fit the fold with seed 7."""
    return fit_fold(make_cnn, data, FOLD, folder, **{"seed": 7, "class_weights": True, **options})


def drop_seconds(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows without their durations."""
    return [{key: value for key, value in row.items() if key != "seconds"} for row in rows]


def read_state(folder: Path) -> dict[str, Any]:
    """Return the contents of `state.json`."""
    state: dict[str, Any] = json.loads((folder / STATE_NAME).read_text())
    return state


def test_rows_have_the_columns_of_the_history(data: TrainingData, tmp_path: Path) -> None:
    """There is one row per epoch with these columns, one of them is best, and the network learns."""
    rows = fit(data, tmp_path)
    assert [1, 2, 3, 4, 5, 6] == [row["epoch"] for row in rows]
    assert all(list(row) == COLUMNS for row in rows)
    assert 1 == sum(row["best"] for row in rows)
    assert [compute_learning_rate(epoch, SMALL) for epoch in range(1, 7)] == [
        row["learning_rate"] for row in rows
    ]
    assert rows[-1]["validation_loss"] < rows[0]["validation_loss"]
    assert rows[-1]["validation_auroc"] > 0.7


def test_the_figures_are_those_of_the_saved_weights(data: TrainingData, tmp_path: Path) -> None:
    """The best row's loss, accuracy and AUROC are those of the saved weights on the validation slices."""
    from sklearn.metrics import roc_auc_score

    best = next(row for row in fit(data, tmp_path, class_weights=False) if row["best"])
    cnn = MeanGray()
    cnn.load_weights(tmp_path / "best.npy")
    y_true = data.y_true[FOLD.validation]
    probability = cnn.predict_probability(data.images[FOLD.validation])
    expected = -np.log(np.where(y_true == 1, probability, 1 - probability)).mean()
    assert float(expected) == pytest.approx(best["validation_loss"])
    assert ((probability >= 0.5) == (y_true == 1)).mean() == pytest.approx(best["validation_accuracy"])
    assert roc_auc_score(y_true, probability) == pytest.approx(best["validation_auroc"])


def test_the_scale_of_inputs_is_set_once_on_training_slices(data: TrainingData, tmp_path: Path) -> None:
    """A network adapts to the training slices before its first epoch, and not again when it is resumed."""
    cnn = MeanGray(replace(SMALL, epochs=1))
    fit_fold(lambda: cnn, data, FOLD, tmp_path / "once", seed=1, class_weights=True)
    assert [data.images[FOLD.train].tolist()] == [inputs.tolist() for inputs in cnn.adapted_to]

    def break_off(share: float, epoch: int) -> None:
        if epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(data, tmp_path / "broken", on_progress=break_off)
    resumed = MeanGray()
    fit_fold(lambda: resumed, data, FOLD, tmp_path / "broken", seed=1, class_weights=True)
    assert [] == resumed.adapted_to


def test_early_stopping_keeps_the_best_weights(sharp: TrainingData, tmp_path: Path) -> None:
    """Training ends `patience` epochs after the lowest validation loss; that epoch's weights are saved."""
    architecture = replace(SMALL, epochs=20, patience=3)
    script = [0.9, 0.5, 0.3, 0.4, 0.35, 0.31, 0.1, 0.1]
    rows = fit(sharp, tmp_path, lambda: Scripted(script, architecture))
    assert 6 == len(rows)
    assert [0, 0, 1, 0, 0, 0] == [row["best"] for row in rows]
    assert [3.0, 3.0] == np.load(tmp_path / "best.npy").tolist()
    assert script[:6] == pytest.approx([row["validation_loss"] for row in rows])


def test_a_tie_keeps_the_earlier_epoch(sharp: TrainingData, tmp_path: Path) -> None:
    """An equal validation loss is not an improvement."""
    rows = fit(sharp, tmp_path, lambda: Scripted([0.5, 0.2, 0.2, 0.2], replace(SMALL, epochs=4)))
    assert [0, 1, 0, 0] == [row["best"] for row in rows]
    assert [2.0, 2.0] == np.load(tmp_path / "best.npy").tolist()


def test_a_finished_fold_is_not_computed_again(data: TrainingData, tmp_path: Path) -> None:
    """A second call returns the rows of the state and trains no epoch; no checkpoint is left."""
    rows = fit(data, tmp_path)
    again = MeanGray()
    assert rows == fit(data, tmp_path, lambda: again)
    assert [] == again.seen_weights
    assert ["best.npy", STATE_NAME] == sorted(path.name for path in tmp_path.iterdir())


def test_class_weights_give_both_classes_the_same_sum(data: TrainingData, tmp_path: Path) -> None:
    """With class weights both classes have the same sum and the mean is 1; without, every weight is 1."""
    y_train = data.y_true[FOLD.train]
    cnn = MeanGray(replace(SMALL, epochs=1))
    fit(data, tmp_path / "weighed", lambda: cnn)
    (weights,) = cnn.seen_weights
    assert 18 == pytest.approx(weights[y_train == 1].sum()) == pytest.approx(weights[y_train == 0].sum())
    plain = MeanGray(replace(SMALL, epochs=1))
    fit(data, tmp_path / "plain", lambda: plain, class_weights=False)
    assert [1.0] == np.unique(plain.seen_weights[0]).tolist()
    assert [2 / 3, 2.0] == pytest.approx(balance_classes(np.array([0, 0, 0, 1])).tolist())


def test_the_validation_loss_uses_the_class_weights_of_training(data: TrainingData, tmp_path: Path) -> None:
    """The validation loss is weighted by the class weights of the training slices."""
    best = next(row for row in fit(data, tmp_path) if row["best"])
    cnn = MeanGray()
    cnn.load_weights(tmp_path / "best.npy")
    y_true = data.y_true[FOLD.validation]
    probability = cnn.predict_probability(data.images[FOLD.validation])
    weight = balance_classes(data.y_true[FOLD.train])[y_true]
    loss = -np.log(np.where(y_true == 1, probability, 1 - probability))
    assert float(np.average(loss, weights=weight)) == pytest.approx(best["validation_loss"])


@pytest.mark.parametrize("broken_epoch", [1, 2, 4, 6])
@pytest.mark.parametrize("at_end", [False, True])
def test_a_resumed_training_equals_an_uninterrupted_one(
    data: TrainingData, tmp_path: Path, broken_epoch: int, at_end: bool
) -> None:
    """Interrupted within or at the end of an epoch and called again, it gives the same rows and weights."""
    expected = fit(data, tmp_path / "unbroken")
    shares: list[float] = []

    def break_off(share: float, epoch: int) -> None:
        shares.append(share)
        if epoch == broken_epoch and (not at_end or share >= epoch / SMALL.epochs - 1e-9):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(data, tmp_path / "broken", on_progress=break_off)
    resumed: list[int] = []
    found = fit(data, tmp_path / "broken", on_progress=lambda share, epoch: resumed.append(epoch))
    assert drop_seconds(expected) == drop_seconds(found)
    assert broken_epoch == resumed[0]
    assert (tmp_path / "unbroken/best.npy").read_bytes() == (tmp_path / "broken/best.npy").read_bytes()
    assert shares == sorted(shares)


def test_another_seed_is_another_training(data: TrainingData, tmp_path: Path) -> None:
    """The same seed gives the same result, another seed another one."""
    expected = drop_seconds(fit(data, tmp_path / "a"))
    assert expected == drop_seconds(fit(data, tmp_path / "b"))
    assert expected != drop_seconds(fit(data, tmp_path / "c", seed=8))


def test_every_epoch_has_its_own_seed_and_order(data: TrainingData, tmp_path: Path) -> None:
    """Seeds and orders of the epochs differ, and each order holds every training slice once."""
    cnn = MeanGray()
    fit(data, tmp_path, lambda: cnn)
    seeds, orders = zip(*cnn.seen_draws, strict=True)
    assert 6 == len(set(seeds)) == len(set(orders))
    assert all(list(range(36)) == sorted(order) for order in orders)


def test_a_loss_that_is_not_a_number_ends_the_training(sharp: TrainingData, tmp_path: Path) -> None:
    """NaN raises a TrainingError that names the epoch; the last checkpoint and best weights are kept."""
    cnn = Scripted([0.5, 0.4, float("nan")], SMALL)
    with pytest.raises(TrainingError, match="epoch 3"):
        fit(sharp, tmp_path, lambda: cnn)
    state = read_state(tmp_path)
    assert (False, "checkpoint-2", 2) == (state["finished"], state["checkpoint"], len(state["history"]))
    kept = MeanGray()
    kept.load_checkpoint(tmp_path / "checkpoint-2")
    assert [2.0, 2.0] == kept.weights.tolist()
    assert [2.0, 2.0] == np.load(tmp_path / "best.npy").tolist()


def test_a_crash_between_checkpoint_and_state_loses_nothing(
    data: TrainingData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The state always names a whole checkpoint; resumed from it, the result is the same."""
    expected = fit(data, tmp_path / "unbroken")
    folder = tmp_path / "broken"
    written: list[bytes] = []

    def crash_at_the_third(path: Path, content: bytes) -> None:
        written.append(content)
        if len(written) == 3:
            raise KeyboardInterrupt
        path.write_bytes(content)

    with monkeypatch.context() as patched:
        patched.setattr("core.training.fitting.write_whole", crash_at_the_third)
        with pytest.raises(KeyboardInterrupt):
            fit(data, folder)
    assert "checkpoint-2" == read_state(folder)["checkpoint"]
    assert {"checkpoint-2", "checkpoint-3"} <= {path.name for path in folder.iterdir()}
    assert drop_seconds(expected) == drop_seconds(fit(data, folder))
    assert (tmp_path / "unbroken/best.npy").read_bytes() == (folder / "best.npy").read_bytes()


@pytest.mark.parametrize("content", ["{", "[]", '{"finished": false}', "null"])
def test_a_damaged_state_is_named(data: TrainingData, tmp_path: Path, content: str) -> None:
    """A damaged state raises a TrainingError with a remedy."""
    (tmp_path / STATE_NAME).write_text(content)
    with pytest.raises(TrainingError, match="damaged"):
        fit(data, tmp_path)


def test_progress_climbs_to_the_end(data: TrainingData, tmp_path: Path) -> None:
    """Shares start above 0, never fall, and end with 1."""
    reports: list[tuple[float, int]] = []
    fit(data, tmp_path, lambda: MeanGray(), on_progress=lambda share, epoch: reports.append((share, epoch)))
    assert reports == sorted(reports)
    assert (1.0, 6) == reports[-1]
    assert reports[0][0] > 0


def test_the_learning_rate_climbs_and_falls() -> None:
    """The rate is half the peak in the first epoch, the peak in the second, a fiftieth of it in the last."""
    rates = [compute_learning_rate(epoch, replace(SMALL, epochs=8)) for epoch in range(1, 9)]
    assert [0.25, 0.5, 0.01] == pytest.approx([rates[0], rates[1], rates[-1]])
    assert rates[1:] == sorted(rates[1:], reverse=True)
    assert 0.5 == pytest.approx(compute_learning_rate(1, replace(SMALL, epochs=1)))
