"""The experts by name, with one line on what each does; loads nothing heavy."""

from collections.abc import Mapping
from types import MappingProxyType

from mwx.skills import DESCRIPTIONS

__all__ = ["DESCRIPTIONS", "PHRASES", "PREREQUISITES"]

PREREQUISITES: Mapping[str, tuple[str, ...]] = MappingProxyType({
    # Table IV starts every reaching task with Stand: an arm is of no use to a falling robot.
    "reach": ("stand",), "reach_two_hands": ("stand",), "carry": ("stand",),
})

# short ways to ask for a skill, for what compares texts: the nearest of them counts
PHRASES: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "stand": ("stand still", "keep your balance", "stay upright on the spot", "do not move"),
    "walk": ("walk forward", "go to a place on foot", "walk through a doorway", "climb stairs",
             "approach the object"),
    "run": ("run fast", "sprint", "jog along the track", "jump over hurdles while running"),
    "sit": ("sit down on a chair", "take a seat", "stay seated"),
    "carry": ("carry a box", "transport a load while walking", "bring a parcel somewhere",
              "move the package to its destination"),
    "reach": ("reach a point with the hand", "touch the object", "push it with a hand",
              "open a door or a drawer", "press a button", "pull the handle"),
    "reach_two_hands": ("grab it with both hands", "catch a ball", "lift a box with two hands",
                        "throw the ball", "take the package off the shelf"),
    "crawl": ("crawl on hands and knees", "creep through a low tunnel", "go under a low ceiling"),
    "step": ("step closer", "take small slow steps", "move up to the table", "shuffle nearer"),
})
