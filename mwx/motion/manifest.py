"""The manifest of a reference library: one JSON line per reference, never half-written."""

import dataclasses
import json
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mwx.config import from_dict
from mwx.errors import MwxError, Unwritable
from mwx.motion.gates import Verdict, outcome
from mwx.runs import write_text
from mwx.untrusted import parse_json, read_text

FILE = "manifest.jsonl"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


@dataclass(frozen=True)
class Entry:
    """One reference of a library.

    Attributes:
        name: of its file references/<name>.npz.
        label: the skill; label_origin: "told" (labels file), "named" (file name) or "guessed".
        source: the clip, relative to the folder that was built; sha256: of the clip's bytes.
        licence: its terms; redistributable: the terms are known to allow passing it on.
        frames, fps: of the reference; loop: it repeats for ever.
        loopable: a period could be cut from it; cut_from: the reference it was cut from, or "".
        mirror_of: the reference it mirrors, or ""; part: 0, or the number of a long clip's piece.
        split: "train" or "valid", the same for all that comes from one clip.
        recipe: hash of the configuration that made it; versions: of what made it.
        metrics: measured qualities; verdicts: gate -> its word.
    """

    name: str
    label: str
    label_origin: str
    source: str
    sha256: str
    licence: str
    redistributable: bool
    frames: int
    fps: float
    loop: bool
    loopable: bool
    cut_from: str
    mirror_of: str
    part: int
    split: str
    recipe: str
    versions: dict[str, Any]
    metrics: dict[str, Any] = field(default_factory=dict)
    verdicts: dict[str, Verdict] = field(default_factory=dict)

    @property
    def outcome(self) -> str:
        """"kept", "rejected" or "not judged"."""
        return outcome(self.verdicts)

    @property
    def leads(self) -> bool:
        """It is written last of all that comes from its clip: where it is, the clip is done."""
        return not self.cut_from and not self.mirror_of and not self.part

    def line(self) -> str:
        """Return the entry as one line of JSON with its newline."""
        values = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        values["verdicts"] = {name: v.to_dict() for name, v in self.verdicts.items()}
        return json.dumps(values, allow_nan=False) + "\n"


def read(folder: Path) -> list[Entry]:
    """Return the entries of a library; a last line cut short by a killed build is left out.

    Raises:
        MwxError: no manifest, or a line of it is damaged.
    """
    path = folder / FILE
    if not path.exists():
        raise MwxError(f"{folder}: no reference library, it has no {FILE}; make one with "
                       f"`mwx motion build CLIPS --out {folder}`")
    text = read_text(path)
    whole = text[:text.rfind("\n") + 1]
    entries = [_entry(line, f"{path}:{i}") for i, line in enumerate(whole.splitlines(), 1)]
    return list({entry.name: entry for entry in entries}.values())


def _entry(line: str, where: str) -> Entry:
    try:
        entry = from_dict(Entry, parse_json(line, where), where)
        if not NAME.fullmatch(entry.name):
            raise MwxError(f"'{entry.name}' is no name of a reference")
    except MwxError as error:
        raise MwxError(f"{where}: no line of a library manifest ({error}); build the library again "
                       "in another folder") from None
    return entry


def append(folder: Path, entries: Iterable[Entry]) -> None:
    """Add entries in one write, on the disk when this returns."""
    data = "".join(entry.line() for entry in entries).encode()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with open(folder / FILE, "ab", buffering=0) as file:
            while data:
                data = data[file.write(data):]
            os.fsync(file.fileno())
    except OSError as error:
        raise Unwritable(f"cannot write {folder / FILE}: {error.strerror}") from None


def write(folder: Path, entries: Iterable[Entry]) -> None:
    """Replace the manifest, sorted by name, whole or not at all."""
    write_text(folder / FILE, "".join(e.line() for e in sorted(entries, key=lambda e: e.name)))
