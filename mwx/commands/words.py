"""How positional arguments are named in the help of the verbs."""

from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

Task = Annotated[str, Positional, arg(metavar="TASK")]
Skill = Annotated[str, Positional, arg(metavar="SKILL")]
Clip = Annotated[Path, Positional, arg(metavar="CLIP")]
ReferenceFile = Annotated[Path, Positional, arg(metavar="REFERENCE")]
PolicyFolder = Annotated[Path, Positional, arg(metavar="POLICY")]
RunFolder = Annotated[Path, Positional, arg(metavar="RUN")]
