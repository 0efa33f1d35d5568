"""Nested states <-> flat arrays and JSON values, for checkpoints without pickles."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from mwx.types import Array


def split_state(state: Mapping[str, Any], prefix: str = "") -> tuple[dict[str, Array],
                                                                     dict[str, Any]]:
    """Split nested mappings into arrays by slashed path, and everything else as JSON values."""
    arrays: dict[str, Array] = {}
    values: dict[str, Any] = {}
    for name, value in state.items():
        path = f"{prefix}{name}"
        if isinstance(value, np.ndarray):
            arrays[path] = value
        elif isinstance(value, Mapping):
            inner, rest = split_state(value, f"{path}/")
            arrays |= inner
            values[name] = rest
        else:
            values[name] = value
    return arrays, values


def join_state(arrays: Mapping[str, Array], values: Mapping[str, Any]) -> dict[str, Any]:
    """Undo split_state."""
    def copied(node: Any) -> Any:
        return {k: copied(v) for k, v in node.items()} if isinstance(node, Mapping) else node

    state = copied(values)
    for path, array in arrays.items():
        *folders, name = path.split("/")
        node = state
        for folder in folders:
            node = node.setdefault(folder, {})
        node[name] = array
    return state
