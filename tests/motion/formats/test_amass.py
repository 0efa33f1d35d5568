"""AMASS layouts rebuilt synthetically, against kinematics with matrices; every way to spoil one."""

import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from mwx.errors import MwxError
from mwx.motion import MotionClip, read_clip
from mwx.motion.formats.smpl_body import NAMES, PARENTS, textbook_body, write_reduced
from mwx.motion.formats.smpl_body import Body as SmplBody
from mwx.motion.roles import body_points
from mwx.rng import generator

FRAMES = 12
UPRIGHT = Rotation.from_euler("x", 90, degrees=True)  # y up, z forward -> z up, -y forward
DIRECTIONS = 0.03 * generator(0, "directions").normal(size=(22, 3, 16))
PELVIS = np.array([-0.002, -0.23, 0.03])  # [m] J_0 of a body like SMPL's


def motion(width: int = 156, **changes) -> dict[str, np.ndarray]:
    """Return an upright person moving every joint, in the layout of an AMASS file."""
    rng = generator(1, "motion")
    poses = 0.3 * rng.normal(size=(FRAMES, width))
    turn = UPRIGHT * Rotation.from_rotvec(
        np.linspace(0, 0.7, FRAMES)[:, None] * [0, 1, 0])
    poses[:, :3] = turn.as_rotvec()
    arrays = {"poses": poses, "trans": rng.normal(size=(FRAMES, 3)) * 0.1,
              "betas": rng.normal(size=16), "gender": np.array("female"),
              "mocap_framerate": np.array(120.0), "dmpls": np.zeros((FRAMES, 8))} | changes
    return {name: value for name, value in arrays.items() if value is not None}


def save(path: Path, **arrays) -> Path:
    np.savez(path, **arrays)
    return path


@pytest.fixture
def body(tmp_path: Path) -> Path:
    shape = SmplBody("SMPL-H", textbook_body().template + PELVIS, DIRECTIONS)
    return write_reduced(shape, tmp_path / "body.npz")


def expected(arrays: dict[str, np.ndarray], frame: int) -> np.ndarray:
    """Return the joints (22, 3) of a frame by products of 4x4 matrices."""
    joints = textbook_body().template + PELVIS + DIRECTIONS @ arrays["betas"]
    chain: list[np.ndarray] = []
    for j, parent in enumerate(PARENTS):
        local = np.eye(4)
        turn = arrays["poses"][frame, 3 * j:3 * j + 3]
        local[:3, :3] = Rotation.from_rotvec(turn).as_matrix()
        local[:3, 3] = joints[j] - joints[parent] if parent >= 0 else (
            joints[0] + arrays["trans"][frame])
        chain.append(local if parent < 0 else chain[parent] @ local)
    return np.array([m[:3, 3] for m in chain])


@pytest.mark.parametrize("width", [72, 156, 165])
def test_layouts_against_matrices(tmp_path: Path, body: Path, width: int) -> None:
    arrays = motion(width)
    clip = read_clip(save(tmp_path / "m_poses.npz", **arrays), body_model=body)
    assert clip.fps == 120 and clip.names == NAMES and clip.parents == PARENTS
    for frame in (0, FRAMES - 1):
        np.testing.assert_allclose(clip.positions_w[frame], expected(arrays, frame), atol=1e-9)
    assert "body: SMPL-H, 16 of 16 shape coefficients used" in clip.notes
    assert "gender: female" in clip.notes and "z up" in clip.notes


def test_a_forgotten_root_joint_would_show(tmp_path: Path, body: Path) -> None:
    """p_0 = trans + J_0, and J_0 is not turned with the body."""
    arrays = motion(betas=np.zeros(16))
    clip = read_clip(save(tmp_path / "m.npz", **arrays), body_model=body)
    np.testing.assert_allclose(clip.positions_w[:, 0], arrays["trans"] + PELVIS, atol=1e-12)


def test_parts_and_names_of_the_newer_releases(tmp_path: Path, body: Path) -> None:
    arrays = motion(165)
    split = {"root_orient": arrays["poses"][:, :3], "pose_body": arrays["poses"][:, 3:66],
             "pose_hand": arrays["poses"][:, 75:], "trans": arrays["trans"],
             "betas": arrays["betas"], "gender": np.array(b"neutral"),
             "mocap_frame_rate": np.array(60.0), "surface_model_type": np.array("smplx")}
    clip = read_clip(save(tmp_path / "m_stageii.npz", **split), body_model=body)
    whole = read_clip(save(tmp_path / "m.npz", **arrays), body_model=body)
    np.testing.assert_array_equal(clip.positions_w, whole.positions_w)
    assert clip.fps == 60 and "gender: neutral" in clip.notes


def test_missing_trans_and_ten_coefficients(tmp_path: Path, body: Path) -> None:
    arrays = motion(trans=None, betas=np.ones(10))
    clip = read_clip(save(tmp_path / "m.npz", **arrays), body_model=body)
    assert np.ptp(clip.positions_w[:, 0], axis=0).max() < 1e-12
    assert any("no trans" in note for note in clip.notes)
    assert "body: SMPL-H, 10 of 10 shape coefficients used" in clip.notes


def test_without_a_body_model(tmp_path: Path) -> None:
    arrays = motion(trans=np.tile([0.3, 0.1, 7.0], (FRAMES, 1)))
    clip = read_clip(save(tmp_path / "m.npz", **arrays))
    assert set(body_points(clip)) >= {"pelvis", "neck", "left_toe", "right_wrist"}
    toes = clip.positions_w[:, [NAMES.index("L_Foot"), NAMES.index("R_Foot")], 2].min(axis=1)
    assert abs(np.percentile(toes, 2)) < 0.03  # trans of another body does not leave it in the air
    assert "textbook skeleton" in clip.notes[0]
    thigh = clip.positions_w[:, NAMES.index("L_Knee")] - clip.positions_w[:, NAMES.index("L_Hip")]
    turn = Rotation.from_rotvec(arrays["poses"][:, :3]) * Rotation.from_rotvec(
        arrays["poses"][:, 3:6])
    np.testing.assert_allclose(thigh / np.linalg.norm(thigh, axis=1, keepdims=True),
                               turn.apply([0, -1, 0]), atol=1e-9)


def test_y_up_files_are_turned(tmp_path: Path, body: Path) -> None:
    lying = motion()
    turn = UPRIGHT.inv() * Rotation.from_rotvec(lying["poses"][:, :3])
    lying["poses"][:, :3] = turn.as_rotvec()
    lying["poses"][:, 3:] *= 0.1
    clip = read_clip(save(tmp_path / "m.npz", **lying), body_model=body)
    assert any(note.startswith("y up, turned") for note in clip.notes)
    neck, pelvis = (clip.positions_w[:, NAMES.index(n), 2] for n in ("Neck", "Pelvis"))
    assert (neck - pelvis > 0.3).all()


@pytest.mark.parametrize(("changes", "message"), [
    ({"mocap_framerate": None}, "no frame rate"),
    ({"mocap_framerate": np.array(0.0)}, "0.0 frames a second"),
    ({"mocap_framerate": np.array(np.nan)}, "nan frames a second"),
    ({"mocap_framerate": np.array([30.0, 60.0])}, "expected one number"),
    ({"mocap_framerate": np.array("fast")}, "expected one number"),
    ({"poses": np.zeros((FRAMES, 157))}, r"'poses' has shape \(12, 157\)"),
    ({"poses": np.zeros(156)}, "'poses' has shape"),
    ({"poses": np.full((FRAMES, 156), np.nan)}, "'poses' is not a number in frame 0"),
    ({"poses": np.full((FRAMES, 156), "x")}, "expected numbers"),
    ({"poses": np.full((FRAMES, 156), None)}, "Python objects"),
    ({"poses": np.zeros((0, 156))}, "0 frames"),
    ({"poses": np.zeros((1, 156))}, "1 frames"),
    ({"poses": None}, "neither 'poses' nor 'root_orient'"),
    ({"poses": None, "root_orient": np.zeros((3, 3))}, "neither 'poses' nor 'pose_body'"),
    ({"poses": None, "root_orient": np.zeros((3, 3)), "pose_body": np.zeros((4, 63))},
     "3 frames of 'root_orient' and 4"),
    ({"trans": np.zeros((FRAMES - 1, 3))}, "12 frames of angles and 11 of 'trans'"),
    ({"trans": np.full((FRAMES, 3), np.inf)}, "'trans' is not a number in frame 0"),
    ({"betas": np.full(16, np.nan)}, "'betas' has shape"),
    ({"betas": np.array("thin")}, "'betas' has shape"),
])
def test_spoilt_files_teach(tmp_path: Path, changes: dict, message: str) -> None:
    path = save(tmp_path / "m.npz", **motion(**changes))
    with pytest.raises(MwxError, match=message):
        read_clip(path)


def test_subjects_are_no_motions_unless_the_rate_is_said(tmp_path: Path) -> None:
    path = save(tmp_path / "shape.npz", betas=np.zeros(16), gender=np.array("male"))
    with pytest.raises(MwxError, match=r"shape\.npz files describe a subject.*--fps"):
        read_clip(path)
    unsaid = save(tmp_path / "m.npz", **motion(mocap_framerate=None))
    assert read_clip(unsaid, fps=50).fps == 50
    with pytest.raises(MwxError, match="positive rate"):
        read_clip(unsaid, fps=0)


def test_bodies_and_pickles_given_as_motions(tmp_path: Path) -> None:
    path = save(tmp_path / "model.npz", v_template=np.zeros((4, 3)))
    with pytest.raises(MwxError, match="body model, give it as body_model"):
        read_clip(path)
    with pytest.raises(MwxError, match="motion as a pickle is not read"):
        read_clip(tmp_path / "h1_amass.pkl")


class Trap:
    """Something that leaves a mark when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return (Path.touch, (self.mark,))


def test_objects_in_an_npz_are_never_unpickled(tmp_path: Path) -> None:
    arrays = motion()
    trapped = np.empty(1, object)
    mark = tmp_path / "mark"
    trapped[0] = Trap(mark)
    path = save(tmp_path / "m.npz", **(arrays | {"trans": trapped}))
    with pytest.raises(MwxError, match=r"'trans' holds Python objects.*run code"):
        read_clip(path)
    assert read_clip(save(tmp_path / "other.npz", **arrays, comment=trapped)).fps == 120
    raw = tmp_path / "raw.npz"
    with zipfile.ZipFile(raw, "w") as archive:
        for name in ("poses", "mocap_framerate"):
            archive.writestr(f"{name}.npy", pickle.dumps(Trap(mark)))
    with pytest.raises(MwxError, match="damaged npz"):
        read_clip(raw)
    assert not mark.exists()
    pickle.loads(pickle.dumps(Trap(mark)))
    assert mark.exists()


def test_a_million_frames_are_refused_unread(tmp_path: Path) -> None:
    """By the array's header alone: nothing of its size is ever allocated."""
    path = tmp_path / "long.npz"
    with zipfile.ZipFile(path, "w") as archive:
        for name, shape in (("poses", (10 ** 6, 156)), ("mocap_framerate", ())):
            with archive.open(f"{name}.npy", "w") as member:
                np.lib.format.write_array_header_1_0(
                    member, {"descr": "<f8", "fortran_order": False, "shape": shape})
    with pytest.raises(MwxError, match="1000000 frames, at most 250000"):
        read_clip(path)
    with zipfile.ZipFile(path, "w") as archive, archive.open("betas.npy", "w") as member:
        np.lib.format.write_array_header_1_0(
            member, {"descr": "<f8", "fortran_order": False, "shape": (2 ** 40,)})
    with pytest.raises(MwxError, match="more than the 1 GiB"):
        read_clip(path)


@settings(max_examples=80, deadline=None)
@given(cut=st.integers(0, 6000), at=st.integers(0, 6000), byte=st.integers(0, 255))
def test_spoilt_bytes_are_read_or_refused(tmp_path_factory, cut: int, at: int, byte: int) -> None:
    path = save(tmp_path_factory.mktemp("spoilt") / "m.npz", **motion(72))
    data = bytearray(path.read_bytes())
    data[at % len(data)] = byte
    path.write_bytes(bytes(data[: len(data) - cut % len(data)] if cut % 2 else data))
    try:
        clip = read_clip(path)
        assert isinstance(clip, MotionClip) and np.isfinite(clip.positions_w).all()
    except MwxError as error:
        assert len(str(error)) > len(str(path))
