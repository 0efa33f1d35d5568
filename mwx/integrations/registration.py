"""gymnasium ids: mwx/<robot>-<task>-v0 for every task, known as soon as mwx is imported.

`import mwx` must stay light, and gymnasium is not. So the ids are registered at once where
gymnasium is loaded already, and otherwise right after somebody loads it; either order of the two
imports does.
"""

import importlib.util
import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, NamedTuple

NAMESPACE = "mwx"
REGISTRY = "gymnasium.envs.registration"  # the module that keeps gymnasium's ids
SINGLE = "mwx.integrations.gymnasium_env:GymEnv"
VECTOR = "mwx.integrations.gymnasium_vector:GymVectorEnv"


class Listing(NamedTuple):
    """What gymnasium must know of a task before it is built.

    Attributes:
        success_bar: episode return that counts as solved.
        max_steps: control steps of an episode.
        robots: who can do it.
    """

    success_bar: float
    max_steps: int = 1000
    robots: tuple[str, ...] = ("h1", "h1hand")


# The same facts as in mwx.sim.tasks, which cannot be asked here: it needs MuJoCo. A test compares.
LISTINGS: dict[str, Listing] = {
    "stand": Listing(800),
    "walk": Listing(700),
    "reach": Listing(12000),
    "door": Listing(600),
    "carry": Listing(700),
    "reach_two_hands": Listing(700, robots=("h1",)),
    "run": Listing(700),
    "crawl": Listing(700),
    "sit_simple": Listing(750),
    "sit_hard": Listing(750),
    "basketball": Listing(1200, 500),
    "push": Listing(700, 500),
    "truck": Listing(3000),
    "package": Listing(1500),
    "hurdle": Listing(700),
    "maze": Listing(1200),
    "pole": Listing(700),
    "stair": Listing(700),
    "slide": Listing(700),
    "balance_simple": Listing(800),
    "balance_hard": Listing(800),
    "highbar_simple": Listing(750, robots=("h1",)),
    "highbar_hard": Listing(750, robots=("h1strong",)),
    "powerlift": Listing(800, robots=("h1hand",)),
    "spoon": Listing(650, robots=("h1hand",)),
    "cabinet": Listing(2500, robots=("h1hand",)),
    "cube": Listing(370, 500, robots=("h1hand",)),
    "bookshelf_simple": Listing(2000, robots=("h1hand",)),
    "bookshelf_hard": Listing(2000, robots=("h1hand",)),
    "window": Listing(650, robots=("h1hand",)),
    "room": Listing(400, robots=("h1hand",)),
    "insert_normal": Listing(350, 500, robots=("h1hand",)),
    "insert_small": Listing(350, 500, robots=("h1hand",)),
}


def listed() -> dict[str, Listing]:
    """Return the listing of every "robot-task"."""
    return {f"{robot}-{task}": listing for task, listing in LISTINGS.items()
            for robot in listing.robots}


def gymnasium_id(name: str) -> str:
    """Return the gymnasium id of a "robot-task", e.g. "mwx/h1-walk-v0"."""
    return f"{NAMESPACE}/{name}-v0"


def register_all(registry: ModuleType) -> None:
    """Register every id that is not registered yet.

    Args:
        registry: the module gymnasium.envs.registration.
    """
    for name, listing in listed().items():
        if gymnasium_id(name) not in registry.registry:
            registry.register(
                gymnasium_id(name), entry_point=SINGLE, vector_entry_point=VECTOR,
                max_episode_steps=listing.max_steps, reward_threshold=listing.success_bar,
                kwargs={"task": name})


def register_when_loaded() -> None:
    """Register every id now, or as soon as gymnasium is imported."""
    if REGISTRY in sys.modules:
        register_all(sys.modules[REGISTRY])
    elif not any(isinstance(finder, _AfterGymnasium) for finder in sys.meta_path):
        sys.meta_path.insert(0, _AfterGymnasium())


class _AfterGymnasium:
    """Sees gymnasium's registry being imported, lets it happen, adds our ids, and is gone."""

    def find_spec(self, name: str, path: Sequence[str] | None = None,
                  target: ModuleType | None = None) -> ModuleSpec | None:
        if name != REGISTRY:
            return None
        sys.meta_path.remove(self)  # whatever comes of it: asked once
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            loader: Any = spec.loader
            loader.exec_module = _then_register(loader.exec_module)
        return spec


def _then_register(execute: Callable[[ModuleType], None]) -> Callable[[ModuleType], None]:
    def execute_and_register(module: ModuleType) -> None:
        execute(module)
        register_all(module)
    return execute_and_register
