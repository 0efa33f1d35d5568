"""Quaternion laws, checked against scipy."""

import numpy as np
from scipy.spatial.transform import Rotation

from mwx.maths import rotations
from mwx.rng import generator


def quaternions(count: int) -> np.ndarray:
    return Rotation.random(count, random_state=generator(0, "quaternions")).as_quat(
        scalar_first=True)


def test_products_and_rotations_agree_with_scipy() -> None:
    a, b = quaternions(20), quaternions(40)[20:]
    v = generator(1, "vectors").normal(size=(20, 3))
    theirs = Rotation.from_quat(a, scalar_first=True) * Rotation.from_quat(b, scalar_first=True)
    mine = rotations.multiply(a, b)
    np.testing.assert_allclose(rotations.to_matrix(mine), theirs.as_matrix(), atol=1e-12)
    np.testing.assert_allclose(rotations.rotate(mine, v), theirs.apply(v), atol=1e-12)


def test_exp_and_log_invert_each_other() -> None:
    vectors = generator(2, "vectors").uniform(-1.7, 1.7, size=(50, 3))
    np.testing.assert_allclose(rotations.log(rotations.exp(vectors)), vectors, atol=1e-12)
    assert np.array_equal(rotations.log(rotations.exp(np.zeros(3))), np.zeros(3))


def test_from_matrix_inverts_to_matrix() -> None:
    q = quaternions(200)
    np.testing.assert_allclose(np.abs(np.sum(rotations.from_matrix(rotations.to_matrix(q)) * q, 1)),
                               1, atol=1e-12)


def test_slerp_ends_and_middle() -> None:
    a, b = rotations.about("z", np.array(0.2)), rotations.about("z", np.array(1.0))
    middle = rotations.slerp(a, b, np.array(0.5))
    np.testing.assert_allclose(rotations.heading(middle), 0.6)
    np.testing.assert_allclose(rotations.slerp(a, b, np.array(1.0)), b)
