"""The choice on Read a scan whether the card or a site calibration decides."""

from __future__ import annotations

import streamlit as st

from core.errors import StrokeError
from core.experiments import Experiment
from core.frameworks import TITLES
from core.validation import SiteCalibration, list_sites, open_site
from dashboard.shared import components, state

_CARD = ""
_HELP = (
    "A site calibration adjusts the probabilities and thresholds to one hospital. It is made from a "
    "validation on labeled slices of that hospital, on the page Validate or with `stroke-ct calibrate`. Use "
    "it only for scans of that hospital."
)


def choose_site(experiment: Experiment) -> tuple[SiteCalibration | None, bool]:
    """Let the visitor choose a site calibration by name; nothing is shown if there is none.

    Returns:
        The site calibration, None for the card, and whether one of the two is chosen. A link may name a site
        that cannot be used: the page then says why, and nothing decides until the visitor chooses.
    """
    sites = {site.name: site for site in list_sites(experiment)}
    widget = state.persist_widget("site", _CARD, (sites | {_CARD: None}).__contains__, replace=False)
    requested = state.find_value("site") or _CARD
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
