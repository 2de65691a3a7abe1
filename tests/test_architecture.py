"""The laws of the house, read off its files: rooms and their order, fronts, sizes, and what nobody may do.

Law 6 (what is served is what is measured) has its test in tests/core/reading, law 10 (the documents name
existing files) in tests/test_documents.py.
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
    walk_calls,
)

CORE = [path for path in SOURCES if name_file(path).startswith("core/")]
DASHBOARD = [path for path in SOURCES if name_file(path).startswith("dashboard/")]

# A room imports from those before it, for types too. A new room needs a place here.
ROOMS = (
    "core",
    "core.errors",
    "core.frameworks",
    "core.system",
    "core.evaluation",
    "core.scans",
    "core.imaging",
    "core.synthetic",
    "core.datasets",
    "core.gate",
    "core.models",
    "core.experiments",
    "core.cases",
    "core.reading",
    "core.training",
    "core.reports",
    "core.measurements",
    "core.model_card",
    "core.exchange",
    "core.cli",
    "core.__main__",
    "dashboard",
    "dashboard.shared",
    "dashboard.readings",
    "dashboard.read",
    "dashboard.explore",
    "dashboard.compare",
    "dashboard.data",
    "dashboard.train",
    "dashboard.overview",
    "dashboard.app_pages",
    "dashboard.app",
)
# Of the dashboard, what every page may use; besides it a page uses its own room alone.
FOR_ALL_PAGES = {"dashboard.shared", "dashboard.readings"}
ROOM_OF_PAGE = {
    "read_scan": "dashboard.read",
    "compare": "dashboard.compare",
    "explore": "dashboard.explore",
    "data": "dashboard.data",
    "train": "dashboard.train",
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
# Names that a front lists for those who use core as a library; nothing else here needs them.
FOR_LIBRARY_USERS = {
    "core.experiments.DEFAULT_NAME": "the experiment that reads when nothing else is said",
    "core.experiments.DEFAULT_VARIABLE": "the variable that names another",
    "core.model_card.Section": "what a ModelCard is made of",
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
# Where anything at all may be caught and not raised again, and why. Nowhere.
CATCHING_ALL: dict[str, str] = {}
# Modules that draw random numbers, and what for. None of them answers for a network.
DRAWING_AT_RANDOM = {
    "core/cases/quiz.py": "which cases the quiz deals",
    "core/datasets/examples.py": "which slices are shown",
    "core/datasets/leakage.py": "meaningless labels of the control",
    "core/datasets/nearest_neighbour.py": "splits of the control",
    "core/datasets/splits.py": "the parts of the data set",
    "core/evaluation/intervals.py": "resamples of the bootstrap",
    "core/imaging/augmentation.py": "changes to training slices",
    "core/measurements/feature_space.py": "the solver of the map",
    "core/measurements/robustness.py": "noise on slices whose figures are measured",
    "core/measurements/verification.py": "which slices are verified",
    "core/models/keras_": "weights before training",
    "core/models/pytorch_": "weights before training",
    "core/synthetic/phantom_anatomy.py": "phantoms",
    "core/synthetic/phantoms.py": "phantoms",
    "core/training/child.py": "seeds of the folds",
    "core/training/fitting.py": "the order of training slices",
    "core/training/images.py": "changes to training slices",
    "core/training/training_data.py": "which view of a slice is trained on",
    "dashboard/overview/held_out.py": "which cases are shown",
    "dashboard/readings/references.py": "phantoms that a slice is compared with",
    "dashboard/readings/samples.py": "phantoms, and which slices are shown",
}
# Modules that write to the disk other than through core.system's write_whole and write_aside, and why.
WRITERS = {
    "core/cases/annotations/database.py": "SQLite keeps its file whole itself",
    "core/datasets/uploads.py": "fills a hidden folder, renamed when complete",
    "core/exchange/experiment_zip.py": "fills a hidden file or folder, renamed when complete",
    "core/experiments/publishing.py": "renames whole folders",
    "core/measurements/verification.py": "hands slices to a child process in a temporary folder",
    "core/models/onnx_file.py": "ONNX's own writer; the caller names a file aside",
    "core/models/pytorch_": "ONNX's own writer; the caller names a file aside",
    "core/models/keras_": "packs the file aside anew",
    "core/synthetic/phantoms.py": "a data set of phantoms for tests and tours",
    "core/training/child.py": "files of an unfinished training, started anew when damaged",
    "core/training/queue.py": "a log, which grows",
    "core/training/run.py": "files of an unfinished training, and its log, which grows",
    "core/training/runner.py": "a log, which grows",
    "core/training/training_data.py": "maps larger than the memory, in a file aside that is then renamed",
}
# Modules that keep something in Streamlit's caches, and what.
CACHING = {
    "dashboard/shared/loaders.py": "experiments and data sets",
    "dashboard/shared/records.py": "records computed from them",
    "dashboard/readings/samples.py": "slices to show",
    "dashboard/readings/session.py": "what a session reads, and the networks",
}
# Where a framework's name stands as a literal, and why.
NAMING_FRAMEWORKS = {
    "core/frameworks.py": "their home",
    "core/models/": "the networks themselves",
    "dashboard/shared/palette.py": "their colours",
}
# Where a metric is named besides its own place, and why.
NAMING_METRICS = {
    (
        "core/evaluation/curves.py",
        "average precision",
    ): "an error; measures.py imports this module",
    ("core/model_card/origin.py", "average precision"): "a row of four, typed; not yet drawn from MEASURES",
}
# Words of the dashboard that are also names of classes, and why they decide nothing.
NAMING_CLASSES = {
    ("dashboard/data/source.py", "Normal"): "a folder's name, where no experiment recorded its classes",
    ("dashboard/data/source.py", "Stroke"): "a folder's name, where no experiment recorded its classes",
    ("dashboard/shared/mark_charts.py", "normal"): "Plotly's word for an order",
}
CLASS_NAMES = {"normal", "stroke", "hemorrhage", "no hemorrhage", "bleeding", "positive finding"}


def _rank(module: str) -> int:
    room = name_package(module)
    assert room in ROOMS, f"{module} has no place in ROOMS of {name_file(Path(__file__))}: give it one"
    return ROOMS.index(room)


def _expect_listed(listed: dict[str, str], found: set[str]) -> None:
    """Assert that each file found is listed, by name or beginning, and no entry is out of date."""
    assert set() == {file for file in found if not file.startswith(tuple(listed))}
    assert set() == {start for start in listed if not any(file.startswith(start) for file in found)}


# Law 1: imports run one way.


def test_imports_run_one_way() -> None:
    """A module imports from its own room or those before it, for types too; core never from dashboard."""
    against = [
        f"{name_file(path)}:{found.line} imports {found.module}"
        for path in SOURCES
        for found in list_imports(path)
        if found.module.split(".")[0] in AT_THE_ROOT
        if name_package(found.module) != name_package(name_module(path))
        if _rank(found.module) >= _rank(name_module(path))
    ]
    assert [] == against


def test_every_place_is_taken() -> None:
    """The list of rooms names those that exist, and no other."""
    assert set(ROOMS) == {name_package(module) for module in MODULES}


def test_imports_never_go_in_a_circle() -> None:
    """There is an order in which all modules can be read, each after those it imports, for types too."""
    graph = {
        module: {found.module for found in list_imports(path)} & set(MODULES) - {module}
        for module, path in MODULES.items()
        if path.name != "__init__.py"
    }
    TopologicalSorter(graph).prepare()


def test_pages_keep_apart() -> None:
    """Pages and their rooms import core but its commands, what all pages share, and their own room."""
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


def test_core_knows_no_screen() -> None:
    """Neither streamlit nor plotly nor the dashboard is imported by core."""
    assert [] == _find_imports(CORE, SCREEN_LIBRARIES)


def test_nothing_draws_with_matplotlib() -> None:
    """Matplotlib, which takes a second to load, is imported nowhere."""
    assert [] == _find_imports(SOURCES, {"matplotlib"})


def test_modules_named_in_strings_exist() -> None:
    """A module that a command line or a table names by a string is one of ours."""
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


# Law 2: rooms, fronts and sizes.


@pytest.mark.parametrize("house", AT_THE_ROOT)
def test_the_roots_are_small(house: str) -> None:
    """Four modules and a stub lie at the root of core, two modules at that of the dashboard."""
    assert AT_THE_ROOT[house] == {path.name for path in (ROOT / house).glob("*.py*") if path.is_file()}


def test_rooms_are_small() -> None:
    """A room has at most 12 modules, those with more subjects excepted."""
    rooms = [name_package(module) for module, path in MODULES.items() if path.name != "__init__.py"]
    full = {room for room in rooms if rooms.count(room) > MAX_MODULES}
    assert set() == full - LARGE_ROOMS


def test_files_are_short() -> None:
    """No file of code has more than 300 lines."""
    lengths = {
        name_file(path): len(path.read_text(encoding="utf-8").splitlines())
        for house in AT_THE_ROOT
        for path in (ROOT / house).rglob("*")
        if path.suffix in (".py", ".pyi", ".js", ".css")
    }
    assert {} == {file: n_lines for file, n_lines in lengths.items() if n_lines > MAX_LINES}


def test_every_room_has_a_front() -> None:
    """Each folder of modules is a package with a stub, but the pages, which Streamlit runs as scripts."""
    rooms = {name_package(name_module(path)) for path in SOURCES if len(path.relative_to(ROOT).parts) > 2}
    assert rooms - {"dashboard.app_pages"} == set(PACKAGES)
    for package in PACKAGES:
        assert MODULES[package].with_suffix(".pyi").exists(), f"{package} has no stub: list its public names"


@pytest.mark.parametrize("package", PACKAGES)
def test_a_front_says_what_the_room_is_for(package: str) -> None:
    """The first line of a package's docstring is one sentence; the package holds no other code of its own."""
    tree = parse(MODULES[package])
    first = (ast.get_docstring(tree) or "").split("\n")[0]
    assert re.fullmatch(r"[A-Z].{10,}[.:]", first), f"{package}: {first!r}"
    assert [ast.Expr, ast.Import, ast.Assign] == [type(node) for node in tree.body]
    assert "lazy_loader.attach_stub(__name__, __file__)" == ast.unparse(tree.body[-1].value)


@pytest.mark.parametrize("package", PACKAGES)
def test_every_listed_name_exists(package: str) -> None:
    """Whatever a front lists can be taken from it."""
    front = importlib.import_module(package)
    for name in list_public_names(package):
        assert hasattr(front, name), f"{package}.{name}"


def test_outsiders_come_through_the_front() -> None:
    """A module imports from another room what that room's front lists, and never from a module inside."""
    against = []
    for path in SOURCES:
        for found in list_imports(path):
            room = name_package(found.module)
            if room not in PACKAGES or room == name_package(name_module(path)):
                continue
            if found.written != room or found.name not in list_public_names(room):
                against.append(f"{name_file(path)}:{found.line} takes {found.module} {found.name}")
    assert [] == against


def test_no_listed_name_is_unused() -> None:
    """Whatever a front lists is used outside its room, or is for library users."""
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
    """The public names of `core` are those of its packages' fronts; the program itself takes none from it."""
    for name, package in list_public_names("core").items():
        assert package == "core.errors" or name in list_public_names(package), f"{package}.{name}"
    assert [] == [
        f"{name_file(path)}:{found.line} takes {found.name} from core"
        for path in SOURCES
        for found in list_imports(path)
        if found.written == "core"
    ]


def test_names_say_what_is_inside() -> None:
    """No module is called utils, helpers, manager or common."""
    words = {word for path in SOURCES for word in path.stem.split("_")}
    assert set() == words & {"util", "utils", "helper", "helpers", "manager", "common"}


# Law 3: the frameworks never meet. What is loaded is tested in tests/core/test_imports.py and in
# tests/dashboard/test_laws.py; that a process holds one framework alone and that an export is refused which
# differs from it, in tests/core/models/test_cnn_contract.py.


def test_each_framework_has_one_owner() -> None:
    """Only core/models/pytorch_*.py import torch, only core/models/keras_*.py import tensorflow and keras."""
    for library, owner in OWNED_LIBRARIES.items():
        others = [path for path in SOURCES if not name_file(path).startswith(owner)]
        assert [] == _find_imports(others, {library})


def test_networks_are_built_through_one_door() -> None:
    """A module of one framework is imported by modules of that framework alone; others call build_cnn."""
    against = []
    for path in SOURCES:
        for found in list_imports(path):
            beginning = re.match(r"core\.models\.(pytorch|keras)_", found.module)
            if beginning and not name_module(path).startswith(beginning[0]):
                against.append(f"{name_file(path)}:{found.line} imports {found.module}")
    assert [] == against


def test_no_export_may_differ_by_more() -> None:
    """The contract holds a liar's export to be refused, and every limit on such a difference is 1e-4."""
    assert "ParityError" == test_cnn_contract._PROMISES["refusal"]
    for module, name in (
        ("core.training.child", "PARITY_TOLERANCE"),
        ("core.exchange.smoke", "TOLERANCE"),
        ("core.measurements.verification", "TOLERANCE"),
    ):
        assert 1e-4 == getattr(importlib.import_module(module), name), module


# Law 4: one contract for both networks.


def test_the_contract_covers_all_networks() -> None:
    """The contract test runs on every framework and on every registered architecture."""
    assert tuple(FRAMEWORKS) == tuple(_fixture_params(test_cnn_contract.found))
    cases = {
        tuple(mark.args[0].split(",")): tuple(mark.args[1])
        for mark in test_cnn_contract.test_keeps_the_contract.pytestmark
    }
    assert set(ARCHITECTURES) == set(cases[("architecture",)])
    assert set(test_cnn_contract._PROMISES) == set(cases[("promise",)])
    for framework in BY_NAME.values():
        module, network = framework.network
        classes = [node.name for node in parse(MODULES[module]).body if isinstance(node, ast.ClassDef)]
        assert network in classes


def _fixture_params(fixture: object) -> tuple[str, ...]:
    marker = getattr(fixture, "_fixture_function_marker", None) or fixture._pytestfixturefunction
    return tuple(marker.params)


# Law 5: what the card says is not said by a page.


def test_no_page_makes_a_recipe() -> None:
    """A page takes the recipe from an experiment, and never makes one."""
    assert [] == [
        f"{name_file(path)}:{call.lineno}"
        for path in DASHBOARD
        for call in walk_calls(path)
        if re.search(r"\bRecipe\b", ast.unparse(call.func))
    ]


def test_no_page_decides() -> None:
    """No probability is compared with a number, and no threshold is one, in the code of a page."""
    assert [] == [
        f"{name_file(path)}:{node.lineno}: {ast.unparse(node)}"
        for path in DASHBOARD
        for node in ast.walk(parse(path))
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
    """The names of the classes come from the card: as a string of its own, none stands in a page."""
    naming = {
        (name_file(path), string.value)
        for path in DASHBOARD
        for string in list_strings(path)
        if string.value.strip().lower() in CLASS_NAMES
    }
    assert set(NAMING_CLASSES) == naming


def _is_number(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and type(node.value) in (int, float)


# Law 7: nothing is invented. The missing default experiment: tests/dashboard/test_default_experiment.py.


def test_chance_is_named() -> None:
    """Only listed modules draw random numbers, and none of those that answer for a network."""
    drawing = {name_file(path) for path in SOURCES if any(map(_draws, walk_calls(path)))}
    _expect_listed(DRAWING_AT_RANDOM, drawing)


def test_chance_is_seeded() -> None:
    """Every generator is given its seed; the module random, whose seed all would share, is not used."""
    assert [] == _find_imports(SOURCES, {"random"})
    unseeded = [
        f"{name_file(path)}:{call.lineno}"
        for path in SOURCES
        for call in filter(_draws, walk_calls(path))
        if not call.args and not any(option.arg == "random_state" for option in call.keywords)
    ]
    assert [] == unseeded


def _draws(call: ast.Call) -> bool:
    """Return whether a call makes a generator, or draws from one that all share."""
    named = ast.unparse(call.func)
    shared = re.match(r"(np|numpy|tf|torch)\.random\.\w+$", named)
    made = re.search(r"\b(default_rng|SeedSequence|set_random_seed|manual_seed)$", named)
    return bool(shared or made or any(option.arg == "random_state" for option in call.keywords))


def test_nothing_is_swallowed() -> None:
    """Whoever catches any error at all raises it again."""
    catching = {name_file(path) for path in SOURCES if any(map(_swallows, ast.walk(parse(path))))}
    _expect_listed(CATCHING_ALL, catching)


def _swallows(node: ast.AST) -> bool:
    if not isinstance(node, ast.ExceptHandler):
        return False
    caught = "BaseException" if node.type is None else ast.unparse(node.type)
    everything = {"Exception", "BaseException"} & set(caught.strip("()").split(", "))
    return bool(everything) and not isinstance(node.body[-1], ast.Raise)


def test_nothing_is_mocked() -> None:
    """No stand-in of a test library serves in the program."""
    assert [] == _find_imports(SOURCES, {"unittest", "mock", "pytest", "tests"})


# Law 8: files appear whole, each by one writer, and never as a pickle.


def test_nothing_is_pickled() -> None:
    """No pickle, under any name: not imported, not allowed to NumPy, not left to torch."""
    assert [] == _find_imports(SOURCES, PICKLERS)
    assert [] == [
        f"{name_file(path)}:{call.lineno}" for path in SOURCES for call in walk_calls(path) if _pickles(call)
    ]


def _pickles(call: ast.Call) -> bool:
    options = {option.arg: ast.unparse(option.value) for option in call.keywords}
    return (
        options.get("allow_pickle", "False") != "False"
        or (ast.unparse(call.func) == "torch.load" and options.get("weights_only") != "True")
        # NumPy and pandas read pickles under other names too.
        or getattr(call.func, "attr", "") in {"read_pickle", "to_pickle"}
    )


def test_files_are_written_whole() -> None:
    """Whatever writes to the disk does so through write_whole or write_aside, or is listed with a reason."""
    found = {name_file(path) for path in SOURCES if list_writes(path)}
    _expect_listed(WRITERS, found)


def test_the_disk_has_one_writer_a_file() -> None:
    """No page writes to the disk: pages call core."""
    assert {} == {name_file(path): list_writes(path) for path in DASHBOARD if list_writes(path)}


# Law 9: a fact has one home.


def test_frameworks_are_named_at_home() -> None:
    """A framework's name stands as a literal in frameworks.py, its own modules and the palette alone."""
    name = "|".join(FRAMEWORKS)
    naming = {
        name_file(path)
        for path in SOURCES
        for string in list_strings(path)
        if re.fullmatch(rf"\.?({name})([, /]+({name}))*", string.value)
    }
    _expect_listed(NAMING_FRAMEWORKS, naming)


def test_metrics_and_rules_are_named_at_home() -> None:
    """A metric's label of several words, or a rule's title, stands as a string in one module alone."""
    homes = {title: "operating_points" for title in (rule.title for rule in RULES.values())}
    for one in MEASURES.values():
        homes |= {name: "measures" for name in (one.label, one.short or "", one.title) if " " in name}
    homes.pop("F1")  # a metric's name as well
    strangers = {
        (name_file(path), string.value)
        for path in SOURCES
        for string in list_strings(path)
        if name_module(path) != f"core.evaluation.{homes.get(string.value, path.stem)}"
        if string.value in homes
    }
    assert set(NAMING_METRICS) == strangers


# What any page does.


def test_session_and_caches_have_few_users() -> None:
    """The session is touched in state.py alone, Streamlit's caches where CACHING says."""
    users: dict[str, set[str]] = {"session_state": set(), "cache_data": set(), "cache_resource": set()}
    for path in SOURCES:
        for node in ast.walk(parse(path)):
            name = getattr(node, "attr", None) or getattr(node, "id", None)
            if name in users:
                users[name].add(name_file(path))
    assert {"dashboard/shared/state.py"} == users["session_state"]
    assert set(CACHING) == users["cache_data"] | users["cache_resource"]


def test_no_unsafe_html() -> None:
    """HTML reaches a page only as a text that stands in the program, never one that came from outside."""
    against = []
    for path in SOURCES:
        constants = {
            target.id
            for node in parse(path).body
            if isinstance(node, ast.Assign) and _stands_in_the_program(node.value)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for call in walk_calls(path):
            unsafe = any(option.arg == "unsafe_allow_html" for option in call.keywords)
            if unsafe or getattr(call.func, "attr", "") == "html":
                text = call.args[0]
                if not (_stands_in_the_program(text) or getattr(text, "id", "") in constants):
                    against.append(f"{name_file(path)}:{call.lineno}")
    assert [] == against


def _stands_in_the_program(value: ast.expr) -> bool:
    """Return whether it is a literal or the path of a file of ours: constants and the module's own place."""
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
