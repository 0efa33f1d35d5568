"""The height behind joint angles: known where the motion was made with it, and recorded."""

import numpy as np
import pytest

from mwx.maths import rotations
from mwx.motion import read_clip
from mwx.motion.formats.smpl_body import BODY, NAMES, PARENTS, forward, textbook_body
from mwx.motion.formats.smpl_size import body_height
from mwx.types import Array

FPS = 60.0
FORWARD_UP = np.array([0.5, 0.5, 0.5, 0.5])  # SMPL's z forward, y up -> x forward, z up


def walk(height: float) -> tuple[Array, Array]:
    """Return poses and trans of a body that swings its legs; the lower foot stays in place."""
    time = np.arange(240) / FPS
    poses = np.zeros((len(time), BODY, 3))
    poses[:, 0] = rotations.log(FORWARD_UP)
    for side, sign in (("L", 1), ("R", -1)):
        swing = sign * np.sin(2 * np.pi * time)
        lift = np.maximum(sign * np.cos(2 * np.pi * time), 0)
        poses[:, NAMES.index(f"{side}_Hip"), 0] = -0.35 * swing - 0.5 * lift
        poses[:, NAMES.index(f"{side}_Knee"), 0] = 1.0 * lift
    positions, _ = forward(textbook_body(height).template, poses, np.zeros((len(time), 3)))
    ankles = positions[:, [NAMES.index("L_Ankle"), NAMES.index("R_Ankle")]]
    lower = ankles[:-1, :, 2].argmin(axis=1)
    steps = -np.diff(ankles, axis=0)[np.arange(len(lower)), lower]
    trans = np.concatenate([np.zeros((1, 3)), np.cumsum(steps, axis=0)])
    return poses, trans * [1, 1, 0]


@pytest.mark.parametrize("height", [1.5, 1.7, 1.95])
def test_a_known_height_comes_back(height: float) -> None:
    assert body_height(*walk(height), FPS) == pytest.approx(height, rel=1e-6)


def test_feet_that_do_not_tell() -> None:
    poses, trans = walk(1.7)
    assert body_height(poses, 0 * trans, FPS) is None  # on a treadmill
    assert body_height(poses, 2 * trans, FPS) is None  # nobody is 3.4 m tall
    assert body_height(np.zeros_like(poses), trans, FPS) is None  # carried along
    assert body_height(poses[:2], trans[:2], FPS) is None


def test_the_reader_says_the_height(tmp_path) -> None:
    poses, trans = walk(1.9)
    path = tmp_path / "m.npz"
    np.savez(path, poses=np.pad(poses.reshape(len(poses), -1), ((0, 0), (0, 90))), trans=trans,
             mocap_framerate=FPS)
    clip = read_clip(path)
    assert "textbook skeleton of 1.90 m (so that standing feet stay" in clip.notes[0]
    shank = np.linalg.norm(clip.positions_w[0, NAMES.index("L_Knee")]
                           - clip.positions_w[0, NAMES.index("L_Ankle")])
    assert shank == pytest.approx(0.246 * 1.9)


@pytest.mark.parametrize(("name", "tolerance"), [("walk", 0.025), ("run", 0.03), ("jump", 0.02),
                                                 ("dance_a", 0.02), ("punch", 0.04)])
def test_recorded_motions_on_a_body_of_known_legs(name: str, tolerance: float) -> None:
    """DeepMimic's legs are 0.8314 m, those of 1.693 m by the textbook; pelvis and feet differ."""
    pytest.importorskip("pybullet_data", reason="the clips come with pybullet")
    clip = read_clip(f"deepmimic:{name}")
    assert clip.rotations_w is not None
    y_up, turns = rotations.about("x", np.array(np.pi / 2)), {}
    pairs = {"Pelvis": "root"} | {f"{a}_{j}": f"{b}_{j.lower()}" for a, b in
                                  (("L", "left"), ("R", "right")) for j in ("Hip", "Knee", "Ankle")}
    poses = np.zeros((len(clip.positions_w), BODY, 3))
    for joint, point in pairs.items():  # DeepMimic's x forward, y up -> SMPL's z forward, y up
        local = rotations.multiply(clip.rotations_w[:, clip.names.index(point)],
                                   rotations.conjugate(y_up))
        turns[joint] = rotations.multiply(local, FORWARD_UP)
        parent = PARENTS[NAMES.index(joint)]
        poses[:, NAMES.index(joint)] = rotations.log(turns[joint] if parent < 0 else (
            rotations.multiply(rotations.conjugate(turns[NAMES[parent]]), turns[joint])))
    found = body_height(poses, clip.positions_w[:, 0], clip.fps)
    assert found == pytest.approx(0.8314 / 0.491, rel=tolerance)
