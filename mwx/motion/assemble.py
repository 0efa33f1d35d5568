"""A generated motion becomes a Reference: velocities, feed-forward commands, their metrics."""

from collections.abc import Mapping

import numpy as np

from mwx.motion import tangent
from mwx.motion.feedforward import feed_forward
from mwx.motion.reference import Reference
from mwx.motion.stand import FPS, small_control
from mwx.types import Array

LICENCE = "Apache-2.0"


def assemble(label: str, qpos: Array, contact: Array, advance: Array | None, source: str,
             metrics: dict[str, float], supports: Mapping[str, Array] | None = None
             ) -> Reference:
    """Return the reference of a generated motion.

    Args:
        label: the skill; source: where its figures come from.
        qpos: (T, 26) at 50 Hz; contact: (T, 2) bool, left and right foot.
        advance: (3,) [m] displacement per period of a loop; None for a motion that ends.
        metrics: more numbers to carry along.
        supports: part -> (T,) bool, what bears weight beside the feet.
    """
    forward = feed_forward(qpos, contact, FPS, advance, supports=supports)
    metrics = {**metrics, "unexplained_p95": float(np.percentile(forward.unexplained, 95)),
               "utilisation_max": float(forward.utilisation.max())}
    if label == "stand":
        metrics["small_control"] = small_control(forward.torque[0])
    return Reference(
        label=label, qpos=qpos, qvel=tangent.velocity(qpos, FPS, advance), ctrl=forward.ctrl,
        contact=contact, loop=advance is not None, fps=FPS, source=source, licence=LICENCE,
        advance=np.zeros(3) if advance is None else advance, generated=True, metrics=metrics,
        supports=np.stack(list(supports.values()), 1) if supports else None,
        support_names=tuple(supports or ()))
