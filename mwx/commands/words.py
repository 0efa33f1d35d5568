"""How positional arguments are named in the help of the verbs, and what several verbs take."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from tyro.conf import Positional, UseAppendAction, arg

from mwx.config import Share as Share
from mwx.config import Threads as Threads
from mwx.config import Within
from mwx.errors import MwxError

Task = Annotated[str, Positional, arg(metavar="TASK")]
Skill = Annotated[str, Positional, arg(metavar="SKILL")]
Clip = Annotated[Path, Positional, arg(metavar="CLIP")]
ReferenceFile = Annotated[Path, Positional, arg(metavar="REFERENCE")]
PolicyFolder = Annotated[Path, Positional, arg(metavar="POLICY")]
RunFolder = Annotated[Path, Positional, arg(metavar="RUN")]

# every number that a verb takes has a range, which `mwx.cli` checks before the verb begins
Seed = Annotated[int, Within(0, 2 ** 63 - 1)]
Steps = Annotated[int, Within(1, 10 ** 12)]
Count = Annotated[int, Within(1, 10 ** 6)]
CountOrNone = Annotated[int, Within(0, 10 ** 12)]  # 0 leaves something out
Weight = Annotated[float, Within(0, 1e6)]
Rate = Annotated[float, Within(0, 1e5, above=True)]  # [Hz]
Speed = Annotated[float, Within(0, 100, above=True)]  # [m/s], or of real time
Duration = Annotated[float, Within(0, 1e6, above=True)]  # [s] or [h]
Cores = Annotated[float, Within(0, 1e6, above=True)]
Port = Annotated[int, Within(1, 65535)]


@dataclass(frozen=True)
class Reading:
    """How a human clip is read, where its file does not say, or says it wrongly.

    Attributes:
        skeleton: .asf file that belongs to an .amc clip; the best match beside it unless told.
        fps: [Hz] of the clip's frames, also where the file says another rate.
        body_model: your SMPL body model (.npz) for AMASS clips; a textbook skeleton unless told.
        joint: NAME=PART, the part of the body that a joint plays (left_knee ...); again for more.
        map: a file that says it of many: JSON {"NAME": "PART"}, or a line NAME=PART each.
    """

    skeleton: Path | None = None
    fps: Rate | None = None
    body_model: Path | None = None
    joint: UseAppendAction[tuple[str, ...]] = ()
    map: Path | None = None

    def options(self) -> dict[str, Any]:
        """Return the options as `read_clip` takes them."""
        return {"skeleton": self.skeleton, "fps": self.fps, "body_model": self.body_model,
                "told": told_joints(self.map, self.joint)}


UNTOLD = Reading()
Clips = Annotated[Reading, arg(name="")]  # without a prefix before its options


def told_joints(path: Path | None, pairs: tuple[str, ...] = ()) -> dict[str, str]:
    """Return joint -> part of the body, as a file and NAME=PART pairs tell; pairs come last.

    Raises:
        MwxError: the file cannot be read, or a pair is none.
    """
    told: dict[str, str] = {}
    lines = [("--joint", pair) for pair in pairs]
    if path is not None:
        try:
            text = path.read_text(encoding="utf-8-sig")
            if text.lstrip().startswith("{"):
                told = {str(name): str(part) for name, part in json.loads(text).items()}
            else:
                lines = [(f"{path}:{i}", line.strip()) for i, line in
                         enumerate(text.splitlines(), 1) if line.strip()
                         and not line.lstrip().startswith("#")] + lines
        except (OSError, ValueError) as error:
            raise MwxError(f"{path}: no map of joints ({error}); it is JSON, "
                           '{"NAME": "PART"}, or has a line NAME=PART each') from None
    for where, pair in lines:
        name, equals, part = (word.strip() for word in pair.rpartition("="))
        if not (name and equals and part):
            raise MwxError(f"{where}: '{pair}' is not NAME=PART, e.g. LeftLeg=left_knee")
        told[name] = part
    return told
