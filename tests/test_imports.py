"""Imports point one way, `import mwx` is light, no global generator, no pickle."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import mwx

PACKAGE = Path(mwx.__file__).parent
LAYERS = (
    ("types", "config", "errors", "files", "untrusted", "rng", "runs", "opening", "interrupts",
     "progress", "skills"),
    ("maths",),
    ("robot", "agents"),
    ("motion", "sim"),
    ("experts",),
    ("router",),
    ("evaluation",),
    ("baselines", "integrations", "recipes", "demo", "paper", "cli", "commands", "check",
     "fleet"),
)
SIBLINGS = (("robot", "agents"), ("motion", "sim"))  # same layer, blind to each other
LAYER = {room: i for i, layer in enumerate(LAYERS) for room in layer}
FILES = sorted(PACKAGE.rglob("*.py"))
NAMES = [str(f.relative_to(PACKAGE)) for f in FILES]


def room(module: str) -> str | None:
    """Return the room of a dotted module, e.g. 'sim' for 'mwx.sim.env'; None for mwx itself."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else None


def imported(tree: ast.AST) -> set[str]:
    """Return dotted modules of this package that a file imports, anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import: write the full name"
            found.add(node.module or "")
            if node.module == "mwx":
                found |= {f"mwx.{alias.name}" for alias in node.names}
    return {name for name in found if name == "mwx" or name.startswith("mwx.")}


def forbidden(here: str, there: str) -> str | None:
    if here == there:
        return None
    for pair in SIBLINGS:
        if {here, there} == set(pair):
            return "siblings do not see each other"
    if LAYER[there] > LAYER[here]:
        return f"layer {LAYER[here]} must not import layer {LAYER[there]}"
    return None


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_imports_point_one_way(path: Path) -> None:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    here = parts[0]
    if here in ("__init__", "__main__"):
        return
    assert here in LAYER, f"{here} is in no layer: add it to LAYERS"
    for module in imported(ast.parse(path.read_text())):
        there = room(module)
        if there is not None and there in LAYER:
            assert forbidden(here, there) is None, f"{module}: {forbidden(here, there)}"


def test_the_rule_would_catch_a_breach() -> None:
    assert forbidden("robot", "sim") and forbidden("agents", "robot") and forbidden("sim", "motion")
    assert forbidden("router", "evaluation") and forbidden("runs", "maths")
    assert not forbidden("cli", "experts") and not forbidden("experts", "agents")


GLOBAL_RANDOM_OK = {"Generator", "PCG64", "SeedSequence", "default_rng", "BitGenerator"}


def dotted(node: ast.AST) -> str:
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""


# the original package draws its goals from numpy's global generator: the adapter gives it a stream
# of its own there and puts the old state back after every call
USES_ANOTHERS_GLOBAL = ("integrations/humanoid_bench_rows.py",)


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_no_global_generator_and_no_pickle(path: Path) -> None:
    tree = ast.parse(path.read_text())
    restored = {id(inner) for outer in ast.walk(tree) if isinstance(outer, ast.With)
                and any("fork_rng" in ast.unparse(item) for item in outer.items)
                for inner in ast.walk(outer)}  # a global state that is put back is not touched
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and id(node) not in restored:
            name = dotted(node)
            for prefix in ("np.random.", "numpy.random."):
                if name.startswith(prefix) and not str(path).endswith(USES_ANOTHERS_GLOBAL):
                    assert name.removeprefix(prefix).split(".")[0] in GLOBAL_RANDOM_OK, \
                        f"line {node.lineno}: {name} is a global generator"
            assert name not in ("torch.manual_seed", "torch.load", "torch.save", "random.seed"), \
                f"line {node.lineno}: {name}"
        if isinstance(node, ast.Import | ast.ImportFrom):
            direct = isinstance(node, ast.Import)
            for module in [a.name for a in node.names] if direct else [node.module]:
                assert module not in ("pickle", "dill", "joblib", "cloudpickle", "random"), \
                    f"line {node.lineno}: import {module}"
        if isinstance(node, ast.Call) and dotted(node.func) in ("np.load", "numpy.load"):
            given = {k.arg: k.value for k in node.keywords}
            allow = given.get("allow_pickle")
            assert isinstance(allow, ast.Constant) and allow.value is False, \
                f"line {node.lineno}: np.load without allow_pickle=False"


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_files_stay_short(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 350


HEAVY = ("torch", "mujoco", "matplotlib", "scipy", "openai", "imageio", "gymnasium", "tensorboard")


@pytest.mark.parametrize("module", ["mwx", "mwx.cli", "mwx.paper"])
def test_import_is_light(module: str) -> None:
    code = f"import sys, {module}; print(*[m for m in {HEAVY} if m in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                            check=True).stdout.split()
    assert loaded == []
