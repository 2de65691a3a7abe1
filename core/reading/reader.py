"""Read a scan with the networks of an experiment: probabilities, decisions, heat maps and warnings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cached_property

import numpy as np

from core.errors import ExperimentError, ScanError
from core.experiments import Experiment
from core.gate import GateFinding, judge, judge_familiarity, judge_size
from core.imaging import Recipe, prepare_frame, to_frame
from core.models import BATCH_SIZE, Served, ServedModel
from core.reading.decision import Rule, make_rules
from core.reading.findings import Findings, ModelFinding, SliceFinding
from core.reading.verdict import StudyRule, Verdict, judge_slice, make_study_rules, reach_verdicts
from core.scans import COLORED, OTHER_PART, Scan, Slice, window_hu
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

    Raises:
        ExperimentError: a network is missing, damaged, or does not fit the experiment's recipe.
    """

    def __init__(self, experiment: Experiment) -> None:
        self.experiment = experiment
        self._seen = experiment.training_hashes()
        self._familiarity = experiment.familiarity()

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

        Args:
            scan: from core.scans.
            operating_points: framework -> decision threshold on calibrated probabilities, in place of the
                card's default; each has its own review band.
            override_gate: read the scan even if the gate refuses it; the findings say so.
            on_slices: called with each batch of slices in order, as soon as it is read; an exception in it
                ends the reading.

        Raises:
            ScanError: code "not_head_ct": the gate refuses more than half of the slices; see core.gate. If
                only the networks' features show it, `on_slices` has been called before.
            ExperimentError: a network failed, or an operating point is for an unknown framework.
        """
        rules = make_rules(self.experiment, operating_points or {})
        warnings = scan.warnings + ((SEEN_IN_TRAINING,) if scan.sha256 in self._seen else ())
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
            lambda batch: self._read_batch(scan, batch, gates, rules, warnings), batches
        ):
            findings += batch
            if on_slices:
                on_slices(batch)
        gates = [finding.gate for finding in findings]
        if not override_gate:
            _check_refusals(gates)
        return Findings(
            scan.source,
            scan.sha256,
            self.experiment.name,
            tuple(findings),
            _reach_verdicts(findings, self._study_rules if len(findings) > 1 else {}),
            overridden=_is_refused(gates),
            technical=scan.technical,
        )

    def _read_batch(
        self,
        scan: Scan,
        indices: range,
        gates: Sequence[GateFinding],
        rules: Mapping[str, Rule],
        warnings: tuple[str, ...],
    ) -> list[SliceFinding]:
        recipe = self.experiment.recipe
        frames = [to_frame(_to_gray(scan, scan.slices[index], recipe), recipe) for index in indices]
        images = np.stack([prepare_frame(frame, recipe) for frame in frames])
        served = {framework: model.predict(images) for framework, model in self._models.items()}
        gates = self._weigh([gates[index] for index in indices], served)
        findings = []
        for row, index in enumerate(indices):
            copied = self._familiarity is not None and self._familiarity.is_copy(images[row])
            models = {
                framework: self._decide(answer, row, rules[framework]) for framework, answer in served.items()
            }
            findings.append(
                SliceFinding(
                    index=index,
                    models=models,
                    agree=len({finding.positive for finding in models.values()}) == 1,
                    # A file with the same bytes already has a warning.
                    warnings=(*warnings, COPY) if copied and SEEN_IN_TRAINING not in warnings else warnings,
                    frame=frames[row],
                    position_mm=scan.slices[index].position_mm,
                    gate=gates[row],
                )
            )
        return findings

    def _weigh(self, gates: Sequence[GateFinding], served: Mapping[str, Served]) -> Sequence[GateFinding]:
        if self._familiarity is None:
            return gates
        distances = self._familiarity.distances({name: answer.features for name, answer in served.items()})
        return [
            judge_familiarity(gate, float(distance), self._familiarity)
            for gate, distance in zip(gates, distances, strict=True)
        ]

    @cached_property
    def _study_rules(self) -> dict[str, StudyRule]:
        return make_study_rules(self.experiment)

    def _decide(self, answer: Served, row: int, rule: Rule) -> ModelFinding:
        raw = float(answer.probability[row])
        probability = float(rule.recalibration.apply(raw))
        positive, review = rule.decide(probability)
        return ModelFinding(
            probability=probability,
            raw_probability=raw,
            threshold=rule.threshold,
            review=review,
            decision=self.experiment.classes[int(positive)],
            positive=positive,
            heat=answer.heat[row],
        )


def _to_gray(scan: Scan, piece: Slice, recipe: Recipe) -> np.ndarray:
    """Return a slice as display gray in [0, 1]; called for one slice at a time, to save memory."""
    return piece.pixels if scan.unit == "gray" else window_hu(piece.pixels, recipe.window)


def judge_scan(scan: Scan, recipe: Recipe) -> list[GateFinding]:
    """Return the gate's finding on each slice, from its picture and header, before any network reads it."""
    colored, measured = COLORED in scan.warnings, scan.unit == "hu"

    def look(piece: Slice) -> GateFinding:
        found = judge(_to_gray(scan, piece, recipe), colored=colored, from_hu=measured)
        spacing = scan.technical.spacing_mm
        return judge_size(found, piece.pixels, spacing) if measured and spacing else found

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


def _reach_verdicts(findings: Sequence[SliceFinding], rules: Mapping[str, StudyRule]) -> dict[str, Verdict]:
    """Return the verdicts on a scan: the decision on its only slice, or those on the study."""
    counted = [finding.is_counted for finding in findings]
    if len(findings) == 1:
        (only,) = findings
        return {
            name: judge_slice(model.probability, model.threshold, review=model.review)
            for name, model in only.models.items()
            if counted[0]
        }
    probabilities = {name: [finding.models[name].probability for finding in findings] for name in rules}
    return reach_verdicts(probabilities, counted, rules)


def apply_operating_points(
    scans: Sequence[Findings], experiment: Experiment, operating_points: Mapping[str, float]
) -> list[Findings]:
    """Return the same readings decided at other operating points, without running a network.

    Args:
        scans: findings from a Reader of this experiment.
        operating_points: framework -> threshold, as `Reader.read` takes them.

    Raises:
        ExperimentError: an operating point is for a framework that the experiment lacks.
    """
    rules = make_rules(experiment, operating_points)

    def redecide(finding: SliceFinding) -> SliceFinding:
        models = {}
        for framework, model in finding.models.items():
            positive, review = rules[framework].decide(model.probability)
            models[framework] = replace(
                model,
                threshold=rules[framework].threshold,
                review=review,
                decision=experiment.classes[int(positive)],
                positive=positive,
            )
        agree = len({model.positive for model in models.values()}) == 1
        return replace(finding, models=models, agree=agree)

    decided = []
    for scan in scans:
        slices = tuple(map(redecide, scan.slices))
        # A study keeps its own operating point, that of patients.
        verdicts = _reach_verdicts(slices, {}) if len(slices) == 1 else scan.verdicts
        decided.append(replace(scan, slices=slices, verdicts=verdicts))
    return decided
