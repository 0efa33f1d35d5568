"""Files are written whole or not at all, to places that were checked before the work.

Every verb writes through `write_whole` and asks `target_file` or `target_folder` first.
"""

import contextlib
import json
import os
import stat
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mwx.errors import MwxError, Unwritable, reason

if TYPE_CHECKING:
    from torch import Tensor

PROBE = 4096  # [B] that a place must take before the work starts: a full disk takes none


def target_file(path: str | Path, *endings: str) -> Path:
    """Return a path after making sure, before any work, that a file can be written there.

    Args:
        path: where the file will go.
        endings: what its name may end in; anything unless told.

    Raises:
        MwxError: another ending, a folder or a device is there, its folder is none, or the place
            takes no bytes.
    """
    path = Path(path)
    if endings and path.suffix not in endings:
        raise MwxError(f"{path}: the name of this file must end in {' or '.join(endings)}")
    with _named(path):
        _writable_name(path)
        _try(Path(os.path.realpath(path)).parent)
    return path


def target_folder(path: str | Path) -> Path:
    """Return a path after making sure, before any work, that files can be written below it.

    Raises:
        MwxError: a file is there or above it, or the place takes no bytes.
    """
    path = Path(path)
    with _named(path):
        _try(Path(os.path.realpath(path)))
    return path


def write_whole(path: str | Path, write: Callable[[Path], object]) -> Path:
    """Let `write` fill a temporary file that then takes the path's place, whole or not at all.

    Args:
        path: where the file goes; its folders are made, and taken away again if this fails.
        write: given the temporary file's path, whose ending is the path's.

    Raises:
        MwxError: the file cannot be written.
    """
    path = Path(path)
    with _named(path):
        _writable_name(path)
        final = Path(os.path.realpath(path))
        made = _make(final.parent)
        ending = final.suffix if len(final.suffix) < 12 else ""
        temporary = final.with_name(f".{final.stem[:40]}.{os.getpid()}.tmp{ending}")
        try:
            write(temporary)
            with open(temporary, "rb") as file:
                os.fsync(file.fileno())
            os.replace(temporary, final)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            _unmake(made)
            raise
    return path


def write_bytes(path: str | Path, data: bytes) -> Path:
    """Write a file so that a reader sees the old content or the new, never half of it."""
    return write_whole(path, lambda part: part.write_bytes(data))


def write_text(path: str | Path, text: str) -> Path:
    """Write a text as `write_bytes` does, in UTF-8."""
    return write_bytes(path, text.encode())


def write_json(path: str | Path, value: Any) -> Path:
    """Write JSON atomically; NaN and infinity are refused."""
    return write_text(path, json.dumps(value, indent=1, allow_nan=False) + "\n")


def write_npz(path: str | Path, arrays: Mapping[str, Any]) -> Path:
    """Write an npz file, without pickles.

    Raises:
        TypeError: an array of Python objects.
        MwxError: the file cannot be written.
    """
    plain: dict[str, Any] = {name: np.asarray(value) for name, value in arrays.items()}
    if objects := [name for name, value in plain.items() if value.dtype.hasobject]:
        raise TypeError(f"{', '.join(objects)}: an array of objects would have to be pickled")

    def fill(part: Path) -> None:
        with open(part, "wb") as file:
            np.savez_compressed(file, **plain)
    return write_whole(path, fill)


def write_weights(path: str | Path, weights: "dict[str, Tensor]") -> Path:
    """Write named tensors as safetensors."""
    from safetensors.torch import save
    return write_bytes(path, save(weights))


@contextlib.contextmanager
def _named(path: Path) -> Iterator[None]:
    """Turn what the system says into an error that names the path which was asked for."""
    try:
        yield
    except OSError as error:
        raise Unwritable(f"cannot write {path}: {reason(error)}") from None


def _writable_name(path: Path) -> None:
    """Refuse what a file could replace by accident: folders, devices, pipes."""
    try:
        mode = os.stat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return  # `_make` names a file that is in the way
    if stat.S_ISDIR(mode):
        raise Unwritable(f"cannot write {path}: it is a folder; give the name of a file")
    if not stat.S_ISREG(mode):
        raise Unwritable(f"cannot write {path}: it is a device, not a file")


def _try(folder: Path) -> None:
    """Write a few bytes where a folder is or will be, and take them away again."""
    made = _make(folder)
    try:
        handle, probe = tempfile.mkstemp(prefix=".mwx-", dir=folder)
        try:
            with open(handle, "wb", buffering=0) as file:
                file.write(bytes(PROBE))
        finally:
            os.unlink(probe)
    finally:
        _unmake(made)


def _make(folder: Path) -> list[Path]:
    """Make a folder and those above it; return what was made, innermost first."""
    missing = [p for p in (folder, *folder.parents) if not os.path.lexists(p)]
    there = missing[-1].parent if missing else folder
    if not there.is_dir():
        raise NotADirectoryError(0, f"{there} is a file, not a folder")
    made: list[Path] = []
    try:
        for path in reversed(missing):
            path.mkdir()
            made.insert(0, path)
    except FileExistsError:  # made by somebody else meanwhile
        folder.mkdir(parents=True, exist_ok=True)
    except BaseException:
        _unmake(made)
        raise
    return made


def _unmake(folders: list[Path]) -> None:
    for path in folders:
        with contextlib.suppress(OSError):  # somebody else has put something there
            path.rmdir()
