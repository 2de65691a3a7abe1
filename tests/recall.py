"""Evaluations that several tests share."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pandas as pd
import pytest

from core.evaluation import summary
from core.evaluation.measures import list_keys


@contextmanager
def recall_evaluations(most_resamples: int | None = None) -> Iterator[None]:
    """Evaluate equal predictions with equal arguments once; later calls get a copy of the record.

    With `most_resamples` no evaluation makes more, whatever it is told; the record says how many.
    """
    known: dict[tuple[object, ...], bytes] = {}
    evaluate = summary.from_predictions

    def evaluate_or_recall(table: pd.DataFrame, *choices: Any, **more: Any) -> dict[str, Any]:
        if most_resamples is not None:
            more["n_resamples"] = min(most_resamples, more.get("n_resamples", most_resamples))
        rows = pd.util.hash_pandas_object(table).to_numpy().tobytes()
        key = (rows, *table.columns, repr(choices), repr(more), *list_keys())
        if key not in known:
            known[key] = pickle.dumps(evaluate(table, *choices, **more))
        record: dict[str, Any] = pickle.loads(known[key])
        return record

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(summary, "from_predictions", evaluate_or_recall)
        yield
