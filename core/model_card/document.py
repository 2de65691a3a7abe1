"""The model card as a document: its warnings, its sections, and the whole as one Markdown text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from core.experiments import Experiment
from core.model_card import measures, methods, origin, weaknesses
from core.model_card.claim import describe_claim
from core.model_card.facts import Facts, gather_facts
from core.model_card.markdown import plain
from core.model_card.prose import render

# In the order of reading: what it is and is not, what it was made of, what it does, where it fails.
SECTIONS: dict[str, Callable[[Facts], str]] = {
    "In short": origin.describe_overview,
    "Intended use": origin.describe_use,
    "Data": origin.describe_data,
    "Labels": origin.describe_labels,
    "Partitions": origin.describe_partitions,
    "Preprocessing": methods.describe_preprocessing,
    "Networks": methods.describe_networks,
    "Training": methods.describe_training,
    "Decisions": measures.describe_decisions,
    "Results": measures.describe_results,
    "Calibration": measures.describe_calibration,
    "Comparison": measures.describe_comparison,
    "Robustness": weaknesses.describe_robustness,
    "Subgroups": weaknesses.describe_subgroups,
    "Failures": weaknesses.describe_failures,
    "What is refused": weaknesses.describe_gate,
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
        """What a link to it ends with; the one that GitHub makes of the title."""
        return self.title.lower().replace(" ", "-")


@dataclass(frozen=True)
class ModelCard:
    """A model card.

    Attributes:
        name: of the experiment.
        summary: one sentence, Markdown.
        warnings: what must be read before any figure, Markdown; empty for an honest task.
        sections: in order.
    """

    name: str
    summary: str
    warnings: tuple[str, ...]
    sections: tuple[Section, ...]

    @property
    def markdown(self) -> str:
        """The whole as one file, with a table of contents."""
        return render("model-card", card=self) + "\n"


def render_model_card(experiment: Experiment, *, n_resamples: int = 2000) -> ModelCard:
    """The model card of an experiment; nothing in it is typed by hand, and the same record gives the same.

    Args:
        experiment: as it was read.
        n_resamples: of the bootstrap behind the intervals; as `python -m core evaluate` takes it.

    Raises:
        ExperimentError: a table is missing, damaged or not as its form says.
        EvaluationError: the predictions are unusable.
    """
    facts = gather_facts(experiment, n_resamples)
    return ModelCard(
        name=experiment.name,
        summary=plain(experiment.card["summary"]),
        warnings=tuple(origin.list_warnings(facts)),
        sections=tuple(Section(title, describe(facts)) for title, describe in SECTIONS.items()),
    )
