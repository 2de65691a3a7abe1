"""The record domain/1: scans from elsewhere against home, without labels."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from core.errors import ExperimentError
from core.experiments import Experiment, add_files
from core.gate.familiarity import FAMILIARITY_FILE, Familiarity, Space, pack_familiarity
from core.validation import Validation, make_domain_record
from core.validation.store import store_validation
from tests.builders import write_tiny_experiment, write_tiny_validation

FEW = 40
LIMIT, FARTHEST = 2.0, 2.4


@pytest.fixture(scope="module")
def experiment(tmp_path_factory: pytest.TempPathFactory) -> Experiment:
    """A calibrated tiny experiment that knows its training data; treat it as read-only."""
    tiny = write_tiny_experiment(tmp_path_factory.mktemp("models"), calibrated=True, folds=1)
    space = Space.fit(np.random.default_rng(0).normal(size=(30, 4)).astype(np.float32))
    spaces = {framework: (space,) for framework in tiny.frameworks}
    known = Familiarity(spaces, LIMIT, FARTHEST, np.zeros((1, 32), np.uint8))
    return add_files(tiny, {FAMILIARITY_FILE: pack_familiarity(known)})


@pytest.fixture(scope="module")
def validation(experiment: Experiment) -> Validation:
    """Two sources, one vendor known."""
    return write_tiny_validation(
        experiment, "north", n_patients=40, n_slices=3, sources=("a", "b"), vendors=("GE", "")
    )


@pytest.fixture(scope="module")
def record(experiment: Experiment, validation: Validation) -> dict[str, Any]:
    """Its record."""
    return make_domain_record(experiment, validation, n_resamples=FEW)


def read(validation: Validation) -> pd.DataFrame:
    """The slices that were read."""
    return validation.predictions()


def test_the_form_is_domain_1(record: dict[str, Any]) -> None:
    """The record has the documented keys and is JSON without NaN."""
    keys = ["schema", "name", "experiment", "created", "data", "interval", "gate", "familiarity"]
    assert [*keys, "probability", "groups", "notes"] == list(record)
    assert ("domain/1", 120, 40) == (record["schema"], record["data"]["n"], record["data"]["n_patients"])
    json.dumps(record, allow_nan=False)


def test_labels_change_nothing(
    experiment: Experiment, validation: Validation, record: dict[str, Any]
) -> None:
    """Without labels the record is the same."""
    table = read(validation).assign(label="")
    bare = store_validation(experiment, "bare", validation.details, table.to_csv(index=False).encode())
    found = make_domain_record(experiment, bare, n_resamples=FEW)
    assert {"name"} == {key for key in record if record[key] != found[key]}


def test_the_gate_is_counted(validation: Validation, record: dict[str, Any]) -> None:
    """Counts and shares are those of the table; at home they are unknown without the gate's table."""
    counts = read(validation)["gate"].value_counts()
    there = record["gate"]["there"]
    assert {"read": counts["read"], "warn": counts["warn"], "refuse": 1} == {
        key: there[key] for key in ("read", "warn", "refuse")
    }
    assert pytest.approx(counts["warn"] / 120) == there["warned"]["value"]
    assert "reason" in record["gate"]["home"]


def test_the_gate_at_home_is_the_recorded_one(experiment: Experiment, validation: Validation) -> None:
    """Home's counts are those of head CT in the experiment's table."""
    table = (
        "images,what,kind,n,read,warn,refuse,unreadable\n"
        "development,x,head_ct,100,97,2,1,0\ndevelopment,x,other,9,0,0,9,0\nkept_aside,x,head_ct,5,5,0,0,0\n"
    )
    known = add_files(experiment, {"gate.csv": table.encode()})
    home = make_domain_record(known, validation, n_resamples=FEW)["gate"]["home"]
    assert {"n": 100, "read": 97, "warn": 2, "refuse": 1} == home


def test_familiarity_is_compared_with_the_limits(validation: Validation, record: dict[str, Any]) -> None:
    """The shares beyond the limit and beyond the farthest held-out slice are counted."""
    distances = read(validation)["familiarity"]
    there = record["familiarity"]["there"]
    assert pytest.approx((distances > 1).mean()) == there["beyond_limit"]["value"]
    assert pytest.approx((distances > FARTHEST / LIMIT).mean()) == there["beyond_farthest"]["value"]
    assert pytest.approx(distances.quantile([0.05, 0.25, 0.5, 0.75, 0.95]).tolist()) == there["quantiles"]
    assert {"beyond_limit": 0.005, "beyond_farthest": 0.0} == record["familiarity"]["home"]


def test_without_reference_values_familiarity_is_unknown(models) -> None:
    """An experiment without reference values says so, and its groups have no share."""
    tiny = write_tiny_experiment(models)
    found = make_domain_record(tiny, write_tiny_validation(tiny, sources=("a", "b")), n_resamples=FEW)
    assert "holds no reference values" in found["familiarity"]["reason"]
    table = write_tiny_validation(tiny, "empty").predictions().assign(familiarity="")
    details = write_tiny_validation(tiny, "other").details
    empty = store_validation(tiny, "blank", details, table.to_csv(index=False).encode())
    groups = make_domain_record(tiny, empty, n_resamples=FEW)["groups"]
    assert [None] == [group["beyond_limit"] for group in groups]


def test_probabilities_are_those_of_slices_let_in(
    experiment: Experiment, validation: Validation, record: dict[str, Any]
) -> None:
    """Calibrated probabilities of slices that are not refused are compared with the out-of-sample ones."""
    table = read(validation)
    let_in = table[table["gate"] != "refuse"]
    home = experiment.calibrated_predictions()
    home = home[home["part"] == "test"]
    for framework, found in record["probability"].items():
        there = experiment.recalibration(framework).apply(let_in[framework])
        assert (len(let_in), len(home)) == (found["there"]["n"], found["home"]["n"])
        flagged = (there >= experiment.threshold(framework)).mean()
        assert pytest.approx(flagged) == found["there"]["flagged"]["value"]
        expected = (home[framework] >= experiment.threshold(framework)).mean()
        assert pytest.approx(expected) == found["home"]["flagged"]["value"]
        chance = roc_auc_score([1] * len(there) + [0] * len(home), np.concatenate([there, home[framework]]))
        assert pytest.approx(chance) == found["higher_there"]["value"]
        for side in ("there", "home"):
            assert pytest.approx(1) == sum(found[side]["bins"])


def test_groups_are_sources_and_vendors(validation: Validation, record: dict[str, Any]) -> None:
    """Each source and vendor has its counts; slices of unknown vendor are a group."""
    table = read(validation)
    names = [("source", "a"), ("source", "b"), ("vendor", "GE"), ("vendor", "")]
    assert names == [(group["by"], group["group"]) for group in record["groups"]]
    for group in record["groups"]:
        own = table[table[group["by"]] == group["group"]]
        assert (len(own), own["patient"].nunique()) == (group["n"], group["n_patients"])
        assert pytest.approx((own["gate"] == "refuse").mean()) == group["refused"]["value"]
        assert set(group["flagged"]) == {"pytorch", "keras"}


def test_unknown_patients_are_noted(experiment: Experiment) -> None:
    """If patients are unknown, slices are resampled, and a note says so."""
    unknown = write_tiny_validation(experiment, "unknown", patients_known=False)
    found = make_domain_record(experiment, unknown, n_resamples=FEW)
    assert ("slices", None) == (found["interval"]["resampled"], found["data"]["n_patients"])
    assert any("patients are unknown" in note for note in found["notes"])


def test_that_of_another_version_is_refused(experiment: Experiment, validation: Validation) -> None:
    """A validation of what the experiment no longer serves has no record."""
    with pytest.raises(ExperimentError) as refused:
        make_domain_record(experiment, replace(validation, is_current=False))
    assert "other_version" == refused.value.code


def test_all_refused_leaves_no_probabilities(experiment: Experiment, validation: Validation) -> None:
    """If every slice is refused, shares of probabilities are not estimable, and the rest stands."""
    table = read(validation).assign(gate="refuse")
    shut = store_validation(experiment, "shut", validation.details, table.to_csv(index=False).encode())
    found = make_domain_record(experiment, shut, n_resamples=FEW)
    assert 1.0 == found["gate"]["there"]["refused"]["value"]
    for one in found["probability"].values():
        assert (0, []) == (one["there"]["n"], one["there"]["quantiles"])
        assert one["there"]["flagged"]["value"] is None
        assert one["higher_there"]["value"] is None
    json.dumps(found, allow_nan=False)
