"""A scan seen by both networks of an experiment: probabilities, decisions, heat maps, agreement, doubts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cached_property

import numpy as np

from core.errors import ExperimentError, ScanError
from core.experiments import Experiment
from core.gate import GateFinding, judge, judge_size, weigh_familiarity
from core.imaging import Recipe, prepare_frame, to_frame
from core.models import BATCH_SIZE, Served, ServedModel
from core.reading.decision import Rule, make_rules
from core.reading.findings import Findings, ModelFinding, SliceFinding
from core.reading.verdict import StudyRule, Verdict, judge_slice, make_study_rules, reach_verdicts
from core.scans import COLOURED, OTHER_PART, Scan, Slice, window_hu
from core.system import map_parallel

SEEN_IN_TRAINING = (
    "This file is part of the data the served networks were made from: "
    "the reading is not out of sample and looks better than it is."
)
COPY = (
    "This slice looks the same as one that the served networks were made from: "
    "the reading is not out of sample and looks better than it is."
)
# What a file may call its modality: CT, or pictures of it (secondary capture, other); many do not say.
_PICTURES_OF_CT = ("", "CT", "SC", "OT", "other")


class Reader:
    """Reads scans with the served networks of one experiment, which it loads once.

    One reader may be used from several threads.

    Args:
        experiment: as core.experiments reads it.

    Raises:
        ExperimentError: a network is missing, damaged, or does not fit the experiment's recipe.
    """

    def __init__(self, experiment: Experiment) -> None:
        self.experiment = experiment
        self._seen = experiment.training_hashes()
        self._familiarity = experiment.familiarity()

        def load(framework: str) -> ServedModel:
            # Slices are read side by side: more threads for each would only wait for each other.
            return ServedModel(experiment.model_path(framework), n_threads=1)

        with ThreadPoolExecutor(len(experiment.frameworks)) as pool:
            loaded = list(pool.map(load, experiment.frameworks))
        self._models = dict(zip(experiment.frameworks, loaded, strict=True))
        for framework, model in self._models.items():
            if model.input_shape != experiment.recipe.shape:
                raise ExperimentError(
                    f'Experiment "{experiment.name}": the {framework} model does not fit the recipe',
                    found=f"it reads {model.input_shape}, the recipe makes {experiment.recipe.shape}",
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
        """Read every slice of a scan with every network, if it is one of a head CT.

        Args:
            scan: as core.scans reads it.
            operating_points: framework -> threshold to decide by, on calibrated probabilities, instead of the
                card's default ones; each has its own review band.
            override_gate: read it also where the gate refuses; the findings carry the mark.
            on_slices: called with the next few slices as soon as they are read, in their order; what it
                raises ends the reading.

        Raises:
            ScanError: code "not_head_ct": the gate refuses more than half of the slices; see core.gate. Where
                only the networks' features tell, `on_slices` has been called before.
            ExperimentError: a network failed, or an operating point names no framework of the experiment.
        """
        rules = make_rules(self.experiment, operating_points or {})
        doubts = scan.warnings + ((SEEN_IN_TRAINING,) if scan.sha256 in self._seen else ())
        gates = judge_scan(scan, self.experiment.recipe)
        # What the picture alone speaks against is not shown to any network.
        if not override_gate:
            _check_refusals(gates)
        batches = [
            range(len(scan.slices))[start : start + BATCH_SIZE]
            for start in range(0, len(scan.slices), BATCH_SIZE)
        ]
        findings: list[SliceFinding] = []
        for batch in map_parallel(
            lambda batch: self._read_batch(scan, batch, gates, rules, doubts), batches
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
        doubts: tuple[str, ...],
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
                    # A file that is known by its bytes needs no second word.
                    warnings=(*doubts, COPY) if copied and SEEN_IN_TRAINING not in doubts else doubts,
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
            weigh_familiarity(gate, float(distance), self._familiarity)
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
    """A slice as display gray in [0, 1]; made one by one: a whole study's would fill the memory."""
    return piece.pixels if scan.unit == "gray" else window_hu(piece.pixels, recipe.window)


def judge_scan(scan: Scan, recipe: Recipe) -> list[GateFinding]:
    """What the gate says of each slice before a network sees it, of the picture and of the file's words."""
    coloured, measured = COLOURED in scan.warnings, scan.unit == "hu"

    def look(piece: Slice) -> GateFinding:
        found = judge(_to_gray(scan, piece, recipe), coloured=coloured, measured=measured)
        spacing = scan.technical.spacing_mm
        return judge_size(found, piece.pixels, spacing) if measured and spacing else found

    found = list(map_parallel(look, scan.slices))
    if OTHER_PART in scan.warnings:
        # Such words are often left as they were for the patient before: a doubt, no more.
        found = [_doubt(one, OTHER_PART) for one in found]
    modality = scan.technical.modality
    if modality in _PICTURES_OF_CT:
        return found
    reason = f"The file says that this is {modality}, not CT."
    return [replace(one, outcome="refuse", reasons=(reason, *one.reasons), odd=True) for one in found]


def _doubt(found: GateFinding, reason: str) -> GateFinding:
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
            remedy="hand in axial head CT in a window for soft tissue, or have it read all the same",
            code="not_head_ct",
        )


def _reach_verdicts(findings: Sequence[SliceFinding], rules: Mapping[str, StudyRule]) -> dict[str, Verdict]:
    """The verdicts on a scan: of one slice its decision, of several the study's."""
    votes = [finding.is_counted for finding in findings]
    if len(findings) == 1:
        (only,) = findings
        return {
            name: judge_slice(model.probability, model.threshold, review=model.review)
            for name, model in only.models.items()
            if votes[0]
        }
    probabilities = {name: [finding.models[name].probability for finding in findings] for name in rules}
    return reach_verdicts(probabilities, votes, rules)


def apply_operating_points(
    scans: Sequence[Findings], experiment: Experiment, operating_points: Mapping[str, float]
) -> list[Findings]:
    """The same readings decided at other operating points; no network is asked again.

    Args:
        scans: what a Reader of this experiment found.
        operating_points: framework -> threshold, as `Reader.read` takes them.

    Raises:
        ExperimentError: an operating point names no framework of the experiment.
    """
    rules = make_rules(experiment, operating_points)

    def anew(finding: SliceFinding) -> SliceFinding:
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
        slices = tuple(map(anew, scan.slices))
        # A study is decided by the operating point of patients, which stays.
        verdicts = _reach_verdicts(slices, {}) if len(slices) == 1 else scan.verdicts
        decided.append(replace(scan, slices=slices, verdicts=verdicts))
    return decided
