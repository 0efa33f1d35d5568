"""motion retarget, generate, sheet: references and their quality."""

from pathlib import Path
from typing import TYPE_CHECKING

from mwx.commands.words import Clip, ReferenceFile, Skill

if TYPE_CHECKING:
    from mwx.motion import Sheet


def retarget(clip: Clip, skeleton: Path | None = None, out: Path | None = None,
             label: str | None = None) -> None:
    """Turn a human clip into a feasible H1 reference and print its quality sheet.

    Args:
        clip: motion file: .amc, .bvh, .npz and what else `mwx.motion` reads.
        skeleton: .asf file that belongs to an .amc clip.
        out: where the reference goes; references/<clip>.npz unless told.
        label: name of the skill; the clip's name unless told.
    """
    from mwx.motion import quality_sheet, read_clip, retarget_clip
    reference = retarget_clip(read_clip(clip, skeleton=skeleton), label=label or clip.stem)
    _show(quality_sheet(reference))
    print(f"reference: {reference.save(out or Path('references') / f'{clip.stem}.npz')}")


def generate(skill: Skill, speed: float | None = None, out: Path | None = None) -> None:
    """Make a reference from published gait curves, without any data, and print its quality sheet.

    Args:
        skill: stand or walk.
        speed: [m/s] of a walk.
        out: where the reference goes; references/<skill>.npz unless told.
    """
    from mwx.motion import generate as make_reference
    from mwx.motion import quality_sheet
    reference = make_reference(skill, speed=speed)
    _show(quality_sheet(reference))
    print(f"reference: {reference.save(out or Path('references') / f'{skill}.npz')}")


def sheet(reference: ReferenceFile) -> None:
    """Print the quality sheet of a reference.

    Args:
        reference: a reference file (.npz).
    """
    from mwx.motion import Reference, quality_sheet
    _show(quality_sheet(Reference.load(reference)))


def _show(sheet: "Sheet") -> None:
    from rich.console import Console
    Console().print(sheet.table())
