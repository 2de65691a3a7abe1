"""The frozen trunk's numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.errors import ExperimentError
from core.models import trunk


def test_it_ends_at_stride_16_with_232_features() -> None:
    """The strides of stem and blocks multiply to 16; three stages give 40, 80 and 112 features."""
    assert trunk.STRIDE == 2 * np.prod([block.stride for block in trunk.BLOCKS])
    assert [40, 80, 112] == [trunk.BLOCKS[tap].n_out for tap in trunk.TAPS]
    assert 232 == trunk.N_FEATURES


def test_every_layer_has_its_numbers() -> None:
    """Each block has a depthwise filter of its size and a projection to its width; wide ones expand first."""
    arrays = trunk.read_trunk()
    assert (3, 3, 1, 32) == arrays["stem/kernel"].shape
    for index, block in enumerate(trunk.BLOCKS):
        wide = block.n_in * block.expansion
        assert (block.kernel, block.kernel, wide) == arrays[f"{index}/depthwise/kernel"].shape
        assert (1, 1, wide, block.n_out) == arrays[f"{index}/project/kernel"].shape
        assert (block.expansion > 1) == (f"{index}/expand/kernel" in arrays)


def test_half_precision_holds_every_number() -> None:
    """All numbers are finite float32 that float16 holds exactly: served files keep them at half the size."""
    for values in trunk.read_trunk().values():
        assert np.float32 == values.dtype
        np.testing.assert_array_equal(values, values.astype(np.float16).astype(np.float32))
        assert np.isfinite(values).all()


def test_another_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A changed file is no trunk, for the trained networks would read its features wrongly."""
    changed = tmp_path / "efficientnet_lite0.npz"
    changed.write_bytes(trunk._PATH.read_bytes() + b" ")
    monkeypatch.setattr(trunk, "_PATH", changed)
    trunk.read_trunk.cache_clear()
    try:
        with pytest.raises(ExperimentError, match="not the trunk"):
            trunk.read_trunk()
    finally:
        trunk.read_trunk.cache_clear()
