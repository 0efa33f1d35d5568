"""The paper's experts by name, with one line on what each does; loads nothing heavy."""

from collections.abc import Mapping
from types import MappingProxyType

DESCRIPTIONS: Mapping[str, str] = MappingProxyType({
    "stand": "stand still and upright in balance",
    "walk": "walk forward at one metre per second",
    "run": "run forward fast",
    "sit": "sit down on a chair and stay seated",
    "carry": "hold a box in front of the body while walking",
    "reach": "stand and bring the left hand to a target point",
    "reach_two_hands": "stand and bring both hands to a target point",
    "crawl": "crawl forward on hands and knees",
})

PREREQUISITES: Mapping[str, tuple[str, ...]] = MappingProxyType({
    # Table IV starts every reaching task with Stand: an arm is of no use to a falling robot.
    "reach": ("stand",), "reach_two_hands": ("stand",), "carry": ("stand",),
})
