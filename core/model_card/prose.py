"""The prose of the model card: templates in `templates/`, filled with facts and figures."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

from core.model_card.markdown import count, format_figure, number, p_value, percent, plain

if TYPE_CHECKING:
    from jinja2 import Environment


def render(name: str, **facts: Any) -> str:
    """Return the text of `templates/NAME.md.j2` with these facts; a missing fact is an error.

    Between paragraphs there is one blank line, also where a part is empty.
    """
    text = _templates().get_template(f"{name}.md.j2").render(facts)
    return re.sub(r"\n{3,}", "\n\n", text).strip("\n")


@cache
def _templates() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    # HTML escapes would show in Markdown, so texts from outside pass the filter `plain` instead.
    templates = Environment(
        loader=PackageLoader("core.model_card"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters |= {
        "plain": plain,
        "count": count,
        "number": number,
        "p_value": p_value,
        "percent": percent,
        "format_figure": format_figure,
    }
    return templates
