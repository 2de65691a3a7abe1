"""The laws of the house, read off the syntax trees: who may import whom, and what nobody may do."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CORE = sorted((ROOT / "core").rglob("*.py"))
SOURCES = CORE + sorted((ROOT / "dashboard").rglob("*.py"))

# A module imports from its own layer or those above it, never from one below, and never in a circle.
# A package stands for all its modules. A new module needs a place here.
LAYERS = (
    ("errors",),
    (
        "files",
        "heat_drawing",
        "pdf_drawings",
        "pdf_parts",
        "processes",
        "zip_files",
        "terminal",
        "scans",
        "preprocessing",
        "burnt_in_text",
        "gate",
        "familiarity",
        "augmentation",
        "planting",
        "perturbations",
        "evaluation",
        "phantom_anatomy",
        "phantoms",
    ),
    (
        "class_folders",
        "file_numbers",
        "kaggle",
        "dataset",
        "dataset_zip",
        "splits",
        "audit",
        "audit_text",
        "leakage",
        "leakage_examples",
        "cases",
        "quiz",
    ),
    ("experiments", "models"),
    (
        "decision",
        "findings",
        "prediction",
        "side_by_side",
        "verdict",
        "scan_paths",
        "protocol",
        "training",
        "training_card",
        "training_duration",
        "training_images",
        "training_state",
        "verification",
        "experiment_zip",
        "smoke",
        "robustness",
        "slice_properties",
        "feature_space",
        "gate_figures",
        "serving_window",
        "suspects",
        "annotations",
        "reports",
        "scan_reports",
        "scan_exports",
        "scan_pdf",
        "scan_pdf_study",
        "scan_pictures",
        "scan_dicom",
        "scan_words",
        "model_card",
    ),
    (
        "jobs",
        "job_queue",
        "queue_runner",
        "cli",
        "cli_arguments",
        "cli_data",
        "cli_features",
        "cli_gate",
        "cli_predict",
        "cli_experiment_zip",
        "cli_reports",
        "cli_robustness",
        "cli_train",
        "cli_window",
        "__main__",
    ),
)
FRAMEWORK_OWNERS = {
    "torch": "core/models/pytorch_cnn.py",
    "torchvision": "core/models/pytorch_cnn.py",
    "tensorflow": "core/models/keras_cnn.py",
    "keras": "core/models/keras_cnn.py",
    "tf2onnx": "core/models/keras_cnn.py",
}
SCREEN_LIBRARIES = {"streamlit", "plotly", "dashboard"}
PICKLERS = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
# Where anything at all may be caught and not raised again, and why. Nowhere.
CATCHING_ALL: dict[str, str] = {}


def _id(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _walk_at_run_time(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those under `if TYPE_CHECKING`, which never run."""
    yield node
    for child in ast.iter_child_nodes(node):
        if (
            isinstance(child, ast.If)
            and isinstance(child.test, ast.Name)
            and child.test.id == "TYPE_CHECKING"
        ):
            for other in child.orelse:
                yield from _walk_at_run_time(other)
            continue
        yield from _walk_at_run_time(child)


def _module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {_module_name(path) for path in SOURCES}


def _imports(path: Path) -> set[str]:
    """Names of everything a file imports, wherever in it; a module of ours by its full name."""
    names: set[str] = set()
    for node in _walk_at_run_time(_tree(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{_id(path)} has a relative import: write the full name"
            module = node.module or ""
            for alias in node.names:
                full = f"{module}.{alias.name}"
                names.add(full if full in MODULES else module)
    return names


def _layer(module: str) -> int:
    part = module.split(".")[1]
    for rank, names in enumerate(LAYERS):
        if part in names:
            return rank
    pytest.fail(f"{module} has no place in LAYERS of {_id(Path(__file__))}: give it one")


@pytest.mark.parametrize("path", [path for path in CORE if path != ROOT / "core/__init__.py"], ids=_id)
def test_imports_run_one_way(path: Path) -> None:
    """A module of core imports from its own layer or the layers before it."""
    own = _layer(_module_name(path))
    for name in _imports(path):
        if name.startswith("core."):
            assert _layer(name) <= own, f"{_id(path)} imports {name}"


def test_imports_never_go_in_a_circle() -> None:
    """There is an order in which all modules can be read, each after those it imports."""
    graph = {}
    for path in SOURCES:
        name = _module_name(path)
        graph[name] = {
            other
            for other in _imports(path)
            # A package's front imports its modules: importing from the front is no circle for them.
            if other in MODULES and other != name and not name.startswith(f"{other}.")
        }
    TopologicalSorter(graph).prepare()


@pytest.mark.parametrize("path", SOURCES, ids=_id)
def test_each_framework_has_one_importer(path: Path) -> None:
    """torch is imported by pytorch_cnn alone, tensorflow and keras by keras_cnn alone."""
    for name in _imports(path):
        library = name.split(".")[0]
        if library in FRAMEWORK_OWNERS:
            assert FRAMEWORK_OWNERS[library] == _id(path), f"{_id(path)} imports {name}"


@pytest.mark.parametrize("path", CORE, ids=_id)
def test_core_knows_no_screen(path: Path) -> None:
    """core imports neither streamlit nor plotly nor the dashboard."""
    assert set() == {name.split(".")[0] for name in _imports(path)} & SCREEN_LIBRARIES


@pytest.mark.parametrize("path", SOURCES, ids=_id)
def test_nothing_is_pickled(path: Path) -> None:
    """No pickle, under any name: not imported, not allowed to NumPy, not left to torch."""
    assert set() == {name.split(".")[0] for name in _imports(path)} & PICKLERS
    for call in _calls(path):
        options = {option.arg: option.value for option in call.keywords}
        if "allow_pickle" in options:
            assert "False" == ast.unparse(options["allow_pickle"]), f"{_id(path)}:{call.lineno}"
        if ast.unparse(call.func) == "torch.load":
            assert "weights_only" in options, f"{_id(path)}:{call.lineno}"
            assert "True" == ast.unparse(options["weights_only"]), f"{_id(path)}:{call.lineno}"
        # NumPy and pandas read pickles under other names too.
        assert getattr(call.func, "attr", "") not in {"read_pickle", "to_pickle"}, (
            f"{_id(path)}:{call.lineno}"
        )


@pytest.mark.parametrize("path", SOURCES, ids=_id)
def test_session_and_caches_have_few_users(path: Path) -> None:
    """st.session_state is touched in state.py alone, st.cache_* where CACHES says."""
    for node in ast.walk(_tree(path)):
        name = getattr(node, "attr", "") if isinstance(node, ast.Attribute) else ""
        name = name or (node.id if isinstance(node, ast.Name) else "")
        if name == "session_state":
            assert "dashboard/shared/state.py" == _id(path)
        if name in {"cache_data", "cache_resource"}:
            assert _id(path) in ("dashboard/shared/loaders.py", "dashboard/shared/records.py")


@pytest.mark.parametrize("path", SOURCES, ids=_id)
def test_no_unsafe_html(path: Path) -> None:
    """HTML reaches a page only as a text that stands in the program, never one that came from outside."""
    constants = {
        target.id
        for node in _tree(path).body
        if isinstance(node, ast.Assign) and _stands_in_the_program(node.value)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for call in _calls(path):
        unsafe = any(option.arg == "unsafe_allow_html" for option in call.keywords)
        if unsafe or getattr(call.func, "attr", "") == "html":
            text = call.args[0]
            fixed = _stands_in_the_program(text) or (isinstance(text, ast.Name) and text.id in constants)
            assert fixed, f"{_id(path)}:{call.lineno}"


@pytest.mark.parametrize("path", SOURCES, ids=_id)
def test_nothing_is_swallowed(path: Path) -> None:
    """Whoever catches any error at all raises it again."""
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.ExceptHandler):
            caught = "BaseException" if node.type is None else ast.unparse(node.type)
            if {"Exception", "BaseException"} & set(caught.strip("()").split(", ")):
                raised = isinstance(node.body[-1], ast.Raise)
                assert raised or _id(path) in CATCHING_ALL, f"{_id(path)}:{node.lineno}"


@pytest.mark.parametrize("path", SOURCES, ids=_id)
def test_names_say_what_is_inside(path: Path) -> None:
    """No module is called utils, helpers, manager or common."""
    assert set() == set(path.stem.split("_")) & {"util", "utils", "helper", "helpers", "manager", "common"}


def _stands_in_the_program(value: ast.expr) -> bool:
    """A literal, or the path of a file of ours: nothing but constants and the module's own place."""
    names = {node.id for node in ast.walk(value) if isinstance(node, ast.Name)}
    return names <= {"Path", "__file__"}


def _calls(path: Path) -> Iterator[ast.Call]:
    return (node for node in ast.walk(_tree(path)) if isinstance(node, ast.Call))
