"""The finished experiments on the page Train: compare, export, import and delete them."""

from __future__ import annotations

import streamlit as st

from core.errors import StrokeError
from core.exchange import has_native_weights, import_experiment
from core.experiments import SHIPPED, Experiment, delete_experiment
from dashboard.shared import charts, components, loaders, records, state
from dashboard.train.packing import pack_experiment
from dashboard.train.train_charts import plot_reached

_UPLOAD_MB = 1_000


def show_finished() -> None:
    """Show the finished experiments as rows, their AUROC in one figure, and the import."""
    with st.container(
        horizontal=True, vertical_alignment="center", horizontal_alignment="distribute", key="finished_head"
    ):
        st.subheader("Experiments", anchor=False)
        with st.popover("Import", icon=":material/upload:", key="import"):
            _show_import()
    found, damaged = loaders.experiments()
    for error in damaged:
        components.show_error(error)
    if not found:
        st.caption("No experiments yet. Train one or import one.")
        return
    for experiment in sorted(found, key=lambda one: one.card["created"], reverse=True):
        with st.container(border=True, key=f"experiment_{experiment.name}"):
            _show_row(experiment)
    compared = st.expander(
        "All experiments: AUROC on test slices",
        icon=":material/balance:",
        key="reached",
        on_change="rerun",
    )
    with compared:
        # Only when open, because the figures of every experiment take time to compute.
        if compared.open:
            _show_comparison(found)


def _show_row(experiment: Experiment) -> None:
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        weights = "" if has_native_weights(experiment) else " · imported, without PyTorch and Keras weights"
        created = components.plain(experiment.card["created"][:10])
        st.markdown(
            f"**{components.plain(experiment.name)}** :gray[· {created}{weights}]  \n"
            f"{components.plain(experiment.card['summary'])}"
        )
        with st.container(horizontal=True, vertical_alignment="center", width="content"):
            st.page_link(
                "app_pages/compare.py",
                label="Compare",
                icon=":material/balance:",
                query_params={"experiment": experiment.name},
            )
            st.download_button(
                "Export", lambda: pack_experiment(experiment), f"{experiment.name}.zip",
                "application/zip", key=f"export_{experiment.name}", on_click="ignore",
                icon=":material/download:",
                help="Card, tables and networks (ONNX) as a zip file, without PyTorch and Keras weights.",
            )  # fmt: skip
            if experiment.name not in SHIPPED:
                with st.popover("Delete", icon=":material/delete:", key=f"remove_{experiment.name}"):
                    _show_delete(experiment)


def _show_delete(experiment: Experiment) -> None:
    st.markdown("This deletes its networks, predictions and results for everybody. It cannot be undone.")
    if st.button("Delete it", key=f"remove_now_{experiment.name}", icon=":material/delete:"):
        try:
            delete_experiment(experiment)
        except StrokeError as error:
            components.show_error(error)
        else:
            state.watch_job(None)
            st.rerun()


def _show_import() -> None:
    upload = st.file_uploader(
        "A zip file made by Export", type=["zip"], max_upload_size=_UPLOAD_MB, key="import_file"
    )
    st.caption(
        "Everything in it is checked first: names, sizes, hashes, and that its networks give the recorded "
        "probabilities."
    )
    if st.button("Import it", key="import_now", type="primary", disabled=upload is None):
        assert upload is not None
        try:
            with st.spinner("Checking ..."):
                experiment = import_experiment(upload)
        except StrokeError as error:
            components.show_error(error)
        else:
            state.watch_job(experiment.name)
            st.rerun()


def _show_comparison(experiments: list[Experiment]) -> None:
    reached = [
        (one.name, {name: level["slice"]["auroc"] for name, level in records.record(one)["models"].items()})
        for one in experiments
    ]
    spoken = "; ".join(
        f"{name}: " + ", ".join(f"{framework} {_write(figure)}" for framework, figure in found.items())
        for name, found in reached
    )
    st.plotly_chart(
        plot_reached(reached, state.palette()), key="reached_figure", config=charts.CONFIG,
        alt=f"AUROC with 95 % interval. {spoken}",
    )  # fmt: skip
    st.caption(
        "Points with 95 % intervals by bootstrap over patients; dotted: chance. Labels, splits and data sets "
        "may differ between experiments: see the page Compare."
    )


def _write(figure: dict[str, object]) -> str:
    return "not estimable" if figure["value"] is None else f"{figure['value']:.2f}"
