"""The house is built as its plan says: who may import whom, and where each library lives."""

import ast
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

PACKAGE = Path(__file__).parents[1] / "charnn"

# a room may import itself and the rooms named
ROOMS = {
    "errors": set(),
    "config": {"errors"},
    "text": {"config", "errors"},
    "nn": {"text", "config", "errors"},
    "training": {"nn", "text", "config", "errors"},
    "writing": {"nn", "text", "config", "errors"},
    "ui": {"training", "writing", "nn", "text", "config", "errors"},
    "cli": {"ui", "training", "writing", "nn", "text", "config", "errors"},
    "__main__": {"cli"},
    "__init__": set(),
}
# where a library may be imported: a room, or one file of it
HOMES = {
    "orbax": {"training/checkpoint.py"},
    "optax": {"training"},
    "rich": {"ui"},
    "textual": {"ui"},
    "click": {"cli"},
    "jax": {"nn", "training", "writing", "cli"},
    "jaxtyping": {"nn", "training", "writing"},
}
# what takes seconds to import stands inside the functions of the command line
HEAVY = {"jax", "orbax", "optax", "jaxtyping"}


class Import(NamedTuple):
    file: str
    """Relative to the package, with slashes."""
    line: int
    module: str
    """In full; with the name imported from it where that is a module of ours."""
    at_top: bool
    """Not inside a function: done when the file is imported."""

    def __str__(self) -> str:
        return f"charnn/{self.file}:{self.line} imports {self.module}"

    def room(self) -> str:
        return self.file.split("/")[0].removesuffix(".py")


def modules_of(node, file):
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    assert node.level == 0, f"charnn/{file}:{node.lineno} imports relatively"
    assert node.module
    ours = node.module.split(".")[0] == "charnn"
    return [f"{node.module}.{alias.name}" if ours else node.module for alias in node.names]


def imports_of(tree, file):
    found = []

    def visit(node, at_top):
        if isinstance(node, ast.Import | ast.ImportFrom):
            found.extend(Import(file, node.lineno, module, at_top) for module in modules_of(node, file))
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            at_top = False  # read by the type checker, never imported
        inside = at_top and not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for child in ast.iter_child_nodes(node):
            visit(child, inside)

    visit(tree, True)
    return found


TREES = {
    path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
    for path in sorted(PACKAGE.rglob("*.py"))
}
IMPORTS = [found for file, tree in TREES.items() for found in imports_of(tree, file)]


def complaints(wrong):
    return "\n".join(str(one) for one in wrong)


def test_the_imports_are_seen():
    """Were they not, everything below would hold of nothing."""
    seen = {(found.file, found.module) for found in IMPORTS}
    assert ("training/checkpoint.py", "orbax.checkpoint") in seen
    assert ("nn/model.py", "charnn.nn.cells.CELLS") in seen
    assert {found.room() for found in IMPORTS if found.at_top} >= {"text", "nn", "training", "writing", "ui", "cli"}
    code = "import a\ndef f():\n    import b\nclass C:\n    import c\nif TYPE_CHECKING:\n    from d.e import f, g\n"
    found = [(one.module, one.at_top) for one in imports_of(ast.parse(code), "x.py")]
    assert found == [("a", True), ("b", False), ("c", True), ("d.e", False), ("d.e", False)]


def test_every_file_is_in_a_room():
    assert {file.split("/")[0].removesuffix(".py") for file in TREES} <= set(ROOMS)
    assert sorted(PACKAGE.glob("*/")) >= [PACKAGE / room for room in ("cli", "nn", "text", "training", "ui", "writing")]


def test_lower_rooms_never_import_higher_ones():
    wrong = []
    for found in IMPORTS:
        library, _, rest = found.module.partition(".")
        target = rest.split(".")[0]
        if library == "charnn" and target in ROOMS and target not in ROOMS[found.room()] | {found.room()}:
            wrong.append(found)
    assert not wrong, complaints(wrong)


@pytest.mark.parametrize("library", HOMES)
def test_a_library_is_imported_at_its_home_alone(library):
    found = [one for one in IMPORTS if one.module.split(".")[0] == library]
    wrong = [one for one in found if not {one.file, one.room()} & HOMES[library]]
    assert not wrong, complaints(wrong)


@pytest.mark.parametrize("file", ["config.py", "errors.py"])
def test_the_ground_floor_needs_the_standard_library_alone(file):
    wrong = [
        found
        for found in IMPORTS
        if found.file == file and found.module.split(".")[0] not in sys.stdlib_module_names | {"charnn"}
    ]
    assert not wrong, complaints(wrong)


def test_the_command_line_imports_what_is_heavy_only_when_a_command_runs():
    edge = [found for found in IMPORTS if found.room() in {"cli", "__main__"} and found.at_top]
    wrong = [found for found in edge if found.module.split(".")[0] in HEAVY]
    assert not wrong, complaints(wrong)


def test_only_the_edge_prints_or_reads_the_surroundings():
    """The rooms below return values and yield events; flags and the environment are the command line's."""
    wrong = []
    for file, tree in TREES.items():
        if file.split("/")[0] not in {"text", "nn", "training", "writing", "config.py", "errors.py"}:
            continue
        for node in ast.walk(tree):
            name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
            if name in {"print", "input", "argv", "stdin", "stdout", "stderr", "environ", "getenv"}:
                wrong.append(f"charnn/{file}:{node.lineno} uses {name}")
    assert not wrong, "\n".join(wrong)


def test_nothing_is_printed_past_the_edge():
    calls = [
        f"charnn/{file}:{node.lineno}"
        for file, tree in TREES.items()
        if file.split("/")[0] not in {"ui", "cli"}
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert not calls


def test_nothing_is_unpickled():
    assert not [found for found in IMPORTS if found.module.split(".")[0] in {"pickle", "dill", "cloudpickle", "shelve"}]


@pytest.mark.parametrize(
    "arguments", [["--help"], ["train", "--help"], ["sample", "--help"], ["write", "--help"], ["runs", "--help"]]
)
def test_help_is_shown_without_loading_what_computes(arguments):
    code = f"""
import sys
from charnn.cli import main
sys.argv = ["charnn", *{arguments}]
try:
    main()
except SystemExit as exit:
    assert not exit.code, exit.code
loaded = {{"jax", "jaxlib", "orbax", "optax", "tensorstore"}} & set(sys.modules)
assert not loaded, loaded
"""
    shown = subprocess.run(
        [sys.executable, "-c", code], cwd=PACKAGE.parent, capture_output=True, text=True, check=False
    )
    assert shown.returncode == 0, shown.stderr
    assert "Usage:" in shown.stdout
