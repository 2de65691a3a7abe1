"""Read a scan with the networks of an experiment: probabilities, decisions, heat maps and warnings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cached_property

import numpy as np

from core.errors import ExperimentError, ScanError
from core.experiments import Experiment
from core.gate import GateFinding, judge, judge_features, judge_hu, turn_upright
from core.imaging import Recipe, prepare
from core.reading.coverage import describe_coverage
from core.reading.decision import Rule, Site, check_site, make_rules, name_decider
from core.reading.findings import Findings, ModelFinding, SliceFinding
from core.reading.outcome import OVERRIDE_NOTE
from core.reading.scan_verdicts import reach_scan_verdicts
from core.reading.verdict import StudyRule, make_study_rules
from core.scans import COLORED, OTHER_PART, Scan, Slice, to_gray
from core.serving import BATCH_SIZE, Served, ServedModel, predict_together
from core.system import map_parallel

SEEN_IN_TRAINING = "The networks were trained or tuned on this file, so the result is too optimistic."
COPY = "The networks were trained or tuned on a slice that looks the same, so the result is too optimistic."
# Modalities of CT and of pictures of it (secondary capture, other); many files name none.
_PICTURES_OF_CT = ("", "CT", "SC", "OT", "other")


class Reader:
    """A reader of scans with the served networks of one experiment, loaded once.

    Several threads may share one reader.

    Args:
        experiment: from core.experiments.
        site: a calibration for one site (from core.validation), which decides in place of the card's.
        familiarity: also measure how far each slice is from training; no decision needs it.

    Raises:
        ExperimentError: a network is missing, damaged, or does not fit the experiment's recipe; or the site
            calibration is of another experiment, or of another version of this one.
    """

    def __init__(
        self, experiment: Experiment, site: Site | None = None, *, familiarity: bool = False
    ) -> None:
        if site is not None:
            check_site(site, experiment)
        self.experiment = experiment
        self.site = site
        self._seen = experiment.training_hashes()
        self._familiarity = experiment.familiarity()
        self._measures_familiarity = familiarity

        def load(framework: str) -> ServedModel:
            # Slices are read in parallel, so more threads per network would only compete.
            return ServedModel(experiment.model_path(framework), n_threads=1)

        with ThreadPoolExecutor(len(experiment.frameworks)) as pool:
            loaded = list(pool.map(load, experiment.frameworks))
        self._models = dict(zip(experiment.frameworks, loaded, strict=True))
        for framework, model in self._models.items():
            if model.input_shape != experiment.recipe.shape:
                raise ExperimentError(
                    f'Experiment "{experiment.name}": {framework} network and preprocessing do not match',
                    found=f"the network needs images of shape {model.input_shape}, the preprocessing gives "
                    f"{experiment.recipe.shape}",
                    remedy="train it again",
                )

    def read(
        self,
        scan: Scan,
        operating_points: Mapping[str, float] | None = None,
        *,
        override_gate: bool = False,
        on_slices: Callable[[Sequence[SliceFinding]], None] | None = None,
    ) -> Findings:
        """Read every slice of a scan with every network, unless the gate refuses the scan.

        A scan is turned upright before where that is sure; see core.gate.orientation.

        Args:
            scan: from core.scans.
            operating_points: framework -> decision threshold on calibrated probabilities, in place of the
                default of the card or the site; each has its own review band.
            override_gate: read the scan even if the gate refuses it; the findings say so.
            on_slices: called with each batch of slices in order, as soon as it is read; an exception in it
                ends the reading.

        Raises:
            ScanError: code "not_head_ct": the gate refuses more than half of the slices; see core.gate. If
                only the networks' features show it, `on_slices` has been called before.
            ExperimentError: a network failed, or an operating point is for an unknown framework.
        """
        rules = make_rules(self.experiment, operating_points or {}, self.site)
        scan, turned, doubt = turn_upright(scan)
        told = (doubt, SEEN_IN_TRAINING if scan.sha256 in self._seen else "")
        warnings = (*scan.warnings, *filter(None, told))
        gates = judge_scan(scan, self.experiment.recipe)
        # A scan refused by its pictures alone never reaches a network.
        if not override_gate:
            _check_refusals(gates)
        batches = [
            range(len(scan.slices))[start : start + BATCH_SIZE]
            for start in range(0, len(scan.slices), BATCH_SIZE)
        ]
        findings: list[SliceFinding] = []
        for batch in map_parallel(
            lambda batch: self._read_batch(scan, batch, gates, rules, warnings, turned), batches
        ):
            findings += batch
            if on_slices:
                on_slices(batch)
        gates = [finding.gate for finding in findings]
        if not override_gate:
            _check_refusals(gates)
        if overridden := _is_refused(gates):
            findings = [replace(one, unfit=(*one.unfit, OVERRIDE_NOTE)) for one in findings]
        short = [] if scan.incomplete else describe_coverage(findings, scan.technical)
        if short:
            findings = [replace(finding, warnings=(*short, *finding.warnings)) for finding in findings]
        incomplete = (*scan.incomplete, *short)
        rules_of_study = self._study_rules if len(findings) > 1 else {}
        read = Findings(
            scan.source,
            scan.sha256,
            self.experiment.name,
            tuple(findings),
            overridden=overridden,
            technical=scan.technical,
            decided_by=name_decider(self.site),
            incomplete=incomplete,
            doubts=scan.doubts,
            unfit=scan.unfit,
        )
        return replace(read, verdicts=reach_scan_verdicts(read, rules_of_study))

    def _read_batch(
        self,
        scan: Scan,
        indices: range,
        gates: Sequence[GateFinding],
        rules: Mapping[str, Rule],
        warnings: tuple[str, ...],
        turned: int,
    ) -> list[SliceFinding]:
        recipe = self.experiment.recipe
        # One slice after the other, to save memory.
        grays = (to_gray(scan.slices[index].pixels, scan.unit, recipe.window) for index in indices)
        images = np.stack([prepare(gray, recipe) for gray in grays])
        served = predict_together(self._models, images)
        features = {framework: answer.features for framework, answer in served.items()}
        known = self._familiarity
        away: list[float | None] = [None] * len(indices)
        if known and self._measures_familiarity:
            away = (known.distances(features) / known.limit).tolist()
        gates = [gates[index] for index in indices]
        if known and known.head_ct:
            scores = known.head_ct.scores(features).tolist()
            gates = [judge_features(gate, score) for gate, score in zip(gates, scores, strict=True)]
        findings = []
        for row, index in enumerate(indices):
            copied = known is not None and known.is_copy(images[row])
            models = {
                framework: self._decide(answer, row, rules[framework]) for framework, answer in served.items()
            }
            findings.append(
                SliceFinding(
                    index=index,
                    models=models,
                    # A file with the same bytes already has a warning.
                    warnings=(*warnings, COPY) if copied and SEEN_IN_TRAINING not in warnings else warnings,
                    position_mm=scan.slices[index].position_mm,
                    height_mm=scan.slices[index].height_mm,
                    gate=gates[row],
                    familiarity=away[row],
                    unfit=scan.unfit,
                    doubts=scan.doubts,
                    turned=turned,
                )
            )
        return findings

    @cached_property
    def _study_rules(self) -> dict[str, StudyRule]:
        return make_study_rules(self.experiment, self.site)

    def _decide(self, answer: Served, row: int, rule: Rule) -> ModelFinding:
        raw = float(answer.probability[row])
        probability = float(rule.recalibration.apply(raw))
        return ModelFinding(
            probability=probability,
            raw_probability=raw,
            threshold=rule.threshold,
            heat=answer.heat[row],
            band=rule.band,
        )


def judge_scan(scan: Scan, recipe: Recipe) -> list[GateFinding]:
    """Return the gate's finding on each slice, from its picture and header, before any network reads it."""
    colored, spacing = COLORED in scan.warnings, scan.technical.spacing_mm

    def look(piece: Slice) -> GateFinding:
        gray = to_gray(piece.pixels, scan.unit, recipe.window)
        if scan.unit == "hu":
            return judge_hu(gray, piece.pixels, spacing)
        return judge(gray, colored=colored)

    found = list(map_parallel(look, scan.slices))
    if OTHER_PART in scan.warnings:
        # This entry is often left over from the previous patient, so it is only a warning.
        found = [_warn(one, OTHER_PART) for one in found]
    modality = scan.technical.modality
    if modality in _PICTURES_OF_CT:
        return found
    reason = f"The file says that this is {modality}, not CT."
    return [replace(one, outcome="refuse", reasons=(reason, *one.reasons), odd=True) for one in found]


def _warn(found: GateFinding, reason: str) -> GateFinding:
    outcome = "warn" if found.outcome == "read" else found.outcome
    return replace(found, outcome=outcome, reasons=(*found.reasons, reason), odd=True)


def _is_refused(gates: Sequence[GateFinding]) -> bool:
    return 2 * sum(gate.outcome == "refuse" for gate in gates) > len(gates)


def _check_refusals(gates: Sequence[GateFinding]) -> None:
    if _is_refused(gates):
        reasons = next(gate.reasons for gate in gates if gate.outcome == "refuse")
        raise ScanError(
            "This does not look like a head CT",
            found=reasons[0].removesuffix("."),
            remedy="give axial head CT in a brain window, or read it anyway (in a terminal: --override-gate)",
            code="not_head_ct",
        )
