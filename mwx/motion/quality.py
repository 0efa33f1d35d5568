"""The quality sheet of a reference: how true to the human, how feasible for the robot."""

from dataclasses import dataclass
from typing import Any

import mujoco
import numpy as np

from mwx.maths import rotations
from mwx.motion import bodies, contacts, kinematics, tangent
from mwx.motion.feedforward import FEET, FeedForward, feed_forward
from mwx.motion.ik_seed import LINKS
from mwx.motion.reference import Reference, mirror_qpos
from mwx.motion.skeleton_fit import BONES, Targets
from mwx.robot import H1, h1_numbers
from mwx.types import Array

DEPTH = 0.005  # [m] deeper overlaps of the robot's own parts count as collisions
FLAT = 0.02  # [m] a standing foot whose heel is lower than this stands flat
BASE_SPEED = 8.0  # [m/s] of the pelvis; the fastest run of this project asks 5, plus its bounce
ARM = ("shoulder_yaw_link", "elbow_link", "hand")
# quantity -> (unit, target, larger is better)
TARGETS = {
    "key_error_mean": ("cm", 1.5, False), "key_error_p95": ("cm", 3.0, False),
    "bone_direction": ("deg", 3.0, False), "skate_mean": ("cm/s", 1.0, False),
    "skate_p95": ("cm/s", 3.0, False), "sole_height": ("cm", 0.3, False),
    "penetration": ("cm", 0.5, False), "foot_tilt": ("deg", 3.0, False),
    "inside_limits": ("%", 100.0, True), "inside_speed_limits": ("%", 100.0, True),
    "joint_jump": ("rad/frame", 0.3, False), "base_speed": ("m/s", BASE_SPEED, False),
    "acceleration_rms": ("rad/s^2", 16.0, False),
    "self_collision": ("% frames", 0.0, False), "supported": ("% frames", 1.0, True),
    "unexplained_p95": ("body weight", 0.3, False),
    "utilisation": ("of torque bound", 1.0, False),
}


@dataclass(frozen=True)
class Sheet:
    """Measured qualities, name -> number in the units of TARGETS; absent where not measurable."""

    label: str
    values: dict[str, float]

    @property
    def targets(self) -> dict[str, tuple[str, float, bool]]:
        """TARGETS of this kind of motion: a run lands harder, and no target is set for its jerk."""
        if "run" not in self.label.lower():
            return TARGETS
        others = {name: row for name, row in TARGETS.items() if name != "acceleration_rms"}
        return others | {"unexplained_p95": ("body weight", 0.6, False)}

    def passes(self, name: str) -> bool:
        """Return whether a quantity meets its target; one without a target does."""
        if name not in self.targets:
            return True
        _, target, more = self.targets[name]
        value = round(self.values[name], 6)
        return value >= target if more else value <= target

    def bound(self, name: str) -> str:
        """Return a quantity's target as text, "-" where there is none."""
        if name not in self.targets:
            return "-"
        _, target, more = self.targets[name]
        return f"{'>=' if more else '<='} {target:g}"

    @property
    def missed(self) -> tuple[str, ...]:
        """The measured quantities that do not meet their targets."""
        return tuple(name for name in self.values if not self.passes(name))

    @property
    def passed(self) -> bool:
        """All measured quantities meet their targets."""
        return not self.missed

    def sentence(self) -> str:
        """Return what misses its target, with both numbers; "" where nothing does."""
        return ", ".join(f"{name.replace('_', ' ')} {self.values[name]:.3g} {self.targets[name][0]}"
                         f" ({self.bound(name)})" for name in self.missed)

    def to_dict(self) -> dict[str, Any]:
        """Return the values as JSON numbers."""
        return {name: float(value) for name, value in self.values.items()}

    def table(self) -> Any:
        """Return a rich table with targets and marks."""
        from rich.table import Table

        table = Table("quantity", "measured", "target", "unit", "", title=f"motion: {self.label}")
        for name, (unit, _, _) in TARGETS.items():
            if name in self.values:
                table.add_row(name.replace("_", " "), f"{self.values[name]:.2f}",
                              self.bound(name), unit,
                              "" if name not in self.targets else
                              "ok" if self.passes(name) else "MISS")
        return table


def quality_sheet(reference: Reference, forward: FeedForward | None = None) -> Sheet:
    """Return the sheet of a reference; fidelity to the human comes from its own metrics.

    Args:
        reference: what to measure.
        forward: its inverse dynamics, where they are at hand.
    """
    advance = reference.advance if reference.loop else None
    smoothing = tangent.CLEAN if reference.generated else tangent.CAPTURED
    values = {n: reference.metrics[n] for n in ("key_error_mean", "key_error_p95", "bone_direction")
              if n in reference.metrics}
    values |= _stance(_feet(reference.qpos), reference)
    values |= _joints(reference)
    values["self_collision"] = 100 * float(self_collisions(reference.qpos).mean())
    forward = forward or feed_forward(reference.qpos, reference.contact, reference.fps, advance,
                                      smoothing=smoothing, supports=reference.bearing or None)
    stands = np.any([*reference.contact.T, *reference.bearing.values()], axis=0)
    values["supported"] = 100 * float(stands.mean())
    # of a robot that nothing ever bears, all frames count: it floats or falls
    values["unexplained_p95"] = _p95(forward.unexplained[stands if stands.any() else ...])
    values["utilisation"] = float(forward.utilisation.max())
    return Sheet(reference.label, values)


def steps(reference: Reference) -> Array:
    """Return the tangent steps (T - 1, 25) between frames, (T, 25) over the seam of a loop."""
    qpos = reference.qpos
    if reference.loop:
        last = qpos[:1].copy()
        last[:, :3] += reference.advance
        qpos = np.concatenate([qpos, last])
    return tangent.difference(qpos[:-1], qpos[1:])


def fidelity(qpos: Array, targets: Targets) -> dict[str, float]:
    """Return key-point error [cm] and bone-direction error [deg] against the human."""
    pose = kinematics.forward(qpos)
    places = {part: pose.places[link] for part, link in LINKS.items()}
    errors = 100 * np.stack([np.linalg.norm(places[p] - targets.points[p], axis=1) for p in LINKS])
    angles = []
    for bone in BONES:
        line = places[bone[1]] - places[bone[0]]
        cosine = np.sum(line * targets.directions[bone], axis=1) / np.linalg.norm(line, axis=1)
        angles.append(np.degrees(np.arccos(np.clip(cosine, -1, 1))))
    return {"key_error_mean": float(errors.mean()), "key_error_p95": _p95(errors),
            "bone_direction": float(np.mean(angles))}


def self_collisions(qpos: Array) -> Array:
    """Return (T,) bool: parts of the robot overlap by more than DEPTH, here or in the mirror.

    H1 is symmetric, the shapes that stand for its trunk are so only to some millimetres: a pose and
    its mirror image are the same pose.
    """
    return _overlaps(qpos)[:, 2] + _overlaps(mirror_qpos(qpos))[:, 2] > 0


def arm_overlaps(qpos: Array) -> Array:
    """Return (T, 2) [m] how deep the left and the right arm overlap the rest, 0 up to DEPTH.

    The deeper of a pose and its mirror image counts, see `self_collisions`.
    """
    return np.maximum(_overlaps(qpos)[:, :2], _overlaps(mirror_qpos(qpos))[:, 1::-1])


def _overlaps(qpos: Array) -> Array:
    """Return (T, 3) [m] how deep the left arm, the right arm and any part overlap the others."""
    model = bodies.model()
    data = mujoco.MjData(model)
    names = [model.body(b).name for b in range(model.nbody)]
    part = np.array([*([name.startswith(f"{side}_") and name.endswith(ARM) for name in names]
                       for side in ("left", "right")), [True] * model.nbody])
    out = np.zeros((len(qpos), 3))
    for t, row in enumerate(qpos):
        data.qpos[:] = row
        mujoco.mj_kinematics(model, data)
        mujoco.mj_collision(model, data)
        if (deep := data.contact.dist < -DEPTH).any():
            owners = model.geom_bodyid[data.contact.geom[deep]]  # (C, 2)
            depth = -data.contact.dist[deep] * (owners > 0).all(axis=1)
            out[t] = (depth * part[:, owners].any(axis=2)).max(axis=1)
    return out


def _feet(qpos: Array) -> list[tuple[Array, Array]]:
    """Return positions (T, 3) and quaternions (T, 4) of the left and the right ankle link."""
    pose = kinematics.forward(qpos)
    return [(pose.places[name], rotations.from_matrix(pose.turns[name])) for name in FEET]


def _stance(feet: list[tuple[Array, Array]], reference: Reference) -> dict[str, float]:
    speeds, tilts, heights, depths = [], [], [], []
    for i, (place, turn) in enumerate(feet):
        heel, tip = (place + rotations.rotate(turn, np.array([x, 0, -h1_numbers.SOLE_HEIGHT]))
                     for x in h1_numbers.SOLE_X)
        lowest = np.minimum(heel[:, 2], tip[:, 2])
        depths.append(-lowest)
        up = rotations.rotate(turn, np.array([0.0, 0.0, 1.0]))
        tilt = np.degrees(np.arccos(np.clip(up[:, 2], -1, 1)))
        for start, end in contacts.runs(reference.contact[:, i]):
            speed = np.linalg.norm(np.diff(tip[start:end, :2], axis=0), axis=1) * reference.fps
            speeds.append(100 * speed)
            heights.append(100 * np.abs(lowest[start:end]))
            tilts.append(tilt[start:end][heel[start:end, 2] < FLAT])
    out = {"penetration": float(max(0.0, 100 * np.concatenate(depths).max()))}
    if speeds and sum(t.size for t in tilts):
        speed = np.concatenate(speeds)
        out |= {"skate_mean": float(speed.mean()), "skate_p95": _p95(speed),
                "sole_height": float(np.concatenate(heights).mean()),
                "foot_tilt": float(np.concatenate(tilts).mean())}
    return out


def _joints(reference: Reference) -> dict[str, float]:
    joints = reference.qpos[:, 7:]
    moves = steps(reference)
    base, moves = np.linalg.norm(moves[:, :3], axis=1), np.abs(moves[:, 6:])
    inside = ((joints >= H1.low) & (joints <= H1.high)).all(axis=1)
    slow = np.all(moves * reference.fps <= H1.speed_limit, axis=1).reshape(-1)
    change = tangent.acceleration(reference.qvel, reference.fps, reference.loop)[:, 6:]
    return {"inside_limits": 100 * float(inside.mean()),
            "inside_speed_limits": 100 * float(slow.mean()) if len(slow) else 100.0,
            "joint_jump": float(moves.max(initial=0)),
            "base_speed": float(base.max(initial=0)) * reference.fps,
            "acceleration_rms": float(np.sqrt(np.mean(change ** 2)))}


def _p95(values: Array) -> float:
    return float(np.percentile(values, 95)) if np.size(values) else 0.0
