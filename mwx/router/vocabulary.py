"""The paper's experts by name, with one line on what each does; loads nothing heavy."""

from collections.abc import Mapping
from types import MappingProxyType

from mwx.skills import DESCRIPTIONS

__all__ = ["DESCRIPTIONS", "PREREQUISITES"]

PREREQUISITES: Mapping[str, tuple[str, ...]] = MappingProxyType({
    # Table IV starts every reaching task with Stand: an arm is of no use to a falling robot.
    "reach": ("stand",), "reach_two_hands": ("stand",), "carry": ("stand",),
})
