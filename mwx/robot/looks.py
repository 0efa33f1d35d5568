"""How H1 looks: shells and motor housings from primitives, no meshes, no collisions."""

import mujoco


def add_looks(bodies: dict[str, mujoco.MjsBody]) -> None:
    """Add visual geoms (group 2, massless, colliding with nothing) to H1's bodies by name."""
