"""Write the API pages of `core` from its docstrings: `python docs/make_api.py [FOLDER]`; default build/docs.

There is one page for each package, with its public names, and one each for the errors and the frameworks.
Nothing is fetched from the network, and the pages fetch nothing either.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
import warnings
from importlib.metadata import version
from pathlib import Path

import pdoc

import core


def write_pages(folder: Path) -> list[str]:
    """Write the pages into a folder, and return the names of the modules that have one.

    Raises:
        UserWarning: a public name cannot be loaded.
    """
    found = [one.name for one in pkgutil.iter_modules(core.__path__, "core.") if one.name != "core.__main__"]
    _load_names("core")
    shown = [name for name in found if _load_names(name)]
    # The page of `core` leads to the others.
    core.__all__ = [*getattr(core, "__all__", ()), *(name.removeprefix("core.") for name in shown)]
    core.__doc__ = "\n".join([core.__doc__ or "", *(f"- `{name}`: {_read_summary(name)}" for name in shown)])
    footer = f"Stroke CT {version('stroke-ct')}. Research and teaching. Not a medical device."
    pdoc.render.configure(docformat="google", show_source=False, footer_text=footer)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # An annotation whose import exists for type checkers alone is shown as it is written.
        warnings.filterwarnings("ignore", module=r"pdoc\.doc_types")
        pdoc.pdoc("core", output_directory=folder)
    return ["core", *shown]


def _load_names(name: str) -> bool:
    """Load a module with all its public names, and return whether it has any.

    pdoc reads a module's dictionary, and names that load lazily are not in it before their first use.
    """
    module = importlib.import_module(name)
    names = getattr(module, "__all__", None)
    for public in names or ():
        setattr(module, public, getattr(module, public))
    return names is None or len(names) > 0


def _read_summary(name: str) -> str:
    """Return the first line of a module's docstring."""
    return (sys.modules[name].__doc__ or "").split("\n")[0]


if __name__ == "__main__":
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "build/docs")
    print(f"{len(write_pages(folder))} pages are in {folder}; open {folder / 'index.html'}")
