"""Rules for the whole dashboard: colors, settings and process.

Its rooms and imports: tests/test_architecture.py.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.reading import OUTCOMES
from dashboard.shared.components import plain
from dashboard.shared.palette import DARK, LIGHT, OUTCOME_SIGNS, Palette
from tests.builders import write_tiny_experiment
from tests.source_trees import MODULES, ROOT

SETTINGS = tomllib.loads((ROOT / "dashboard" / ".streamlit" / "config.toml").read_text(encoding="utf-8"))


def _luminance(color: str) -> float:
    values = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (v / 12.92 if v <= 0.03928 else ((v + 0.055) / 1.055) ** 2.4 for v in values)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contrast(one: str, other: str) -> float:
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize(("name", "palette"), [("light", LIGHT), ("dark", DARK)])
def test_words_and_marks_stand_out(name: str, palette: Palette) -> None:
    """Words have a contrast of 4.5 on both backgrounds of their theme, marks of 3 (WCAG AA)."""
    theme = SETTINGS["theme"][name]
    for ground in (theme["backgroundColor"], theme["secondaryBackgroundColor"]):
        for key, color in theme.items():
            if key.endswith("TextColor") or key in ("textColor", "linkColor"):
                assert _contrast(color, ground) >= 4.5, (key, ground)
        for mark in ("pytorch", "keras", "positive", "negative", "review", "correct", "wrong", "chance"):
            assert _contrast(getattr(palette, mark), ground) >= 3, (mark, ground)
        for outcome, sign in OUTCOME_SIGNS.items():
            assert _contrast(getattr(palette, sign.color), ground) >= 4.5, (outcome, ground)


def test_outcomes_differ_in_their_icons() -> None:
    """The second cue of an outcome besides its color: no two share an icon."""
    assert len(OUTCOME_SIGNS) == len({sign.icon for sign in OUTCOME_SIGNS.values()})


@pytest.mark.parametrize(("name", "palette"), [("light", LIGHT), ("dark", DARK)])
def test_bars_of_outcomes_have_their_colors(name: str, palette: Palette) -> None:
    """The bar beside the outcome has the outcome's color in both themes."""
    style = (ROOT / "dashboard" / "scripts" / "style.css").read_text(encoding="utf-8")
    for outcome in OUTCOMES:
        (pair,) = re.findall(
            rf"\[class\*=\"st-key-outcome_{outcome}\"\] {{\s+--outcome: light-dark\((.+?)\);", style
        )
        colors = dict(zip(("light", "dark"), pair.split(", "), strict=True))
        assert getattr(palette, OUTCOME_SIGNS[outcome].color) == colors[name]


@pytest.mark.parametrize(("name", "palette"), [("light", LIGHT), ("dark", DARK)])
def test_theme_and_palette_are_one(name: str, palette: Palette) -> None:
    """The theme's named colors are those of the palette."""
    theme = SETTINGS["theme"][name]
    for key, meaning in (
        ("orange", "pytorch"),
        ("blue", "keras"),
        ("violet", "positive"),
        ("gray", "negative"),
    ):
        assert getattr(palette, meaning) == theme[f"{key}Color"]
    assert palette.surface == theme["backgroundColor"]
    assert palette.text == theme["textColor"]


def test_the_server_keeps_to_itself() -> None:
    """Tracebacks are hidden, other sites refused, no usage data sent, and only this machine is served."""
    assert "none" == SETTINGS["client"]["showErrorDetails"]
    assert SETTINGS["server"]["enableXsrfProtection"] is True
    assert SETTINGS["server"]["enableCORS"] is True
    assert "127.0.0.1" == SETTINGS["server"]["address"]
    assert SETTINGS["server"]["allowedHosts"]
    assert SETTINGS["browser"]["gatherUsageStats"] is False
    assert 8501 == SETTINGS["server"]["port"]


def test_no_garbage_is_collected_after_every_run() -> None:
    """A full collection after each run takes most of a busy server's time; session_end.py collects."""
    assert SETTINGS["runner"]["postScriptGC"] is False


def test_plain_escapes_every_sign_of_markup() -> None:
    """Every ASCII character with a meaning in Markdown, Streamlit or HTML is escaped by a backslash."""
    signs = "![x](y) <b> :red[z] $a$ `c` *d* _e_ # | ~ & @ \\"
    escaped = plain(signs)
    assert signs == "".join(escaped[i] for i in _kept(escaped))
    assert "a b" == plain("a\nb")


def _kept(escaped: str) -> Iterator[int]:
    """Yield the places of the characters that remain without the escaping backslashes."""
    place = 0
    while place < len(escaped):
        if not (escaped[place].isalnum() or escaped[place] == " "):
            assert "\\" == escaped[place]
            place += 1
        yield place
        place += 1


_READ_TWENTY = """
import io, pathlib, sys
import numpy as np
from PIL import Image
from streamlit.testing.v1 import AppTest
from tests.builders import render_head
app = AppTest.from_file("dashboard/app.py", default_timeout=60).run()
app.switch_page("app_pages/read_scan.py").run()
rng = np.random.default_rng(0)
for number in range(20):
    target = io.BytesIO()
    head = render_head(0.3 + 0.02 * number, 650) - 0.02 * rng.random((650, 650), dtype=np.float32)
    Image.fromarray(np.rint(255 * head.clip(0, 1)).astype(np.uint8)).save(target, "PNG")
    app.file_uploader[0].upload(f"{number}.png", target.getvalue(), "image/png").run()
assert not app.exception, app.exception
assert any("both networks" in m.value.lower() or "says" in m.value for m in app.markdown)
loaded = {name.split(".")[0] for name in sys.modules}
# Not scikit-learn: the first page, Overview, draws its curves with it.
heavy = loaded & {"torch", "tensorflow", "keras", "matplotlib"}
# Not ru_maxrss: it counts what the parent held when it forked. Other systems than Linux tell no peak: 0.
status = pathlib.Path("/proc/self/status")
lines = status.read_text().splitlines() if status.exists() else []
print(sorted(heavy), next((int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM")), 0))
"""


def test_importing_the_dashboard_loads_no_framework() -> None:
    """Every module of the dashboard can be imported without PyTorch, TensorFlow or Keras."""
    names = [name for name in MODULES if name.startswith("dashboard.") and "app" not in name]
    script = f"import importlib, sys\nfor name in {names!r}: importlib.import_module(name)\n"
    script += "print(sorted(set(sys.modules) & {'torch', 'tensorflow', 'keras', 'matplotlib'}))"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert "[]" == done.stdout.strip(), done.stderr[-2000:]


@pytest.mark.slow
def test_twenty_readings_stay_light(models: Path) -> None:
    """After 20 readings the process has loaded no framework and its peak is below 400 MB."""
    write_tiny_experiment(models)
    done = subprocess.run(
        [sys.executable, "-c", _READ_TWENTY], cwd=ROOT, env=os.environ.copy(), capture_output=True, text=True,
        timeout=300, check=False,
    )  # fmt: skip
    assert 0 == done.returncode, done.stderr[-2000:]
    heavy, peak_mb = done.stdout.strip().splitlines()[-1].rsplit(" ", 1)
    assert "[]" == heavy
    assert int(peak_mb) < 400
