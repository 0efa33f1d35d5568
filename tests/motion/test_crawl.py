"""Crawling: a loop whose knees and hands rest on the floor without slipping."""

import dataclasses

import mujoco
import numpy as np
import pytest

from mwx.errors import MwxError
from mwx.motion import Reference, bodies, crawl, supports, tangent
from mwx.motion.feedforward import feed_forward
from mwx.motion.quality import self_collisions
from mwx.motion.reference import mirror_qpos
from mwx.robot import H1
from mwx.robot.h1 import SUBSTEPS
from mwx.sim.tasks import crawl as task


@pytest.fixture(scope="module", params=[0.3, 0.5])
def motion(request: pytest.FixtureRequest) -> Reference:
    return crawl.crawl(request.param)


def test_limits(motion: Reference) -> None:
    joints = motion.qpos[:, 7:]
    assert ((joints >= H1.low) & (joints <= H1.high)).all()
    assert (np.abs(motion.qvel[:, 6:]) <= H1.speed_limit).all()
    assert not self_collisions(motion.qpos[::3]).any()


def test_the_loop_closes_at_its_speed(motion: Reference) -> None:
    np.testing.assert_allclose(motion.advance[0] / motion.duration_s, motion.metrics["speed"])
    steps = tangent.difference(motion.qpos[:-1], motion.qpos[1:])
    closing = motion.qpos[:1].copy()
    closing[:, :3] += motion.advance
    last = tangent.difference(motion.qpos[-1:], closing)[0]
    assert (np.abs(last) <= np.abs(steps).max(axis=0) + 1e-3).all()


def test_half_a_cycle_later_it_is_its_mirror_image(motion: Reference) -> None:
    half = motion.num_frames // 2
    later = motion.qpos[half:].copy()
    later[:, 0] -= motion.advance[0] / 2
    np.testing.assert_allclose(mirror_qpos(motion.qpos[:half]), later, atol=0.02)
    mirror = motion.mirrored().bearing
    for name, on in motion.bearing.items():
        assert np.array_equal(np.roll(mirror[name], half), on)


def test_what_rests_is_on_the_floor_and_does_not_slip(motion: Reference) -> None:
    model = bodies.model()
    for part, on in motion.bearing.items():
        heights = supports.heights(model, motion.qpos, part)
        assert np.abs(heights[on]).max() < 0.002, part
        assert heights[~on].min() > -0.002 and heights[~on].max() > 0.01, part
        inner = on & np.roll(on, 1) & np.roll(on, -1)  # derivatives look a frame ahead and back
        assert supports.slips(model, motion.qpos, motion.qvel, part)[inner].max() < 0.03, part


def test_hand_and_opposite_knee_rest_together_and_never_none(motion: Reference) -> None:
    on = motion.bearing
    assert np.array_equal(on["left_knee"], on["right_wrist"])
    assert np.array_equal(on["right_knee"], on["left_wrist"])
    assert (on["left_knee"] | on["right_knee"]).all()
    assert not motion.contact.any()


def test_forces_are_explained(motion: Reference) -> None:
    forward = feed_forward(motion.qpos, motion.contact, 50.0, motion.advance,
                           supports=motion.bearing)
    assert np.percentile(forward.unexplained, 95) < 0.05
    assert np.percentile(forward.unexplained_moment, 95) < 15
    total = sum(f.sum(axis=0) for f in forward.support_force.values()) / motion.num_frames
    np.testing.assert_allclose(total, [0, 0, 506.7], atol=5)
    legs = np.abs(forward.torque[:, :11] / H1.force_limit[:11]).max()
    assert legs < 0.7  # the elbows are the weak joint


def test_the_posture_is_what_the_task_pays_for(motion: Reference) -> None:
    model = H1.model()
    data = mujoco.MjData(model)
    low, high = task.CRAWL_HEIGHT
    for row in motion.qpos[::4]:
        data.qpos[:] = row
        mujoco.mj_forward(model, data)
        assert low <= data.site("imu").xpos[2] <= high
        assert low <= data.site("head").xpos[2] <= high
        assert np.linalg.norm(row[3:7] - task.PITCHED_FORWARD) < 0.12


def test_open_loop_it_crawls_for_most_of_a_second() -> None:
    motion = crawl.crawl()
    model = H1.model()
    data = mujoco.MjData(model)
    data.qpos[:], data.qvel[:] = motion.qpos[0], motion.qvel[0]
    for k in range(40):
        data.ctrl[:] = motion.frame(k / 50).ctrl
        mujoco.mj_step(model, data, SUBSTEPS)
    wanted = motion.frame(0.8).qpos
    assert np.linalg.norm(data.qpos[:3] - wanted[:3]) < 0.06


def test_mistakes_teach() -> None:
    with pytest.raises(MwxError, match=r"allow 0\.3 to 0\.5 m/s"):
        crawl.crawl(1.0)
    with pytest.raises(MwxError, match="shorter steps"):
        crawl.crawl(config=dataclasses.replace(crawl.CrawlConfig(), pitch=1.15))
