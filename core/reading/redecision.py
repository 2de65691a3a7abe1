"""Decide readings again, at other operating points or by a site calibration, without running a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from core.experiments import Experiment
from core.reading.decision import Site, make_rules, name_decider
from core.reading.findings import Findings, SliceFinding
from core.reading.scan_verdicts import reach_scan_verdicts
from core.reading.verdict import make_study_rules


def apply_operating_points(
    scans: Sequence[Findings],
    experiment: Experiment,
    operating_points: Mapping[str, float],
    site: Site | None = None,
) -> list[Findings]:
    """Return the same readings decided at other operating points, without running a network.

    Args:
        scans: findings from a Reader of this experiment.
        operating_points: framework -> threshold, as `Reader.read` takes them.
        site: the site calibration that decides in place of the card, as `Reader` takes it.

    Raises:
        ExperimentError: an operating point is for a framework that the experiment lacks, or the site
            calibration is of another experiment or version.
    """
    rules, decider = make_rules(experiment, operating_points, site), name_decider(site)

    def redecide(finding: SliceFinding) -> SliceFinding:
        models = {}
        for framework, model in finding.models.items():
            rule = rules[framework]
            probability = float(rule.recalibration.apply(model.raw_probability))
            models[framework] = replace(
                model,
                probability=probability,
                threshold=rule.threshold,
                band=rule.band,
            )
        return replace(finding, models=models)

    # A study keeps its own operating point, that of patients, unless a site takes the card's place.
    is_other = [len(scan.slices) > 1 and scan.decided_by != decider for scan in scans]
    study_rules = make_study_rules(experiment, site) if any(is_other) else {}
    decided = []
    for scan, other in zip(scans, is_other, strict=True):
        slices = tuple(map(redecide, scan.slices))
        changes = (other or len(slices) == 1) and not scan.unfinished
        again = replace(scan, slices=slices, decided_by=decider)
        verdicts = reach_scan_verdicts(again, study_rules) if changes else scan.verdicts
        decided.append(replace(again, verdicts=verdicts))
    return decided
