"""mwx: human motion -> world-model skill experts -> VLM-guided composition (MetaWorld-X).

`mwx.make("h1-door", num_envs=64)` returns environments stepped together; importing mwx also makes
`gymnasium.make("mwx/h1-door-v0")` and `gymnasium.make_vec` work.
"""

from typing import TYPE_CHECKING, Any

from mwx.integrations.registration import register_when_loaded

if TYPE_CHECKING:
    from mwx.sim import TASKS, make

__version__ = "0.1.0"
__all__ = ["TASKS", "__version__", "make"]

register_when_loaded()


def __getattr__(name: str) -> Any:
    """Load the simulation when it is first asked for: it takes MuJoCo with it."""
    if name in ("TASKS", "make"):
        import mwx.sim
        return getattr(mwx.sim, name)
    raise AttributeError(f"module 'mwx' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted([*globals(), "TASKS", "make"])
