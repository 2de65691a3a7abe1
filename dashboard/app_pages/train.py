"""Train: choose a protocol, start and watch a training run, and manage the finished experiments."""

from __future__ import annotations

from importlib.util import find_spec

import streamlit as st

from core.frameworks import LIBRARIES
from dashboard.shared import components
from dashboard.train import show_finished, show_plan, show_runs

_LEAD = (
    "Train both networks under one protocol: the same slices, the same split, the same architecture. "
    "One run at a time; the others wait in the queue."
)
_LIBRARIES = (*LIBRARIES, "onnx", "onnxscript", "tf2onnx")


def show_page() -> None:
    """Show the plan on the left, the training runs and finished experiments on the right."""
    with st.container(key="pair_train"):
        plan, runs = st.columns([1, 1.5], gap="large")
    missing = [name for name in _LIBRARIES if find_spec(name) is None]
    with plan:
        if missing:
            _show_missing(missing)
        else:
            show_plan()
    with runs:
        show_runs()
        show_finished()


def _show_missing(missing: list[str]) -> None:
    st.subheader("Plan", anchor=False)
    st.info(
        f"Training needs libraries that are not installed: {', '.join(missing)}. In a clone of this program, "
        'install them with\n\n```\npip install ".[train]"\n```\n\nand restart the dashboard. Reading scans '
        "and comparing experiments work without them.",
        icon=":material/download:",
    )


with components.page("Train", _LEAD):
    show_page()
