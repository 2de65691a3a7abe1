"""What holds for the whole dashboard: its looks, its layers, its settings, its process."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from dashboard.shared.components import plain
from dashboard.shared.palette import DARK, LIGHT, Palette
from tests.builders import write_tiny_experiment

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "dashboard").rglob("*.py"))
SETTINGS = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))


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


@pytest.mark.parametrize(("name", "palette"), [("light", LIGHT), ("dark", DARK)])
def test_theme_and_palette_are_one(name: str, palette: Palette) -> None:
    """The theme's named colours are those of the palette, so that words and plots look alike."""
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
    """Tracebacks are hidden, other sites refused, nothing is sent home, only this machine is served."""
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


def _calls(tree: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_each_file_keeps_to_its_room(path: Path) -> None:
    """Only state.py touches the session, only two modules cache, no page is long, no HTML is let through."""
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) < 300
    assert path.name == "state.py" or "session_state" not in text
    caches = "cache_data" in text or "cache_resource" in text
    assert path.name in ("loaders.py", "records.py") or not caches
    assert "unsafe_allow" not in text
    for call in _calls(ast.parse(text)):
        if isinstance(call.func, ast.Attribute) and call.func.attr == "html":
            assert "_STYLE" == ast.unparse(call.args[0])


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_imports_run_one_way(path: Path) -> None:
    """palette <- charts, state <- loaders, records <- laboratory <- components <- app_pages <- app."""
    ranks = {"palette": 0, "overlays": 1, "charts": 1, "state": 1, "loaders": 2, "records": 2}
    ranks |= {"data_charts": 1.5, "laboratory": 2.5, "components": 3, "app": 5}
    ranks |= {"data_source": 3.5, "data_leaks": 3.5, "data_numbers": 3.5}
    ranks |= {"point_charts": 1.5, "compare_charts": 1.5, "figures": 3.2}
    ranks |= {"compare_point": 3.5, "compare_tabs": 3.5, "compare_slices": 3.5, "compare_tests": 3.6}
    ranks |= {"explore_tags": 3.5, "explore_map": 3.5}
    ranks |= {"train_charts": 1.5, "train_files": 2.5}
    ranks |= {"train_plan": 3.5, "train_runs": 3.5, "train_finished": 3.5}
    ranks |= {"story_chart": 1.5, "story": 2.5, "held_out": 3.3, "story_parts": 3.5, "live_reading": 3.5}
    ranks |= {"tour_steps": 3.7, "quiz_parts": 3.7}
    ranks |= {"explore_charts": 1.5, "explore_pictures": 2.5, "explore_widgets": 2.6, "explore_filters": 3.4}
    ranks |= {"explore_source": 3.6, "explore_gallery": 3.6, "explore_plots": 3.7, "explore_case": 3.8}
    ranks |= {"references": 1, "uploads": 1, "session_end": 1.5, "readings": 1.5, "page_scripts": 1}
    ranks |= {"stack_pictures": 1.5, "stack_viewer": 3.3}
    ranks |= {"reading_threads": 1.6, "reading_store": 1.7, "reading_progress": 3.6, "read_worklist": 3.7}
    ranks |= {"study_view": 3.4, "read_viewer": 3.5, "read_downloads": 3.5}
    own = 4 if path.parent.name == "app_pages" else ranks.get(path.stem, 0)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "dashboard":
            parts = (node.module or "").split(".")
            used = [parts[1]] if len(parts) > 1 else [alias.name for alias in node.names]
            for name in used:
                assert ranks[name] < own, f"{path.name} imports {name}"
        if isinstance(node, ast.ImportFrom | ast.Import):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names]
            assert not {name.split(".")[0] for name in names} & {"torch", "tensorflow", "keras", "matplotlib"}


def test_plain_escapes_every_sign_of_markup() -> None:
    """Every ASCII sign that Markdown, Streamlit or HTML could act upon stands behind a backslash."""
    signs = "![x](y) <b> :red[z] $a$ `c` *d* _e_ # | ~ & @ \\"
    escaped = plain(signs)
    assert signs == "".join(escaped[i] for i in _kept(escaped))
    assert "a b" == plain("a\nb")


def _kept(escaped: str) -> Iterator[int]:
    """Places of the characters that remain when the escaping backslashes are taken out."""
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
from tests.builders import draw_head
app = AppTest.from_file("dashboard/app.py", default_timeout=60).run()
app.switch_page("app_pages/read_scan.py").run()
rng = np.random.default_rng(0)
for number in range(20):
    target = io.BytesIO()
    head = draw_head(0.3 + 0.02 * number, 650) - 0.02 * rng.random((650, 650), dtype=np.float32)
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


@pytest.mark.slow
def test_twenty_readings_stay_light(models: Path) -> None:
    """After 20 readings the process has loaded no framework, and has never held 400 MB."""
    write_tiny_experiment(models)
    done = subprocess.run(
        [sys.executable, "-c", _READ_TWENTY], cwd=ROOT, env=os.environ.copy(), capture_output=True, text=True,
        timeout=300, check=False,
    )  # fmt: skip
    assert 0 == done.returncode, done.stderr[-2000:]
    heavy, peak_mb = done.stdout.strip().splitlines()[-1].rsplit(" ", 1)
    assert "[]" == heavy
    assert int(peak_mb) < 400
