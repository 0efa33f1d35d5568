"""Feed-forward with more supports than feet; what rests on feet alone is as before."""

from pathlib import Path

import numpy as np
import pytest

from mwx.motion import Reference, generate, sit
from mwx.motion.feedforward import WEIGHT, feed_forward, load_share


@pytest.fixture(scope="module")
def walk() -> Reference:
    return generate("walk")


def test_supports_that_never_bear_change_no_bit(walk: Reference) -> None:
    plain = feed_forward(walk.qpos, walk.contact, 50.0, walk.advance)
    never = {part: np.zeros(walk.num_frames, bool) for part in ("pelvis", "left_knee")}
    more = feed_forward(walk.qpos, walk.contact, 50.0, walk.advance, supports=never)
    assert np.array_equal(plain.ctrl, more.ctrl)
    assert np.array_equal(plain.ground_force, more.ground_force)
    assert not more.support_force["pelvis"].any()


def test_commands_of_an_old_reference_are_made_again() -> None:
    path = Path(__file__).parents[2] / "pretrained" / "stand" / "reference.npz"
    if not path.is_file():
        pytest.skip("no pretrained experts in this checkout")
    old = Reference.load(path)
    forward = feed_forward(old.qpos, old.contact, old.fps, old.advance)
    np.testing.assert_allclose(forward.ctrl, old.ctrl, atol=1e-12)


def test_the_seat_carries_what_the_feet_do_not() -> None:
    seated = sit.sitting("sit")
    forward = feed_forward(seated.qpos[:3], seated.contact[:3], 50.0, np.zeros(3),
                           supports={"pelvis": np.ones(3, bool)})
    total = forward.ground_force.sum(axis=1) + forward.support_force["pelvis"]
    np.testing.assert_allclose(total, np.tile([0, 0, WEIGHT], (3, 1)), atol=0.5)
    assert (forward.support_force["pelvis"][:, 2] > 0.8 * WEIGHT).all()
    without = feed_forward(seated.qpos[:3], seated.contact[:3], 50.0, np.zeros(3))
    assert without.unexplained_moment.min() > 10  # the feet alone cannot hold it


def test_shares_rise_and_fall_for_every_support() -> None:
    on = np.zeros((20, 3), bool)
    on[5:15] = True
    share = load_share(on, 50.0, False, 0.06)
    assert np.array_equal(share[:, 0], share[:, 2])
    assert share[10, 2] == 1 and 0 < share[5, 2] < share[6, 2] and share[4, 2] == 0
