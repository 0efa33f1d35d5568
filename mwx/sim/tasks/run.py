"""Run: go forward at 5 m/s, upright."""

from typing import ClassVar

from mwx.sim.tasks.walk import Walk


class Run(Walk):
    """HumanoidBench run: walk's reward at 5 m/s."""

    name: ClassVar[str] = "run"
    text: ClassVar[str] = "Run forward at five metres per second without falling."
    speed: ClassVar[float] = 5.0
    distance: ClassVar[float] = 100.0
