"""The wheel: built from the tracked files, installed in a new environment, and used there.

What this shows: the wheel holds every file that the program needs, and its commands, child processes and
dashboard work where there is no checkout on the path and the user stands elsewhere.

What it does not show: that pip finds and installs the dependencies. To save gigabytes, the new environment
uses those of the environment that runs the tests, through a .pth file. A .pth file adds a folder to the path
but does not run the .pth files in it. So the checkout, which is installed there as editable, stays out; the
first test checks that.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import sysconfig
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from core.experiments import SHIPPED
from core.service import DEFAULT_NAME
from core.synthetic.phantoms import render_phantom, save_phantom, write_phantom_dataset
from tests.builders import write_tiny_experiment
from tests.source_trees import ROOT

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name != "posix", reason="the paths of an environment differ elsewhere"),
    pytest.mark.skipif(
        not (ROOT / ".git").exists() or not shutil.which("git"), reason="only git knows what is tracked"
    ),
]
PATIENCE_S = 120


@dataclass(frozen=True)
class Installed:
    """A new environment with the wheel in it.

    Attributes:
        wheel: the wheel's file.
        folder: the environment.
        data: where the operating system keeps this user's data.
        cwd: where the user stands; a file there is named like a library, and ends whoever runs it.
    """

    wheel: Path
    folder: Path
    data: Path
    cwd: Path

    @property
    def packages(self) -> Path:
        """Its site-packages."""
        (found,) = self.folder.glob("lib/python*/site-packages")
        return found

    def make_environment(self, **more: str) -> dict[str, str]:
        """Return the environment variables of a user who knows nothing of the checkout."""
        ours = ("PYTHON", "STROKE_CT_", "STREAMLIT_", "VIRTUAL_ENV", "XDG_")
        clean = {key: value for key, value in os.environ.items() if not key.startswith(ours)}
        return {**clean, "HOME": str(self.data), "XDG_DATA_HOME": str(self.data), **more}

    def run(self, *command: str, code: int = 0, **more: str) -> str:
        """Run a program of the environment, expect its exit code, and return what it printed."""
        done = subprocess.run(
            [str(self.folder / "bin" / command[0]), *command[1:]],
            cwd=self.cwd, env=self.make_environment(**more), capture_output=True, text=True,
            timeout=PATIENCE_S, check=False,
        )  # fmt: skip
        assert code == done.returncode, done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout + done.stderr


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The wheel of the tracked files, installed."""
    root = tmp_path_factory.mktemp("wheel")
    source = root / "source"
    for name in _list_tracked():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, source / name)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    _run([*pip, "wheel", str(source), "--no-deps", *_skip_isolation(), "--wheel-dir", str(root)])
    shutil.rmtree(source)
    (wheel,) = root.glob("*.whl")
    folder = root / "env"
    _run([sys.executable, "-m", "venv", "--without-pip", str(folder)])
    _run([*pip, "--python", str(folder / "bin" / "python"), "install", "--no-deps", str(wheel)])
    made = Installed(wheel, folder, root / "data", root / "elsewhere")
    (made.packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    made.cwd.mkdir()
    for library in ("numpy.py", "core.py"):
        (made.cwd / library).write_text("raise SystemExit('a file of the user was run')")
    save_phantom(render_phantom(np.random.default_rng(1), lesion=True), made.cwd / "phantom.png")
    return made


def _list_tracked() -> list[str]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def _skip_isolation() -> list[str]:
    """Build with the setuptools that is here, if it is new enough; otherwise pip fetches one."""
    from importlib import metadata

    try:
        version = int(metadata.version("setuptools").split(".")[0])
    except metadata.PackageNotFoundError:
        version = 0
    return ["--no-build-isolation"] if version >= 77 else []


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert 0 == done.returncode, done.stderr


def _hash_files(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_the_checkout_is_not_on_the_path(installed: Installed) -> None:
    """Both packages come from the new environment, and nothing on its path leads into the checkout."""
    code = "import sys, core, dashboard; print(core.__file__, dashboard.__file__, *sys.path, sep='\\n')"
    core, dashboard, *path = installed.run("python", "-P", "-c", code).splitlines()
    assert installed.packages / "core" / "__init__.py" == Path(core)
    assert installed.packages / "dashboard" / "__init__.py" == Path(dashboard)
    dependencies = Path(sysconfig.get_path("purelib"))
    assert [] == [one for one in path if one and ROOT in (Path(one), *Path(one).parents)
                  if Path(one) != dependencies]  # fmt: skip


def test_the_wheel_holds_every_file(installed: Installed) -> None:
    """Scripts, pictures, stubs, templates, weights, settings, experiments: all tracked files, no others."""
    with zipfile.ZipFile(installed.wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    houses = ("core/", "dashboard/", "trained_models/")
    assert {name for name in _list_tracked() if name.startswith(houses)} == held
    suffixes = {Path(name).suffix for name in held}
    assert {".js", ".css", ".html", ".svg", ".png", ".pyi", ".j2", ".npz", ".toml", ".onnx"} <= suffixes


def test_predict_reads_a_scan(installed: Installed) -> None:
    """A picture is read with the shipped default experiment; no file that lies beside it is run."""
    record = json.loads(installed.run("stroke-ct", "predict", "phantom.png", "--json"))
    assert DEFAULT_NAME == record["experiment"]
    assert [] == record["refused"]
    ((reading,),) = [scan["slices"] for scan in record["scans"]]
    answers = reading["findings"]["hemorrhage"]
    assert ["pytorch", "keras"] == list(answers)
    assert all(0 <= answer["probability"] <= 1 for answer in answers.values())


def test_the_library_reads_too(installed: Installed) -> None:
    """The names that README shows can be imported, and the default experiment is opened."""
    code = "from core import evaluate_experiment, open_experiment; e = open_experiment(); "
    code += "print(e.folder, *evaluate_experiment(e, n_resamples=20)['models'])"
    folder, *models = installed.run("python", "-P", "-c", code).split()
    assert installed.packages / "trained_models" / DEFAULT_NAME == Path(folder)
    assert ["pytorch", "keras"] == models


def test_own_experiments_go_to_the_users_folder(installed: Installed, tmp_path: Path) -> None:
    """Shipped ones are listed and stay as they are; an import and tags land in the user's data folder."""
    shipped = installed.packages / "trained_models"
    before = _hash_files(shipped)
    listed = installed.run("stroke-ct", "experiments")
    assert set(SHIPPED) <= {line.split()[0] for line in listed.splitlines()}
    for arguments, words in (
        (["recompute", DEFAULT_NAME], "came with the program and is read-only"),
        (["train", "--dataset", str(tmp_path), "--name", SHIPPED[0]], "already exists"),
    ):
        assert words in installed.run("stroke-ct", *arguments, code=1)
    write_tiny_experiment(tmp_path / "models", "mine")
    archive = str(tmp_path / "mine.zip")
    installed.run("stroke-ct", "export", "mine", "--out", archive, STROKE_CT_MODELS=str(tmp_path / "models"))
    installed.run("stroke-ct", "import", archive)
    own = installed.data / "stroke-ct" / "trained_models"
    assert (own / "mine" / "experiment.json").is_file()
    names = {line.split()[0] for line in installed.run("stroke-ct", "experiments").splitlines()}
    assert {"mine", *SHIPPED} <= names
    code = "from core.cases.annotations.database import annotations_path; print(annotations_path())"
    assert str(own / "annotations.sqlite") == installed.run("python", "-P", "-c", code).strip()
    assert before == _hash_files(shipped)


def test_validations_come_along_and_new_ones_go_to_the_users_folder(
    installed: Installed, tmp_path: Path
) -> None:
    """Those of the default experiment are read from the wheel; a new one leaves the wheel as it is."""
    code = "from core.experiments import open_experiment; from core.validation import list_validations; "
    code += "print(*(one.name for one in list_validations(open_experiment()) if one.is_current))"
    folder = ROOT / "trained_models" / DEFAULT_NAME / "validations"
    names = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    assert names == installed.run("python", "-P", "-c", code).split()
    shipped = installed.packages / "trained_models"
    before = _hash_files(shipped)
    write_phantom_dataset(tmp_path / "set", n_patients=4, slices_per_patient=6, size=128)
    words = ["validate", DEFAULT_NAME, str(tmp_path / "set"), "--name", "mine", "--resamples", "20"]
    own = installed.data / "stroke-ct" / "validations" / DEFAULT_NAME / "mine"
    assert f"Stored with the experiment: {own}" in installed.run("stroke-ct", *words)
    assert sorted([*names, "mine"]) == installed.run("python", "-P", "-c", code).split()
    assert before == _hash_files(shipped)


def test_the_dashboard_is_served(installed: Installed) -> None:
    """The command serves the page and its script, by the settings in the wheel: other hosts are refused."""
    with _serve(installed) as port:
        address = f"http://127.0.0.1:{port}"
        assert b"ok" == _fetch(f"{address}/_stcore/health")
        page = _fetch(f"{address}/").decode()
        script = page.split('<script type="module"')[1].split('src="')[1].split('"')[0]
        assert len(_fetch(f"{address}/{script.removeprefix('./')}")) > 10_000
        assert 101 == _open_socket(port, f"127.0.0.1:{port}")
        assert 403 == _open_socket(port, f"elsewhere.example:{port}")


def test_the_pages_run(installed: Installed) -> None:
    """Overview, with its story of three experiments, Read a scan and Train are drawn without an error."""
    code = """
import importlib.util
from pathlib import Path
from streamlit.testing.v1 import AppTest
script = Path(importlib.util.find_spec("dashboard").origin).with_name("app.py")
app = AppTest.from_file(str(script), default_timeout=100).run()
for page in ("overview", "read_scan", "train"):
    app.switch_page(f"app_pages/{page}.py").run()
    assert not app.exception, app.exception
    assert not app.error, [error.value for error in app.error]
"""
    installed.run("python", "-P", "-c", code)


@contextmanager
def _serve(installed: Installed) -> Iterator[int]:
    """Run `stroke-ct dashboard` on a free port; yield the port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [str(installed.folder / "bin" / "stroke-ct"), "dashboard", "--port", str(port)]
    server = subprocess.Popen(
        command, cwd=installed.cwd, env=installed.make_environment(), stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                _fetch(f"http://127.0.0.1:{port}/_stcore/health")
                break
            except (urllib.error.URLError, OSError):
                assert server.poll() is None, f"it ended with {server.returncode}"
                assert time.monotonic() < deadline
                time.sleep(0.2)
        yield port
    finally:
        server.terminate()
        server.wait(timeout=20)


def _open_socket(port: int, host: str) -> int:
    """Return the status with which the server answers a browser that asks for the page's web socket."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    key = base64.b64encode(bytes(16)).decode()
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    connection.request("GET", "/_stcore/stream", headers={"Host": host, "Sec-WebSocket-Key": key, **upgrade})
    status = connection.getresponse().status
    connection.close()
    return status


def _fetch(address: str) -> bytes:
    with urllib.request.urlopen(address, timeout=10) as answer:
        found: bytes = answer.read()
    return found
