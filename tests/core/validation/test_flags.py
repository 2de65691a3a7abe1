"""Flags: what the outcomes of slices were worth elsewhere."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

import pandas as pd

from core.experiments import Experiment, update_card
from core.reading import decide
from core.validation import count_flags
from core.validation.flags import Tally
from tests.builders import write_tiny_validation


def test_what_a_reader_sees_is_counted_over_all_validations(tiny: Experiment) -> None:
    """Outcomes are of both networks together; what is not judged does not count, a warning is uncertain."""
    assert count_flags(tiny) is None
    tables = [write_tiny_validation(tiny, name, seed=seed).predictions() for seed, name in enumerate("ab")]
    counts: Counter[str] = Counter()
    for row in pd.concat(tables).query("gate != 'refuse'").itertuples():
        answers = {
            decide(
                float(tiny.recalibration(name).apply(getattr(row, name))),
                tiny.threshold(name),
                tiny.review_band(name),
            )
            for name in tiny.frameworks
        }
        (outcome,) = answers if len(answers) == 1 and row.gate == "read" else ("uncertain",)
        counts[outcome] += 1
        counts[f"{outcome}, positive"] += row.label
    flags = count_flags(tiny)
    assert flags
    assert flags.outcomes == {
        one: Tally(counts[one], counts[f"{one}, positive"]) for one in ("flagged", "not_flagged", "uncertain")
    }
    assert (2 * 95, False) == (flags.n_slices, flags.is_apart)


def test_only_the_part_kept_aside_counts_where_there_is_one(tiny: Experiment) -> None:
    """Slices that helped to choose thresholds would flatter; a validation without the part counts whole."""
    write_tiny_validation(tiny, "a", parts=("", "", "", "kept"))
    flags = count_flags(tiny)
    assert flags
    assert (4 * 6, True) == (flags.n_slices, flags.is_apart)
    write_tiny_validation(tiny, "b")
    both = count_flags(tiny)
    assert both
    assert (4 * 6 + 95, False) == (both.n_slices, both.is_apart)


def test_an_earlier_version_counts_nothing(tiny: Experiment) -> None:
    """Validations of other networks are not counted."""
    write_tiny_validation(tiny)
    recipe = {**tiny.card["recipe"], "level_hu": 41.0}
    assert count_flags(update_card(tiny, {"recipe": recipe})) is None


def test_counting_loads_no_pandas(tiny: Experiment) -> None:
    """Flags stand beside every verdict, so counting them does not load pandas."""
    write_tiny_validation(tiny)
    code = (
        "import sys; from core.experiments import find_experiment; from core.validation import count_flags; "
    )
    code += "assert count_flags(find_experiment('tiny')); print('pandas' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "False\n" == done.stdout, done.stderr
