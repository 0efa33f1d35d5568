"""Every format of robot motion: out and in again, nothing lost that it can hold."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from mwx.errors import MwxError
from mwx.motion import Reference, generate, retarget_clip
from mwx.motion.exporting import WRITERS, export_reference, import_reference
from mwx.motion.human import human_walk

FACTS = ("label", "loop", "generated", "source", "source_sha256", "licence", "fps", "joint_names")


@pytest.fixture(scope="module", params=["loop", "captured"])
def reference(request: pytest.FixtureRequest) -> Reference:
    if request.param == "loop":
        return generate("walk", speed=1.2)
    clip = dataclasses.replace(human_walk(strides=1), generated=False)
    return dataclasses.replace(retarget_clip(clip, label="walk"), source_sha256="ab" * 32)


@pytest.mark.parametrize("suffix", WRITERS)
def test_round_trip(reference: Reference, tmp_path: Path, suffix: str) -> None:
    path = export_reference(reference, tmp_path / "deep" / f"walk{suffix}")
    again = import_reference(path)
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    np.testing.assert_allclose(again.qpos, reference.qpos, atol=1e-5)
    np.testing.assert_allclose(again.qvel, reference.qvel, atol=1e-3)
    np.testing.assert_allclose(again.advance, reference.advance, atol=1e-9)
    for name in FACTS:
        assert getattr(again, name) == getattr(reference, name), name
    assert (again.contact == reference.contact).mean() > 0.9
    if suffix == ".npz":
        np.testing.assert_allclose(again.ctrl, reference.ctrl, atol=1e-12)
        assert np.array_equal(again.contact, reference.contact)


def test_what_bears_weight_survives(tmp_path: Path) -> None:
    stand = generate("stand")
    bearing = np.zeros((stand.num_frames, 2), bool)
    bearing[: stand.num_frames // 2, 0] = True
    crouched = dataclasses.replace(stand, supports=bearing,
                                   support_names=("left_knee", "right_knee"))
    again = import_reference(export_reference(crouched, tmp_path / "x.npz"))
    assert again.supports is not None and np.array_equal(again.supports, bearing)
    assert again.support_names == crouched.support_names


def test_a_csv_is_what_converters_expect(reference: Reference, tmp_path: Path) -> None:
    rows = np.loadtxt(export_reference(reference, tmp_path / "walk.csv"), delimiter=",")
    np.testing.assert_allclose(rows[:, :3], reference.qpos[:, :3], atol=1e-8)
    np.testing.assert_allclose(rows[:, [6, 3, 4, 5]], reference.qpos[:, 3:7], atol=1e-8)
    np.testing.assert_allclose(rows[:, 7:], reference.qpos[:, 7:], atol=1e-8)


def test_own_references_are_read_too(reference: Reference, tmp_path: Path) -> None:
    again = import_reference(reference.save(tmp_path / "own.npz"))
    assert np.array_equal(again.ctrl, reference.ctrl)
    assert import_reference(tmp_path / "own.npz", "stroll", fps=50).label == "stroll"
    with pytest.raises(MwxError, match=r"at 50 Hz, .*leave --fps out"):
        import_reference(tmp_path / "own.npz", fps=30)


def test_unknown_suffixes_and_absent_files_teach(reference: Reference, tmp_path: Path) -> None:
    with pytest.raises(MwxError, match=r"not kept in '\.npy' files: did you mean '\.npz'"):
        export_reference(reference, tmp_path / "walk.npy")
    with pytest.raises(MwxError, match="no such file"):
        import_reference(tmp_path / "absent.csv")


def test_a_failed_write_leaves_nothing(reference: Reference, tmp_path: Path,
                                       monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("mwx.files.os.fsync", fail)
    for suffix in WRITERS:
        with pytest.raises(MwxError, match="disk full"):
            export_reference(reference, tmp_path / f"walk{suffix}")
    assert not list(tmp_path.iterdir())
