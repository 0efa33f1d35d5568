"""One motion in every layout that npz files of human motion have: the same clip, or an error."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from mwx.errors import MwxError
from mwx.motion import MotionClip, read_clip
from mwx.motion.formats.smpl_body import BODY, NAMES, forward, textbook_body, write_reduced
from mwx.motion.formats.smpl_body import Body as SmplBody
from mwx.rng import generator

FRAMES, FPS = 30, 60.0
PELVIS = np.array([0, 0.23, 0])  # [m] below the origin of a body like SMPL's
RNG = generator(0, "layouts")
POSES = 0.2 * RNG.normal(size=(FRAMES, 55, 3)).cumsum(axis=0) / np.sqrt(FRAMES)
POSES[:, 0] = (Rotation.from_euler("z", np.linspace(0, 40, FRAMES)[:, None], degrees=True)
               * Rotation.from_euler("x", 90, degrees=True)).as_rotvec()
POSES[:, 22:] = 0
TRANS = np.stack([np.linspace(0, 0.6, FRAMES), np.zeros(FRAMES), np.full(FRAMES, 0.93)], axis=1)
TURNS = Rotation.from_rotvec(POSES.reshape(-1, 3)).as_matrix().reshape(FRAMES, 55, 3, 3)


def flat(joints: int) -> np.ndarray:
    return POSES[:, :joints].reshape(FRAMES, -1)


def body(joints: int) -> np.ndarray:
    return POSES[:, 1:1 + joints]


def save(tmp_path: Path, **arrays: Any) -> Path:
    path = tmp_path / "motion.npz"
    np.savez(path, **arrays)
    return path


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> MotionClip:
    return read_clip(save(tmp_path_factory.mktemp("plain"), poses=flat(52), trans=TRANS,
                          mocap_framerate=FPS))


LAYOUTS: dict[str, dict[str, Any]] = {
    "22 joints": {"poses": flat(22)}, "SMPL": {"poses": flat(24)}, "SMPL-X": {"poses": flat(55)},
    "22 joints apart": {"poses": POSES[:, :22]}, "SMPL joints apart": {"poses": POSES[:, :24]},
    "SMPL-H joints apart": {"poses": POSES[:, :52]},
    "one clip of a batch": {"poses": flat(24)[None], "trans": TRANS[None]},
    "batch, joints apart": {"poses": POSES[None, :, :22]},
    "float32": {"poses": flat(52).astype(np.float32), "trans": TRANS.astype(np.float32)},
    "matrices": {"poses": TURNS[:, :24]}, "a batch of matrices": {"poses": TURNS[None, :, :22]},
    "AMASS in parts": {"root_orient": POSES[:, 0], "pose_body": flat(22)[:, 3:]},
    "SMPL in parts": {"root_orient": POSES[:, 0], "pose_body": flat(24)[:, 3:]},
    "poses without the root": {"root_orient": POSES[:, 0], "poses": flat(22)[:, 3:]},
    "smplx": {"global_orient": POSES[:, 0], "body_pose": flat(22)[:, 3:], "transl": TRANS},
    "smplx, joints apart": {"global_orient": POSES[:, :1], "body_pose": body(21), "transl": TRANS},
    "smplx, a batch": {"global_orient": POSES[None, :, 0], "body_pose": flat(22)[None, :, 3:],
                       "transl": TRANS[:, None]},
    "smplx of SMPL": {"global_orient": POSES[:, 0], "body_pose": body(23), "transl": TRANS},
    "smplx in matrices": {"global_orient": TURNS[:, :1], "body_pose": TURNS[:, 1:22],
                          "transl": TRANS},
    "smplx in matrices, root alone": {"global_orient": TURNS[:, 0], "body_pose": TURNS[:, 1:24],
                                      "transl": TRANS},
    "mixed names": {"global_orient": POSES[:, 0], "pose_body": flat(22)[:, 3:], "trans": TRANS},
    "AIST++": {"smpl_poses": flat(24), "smpl_trans": 92.5 * TRANS, "smpl_scaling": [92.5]},
    "PHC": {"pose_aa": flat(24), "trans_orig": TRANS, "beta": np.zeros(10)},
    "PHC's root": {"pose_aa": POSES[:, :24], "root_trans_offset": TRANS},
    "WHAM": {"pose_world": flat(24), "trans_world": TRANS, "pose": 0 * flat(24),
             "trans": 0 * TRANS},
    "TRAM": {"pred_rotmat": TURNS[:, :24], "pred_trans": TRANS[:, None],
             "pred_shape": np.zeros((FRAMES, 10))},
    "GRAB": {"fullpose": flat(55), "transl": TRANS},
    "fps": {"poses": flat(52), "mocap_framerate": None, "fps": FPS},
    "mocap_frame_rate": {"poses": flat(52), "mocap_framerate": None, "mocap_frame_rate": [FPS]},
    "framerate": {"poses": flat(52), "mocap_framerate": None, "framerate": int(FPS)},
    "two names of one rate": {"poses": flat(52), "fps": FPS},
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts_are_one_motion(layout: str, plain: MotionClip, tmp_path: Path) -> None:
    arrays = {"mocap_framerate": np.array(FPS)} | LAYOUTS[layout]
    if not {"trans", "transl", "smpl_trans", "trans_orig", "root_trans_offset", "pred_trans",
            "trans_world"} & set(arrays):
        arrays["trans"] = TRANS
    clip = read_clip(save(tmp_path, **{n: a for n, a in arrays.items() if a is not None}))
    np.testing.assert_allclose(clip.positions_w, plain.positions_w,
                               atol=1e-5 if layout == "float32" else 1e-9)
    assert clip.fps == FPS and not any("units" in note for note in clip.notes)
    assert ("camera" in " ".join(clip.notes)) == (layout == "TRAM")


DEGREES = np.degrees(flat(52))


@pytest.mark.parametrize(("changes", "note"), [
    ({"poses": DEGREES}, "angles: degrees (up to"),
    ({"gender": np.array(None)}, "'gender' holds Python objects: not read"),
    ({"betas": np.array([None])}, "'betas' holds Python objects: not read"),
    ({"comment": np.array([{}])}, ""),
])
def test_what_is_assumed_is_said(changes: dict, note: str, plain: MotionClip, tmp_path: Path
                                 ) -> None:
    arrays = {"poses": flat(52), "trans": TRANS, "mocap_framerate": FPS} | changes
    clip = read_clip(save(tmp_path, **arrays))
    np.testing.assert_allclose(clip.positions_w, plain.positions_w, atol=1e-9)
    assert not note or any(note in said for said in clip.notes)


def test_a_shape_that_is_needed_is_no_spare(tmp_path: Path) -> None:
    shape = SmplBody("SMPL-H", textbook_body().template, np.zeros((BODY, 3, 10)))
    model = write_reduced(shape, tmp_path / "body.npz")
    path = save(tmp_path, poses=flat(52), trans=TRANS, mocap_framerate=FPS, betas=np.array([None]))
    with pytest.raises(MwxError, match="'betas' holds Python objects"):
        read_clip(path, body_model=model)


def test_a_root_of_the_pelvis_is_the_pelvis(tmp_path: Path) -> None:
    shape = SmplBody("SMPL", textbook_body().template - PELVIS, np.zeros((BODY, 3, 10)))
    model = write_reduced(shape, tmp_path / "body.npz")
    path = save(tmp_path, pose_aa=flat(24), root_trans_offset=TRANS, fps=FPS)
    clip = read_clip(path, body_model=model)
    np.testing.assert_allclose(clip.positions_w[:, 0], TRANS, atol=1e-9)


@pytest.mark.parametrize(("arrays", "message"), [
    ({"poses": flat(22)[:, 3:]}, "'poses' has shape \\(30, 63\\), expected .*66.*72"),
    ({"poses": POSES[:1, :22]}, "1 frames"), ({"poses": flat(22)[None, :1]}, "1 frames"),
    ({"poses": np.zeros((FRAMES, 24, 4))}, "'poses' has shape"),
    ({"poses": np.zeros((2, FRAMES, 72))}, "'poses' has shape"),
    ({"poses": np.zeros((FRAMES, 24, 3, 3))}, "shape of rotation matrices and holds others"),
    ({"poses": -TURNS[:, :24]}, "shape of rotation matrices and holds others"),
    ({"global_orient": POSES[:, 0], "body_pose": flat(22)[:, 6:]},
     "'body_pose' has shape .*expected \\(frames, 63 or 69\\)"),
    ({"global_orient": POSES[:, 0]}, "no motion of a known kind"),
    ({"body_pose": flat(22)[:, 3:]}, "no motion of a known kind"),
    ({"poses": flat(52), "transl": TRANS[:-1]}, "30 frames of angles and 29 of 'transl'"),
    ({"poses": flat(52), "transl": TRANS[:, :2]}, "'transl' has shape \\(30, 2\\)"),
    ({"smpl_poses": flat(24), "smpl_trans": TRANS, "smpl_scaling": 0}, "'smpl_scaling' is 0"),
    ({"poses": flat(52), "fps": 30.0}, "two frame rates, 60 .* and 30 .*--fps"),
    ({"poses": flat(52), "mocap_framerate": 1 / 60}, "'mocap_framerate' is 0.0166.*--fps"),
    ({"poses": flat(52), "mocap_framerate": 1e6}, "1000000.0 frames a second"),
    ({"poses": flat(52), "mocap_framerate": np.array(None)}, "no frame rate .*Python objects"),
    ({"dof": np.zeros((FRAMES, 19)), "pose_aa": POSES[:, :22], "root_trans_offset": TRANS,
      "root_rot": np.zeros((FRAMES, 4))}, "a robot's motion.*motion import"),
])
def test_other_layouts_teach(arrays: dict, message: str, tmp_path: Path) -> None:
    with pytest.raises(MwxError, match=message):
        read_clip(save(tmp_path, **({"mocap_framerate": FPS} | arrays)))


@pytest.mark.parametrize("changes", [{}, {"mocap_framerate": 120.0}, {"fps": 30.0},
                                     {"mocap_framerate": np.array(None)}])
def test_a_rate_that_is_told_counts(changes: dict, tmp_path: Path) -> None:
    said = {"mocap_framerate": 60.0} | changes
    clip = read_clip(save(tmp_path, poses=flat(52), trans=TRANS, **said), fps=60)
    assert clip.fps == 60
    wrong = [rate for rate in said.values() if rate in (30.0, 120.0)]
    assert any(f"the file says {wrong[0]:g}" in n for n in clip.notes) if wrong else not any(
        "as told" in n for n in clip.notes)


POINTS = forward(textbook_body().template, POSES[:, :BODY], TRANS)[0]
FULL = np.concatenate([POINTS, POINTS[:, -2:] + 0.01], axis=1)  # SMPL's 24, with hands


@pytest.mark.parametrize(("arrays", "note"), [
    ({"joints": POINTS}, "SMPL's (no names in the file)"),
    ({"positions": FULL}, "SMPL's (no names in the file)"),
    ({"joint_pos_w": POINTS[None]}, "SMPL's (no names in the file)"),
    ({"joints": 1000 * POINTS[..., [0, 2, 1]] * [1, 1, -1]}, "y up, turned"),
    ({"joint_pos_w": POINTS, "joint_names": np.array(NAMES)}, "z up"),
    ({"joints": POINTS, "joint_names": np.array(NAMES), "licence": np.array(None)},
     "'licence' holds Python objects: not read"),
])
def test_key_points_without_names_are_smpls(arrays: dict, note: str, tmp_path: Path) -> None:
    clip = read_clip(save(tmp_path, fps=20.0, **arrays))
    assert clip.names == NAMES and any(note in said for said in clip.notes)
    np.testing.assert_allclose(clip.positions_w, POINTS, atol=1e-9)
    bare = save(tmp_path, **arrays)
    assert read_clip(bare, fps=20).fps == 20
    with pytest.raises(MwxError, match=r"no frame rate.*HumanML3D's is 20.*--fps"):
        read_clip(bare)


@pytest.mark.parametrize(("arrays", "message"), [
    ({"joints": POINTS[:, ::-1]}, "not SMPL's joints in their order; add joint_names"),
    ({"joints": POINTS[:, :17]}, "add joint_names"),
    ({"joints": POINTS[:, :, :2]}, "add joint_names"),
    ({"poses": POINTS}, "holds key points, not angles"),
    ({"joints": POINTS, "joint_names": np.array(NAMES, object)},
     "'joint_names' holds Python objects.*np.asarray\\(joint_names, str\\)"),
])
def test_key_points_of_others_teach(arrays: dict, message: str, tmp_path: Path) -> None:
    with pytest.raises(MwxError, match=message):
        read_clip(save(tmp_path, fps=20.0, **arrays))
