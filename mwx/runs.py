"""Run directories: config, provenance, metrics, atomic checkpoints; stages talk through these only.

    runs/<name>/config.json        the full resolved config
                provenance.json    kind of run, options, command, commit, versions, seed, machine
                metrics.jsonl      one JSON object a line
                tensorboard/       the same scalars
                checkpoints/<step>/{state.json, arrays.safetensors, sums.json}   the newest two,
                                   each complete once it has its name
                replay/            steps of the replay that the checkpoints count on
                weights/           the model that scored best, and its scores
"""

import importlib.metadata
import itertools
import json
import math
import os
import platform
import shutil
import subprocess
import sys
import time
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from mwx.errors import MwxError
from mwx.files import write_json, write_text
from mwx.untrusted import read_bytes, read_json

RUNS = Path("runs")  # where runs go unless told otherwise
KEPT = 2  # checkpoints: should the newest be damaged, the one before it still serves
SUMS = "sums.json"  # of a checkpoint: bytes and CRC-32 of its other files
PACKAGES = ("mwx", "torch", "mujoco", "numpy", "scipy", "gymnasium")


def provenance(seed: int | None = None) -> dict[str, Any]:
    """Return what is needed to run this again: command, commit, versions, seed, machine."""
    return {
        "command": " ".join([Path(sys.argv[0]).name.replace("__main__.py", "mwx"), *sys.argv[1:]]),
        "commit": commit(),
        "seed": seed,
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "python": platform.python_version(),
        "versions": {name: importlib.metadata.version(name) for name in PACKAGES},
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
    }


def commit() -> str:
    """Return the source's commit, with '+changes' when files differ from it, or 'unknown'."""
    here = Path(__file__).parent
    try:
        git = ["git", "-C", str(here)]
        head = subprocess.run([*git, "rev-parse", "--short=12", "HEAD"], capture_output=True,
                              text=True, check=True, timeout=10).stdout.strip()
        dirty = subprocess.run([*git, "status", "--porcelain", "--", str(here)],
                               capture_output=True, text=True, check=True, timeout=10).stdout
        return head + ("+changes" if dirty.strip() else "")
    except (OSError, subprocess.SubprocessError):
        return "unknown"


class Run:
    """One run directory being written: scalars in, checkpoints in and out."""

    def __init__(self, path: Path, tensorboard: bool = True):
        self.path = Path(path)
        self._tensorboard = tensorboard
        self._writer: Any = None
        self._opened = time.monotonic()
        self._before_s: float | None = None  # [s] taken by processes before this one

    @classmethod
    def create(cls, path: Path, config: Mapping[str, Any], seed: int | None = None,
               tensorboard: bool = True, **told: Any) -> "Run":
        """Make the directory and record config and provenance; `open_run` decides whether to.

        Args:
            told: more for the provenance.

        Raises:
            MwxError: the directory cannot be written.
        """
        run = cls(path, tensorboard)
        write_json(run.path / "provenance.json", {**told, **provenance(seed)})
        write_json(run.path / "config.json", dict(config))
        return run

    def log(self, step: int, **values: float) -> None:
        """Append one line of scalars; values that are not finite are written as null.

        Raises:
            MwxError: the line cannot be written.
        """
        row: dict[str, Any] = {"step": int(step), "time": round(time.time(), 2)}
        for name, value in values.items():
            value = float(value)
            row[name] = float(f"{value:.6g}") if math.isfinite(value) else None
        try:
            row["time_spent_s"] = round(self.spent_s(), 2)
            with open(self.path / "metrics.jsonl", "a+b") as file:
                if file.tell():  # a line that a kill cut must not take this one with it
                    file.seek(-1, os.SEEK_END)
                    file.write(b"" if file.read(1) == b"\n" else b"\n")
                file.write(json.dumps(row).encode() + b"\n")
            if self._tensorboard:
                self._draw(row)
        except OSError as error:
            raise MwxError(f"cannot write the metrics in {self.path}: {error.strerror}; "
                           f"{self._safe()}") from None

    def _draw(self, row: Mapping[str, Any]) -> None:
        """Show a row in TensorBoard. A process draws what was logged before it anew: so no step is
        there twice, and none is missing that a kill kept from the disk."""
        rows = [row]
        if self._writer is None:
            from torch.utils.tensorboard.writer import SummaryWriter
            folder = self.path / "tensorboard"
            shutil.rmtree(folder, ignore_errors=True)
            self._writer, rows = SummaryWriter(str(folder), purge_step=0), self.metrics()
        for row in rows:
            for name, value in row.items():
                if name not in ("step", "time"):
                    self._writer.add_scalar(name, math.nan if value is None else value,
                                            row["step"], row.get("time"))

    def metrics(self) -> list[dict[str, Any]]:
        """Return the logged rows; a line cut by a kill is left out."""
        return read_metrics(self.path / "metrics.jsonl")

    def spent_s(self) -> float:
        """Return the seconds that the run has taken: this process and, from the log, those before.

        By the monotonic clock: the clock on the wall may be set back meanwhile.
        """
        if self._before_s is None:
            self._before_s = max(_logged_s(self.path), _logged_s(self.path / "teacher"))
        return self._before_s + time.monotonic() - self._opened

    def evaluated(self) -> int:
        """Return the step of the last evaluation in the log, -1 where there is none."""
        return max((row["step"] for row in self.metrics()
                    if any(name.startswith("eval/") for name in row)), default=-1)

    def trim_metrics(self, step: int) -> None:
        """Drop rows logged after a checkpoint's step, so that a resumed run has no doubles."""
        self.spent_s()
        rows = [row for row in self.metrics() if row["step"] <= step]
        write_text(self.path / "metrics.jsonl", "".join(json.dumps(r) + "\n" for r in rows))
        self.close()

    def clear(self, *names: str) -> None:
        """Remove parts of a start that was cut short: its steps will be made again."""
        self.spent_s()
        self.close()
        for name in names:
            place = self.path / name
            try:
                if place.is_dir():
                    shutil.rmtree(place)
                else:
                    place.unlink(missing_ok=True)
            except OSError as error:
                raise MwxError(f"cannot remove {place}: {error.strerror}") from None

    def save(self, step: int, arrays: Mapping[str, np.ndarray], state: Mapping[str, Any]) -> None:
        """Write a checkpoint atomically; it and the one before it are kept.

        Raises:
            MwxError: it cannot be written; those before it are untouched.
        """
        root = self.path / "checkpoints"
        final = root / f"{step:09d}"
        temporary = root / f".{final.name}.{os.getpid()}.tmp"
        if step in self.checkpoints() and _sound(final):
            return  # safe already; replacing it would leave a moment without
        files = {"arrays.safetensors": save({k: np.ascontiguousarray(v)
                                             for k, v in arrays.items()}),
                 "state.json": json.dumps({"step": step, **state}).encode()}
        sums = {name: [len(data), zlib.crc32(data)] for name, data in files.items()}
        files[SUMS] = json.dumps(sums).encode()
        try:
            shutil.rmtree(temporary, ignore_errors=True)
            temporary.mkdir(parents=True)
            for name, data in files.items():
                _write_through(temporary / name, data)
            shutil.rmtree(final, ignore_errors=True)
            os.replace(temporary, final)
            _sync_folder(root)
        except OSError as error:
            shutil.rmtree(temporary, ignore_errors=True)
            raise MwxError(f"cannot write checkpoint {final}: {error.strerror}; {self._safe()}"
                           ) from None
        keep = {f"{k:09d}" for k in self.checkpoints()[-KEPT:]}
        for old in root.iterdir():
            if old.name not in keep:
                shutil.rmtree(old, ignore_errors=True)

    def _safe(self) -> str:
        steps = self.checkpoints()
        if not steps:
            return "there is none before it; make room, or choose another folder, and start again"
        return (f"{self.path / 'checkpoints' / f'{steps[-1]:09d}'} is untouched: make room, then "
                f"continue with --resume")

    def checkpoints(self) -> list[int]:
        """Return the steps of the complete checkpoints, oldest first."""
        try:
            names = [f.name for f in (self.path / "checkpoints").iterdir()]
        except OSError:
            return []
        return sorted(int(name) for name in names if name.isdigit())

    def restore(self) -> tuple[int, dict[str, np.ndarray], dict[str, Any]]:
        """Return step, arrays and state of the newest complete checkpoint.

        Raises:
            MwxError: there is none, or it cannot be read.
        """
        steps = self.checkpoints()
        if not steps:
            raise MwxError(f"{self.path} holds no checkpoint to resume from; start the run "
                           f"without --resume")
        folder = self.path / "checkpoints" / f"{steps[-1]:09d}"
        try:
            sums = read_json(folder / SUMS)
            data = {name: (folder / name).read_bytes() for name in sums}
            for name, expected in sums.items():
                if [len(data[name]), zlib.crc32(data[name])] != expected:
                    raise MwxError(f"{name} is not what was written")
            state = json.loads(data["state.json"])
            return state.pop("step"), load(data["arrays.safetensors"]), state
        except (OSError, SafetensorError, ValueError, KeyError, AttributeError, TypeError,
                MwxError) as error:
            raise MwxError(f"checkpoint {folder} is damaged ({error}); {self.remedy()}") from None

    def remedy(self) -> str:
        """Say what to do where the newest checkpoint is of no use."""
        steps = self.checkpoints()
        if len(steps) < 2:
            return "there is none before it: start the run again in another folder"
        return (f"to continue from the one before it, at step {steps[-2]}: "
                f"rm -r {self.path / 'checkpoints' / f'{steps[-1]:09d}'} and --resume")

    @property
    def resumable(self) -> bool:
        """True when a complete checkpoint exists."""
        return bool(self.checkpoints())

    def close(self) -> None:
        """Put what TensorBoard has not seen yet on the disk."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None


def _write_through(path: Path, data: bytes) -> None:
    with open(path, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(path: Path) -> None:
    """Make the names in a folder outlive a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sound(folder: Path) -> bool:
    try:
        sums = json.loads((folder / SUMS).read_text())
        return all([len(data := (folder / name).read_bytes()), zlib.crc32(data)] == expected
                   for name, expected in sums.items())
    except (OSError, ValueError, AttributeError):
        return False


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a metrics.jsonl; a line cut by a kill is left out."""
    if not Path(path).exists():
        return []
    lines = read_bytes(path).decode(errors="replace").splitlines()
    rows = []
    for line in lines:
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(row, dict) and isinstance(row.get("step"), int):
            rows.append(row)
    return rows


def _logged_s(folder: Path) -> float:
    """Return the seconds that a log accounts for."""
    rows = read_metrics(folder / "metrics.jsonl")
    spent = [row["time_spent_s"] for row in rows if "time_spent_s" in row]
    if spent:
        return max(spent)
    times = [row["time"] for row in rows if "time" in row]  # logs before 0.2 have no more
    return sum(max(0.0, after - before) for before, after in itertools.pairwise(times))
