"""The choice on Read a scan which experiments read, and whether the card or a site calibration decides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import streamlit as st

from core.errors import StrokeError
from core.experiments import Experiment, default_names, sort_panel
from core.frameworks import TITLES
from core.reading import Findings, apply_operating_points
from core.validation import SiteCalibration, list_sites, open_site
from dashboard.shared import components, loaders, state

_CARD = _NO_OTHER = ""
_HELP = (
    "A site calibration adjusts the probabilities and thresholds to one hospital. It is made from a "
    "validation on labeled slices of that hospital, on the page Validate or with `stroke-ct calibrate`. Use "
    "it only for scans of that hospital."
)


class Member(NamedTuple):
    """An experiment of the panel, and what decides: thresholds by framework, of the card or of a site."""

    experiment: Experiment
    site: SiteCalibration | None
    thresholds: dict[str, float]

    def decide(self, scans: Sequence[Findings]) -> list[Findings]:
        """Return its findings on scans as decided here."""
        return apply_operating_points(scans, self.experiment, self.thresholds, self.site)


def choose_panel() -> list[Member] | None:
    """Let the visitor choose the experiments that read, one for each finding, and what decides for each.

    Returns:
        The panel in the order of `core.experiments.open_panel`; None while a choice is missing.
    """
    chosen: list[Member] = []
    for number, default in enumerate((*default_names(), _NO_OTHER)[: max(2, len(default_names()))]):
        suffix = f"_{number + 1}" if number else ""
        if not number:
            experiment = components.choose_experiment()
        else:
            experiment, is_chosen = _choose_other(default, [one.experiment for one in chosen], suffix)
            if is_chosen and experiment is None:
                continue
        if experiment is None:
            return None
        site, is_chosen = choose_site(experiment, suffix)
        if not is_chosen:
            return None
        chosen.append(
            Member(experiment, site, components.choose_thresholds(experiment, site=site, suffix=suffix))
        )
    return sort_panel(chosen, key=lambda member: member.experiment)


def _choose_other(default: str, chosen: Sequence[Experiment], suffix: str) -> tuple[Experiment | None, bool]:
    """Let the visitor choose an experiment for another finding, or none.

    Returns:
        The experiment, None for none, and whether there is a choice. A missing or damaged experiment is named
        in an error, and nothing is read until the visitor chooses.
    """
    found, _ = loaders.experiments()
    taken = {one.finding for one in chosen}
    experiments = {one.name: one for one in found if one.finding not in taken}
    if any(one.name == default and one.finding in taken for one in found):
        default = _NO_OTHER
    if not experiments and not default:
        return None, True
    widget = state.persist_widget(
        f"experiment{suffix}", default, (experiments | {_NO_OTHER: None}).__contains__, replace=False
    )
    requested = state.find_value(f"experiment{suffix}")
    requested = default if requested is None else requested
    if requested != _NO_OTHER and requested not in experiments:
        components.show_error(components.explain_absence(requested))
    name = st.selectbox(
        "Also read with",
        [_NO_OTHER, *experiments],
        format_func=lambda name: f"{name} ({experiments[name].finding})" if name else "No other experiment",
        placeholder="Choose an experiment",
        help="Its networks look for another finding on the same slices. What the experiments share is "
        "computed once.",
        **widget,
    )
    return experiments.get(name), name is not None


def choose_site(experiment: Experiment, suffix: str = "") -> tuple[SiteCalibration | None, bool]:
    """Let the visitor choose a site calibration by name; nothing is shown if there is none.

    Args:
        experiment: whose.
        suffix: of the widget's key, where a page has several.

    Returns:
        The site calibration, None for the card, and whether one of the two is chosen. A link may name a site
        that cannot be used: the page then says why, and nothing decides until the visitor chooses.
    """
    sites = {site.name: site for site in list_sites(experiment)}
    key = f"site{suffix}"
    widget = state.persist_widget(key, _CARD, (sites | {_CARD: None}).__contains__, replace=False)
    requested = state.find_value(key) or _CARD
    if requested != _CARD and requested not in sites:
        components.show_error(_explain_absence(experiment, requested))
    elif not sites:
        return None, True
    name = st.selectbox(
        "Calibration and thresholds",
        [_CARD, *sites],
        format_func=lambda name: f'Site "{name}"' if name else "Model card",
        placeholder="Choose a calibration",
        help=_HELP,
        **widget,
    )
    if name:
        _describe(sites[name])
    return sites.get(name), name is not None


def _explain_absence(experiment: Experiment, name: str) -> StrokeError:
    """Return the error of opening this site calibration."""
    try:
        open_site(experiment, name)
    except StrokeError as error:
        return error
    return StrokeError(f'The site calibration "{name}" has just changed', remedy="reload the page")


def _describe(site: SiteCalibration) -> None:
    """Show how much a site calibration rests on, and what it does to slices that it was not fitted to."""
    rests_on = site.details["rests_on"]
    patients = f" of {rests_on['n_patients']:,} patients" if rests_on["n_patients"] else ""
    unknown = "" if patients else ", patients unknown"
    lines = [
        f"Fitted to {rests_on['n']:,} slices{patients}, {rests_on['positives']:,} with the finding{unknown}. "
        "Results, each slice tested with a calibration fitted to other slices:"
    ]
    for framework, levels in site.details["cross_fitted"].items():
        after = levels["slice"]["after"]
        lines.append(
            f"{TITLES[framework]}: sensitivity {components.write_figure(after['recall'], True)}, specificity "
            f"{components.write_figure(after['specificity'], True)}"
        )
    st.caption("  \n".join(lines))
