"""The frame and errors of all pages, the choices that they share, and how they write figures and names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.datasets import KNOWN_DATASET
from core.errors import ExperimentError, StrokeError
from core.evaluation import RULES
from core.experiments import Experiment, default_experiment, default_name, describe_scope, find_experiment
from core.frameworks import TITLES
from core.reading import Site
from core.system import escape_for_page as plain
from dashboard.shared import loaders, state
from dashboard.shared.palette import OUTCOME_SIGNS, WORDS, write_percent

DISCLAIMER = "Research and teaching. Not a medical device."
# One sign for each meaning, on every page.
SIGNS = {
    "warning": ":material/warning:",
    "review": "?",
    "positive": "●",
    "negative": "○",
    "correct": "✓",
    "wrong": "✗",
}
# The outcomes of the input check in words.
GATE_WORDS = {"read": "accepted", "warn": "accepted with a warning", "refuse": "refused"}
RULE_HELP = """At or above its decision threshold, a network calls a slice positive. Each preset is a rule
that chose the threshold on validation data (slices kept apart for such choices), separately for each network.
**Youden**: largest sensitivity + specificity. **Sensitivity 90**, **Specificity 90**: at least 90 % on these
slices. **Highest F1**: balances precision and recall. **All sources**: largest sensitivity + specificity on
average over the experiment's own data and data sets of other hospitals. **Custom**: you choose.

On the page Read a scan this decides slices; a study keeps its own default threshold."""
REVIEW_HELP = """Slices or patients whose score is close to the threshold (in the review band) need review:
the page Read a scan calls them uncertain. The band is around the threshold or begins at it (see the model
card); both were chosen on the same data. What is excluded counts as neither right nor wrong."""
SYNTHETIC = (
    "made by this program, not scanned, and not among the training images. This shows how the program "
    "works, not how accurate the networks are."
)
_STYLE = Path(__file__).parents[1] / "scripts" / "style.css"


@contextmanager
def page(title: str, lead: str) -> Iterator[None]:
    """Frame a page: its title, one sentence on its purpose, its expected errors and the disclaimer."""
    with frame():
        st.title(title, anchor=False)
        st.markdown(lead)
        yield


@contextmanager
def frame() -> Iterator[None]:
    """Frame a page that shows its own title."""
    with state.gather_link():
        st.html(_STYLE)
        try:
            yield
        except StrokeError as error:
            show_error(error)
    with st.container(key="quiet_line"):
        st.caption(DISCLAIMER)


def show_error(error: StrokeError, subject: str = "") -> None:
    """Show an expected error: what is wrong, what was found, what to do."""
    head = f"**{plain(subject)}** was not read. " if subject else ""
    found = f" ({plain(error.found)})" if error.found else ""
    remedy = f"  \n{sentence(error.remedy)}" if error.remedy else ""
    st.warning(f"{head}{plain(error.problem)}{found}.{remedy}", icon=SIGNS["warning"])


def invite_training(shows: str) -> None:
    """Say what an experiment would show here, and link to the page Train."""
    with st.container(border=True):
        st.markdown(f"**No trained experiment yet.** {shows}")
        st.page_link("app_pages/train.py", label="Train one", icon=":material/model_training:")


def choose_experiment() -> Experiment | None:
    """Let the visitor choose an experiment; the default one is chosen at first.

    Returns:
        None if there is none or none is chosen; the page then says why. A missing or damaged experiment is
        named in an error; another one opens only when the visitor chooses it.
    """
    found, damaged = loaders.experiments()
    if not found:
        for error in damaged:
            show_error(error)
        if not damaged:
            invite_training("This page shows the results of its networks.")
        return None
    experiments = {experiment.name: experiment for experiment in found}
    widget = state.persist_widget("experiment", default_name(), experiments.__contains__, replace=False)
    requested = state.find_value("experiment") or default_name()
    if requested not in experiments:
        show_error(explain_absence(requested))
    for error in damaged:
        if f'"{requested}"' not in error.problem:
            show_error(error)
    name = st.selectbox("Experiment", list(experiments), placeholder="Choose an experiment", **widget)
    return None if name is None else experiments[name]


def explain_absence(name: str) -> StrokeError:
    """Return the error of opening this missing or damaged experiment."""
    try:
        if name == default_name():
            default_experiment()
        else:
            find_experiment(name)
    except StrokeError as error:
        return error
    return ExperimentError(f'The experiment "{name}" has just changed', remedy="reload the page")


def open_default() -> Experiment | None:
    """Return the default experiment; if it cannot be opened, say so and let the visitor choose another."""
    found, damaged = loaders.experiments()
    name = default_name()
    default = next((experiment for experiment in found if experiment.name == name), None)
    if default is None:
        return choose_experiment()
    for error in damaged:
        show_error(error)
    return default


def list_rules(experiment: Experiment, level: str, site: Site | None = None) -> list[str]:
    """Return the rules by which every network has an operating point on this level, on the card or there."""
    points = experiment.card["operating_points"] if site is None else site.operating_points
    return [
        rule
        for rule in RULES
        if all(points[name].get(level, {}).get(rule) is not None for name in experiment.frameworks)
    ]


def name_rule(rule: str) -> str:
    """Return the title of a rule, or of "custom"."""
    return "Custom" if rule == "custom" else RULES[rule].title


def usual_rule(experiment: Experiment, rules: Sequence[str]) -> str:
    """Return the card's default rule if it is among these, else the first; "custom" if there is none."""
    usual = experiment.card["default_operating_point"]
    return usual if usual in rules else [*rules, "custom"][0]


def usual_threshold(
    experiment: Experiment, framework: str, level: str, rules: Sequence[str], site: Site | None = None
) -> float:
    """Return the threshold that "custom" starts with: that of the usual rule, rounded; 0.5 without rules."""
    if not rules:
        return 0.5
    return round((site or experiment).threshold(framework, level, usual_rule(experiment, rules)), 2)


def choose_thresholds(
    experiment: Experiment, level: str = "slice", site: Site | None = None, suffix: str = ""
) -> dict[str, float]:
    """Let the visitor choose thresholds by framework; `suffix` ends the widgets' keys."""
    decider, rules = site or experiment, list_rules(experiment, level, site)
    options = [*rules, "custom"]
    rule = st.selectbox(
        "Operating point",
        options,
        format_func=name_rule,
        help=RULE_HELP,
        **state.persist_widget(
            f"operating_point{suffix}", usual_rule(experiment, rules), options.__contains__
        ),
    )
    if rule != "custom":
        return {name: decider.threshold(name, level, rule) for name in experiment.frameworks}
    chosen = {}
    for name in experiment.frameworks:
        start = usual_threshold(experiment, name, level, rules, site)
        widget = state.persist_widget(f"{name}_threshold{suffix}", start, lambda value: 0 <= value <= 1)
        label = f"{TITLES[name]} threshold"
        chosen[name] = st.slider(label, 0.0, 1.0, step=0.01, format="%.2f", **widget)
    return chosen


def show_progress(place: DeltaGenerator, words: str) -> Callable[[int, int], None]:
    """Return a function of (done, total) that moves a progress bar in `place`, once per percent."""
    shown = -1

    def move(done: int, total: int) -> None:
        nonlocal shown
        percent = 100 * done // max(total, 1)
        if percent != shown:
            shown = percent
            place.progress(percent, f"{words}: {done:,} of {total:,}")

    return move


def offer_csv(table: pd.DataFrame | Callable[[], pd.DataFrame], name: str, of: str = "Chart") -> None:
    """Offer the data of a chart or table as a file; a function makes the table only on download."""

    def write() -> bytes:
        return (table() if callable(table) else table).to_csv(index=False).encode()

    st.download_button(
        f"{of} data (CSV)", write, name, "text/csv",
        key=f"download_{name}", on_click="ignore", type="tertiary", icon=":material/download:",
    )  # fmt: skip


def write_figure(figure: Mapping[str, Any], percent: bool) -> str:
    """Return a FIGURE of the record as "91 % [84–96]" or "0.83 [0.78–0.87]", with its interval in gray."""
    if figure["value"] is None:
        return f":gray[not estimable: {plain(figure['reason'].removeprefix('not estimable: '))}]"
    value = write_percent(figure["value"]) if percent else f"{round(figure['value'], 2) + 0.0:.2f}"
    if figure["interval"] is None:
        return f"**{value}** :gray[(no interval)]"
    low, high = figure["interval"]
    ends = [f"{100 * end:.0f}" if percent else f"{round(end, 2) + 0.0:.2f}" for end in (low, high)]
    interval = (" to " if low < 0 else "–").join(ends).replace("-", "−")
    return f"**{value.replace('-', '−')}** :gray[\\[{interval}\\]]"


def write_difference(figure: Mapping[str, Any], percent: bool) -> str:
    """Return "+3 pp [−1 to +8]" (percentage points) or "+0.03 [...]"; bold if the interval excludes zero."""
    if figure["value"] is None:
        return ":gray[not estimable]"
    scale, digits = (100, 0) if percent else (1, 2)

    def write(value: float) -> str:
        text = f"{scale * value:+.{digits}f}"
        return (text.lstrip("+-") if float(text) == 0 else text).replace("-", "−")

    value = write(figure["value"]) + (" pp" if percent else "")
    if figure["interval"] is None:
        return f"{value} :gray[(no interval)]"
    low, high = figure["interval"]
    ends = f":gray[\\[{write(low)} to {write(high)}\\]]"
    return f"**{value}** {ends}" if low > 0 or high < 0 else f"{value} {ends}"


def show_meaning(experiment: Experiment, panel: Sequence[Experiment] = ()) -> None:
    """Say what the positive class means and what these networks cannot detect; see `describe_scope`."""
    known = experiment.card["dataset"]["fingerprint"] == KNOWN_DATASET["fingerprint"]
    blind = "The data contain **no ischemic stroke**, so these networks cannot detect it." if known else ""
    words = [f"{SIGNS['positive']} **{plain(experiment.classes[1])}.**", sentence(experiment.meaning)]
    st.caption(" ".join([*words, blind or describe_scope(experiment, panel)]).strip())


def name_decision(experiment: Experiment, positive: bool) -> str:
    """Return the name of the decided class with its color and sign."""
    kind = "positive" if positive else "negative"
    return f":{WORDS[kind]}[{SIGNS[kind]} **{plain(experiment.classes[int(positive)])}**]"


def name_outcome(outcome: str, words: str) -> str:
    """Return an outcome in words, with its color and sign; `outcome` is one of OUTCOME_SIGNS."""
    sign = OUTCOME_SIGNS[outcome]
    text = f":material/{sign.icon}: **{plain(words)}**"
    return f":{WORDS[sign.color]}[{text}]" if sign.color in WORDS else text


def describe_folds(experiment: Experiment) -> str:
    """Return "one test set" or "5-fold cross-validation"."""
    n_folds = experiment.card["protocol"]["folds"]
    return "one test set" if n_folds == 1 else f"{n_folds}-fold cross-validation"


def name_framework(framework: str) -> str:
    """Return a framework's title in its color."""
    return f":{WORDS[framework]}[**{TITLES[framework]}**]"


def show_remarks(remarks: Sequence[str]) -> None:
    """Show the warnings about one slice, one line each."""
    for remark in remarks:
        st.markdown(f":{WORDS['review']}[{SIGNS['warning']}] {sentence(remark)}")


def sentence(text: str) -> str:
    """Return untrusted text as a sentence: escaped, with a capital letter and a full stop."""
    text = text.strip()
    text = text[:1].upper() + text[1:]
    return plain(text) + ("" if text.endswith((".", "!", "?")) else ".")
