"""Arrays out of npz files from anywhere: sizes are checked before anything is read.

Nothing is unpickled, and a file cannot ask for more memory than `MAX_BYTES` an array.
"""

import zipfile
from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np

from mwx.errors import MwxError
from mwx.motion.clip import check_frames
from mwx.types import Array

MAX_BYTES = 2 ** 30  # [B] of one array
RATES = ("mocap_framerate", "mocap_frame_rate", "fps", "framerate", "frame_rate", "frequency")
FPS_RANGE = (1.0, 2000.0)  # [Hz]


def array_names(path: Path) -> tuple[str, ...]:
    """Return the names of the arrays in a file.

    Raises:
        MwxError: absent, damaged, or no npz file.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return tuple(n.removesuffix(".npy") for n in archive.namelist() if n.endswith(".npy"))
    except FileNotFoundError:
        raise MwxError(f"{path}: no such file") from None
    except (OSError, ValueError, NotImplementedError, zipfile.BadZipFile) as error:
        raise MwxError(f"{path}: damaged, or no npz file ({error})") from None


def read_arrays(path: Path, wanted: Collection[str], rows: Collection[str] = (),
                spare: Collection[str] = ()) -> dict[str, Array]:
    """Return those of the wanted arrays that the file has.

    Args:
        path: an .npz file.
        wanted: names; others are not looked at.
        rows: those of them with a row for each frame, whose number is checked first.
        spare: those of them that are left out where they hold Python objects, see `left_out`.

    Raises:
        MwxError: absent, damaged, too large, or an array holds Python objects.
    """
    names = [n for n in array_names(path) if n in wanted]
    try:
        with zipfile.ZipFile(path) as archive:
            names = [n for n in names if _plain(archive, path, n, n in rows, n in spare)]
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in names}
    except MwxError:
        raise
    except Exception as error:  # zip, zlib and numpy have dozens for a spoilt file
        raise MwxError(f"{path}: damaged npz file ({type(error).__name__}: {error}); "
                       "download or write it again") from None


def left_out(path: Path, arrays: Mapping[str, Array], wanted: Collection[str]) -> tuple[str, ...]:
    """Return a note on each wanted array of a file that `read_arrays` left out."""
    return tuple(f"'{name}' holds Python objects: not read" for name in array_names(path)
                 if name in wanted and name not in arrays)


def frame_rate(arrays: dict[str, Array], path: Path, told: float | None = None, why: str = ""
               ) -> tuple[float, tuple[str, ...]]:
    """Return the rate [Hz] that the user tells, else the file's; a note where they differ.

    Args:
        arrays: of the file, with its own of RATES; path: of the file, for the error.
        told: [Hz] by the user; why: what a file without a rate may be, for the error.

    Raises:
        MwxError: no rate, two, or one that no motion has.
    """
    said = {name: number(arrays, name, path) for name in RATES if name in arrays}
    if told is not None:
        others = [f"{rate:g}" for rate in said.values() if not np.isclose(rate, told, rtol=1e-6)]
        return float(told), (f"rate: {told:g} Hz as told; the file says {others[0]}",) if others \
            else ()
    if not said:
        objects = [n for n in array_names(path) if n in RATES]
        held = f"'{objects[0]}' holds Python objects" if objects else " or ".join(RATES[:3])
        raise MwxError(f"{path}: no frame rate ({held}): {why}say it with --fps")
    for name, rate in said.items():
        if not FPS_RANGE[0] <= rate <= FPS_RANGE[1]:
            raise MwxError(f"{path}: '{name}' is {rate} frames a second, {FPS_RANGE[0]:g} to "
                           f"{FPS_RANGE[1]:g} are read; say the right rate with --fps")
    if max(said.values()) > (1 + 1e-3) * min(said.values()):
        words = " and ".join(f"{rate:g} ('{name}')" for name, rate in said.items())
        raise MwxError(f"{path}: two frame rates, {words}; say which with --fps")
    return next(iter(said.values())), ()


def _plain(archive: zipfile.ZipFile, path: Path, name: str, rows: bool, spare: bool) -> bool:
    """Return whether an array is to be read; refuse objects and excessive sizes by its header."""
    with archive.open(f"{name}.npy") as member:
        version = np.lib.format.read_magic(member)
        read = (np.lib.format.read_array_header_1_0 if version == (1, 0)
                else np.lib.format.read_array_header_2_0)
        shape, _, dtype = read(member)
    if dtype.hasobject and spare:
        return False
    if dtype.hasobject:
        kind = "str" if name.endswith("names") else "float"
        raise MwxError(f"{path}: '{name}' holds Python objects; reading them would run code from "
                       "the file, so they are refused. Save it without: "
                       f"np.savez(..., {name}=np.asarray({name}, {kind}))")
    if rows and shape:
        first, *others = shape
        check_frames(others[0] if first == 1 and len(others) > 1 else first, str(path))
    size = int(np.prod([float(n) for n in shape])) * dtype.itemsize
    if size > MAX_BYTES:
        raise MwxError(f"{path}: '{name}' takes {size / 2 ** 30:.1f} GiB (shape {shape}), more "
                       f"than the {MAX_BYTES / 2 ** 30:.0f} GiB that are read; cut the file")
    return True


def number(arrays: dict[str, Array], name: str, path: Path) -> float:
    """Return a single number.

    Raises:
        MwxError: it is something else.
    """
    value = arrays[name]
    if value.size != 1 or value.dtype.kind not in "iuf":
        raise MwxError(f"{path}: '{name}' has shape {value.shape} and type {value.dtype}, expected "
                       "one number")
    return float(value.reshape(-1)[0])


def text(value: Array) -> str:
    """Return a scalar str or bytes array as text."""
    item = value.reshape(-1)[0] if value.size else ""
    return item.decode("utf-8", "replace") if isinstance(item, bytes) else str(item)


def numbers(arrays: dict[str, Array], name: str, path: Path, columns: tuple[int, ...]) -> Array:
    """Return an array (T, ...) as floats, its trailing shape checked.

    Args:
        arrays: of the file; name: which; path: of the file, for the error.
        columns: the trailing shape.

    Raises:
        MwxError: other shape or type, or not a number somewhere.
    """
    value = arrays[name]
    if value.ndim != 1 + len(columns) or value.shape[1:] != columns:
        raise MwxError(f"{path}: '{name}' has shape {value.shape}, expected "
                       f"(frames, {', '.join(str(c) for c in columns)})")
    if value.dtype.kind not in "iuf":
        raise MwxError(f"{path}: '{name}' has type {value.dtype}, expected numbers")
    if not np.isfinite(value).all():
        frame = int(np.argwhere(~np.isfinite(value))[0][0])
        raise MwxError(f"{path}: '{name}' is not a number in frame {frame}; cut the clip there or "
                       "fill the gap")
    return value.astype(float)
