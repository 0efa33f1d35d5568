"""Reference files: exact round trips, and every damage named."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from mwx.errors import MwxError
from mwx.motion import Reference, generate
from mwx.robot import H1


@pytest.fixture(scope="module")
def walk() -> Reference:
    return generate("walk", speed=1.05)


def test_round_trip_is_exact(walk: Reference, tmp_path: Path) -> None:
    again = Reference.load(walk.save(tmp_path / "walk.npz"))
    for field in dataclasses.fields(Reference):
        mine, read = getattr(walk, field.name), getattr(again, field.name)
        assert np.array_equal(mine, read) if isinstance(mine, np.ndarray) else mine == read
    assert [p.name for p in tmp_path.iterdir()] == ["walk.npz"]


def test_damage_is_named(walk: Reference, tmp_path: Path) -> None:
    path = walk.save(tmp_path / "walk.npz")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(MwxError, match="damaged"):
        Reference.load(path)
    with pytest.raises(MwxError, match="no such file"):
        Reference.load(tmp_path / "absent.npz")
    np.savez(path, qpos=walk.qpos)
    with pytest.raises(MwxError, match="lacks header"):
        Reference.load(path)


@pytest.mark.parametrize(("change", "message"), [
    ({"schema": 99}, "schema 99"), ({"robot": "g1"}, "robot 'g1'"), ({"colour": "red"}, "colour")])
def test_foreign_headers_are_refused(walk: Reference, tmp_path: Path, change: dict,
                                     message: str) -> None:
    path = walk.save(tmp_path / "walk.npz")
    with np.load(path) as file:
        arrays = {n: file[n] for n in file.files}
    arrays["header"] = np.array(json.dumps(json.loads(str(arrays["header"])) | change))
    np.savez(path, **arrays)
    with pytest.raises(MwxError, match=message):
        Reference.load(path)


def test_values_that_are_no_numbers_are_refused(walk: Reference) -> None:
    ctrl = walk.ctrl.copy()
    ctrl[3, 4] = np.nan
    with pytest.raises(MwxError, match="ctrl holds values that are not finite"):
        dataclasses.replace(walk, ctrl=ctrl)


def test_a_loop_goes_on_for_ever(walk: Reference) -> None:
    times = np.array([0.0, 0.013, 0.4])
    later = walk.frame(times + 3 * walk.duration_s)
    now = walk.frame(times)
    np.testing.assert_allclose(later.qpos[:, 0] - now.qpos[:, 0], 3 * walk.advance[0])
    np.testing.assert_allclose(later.qpos[:, 1:], now.qpos[:, 1:], atol=1e-9)
    np.testing.assert_allclose(now.qpos[0], walk.qpos[0])
    step = walk.frame(np.array([walk.duration_s - 1e-6, walk.duration_s]))
    assert abs(np.diff(step.qpos[:, 0])[0]) < 1e-5


def test_mirroring_twice_changes_nothing(walk: Reference) -> None:
    twice = walk.mirrored().mirrored()
    for name in ("qpos", "qvel", "ctrl", "contact", "advance"):
        assert np.array_equal(getattr(twice, name), getattr(walk, name))


def test_the_mirror_image_moves_as_the_mirror_says(walk: Reference) -> None:
    import mujoco

    model = H1.model()
    data, other = mujoco.MjData(model), mujoco.MjData(model)
    mirror = walk.mirrored()
    for t in range(0, walk.num_frames, 7):
        data.qpos[:], other.qpos[:] = walk.qpos[t], mirror.qpos[t]
        mujoco.mj_kinematics(model, data)
        mujoco.mj_kinematics(model, other)
        for part in ("hand", "ankle_link", "knee_link"):
            left, right = data.body(f"left_{part}").xpos, other.body(f"right_{part}").xpos
            np.testing.assert_allclose(left * [1, -1, 1], right, atol=1e-6)


def _seated(walk: Reference) -> Reference:
    rows = np.zeros((walk.num_frames, 3), bool)
    rows[:5, 0] = rows[5:, 1] = rows[::2, 2] = True
    return dataclasses.replace(walk, supports=rows,
                               support_names=("left_knee", "right_knee", "pelvis"))


def test_supports_are_saved_loaded_and_mirrored(walk: Reference, tmp_path: Path) -> None:
    seated = _seated(walk)
    again = Reference.load(seated.save(tmp_path / "seated.npz"))
    assert again.support_names == seated.support_names
    assert all(np.array_equal(again.bearing[n], on) for n, on in seated.bearing.items())
    assert list(again.bearing) == ["left_knee", "right_knee", "pelvis"]
    mirror = seated.mirrored().bearing
    assert np.array_equal(mirror["left_knee"], seated.bearing["right_knee"])
    assert np.array_equal(mirror["pelvis"], seated.bearing["pelvis"])


def test_files_from_before_supports_load(walk: Reference, tmp_path: Path) -> None:
    path = walk.save(tmp_path / "walk.npz")
    with np.load(path) as file:
        assert "supports" not in file.files  # nothing new in the files of feet alone
    assert Reference.load(path).bearing == {}
    for skill in ("stand", "walk", "reach"):  # written before supports were thought of
        old = Path(__file__).parents[2] / "pretrained" / skill / "reference.npz"
        assert Reference.load(old).supports is None


def test_wrong_supports_are_named(walk: Reference) -> None:
    with pytest.raises(MwxError, match="no support 'tail'"):
        dataclasses.replace(walk, supports=np.zeros((walk.num_frames, 1), bool),
                            support_names=("tail",))
    with pytest.raises(MwxError, match="supports have shape"):
        dataclasses.replace(_seated(walk), supports=np.zeros((3, 3), bool))
