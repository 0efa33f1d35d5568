"""Run directories: config, provenance, metrics, atomic checkpoints; stages talk through these only.

    runs/<name>/config.json        the full resolved config
                provenance.json    command, commit, versions, seed, machine
                metrics.jsonl      one JSON object a line
                tensorboard/       the same scalars
                checkpoints/<step>/{state.json, arrays.safetensors}   written atomically
                latest             name of the newest complete checkpoint
"""

import importlib.metadata
import json
import math
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from mwx.errors import MwxError

RUNS = Path("runs")  # where runs go unless told otherwise
PACKAGES = ("mwx", "torch", "mujoco", "numpy", "scipy", "gymnasium")


def write_text(path: Path, text: str) -> None:
    """Write a file so that a reader sees the old content or the new, never half of it."""
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(temporary, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise MwxError(f"cannot write {path}: {error.strerror}") from None


def write_json(path: Path, value: Any) -> None:
    """Write JSON atomically; NaN and infinity are refused."""
    write_text(path, json.dumps(value, indent=1, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Read JSON; errors name the file."""
    try:
        return json.loads(Path(path).read_text())
    except FileNotFoundError:
        raise MwxError(f"{path}: no such file") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise MwxError(f"{path}: not JSON ({error})") from None


def provenance(seed: int | None = None) -> dict[str, Any]:
    """Return what is needed to run this again: command, commit, versions, seed, machine."""
    return {
        "command": " ".join([Path(sys.argv[0]).name, *sys.argv[1:]]),
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

    @classmethod
    def create(cls, path: Path, config: Mapping[str, Any], seed: int | None = None,
               tensorboard: bool = True) -> "Run":
        """Make the directory and record config and provenance.

        Raises:
            MwxError: the directory cannot be written.
        """
        run = cls(path, tensorboard)
        write_json(run.path / "config.json", dict(config))
        write_json(run.path / "provenance.json", provenance(seed))
        return run

    def log(self, step: int, **values: float) -> None:
        """Append one line of scalars; values that are not finite are written as null."""
        row: dict[str, Any] = {"step": int(step), "time": round(time.time(), 2)}
        for name, value in values.items():
            value = float(value)
            row[name] = float(f"{value:.6g}") if math.isfinite(value) else None
        with open(self.path / "metrics.jsonl", "a") as file:
            file.write(json.dumps(row) + "\n")
        if self._tensorboard:
            if self._writer is None:
                from torch.utils.tensorboard.writer import SummaryWriter
                self._writer = SummaryWriter(str(self.path / "tensorboard"))
            for name, value in values.items():
                self._writer.add_scalar(name, float(value), int(step))

    def metrics(self) -> list[dict[str, Any]]:
        """Return the logged rows; a last line cut by a kill is left out."""
        return read_metrics(self.path / "metrics.jsonl")

    def trim_metrics(self, step: int) -> None:
        """Drop rows logged after a checkpoint's step, so that a resumed run has no doubles."""
        rows = [row for row in self.metrics() if row["step"] <= step]
        write_text(self.path / "metrics.jsonl", "".join(json.dumps(r) + "\n" for r in rows))

    def save(self, step: int, arrays: Mapping[str, np.ndarray], state: Mapping[str, Any]) -> None:
        """Write a checkpoint atomically; the one before it is removed once this one is complete."""
        root = self.path / "checkpoints"
        final = root / f"{step:09d}"
        temporary = root / f".{step:09d}.{os.getpid()}.tmp"
        if self.resumable and (self.path / "latest").read_text().strip() == final.name:
            return  # this step is safe already; replacing it would leave a moment without any
        try:
            shutil.rmtree(temporary, ignore_errors=True)
            temporary.mkdir(parents=True)
            save_file({k: np.ascontiguousarray(v) for k, v in arrays.items()},
                      temporary / "arrays.safetensors")
            (temporary / "state.json").write_text(json.dumps({"step": step, **state}))
            for name in ("arrays.safetensors", "state.json"):
                with open(temporary / name, "rb") as file:
                    os.fsync(file.fileno())
            shutil.rmtree(final, ignore_errors=True)
            os.replace(temporary, final)
            write_text(self.path / "latest", final.name)
        except (OSError, SafetensorError) as error:
            shutil.rmtree(temporary, ignore_errors=True)
            raise MwxError(f"cannot write checkpoint {final}: {error}; the last complete "
                           f"checkpoint is untouched") from None
        for old in root.iterdir():
            if old.name != final.name:
                shutil.rmtree(old, ignore_errors=True)

    def restore(self) -> tuple[int, dict[str, np.ndarray], dict[str, Any]]:
        """Return step, arrays and state of the newest complete checkpoint.

        Raises:
            MwxError: there is none, or it cannot be read.
        """
        pointer = self.path / "latest"
        if not pointer.exists():
            raise MwxError(f"{self.path} holds no checkpoint to resume from")
        folder = self.path / "checkpoints" / pointer.read_text().strip()
        try:
            state = read_json(folder / "state.json")
            return state.pop("step"), load_file(folder / "arrays.safetensors"), state
        except (OSError, SafetensorError) as error:
            raise MwxError(f"checkpoint {folder} is damaged: {error}") from None

    @property
    def resumable(self) -> bool:
        """True when a complete checkpoint exists."""
        return (self.path / "latest").exists()


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a metrics.jsonl; a last line cut by a kill is left out."""
    if not Path(path).exists():
        return []
    rows = []
    for line in Path(path).read_text().splitlines():
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError:
            break
    return rows
