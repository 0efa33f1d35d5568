"""Places that take no file, made without any right of root: for tests of all that writes."""

import contextlib
import ctypes
import resource
from collections.abc import Iterator
from pathlib import Path

DAC_OVERRIDE = 1  # the capability by which root writes into read-only folders


@contextlib.contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Make a folder read-only, for root too: this thread gives up what lets root write there."""
    libc = ctypes.CDLL(None)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    data = (ctypes.c_uint32 * 6)()
    assert libc.capget(header, data) == 0
    kept, mode = data[0], folder.stat().st_mode
    folder.chmod(0o555)
    data[0] = kept & ~(1 << DAC_OVERRIDE)
    assert libc.capset(header, data) == 0
    try:
        yield
    finally:
        data[0] = kept
        assert libc.capset(header, data) == 0
        folder.chmod(mode)


@contextlib.contextmanager
def full_disk() -> Iterator[None]:
    """Let every byte that is written to a file fail, whoever writes it."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def tree(folder: Path) -> list[tuple[str, int]]:
    """Return everything below a folder with its size."""
    return sorted((str(p.relative_to(folder)), p.stat().st_size if p.is_file() else -1)
                  for p in folder.rglob("*"))
