"""Velocities of a gait whose derivative is known in closed form."""

import numpy as np
import pytest

from mwx.maths import rotations
from mwx.motion import tangent
from mwx.robot import H1
from mwx.types import Array

HARMONICS = (1.0, 0.4, 0.15)  # of the fundamental; a walk's knee has about these


def analytic_gait(fps: float, seconds: float, hertz: float = 1.0, noise_deg: float = 0.0
                  ) -> tuple[Array, Array]:
    """Return qpos (T, 26) and its exact qvel (T, 25) of joints and pelvis that swing.

    Args:
        fps: [Hz]; seconds: length; hertz: of the fundamental.
        noise_deg: standard deviation of noise on the joint angles.
    """
    time = np.arange(round(seconds * fps) + 1)[:, None] / fps
    rng = np.random.default_rng(3)
    joints = len(H1.joint_names)
    qpos, qvel = np.tile(H1.home_qpos, (len(time), 1)), np.zeros((len(time), 6 + joints))
    for k, size in enumerate(HARMONICS, 1):
        omega, lag = 2 * np.pi * k * hertz, rng.uniform(0, 2 * np.pi, joints)
        qpos[:, 7:] += 0.3 * size * np.sin(omega * time + lag)
        qvel[:, 6:] += 0.3 * size * omega * np.cos(omega * time + lag)
    omega = 2 * np.pi * hertz
    angle = 0.1 * np.sin(omega * time[:, 0])
    qpos[:, 3:7] = rotations.about("z", angle)  # about one axis: its rate is the body's
    qvel[:, 5] = 0.1 * omega * np.cos(omega * time[:, 0])
    qpos[:, 0], qvel[:, 0] = 1.2 * time[:, 0], 1.2
    qpos[:, 7:] += np.radians(noise_deg) * rng.standard_normal((len(time), joints))
    return qpos, qvel


def velocity_error(fps: float = 50.0, noise_deg: float = 0.0,
                   smoothing: tuple[int, int] = tangent.CAPTURED) -> float:
    """Return the RMS error of estimated joint velocities [%] of their RMS, on a 1 Hz gait."""
    qpos, qvel = analytic_gait(fps, 5.0, noise_deg=noise_deg)
    found = tangent.velocity(qpos, fps, smoothing=smoothing)
    inner = slice(5, -5)
    gap = (found - qvel)[inner, 6:]
    return 100 * float(np.sqrt(np.mean(gap ** 2) / np.mean(qvel[inner, 6:] ** 2)))


def test_the_velocity_of_a_known_gait_is_right_within_three_percent() -> None:
    assert velocity_error(50.0, smoothing=tangent.CLEAN) < 0.1
    assert velocity_error(50.0) < 1.0
    assert velocity_error(30.0) < 3.0
    assert velocity_error(50.0, noise_deg=0.1) < 3.0


def test_a_wide_gaussian_would_not_do() -> None:
    """The comparison the smoothing was chosen by: np.gradient, then a Gaussian of 2 frames."""
    from scipy.ndimage import gaussian_filter1d

    qpos, qvel = analytic_gait(30.0, 5.0)
    found = gaussian_filter1d(np.gradient(qpos[:, 7:], 1 / 30.0, axis=0), 2, axis=0)
    error = np.sqrt(np.mean((found - qvel[:, 6:])[8:-8] ** 2) / np.mean(qvel[8:-8, 6:] ** 2))
    assert 100 * error > 10 > velocity_error(30.0)


def test_all_the_root_turns_at_its_known_rate() -> None:
    qpos, qvel = analytic_gait(50.0, 3.0)
    found = tangent.velocity(qpos, 50.0)
    np.testing.assert_allclose(found[5:-5, :6], qvel[5:-5, :6], atol=0.01)


@pytest.mark.parametrize("frames", [3, 4, 5])
def test_short_motions_have_a_velocity(frames: int) -> None:
    qpos = np.tile(H1.home_qpos, (frames, 1))
    qpos[:, 0] = 0.02 * np.arange(frames)
    np.testing.assert_allclose(tangent.velocity(qpos, 50.0)[:, 0], 1.0, atol=1e-9)
