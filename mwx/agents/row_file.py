"""Rows of numbers that outlive the process: one preallocated file, written in place."""

import os
from pathlib import Path

import numpy as np

from mwx.errors import MwxError
from mwx.types import Array


class RowFile:
    """A file of equal float32 rows, held by one process at a time.

    Its whole size is reserved on disk when it grows: a disk that is too small is noticed before
    the training starts, not hours into it.

    Args:
        path: made with its folder where it does not exist.
        width: numbers in a row.

    Raises:
        MwxError: the file cannot be made or opened, or another process holds it.
    """

    def __init__(self, path: Path, width: int):
        self.path, self.width = Path(path), width
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise MwxError(f"cannot open {path}: {error.strerror}; the run directory must be "
                           f"writable") from None
        self._file = os.fdopen(handle, "r+b", buffering=0)
        self._lock()

    def _lock(self) -> None:
        import fcntl

        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise MwxError(f"{self.path} is held by another process: a run directory takes one "
                           f"training at a time; wait for it, or give another --out") from None
        except OSError:
            pass  # a file system without locks

    @property
    def rows(self) -> int:
        """Rows that the file has room for."""
        return os.fstat(self._file.fileno()).st_size // (4 * self.width)

    def reserve(self, rows: int) -> None:
        """Make room for this many rows; what is there stays.

        Raises:
            MwxError: the disk has no room for them; the file keeps its old size.
        """
        old, size = os.fstat(self._file.fileno()).st_size, 4 * self.width * rows
        if size <= old:
            return
        try:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(self._file.fileno(), old, size - old)
            else:
                os.ftruncate(self._file.fileno(), size)
        except OSError as error:
            os.ftruncate(self._file.fileno(), old)
            raise MwxError(f"cannot reserve {(size - old) / 1e9:.3g} GB for the replay in "
                           f"{self.path}: {error.strerror}; free some space, or lower "
                           f"loop.capacity") from None

    def write(self, row: int, values: Array) -> None:
        """Write values (R, width) from a row on.

        Raises:
            MwxError: they cannot be written.
        """
        data = np.ascontiguousarray(values, np.float32).data.cast("B")
        place = 4 * self.width * row
        try:
            while len(data):
                written = os.pwrite(self._file.fileno(), data, place)
                data, place = data[written:], place + written
        except OSError as error:
            raise MwxError(f"cannot write {self.path}: {error.strerror}") from None

    def read_into(self, values: Array) -> None:
        """Fill values (R, width), float32 and contiguous, from the first row on.

        Raises:
            MwxError: the file is shorter than that, or cannot be read.
        """
        data, place = values.data.cast("B"), 0
        try:
            while len(data):
                read = os.preadv(self._file.fileno(), [data], place)
                if read == 0:
                    raise MwxError(f"{self.path} is damaged: it ends early")
                data, place = data[read:], place + read
        except OSError as error:
            raise MwxError(f"cannot read {self.path}: {error.strerror}") from None

    def map(self) -> Array:
        """Return all rows (R, width) as memory that is the file itself."""
        return np.memmap(self.path, np.float32, "r+", shape=(self.rows, self.width))

    def sync(self) -> None:
        """Return once everything written is on the disk.

        Raises:
            MwxError: the disk reports an error.
        """
        try:
            os.fsync(self._file.fileno())
        except OSError as error:
            raise MwxError(f"cannot write {self.path}: {error.strerror}") from None
