"""Tags and notes of a case, and their export and import as CSV."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from core.cases import TAGS, Annotations, Case, Entry, Imported
from core.errors import StrokeError
from core.experiments import Experiment
from dashboard.explore.subject import Subject
from dashboard.shared import components, loaders, state

_AUTHOR = "tag_author"
_FILE = "tag_file"
_MAX_REFUSALS = 10


def show_tags(experiment: Experiment, case: Case) -> None:
    """Show the tags and notes of a case, with buttons to add, change, remove and restore them."""
    short = f"{experiment.name}_{case.sha256[:12]}"
    with st.container(key="tags", gap="small"):
        _show_outcome(short)
        try:
            entries, removed = Annotations().of(case), Annotations().removed(case)
        except StrokeError as error:
            components.show_error(error)
            return
        st.text_input(
            "Your name",
            key=_AUTHOR,
            persist_state="session",
            max_chars=80,
            placeholder="unknown",
            help="Your name appears with your tags and notes. It is remembered until you close the tab.",
        )
        with st.container(horizontal=True, gap="small"):
            present = {entry.tag for entry in entries}
            for tag in TAGS:
                st.button(
                    tag, key=f"tag_{short}_{tag}", icon=":material/add:", disabled=tag in present,
                    on_click=_run_action, args=(short, _add_tag, case, tag),
                )  # fmt: skip
        for entry in entries:
            _show_entry(short, entry)
        if removed:
            _offer_undo(short, removed[0])
        note = f"note_{short}"
        st.text_area(
            "Note", key=note, max_chars=2000, height=80,
            placeholder="What you see. Do not write patient names.",
        )  # fmt: skip
        st.button(
            "Add note", key=f"add_{note}", icon=":material/edit_note:",
            on_click=_run_action, args=(short, _add_note, case, note),
        )  # fmt: skip


def offer_tag_files(subject: Subject) -> None:
    """Offer to export all tags of the slices' data set as CSV, and to import such a file."""
    dataset = subject.fingerprint
    with st.container(key="tag_files", gap="small"):
        try:
            tags = Annotations().tags(dataset)
            data = Annotations().export_csv(dataset) if tags else b""
        except StrokeError as error:
            components.show_error(error)
            return
        st.download_button(
            f"Export {_count(len(tags), 'tagged slice')} (CSV)", data, f"tags-{dataset[:12]}.csv", "text/csv",
            disabled=not tags, on_click="ignore", icon=":material/download:",
        )  # fmt: skip
        st.file_uploader(
            "Import tags",
            type="csv",
            key=_FILE,
            on_change=_run_action,
            args=(_FILE, _import_file, subject),
            help="A CSV file exported on this page, for the same data set. Existing entries stay unchanged.",
        )
        _show_outcome(_FILE)


def _run_action(place: str, action: Callable[..., str], *args: Any) -> None:
    """Run the action of a button, and store its outcome for the next run of the page."""
    try:
        state.store_outcome(place, action(*args))
    except StrokeError as error:
        state.store_outcome(place, error)


def _add_tag(case: Case, tag: str) -> str:
    Annotations().add(case, [tag], author=state.read_widget(_AUTHOR))
    return ""


def _add_note(case: Case, key: str) -> str:
    Annotations().add(case, note=state.read_widget(key), author=state.read_widget(_AUTHOR))
    state.clear_widget(key)
    return ""


def _change_note(id: str, key: str) -> str:
    Annotations().change_note(id, state.read_widget(key), state.read_widget(_AUTHOR))
    return ""


def _remove(id: str) -> str:
    Annotations().remove(id, state.read_widget(_AUTHOR))
    return ""


def _restore(id: str) -> str:
    Annotations().restore(id)
    return ""


def _import_file(subject: Subject) -> str:
    file = state.read_widget(_FILE)
    if not file:  # the visitor removed the file
        return ""
    table = subject.cases if subject.validation else loaders.slices(subject.experiment)
    known = frozenset(table["sha256"])
    return _describe_import(Annotations().import_csv(file.getvalue(), subject.fingerprint, known))


def _describe_import(outcome: Imported) -> str:
    """Return the numbers of new, known and refused rows of an imported file, as Markdown."""
    new, known = _count(outcome.n_new, "new entry"), _count(outcome.n_known, "known entry")
    lines = [f"**{new}**, {known}, {_count(len(outcome.refusals), 'refused row')}."]
    lines += [f"- {components.sentence(refusal)}" for refusal in outcome.refusals[:_MAX_REFUSALS]]
    more = len(outcome.refusals) - _MAX_REFUSALS
    return "\n".join(lines + ([f"- and {more} more."] if more > 0 else []))


def _count(n: int, noun: str) -> str:
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{n} {noun if n == 1 else plural}"


def _show_outcome(place: str) -> None:
    outcome = state.read_outcome(place)
    if isinstance(outcome, StrokeError):
        components.show_error(outcome)
    elif outcome:
        st.markdown(outcome)


def _show_entry(short: str, entry: Entry) -> None:
    if entry.note:
        lines = [components.plain(line) for line in entry.note.split("\n")]
        st.markdown("  \n".join(lines))
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if entry.tag:
            st.badge(entry.tag, icon=":material/label:", color="gray", width="content")
        st.caption(_write_origin(entry.author, entry.created), width="content")
        if entry.note:
            key = f"change_{short}_{entry.id}"
            with st.popover("Change", icon=":material/edit:", type="tertiary"):
                st.text_area("Note", entry.note, key=key, max_chars=2000)
                st.button(
                    "Save", key=f"save_{key}", on_click=_run_action, args=(short, _change_note, entry.id, key)
                )
        st.button(
            "Remove", key=f"remove_{short}_{entry.id}", icon=":material/close:", type="tertiary",
            on_click=_run_action, args=(short, _remove, entry.id),
        )  # fmt: skip


def _offer_undo(short: str, entry: Entry) -> None:
    what = components.plain(entry.tag or f"“{entry.note[:40]}{'…' if len(entry.note) > 40 else ''}”")
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(f"Removed: {what} · {_write_origin(entry.removed_by, entry.removed)}", width="content")
        st.button(
            "Restore", key=f"restore_{short}_{entry.id}", icon=":material/undo:", type="tertiary",
            on_click=_run_action, args=(short, _restore, entry.id),
        )  # fmt: skip


def _write_origin(author: str, time: str) -> str:
    return f"{components.plain(author)} · {time[:10]} {time[11:16]} UTC"
