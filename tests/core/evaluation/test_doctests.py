"""The examples in the docstrings run, and importing evaluation stays light."""

import doctest
import importlib
import pkgutil
import subprocess
import sys

import pytest

import core.evaluation

MODULES = [module.name for module in pkgutil.iter_modules(core.evaluation.__path__, "core.evaluation.")]
WITHOUT_EXAMPLE = {"core.evaluation.summary"}  # its functions return a whole record


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name):
    """Every example gives the stated result, and every module has at least one."""
    result = doctest.testmod(importlib.import_module(name))
    assert 0 == result.failed
    assert (name not in WITHOUT_EXAMPLE) == (result.attempted > 0)


def test_importing_loads_no_heavy_library():
    """All of evaluation imports without torch, tensorflow, scipy or scikit-learn."""
    program = (
        f"import importlib, sys; [importlib.import_module(name) for name in {MODULES!r}];"
        "print([name for name in ('torch', 'tensorflow', 'scipy', 'sklearn') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "[]" == done.stdout.strip()
