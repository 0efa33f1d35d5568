"""Every verb that writes x every place that takes no file: one line, exit code 2, nothing left."""

import contextlib
import os
from pathlib import Path

import pytest
from places import full_disk, read_only, tree

from mwx import files
from mwx.cli import VERBS, function, main
from mwx.errors import MwxError

# the input of none of these exists: the place is looked at before any work. FILE ends as the verb
# wants it; FOLDER is a folder to be made; without either the verb's own default is meant.
FILES = {
    "motion retarget": ("walk.bvh --out FILE", ".npz"),
    "motion retarget, png": ("walk.bvh --png FILE", ".png"),
    "motion generate": ("stand --out FILE", ".npz"),
    "motion sheet": ("stand.npz --png FILE", ".png"),
    "motion export": ("stand.npz FILE", ".csv"),
    "motion import": ("stand.csv --out FILE", ".npz"),
    "motion show": ("stand --out FILE", ".mp4"),
    "tasks": ("--sheet FILE", ".png"),
    "play": ("nobody --out FILE", ".gif"),
    "evaluate": ("nobody --out FILE", ".json"),
    "report": ("nothing --out FILE", ".html"),
    "router compare": ("nothing --out FILE", ".json"),
    "export": ("nobody --out FILE", ".onnx"),
    "guide": ("push --out FILE", ".json"),
}
FOLDERS = {
    "motion generate": "all --out FOLDER",
    "motion build": "clips --out FOLDER",
    "motion imitate": "stand.npz --out FOLDER",
    "expert train": "stand --recipe tiny --out FOLDER",
    "agent train": "stand --recipe tiny --out FOLDER",
    "adapt": "door --recipe tiny --out FOLDER",
    "ablate": "door --recipe tiny --out FOLDER",
    "fleet": "stand --recipe tiny --out FOLDER",
    "demos record": "door --out FOLDER",
    "demos label": "demos --by action --out FOLDER",
    "guide": "push --provider vlm --model.name m --record FOLDER",
    "router train": "door --out FOLDER",
    "report tables": "nothing --out FOLDER",
    "report adapted": "nothing --out FOLDER",
    "demo": "--out FOLDER",
}
DEFAULTS = ("motion retarget walk.bvh", "motion generate stand", "motion import stand.csv",
            "motion show stand", "play nobody", "export nobody", "motion build clips",
            "motion imitate stand.npz", "expert train stand --recipe tiny",
            "agent train stand --recipe tiny", "adapt door --recipe tiny",
            "ablate door --recipe tiny", "fleet stand --recipe tiny", "demos record door",
            "router train door", "report tables nothing", "report adapted nothing", "demo")
TARGETS = ("out", "png", "sheet", "record")  # options of a verb that name what it writes
READS_ONLY = {"card", "motion filter"}  # write into what they are given; tested apart


def refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Return the one line that a verb printed when it refused."""
    assert main(words) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.startswith("error: ") and said.err.count("\n") == 1, said
    return said.err


def test_every_verb_that_writes_is_in_the_tables() -> None:
    known = {name.split(",")[0] for name in FILES} | set(FOLDERS)
    writing = {name for name in VERBS
               if set(TARGETS) & set(function(name).__annotations__)}
    assert writing == known
    assert known.isdisjoint(READS_ONLY) and set(VERBS) >= READS_ONLY


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a file, a folder and a link to nothing in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("kept")
    (tmp_path / "closed").mkdir()
    return tmp_path


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_cannot_be_written(name: str, here: Path,
                                       capsys: pytest.CaptureFixture[str]) -> None:
    line, ending = FILES[name]
    (here / f"taken{ending}").mkdir()
    words = [*name.split(",")[0].split(), *line.split()]
    before = tree(here)

    def asked(place: str) -> str:
        said = refused([place if w == "FILE" else w for w in words], capsys)
        assert tree(here) == before
        return said

    assert "it is a folder" in asked(f"taken{ending}")
    assert "is a file, not a folder" in asked(f"file/x{ending}")
    assert "is a file, not a folder" in asked(f"file/deeper/x{ending}")
    asked("x" * 300 + ending)
    asked(f"/proc/nowhere/x{ending}")
    os.mkfifo(f"pipe{ending}")
    before = tree(here)
    assert "a device" in asked(f"pipe{ending}")
    with read_only(here / "closed"):
        assert "Permission denied" in asked(f"closed/x{ending}")
        assert "Permission denied" in asked(f"closed/new/x{ending}")
    with full_disk():
        asked(f"x{ending}")
        asked(f"new/x{ending}")


@pytest.mark.parametrize("name", FOLDERS)
def test_a_folder_that_cannot_be_written(name: str, here: Path,
                                         capsys: pytest.CaptureFixture[str]) -> None:
    words, before = [*name.split(), *FOLDERS[name].split()], tree(here)

    def asked(place: str) -> str:
        said = refused([place if w == "FOLDER" else w for w in words], capsys)
        assert place.split("/")[0] in said and tree(here) == before
        return said

    assert "a file" in asked("file")
    assert "is a file, not a folder" in asked("file/deeper")
    asked("x" * 300)
    asked("/proc/nowhere")
    with read_only(here / "closed"):
        asked("closed")
        assert "Permission denied" in asked("closed/new")
    with full_disk():
        asked("new")
        asked("closed")


@pytest.mark.parametrize("line", DEFAULTS)
def test_a_working_folder_that_cannot_be_written(line: str, here: Path,
                                                 capsys: pytest.CaptureFixture[str]) -> None:
    before = tree(here)
    with read_only(here):
        refused(line.split(), capsys)
    with full_disk():
        refused(line.split(), capsys)
    assert tree(here) == before


def test_a_disk_that_fills_up_during_the_work_leaves_nothing(
        here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["motion", "generate", "stand", "--out", "stand.npz"]) == 0
    assert main(["motion", "export", "stand.npz", "stand.csv"]) == 0
    monkeypatch.setattr(files, "_try", lambda folder: None)  # there was room when it was asked
    before = tree(here)
    for line in ("motion generate stand --out new/deep/x.npz",
                 "motion import stand.csv --out x.npz", "motion sheet stand.npz --png new/x.png",
                 "motion export stand.npz x.csv", "motion export stand.npz new/x.npz",
                 "guide push --out new/x.json"):
        capsys.readouterr()
        with full_disk():
            assert main(line.split()) == 2, line
        said = capsys.readouterr().err
        assert said.startswith("error: cannot write ") and said.count("\n") == 1, said
        assert tree(here) == before, line


def test_a_writer_that_fails_leaves_the_old_file_and_takes_its_folders_away(here: Path) -> None:
    def fails(part: Path) -> None:
        part.write_text("half")
        raise KeyboardInterrupt

    (here / "x.txt").write_text("old")
    before = tree(here)
    for place in ("x.txt", "new/deep/y.txt"):
        with pytest.raises(KeyboardInterrupt):
            files.write_whole(here / place, fails)
        assert tree(here) == before
    files.write_text(here / "x.txt", "new")
    assert (here / "x.txt").read_text() == "new"


def test_a_link_is_written_through_and_a_device_never_replaced(here: Path) -> None:
    (here / "link").symlink_to(here / "closed" / "there")
    files.write_text(files.target_file(here / "link"), "through")
    assert (here / "link").is_symlink() and (here / "closed" / "there").read_text() == "through"
    for device in ("/dev/full", "/dev/null"):
        for write in (files.target_file, lambda path: files.write_text(path, "")):
            with pytest.raises(MwxError, match="a device"):
                write(device)
    with contextlib.suppress(FileNotFoundError):
        (here / "loop").symlink_to(here / "loop")
    with pytest.raises(MwxError, match="cannot write"):
        files.target_file(here / "loop" / "x")


def test_whoever_writes_gets_the_same_rights_as_any_new_file(here: Path) -> None:
    mask = os.umask(0o027)
    try:
        files.write_text(here / "x", "")
        assert (here / "x").stat().st_mode & 0o777 == 0o640
    finally:
        os.umask(mask)


