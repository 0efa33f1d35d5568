"""SMPL bodies: reduction and kinematics against matrices, and the shape fit against its theory."""

from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.sparse import csc_matrix, csr_matrix
from scipy.spatial.transform import Rotation

from mwx.errors import MwxError
from mwx.motion.formats.smpl_body import (
    BODY,
    NAMES,
    PARENTS,
    Body,
    forward,
    read_body_model,
    textbook_body,
    write_reduced,
)
from mwx.motion.formats.smpl_shape import PAIRS, fit_shape, posed, robot_joints
from mwx.rng import generator

VERTICES = 80


def model_arrays(joints: int = 52, shapes: int = 16) -> dict[str, np.ndarray]:
    """Return a made-up body in the layout of a model file: sparse regressor, random vertices."""
    rng = generator(0, "body model")
    regressor = rng.random((joints, VERTICES)) * (rng.random((joints, VERTICES)) < 0.2)
    regressor[:, 0] += 0.1
    regressor /= regressor.sum(axis=1, keepdims=True)
    return {"v_template": rng.normal(size=(VERTICES, 3)), "J_regressor": regressor,
            "shapedirs": 0.05 * rng.normal(size=(VERTICES, 3, shapes)),
            "f": np.zeros((5, 3), np.uint32)}


def save(path: Path, **arrays) -> Path:
    np.savez(path, **arrays)
    return path


def flexible_body() -> Body:
    """Return a human-like body with ten random shape directions."""
    rng = generator(1, "directions")
    return Body("SMPL", textbook_body().template, 0.02 * rng.normal(size=(BODY, 3, 10)))


@pytest.mark.parametrize(("joints", "kind"), [(24, "SMPL"), (52, "SMPL-H"), (55, "SMPL-X")])
def test_joints_are_those_of_the_shaped_mesh(tmp_path: Path, joints: int, kind: str) -> None:
    arrays = model_arrays(joints)
    body = read_body_model(save(tmp_path / "model.npz", **arrays))
    betas = generator(2, "betas").normal(size=16)
    shaped = arrays["v_template"] + arrays["shapedirs"] @ betas
    expected = (arrays["J_regressor"] @ shaped)[:BODY]
    assert body.kind == kind
    np.testing.assert_allclose(body.joints(betas), expected, atol=1e-12)
    # a file with ten coefficients for a model with sixteen, and the other way round
    np.testing.assert_allclose(body.joints(betas[:10]), body.joints(np.r_[betas[:10], np.zeros(6)]))
    np.testing.assert_allclose(body.joints(np.r_[betas, 7.0]), expected, atol=1e-12)


@pytest.mark.parametrize(("build", "join"), [(csc_matrix, "_"), (csr_matrix, "."),
                                             (csc_matrix, "/")])
def test_sparse_regressors_are_the_dense_one(tmp_path: Path, build, join: str) -> None:
    arrays = model_arrays()
    dense = read_body_model(save(tmp_path / "dense.npz", **arrays))
    sparse = build(arrays.pop("J_regressor"))
    parts = {f"J_regressor{join}{part}": np.asarray(getattr(sparse, part))
             for part in ("data", "indices", "indptr", "shape")}
    body = read_body_model(save(tmp_path / "sparse.npz", **arrays, **parts))
    np.testing.assert_allclose(body.template, dense.template, atol=1e-12)
    np.testing.assert_allclose(body.directions, dense.directions, atol=1e-12)
    parts[f"J_regressor{join}indices"] = parts[f"J_regressor{join}indices"] + 10 ** 6
    with pytest.raises(MwxError, match="sparse J_regressor is damaged"):
        read_body_model(save(tmp_path / "bad.npz", **arrays, **parts))


def test_facial_expressions_are_no_shape(tmp_path: Path) -> None:
    body = read_body_model(save(tmp_path / "x.npz", **model_arrays(55, 20)))
    assert body.directions.shape == (BODY, 3, 10)


def test_reduced_bodies_round_trip(tmp_path: Path) -> None:
    body = read_body_model(save(tmp_path / "model.npz", **model_arrays()))
    again = read_body_model(write_reduced(body, tmp_path / "reduced.npz"))
    assert again.kind == body.kind
    np.testing.assert_array_equal(again.template, body.template)
    np.testing.assert_array_equal(again.directions, body.directions)


@pytest.mark.parametrize(("change", "message"), [
    ({"v_template": None}, "lacks v_template"),
    ({"J_regressor": None}, "lacks J_regressor"),
    ({"J_regressor": np.ones((30, VERTICES))}, "30 joints"),
    ({"J_regressor": np.ones((52, 7))}, "expected .joints, 80"),
    ({"J_regressor": np.full((52, VERTICES), np.nan)}, "not a number"),
    ({"shapedirs": np.zeros((VERTICES, 3))}, "'shapedirs' has shape"),
    ({"shapedirs": np.full((VERTICES, 3, 10), "a")}, "'shapedirs' has shape"),
    ({"shapedirs": np.full((VERTICES, 3, 10), None)}, "Python objects"),
    ({"v_template": np.zeros((VERTICES, 2))}, "'v_template' has shape"),
])
def test_spoilt_models_teach(tmp_path: Path, change: dict, message: str) -> None:
    arrays = {k: v for k, v in (model_arrays() | change).items() if v is not None}
    with pytest.raises(MwxError, match=message):
        read_body_model(save(tmp_path / "model.npz", **arrays))


def test_pickled_models_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MwxError, match=r"pickle is not read.*\.npz of the same download"):
        read_body_model(tmp_path / "SMPLH_MALE.pkl")


def test_kinematics_agree_with_matrices() -> None:
    rng = generator(3, "poses")
    joints, poses = rng.normal(size=(BODY, 3)), rng.normal(size=(4, BODY, 3))
    trans = rng.normal(size=(4, 3))
    positions, turns = forward(joints, poses, trans)
    for t in range(4):
        chain: list[np.ndarray] = []
        for j, parent in enumerate(PARENTS):
            local = np.eye(4)
            local[:3, :3] = Rotation.from_rotvec(poses[t, j]).as_matrix()
            local[:3, 3] = joints[j] - (joints[parent] if parent >= 0 else -trans[t])
            chain.append(local if parent < 0 else chain[parent] @ local)
        np.testing.assert_allclose(positions[t], [m[:3, 3] for m in chain], atol=1e-12)
        turned = Rotation.from_quat(turns[t], scalar_first=True).as_matrix()
        np.testing.assert_allclose(turned, [m[:3, :3] for m in chain], atol=1e-12)


def test_the_root_turns_about_its_own_joint() -> None:
    """Without J_0, or with J_0 turned, a body that only turns would travel."""
    joints = textbook_body().template + np.array([0.0, -0.23, 0.02])
    poses = np.zeros((5, BODY, 3))
    poses[:, 0, 1] = np.linspace(0, np.pi, 5)
    positions, _ = forward(joints, poses, np.zeros((5, 3)))
    np.testing.assert_allclose(positions[:, 0], np.broadcast_to([0, -0.23, 0.02], (5, 3)))


def test_textbook_proportions() -> None:
    body = textbook_body(2.0)
    at = dict(zip(NAMES, body.template, strict=True))
    assert at["L_Hip"][0] == -at["R_Hip"][0] == 0.1  # x to the left
    assert np.linalg.norm(at["L_Knee"] - at["L_Hip"]) == pytest.approx(0.49)
    assert at["L_Foot"][2] > 0.25 and at["L_Ankle"][1] < -1.0


def test_the_robots_pose_and_pairs() -> None:
    joints = dict(zip((p[2] for p in PAIRS), posed(textbook_body().template), strict=True))
    robot = dict(zip((p[2] for p in PAIRS), robot_joints(), strict=True))
    for name in joints:  # hanging upper arms, forearms and left where they are on the robot
        gap = np.abs(joints[name] - robot[name])
        assert gap.max() < 0.15, (name, joints[name], robot[name])
    assert joints["L_Wrist"][0] > 0.2 and joints["L_Wrist"][1] > 0.1


def test_shape_fit_recovers_a_known_shape() -> None:
    body = flexible_body()
    betas = generator(4, "betas").normal(size=10)
    fit = fit_shape(body, 1.13 * posed(body.joints(betas)), ridge=0.0)
    assert fit.scale == pytest.approx(1.13, abs=1e-5)
    np.testing.assert_allclose(fit.betas, betas, atol=1e-3)
    assert fit.residual_mm < 0.01 and len(fit.by_joint) == 14


def test_shape_fit_is_the_joint_least_squares_solution() -> None:
    """Without a price on the shape the problem is linear in (s, s beta) together."""
    body = flexible_body()
    goal = robot_joints().reshape(-1)
    rows = np.column_stack([posed(body.template).reshape(-1),
                            posed(body.directions).reshape(len(goal), -1)])
    both = np.linalg.lstsq(rows, goal, rcond=None)[0]
    fit = fit_shape(body, ridge=0.0)
    assert fit.scale == pytest.approx(both[0], abs=1e-4)
    np.testing.assert_allclose(fit.betas, both[1:] / both[0], atol=2e-3)


def test_shape_fit_is_no_worse_than_descent() -> None:
    body = flexible_body()
    goal = robot_joints()

    def cost(x: np.ndarray) -> float:
        gap = x[0] * posed(body.joints(x[1:])) - goal
        return float(np.sum(gap ** 2) + 1e-4 * np.sum(x[1:] ** 2))

    descended = minimize(cost, np.r_[1.0, np.zeros(10)])
    fit = fit_shape(body, ridge=1e-4)
    assert cost(np.r_[fit.scale, fit.betas]) <= descended.fun + 1e-9
    assert fit.residual_mm < fit_shape(textbook_body()).residual_mm
