"""A body tells its unit and its vertical: every combination comes back as it was."""

from pathlib import Path

import numpy as np
import pytest

from mwx.errors import MwxError
from mwx.maths import rotations
from mwx.motion import MotionClip, read_clip
from mwx.motion.formats import units
from mwx.motion.formats.keypoints import write_keypoints
from mwx.motion.human import human_walk
from mwx.rng import generator

CLIP = human_walk(strides=1, fps=30.0)


@pytest.mark.parametrize("unit", list(units.UNITS))
@pytest.mark.parametrize("up", list(units.TO_Z_UP))
@pytest.mark.parametrize("expected", ["y", "z"])
def test_units_and_up_axis_are_found(unit: str, up: str, expected: str) -> None:
    back = rotations.conjugate(units.TO_Z_UP[up])
    given = rotations.rotate(back, CLIP.positions_w) / units.UNITS[unit]
    found, _, notes = units.to_metres_z_up(CLIP.names, given, up=expected)
    np.testing.assert_allclose(found, CLIP.positions_w, atol=1e-9)
    assert notes[0].startswith(f"units: {unit} (from the size of the skeleton")
    words = f"{up.removeprefix('-')} {'down' if '-' in up else 'up'}"
    assert notes[1].startswith(words + (", turned" if up != "z" else ""))


@pytest.mark.parametrize("height", [1.1, 1.4, 1.7, 2.0])
@pytest.mark.parametrize("unit", list(units.UNITS))
def test_children_and_giants_keep_their_size(height: float, unit: str) -> None:
    clip = human_walk(strides=1, fps=30.0, height=height)
    metres, _ = units.unit_of(clip.names, clip.positions_w / units.UNITS[unit])
    assert metres == units.UNITS[unit]


def test_turns_turn_along() -> None:
    back = rotations.conjugate(units.TO_Z_UP["y"])
    turns = np.broadcast_to(back, (*CLIP.positions_w.shape[:2], 4))
    _, turned, _ = units.to_metres_z_up(
        CLIP.names, rotations.rotate(back, CLIP.positions_w), turns, up="z")
    assert turned is not None
    np.testing.assert_allclose(turned, np.broadcast_to([1.0, 0, 0, 0], turned.shape), atol=1e-12)


@pytest.mark.parametrize(("expected", "to"), [("z", "y"), ("z", "x"), ("y", "z"), ("y", "x")])
def test_one_who_crawls_keeps_the_formats_vertical(expected: str, to: str) -> None:
    """The body lies along its way; the floor stays level."""
    body = CLIP.positions_w - CLIP.positions_w[:, :1]
    along = "xyz".index(to)
    lying = np.zeros_like(body)
    lying[..., along] = body[..., 2]
    lying[..., 3 - along - "xyz".index(expected)] = body[..., 1]
    lying[..., "xyz".index(expected)] = 0.2 + 0.1 * body[..., 0]
    lying[..., along] += np.linspace(0, 2, len(body))[:, None]
    axis, note = units.up_axis(CLIP.names, lying, expected)
    assert axis == expected and "lies or crawls" in note


def test_unknown_names_and_sizes() -> None:
    names = [f"marker{i}" for i in range(len(CLIP.names))]
    metres, _ = units.unit_of(names, 100 * CLIP.positions_w)
    axis, note = units.up_axis(names, CLIP.positions_w, "y")
    assert metres == 0.01 and axis == "y" and "no known names" in note
    with pytest.raises(MwxError, match=r"robot\.npz: the leg is .* units long, and no unit"):
        units.unit_of(CLIP.names, 1e-5 * CLIP.positions_w, "robot.npz")


def test_key_points_in_centimetres_with_y_up(tmp_path: Path) -> None:
    y_up = rotations.rotate(rotations.conjugate(units.TO_Z_UP["y"]), CLIP.positions_w)
    np.savez(tmp_path / "cm.npz", joint_pos_w=100 * y_up, joint_names=np.array(CLIP.names), fps=30)
    clip = read_clip(tmp_path / "cm.npz")
    np.testing.assert_allclose(clip.positions_w, CLIP.positions_w, atol=1e-9)
    assert clip.notes[0].startswith("units: centimetres") and "y up, turned" in clip.notes[1]


def test_key_points_round_trip(tmp_path: Path) -> None:
    rng = generator(0, "turns")
    turns = rotations.exp(rng.normal(size=CLIP.positions_w.shape))
    clip = MotionClip(CLIP.names, CLIP.parents, CLIP.positions_w, 30.0, turns, licence="CC0",
                      label="walk", loops=True)
    again = read_clip(write_keypoints(clip, tmp_path / "folder" / "walk.npz"))
    np.testing.assert_array_equal(again.positions_w, clip.positions_w)
    np.testing.assert_array_equal(again.rotations_w, turns)
    assert (again.names, again.parents, again.fps) == (clip.names, clip.parents, clip.fps)
    assert (again.licence, again.label, again.loops) == ("CC0", "walk", True)
    assert [p.name for p in (tmp_path / "folder").iterdir()] == ["walk.npz"]
