"""A root path in another unit than the body: read as the same clip in metres, and said."""

import json
from pathlib import Path

import numpy as np
import pytest

from mwx.errors import MwxError
from mwx.motion import MotionClip, Reference, generate, read_clip
from mwx.motion.exporting import import_reference
from mwx.motion.formats.deepmimic import JOINTS
from mwx.motion.formats.root_path import in_metres
from mwx.motion.formats.smpl_body import (
    BODY,
    NAMES,
    PARENTS,
    forward,
    textbook_body,
    write_reduced,
)
from mwx.motion.formats.smpl_body import Body as SmplBody
from mwx.motion.formats.units import UNITS
from mwx.motion.human import human_walk
from mwx.robot import H1
from mwx.types import Array

FPS = 60.0
OTHERS = [unit for unit in UNITS if unit != "metres"]


def walk(knee: float = 1.0) -> tuple[Array, Array]:
    """Return poses and a root path of one who walks along x; the lower foot stays in place."""
    time = np.arange(120) / FPS
    poses = np.zeros((len(time), BODY, 3))
    poses[:, 0] = np.array([1, 1, 1]) / np.sqrt(3) * 2 * np.pi / 3  # z forward, y up -> x, z
    for side, sign in (("L", 1), ("R", -1)):
        swing = sign * np.sin(2 * np.pi * time)
        lift = knee * np.maximum(sign * np.cos(2 * np.pi * time), 0)
        poses[:, NAMES.index(f"{side}_Hip"), 0] = -0.35 * swing - 0.5 * lift
        poses[:, NAMES.index(f"{side}_Knee"), 0] = lift
        poses[:, NAMES.index(f"{side}_Shoulder"), 2] = -1.3 * sign
    points, _ = forward(textbook_body().template, poses, np.zeros((len(time), 3)))
    ankles = points[:, [NAMES.index("L_Ankle"), NAMES.index("R_Ankle")]]
    lower = ankles[:-1, :, 2].argmin(axis=1)
    steps = -np.diff(ankles, axis=0)[np.arange(len(lower)), lower]
    path = np.concatenate([np.zeros((1, 3)), np.cumsum(steps, axis=0)])
    return poses, path + np.array([0, 0, 0.9])


def crouch() -> tuple[Array, Array]:
    """Return poses and a root path of one who bends the knees on the spot."""
    poses, _ = walk(knee=0.0)
    bend = 0.8 * (1 - np.cos(np.linspace(0, 4 * np.pi, len(poses)))) / 2
    for name, part in (("Hip", -0.5), ("Knee", 1.0), ("Ankle", -0.5)):
        for side in ("L", "R"):
            poses[:, NAMES.index(f"{side}_{name}")] = np.outer(part * bend, [1, 0, 0])
    points, _ = forward(textbook_body().template, poses, np.zeros((len(poses), 3)))
    return poses, np.stack([0 * bend, 0 * bend, -points[:, :, 2].min(axis=1)], axis=1)


def slide() -> tuple[Array, Array]:
    """Return one whose feet do not tell: a statue carried along at 0.9 m/s, on the floor."""
    poses = np.zeros((120, BODY, 3))
    poses[:, 0] = np.array([1, 1, 1]) / np.sqrt(3) * 2 * np.pi / 3
    return poses, np.stack([0.9 * np.arange(120) / FPS, np.zeros(120), np.full(120, 0.9)], axis=1)


MOTIONS = {"walk": walk(), "crouch": crouch(), "slide": slide(),
           "walk from zero": (walk()[0], walk()[1] - walk()[1][0]),
           "walk upstairs": (walk()[0], walk()[1] + [3, -2, 2.6])}


def save(path: Path, poses: Array, trans: Array) -> Path:
    np.savez(path, poses=poses.reshape(len(poses), -1), trans=trans, mocap_framerate=FPS)
    return path


@pytest.mark.parametrize("motion", MOTIONS)
@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("model", [False, True])
def test_amass(motion: str, unit: str, model: bool, tmp_path: Path) -> None:
    poses, trans = MOTIONS[motion]
    body = None if not model else write_reduced(
        SmplBody("SMPL", textbook_body(1.6).template, np.zeros((BODY, 3, 10))), tmp_path / "b.npz")
    plain = read_clip(save(tmp_path / "plain.npz", poses, trans), body_model=body)
    clip = read_clip(save(tmp_path / "m.npz", poses, trans / UNITS[unit]), body_model=body)
    np.testing.assert_allclose(clip.positions_w, plain.positions_w, atol=1e-9)
    said = [note for note in clip.notes if note.startswith("units")]
    assert not said if unit == "metres" else f"'trans' is in {unit}, the body is not" in said[0]


@pytest.mark.parametrize("unit", OTHERS)
def test_smplx_with_y_up(unit: str, tmp_path: Path) -> None:
    """Another name of the path, another axis up."""
    poses, trans = walk()
    poses[:, 0] = [0, 0, 0]
    trans = trans @ np.array([[0.0, 0, 1], [1, 0, 0], [0, 1, 0]])  # x -> z, z -> y

    def read(scale: float):
        np.savez(tmp_path / "m.npz", global_orient=poses[:, 0], body_pose=poses[:, 1:],
                 transl=scale * trans, fps=FPS)
        return read_clip(tmp_path / "m.npz")
    clip = read(1 / UNITS[unit])
    np.testing.assert_allclose(clip.positions_w, read(1).positions_w, atol=1e-9)
    assert any("y up, turned" in n for n in clip.notes)
    assert any(f"'transl' is in {unit}" in n for n in clip.notes)


def test_what_nothing_tells_is_said_or_refused(tmp_path: Path) -> None:
    poses, trans = slide()
    floating = save(tmp_path / "m.npz", poses, trans - [0, 0, 0.9])
    assert any("'trans' is taken to be in the body's" in n for n in read_clip(floating).notes)
    far = save(tmp_path / "far.npz", poses, 100 * (trans - [0, 0, 0.9]))
    with pytest.raises(MwxError, match=r"far\.npz: 'trans' moves at 90 m/s.*in centimetres"):
        read_clip(far)


def test_jitter_is_no_speed() -> None:
    poses, trans = slide()
    points, _ = forward(textbook_body().template, poses, 0 * trans)
    noisy = trans + 0.1 * np.random.default_rng(0).normal(size=trans.shape)
    path, notes = in_metres(NAMES, points, noisy, FPS, up="z", source="x", what="trans")
    assert np.array_equal(path, noisy) and not notes


@pytest.mark.parametrize("unit", OTHERS)
def test_deepmimic(unit: str, tmp_path: Path) -> None:
    width = sum(joint.turns for joint in JOINTS)
    rest = np.concatenate([[1.0, 0, 0, 0] if j.turns == 4 else [0.0] * j.turns for j in JOINTS])
    rows = np.concatenate([np.full((40, 1), 1 / 30), np.zeros((40, 3)),
                           np.broadcast_to(rest, (40, width))], axis=1)
    rows[:, 1:4] = np.stack([0.03 * np.arange(40), np.full(40, 0.85), np.zeros(40)], axis=1)

    def read(scale: float):
        scaled = rows * np.where(np.isin(np.arange(rows.shape[1]), (1, 2, 3)), scale, 1)
        (tmp_path / "m.txt").write_text(json.dumps({"Frames": scaled.tolist()}))
        return read_clip(tmp_path / "m.txt")
    clip = read(1 / UNITS[unit])
    np.testing.assert_allclose(clip.positions_w, read(1).positions_w, atol=1e-9)
    assert any(f"'root' is in {unit}" in note for note in clip.notes)


@pytest.mark.parametrize("unit", OTHERS)
def test_key_points(unit: str, tmp_path: Path) -> None:
    """A root path was put on points in metres, in another unit."""
    clip = human_walk(strides=2)
    root = clip.positions_w[:, :1]
    names = np.array(clip.names).astype("S")  # bytes
    np.savez(tmp_path / "m.npz", joint_pos_w=clip.positions_w - root + root / UNITS[unit],
             joint_names=names, fps=clip.fps)
    again = read_clip(tmp_path / "m.npz")
    np.testing.assert_allclose(again.positions_w, clip.positions_w, atol=1e-9)
    assert again.names == clip.names
    assert any(f"'Pelvis' is in {unit}" in note for note in again.notes)


@pytest.mark.parametrize("body", ["metres", "centimetres", "inches"])
@pytest.mark.parametrize("unit", ["metres", "centimetres", "millimetres"])
def test_bvh(body: str, unit: str, tmp_path: Path) -> None:
    """A person who stands and is carried along; the offsets in one unit, the root in another."""
    rest = textbook_body().template
    children = {j: [c for c, p in enumerate(PARENTS) if p == j] for j in range(BODY)}

    def joint(j: int) -> str:
        at = (rest[j] - rest[max(PARENTS[j], 0)] if j else 0 * rest[0]) / UNITS[body]
        kind = "JOINT" if j else "ROOT"
        channels = "6 Xposition Yposition Zposition Zrotation Xrotation Yrotation" if not j else (
            "3 Zrotation Xrotation Yrotation")
        inside = "".join(joint(c) for c in children[j]) or "End Site\n{\nOFFSET 0 0.01 0\n}\n"
        return (f"{kind} {NAMES[j]}\n{{\nOFFSET {at[0]} {at[1]} {at[2]}\nCHANNELS {channels}\n"
                f"{inside}}}\n")

    def read(root: float) -> MotionClip:
        rows = np.zeros((60, 3 + 3 * BODY))
        rows[:, 1], rows[:, 2] = 0.9 / root, np.linspace(0, 1, 60) / root
        table = "\n".join(" ".join(f"{x:.9g}" for x in row) for row in rows)
        (tmp_path / "m.bvh").write_text(f"HIERARCHY\n{joint(0)}MOTION\nFrames: 60\n"
                                        f"Frame Time: 0.0166667\n{table}\n")
        return read_clip(tmp_path / "m.bvh")
    clip, plain = read(UNITS[unit]), read(UNITS[body])
    np.testing.assert_allclose(clip.positions_w, plain.positions_w, atol=1e-6)
    assert not any("read so" in note for note in plain.notes)
    assert any(f"'Pelvis' is in {unit}" in note for note in clip.notes) == (unit != body)


@pytest.fixture(scope="module")
def robot() -> Reference:
    return generate("walk", speed=1.05)


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("kind", ["csv", "npz", "qpos", "bodies"])
def test_robots(robot: Reference, unit: str, kind: str, tmp_path: Path) -> None:
    qpos = robot.qpos.copy()
    qpos[:, :3] /= UNITS[unit]
    path, what = tmp_path / f"walk.{'csv' if kind == 'csv' else 'npz'}", "base_pos_w"
    arrays = {"joint_names": np.array(H1.joint_names), "fps": robot.fps}
    if kind == "csv":
        what = "x y z"
        np.savetxt(path, qpos[:, [0, 1, 2, 4, 5, 6, 3, *range(7, 26)]], fmt="%.9f", delimiter=",")
    elif kind == "qpos":
        np.savez(path, qpos=qpos, **arrays)
        what = "base_pos"
    elif kind == "bodies":
        from mwx.motion.formats.robot_npz import body_states
        states = body_states(robot.qpos, robot.qvel)
        what = "body_pos_w"
        np.savez(path, joint_pos=qpos[:, 7:], body_pos_w=states["body_pos_w"] / UNITS[unit],
                 body_quat_w=states["body_quat_w"], **arrays)
    else:
        np.savez(path, base_pos_w=qpos[:, :3], base_quat_w=qpos[:, 3:7], joint_pos=qpos[:, 7:],
                 **arrays)
    notes: list[str] = []
    again = import_reference(path, fps=robot.fps, say=notes.append)
    np.testing.assert_allclose(again.qpos, robot.qpos, atol=1e-6)
    said = [note for note in notes if note.startswith("units")]
    assert not said if unit == "metres" else f"'{what}' is in {unit}" in said[0]
