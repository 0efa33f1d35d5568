"""A motion and its mirror image are the same motion: same marks, same solution, mirrored."""

import numpy as np
import pytest

from mwx.maths import rotations
from mwx.motion import generate, quality_sheet, retarget_clip
from mwx.motion.clip import MotionClip
from mwx.motion.human import human_walk
from mwx.motion.quality import arm_overlaps, self_collisions
from mwx.motion.reference import mirror_qpos
from mwx.robot import H1


def random_poses(count: int = 400) -> np.ndarray:
    rng = np.random.default_rng(0)
    qpos = np.zeros((count, 26))
    qpos[:, 2] = 2.0
    qpos[:, 3:7] = rotations.about("z", rng.uniform(-3, 3, count))
    qpos[:, 7:] = rng.uniform(0.4, 0.6, (count, 1)) * rng.uniform(H1.low, H1.high, (count, 19))
    return qpos


def mirrored(clip: MotionClip) -> MotionClip:
    """Return the clip's reflection in y = 0: each point where its other-sided twin was."""
    swap = {"L": "R", "R": "L"}
    twins = [clip.names.index("_".join(swap.get(w, w) for w in n.split("_"))) for n in clip.names]
    return MotionClip(clip.names, clip.parents, clip.positions_w[:, twins] * [1, -1, 1], clip.fps)


def close_arms(inwards: float) -> MotionClip:
    """Return a walk whose hands swing by the thighs, where H1's hips are in their way."""
    walk = human_walk(1)
    points = walk.positions_w.copy()
    for side, sign in (("L", 1), ("R", -1)):
        for joint, part in (("Elbow", 0.5), ("Wrist", 1.0)):
            points[:, walk.names.index(f"{side}_{joint}"), 1] -= sign * part * inwards
    return MotionClip(walk.names, walk.parents, points, walk.fps)


def test_a_pose_collides_as_its_mirror_image_does() -> None:
    qpos = random_poses()
    hits, arms = self_collisions(qpos), arm_overlaps(qpos)
    np.testing.assert_array_equal(hits, self_collisions(mirror_qpos(qpos)))
    np.testing.assert_array_equal(arms, arm_overlaps(mirror_qpos(qpos))[:, ::-1])
    assert 0.2 < hits.mean() < 0.8 and arms[:, 0].any() and arms[:, 1].any()
    assert hits[arms.any(axis=1)].all()


@pytest.mark.parametrize("inwards", [0.0, 0.12])
def test_retargeting_a_mirrored_clip_mirrors_the_reference(inwards: float) -> None:
    clip = close_arms(inwards)
    reference = retarget_clip(clip)
    other = retarget_clip(mirrored(clip))
    np.testing.assert_allclose(other.qpos, mirror_qpos(reference.qpos), atol=1e-6)
    np.testing.assert_array_equal(other.contact, reference.contact[:, ::-1])


def test_the_marks_of_a_mirrored_reference_are_the_same() -> None:
    reference = retarget_clip(close_arms(0.2))
    sheets = [quality_sheet(r).values for r in (reference, reference.mirrored())]
    assert sheets[0]["self_collision"] == sheets[1]["self_collision"]
    for name in sheets[0].keys() - {"unexplained_p95", "utilisation"}:  # masses are not symmetric
        assert sheets[1][name] == pytest.approx(sheets[0][name], abs=1e-9), name
    assert quality_sheet(generate("stand")).values["self_collision"] == 0
