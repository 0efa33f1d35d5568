"""npz of robot motion: the keys of BeyondMimic and mjlab, with and without names, and damage."""

from pathlib import Path
from typing import Any

import mujoco
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mwx.errors import MwxError
from mwx.motion import Reference, generate
from mwx.motion.exporting import export_reference, feet_on_ground, import_reference
from mwx.motion.formats.robot_motion import ISAAC
from mwx.motion.formats.robot_npz import LINKS, body_states, read_npz
from mwx.robot import H1

KEYS = ("fps", "joint_pos", "joint_vel", "body_pos_w", "body_quat_w", "body_lin_vel_w",
        "body_ang_vel_w")


@pytest.fixture(scope="module")
def walk() -> Reference:
    return generate("walk", speed=1.05)


@pytest.fixture(scope="module")
def arrays(walk: Reference, tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    path = export_reference(walk, tmp_path_factory.mktemp("npz") / "walk.npz")
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def saved(tmp_path: Path, **arrays: Any) -> Path:
    path = tmp_path / "motion.npz"
    np.savez(path, **arrays)
    return path


def test_bodies_and_velocities_are_those_of_the_simulator(walk: Reference) -> None:
    model = H1.model()
    data = mujoco.MjData(model)
    states = body_states(walk.qpos[:9], walk.qvel[:9])
    small = 1e-6
    for t in (0, 8):
        data.qpos[:], data.qvel[:] = walk.qpos[t], walk.qvel[t]
        mujoco.mj_kinematics(model, data)
        before = np.array([data.body(n).xpos for n in LINKS])
        turned = np.array([data.body(n).xmat.reshape(3, 3) for n in LINKS])
        np.testing.assert_allclose(states["body_pos_w"][t], before, atol=1e-12)
        mujoco.mj_integratePos(model, data.qpos, data.qvel, small)
        mujoco.mj_kinematics(model, data)
        speed = (np.array([data.body(n).xpos for n in LINKS]) - before) / small
        np.testing.assert_allclose(states["body_lin_vel_w"][t], speed, atol=1e-4)
        after = np.array([data.body(n).xmat.reshape(3, 3) for n in LINKS])
        skew = (after - turned) @ turned.transpose(0, 2, 1) / small
        spin = np.stack([skew[:, 2, 1], skew[:, 0, 2], skew[:, 1, 0]], -1)
        np.testing.assert_allclose(states["body_ang_vel_w"][t], spin, atol=1e-4)


def test_the_keys_are_those_of_the_trackers(walk: Reference, arrays: dict) -> None:
    assert set(KEYS) <= set(arrays)
    frames = walk.num_frames
    assert arrays["fps"].shape == (1,) and arrays["joint_pos"].shape == (frames, 19)
    assert arrays["body_pos_w"].shape == (frames, 20, 3) and arrays["body_names"][0] == "pelvis"
    assert arrays["body_quat_w"].shape == (frames, 20, 4)


@pytest.mark.parametrize("isaac", [False, True])
def test_files_without_names_are_ordered_by_their_bodies(
        walk: Reference, arrays: dict, tmp_path: Path, isaac: bool) -> None:
    bare = {k: arrays[k].astype(np.float32) for k in KEYS}
    if isaac:
        order = [H1.joint_names.index(n) for n in ISAAC]
        bodies = [0, *np.random.default_rng(0).permutation(np.arange(1, 20))]
        bare = {k: v if k == "fps" else v[:, order] if k.startswith("joint") else v[:, bodies]
                for k, v in bare.items()}
    again = import_reference(saved(tmp_path, **bare), label="walk")
    np.testing.assert_allclose(again.qpos, walk.qpos, atol=1e-5)
    np.testing.assert_allclose(again.qvel, walk.qvel, atol=1e-3)
    assert again.licence == "unknown" and again.source == "motion.npz" and not again.loop
    assert (again.contact == walk.contact).mean() > 0.9


def test_velocities_of_something_else_are_not_believed(walk: Reference, arrays: dict,
                                                       tmp_path: Path) -> None:
    bare = {k: arrays[k] for k in KEYS} | {"joint_vel": np.zeros_like(arrays["joint_vel"])}
    motion = read_npz(saved(tmp_path, **bare))
    assert motion.qvel is None


def test_contacts_come_from_the_soles(walk: Reference) -> None:
    three = np.concatenate([walk.qpos + np.concatenate([i * walk.advance, np.zeros(23)])
                            for i in range(3)])
    found = feet_on_ground(three, walk.fps)[walk.num_frames:-walk.num_frames]
    assert (found == walk.contact).mean() > 0.95


@pytest.mark.parametrize(("change", "message"), [
    ({"joint_pos": None}, "lacks joint_pos and holds"),
    ({"fps": np.array([0.0])}, "0 frames a second"),
    ({"fps": np.array([np.nan])}, "nan frames a second"),
    ({"fps": np.array([50.0, 60.0])}, "'fps' has shape"),
    ({"joint_pos": np.zeros((46, 29)), "joint_names": None}, "29 joints, H1 has 19; 29 are G1"),
    ({"joint_pos": np.zeros((1, 19))}, "1 frames|1 frame"),
    ({"joint_pos": np.zeros((0, 19))}, "0 frames"),
    ({"joint_names": np.array(["left_kne", *"abcdefghijklmnopqr"])},
     "another robot's motion: .*did you mean 'left_knee'"),
    ({"joint_names": np.array(["a", "b"])}, "'joint_names' has shape"),
    ({"body_names": np.array([f"b{i}" for i in range(20)])}, "no body is called 'pelvis'"),
    ({"body_pos_w": np.zeros((46, 20))}, "'body_pos_w' has shape"),
    ({"body_pos_w": np.zeros((3, 20, 3))}, "different numbers of frames"),
    ({"body_pos_w": np.ones((46, 20, 3))}, "do not belong to the same H1"),
    ({"body_quat_w": np.zeros((46, 20, 4))}, "frame 0: .*no unit quaternion"),
    ({"joint_pos": np.full((46, 19), 40.0)}, "frame 0: 'left_hip_yaw' is 40: in degrees"),
    ({"joint_pos": np.full((46, 19), np.inf)}, "not a number in frame 0"),
    ({"joint_pos": np.array([["x"] * 19] * 46)}, "has type"),
    ({"joint_pos": np.array([[{}] * 19] * 46, object)}, "Python objects"),
    ({"contact": np.zeros((3, 2))}, "'contact' has 3 frames"),
    ({"header": np.array("{")}, "damaged header"),
    ({"header": np.array('{"robot": "g1", "fps": 1, "joints": []}')}, "made for robot 'g1'"),
])
def test_spoilt_files_teach(arrays: dict, tmp_path: Path, change: dict, message: str) -> None:
    frames = len(arrays["joint_pos"])
    change = {k: v if v is None or not len(v.shape) or v.shape[0] != 46 else
              np.resize(v, (frames, *v.shape[1:])) for k, v in change.items()}
    path = saved(tmp_path, **{k: v for k, v in (arrays | change).items() if v is not None})
    with pytest.raises(MwxError, match=message) as error:
        import_reference(path)
    assert "motion.npz" in str(error.value)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_rubbish_never_raises_anything_else(arrays: dict, tmp_path: Path,
                                            data: st.DataObject) -> None:
    small = {k: v[:4] if k in KEYS[1:] else v for k, v in arrays.items()
             if k not in ("ctrl", "contact")}
    path = saved(tmp_path, **small)
    whole = path.read_bytes()
    start = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(start, min(len(whole), start + 200)))
    path.write_bytes(whole[:start] + data.draw(st.binary(max_size=20)) + whole[end:])
    try:
        motion = read_npz(path)
    except MwxError as error:
        assert "motion.npz" in str(error)
    else:
        assert np.isfinite(motion.qpos).all()
