"""A validated study, read again as a study, gets its stored score: what is served is what is measured."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from core.cli.app import main
from core.datasets import Dataset, index_dataset, read_slice
from core.evaluation import patient_level
from core.experiments import Experiment, read_experiment
from core.manifests import KEPT
from core.reading import Findings, Reader
from core.scans import Scan
from core.service import DEFAULT_NAME
from core.validation import Validation, open_validation, run_validation
from tests.builders import write_tiny_experiment
from tests.core.real_data import real_folder
from tests.core.validation.sets import Heads
from tests.manifest_files import write_lines
from tests.scan_files import write_series
from tests.source_trees import ROOT

N_REAL = 3


def read_study(reader: Reader, dataset: Dataset, rows: pd.DataFrame) -> Findings:
    """Read the slices of one patient as one study, in the order of the data set."""
    scans = [read_slice(dataset, file) for file in rows["file"]]
    slices = tuple(scan.slices[0] for scan in scans)
    whole: Scan = replace(scans[0], slices=slices)
    return reader.read(whole, override_gate=True)


def stored_scores(experiment: Experiment, validation: Validation, framework: str) -> dict[str, float]:
    """Return the score of each patient in the record of a validation."""
    table = validation.predictions().query("patient != ''")
    calibrated = experiment.recalibration(framework).apply(table[framework])
    columns = {framework: calibrated, "label": table["label"].astype(int)}
    _, scores, names = patient_level(table.assign(**columns), framework)
    return dict(zip(names.tolist(), scores.tolist(), strict=True))


def test_studies_of_pictures(tmp_path: Path) -> None:
    """Pictures have no positions, and count as 5 mm apart, in the record and in reading."""
    experiment = write_tiny_experiment(tmp_path / "models", calibrated=True)
    heads = Heads(tmp_path / "heads")
    dataset = heads.add(12, 1, patient="a").add(7, 0, patient="b").add(5, 1, patient="b").build()
    validation = run_validation(experiment, dataset, "elsewhere")
    reader = Reader(experiment)
    for framework in experiment.frameworks:
        stored = stored_scores(experiment, validation, framework)
        for number, (_, rows) in enumerate(dataset.table.groupby("patient"), start=1):
            verdict = read_study(reader, dataset, rows).verdicts[framework]
            assert stored[str(number)] == pytest.approx(verdict.score, abs=1e-5)
            assert experiment.threshold(framework, "patient") == verdict.threshold


def test_a_series_with_positions(tmp_path: Path) -> None:
    """Slices 2.5 mm apart stand for 2.5 mm each, in the record and in reading."""
    experiment = write_tiny_experiment(tmp_path / "models", calibrated=True)
    folder = tmp_path / "series"
    folder.mkdir()
    for number, data in enumerate(write_series(24, step=2.5)):
        (folder / f"{number}.dcm").write_bytes(data)
    lines = [f"series,{number},a,{'present' if number % 2 else 'absent'}" for number in range(1, 25)]
    dataset = index_dataset(write_lines(tmp_path / "set.csv", "file,slice,patient,hemorrhage", *lines))
    validation = run_validation(experiment, dataset, "elsewhere")
    assert {2.5} == set(validation.predictions()["position_mm"].diff().dropna())
    found = read_study(Reader(experiment), dataset, dataset.table)
    assert any(one.is_counted for one in found.slices)
    for framework in experiment.frameworks:
        (stored,) = stored_scores(experiment, validation, framework).values()
        assert stored == pytest.approx(found.verdicts[framework].score, abs=1e-5)


@pytest.mark.slow
def test_real_studies(tmp_path: Path) -> None:
    """Patients of PHE-SICH, read again as studies, have the scores of the stored validation."""
    folder = (real_folder() or tmp_path).parent / "phe-sich"
    if real_folder() is None or not folder.is_dir():
        pytest.skip("the set is not on this machine")
    experiment = read_experiment(ROOT / "trained_models" / DEFAULT_NAME)
    with pytest.raises(SystemExit):
        main(["manifest", "phe-sich", str(folder), "--out", str(tmp_path / "all.csv")])
    header, *rows = (tmp_path / "all.csv").read_text(encoding="utf-8").splitlines()
    place, part = (header.split(",").index(name) for name in ("patient", "part"))
    kept = (row.split(",")[place] for row in rows if row.split(",")[part] == KEPT)
    patients = list(dict.fromkeys(kept))[::5][:N_REAL]
    chosen = [row for row in rows if row.split(",")[place] in patients]
    write_lines(tmp_path / "some.csv", header, *chosen)
    (tmp_path / "all.sources.csv").rename(tmp_path / "some.sources.csv")
    dataset = index_dataset(tmp_path / "some.csv")
    validation, reader = open_validation(experiment, "phe-sich"), Reader(experiment)
    table = validation.predictions().set_index("sha256")
    # Slices that the validation left out have no row.
    read = dataset.table[dataset.table["sha256"].isin(table.index)]
    for _, own in read.groupby("patient"):
        found = read_study(reader, dataset, own)
        number = table.loc[own["sha256"].iloc[0], "patient"]
        for framework in experiment.frameworks:
            stored = stored_scores(experiment, validation, framework)[number]
            assert stored == pytest.approx(found.verdicts[framework].score, abs=1e-4)
