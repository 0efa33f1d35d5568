"""The pool of experts: K skills, one call."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import mwx
from mwx.errors import MwxError, unknown
from mwx.experts.expert import Expert, ExpertCarry, load_card, load_expert
from mwx.skills import DESCRIPTIONS
from mwx.types import Array, Obs


class ExpertLibrary:
    """K experts that share an observation; calling it gives all their proposals.

    Attributes:
        names: (K,) skills in order.
        cards: skill -> its card (command, commit, scores); empty where an expert has none.
        descriptions: skill -> one line of what it can do, as the guidance reads it.
    """

    def __init__(self, experts: Mapping[str, Expert],
                 cards: Mapping[str, Mapping[str, Any]] | None = None):
        if not experts:
            raise MwxError("an expert library needs at least one expert")
        self.experts = dict(experts)
        self.names = tuple(self.experts)
        self.cards = {name: dict((cards or {}).get(name, {})) for name in self.names}
        self.descriptions = {n: DESCRIPTIONS.get(n, n.replace("_", " ")) for n in self.names}
        self.act_dim = next(iter(self.experts.values())).act_dim

    def __len__(self) -> int:
        return len(self.names)

    def initial(self, num_envs: int) -> tuple[ExpertCarry, ...]:
        """Return every expert's carry at the start of B episodes."""
        return tuple(e.initial(num_envs) for e in self.experts.values())

    def restart(self, carry: tuple[ExpertCarry, ...], rows: Array) -> tuple[ExpertCarry, ...]:
        """Return the carries with the given rows (B,) bool back at the start of an episode."""
        return tuple(e.restart(c, rows)
                     for e, c in zip(self.experts.values(), carry, strict=True))

    def __call__(self, obs: Obs, carry: tuple[ExpertCarry, ...]
                 ) -> tuple[Array, tuple[ExpertCarry, ...]]:
        """Return proposals (B, K, A) in [-1, 1] and the next carries."""
        results = [e(obs, c) for e, c in zip(self.experts.values(), carry, strict=True)]
        return np.stack([r[0] for r in results], 1), tuple(r[1] for r in results)

    def subset(self, names: Sequence[str]) -> "ExpertLibrary":
        """Return a library of the named experts only.

        Raises:
            MwxError: a name is unknown; the nearest one is named.
        """
        for name in names:
            if name not in self.experts:
                raise unknown("expert", name, self.names)
        return ExpertLibrary({n: self.experts[n] for n in names}, self.cards)


def shipped_root() -> Path:
    """Return the folder of the experts shipped with mwx (in the wheel or beside the sources)."""
    package = Path(mwx.__file__).parent
    inside = package / "pretrained"
    return inside if inside.is_dir() else package.parent / "pretrained"


def named(folder: str | Path) -> str:
    """Return a folder as a command names it: "pretrained/..." if it is shipped, else its path."""
    inside, root = Path(folder).resolve(), shipped_root().resolve()
    return f"pretrained/{inside.relative_to(root).as_posix()}" if root in inside.parents else str(
        folder)


def expert_folders(root: str | Path | None = None) -> dict[str, Path]:
    """Return skill -> folder of every expert under a root, the shipped ones unless told."""
    root = Path(root) if root is not None else shipped_root()
    if not root.is_dir():
        raise MwxError(f"{root}: no such folder of experts")
    known = [p for p in sorted(root.iterdir()) if (p / "reference.npz").is_file()]
    order = {name: i for i, name in enumerate(DESCRIPTIONS)}
    return {p.name: p for p in sorted(known, key=lambda p: (order.get(p.name, 99), p.name))}


def load_library(root: str | Path | None = None, names: Sequence[str] | None = None
                 ) -> ExpertLibrary:
    """Load experts from a folder of experts, the shipped ones unless told.

    Raises:
        MwxError: none is there, a name is unknown, or a file is damaged.
    """
    folders = expert_folders(root)
    for name in names or ():
        if name not in folders:
            raise unknown("expert", name, folders)
    chosen = names or tuple(folders)
    if not chosen:
        raise MwxError(f"{root or shipped_root()}: no expert there; `mwx expert train` makes one")
    cards = {name: load_card(folders[name]) for name in chosen
             if (folders[name] / "card.json").is_file()}
    return ExpertLibrary({name: load_expert(folders[name]) for name in chosen}, cards)
