"""Read a scan with the networks of an experiment: probabilities, decisions, heat maps and warnings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cached_property

import numpy as np

from core.errors import ExperimentError
from core.experiments import Experiment
from core.gate import GateFinding, judge_features, turn_upright
from core.imaging import Recipe, prepare
from core.reading.coverage import describe_coverage
from core.reading.decision import Rule, Site, check_site, make_rules, name_decider
from core.reading.findings import Findings, ModelFinding, PanelFindings, SliceFinding
from core.reading.input_check import check_refusals, is_refused, judge_scan
from core.reading.outcome import OVERRIDE_NOTE, REFUSED_NOTE
from core.reading.scan_verdicts import reach_scan_verdicts
from core.reading.verdict import StudyRule, make_study_rules
from core.scans import Scan, to_gray
from core.serving import BATCH_SIZE, Served, ServedModel, predict_together
from core.system import map_parallel

SEEN_IN_TRAINING = "The networks were trained or tuned on this file, so the result is too optimistic."
COPY = "The networks were trained or tuned on a slice that looks the same, so the result is too optimistic."


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
        (findings,) = read_together(
            [self], scan, {self.experiment.name: operating_points or {}}, override_gate=override_gate,
            on_slices=None if on_slices is None else lambda batches: on_slices(batches[0]),
        )  # fmt: skip
        return findings

    def _interpret(
        self,
        scan: Scan,
        indices: range,
        images: np.ndarray,
        served: Mapping[str, Served],
        gates: Sequence[GateFinding],
        rules: Mapping[str, Rule],
        turned: int,
        warnings: tuple[str, ...],
    ) -> list[SliceFinding]:
        """Return the findings on a batch of slices, from the networks' outputs."""
        features = {framework: answer.features for framework, answer in served.items()}
        known = self._familiarity
        away: list[float | None] = [None] * len(indices)
        if known and self._measures_familiarity:
            away = (known.distances(features) / known.limit).tolist()
        if known and known.head_ct:
            scores = known.head_ct.scores(features).tolist()
            gates = [judge_features(gate, score) for gate, score in zip(gates, scores, strict=True)]
        if scan.sha256 in self._seen:
            warnings = (*warnings, SEEN_IN_TRAINING)
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

    def _conclude(self, scan: Scan, slices: Sequence[SliceFinding], *, override_gate: bool) -> Findings:
        """Return the findings on a scan whose slices have been read."""
        unfit = scan.unfit
        refused = is_refused([finding.gate for finding in slices])
        if refused:
            note = OVERRIDE_NOTE if override_gate else REFUSED_NOTE
            slices = [replace(one, unfit=(*one.unfit, note)) for one in slices]
            unfit = unfit if override_gate else (*unfit, note)
        short = [] if scan.incomplete else describe_coverage(slices, scan.technical)
        if short:
            slices = [replace(finding, warnings=(*short, *finding.warnings)) for finding in slices]
        read = Findings(
            scan.source,
            scan.sha256,
            self.experiment.name,
            tuple(slices),
            overridden=refused and override_gate,
            technical=scan.technical,
            decided_by=name_decider(self.site),
            incomplete=(*scan.incomplete, *short),
            doubts=scan.doubts,
            unfit=unfit,
        )
        rules_of_study = self._study_rules if len(slices) > 1 else {}
        return replace(read, verdicts=reach_scan_verdicts(read, rules_of_study))

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


def read_together(
    readers: Sequence[Reader],
    scan: Scan,
    operating_points: Mapping[str, Mapping[str, float]] | None = None,
    *,
    override_gate: bool = False,
    on_slices: Callable[[Sequence[Sequence[SliceFinding]]], None] | None = None,
) -> PanelFindings:
    """Read a scan with the networks of several experiments; what they share is computed once.

    Experiments with the same recipe share the prepared images, and those on one backbone its run. Each has
    its own input check; where only some of them refuse the scan, their findings on it are not judged.

    Args:
        readers: one for each experiment.
        operating_points: name of an experiment -> its operating points, as for `Reader.read`.
        scan, override_gate: as for `Reader.read`.
        on_slices: called with each batch of slices in order: the findings of each reader.

    Returns:
        The findings of each reader. Errors as `Reader.read`.
    """
    rules = [
        make_rules(one.experiment, (operating_points or {}).get(one.experiment.name, {}), one.site)
        for one in readers
    ]
    scan, turned, doubt = turn_upright(scan)
    warnings = (*scan.warnings, doubt) if doubt else scan.warnings
    recipes = list(dict.fromkeys(one.experiment.recipe for one in readers))
    gates = {recipe: judge_scan(scan, recipe) for recipe in recipes}
    # A scan refused by its pictures alone never reaches a network.
    if not override_gate:
        check_refusals(list(gates.values()))

    def read_batch(indices: range) -> list[list[SliceFinding]]:
        images = {recipe: _prepare_batch(scan, indices, recipe) for recipe in recipes}
        served: dict[tuple[int, str], Served] = {}
        for recipe in recipes:
            models = {
                (place, framework): model
                for place, one in enumerate(readers)
                if one.experiment.recipe == recipe
                for framework, model in one._models.items()
            }
            served |= predict_together(models, images[recipe])
        found = []
        for place, one in enumerate(readers):
            recipe = one.experiment.recipe
            own = {framework: served[place, framework] for framework in one._models}
            judged = gates[recipe][indices.start : indices.stop]
            found.append(
                one._interpret(scan, indices, images[recipe], own, judged, rules[place], turned, warnings)
            )
        return found

    n_slices = len(scan.slices)
    batches = [range(start, min(start + BATCH_SIZE, n_slices)) for start in range(0, n_slices, BATCH_SIZE)]
    slices: list[list[SliceFinding]] = [[] for _ in readers]
    for batch in map_parallel(read_batch, batches):
        for own, new in zip(slices, batch, strict=True):
            own += new
        if on_slices:
            on_slices(batch)
    if not override_gate:
        check_refusals([[finding.gate for finding in own] for own in slices])
    return tuple(
        one._conclude(scan, own, override_gate=override_gate)
        for one, own in zip(readers, slices, strict=True)
    )


def _prepare_batch(scan: Scan, indices: range, recipe: Recipe) -> np.ndarray:
    # One slice after the other, to save memory.
    grays = (to_gray(scan.slices[index].pixels, scan.unit, recipe.window) for index in indices)
    return np.stack([prepare(gray, recipe) for gray in grays])
