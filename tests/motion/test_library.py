"""A folder of clips becomes a library: whole, again, in parallel, interrupted, with odd files."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from mwx import cli
from mwx.errors import MwxError, Unwritable
from mwx.motion import MotionClip, gates, labels, loops, manifest
from mwx.motion.clip_to_entries import BuildConfig, split_of
from mwx.motion.filtering import filter_library, stages
from mwx.motion.human import human_walk
from mwx.motion.library import Library, build_library
from mwx.motion.reference import Reference
from mwx.motion.workers import each

MOCAP = Path(__file__).parents[3] / "shared" / "mocap"
QUICK = gates.GateConfig(tracking=gates.TrackingLimits(starts=2))


def save(clip: MotionClip, path: Path, licence: str = "CC0-1.0") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, joint_pos_w=clip.positions_w, joint_names=np.array(clip.names),
             parents=np.array(clip.parents), fps=clip.fps, licence=licence)


def still(seconds: float = 1.0) -> MotionClip:
    """Return a person who stands: one frame of the walk, held."""
    walk = human_walk(1)
    frames = round(seconds * walk.fps)
    return dataclasses.replace(walk, positions_w=np.repeat(walk.positions_w[:1], frames, axis=0))


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with two people walking, one standing, a twin, and what nobody can read."""
    folder = tmp_path_factory.mktemp("clips")
    save(human_walk(2), folder / "anna" / "walk one.npz")
    save(human_walk(2, height=1.6), folder / "b.npz", "unknown")
    save(still(), folder / "quiet.npz")
    (folder / "twin.npz").write_bytes((folder / "b.npz").read_bytes())
    (folder / "broken.npz").write_bytes(b"PK\x03\x04 no more")
    np.savez(folder / "other.npz", colours=np.zeros(3))
    save(still(0.1), folder / "blink.npz")
    (folder / "notes.md").write_text("not a motion")
    return folder


@pytest.fixture(scope="module")
def built(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("out") / "library"
    report = build_library(clips, out)
    assert {name for name, _ in report.skipped} == {"broken.npz", "other.npz", "blink.npz"}
    assert report.duplicates == (("twin.npz", "b.npz"),)
    assert len(report.made) == 3 and report.already == 0
    reasons = dict(report.skipped)
    assert "too short" in reasons["blink.npz"] and "colours" in reasons["other.npz"]
    return out


def files(folder: Path) -> dict[str, bytes]:
    """Return every file of a library but its lock."""
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*"))
            if p.is_file() and p.name != ".lock"}


def test_what_is_built(built: Path) -> None:
    library = Library.load(built)
    entries = {entry.name: entry for entry in library.entries}
    assert {"anna-walk-one", "anna-walk-one-loop", "anna-walk-one-mirrored",
            "anna-walk-one-loop-mirrored", "b", "quiet", "quiet-mirrored"} <= entries.keys()
    walk = entries["anna-walk-one"]
    assert (walk.label, walk.label_origin, walk.loopable) == ("walk", "named", True)
    assert walk.licence == "CC0-1.0" and walk.redistributable and walk.leads
    assert entries["b"].label_origin == "guessed" and entries["b"].label == "walk"
    assert not entries["b"].redistributable and entries["quiet"].label == "stand"
    assert {e.split for e in library.entries if e.sha256 == walk.sha256} == {walk.split}
    assert walk.metrics["skate_mean"] < 5 and walk.versions["schema"] == 1
    assert set(os.listdir(built)) == {".lock", "manifest.jsonl", "references"}
    assert len(os.listdir(built / "references")) == len(library.entries)
    for entry in library.entries:
        reference = library.reference(entry)
        assert (reference.label, reference.licence) == (entry.label, entry.licence)
        assert (reference.num_frames, reference.loop) == (entry.frames, entry.loop)
        assert reference.source_sha256 == entry.sha256


def test_mirrored_twice_is_the_original(built: Path) -> None:
    library = Library.load(built)
    pairs = [(e, e.mirror_of) for e in library.entries if e.mirror_of]
    assert len(pairs) == len(library.entries) // 2
    for entry, name in pairs:
        original = Reference.load(built / "references" / f"{name}.npz")
        again = library.reference(entry).mirrored()
        for array in ("qpos", "qvel", "ctrl", "contact", "advance"):
            np.testing.assert_array_equal(getattr(again, array), getattr(original, array))


def test_a_second_build_does_nothing(clips: Path, built: Path) -> None:
    before = files(built)
    report = build_library(clips, built)
    assert (len(report.made), report.already) == (0, 3) and files(built) == before


def test_two_jobs_make_what_one_makes(clips: Path, built: Path, tmp_path: Path) -> None:
    build_library(clips, tmp_path / "two", jobs=2)
    assert files(tmp_path / "two") == files(built)


def test_a_build_cut_short_goes_on(clips: Path, built: Path, tmp_path: Path) -> None:
    """A killed build leaves whole lines, perhaps a torn one, and files not yet in the manifest."""
    out = tmp_path / "library"
    lines = (built / "manifest.jsonl").read_text().splitlines(keepends=True)
    part = [line for line in lines if json.loads(line)["name"].startswith(("quiet", "b-loop"))]
    (out / "references").mkdir(parents=True)
    (out / "manifest.jsonl").write_text("".join(part) + lines[0][:100])
    for entry in Library.load(out).entries:
        name = f"references/{entry.name}.npz"
        (out / name).write_bytes((built / name).read_bytes())
    (out / ".unfinished").mkdir()
    (out / ".unfinished" / "tmpabc.npz").write_bytes(b"half")
    report = build_library(clips, out)
    assert report.already == 1 and len(report.made) == 2  # b had only its loop: made anew
    assert files(out) == files(built)


def test_a_killed_build_goes_on(clips: Path, built: Path, tmp_path: Path) -> None:
    out = tmp_path / "library"
    code = (f"from mwx.motion.library import build_library\n"
            f"if __name__ == '__main__':\n    build_library({str(clips)!r}, {str(out)!r})\n")
    script = tmp_path / "build.py"
    script.write_text(code)
    process = subprocess.Popen([sys.executable, str(script)], env={**os.environ,
                                                                   "OMP_NUM_THREADS": "1"})
    path = out / "manifest.jsonl"
    while process.poll() is None and not (path.is_file() and path.stat().st_size):
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert all(Library.load(out).references())  # what it names is there and whole
    build_library(clips, out)
    assert files(out) == files(built)


def test_other_settings_make_clips_anew(clips: Path, built: Path, tmp_path: Path) -> None:
    folder, out = tmp_path / "clips", tmp_path / "library"
    folder.mkdir()
    (folder / "quiet.npz").write_bytes((clips / "quiet.npz").read_bytes())
    assert len(build_library(folder, out).library.entries) == 2
    report = build_library(folder, out, config=BuildConfig(mirror=False))
    assert len(report.made) == 1 and [e.name for e in report.library.entries] == ["quiet"]
    assert os.listdir(out / "references") == ["quiet.npz"]
    (folder / "labels.csv").write_text("file,label,licence\nquiet,reach,mine\n")
    entry = build_library(folder, out, config=BuildConfig(mirror=False)).library.entries[0]
    assert (entry.label, entry.label_origin, entry.licence) == ("reach", "told", "mine")


def test_long_clips_are_cut(clips: Path, tmp_path: Path) -> None:
    folder = tmp_path / "clips"
    folder.mkdir()
    (folder / "quiet.npz").write_bytes((clips / "quiet.npz").read_bytes())
    config = BuildConfig(mirror=False, piece_s=0.6)
    entries = build_library(folder, tmp_path / "out", config=config).library.entries
    assert [(e.name, e.part, e.leads) for e in entries] == \
        [("quiet", 0, True), ("quiet-part2", 1, False)]


def test_selecting(built: Path) -> None:
    library = Library.load(built)
    assert {r.label for r in library.references(label="walk")} == {"walk"}
    assert not library.references(kept=True)  # no gate has looked
    train, valid = library.select(split="train"), library.select(split="valid")
    assert len(train) + len(valid) == len(library.entries)
    with pytest.raises(MwxError, match="no reference of 'walks': did you mean 'walk'"):
        library.select(label="walks")
    with pytest.raises(MwxError, match="unknown split"):
        library.select(split="test")


def test_filter_judges_once_and_writes_it_down(built: Path) -> None:
    seen: list[str] = []
    cheap = ("kinematic", "dynamics", "tracking")
    library, unread = filter_library(built, cheap, config=QUICK,
                                     progress=lambda done, total, e: seen.append(e.name))
    assert not unread and sorted(seen) == [e.name for e in library.entries]
    assert all(set(e.verdicts) == set(cheap) for e in library.entries)
    again, _ = filter_library(built, cheap, config=QUICK,
                              progress=lambda *_: pytest.fail("judged twice"))
    assert again.entries == library.entries
    first = stages(library.entries)
    assert first[0].came == len(library.entries) and first[1].came == first[0].kept

    asked: list[str] = []

    def judge(reference: Reference) -> gates.Verdict:
        asked.append(reference.label)
        return gates.Verdict("privileged", reference.label == "stand", 0.5, "by a test")

    library, _ = filter_library(built, config=QUICK, judge=judge)
    left = first[-1].came
    assert len(asked) == left and stages(library.entries)[-1].came == left
    assert {r.label for r in library.references(kept=True)} <= {"stand"}
    assert any(gates.only_policy(e.verdicts) for e in library.entries)
    count = len(asked)
    filter_library(built, config=QUICK, judge=judge)
    assert len(asked) == count
    filter_library(built, ["privileged"], config=QUICK, judge=judge, again=True)
    assert len(asked) == 2 * count


def test_a_missing_reference_is_said(built: Path, tmp_path: Path) -> None:
    manifest.write(tmp_path, Library.load(built).entries[:1])
    _, unread = filter_library(tmp_path, ["kinematic"], again=True)
    assert len(unread) == 1 and "no such file" in unread[0][1]


@pytest.mark.parametrize(("make", "message"), [
    (lambda p: build_library(p / "nowhere", p / "out"), "no such folder"),
    (lambda p: build_library(p, p / "out"), "no clips in it"),
    (lambda p: build_library(p, p / "out", jobs=0), "at least one"),
    (lambda p: Library.load(p), "no reference library"),
    (lambda p: filter_library(p), "no reference library"),
    (lambda p: filter_library(p, ["kinetic"]), "did you mean 'kinematic'"),
])
def test_mistakes_teach_and_leave_nothing(make, message: str, tmp_path: Path) -> None:
    with pytest.raises(MwxError, match=message):
        make(tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("line", ["{", "[]", '{"name": "x"}', '{"name": "../x"}', "null"])
def test_a_damaged_manifest_names_its_line(line: str, tmp_path: Path) -> None:
    (tmp_path / "manifest.jsonl").write_text(line + "\n")
    with pytest.raises(MwxError, match=r"manifest.jsonl:1: no line of a library manifest"):
        Library.load(tmp_path)


def test_names_never_leave_the_library(built: Path, tmp_path: Path) -> None:
    entry = Library.load(built).entries[0]
    manifest.append(tmp_path, [dataclasses.replace(entry, name="../../etc")])
    with pytest.raises(MwxError, match="is no name of a reference"):
        Library.load(tmp_path)


def test_labels_files(tmp_path: Path) -> None:
    (tmp_path / "labels.json").write_text('{"a/b.npz": "run", "c": {"label": "sit"}}')
    told = labels.told(tmp_path)
    assert labels.told_of(told, Path("a/b.npz")).label == "run"
    assert labels.told_of(told, Path("d/c.bvh")).label == "sit"
    assert labels.told_of(told, Path("d.bvh")).label == ""
    for text, message in [('{"a": "walks"}', "did you mean 'walk'"), ("[1]", "expected"),
                          ("{", "not JSON"), ('{"a": 3}', "are words")]:
        (tmp_path / "labels.json").write_text(text)
        with pytest.raises(MwxError, match=message):
            labels.told(tmp_path)
    (tmp_path / "labels.json").unlink()
    (tmp_path / "labels.csv").write_text("name,kind\na,run\n")
    with pytest.raises(MwxError, match="expected file,label"):
        labels.told(tmp_path)


@pytest.mark.parametrize(("path", "label"), [
    ("walk_01.bvh", "walk"), ("jogging.npz", "run"), ("crawl/x.npz", "crawl"),
    ("SitDown2.bvh", "sit"), ("walk/run3.bvh", "run"), ("02_01.amc", ""), ("runway.bvh", "")])
def test_names_say_labels(path: str, label: str) -> None:
    assert labels.named(Path(path)) == label


def test_loops_close_without_a_slide() -> None:
    from mwx.motion import generate
    walk = generate("walk")
    frames = walk.frame(np.arange(round(2.4 * walk.num_frames)) / 50)
    clip = dataclasses.replace(walk, qpos=frames.qpos, qvel=frames.qvel, ctrl=frames.ctrl,
                               contact=frames.contact, loop=False, advance=np.zeros(3))
    drift = 0.04 * np.arange(clip.num_frames) / clip.num_frames  # it sinks into its arms
    qpos = clip.qpos.copy()
    qpos[:, [20, 24]] += drift[:, None]
    loop = loops.close_loop(dataclasses.replace(clip, qpos=qpos))
    assert loop is not None and loop.loop and loop.num_frames == walk.num_frames
    np.testing.assert_allclose(loop.advance, walk.advance, atol=1e-6)
    assert loop.metrics["loop_change"] < 0.04 and loop.metrics["skate_p95"] < 0.1
    steps = np.diff(np.concatenate([loop.qpos, loop.qpos[:1]])[:, 7:], axis=0)
    assert np.abs(steps[-1]).max() <= np.abs(steps[:-1]).max()  # the seam is no jump
    turning = clip.qvel + np.linspace(0, 40, clip.num_frames)[:, None] * np.eye(25)[20]
    assert loops.find_periods(dataclasses.replace(clip, qvel=turning)) == []


def test_splits_follow_the_hash() -> None:
    sums = [f"{i:08x}" for i in range(0, 16 ** 8, 16 ** 5)]
    part = np.mean([split_of(s, 0.1) == "valid" for s in sums])
    assert part == pytest.approx(0.1, abs=0.01) and split_of("ffffffff", 1.0) == "valid"


def _die(item: int) -> int:
    os._exit(3) if item == 1 else None
    return item


def test_a_worker_that_dies_is_explained() -> None:
    with pytest.raises(MwxError, match="a worker process died"):
        list(each(_die, [0, 1], 2))


@pytest.mark.skipif(not MOCAP.is_dir(), reason="the development clips are not at hand")
def test_recorded_clips(tmp_path: Path) -> None:
    folder = tmp_path / "clips"
    folder.mkdir()
    for name in ("cmu_02.asf", "cmu_02_01.amc", "amp_cmu_run.npz"):
        (folder / name).write_bytes((MOCAP / name).read_bytes())
    entries = {e.name: e for e in build_library(folder, tmp_path / "out").library.entries}
    assert (entries["cmu_02_01"].label, entries["cmu_02_01"].label_origin) == ("walk", "guessed")
    loop = entries["cmu_02_01-loop"]
    assert loop.cut_from == "cmu_02_01" and loop.loop and 1.0 <= loop.frames / loop.fps <= 1.2
    assert entries["amp_cmu_run"].label == "run"


def test_the_verbs_print_what_became_of_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]
                                           ) -> None:
    save(still(), tmp_path / "clips" / "quiet.npz")
    (tmp_path / "clips" / "broken.npz").write_bytes(b"PK")
    out = str(tmp_path / "library")
    assert cli.main(["motion", "build", str(tmp_path / "clips"), "--out", out]) == 0
    text = capsys.readouterr().out
    assert "skipped broken.npz" in text and "stand (guessed)" in text and "1 clips made" in text
    assert "quiet.npz: z up" in text and "quiet.npz: misses bone direction" in text
    assert cli.main(["motion", "filter", out, "--gates", "kinematic,dynamics"]) == 0
    text = capsys.readouterr().out
    assert "2 of 2 references kept" in text and "retention" in text
    assert cli.main(["motion", "filter", out, "--gates", "kinetic"]) == 2
    assert "did you mean 'kinematic'" in capsys.readouterr().err
    assert cli.main(["motion", "build", str(tmp_path / "nowhere"), "--out", out]) == 2


def test_a_build_of_nothing_readable_is_an_error(tmp_path, capsys) -> None:
    (tmp_path / "broken.bvh").write_text("HIERARCHY\n")
    assert cli.main(["motion", "build", str(tmp_path), "--out", str(tmp_path / "library")]) == 2
    assert "none of its 1 clips" in capsys.readouterr().err


def test_a_disk_that_fills_up_ends_a_build(tmp_path, monkeypatch, capsys) -> None:
    def full(path, arrays):
        raise Unwritable(f"cannot write {path}: No space left on device")

    save(still(), tmp_path / "clips" / "still.npz")
    monkeypatch.setattr("mwx.motion.reference.write_npz", full)
    words = ["motion", "build", str(tmp_path / "clips"), "--out", str(tmp_path / "library")]
    assert cli.main(words) == 2
    told = capsys.readouterr().err
    assert "No space left" in told and "none of its" not in told  # at once, not clip by clip
