"""The kept quarters: slices of public sets that no network is trained on, chosen by, or fitted to."""

from __future__ import annotations

import hashlib

_ONE_IN = 4


def is_kept_aside(source: str, unit: str) -> bool:
    """Return whether a unit of a source is in its kept quarter.

    Args:
        source: "phe-sich", "teknofest-ischemia", "rsna-2019" or "not_ct".
        unit: the patient ("phe-sich"), the group ("teknofest-ischemia"), the slice's id, which is the file's
            name without its ending ("rsna-2019"), or the file's name ("not_ct").
    """
    return int(hashlib.sha256(f"{source}/{unit}".encode()).hexdigest(), 16) % _ONE_IN == 0
