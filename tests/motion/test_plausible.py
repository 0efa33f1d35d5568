"""What no robot could do is never "ok", whichever verb shows it."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from mwx import cli
from mwx.motion import Reference, generate, quality_sheet
from mwx.motion.exporting import export_reference
from mwx.motion.gates import dynamics


@pytest.fixture(scope="module")
def stand() -> Reference:
    return dataclasses.replace(generate("stand"), loop=False, advance=np.zeros(3), metrics={})


def moved(reference: Reference, speed: float, height: float = 0.0) -> Reference:
    """Return a reference carried along x [m/s], lifted [m]; nothing of it bears weight then."""
    qpos = reference.qpos.copy()
    qpos[:, 0] += speed * np.arange(len(qpos)) / reference.fps
    qpos[:, 2] += height
    contact = reference.contact & (speed == 0 and height == 0)
    return dataclasses.replace(reference, qpos=qpos, contact=contact)


def test_a_clip_in_which_no_frame_stands_misses(stand: Reference) -> None:
    sheet = quality_sheet(moved(stand, 0.0, height=0.5))
    assert {"supported", "unexplained_p95"} <= set(sheet.missed)
    assert sheet.values["unexplained_p95"] == pytest.approx(1, abs=0.01)  # all of its weight
    assert quality_sheet(stand).passed
    verdict = dynamics(moved(stand, 0.0, height=0.5))
    assert verdict.scores["stance_force"] == pytest.approx(1, abs=0.01) and not verdict.passed


def test_one_who_only_falls_misses_too(stand: Reference) -> None:
    """Nothing is unexplained then; but no reference is all flight."""
    short = dataclasses.replace(
        stand, qpos=stand.qpos[:15].copy(), qvel=stand.qvel[:15], ctrl=stand.ctrl[:15],
        contact=np.zeros((15, 2), bool))
    short.qpos[:, 2] += 1.5 - 9.81 / 2 * (np.arange(15) / 50) ** 2
    assert "supported" in quality_sheet(short).missed


@pytest.mark.parametrize(("speed", "misses"), [(7.9, False), (8.1, True), (86.0, True)])
def test_no_base_is_faster_than_8_m_s(stand: Reference, speed: float, misses: bool) -> None:
    sheet = quality_sheet(moved(stand, speed))
    assert sheet.values["base_speed"] == pytest.approx(speed, abs=0.01)
    assert ("base_speed" in sheet.missed) == misses
    assert (f"base speed {speed:.3g} m/s (<= 8)" in sheet.sentence()) == misses


def test_the_seam_of_a_loop_counts(stand: Reference) -> None:
    loop = dataclasses.replace(stand, loop=True, advance=np.array([1.0, 0, 0]))
    assert quality_sheet(loop).values["base_speed"] == pytest.approx(stand.fps, abs=0.1)


@pytest.mark.parametrize("verb", ["sheet", "import", "show"])
def test_every_verb_shows_the_miss(stand: Reference, verb: str, tmp_path: Path,
                                   capsys: pytest.CaptureFixture[str],
                                   monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mwx.evaluation.motion_film.film", lambda shown, path, **_: path)
    monkeypatch.setattr("mwx.evaluation.motion_stage.stage", lambda *_, **__: None)
    monkeypatch.chdir(tmp_path)
    fast = moved(stand, 20.0)
    path = export_reference(fast, tmp_path / "fast.npz") if verb == "import" else \
        fast.save(tmp_path / "fast.npz")
    assert cli.main(["motion", verb, str(path)]) in (0, None)
    line = next(line for line in capsys.readouterr().out.splitlines() if "base speed" in line)
    assert "MISS" in line or "misses" in line
