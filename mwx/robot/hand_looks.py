"""How the Shadow hands look, from primitives."""

import mujoco


def add_hand_looks(spec: mujoco.MjSpec, bodies: dict[str, mujoco.MjsBody]) -> None:
    """Add visual geoms (group 2, massless, colliding with nothing) to the hands."""
