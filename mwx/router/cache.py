"""A content-addressed cache of model answers: JSON files, written whole, never a key inside."""

import contextlib
import hashlib
import json
import logging
import os
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mwx.errors import MwxError
from mwx.router.parse import InvalidAnswer, strict_json

SCHEMA_VERSION = 1
log = logging.getLogger(__name__)


def default_root() -> Path | None:
    """Return where answers are kept: $XDG_CACHE_HOME/mwx/guidance or ~/.cache/mwx/guidance.

    None for a user without a home, as in some containers.
    """
    try:
        kept = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    except RuntimeError:
        return None
    return Path(kept) / "mwx" / "guidance"


def request_key(request: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a request as canonical JSON; neither key nor address belong in it."""
    text = json.dumps(request, sort_keys=True, ensure_ascii=False, allow_nan=False,
                      separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


class AnswerCache:
    """Raw answers by request; kept raw, so that they are checked again whenever they are read.

    Args:
        root: folder; the user's cache unless given, and nothing is kept where there is none.
    """

    def __init__(self, root: Path | None = None):
        self.root = Path(root) if root is not None else default_root()

    def path(self, key: str) -> Path | None:
        """Return the file of a key."""
        return None if self.root is None else self.root / key[:2] / f"{key}.json"

    def get(self, key: str) -> tuple[str, ...] | None:
        """Return the raw answers, or None; a damaged entry is a miss with a warning."""
        path = self.path(key)
        if path is None:
            return None
        try:
            value = strict_json(path.read_text())
            answers = value["answers"]
            if value["schema_version"] != SCHEMA_VERSION or value["key"] != key \
                    or request_key(value["request"]) != key or not answers \
                    or not all(isinstance(a, str) for a in answers):
                raise InvalidAnswer("contents do not belong to this request")
            return tuple(answers)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.warning("guidance cache entry %s is damaged and ignored: %s", path, error)
            return None

    def put(self, key: str, request: Mapping[str, Any], answers: Sequence[str]) -> None:
        """Write an entry; readers and other writers see the whole of it or none.

        Raises:
            MwxError: the folder cannot be written.
        """
        path = self.path(key)
        if path is None:
            raise MwxError("there is no home folder for the guidance cache: set XDG_CACHE_HOME to "
                           "keep answers")
        temporary = path.with_name(f".{uuid.uuid4().hex}.tmp")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_text(json.dumps({"schema_version": SCHEMA_VERSION, "key": key,
                                             "request": request, "answers": list(answers)},
                                            ensure_ascii=False, indent=1, allow_nan=False))
            os.replace(temporary, path)
        except OSError as error:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise MwxError(f"cannot write the guidance cache {path}: {error.strerror}; choose "
                           "another folder or none") from None
