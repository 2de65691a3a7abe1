"""The rules of the architecture, checked on the source files: order and size of packages, what is forbidden.

A "room" is a package one level below core or dashboard; its "front" is its stub, `__init__.pyi`. Tests in
tests/core/reading hold rule 6 (reading decides as the evaluation does), tests/test_documents.py holds rule 10
(the files that documents mention exist).
"""

from __future__ import annotations

import ast
import importlib
import re
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from core.evaluation import RULES
from core.evaluation.measures import MEASURES
from core.frameworks import BY_NAME, FRAMEWORKS
from core.models import ARCHITECTURES
from tests.core.models import test_cnn_contract
from tests.source_trees import (
    MODULES,
    PACKAGES,
    ROOT,
    SOURCES,
    list_imports,
    list_public_names,
    list_strings,
    list_writes,
    name_file,
    name_module,
    name_package,
    parse,
    walk,
    walk_calls,
)

CORE = [path for path in SOURCES if name_file(path).startswith("core/")]
DASHBOARD = [path for path in SOURCES if name_file(path).startswith("dashboard/")]

# A room imports only from rooms before it, even for types. Add a new room here.
ROOMS = (
    "core",
    "core.errors",
    "core.frameworks",
    "core.service",
    "core.system",
    "core.evaluation",
    "core.scans",
    "core.imaging",
    "core.manifests",
    "core.synthetic",
    "core.datasets",
    "core.audit",
    "core.gate",
    "core.serving",
    "core.models",
    "core.experiments",
    "core.cases",
    "core.reading",
    "core.validation",
    "core.training",
    "core.reports",
    "core.sources",
    "core.measurements",
    "core.model_card",
    "core.exchange",
    "core.cli",
    "core.__main__",
    "dashboard",
    "dashboard.shared",
    "dashboard.curves",
    "dashboard.readings",
    "dashboard.read",
    "dashboard.explore",
    "dashboard.compare",
    "dashboard.data",
    "dashboard.train",
    "dashboard.validate",
    "dashboard.overview",
    "dashboard.app_pages",
    "dashboard.app",
)
# Rooms of the dashboard that every page may use, in addition to its own room.
FOR_ALL_PAGES = {"dashboard.shared", "dashboard.curves", "dashboard.readings"}
ROOM_OF_PAGE = {
    "read_scan": "dashboard.read",
    "compare": "dashboard.compare",
    "explore": "dashboard.explore",
    "data": "dashboard.data",
    "train": "dashboard.train",
    "validate": "dashboard.validate",
    "overview": "dashboard.overview",
    "tour": "dashboard.overview",
    "quiz": "dashboard.overview",
    "model_card": "",
    "about": "",
}
AT_THE_ROOT = {
    "core": {"__init__.py", "__init__.pyi", "__main__.py", "errors.py", "frameworks.py"},
    "dashboard": {"__init__.py", "app.py"},
}
MAX_MODULES = 12
LARGE_ROOMS = {"core.scans", "core.evaluation", "core.cli"}
MAX_LINES = 300
# Public names that only users of core as a library need.
FOR_LIBRARY_USERS = {
    "core.model_card.Section": "a section of a ModelCard",
    "core.synthetic.save_phantom": "a picture to try the library with",
}
SCREEN_LIBRARIES = {"streamlit", "plotly", "dashboard"}
OWNED_LIBRARIES = {
    "torch": "core/models/pytorch_",
    "torchvision": "core/models/pytorch_",
    "tensorflow": "core/models/keras_",
    "keras": "core/models/keras_",
    "tf2onnx": "core/models/keras_",
}
PICKLERS = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
# Modules that may catch every exception without raising it again: none.
CATCHING_ALL: dict[str, str] = {}
# Modules that use random numbers, and what for. None of them replaces a network's output.
USING_RANDOM_NUMBERS = {
    "core/cases/quiz.py": "cases of the quiz",
    "core/audit/examples.py": "which slices are shown",
    "core/audit/leakage.py": "meaningless labels of the control",
    "core/audit/nearest_neighbour.py": "splits of the control",
    "core/datasets/splits.py": "the parts of the data set",
    "core/evaluation/intervals.py": "resamples of the bootstrap",
    "core/imaging/augmentation.py": "augmentation of training slices",
    "core/measurements/feature_space.py": "the solver of the map",
    "core/measurements/robustness.py": "noise on measured slices",
    "core/measurements/verification.py": "which slices are verified",
    "core/models/keras_": "weights before training",
    "core/models/pytorch_": "weights before training",
    "core/synthetic/phantom_anatomy.py": "phantoms",
    "core/synthetic/phantom_manifest.py": "phantoms",
    "core/synthetic/phantoms.py": "phantoms",
    "core/training/child.py": "seeds of the folds",
    "core/training/fitting.py": "the order of training slices",
    "core/training/images.py": "augmentation of training slices",
    "core/training/training_data.py": "which view of a slice is used for training",
    "core/validation/trial.py": "which patients a trial fits to",
    "dashboard/overview/held_out.py": "which cases are shown",
    "dashboard/readings/references.py": "phantoms that a slice is compared with",
    "dashboard/readings/samples.py": "phantoms, and which slices are shown",
}
# Modules that write to disk without write_whole or write_aside of core.system, and why.
WRITERS = {
    "core/cases/annotations/database.py": "SQLite's transactions keep its file valid",
    "core/datasets/uploads.py": "fills a hidden folder, renamed when complete",
    "core/exchange/experiment_zip.py": "fills a hidden file or folder, renamed when complete",
    "core/experiments/publishing.py": "renames whole folders",
    "core/experiments/versions.py": "fills a hidden folder, renamed when complete",
    "core/measurements/verification.py": "passes slices to a child process in a temporary folder",
    "core/serving/file.py": "ONNX's writer; the caller gives a path of write_aside",
    "core/models/pytorch_": "ONNX's writer; the caller gives a path of write_aside",
    "core/models/keras_": "repacks the file of write_aside",
    "core/synthetic/phantom_manifest.py": "a manifest of phantoms for tests and trial runs",
    "core/synthetic/phantoms.py": "a data set of phantoms for tests and tours",
    "core/system/keyed_rows.py": "arrays larger than memory, which grow by whole rows",
    "core/training/child.py": "files of an unfinished training, written again if damaged",
    "core/training/queue.py": "a log, which grows",
    "core/training/run.py": "files of an unfinished training, and its log, which grows",
    "core/training/runner.py": "a log, which grows",
    "core/validation/store.py": "renames whole folders",
}
# Modules that use Streamlit's caches, and for what.
CACHING = {
    "dashboard/shared/loaders.py": "experiments and data sets",
    "dashboard/shared/records.py": "records computed from them",
    "dashboard/readings/samples.py": "slices to show",
    "dashboard/readings/session.py": "what a session reads, and the networks",
}
# Modules with a framework's name as a literal, and why.
NAMING_FRAMEWORKS = {
    "core/frameworks.py": "their home",
    "core/models/": "the networks themselves",
    "dashboard/shared/palette.py": "their colors",
}
# Modules with a metric's name, other than the table of metrics, and why.
NAMING_METRICS = {
    (
        "core/evaluation/curves.py",
        "average precision",
    ): "an error; measures.py imports this module",
    ("core/model_card/origin.py", "average precision"): "a row of four, typed; not yet taken from MEASURES",
}
# Words of the dashboard that are also names of classes, and why they are harmless.
NAMING_CLASSES = {
    ("dashboard/data/source.py", "Normal"): "a folder's name, if no experiment recorded its classes",
    ("dashboard/data/source.py", "Stroke"): "a folder's name, if no experiment recorded its classes",
    ("dashboard/shared/mark_charts.py", "normal"): "Plotly's word for an order",
    ("dashboard/validate/gate.py", "normal"): "Plotly's word for an order",
}
CLASS_NAMES = {"normal", "stroke", "hemorrhage", "no hemorrhage", "bleeding", "positive finding"}


def _rank(module: str) -> int:
    room = name_package(module)
    assert room in ROOMS, f"{room} is missing in ROOMS of {name_file(Path(__file__))}: add it"
    return ROOMS.index(room)


def _expect_listed(listed: dict[str, str], found: set[str]) -> None:
    """Assert that each file found is listed, by name or prefix, and that no entry is out of date."""
    assert set() == {file for file in found if not file.startswith(tuple(listed))}
    assert set() == {start for start in listed if not any(file.startswith(start) for file in found)}


# Rule 1: imports run one way.


def test_imports_run_one_way() -> None:
    """A module imports only from its own room or earlier rooms, even for types; core not from dashboard."""
    against = [
        f"{name_file(path)}:{found.line} imports {found.module}"
        for path in SOURCES
        for found in list_imports(path)
        if found.module.split(".")[0] in AT_THE_ROOT
        if name_package(found.module) != name_package(name_module(path))
        if _rank(found.module) >= _rank(name_module(path))
    ]
    assert [] == against


def test_all_rooms_are_listed() -> None:
    """ROOMS lists exactly the existing rooms."""
    assert set(ROOMS) == {name_package(module) for module in MODULES}


def test_there_are_no_circular_imports() -> None:
    """No imports are circular, even those for types."""
    graph = {
        module: {found.module for found in list_imports(path)} & set(MODULES) - {module}
        for module, path in MODULES.items()
        if path.name != "__init__.py"
    }
    TopologicalSorter(graph).prepare()


def test_pages_do_not_import_each_other() -> None:
    """Pages import only core (without its commands), the shared rooms, and their own room."""
    against = []
    for path in DASHBOARD:
        own = name_package(name_module(path))
        allowed = {ROOM_OF_PAGE[path.stem]} if own == "dashboard.app_pages" else {own}
        for found in list_imports(path):
            room = name_package(found.module)
            other = room.startswith("dashboard.") and room not in FOR_ALL_PAGES | allowed
            if other or room == "core.cli":
                against.append(f"{name_file(path)}:{found.line} imports {found.module}")
    assert [] == against


def test_core_imports_no_user_interface() -> None:
    """Core imports neither streamlit nor plotly nor the dashboard."""
    assert [] == _find_imports(CORE, SCREEN_LIBRARIES)


def test_matplotlib_is_not_used() -> None:
    """Matplotlib, which takes a second to load, is not imported."""
    assert [] == _find_imports(SOURCES, {"matplotlib"})


def test_modules_named_in_strings_exist() -> None:
    """A module named in a string, for a command line or a table, exists."""
    named = {
        string.value
        for path in SOURCES
        for string in list_strings(path)
        if re.fullmatch(r"(core|dashboard)(\.[a-z_]+)+", string.value)
    }
    assert {"core.training.child", "core.scans.worker"} <= named
    assert set() == named - set(MODULES)


def _find_imports(paths: list[Path], libraries: set[str]) -> list[str]:
    return [
        f"{name_file(path)}:{found.line} imports {found.module}"
        for path in paths
        for found in list_imports(path)
        if found.module.split(".")[0] in libraries
    ]


# Rule 2: rooms, fronts and sizes.


@pytest.mark.parametrize("house", AT_THE_ROOT)
def test_the_roots_are_small(house: str) -> None:
    """The roots of core and dashboard hold only the listed modules."""
    assert AT_THE_ROOT[house] == {path.name for path in (ROOT / house).glob("*.py*") if path.is_file()}


def test_rooms_are_small() -> None:
    """A room has at most 12 modules, except the rooms in LARGE_ROOMS."""
    rooms = [name_package(module) for module, path in MODULES.items() if path.name != "__init__.py"]
    full = {room for room in rooms if rooms.count(room) > MAX_MODULES}
    assert set() == full - LARGE_ROOMS


def test_files_are_short() -> None:
    """No source file has more than 300 lines."""
    lengths = {
        name_file(path): len(path.read_text(encoding="utf-8").splitlines())
        for house in AT_THE_ROOT
        for path in (ROOT / house).rglob("*")
        if path.suffix in (".py", ".pyi", ".js", ".css")
    }
    assert {} == {file: n_lines for file, n_lines in lengths.items() if n_lines > MAX_LINES}


def test_every_room_has_a_front() -> None:
    """Each room is a package with a stub, except the pages, which Streamlit runs as scripts."""
    rooms = {name_package(name_module(path)) for path in SOURCES if len(path.relative_to(ROOT).parts) > 2}
    assert rooms - {"dashboard.app_pages"} == set(PACKAGES)
    for package in PACKAGES:
        assert MODULES[package].with_suffix(".pyi").exists(), f"{package} has no stub: list its public names"


@pytest.mark.parametrize("package", PACKAGES)
def test_a_front_says_what_the_room_is_for(package: str) -> None:
    """The docstring of a package starts with one sentence, and its `__init__` holds no other code."""
    tree = parse(MODULES[package])
    first = (ast.get_docstring(tree) or "").split("\n")[0]
    assert re.fullmatch(r"[A-Z].{10,}[.:]", first), f"{package}: {first!r}"
    assert [ast.Expr, ast.Import, ast.Assign] == [type(node) for node in tree.body]
    assert "lazy_loader.attach_stub(__name__, __file__)" == ast.unparse(tree.body[-1].value)


@pytest.mark.parametrize("package", PACKAGES)
def test_every_listed_name_exists(package: str) -> None:
    """Every name in a front can be imported."""
    front = importlib.import_module(package)
    for name in list_public_names(package):
        assert hasattr(front, name), f"{package}.{name}"


def test_other_rooms_are_imported_by_their_front() -> None:
    """A module imports from another room only names in its front, never from its modules."""
    against = []
    for path in SOURCES:
        for found in list_imports(path):
            room = name_package(found.module)
            if room not in PACKAGES or room == name_package(name_module(path)):
                continue
            if found.written != room or found.name not in list_public_names(room):
                against.append(f"{name_file(path)}:{found.line} imports {found.module} {found.name}")
    assert [] == against


def test_no_listed_name_is_unused() -> None:
    """Every name in a front is used outside its room, or is for library users."""
    used = {
        f"{found.written}.{found.name}"
        for path in SOURCES
        for found in list_imports(path)
        if found.written in PACKAGES and found.written != name_package(name_module(path))
    }
    used |= {f"{package}.{name}" for name, package in list_public_names("core").items()}
    listed = {f"{package}.{name}" for package in PACKAGES for name in list_public_names(package)}
    assert set() == listed - used - set(FOR_LIBRARY_USERS)
    assert set() == set(FOR_LIBRARY_USERS) - listed
    assert set() == set(FOR_LIBRARY_USERS) & used


def test_the_library_lists_what_fronts_list() -> None:
    """The public names of `core` are names in its packages' fronts; the program imports none from `core`."""
    for name, package in list_public_names("core").items():
        assert package == "core.errors" or name in list_public_names(package), f"{package}.{name}"
    assert [] == [
        f"{name_file(path)}:{found.line} imports {found.name} from core"
        for path in SOURCES
        for found in list_imports(path)
        if found.written == "core"
    ]


def test_module_names_are_specific() -> None:
    """No module is called utils, helpers, manager or common."""
    words = {word for path in SOURCES for word in path.stem.split("_")}
    assert set() == words & {"util", "utils", "helper", "helpers", "manager", "common"}


def test_docstrings_begin_plainly() -> None:
    """No docstring begins with a question word; ruff holds the imperative of functions, not of modules."""
    riddle = re.compile(r'"""(What|Whether|How|That|Which|Where)\b')
    files = [
        path for folder in ("core", "dashboard", "docs", "tests") for path in (ROOT / folder).rglob("*.py")
    ]
    found = [name_file(path) for path in files if riddle.search(path.read_text(encoding="utf-8"))]
    assert [] == found


# Rule 3: the frameworks are never in the same process. What is loaded is tested in tests/core/test_imports.py
# and tests/dashboard/test_laws.py; one framework per process, and the refusal of exports that differ from
# their framework, in tests/core/models/test_cnn_contract.py.


def test_each_framework_has_one_owner() -> None:
    """Only core/models/pytorch_*.py import torch, only core/models/keras_*.py import tensorflow and keras."""
    for library, owner in OWNED_LIBRARIES.items():
        others = [path for path in SOURCES if not name_file(path).startswith(owner)]
        assert [] == _find_imports(others, {library})


def test_networks_are_built_by_build_cnn() -> None:
    """A module of one framework is imported only by modules of that framework; others call build_cnn."""
    against = []
    for path in SOURCES:
        for found in list_imports(path):
            beginning = re.match(r"core\.models\.(pytorch|keras)_", found.module)
            if beginning and not name_module(path).startswith(beginning[0]):
                against.append(f"{name_file(path)}:{found.line} imports {found.module}")
    assert [] == against


def test_exports_may_differ_by_1e_4() -> None:
    """The contract tests that an export that differs is refused; every limit on the difference is 1e-4."""
    assert "ParityError" == test_cnn_contract._PROMISES["refusal"]
    for module, name in (
        ("core.training.child", "PARITY_TOLERANCE"),
        ("core.exchange.smoke", "TOLERANCE"),
        ("core.measurements.verification", "TOLERANCE"),
    ):
        assert 1e-4 == getattr(importlib.import_module(module), name), module


# Rule 4: one contract for both networks.


def test_the_contract_covers_all_networks() -> None:
    """The contract test runs on every framework and every registered architecture."""
    assert tuple(FRAMEWORKS) == tuple(_fixture_params(test_cnn_contract.found))
    cases = {
        tuple(mark.args[0].split(",")): tuple(mark.args[1])
        for mark in test_cnn_contract.test_keeps_the_contract.pytestmark
    }
    assert set(ARCHITECTURES) <= set(cases[("architecture",)])
    assert set(test_cnn_contract._PROMISES) == set(cases[("promise",)])
    for framework in BY_NAME.values():
        module, network = framework.network
        classes = [node.name for node in parse(MODULES[module]).body if isinstance(node, ast.ClassDef)]
        assert network in classes


def _fixture_params(fixture: object) -> tuple[str, ...]:
    marker = getattr(fixture, "_fixture_function_marker", None) or fixture._pytestfixturefunction
    return tuple(marker.params)


# Rule 5: recipe, class names and operating points come from the card, not from a page.


def test_no_page_makes_a_recipe() -> None:
    """A page uses the recipe of an experiment, and never creates one."""
    assert [] == [
        f"{name_file(path)}:{call.lineno}"
        for path in DASHBOARD
        for call in walk_calls(path)
        if re.search(r"\bRecipe\b", ast.unparse(call.func))
    ]


def test_no_page_decides() -> None:
    """No page compares a probability with a number, or sets a threshold to a number."""
    assert [] == [
        f"{name_file(path)}:{node.lineno}: {ast.unparse(node)}"
        for path in DASHBOARD
        for node in walk(path)
        if _types_a_threshold(node)
    ]


def _types_a_threshold(node: ast.AST) -> bool:
    if isinstance(node, ast.Compare):
        sides = [node.left, *node.comparators]
        typed = any(_is_number(side) and side.value not in (0, 1) for side in sides)
        return typed and bool(re.search(r"probab|score|threshold", ast.unparse(node)))
    if isinstance(node, ast.keyword):
        return "threshold" in (node.arg or "") and _is_number(node.value)
    if isinstance(node, ast.Assign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        named = any("threshold" in ast.unparse(target).lower() for target in targets)
        return named and _is_number(node.value)
    return False


def test_no_page_names_a_class() -> None:
    """Class names come from the card: no page has one as a string."""
    naming = {
        (name_file(path), string.value)
        for path in DASHBOARD
        for string in list_strings(path)
        if string.value.strip().lower() in CLASS_NAMES
    }
    assert set(NAMING_CLASSES) == naming


def _is_number(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and type(node.value) in (int, float)


# Rule 7: nothing is invented. The missing default experiment: tests/dashboard/test_default_experiment.py.


def test_chance_is_named() -> None:
    """Only listed modules use random numbers."""
    using = {name_file(path) for path in SOURCES if any(map(_uses_random_numbers, walk_calls(path)))}
    _expect_listed(USING_RANDOM_NUMBERS, using)


def test_chance_is_seeded() -> None:
    """Every generator gets a seed; the module random, with its global seed, is not used."""
    assert [] == _find_imports(SOURCES, {"random"})
    unseeded = [
        f"{name_file(path)}:{call.lineno}"
        for path in SOURCES
        for call in filter(_uses_random_numbers, walk_calls(path))
        if not call.args and not any(option.arg == "random_state" for option in call.keywords)
    ]
    assert [] == unseeded


def _uses_random_numbers(call: ast.Call) -> bool:
    """Return whether a call creates a random generator, or uses the global one."""
    named = ast.unparse(call.func)
    shared = re.match(r"(np|numpy|tf|torch)\.random\.\w+$", named)
    made = re.search(r"\b(default_rng|SeedSequence|set_random_seed|manual_seed)$", named)
    return bool(shared or made or any(option.arg == "random_state" for option in call.keywords))


def test_no_exception_is_swallowed() -> None:
    """Code that catches every exception raises it again."""
    catching = {name_file(path) for path in SOURCES if any(map(_swallows, walk(path)))}
    _expect_listed(CATCHING_ALL, catching)


def _swallows(node: ast.AST) -> bool:
    if not isinstance(node, ast.ExceptHandler):
        return False
    caught = "BaseException" if node.type is None else ast.unparse(node.type)
    everything = {"Exception", "BaseException"} & set(caught.strip("()").split(", "))
    return bool(everything) and not isinstance(node.body[-1], ast.Raise)


def test_nothing_is_mocked() -> None:
    """The program imports no test library."""
    assert [] == _find_imports(SOURCES, {"unittest", "mock", "pytest", "tests"})


# Rule 8: files appear whole, each by one writer, and never as a pickle.


def test_nothing_is_pickled() -> None:
    """No pickle is used: no pickle library is imported, and NumPy and torch must not read pickles."""
    assert [] == _find_imports(SOURCES, PICKLERS)
    assert [] == [
        f"{name_file(path)}:{call.lineno}" for path in SOURCES for call in walk_calls(path) if _pickles(call)
    ]


def _pickles(call: ast.Call) -> bool:
    options = {option.arg: ast.unparse(option.value) for option in call.keywords}
    return (
        options.get("allow_pickle", "False") != "False"
        or (ast.unparse(call.func) == "torch.load" and options.get("weights_only") != "True")
        # NumPy and pandas also read pickles by other names.
        or getattr(call.func, "attr", "") in {"read_pickle", "to_pickle"}
    )


def test_files_are_written_whole() -> None:
    """Code that writes to disk uses write_whole or write_aside, or is listed with a reason."""
    found = {name_file(path) for path in SOURCES if list_writes(path)}
    _expect_listed(WRITERS, found)


def test_the_disk_has_one_writer_a_file() -> None:
    """No page writes to disk: pages call core."""
    assert {} == {name_file(path): list_writes(path) for path in DASHBOARD if list_writes(path)}


# Rule 9: a fact has one home.


def test_frameworks_are_named_at_home() -> None:
    """A framework's name is a literal only in frameworks.py, its own modules and the palette."""
    name = "|".join(FRAMEWORKS)
    naming = {
        name_file(path)
        for path in SOURCES
        for string in list_strings(path)
        if re.fullmatch(rf"\.?({name})([, /]+({name}))*", string.value)
    }
    _expect_listed(NAMING_FRAMEWORKS, naming)


def test_metrics_and_rules_are_named_at_home() -> None:
    """A metric's label of several words, or a rule's title, is a string in one module only."""
    homes = {title: "operating_points" for title in (rule.title for rule in RULES.values())}
    for one in MEASURES.values():
        homes |= {name: "measures" for name in (one.label, one.short or "", one.title) if " " in name}
    strangers = {
        (name_file(path), string.value)
        for path in SOURCES
        for string in list_strings(path)
        if name_module(path) != f"core.evaluation.{homes.get(string.value, path.stem)}"
        if string.value in homes
    }
    assert set(NAMING_METRICS) == strangers


# Session, caches, HTML and browser.


def test_session_and_caches_have_few_users() -> None:
    """The session state is used only in state.py, Streamlit's caches only in the modules of CACHING."""
    users: dict[str, set[str]] = {"session_state": set(), "cache_data": set(), "cache_resource": set()}
    for path in SOURCES:
        for node in walk(path):
            name = getattr(node, "attr", None) or getattr(node, "id", None)
            if name in users:
                users[name].add(name_file(path))
    assert {"dashboard/shared/state.py"} == users["session_state"]
    assert set(CACHING) == users["cache_data"] | users["cache_resource"]


def test_no_unsafe_html() -> None:
    """HTML on a page is always a literal of the program, never text from outside."""
    against = []
    for path in SOURCES:
        constants = {
            target.id
            for node in parse(path).body
            if isinstance(node, ast.Assign) and _is_literal(node.value)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for call in walk_calls(path):
            unsafe = any(option.arg == "unsafe_allow_html" for option in call.keywords)
            if unsafe or getattr(call.func, "attr", "") == "html":
                text = call.args[0]
                if not (_is_literal(text) or getattr(text, "id", "") in constants):
                    against.append(f"{name_file(path)}:{call.lineno}")
    assert [] == against


def _is_literal(value: ast.expr) -> bool:
    """Return whether a value is a literal or the path of a file of the program."""
    names = {node.id for node in ast.walk(value) if isinstance(node, ast.Name)}
    return names <= {"Path", "__file__"}


def test_the_browser_is_started_in_one_place() -> None:
    """Journeys and screenshots share the browser that tests/dashboard/browser.py starts."""
    launching = {
        name_file(path)
        for path in (ROOT / "tests").rglob("*.py")
        for call in walk_calls(path)
        if getattr(call.func, "attr", "") == "launch"
    }
    assert {"tests/dashboard/browser.py"} == launching
