"""The methods on a model card: preprocessing, networks, training, versions, seeds and checks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from core.evaluation import list_measures
from core.experiments import Experiment
from core.frameworks import TITLES
from core.measurements import (
    CONTROLS,
    LOOKING,
    MEASURES,
    RESULTS,
    SHORTCUT,
    group_rows,
    iterate_rows,
    summarise_seeds,
)
from core.model_card.facts import Facts
from core.model_card.markdown import paragraphs, percent, plain, render, table
from core.model_card.sources import describe_versions

if TYPE_CHECKING:
    import pandas as pd

CHANNELS = {
    "gray": "one: the gray value",
    "rgb": "three: the gray value three times",
}
FRAMING = {
    "whole": "the whole slice, padded to a square",
    "head": "cropped to a square around the head, the largest bright object",
}
INTENSITY = {
    "unit": "gray values as they are, in [0, 1]",
    "tissue": "median of soft tissue shifted to 0.5, scaled by its median absolute deviation",
    "brain": "median of the brain inside the skull shifted to 0.5, scaled by its median absolute deviation; "
    "black outside the head",
}


_RANKINGS = {one.key: one.label for one in list_measures("ranking")}
_RATES = {one.key: one.label for one in list_measures("rate")}
_FIGURES = {
    **_RANKINGS,
    **_RATES,
    **{key: measure.title for key, measure in MEASURES.items()},
    **{key: f"AUROC, {control.title}" for key, control in CONTROLS.items()},
}
_TABLES = {
    RESULTS: "Results per slice:",
    LOOKING: "Where the networks look:",
    SHORTCUT: "Without the lesion, against slices without the finding of another source:",
}
# Layers whose name on the card is not the usual one.
_KINDS = {
    "Trunk": "Backbone",
    "Normalisation": "Normalization",
    "SeparableConvolution": "Separable convolution",
    "MirroredDifference": "Difference from the mirror image",
    "CellLoss": "Loss of single places",
}
# Settings whose name on the card says little.
_SETTINGS = {
    "n_threads": "CPU threads",
    "normalise": "batch normalization",
    "patience": "patience (0: no early stopping)",
    "planted": "copies with a simulated lesion per training slice",
    "views": "augmented copies per slice",
    "positive_weight": "weight of a place with the finding",
    "slice_weight": "weight of the loss of whole slices",
    "rough_outlines": "outlines are rough, and tell only where the finding is not:",
    "members": "heads averaged within each fold's network:",
}


def describe_preprocessing(facts: Facts) -> str:
    """Return the recipe of preprocessing in words."""
    recipe = facts.experiment.recipe
    return render(
        "preprocessing",
        recipe=recipe,
        framing=FRAMING.get(recipe.framing, plain(recipe.framing)),
        intensity=INTENSITY.get(recipe.intensity, plain(recipe.intensity)),
        channels=CHANNELS.get(recipe.channels, plain(recipe.channels)),
    )


def describe_networks(facts: Facts) -> str:
    """Return layers as the card lists them, initial weights, output, heat map and served model."""
    layers = _name(facts.card.get("layers"))
    rows = [[str(place), name, settings] for place, (name, settings) in enumerate(layers, 1)]
    return render(
        "networks",
        facts=facts,
        layers=table(["layer", "kind", "settings"], rows) if rows else "",
        initial_weights=describe_initial_weights(facts),
    )


def describe_initial_weights(facts: Facts) -> str:
    """Return the initial weights in one sentence."""
    return render("initial-weights", facts=facts, pretrained=list_pretrained(facts))


def list_pretrained(facts: Facts) -> list[str]:
    """Return the pretrained backbones among the layers, in Markdown."""
    return [
        f"{name} ({settings})" if settings else name
        for name, settings in _name(facts.card.get("layers"))
        if name == _KINDS["Trunk"]
    ]


def describe_training(facts: Facts) -> str:
    """Return protocol, schedule, epochs run and kept, time and versions."""
    rows = [[_title(key), _value(value)] for key, value in facts.protocol.items()]
    versions = [[plain(library), plain(version)] for library, version in facts.card["versions"].items()]
    return render(
        "training",
        facts=facts,
        planted=facts.protocol.get("augmentation", {}).get("planted"),
        protocol=table(["protocol", ""], rows),
        epochs=table(["", "folds", "epochs run", "epoch kept", "seconds"], _count_epochs(facts)),
        versions=table(["library", "version"], versions),
    )


def describe_history(facts: Facts) -> str:
    """Return how the networks changed from version to version."""
    found = describe_versions(facts.experiment)
    return found or "These are the first networks of this name (version 1)."


def describe_seeds(experiment: Experiment) -> str:
    """Return the mean and range of each figure over the seeds, as tables; "" if they were not gathered."""
    gathered = experiment.seeds()
    if gathered is None:
        return ""
    found = summarise_seeds(gathered)
    tables = [
        paragraphs(words, _tabulate_seeds(found[found["about"] == about]))
        for about, words in _TABLES.items()
        if (found["about"] == about).any()
    ]
    seeds = sorted(set(gathered["seed"]))
    return render("seeds", seeds=", ".join(map(str, seeds)), n=len(seeds), tables="\n\n".join(tables))


def _tabulate_seeds(found: pd.DataFrame) -> str:
    """Return a table with one row for each place and network, and a column for each figure."""
    figures = list(dict.fromkeys(found["figure"]))
    with_other = bool((found["other"] != "").any())
    rows = []
    for (scans, part, other, framework), own in group_rows(found, "scans", "part", "other", "framework"):
        cells = {row.figure: _write_range(row) for row in iterate_rows(own)}
        where = [plain(f"{scans}, {part}"), *([plain(other)] if with_other else [])]
        rows.append([*where, TITLES[framework], *(cells.get(key, "-") for key in figures)])
    titles = ["slices", *(["against"] if with_other else []), "network"]
    return table([*titles, *(_FIGURES[key] for key in figures)], rows)


def _write_range(row: Any) -> str:
    mean, low, high, key = row.mean, row.low, row.high, row.figure
    key = str(row.figure)
    if key in _RATES or (key in MEASURES and MEASURES[key].is_share):
        return f"{percent(mean)} ({100 * low:.0f} to {100 * high:.0f})"
    return f"{mean:.3f} ({low:.3f} to {high:.3f})"


def describe_checks(facts: Facts) -> str:
    """Return the parity of the served networks, hashes, and the commands that check them."""
    return render("checks", facts=facts)


def _name(layers: list[dict[str, Any]] | None) -> list[tuple[str, str]]:
    """Return kind and settings of each layer of the card, in Markdown."""
    return [
        (
            plain(_KINDS.get(row.get("layer", "layer"), row.get("layer", "layer"))),
            ", ".join(f"{_title(key)} {_value(value)}" for key, value in row.items() if key != "layer"),
        )
        for row in layers or ()
    ]


def _count_epochs(facts: Facts) -> list[list[str]]:
    rows = []
    for framework, title in facts.titles.items():
        epochs = facts.history[facts.history["framework"] == framework]
        run = epochs.groupby("fold")["epoch"].max()
        best = epochs.loc[epochs["best"] == 1, "epoch"] if "best" in epochs else epochs["epoch"][:0]
        seconds = facts.card["training"].get(framework, {}).get("seconds")
        rows.append(
            [
                title,
                str(len(run)),
                _range(run.tolist()),
                _range(best.tolist()),
                "not recorded" if seconds is None else f"{seconds:.0f}",
            ]
        )
    return rows


def _range(values: list[int]) -> str:
    if not values:
        return "not recorded"
    low, high = min(values), max(values)
    return str(low) if low == high else f"{low} to {high}"


def _title(key: object) -> str:
    """Return the name of a setting in words."""
    return _SETTINGS.get(str(key)) or plain(str(key).replace("_", " "))


def _value(value: object) -> str:
    """Return a setting of any type as text."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "none"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, dict):
        return ", ".join(f"{_title(key)} {_value(one)}" for key, one in value.items())
    if isinstance(value, list):
        return ", ".join(map(_value, value))
    return plain(value)
