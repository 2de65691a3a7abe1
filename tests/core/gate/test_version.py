"""The digest of the gate, to which stored validations are bound."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.gate import version


@pytest.fixture(autouse=True)
def _compute_again() -> Iterator[None]:
    version.digest_gate.cache_clear()
    yield
    version.digest_gate.cache_clear()


def test_the_digest_changes_with_rules_and_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new version number, and other weights that turn heads, give another digest."""
    digests = {version.digest_gate()}
    monkeypatch.setattr(version, "VERSION", version.VERSION + 1)
    version.digest_gate.cache_clear()
    digests.add(version.digest_gate())
    (tmp_path / "weights").write_bytes(b"other")
    monkeypatch.setattr(version, "WEIGHTS_FILE", tmp_path / "weights")
    version.digest_gate.cache_clear()
    digests.add(version.digest_gate())
    assert 3 == len(digests)
