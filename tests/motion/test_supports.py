"""Where a body touches what is under it: lowest points against brute force, slip, mirror."""

import mujoco
import numpy as np
import pytest

from mwx.motion import bodies, supports
from mwx.robot import H1


def _posed(seed: int) -> tuple[mujoco.MjModel, mujoco.MjData]:
    rng = np.random.default_rng(seed)
    model = bodies.model()
    data = mujoco.MjData(model)
    data.qpos[:] = H1.home_qpos
    data.qpos[3:7] = rng.normal(size=4)
    data.qpos[3:7] /= np.linalg.norm(data.qpos[3:7])
    data.qpos[2] = 3.0
    data.qpos[7:] = rng.uniform(H1.low, H1.high)
    mujoco.mj_kinematics(model, data)
    return model, data


@pytest.mark.parametrize("seed", range(4))
def test_the_lowest_point_is_as_far_from_the_floor_as_mujoco_says(seed: int) -> None:
    model, data = _posed(seed)
    floor = next(g for g in range(model.ngeom) if model.geom_type[g] == mujoco.mjtGeom.mjGEOM_PLANE)
    for geom in range(1, model.ngeom):
        if model.geom_contype[geom]:
            point = supports._lowest_point(model, data, geom, flat=1e-9)
            gap = mujoco.mj_geomDistance(model, data, geom, floor, 10.0, None)
            assert abs(point[2] - gap) < 2e-4, geom


def test_a_flat_box_lies_on_the_middle_of_its_face() -> None:
    model = bodies.model()
    data = mujoco.MjData(model)
    data.qpos[:] = H1.home_qpos
    data.qpos[7:] = 0
    mujoco.mj_kinematics(model, data)
    sole = supports._geoms(model, "left_ankle_link", -0.07, -0.06)[0]
    point = supports._lowest_point(model, data, sole, supports.FLAT)
    np.testing.assert_allclose(point[:2], data.geom_xpos[sole][:2], atol=1e-9)


def test_both_sides_carry_on_a_seat() -> None:
    model, data = _posed(0)
    data.qpos[:] = H1.home_qpos
    mujoco.mj_kinematics(model, data)
    y = [point[1] for _, point in supports.lowest_points(model, data, "pelvis")]
    assert min(y) < -0.1 and max(y) > 0.1


def test_slip_is_the_speed_of_a_part_that_is_carried_along() -> None:
    qpos = np.tile(H1.home_qpos, (2, 1))
    qvel = np.zeros((2, 25))
    qvel[1, :3] = 0.3, -0.4, 5.0
    for part in supports.NAMES:
        np.testing.assert_allclose(supports.slips(bodies.model(), qpos, qvel, part), [0, 0.5])


def test_mirroring_swaps_sides_and_keeps_the_middle() -> None:
    rows = np.eye(5, dtype=bool)
    names = ("left_knee", "right_knee", "left_wrist", "right_wrist", "pelvis")
    expected = rows[:, [1, 0, 3, 2, 4]]
    assert np.array_equal(supports.mirrored_supports(rows, names), expected)
    assert np.array_equal(
        supports.mirrored_supports(supports.mirrored_supports(rows, names), names), rows)
