"""Page keys and pasting from the clipboard, which Streamlit alone cannot do.

Small components in plain JavaScript (dashboard/scripts), with no build step and no network. Their markup
holds only texts of this program, never of a visitor.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import streamlit as st

_SCRIPTS = Path(__file__).parents[1] / "scripts"
_PASTE_HTML = """<button type="button">Paste an image <kbd>Ctrl V</kbd></button>
<span role="status" aria-live="polite"></span>"""
_PASTE_CSS = """
:host, div { font-family: var(--st-font); font-size: 0.875rem; color: var(--st-text-color); }
button {
  font: inherit; color: inherit; cursor: pointer; padding: 0.25rem 0; border: 0; background: none;
  border-radius: var(--st-base-radius); text-decoration: underline; text-underline-offset: 0.2em;
}
button:focus-visible { outline: 2px solid var(--st-primary-color); outline-offset: 2px; }
kbd {
  font: inherit; font-size: 0.75rem; padding: 0 0.3rem; border: 1px solid var(--st-border-color);
  border-radius: 0.25rem; display: inline-block; margin-left: 0.35rem;
}
span { display: block; min-height: 0; }
"""


def listen_for_keys(keys: Mapping[str, str], key: str) -> None:
    """Let keys click elements of the page: `keys` maps "ArrowRight", "h", ... to a CSS selector."""
    with st.container(key=f"page_keys_{key}"):
        _keys(data=dict(keys), key=f"keys_{key}")


def offer_paste(zone: str, key: str) -> None:
    """Show a button that pastes a picture from the clipboard into a drop zone of this page.

    Args:
        zone: CSS selector of the drop zone's file input.
    """
    data = {
        "zone": zone,
        "nothing": "The clipboard contains no image.",
        "refused": "The browser does not let the page read the clipboard. Press Ctrl+V instead.",
    }
    _paste(data=data, key=key)


_keys = st.components.v2.component(
    "stroke_ct_keys", js=(_SCRIPTS / "keys.js").read_text(encoding="utf-8"), html="<span hidden></span>"
)
_paste = st.components.v2.component(
    "stroke_ct_paste",
    html=_PASTE_HTML,
    css=_PASTE_CSS,
    js=(_SCRIPTS / "paste.js").read_text(encoding="utf-8"),
)
