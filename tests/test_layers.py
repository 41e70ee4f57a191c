"""The house stands as the developer guide draws it: who may import whom, read from the sources."""

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SHIPPED = sorted(
    [path for folder in ("core", "operators", "panels", "scene") for path in (ROOT / folder).rglob("*.py")]
    + list(ROOT.glob("*.py"))
)

# A unit may import units of its own floor and of those below.
FLOORS = [
    {"core.errors"},
    {"core.anatomy", "core.assets"},
    {"core.exchange"},
    {"core.bodies"},
    {"core.fitting", "core.skeletons", "core.vision"},
    {"core.jobs"},
    {"core.learning", "core.cli"},
    {"core"},
    {"scene"},
    {"operators", "panels", "preferences"},
    {"osteon", "demo"},
    {"__main__"},
]
FLOOR = {unit: height for height, units in enumerate(FLOORS) for unit in units}
BLENDER = {"bpy", "bpy_extras", "bmesh", "mathutils", "gpu", "blf", "addon_utils", "aud", "idprop"}
CORE_NEEDS = {"numpy", "scipy", "torch", "trimesh"}


@dataclass(frozen=True)
class Import:
    """One name that a module imports from another: `from ..bodies.skel import Skel` in `core/fitting/skel.py`."""

    source: Path
    line: int
    module: str  # "core.bodies.skel" within the package (then `inside`), "numpy.linalg" outside
    name: str | None
    inside: bool
    lazy: bool  # inside a function

    def __str__(self) -> str:
        return f"{self.source.relative_to(ROOT)}:{self.line} imports {self.module} {self.name or ''}".rstrip()


def module_name(path: Path) -> str:
    """`core/bodies/skel.py` -> `core.bodies.skel`; the root's `__init__.py` -> `osteon`."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts) or "osteon"


def unit(module: str) -> str:
    """The part of the house that a module belongs to."""
    parts = module.split(".")
    return ".".join(parts[:2]) if parts[0] == "core" else parts[0]


def imports(path: Path) -> Iterator[Import]:
    """All imports of a source file but those for type checkers alone."""
    tree = ast.parse(path.read_text(), path)
    package = path.relative_to(ROOT).parent.parts

    def visit(node: ast.AST, lazy: bool) -> Iterator[Import]:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            return
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(path, node.lineno, alias.name, None, False, lazy)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            for alias in node.names:
                target = (*base, *(node.module or "").split("."))
                module = ".".join(part for part in target if part)
                # `from . import skel` names a module, `from .skel import Skel` something in it.
                if node.level and _is_module(f"{module}.{alias.name}".lstrip(".")):
                    module = f"{module}.{alias.name}".lstrip(".")
                yield Import(path, node.lineno, module or "osteon", alias.name, node.level > 0, lazy)
        inner = lazy or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for child in ast.iter_child_nodes(node):
            yield from visit(child, inner)

    yield from visit(tree, False)


def _is_module(dotted: str) -> bool:
    path = ROOT.joinpath(*dotted.split("."))
    return path.with_suffix(".py").is_file() or (path.is_dir() and any(path.glob("*.py")))


ALL = [found for path in SHIPPED for found in imports(path)]
INSIDE = [found for found in ALL if found.inside]


def in_core(found: Import) -> bool:
    return module_name(found.source).split(".")[0] == "core"


def test_the_sources_are_seen():
    assert {"core", "core.bodies", "operators", "osteon", "panels", "scene"} <= {unit(module_name(p)) for p in SHIPPED}
    assert len(INSIDE) > 20


def test_every_unit_has_its_floor():
    strangers = {unit(module_name(path)) for path in SHIPPED} - set(FLOOR)
    assert not strangers, f"say in FLOORS where {strangers} stand"


def test_arrows_point_down():
    wrong = [str(i) for i in INSIDE if FLOOR[unit(i.module)] > FLOOR[unit(module_name(i.source))]]
    assert not wrong


def test_no_circle_of_units():
    below: dict[str, set[str]] = {name: set() for name in FLOOR}
    for found in INSIDE:
        here, there = unit(module_name(found.source)), unit(found.module)
        if here != there:
            below[here].add(there)
    while leaves := [name for name, others in below.items() if not others & set(below)]:
        for name in leaves:
            del below[name]
    assert not below, f"these import each other in a circle: {below}"


def test_core_knows_no_blender():
    assert not [str(i) for i in ALL if in_core(i) and i.module.split(".")[0] in BLENDER]


def test_core_needs_little_when_imported():
    allowed = CORE_NEEDS | set(sys.stdlib_module_names)
    roots = [(i.module.split(".")[0], i) for i in ALL if in_core(i) and not i.inside and not i.lazy]
    assert not [str(found) for root, found in roots if root not in allowed]


def test_imports_inside_the_package_are_relative():
    assert not [str(i) for i in ALL if not i.inside and i.module.split(".")[0] in ("osteon", "core", "scene")]


def test_no_private_name_of_another_module():
    names = [str(i) for i in INSIDE if i.name and i.name.startswith("_") and not i.name.endswith("__")]
    modules = [str(i) for i in INSIDE if any(p.startswith("_") and not p.endswith("__") for p in i.module.split("."))]
    assert not names + modules
    for path in SHIPPED:
        aliases = {found.name for found in imports(path) if found.inside and _is_module(found.module)}
        reached = [
            f"{path.relative_to(ROOT)}:{node.lineno} {ast.unparse(node)}"
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.endswith("__")
            if isinstance(node.value, ast.Name) and node.value.id in aliases
        ]
        assert not reached


def test_pyproject_lists_every_package():
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    found = {f"osteon.{'.'.join(path.parent.relative_to(ROOT).parts)}".rstrip(".") for path in SHIPPED}
    assert sorted(packages) == sorted(found)


@pytest.mark.parametrize("name", ["osteon", "osteon.core", "osteon.core.errors", "osteon.core.jobs"])
def test_light_modules_import_no_heavy_package(name):
    heavy = "{'torch', 'scipy', 'trimesh', 'ai_edge_litert', 'bpy', 'PIL', 'av'}"
    code = f"import sys, {name}; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stderr
