"""Generated references stay what experts were trained on, bit for bit."""

import functools
import hashlib
import importlib.metadata
import platform

import numpy as np
import pytest

from mwx.motion import Reference, generate

# first 16 digits of the SHA-256 of each array's bytes, made with these versions on this machine
MADE_WITH = {"numpy": "2.4.6", "scipy": "1.17.1", "mujoco": "3.17.0", "machine": "x86_64"}
ARRAYS = ("qpos", "qvel", "ctrl", "contact")
DIGESTS = {
    "carry": ("a2887127c74c53ea", "07de3d70a6459def",
              "12fdbb44940156da", "cfd42f484744b8f3"),
    "crawl": ("64a539872ae47297", "bc91f1c6e64c54a1",
              "27ce8ac68f999009", "f2c0d5456a983ecd"),
    "reach": ("58713feeecbf337a", "e71498c1280e492c",
              "53060f59ac1f4456", "020f896d348ca41e"),
    "reach2": ("37f7d87bd3bcaf63", "b2c7821c511cc2d4",
               "2be5fdfaccf55aea", "7eb24a18990ee4c9"),
    "run": ("e43fb8be75cf9dbd", "5542e9d1918851a3",
            "d1e01963b55237f6", "2805c15b8e494181"),
    "sit": ("140c363f7fc0e7e0", "95b532cc4381affd",
            "49862edd214c4c35", "80f93e8c7d0e1e08"),
    "sit_down": ("5397d79cf55585a3", "8115172002a72dbe",
                 "ef9145a2bdddcbf7", "9cd0ed5239429982"),
    "stand": ("01bb8af90385525d", "95b532cc4381affd",
              "0180ffff62549b0a", "80f93e8c7d0e1e08"),
    "stand_up": ("eb2cb74b313f4ea4", "fd7ceee22faf8a6d",
                 "78ccefadf1255ec0", "9d0a1acbaed0a98e"),
    "walk": ("cf828460b171e571", "7af7a104a0ebcb1d",
             "ba52e44ffb8b91fe", "0830d863cf2345bb"),
}
# sum of cos(index) * value over the flat array: what must hold on every machine
SUMS = {
    "carry": (-0.732218872, -88.93494, 5.29818201, 0.418765079),
    "crawl": (-3.17153804, 63.3460603, 18.793197, 0),
    "reach": (-0.781985022, 32.4841242, -7.01400098, 0.049289391),
    "reach2": (-0.875933964, -30.7642375, 2.23201777, 1.50637325),
    "run": (-3.53273538, 27.8511837, -6.57061964, 0.146810507),
    "sit": (1.90509974, 0, -11.7158224, -0.394607481),
    "sit_down": (0.231307347, -0.195664838, 11.5853026, 0.403257972),
    "stand": (-0.384524141, 0, 4.29111571, -0.394607481),
    "stand_up": (1.98271693, 25.98553, 4.16903949, -0.209218107),
    "walk": (-4.32886649, -142.369404, -0.675366167, -0.00765180562),
}


@functools.cache
def made(skill: str) -> Reference:
    """Return the generated reference."""
    return generate(skill)


def digest(array: np.ndarray) -> str:
    """Return the first 16 digits of an array's SHA-256."""
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()[:16]


def weighted_sum(array: np.ndarray) -> float:
    """Return a number that any change of an array changes."""
    flat = np.asarray(array, float).ravel()
    return float(np.cos(np.arange(flat.size)) @ flat)


def versions() -> dict[str, str]:
    """Return what the last bits of floating-point results depend on."""
    return {name: importlib.metadata.version(name) for name in MADE_WITH if name != "machine"} | {
        "machine": platform.machine()}


@pytest.mark.parametrize("skill", DIGESTS)
def test_generated_references_have_their_recorded_bytes(skill: str) -> None:
    if versions() != MADE_WITH:
        pytest.skip(f"bytes were recorded with {MADE_WITH}; the sums are compared instead")
    assert tuple(digest(getattr(made(skill), name)) for name in ARRAYS) == DIGESTS[skill]


@pytest.mark.parametrize("skill", SUMS)
def test_generated_references_have_their_recorded_values(skill: str) -> None:
    got = [weighted_sum(getattr(made(skill), name)) for name in ARRAYS]
    np.testing.assert_allclose(got, SUMS[skill], rtol=1e-6, atol=1e-6)
