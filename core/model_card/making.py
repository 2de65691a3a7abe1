"""How a slice becomes an input, what the networks are made of, how they were trained and checked."""

from __future__ import annotations

from typing import Any

from core.model_card.facts import Facts
from core.model_card.markdown import bullets, paragraphs, percent, plain, table

CHANNELS = {
    "gray": "one: the gray value",
    "rgb": "three: the gray value three times",
}
FRAMING = {
    "whole": "the whole slice, padded to a square",
    "head": "a square around the head, the largest bright object",
}
INTENSITY = {
    "unit": "gray values as they are, in [0, 1]",
    "tissue": "soft tissue's median gray moved to 0.5, scaled by its median absolute deviation",
}


def describe_preprocessing(facts: Facts) -> str:
    """The recipe, in words."""
    recipe = facts.experiment.recipe
    rows = [
        ["size", f"{recipe.size} x {recipe.size} pixels"],
        ["framing", FRAMING.get(recipe.framing, plain(recipe.framing))],
        ["gray values", INTENSITY.get(recipe.intensity, plain(recipe.intensity))],
        ["channels", CHANNELS.get(recipe.channels, plain(recipe.channels))],
    ]
    return paragraphs(
        "One function prepares slices for training and for reading alike (`core/imaging/preprocessing.py`).",
        table(["", ""], rows),
    )


def describe_networks(facts: Facts) -> str:
    """Layers as the card lists them, initial weights, output, heat map and what is served."""
    layers = facts.card.get("layers")
    rows = [[str(place), name, settings] for place, (name, settings) in enumerate(_name(layers), 1)]
    sizes = [
        f"{title}: {facts.card['training'][framework]['n_parameters']} trained parameters"
        for framework, title in facts.titles.items()
        if "n_parameters" in facts.card["training"].get(framework, {})
    ]
    return paragraphs(
        f"Architecture {plain(facts.protocol['architecture'])}, the same in every framework.",
        table(["layer", "kind", "settings"], rows)
        if rows
        else "The layers are **not available**: the card does not list them.",
        bullets(
            [
                *sizes,
                describe_initial_weights(facts),
                "Output: the probability of a positive slice. The heat map is Grad-CAM (Selvaraju et al., "
                "ICCV 2017), part of the served network; whether it points at the finding was not measured.",
                f"Served: {plain(facts.card['served'])}",
            ]
        ),
    )


def describe_initial_weights(facts: Facts) -> str:
    """Where the weights start from, one sentence."""
    drawn = f"drawn at random, from seed {facts.protocol['seed']}"
    pretrained = list_pretrained(facts)
    if not pretrained:
        return f"Initial weights: {drawn}."
    return (
        f"Initial weights: pretrained elsewhere and kept as they are: {', '.join(pretrained)} (see "
        f"`core/models/trunk.py`); all others {drawn}."
    )


def list_pretrained(facts: Facts) -> list[str]:
    """The layers, in Markdown, that the card calls a trunk."""
    return [
        f"{name} ({settings})" if settings else name
        for name, settings in _name(facts.card.get("layers"))
        if name == "Trunk"
    ]


def describe_training(facts: Facts) -> str:
    """Protocol and schedule, epochs run and kept, time, versions."""
    rows = [[plain(key.replace("_", " ")), _value(value)] for key, value in facts.protocol.items()]
    versions = [[plain(library), plain(version)] for library, version in facts.card["versions"].items()]
    return paragraphs(
        "One schedule for every framework: the learning rate climbs in the first epoch and falls along half "
        f"a cosine. {_describe_selection(facts)} Test slices are not touched.",
        _describe_planting(facts),
        table(["protocol", ""], rows),
        table(["", "folds", "epochs run", "epoch kept", "seconds"], _count_epochs(facts)),
        table(["library", "version"], versions),
    )


def describe_checks(facts: Facts) -> str:
    """Parity of the served networks, hashes, and how to check them again."""
    rows = [
        [title, str(parity["n_slices"]), f"{parity['max_difference']:.1e}"]
        for framework, title in facts.titles.items()
        if (parity := facts.card["parity"].get(framework))
    ]
    name = facts.experiment.name
    return paragraphs(
        "Largest difference in probability between the served network (ONNX) and its framework:",
        table(["", "slices", "difference"], rows),
        bullets(
            [
                f"`python -m core verify {name}` compares the served networks with the native weights, and "
                "these with the recorded predictions.",
                f"`python -m core evaluate {name} --json` gives every figure on this card.",
                f"`python -m core card {name}` writes this card anew.",
                f"The record: trained {plain(facts.card['created'])}; {len(facts.card['files'])} files, each "
                f"listed with its SHA-256 in `experiment.json`, whose own is `{facts.experiment.digest}`.",
            ]
        ),
    )


def _name(layers: list[dict[str, Any]] | None) -> list[tuple[str, str]]:
    """Kind and settings of each layer of the card, whatever kinds there are, in Markdown."""
    return [
        (
            plain(row.get("layer", "layer")),
            ", ".join(f"{plain(key)} {_value(value)}" for key, value in row.items() if key != "layer"),
        )
        for row in layers or ()
    ]


def _describe_selection(facts: Facts) -> str:
    """Which epoch's weights are kept, as the protocol's patience says."""
    if "patience" not in facts.protocol:
        return "Which epoch is kept is not recorded."
    if facts.protocol["patience"]:
        return (
            "Training stops when the validation loss no longer improves; the weights of the epoch with the "
            "lowest validation loss are kept."
        )
    return "All epochs are trained, and the weights of the last are kept."


def _describe_planting(facts: Facts) -> str:
    """That networks trained on drawn hemorrhages too, where they did."""
    share = facts.protocol.get("augmentation", {}).get("planted")
    if not share:
        return ""
    return (
        "**Synthetic positives.** Copies of training slices without hemorrhage, as many as "
        f"{percent(share)} of the training slices, got a drawn hemorrhage planted and count as positive "
        "(`core/synthetic/planting.py`). No radiologist judged them. They stand in training only, never "
        "where a network is measured."
    )


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


def _value(value: object) -> str:
    """A setting as text, whatever its kind."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "none"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, dict):
        return ", ".join(f"{plain(str(key).replace('_', ' '))} {_value(one)}" for key, one in value.items())
    if isinstance(value, list):
        return ", ".join(map(_value, value))
    return plain(value)
