"""The bytes of a text file, within bounds."""

from pathlib import Path

from mwx.errors import MwxError

MAX_BYTES = 400_000_000  # larger files do not fit beside what is computed from them
MAX_LINES = 10_000_000
MAX_WIDTH = 20_000  # characters in a line of numbers that belong together
LARGEST = 1e9  # of any number; sums and products of larger ones would overflow
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


def without_padding(data: bytes) -> tuple[bytes, tuple[str, ...]]:
    """Return a text's bytes without what fills its last block up, and a note where there is any.

    Old programmes end a text with Ctrl-Z, others fill it up with NUL.
    """
    whole = data.partition(b"\x1a")[0].rstrip(b"\0 \t\r\n")
    left = len(data[len(whole):].strip())
    return whole, (f"{left} bytes of padding (NUL, or from Ctrl-Z on) at the end: left out",
                   ) if left else ()


def read_lines(path: Path, kind: str) -> list[str]:
    """Return the lines of a UTF-8 file without a byte order mark.

    Args:
        path: the file; kind: what it is not if it is no text, for the error.

    Raises:
        MwxError: as `read_bytes`, no text, too many or too long lines.
    """
    data, _ = without_padding(read_bytes(path))
    if data.count(b"\n") > MAX_LINES:
        raise MwxError(f"{path}: more than {MAX_LINES} lines; cut the motion into parts")
    try:
        lines = data.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise MwxError(f"{path}:{line}: not a text file, so {kind}; is it renamed, or not saved as "
                       "UTF-8?") from None
    for number, line in enumerate(lines, 1):
        if len(line) > MAX_WIDTH:
            raise MwxError(f"{path}:{number}: {len(line)} characters in one line, so {kind}")
    return lines
