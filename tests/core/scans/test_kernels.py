"""Sharp kernels are recognized by the names of each vendor."""

from __future__ import annotations

import pytest

from core.scans.kernels import is_medium_sharp, is_sharp

SHARP = (
    "BONE BONEPLUS Edge LUNG B50f B70f H60s H70h Hr68h Br64d Bl57f U90u J70h Hc60f D E EC L YC Y-Sharp UC"
    " FC30 FC35 FC51 FC81 H_VSHARP_C"
)
SMOOTH = (
    "STANDARD STD+ SOFT DETAIL B30f H31s H40s Hr40f Hr36 Br44d J30s J45s Qr40 T20s A B C UA UB FC08 FC13 FC21"
    " FC26 FC41 FC68 22 3"
)


@pytest.mark.parametrize("name", [*SHARP.split(), "HD BONE"])
def test_sharp_kernels(name: str) -> None:
    """Names of kernels for bone, inner ear and lung are sharp, in small and capital letters."""
    assert is_sharp([name])
    assert is_sharp([name.upper(), "3"])


@pytest.mark.parametrize("name", [*SMOOTH.split(), ""])
def test_smooth_and_unknown_kernels(name: str) -> None:
    """Names of kernels for brain and soft tissue, and unknown ones, are not sharp."""
    assert not is_sharp([name, "5"])


@pytest.mark.parametrize("name", ["H50s", "Hr59f", "J54s"])
def test_kernels_between(name: str) -> None:
    """Kernels for the head that are a step above the standard are neither smooth nor sharp."""
    assert (True, False) == (is_medium_sharp([name.lower(), "3"]), is_sharp([name]))


@pytest.mark.parametrize("name", [*SMOOTH.split(), *SHARP.split()])
def test_no_other_kernel_is_between(name: str) -> None:
    """A kernel has one of three grades."""
    assert not is_medium_sharp([name])


def test_any_value_counts() -> None:
    """The kernel's name may stand anywhere among the values."""
    assert is_sharp(["", "Hr68h", "3"])
    assert not is_sharp([])
