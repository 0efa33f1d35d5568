"""Looking at motions: what stands where, films and pages as asked, mistakes explained."""

import struct
from pathlib import Path

import imageio.v3 as iio
import mujoco
import numpy as np
import pytest

from mwx import cli
from mwx.errors import MwxError
from mwx.evaluation.motion_film import captioned, film
from mwx.evaluation.motion_sheet import DPI, PAGE, measure, soles, write_sheet
from mwx.evaluation.motion_source import motion_of
from mwx.evaluation.motion_stage import ASIDE, AWAY, along_z, beside, stage
from mwx.maths import rotations
from mwx.motion import MotionClip, Reference, bodies, generate, roles
from mwx.motion.human import human_walk
from mwx.rng import generator
from mwx.robot import H1, h1_numbers
from mwx.sim.render import gl_backend


@pytest.fixture(scope="module")
def graphics() -> None:
    if gl_backend() is None:
        pytest.skip("no GL back end works here")


@pytest.fixture(scope="module")
def walk() -> Reference:
    return generate("walk")


@pytest.fixture(scope="module")
def stand() -> Reference:
    return generate("stand")


def pose(shown, name: str) -> np.ndarray:
    """Return the rows (T, 7) of a freely moving part of a stage."""
    start = int(shown.model.joint(name).qposadr[0])
    return shown.qpos[:, start:start + 7]


def test_the_person_walks_aside_at_its_true_size_facing_as_the_robot_does(walk):
    clip = human_walk()
    turned = MotionClip(clip.names, clip.parents, rotations.rotate(
        rotations.about("z", np.array(2.0)), clip.positions_w), clip.fps)
    person = beside(turned, np.tile(walk.qpos, (2, 1)), 50.0)
    for a, b in person.bones:
        ours = np.linalg.norm(person.points[0, b] - person.points[0, a])
        theirs = np.linalg.norm(clip.positions_w[0, b] - clip.positions_w[0, a])
        assert ours == pytest.approx(theirs, abs=1e-9)
    pelvis = person.points[:, clip.names.index("Pelvis")]
    assert pelvis[0, 1] == pytest.approx(walk.qpos[0, 1] + ASIDE, abs=0.05)
    assert pelvis[-1, 0] - pelvis[0, 0] > 1.0 and abs(pelvis[-1, 1] - pelvis[0, 1]) < 0.1
    assert set(person.sides) == {"left", "right", ""}


def test_a_clip_without_parents_gets_its_bones_from_the_roles(walk):
    clip = human_walk()
    bare = MotionClip(clip.names, (-1,) * len(clip.names), clip.positions_w, clip.fps)
    assert len(beside(bare, walk.qpos, 50.0).bones) == len(roles.body_points(clip)) - 1


def test_a_pad_lies_under_a_foot_exactly_while_it_stands(walk):
    shown = stage(walk, periods=2)
    model, data = bodies.model(), mujoco.MjData(bodies.model())
    assert len(shown.qpos) == 2 * walk.num_frames
    for i, foot in enumerate(("left_ankle_link", "right_ankle_link")):
        pad = pose(shown, f"mark_{foot}")
        on = np.tile(walk.contact[:, i], 2)
        np.testing.assert_array_equal(pad[:, 2] > AWAY[2] / 2, on)
        t = int(np.flatnonzero(on)[-1])
        data.qpos[:] = shown.qpos[t, :26]
        mujoco.mj_kinematics(model, data)
        gap = np.linalg.norm(pad[t, :2] - data.body(foot).xpos[:2])
        assert gap == pytest.approx(np.mean(h1_numbers.SOLE_X), abs=0.01)
    np.testing.assert_allclose(shown.qpos[walk.num_frames, :3],
                               walk.qpos[0, :3] + walk.advance, atol=1e-12)


def test_a_part_that_bears_weight_is_marked_where_it_touches(stand):
    import dataclasses
    seat = dataclasses.replace(stand, supports=np.ones((stand.num_frames, 1), bool),
                               support_names=("left_knee",))
    mark = pose(stage(seat), "mark_left_knee_0")
    assert (mark[:, 2] > 0).all()


def test_the_simulated_robot_starts_in_the_reference_and_its_ghost_is_the_reference(walk):
    shown = stage(walk, simulated=True, periods=1)
    np.testing.assert_allclose(shown.qpos[0, :26], walk.qpos[0], atol=1e-12)
    start = int(shown.model.joint("ghost_free_base").qposadr[0])
    np.testing.assert_allclose(shown.qpos[:, start:start + 26], walk.qpos, atol=1e-12)
    assert 0 < np.abs(shown.qpos[-1, 7:26] - walk.qpos[-1, 7:]).max() < 0.5
    assert np.isfinite(shown.qpos).all()


def test_capsules_lie_along_their_bones():
    lines = generator(0, "bones").standard_normal((50, 3))
    lines = np.concatenate([lines, [[0, 0, -1.0]]])
    got = rotations.rotate(along_z(lines), np.array([0, 0, 1.0]))
    np.testing.assert_allclose(got, lines / np.linalg.norm(lines, axis=1, keepdims=True), atol=1e-9)


def test_soles_of_a_stance_are_on_the_floor(stand):
    heel, tip = soles(stand.qpos[:2])
    for side in ("left", "right"):
        assert abs(heel[side][:, 2]).max() < 0.01 and abs(tip[side][:, 2]).max() < 0.01
        assert np.linalg.norm(tip[side][0] - heel[side][0]) == pytest.approx(
            h1_numbers.SOLE_X[1] - h1_numbers.SOLE_X[0], abs=1e-6)


def test_the_sheet_measures_what_the_reference_says(walk):
    now = measure(walk)
    weight = h1_numbers.TOTAL_MASS * 9.81
    assert now.forward.ground_force[..., 2].sum(axis=1).mean() / weight == pytest.approx(1, abs=.05)
    assert now.sheet.values["unexplained_p95"] < 0.3


def test_a_caption_keeps_the_size():
    picture = np.zeros((120, 200, 3), np.uint8)
    assert captioned(picture, "walk", 1.0, person=True).shape == picture.shape


@pytest.mark.render
def test_a_film_has_the_pictures_asked_for(tmp_path, graphics, stand):
    gif = film(stage(stand), tmp_path / "a.gif", height=60, width=96, seconds=0.16)
    assert iio.imread(gif).shape == (2, 60, 96, 3)
    slow = film(stage(stand), tmp_path / "b.mp4", height=60, width=96, seconds=0.08, speed=0.5)
    pictures = iio.imread(slow)
    assert pictures.shape == (4, 60, 96, 3) and len(np.unique(pictures)) > 20
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.gif", "b.mp4"]


def test_the_page_is_a_picture_of_the_size_it_says_also_without_gl(tmp_path, monkeypatch, stand):
    monkeypatch.setattr("mwx.evaluation.motion_sheet.gl_backend", lambda: None)
    path = write_sheet(stand, tmp_path / "sheet.png")
    width, height = struct.unpack(">II", path.read_bytes()[16:24])
    assert (width, height) == tuple(round(DPI * side) for side in PAGE)
    assert [p.name for p in tmp_path.iterdir()] == ["sheet.png"]


def test_a_motion_is_a_file_or_a_skill(tmp_path, stand):
    path = stand.save(tmp_path / "stand.npz")
    reference, clip = motion_of(path)
    assert clip is None and reference.num_frames == stand.num_frames
    assert motion_of("stand")[0].generated


@pytest.mark.parametrize(("words", "hint"), [
    (["show", "wlk"], "did you mean 'walk'?"),
    (["show", "missing.bvh"], "no such file"),
    (["show", "stand", "--out", "film.avi"], ".mp4 or .gif"),
    (["show", "stand", "--pace", "0"], "--pace: expected"),
    (["show", "stand", "--periods", "0"], "from 1 to"),
    (["show", "stand", "--speed", "1"], "stays where it is"),
    (["generate", "all", "--speed", "1"], "each skill at its own speed"),
    (["sheet", "nothing.npz"], "no such file"),
])
def test_a_mistake_is_explained(words, hint, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["motion", *words]) == 2
    assert hint in capsys.readouterr().err
    assert not [p for p in Path(tmp_path).rglob("*") if p.is_file()]


def test_a_sheet_that_is_no_png_is_refused(tmp_path, stand):
    with pytest.raises(MwxError, match="PNG"):
        write_sheet(stand, tmp_path / "sheet.jpg")
    path = stand.save(tmp_path / "stand.npz")
    assert cli.main(["motion", "sheet", str(path), "--clip", "x.bvh"]) == 2


def test_export_and_import_give_the_motion_back(tmp_path, stand, capsys):
    path = stand.save(tmp_path / "stand.npz")
    assert cli.main(["motion", "export", str(path), str(tmp_path / "stand.csv")]) == 0
    back = tmp_path / "back.npz"
    assert cli.main(["motion", "import", str(tmp_path / "stand.csv"), "--out", str(back)]) == 0
    np.testing.assert_allclose(Reference.load(back).qpos, stand.qpos, atol=1e-5)
    assert H1.name in Reference.load(back).robot and "motion:" in capsys.readouterr().out
