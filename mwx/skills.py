"""The skills by name, the paper's eight first, each with one line on what it does.

Guidance reads these lines; its files carry a hash of them.
"""

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
    "step": "step slowly to a target point, ready to stop at any moment",
})
