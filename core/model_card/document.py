"""The model card as a document: its warnings, its sections, and the whole as one Markdown text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from core.experiments import Experiment
from core.model_card import elsewhere, lesions, measures, methods, origin, weaknesses
from core.model_card.claim import describe_claim
from core.model_card.facts import Facts, gather_facts
from core.model_card.markdown import plain, render

# In the order of reading: purpose, data, methods, results, weaknesses.
SECTIONS: dict[str, Callable[[Facts], str]] = {
    "In short": origin.describe_overview,
    "Intended use": origin.describe_use,
    "Data": origin.describe_data,
    "Labels": origin.describe_labels,
    "Partitions": origin.describe_partitions,
    "Preprocessing": methods.describe_preprocessing,
    "Networks": methods.describe_networks,
    "Training": methods.describe_training,
    "Versions": methods.describe_history,
    "Decisions": measures.describe_decisions,
    "Results": measures.describe_results,
    "Calibration": measures.describe_calibration,
    "Comparison": measures.describe_comparison,
    "In other hospitals": elsewhere.describe_elsewhere,
    "Where the networks look": lesions.describe_looking,
    "Lesion or hospital": lesions.describe_shortcut,
    "Robustness": weaknesses.describe_robustness,
    "Subgroups": weaknesses.describe_subgroups,
    "Failures": weaknesses.describe_failures,
    "Input check": weaknesses.describe_gate,
    "Limits": weaknesses.describe_limits,
    "Not available": weaknesses.describe_missing,
    "Checks": methods.describe_checks,
    "Availability": origin.describe_availability,
    "CLAIM 2024": describe_claim,
}


@dataclass(frozen=True)
class Section:
    """One section: its title, and its text in Markdown, with headings of level 3 and below."""

    title: str
    text: str

    @property
    def anchor(self) -> str:
        """Return the anchor that GitHub makes from the title, for links to the section."""
        return self.title.lower().replace(" ", "-")


@dataclass(frozen=True)
class ModelCard:
    """A model card.

    Attributes:
        name: of the experiment.
        summary: one sentence, in Markdown.
        warnings: to be read before any result, in Markdown; may be empty.
        sections: in order.
    """

    name: str
    summary: str
    warnings: tuple[str, ...]
    sections: tuple[Section, ...]

    @property
    def markdown(self) -> str:
        """Return the whole card as Markdown, with a table of contents."""
        return render("model-card", card=self) + "\n"


def render_model_card(experiment: Experiment, *, n_resamples: int = 2000) -> ModelCard:
    """Return the model card of an experiment; the same record always gives the same card.

    Args:
        experiment: from core.experiments.
        n_resamples: bootstrap resamples behind the intervals, as in `python -m core evaluate`.

    Raises:
        ExperimentError: a table is missing, damaged or of the wrong form.
        EvaluationError: the predictions are unusable.
    """
    facts = gather_facts(experiment, n_resamples)
    return ModelCard(
        name=experiment.name,
        summary=plain(experiment.card["summary"]),
        warnings=tuple(origin.list_warnings(facts)),
        sections=tuple(Section(title, describe(facts)) for title, describe in SECTIONS.items()),
    )
