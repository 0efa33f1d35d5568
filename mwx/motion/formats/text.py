"""The bytes of a text file, within bounds."""

from pathlib import Path

from mwx.errors import MwxError

MAX_BYTES = 600_000_000  # larger files do not fit beside what is computed from them
MAX_SIZE = 10_000_000  # frames x points of a skeleton: 0.6 GB of positions and turns


def read_bytes(path: Path) -> bytes:
    """Return a file's contents.

    Raises:
        MwxError: absent, unreadable or larger than MAX_BYTES.
    """
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise MwxError(f"{path}: {size / 1e6:.0f} MB; up to {MAX_BYTES / 1e6:.0f} MB are read: "
                           "cut the motion into parts")
        return path.read_bytes()
    except FileNotFoundError:
        raise MwxError(f"{path}: no such file") from None
    except OSError as error:
        raise MwxError(f"{path}: cannot be read ({error.strerror})") from None


def read_text(path: Path, kind: str) -> str:
    """Return a UTF-8 file's text without a byte order mark.

    Args:
        path: the file; kind: what it should be, for the error.

    Raises:
        MwxError: as `read_bytes`, or no text.
    """
    data = read_bytes(path)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise MwxError(f"{path}:{line}: not a text file, so {kind}; is it renamed, or not saved as "
                       "UTF-8?") from None
