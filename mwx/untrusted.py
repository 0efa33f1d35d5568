"""Files from somewhere else: read within bounds, nothing unpickled; errors name the file.

Every verb reads what a user gives through these functions.
"""

import contextlib
import json
import math
import os
import stat
import zipfile
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from mwx.errors import MwxError, reason, short

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module
    M = TypeVar("M", bound=Module)

MAX_TEXT = 2 ** 28  # [B] of a text file that is read whole
MAX_UNPACKED = 2 ** 29  # [B] of all arrays read from one npz file
MAX_WEIGHTS = 2 ** 32  # [B] of a file of weights


def read_bytes(path: str | Path, limit: int = MAX_TEXT) -> bytes:
    """Return a file's contents.

    Raises:
        MwxError: absent, no file, unreadable, or larger than the limit [B].
    """
    _regular(path)
    try:
        with open(path, "rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise MwxError(f"{path}: cannot be read ({reason(error)})") from None
    if len(data) > limit:
        raise MwxError(f"{path}: larger than the {limit / 2 ** 20:.0f} MiB that are read")
    return data


def read_text(path: str | Path, limit: int = MAX_TEXT) -> str:
    """Return a UTF-8 file's text, without a byte order mark; errors as `read_bytes`."""
    data = read_bytes(path, limit)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise MwxError(f"{path}: not a text file in UTF-8 ({error.reason} at byte {error.start}); "
                       "save it as UTF-8") from None


def read_json(path: str | Path) -> Any:
    """Return the value of a JSON file.

    Raises:
        MwxError: as `read_text`; not JSON, nested too deeply, a number that is none or too long.
    """
    return parse_json(read_text(path), str(path))


def read_object(path: str | Path) -> dict[str, Any]:
    """Return the object that a JSON file holds; errors as `read_json`, or it is something else."""
    value = read_json(path)
    if not isinstance(value, dict):
        raise MwxError(f"{path}: expected an object with fields, got {short(value)}")
    return value


def parse_json(text: str, where: str) -> Any:
    """Return the value of a JSON text; `where` is named in errors."""
    try:
        return json.loads(text, parse_constant=_no_constant, parse_float=_finite)
    except RecursionError:
        raise MwxError(f"{where}: nested too deeply") from None
    except ValueError as error:
        raise MwxError(f"{where}: not JSON ({error})") from None


def read_npz(path: str | Path, names: Collection[str] | None = None,
             limit: int = MAX_UNPACKED) -> dict[str, np.ndarray]:
    """Return the arrays of an npz file; nothing is unpickled, and sizes are checked first.

    Args:
        path: the file.
        names: those wanted, where the file has them; all unless told.
        limit: [B] of all of them together, unpacked.

    Raises:
        MwxError: absent, damaged, no npz file, too large, or Python objects in it.
    """
    read_bytes_of = np.lib.format
    _regular(path)
    try:
        with zipfile.ZipFile(path) as archive:
            members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()
                       if info.filename.endswith(".npy")}
            wanted = {n: i for n, i in members.items() if names is None or n in names}
            total = sum(info.file_size for info in wanted.values())
            if total > limit:
                raise MwxError(f"{path}: its arrays take {total / 2 ** 30:.1f} GiB, more than the "
                               f"{limit / 2 ** 30:.1f} GiB that are read")
            for info in wanted.values():
                check_header(archive, info, str(path))
            arrays = {}
            for name, info in wanted.items():
                with archive.open(info) as member:
                    arrays[name] = read_bytes_of.read_array(member, allow_pickle=False)
            return arrays
    except MwxError:
        raise
    except Exception as error:  # zip, zlib and numpy have dozens for a spoilt file
        raise MwxError(f"{path}: damaged, or no npz file ({reason(error)})") from None


def check_header(archive: zipfile.ZipFile, info: zipfile.ZipInfo, where: str) -> tuple[int, ...]:
    """Return the shape of an array in an npz file, whose header must tell its true size.

    Raises:
        MwxError: it holds Python objects, or says another size than it has.
    """
    name = info.filename.removesuffix(".npy")
    with archive.open(info) as member:
        version = np.lib.format.read_magic(member)
        read = (np.lib.format.read_array_header_1_0 if version == (1, 0)
                else np.lib.format.read_array_header_2_0)
        shape, _, dtype = read(member)
        begin = member.tell()
    if dtype.hasobject:
        raise MwxError(f"{where}: '{name}' holds Python objects; reading them would run code from "
                       "the file, so they are refused. Save it as plain numbers: "
                       f"np.savez(..., {name}=np.asarray({name}, float))")
    if min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize != info.file_size - begin:
        raise MwxError(f"{where}: '{name}' says that it has shape {shape}, and holds "
                       f"{info.file_size - begin} bytes: damaged")
    return shape


def read_weights(path: str | Path) -> "dict[str, Tensor]":
    """Return the tensors of a safetensors file.

    Raises:
        MwxError: absent, damaged, too large, or a number in it is not finite.
    """
    import torch
    from safetensors.torch import load
    data = read_bytes(path, MAX_WEIGHTS)
    try:
        weights = load(data)
    except Exception as error:  # safetensors has its own, torch and struct have others
        raise MwxError(f"{path}: damaged, or no file of weights ({reason(error)})") from None
    for name, value in weights.items():
        if value.is_complex() or not bool(torch.isfinite(value.to(torch.float32)).all()):
            raise MwxError(f"{path}: '{name}' holds what is not a finite number")
    return weights


def load_module(build: "Callable[[], M]", path: str | Path) -> "M":
    """Return the module that `build` makes, with a file's weights in it.

    What the file holds is compared with a module without memory first: sizes that somebody wrote
    into a configuration take none unless the weights are there.

    Raises:
        MwxError: as `read_weights`, or the weights are another module's.
    """
    import torch
    weights = read_weights(path)
    with understood(f"{path} or its configuration"):
        with torch.device("meta"):
            wanted = {n: tuple(v.shape) for n, v in build().state_dict().items()}
    found = {n: tuple(v.shape) for n, v in weights.items()}
    apart = [n for n in wanted | found if wanted.get(n) != found.get(n)]
    if apart:
        raise MwxError(f"{path} does not fit its config: {len(apart)} of {len(wanted)} arrays "
                       f"differ, '{apart[0]}' for one: {wanted.get(apart[0], 'none')} expected, "
                       f"{found.get(apart[0], 'none')} found")
    with understood(f"{path} or its configuration"):
        module = build()
        module.load_state_dict({k: v.float() for k, v in weights.items()})
    return module


@contextlib.contextmanager
def understood(where: str | Path) -> Iterator[None]:
    """Turn what goes wrong while contents that were written elsewhere are read into a MwxError.

    Args:
        where: the file or folder, named in the error.
    """
    try:
        yield
    except (KeyError, IndexError, TypeError, AttributeError, ValueError, ArithmeticError,
            RuntimeError, RecursionError, MemoryError) as error:
        raise MwxError(f"{where}: its contents are not what mwx writes there ({reason(error)})"
                       ) from error


def _regular(path: str | Path) -> None:
    """Refuse what is no file; opening a pipe would wait for ever."""
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        raise MwxError(f"{path}: no such file") from None
    except (OSError, ValueError) as error:
        raise MwxError(f"{path}: cannot be read ({reason(error)})") from None
    if not stat.S_ISREG(mode):
        what = "a folder" if stat.S_ISDIR(mode) else "a device"
        raise MwxError(f"{path}: {what}, not a file")


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{short(text)} is too large")
    return value
