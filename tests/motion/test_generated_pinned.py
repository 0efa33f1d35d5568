"""Generated references stay what experts were trained on, to the digits every machine agrees on."""

import functools

import numpy as np
import pytest

from mwx.motion import Reference, generate

ARRAYS = ("qpos", "qvel", "ctrl", "contact")
# sum of cos(index) * value over the flat array: what must hold on every machine
SUMS = {
    "carry": (-0.810480259, -88.841585, 4.92491265, 0.418765079),
    "crawl": (-3.17153804, 63.3460603, 18.793197, 0),
    "reach": (-0.781985022, 32.4841242, -7.01400098, 0.049289391),
    "reach2": (-0.875933964, -30.7642375, 2.23201777, 1.50637325),
    "run": (-3.53273538, 27.8511837, -6.57061964, 0.146810507),
    "sit": (1.90509974, 0, -11.7158224, -0.394607481),
    "sit_down": (0.231307347, -0.195664838, 11.5853026, 0.403257972),
    "stand": (-0.454231419, 0, 2.98704877, -0.394607481),
    "stand_up": (1.98271693, 25.98553, 4.16903949, -0.209218107),
    "walk": (-4.32886649, -142.369404, -0.675366167, -0.00765180562),
}


@functools.cache
def made(skill: str) -> Reference:
    """Return the generated reference."""
    return generate(skill)


def weighted_sum(array: np.ndarray) -> float:
    """Return a number that any change of an array changes."""
    flat = np.asarray(array, float).ravel()
    return float(np.cos(np.arange(flat.size)) @ flat)


@pytest.mark.parametrize("skill", SUMS)
def test_generated_references_have_their_recorded_values(skill: str) -> None:
    got = [weighted_sum(getattr(made(skill), name)) for name in ARRAYS]
    np.testing.assert_allclose(got, SUMS[skill], rtol=1e-6, atol=1e-6)
