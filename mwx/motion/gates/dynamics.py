"""The inverse-dynamics gate: can the ground and the servos supply what the motion takes?"""

from dataclasses import dataclass

import numpy as np

from mwx.motion import tangent
from mwx.motion.feedforward import WEIGHT, FeedForward, feed_forward
from mwx.motion.gates.verdict import Check, Verdict, decide, not_judged
from mwx.motion.reference import Reference
from mwx.robot import H1
from mwx.types import Array

NAME, VERSION = "dynamics", 2
ANKLES = np.array([name.endswith("ankle") for name in H1.joint_names])


@dataclass(frozen=True)
class DynamicsLimits:
    """Upper bounds of what inverse dynamics leaves unexplained or asks too much.

    Attributes:
        stance_force: [body weight] unexplained, 95 % of frames with anything down; 0.3 is the
            target of a walk, 0.6 that of a run.
        mean_force: [body weight] unexplained, mean of all frames: a robot that floats has 1, real
            flight has 0.
        lever: [m] unexplained moment over body weight, 95 % of frames with anything down;
            captured walks and runs whose commands hold in simulation have 0.2 to 0.35.
        support: force and lever together, mean of frames with anything down: recorded walks and
            runs have 0.13 to 0.18, a statue that leans 0.7 m ahead of its feet 0.36.
        torque: demand over the servo's bound, worst joint but the ankles, 95 % of frames.
        ankle_torque: the same for the ankles; human push-off asks several times H1's 40 N m, the
            servo saturates and a policy steps instead, so only gross excess is infeasible.
    """

    stance_force: float = 0.6
    mean_force: float = 0.5
    lever: float = 0.4
    support: float = 0.3
    torque: float = 1.5
    ankle_torque: float = 4.0


def dynamics(reference: Reference, limits: DynamicsLimits | None = None) -> Verdict:
    """Return whether friction cones where the body rests and the servos' bounds suffice."""
    limits = limits or DynamicsLimits()
    if reference.num_frames < 3:
        return not_judged(NAME, f"{reference.num_frames} frames have no acceleration", VERSION)
    return decide(NAME, checks(reference, inverse_dynamics(reference), limits), limits, VERSION)


def inverse_dynamics(reference: Reference) -> FeedForward:
    """Return what the reference's motion takes from the ground and the servos."""
    return feed_forward(reference.qpos, reference.contact, reference.fps,
                        reference.advance if reference.loop else None,
                        smoothing=tangent.CLEAN if reference.generated else tangent.CAPTURED,
                        supports=reference.bearing or None)


def checks(reference: Reference, forward: FeedForward, limits: DynamicsLimits) -> list[Check]:
    """Return each quantity against its bound; of a robot that never stands, in all frames."""
    stands = np.any([*reference.contact.T, *reference.bearing.values()], axis=0)
    stands |= not stands.any()
    used = np.abs(forward.torque / H1.force_limit)  # (T, 19)
    lever = forward.unexplained_moment / WEIGHT
    both = np.hypot(forward.unexplained, lever)[stands]
    return [
        _percentile("stance_force", forward.unexplained, stands, limits.stance_force,
                    "body weight", "no support gives, 95 % of stance, a force of"),
        Check("mean_force", float(forward.unexplained.mean()), limits.mean_force, "body weight",
              "no support gives, mean of all frames, worst", int(forward.unexplained.argmax())),
        _percentile("lever", lever, stands, limits.lever, "m of body weight",
                    "no support gives, 95 % of stance, a moment of"),
        Check("support", float(both.mean()), limits.support,
              "body weight (and m)", "no support gives, mean of stance, force and moment",
              int(np.flatnonzero(stands)[both.argmax()])),
        _torque("torque", used, ~ANKLES, limits.torque),
        _torque("ankle_torque", used, ANKLES, limits.ankle_torque)]


def _percentile(name: str, values: Array, where: Array, limit: float, unit: str, said: str
                ) -> Check:
    frames = np.flatnonzero(where)
    value = float(np.percentile(values[frames], 95))
    return Check(name, value, limit, unit, said, int(frames[values[frames].argmax()]))


def _torque(name: str, used: Array, joints: Array, limit: float) -> Check:
    numbers = np.flatnonzero(joints)
    worst = numbers[np.percentile(used[:, numbers], 95, axis=0).argmax()]
    value = float(np.percentile(used[:, worst], 95))
    return Check(name, value, limit, "of its bound",
                 f"{H1.joint_names[worst]} needs, 95 % of frames, a torque",
                 int(used[:, worst].argmax()))
