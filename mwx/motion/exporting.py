"""Reference <-> files of robot motion that other programmes read and write."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
from scipy.interpolate import CubicSpline

from mwx.errors import MwxError, nearest
from mwx.maths import rotations
from mwx.motion import bodies, contacts, tangent
from mwx.motion.contacts import ContactConfig
from mwx.motion.feedforward import FEET, feed_forward
from mwx.motion.formats import npz
from mwx.motion.formats.robot_csv import read_csv, write_csv
from mwx.motion.formats.robot_motion import RobotMotion
from mwx.motion.formats.robot_npz import read_npz, write_npz
from mwx.motion.reference import Reference, sha256
from mwx.robot import h1_numbers
from mwx.types import Array

FPS = 50.0  # [Hz] of every reference
# suffix -> (what it is, how a reference is written so)
WRITERS: dict[str, tuple[str, Callable[[Reference, Path], Path]]] = {
    ".csv": ("a row a frame: base, quaternion x y z w, joints", write_csv),
    ".npz": ("keys of BeyondMimic and mjlab", write_npz)}


def export_reference(reference: Reference, path: str | Path) -> Path:
    """Write a reference for other programmes; the suffix decides: .csv or .npz.

    Raises:
        MwxError: another suffix.
    """
    path = Path(path)
    _check_suffix(path)
    return WRITERS[path.suffix.lower()][1](reference, path)


def import_reference(path: str | Path, label: str | None = None, fps: float | None = None,
                     say: Callable[[str], object] | None = None) -> Reference:
    """Read robot motion that `export_reference` or another programme wrote; at 50 Hz after that.

    Velocities, feed-forward commands and contacts come from the file where it has them for 50 Hz,
    else from derivatives, inverse dynamics and the soles' height and speed.

    Args:
        path: .csv or .npz file, or a reference of our own.
        label: name of the skill; the file's own, or its name, unless given.
        fps: [Hz] in place of the file's; of a CSV, which says none, 30 unless given.
        say: called with each sentence on what was found out or assumed.

    Raises:
        MwxError: another suffix, damaged, another robot's, no motion; with file and line or frame.
    """
    path = Path(path)
    _check_suffix(path)
    if not path.is_file():
        raise MwxError(f"{path}: no such file")
    if path.suffix.lower() == ".csv":
        motion = read_csv(path, fps)
    elif {"header", "qpos"} <= set(npz.array_names(path)):
        made = Reference.load(path)
        if fps is not None and fps != made.fps:
            raise MwxError(f"{path}: a reference of ours, at {made.fps:g} Hz, is taken as it is; "
                           "leave --fps out")
        return dataclasses.replace(made, label=label or made.label)
    else:
        motion = read_npz(path, fps)
    if say is not None:
        for note in motion.notes:
            say(note)
    return _reference(_at_50_hz(motion), path, label)


def _check_suffix(path: Path) -> None:
    if path.suffix.lower() not in WRITERS:
        kinds = "; ".join(f"{k} ({v[0]})" for k, v in WRITERS.items())
        raise MwxError(f"{path}: robot motion is not kept in '{path.suffix}' files: "
                       f"{nearest(path.suffix, WRITERS)}known: {kinds}")


def _at_50_hz(motion: RobotMotion) -> RobotMotion:
    """Return the motion at 50 Hz: cubic splines; what a file knew only of its frames is dropped."""
    if abs(motion.fps - FPS) < 1e-6:
        return motion
    times = np.arange(len(motion.qpos)) / motion.fps
    wanted = np.arange(0, times[-1] + 1e-9, 1 / FPS)
    if len(wanted) < 2:
        raise MwxError(f"a motion of {times[-1]:.3f} s is shorter than two frames of 50 Hz")
    qpos = CubicSpline(times, motion.qpos)(wanted)
    qpos[:, 3:7] /= np.linalg.norm(qpos[:, 3:7], axis=1, keepdims=True)
    facts = motion.facts | ({"loop": False} if "loop" in motion.facts else {})
    return RobotMotion(qpos, FPS, facts=facts)


def _reference(motion: RobotMotion, path: Path, label: str | None) -> Reference:
    facts: dict[str, Any] = {
        "label": path.stem, "source": path.name, "source_sha256": sha256(path.read_bytes()),
        "licence": "unknown", **motion.facts} | ({"label": label} if label else {})
    smoothing = tangent.CLEAN if facts.get("generated") else tangent.CAPTURED
    qvel, contact, ctrl = motion.qvel, motion.contact, motion.ctrl
    if qvel is None:
        qvel = tangent.velocity(motion.qpos, FPS, motion.advance, smoothing)
    if contact is None:
        contact = feet_on_ground(motion.qpos, FPS)
    if ctrl is None:
        ctrl = feed_forward(motion.qpos, contact, FPS, motion.advance, smoothing=smoothing).ctrl
    if motion.supports is not None:
        facts |= {"supports": motion.supports, "support_names": motion.support_names}
    advance = np.zeros(3) if motion.advance is None else motion.advance
    try:
        return Reference(qpos=motion.qpos, qvel=qvel, ctrl=ctrl, contact=contact, advance=advance,
                         **facts)
    except MwxError as error:
        raise MwxError(f"{path}: {error}") from None


def feet_on_ground(qpos: Array, fps: float, config: ContactConfig | None = None) -> Array:
    """Return (T, 2) bool: the heel or the tip of the left and the right sole rests on the floor.

    Args:
        qpos: (T, 26); fps: [Hz]; config: thresholds.
    """
    model = bodies.model()
    data = mujoco.MjData(model)
    points = np.zeros((len(FEET), len(h1_numbers.SOLE_X), len(qpos), 3))
    for t, row in enumerate(qpos):
        data.qpos[:] = row
        mujoco.mj_kinematics(model, data)
        for i, foot in enumerate(FEET):
            for k, x in enumerate(h1_numbers.SOLE_X):
                point = np.array([x, 0.0, -h1_numbers.SOLE_HEIGHT])
                points[i, k, t] = data.body(foot).xpos + rotations.rotate(data.body(foot).xquat,
                                                                          point)
    config = config or ContactConfig()
    on = [[contacts.standing(p, qpos[:, :3], fps, config) for p in foot] for foot in points]
    return np.any(on, axis=1).T
