"""The paper's experts by name, each with one line on what it does and what it needs."""

from collections.abc import Mapping
from types import MappingProxyType

DESCRIPTIONS: Mapping[str, str] = MappingProxyType({
    "stand": "keeps balance upright on the spot; needs both feet on level ground",
    "walk": "walks forward at about 1 m/s while upright; needs level ground ahead",
    "run": "runs forward fast while upright; needs a long clear way ahead",
    "sit": "lowers the body onto a seat behind it and stays seated",
    "carry": "walks while both forearms hold an object in front of the chest",
    "reach": "moves one hand to a target within arm's length; the feet stay where they are",
    "reach_two_hands": "moves both hands to a target in front; the feet stay where they are",
    "crawl": "moves forward low above the ground, under an obstacle; needs a flat ground",
})

PREREQUISITES: Mapping[str, tuple[str, ...]] = MappingProxyType({
    # Table IV starts every reaching task with Stand: an arm is of no use to a falling robot.
    "reach": ("stand",), "reach_two_hands": ("stand",), "carry": ("stand",),
})
