"""motion retarget, generate, sheet, show, export, import: references and how good they are."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tyro.conf import Positional, arg

from mwx.commands.words import (
    UNTOLD,
    Clip,
    Clips,
    Count,
    Duration,
    Port,
    Rate,
    ReferenceFile,
    Skill,
    Speed,
)
from mwx.errors import MwxError
from mwx.files import target_file

if TYPE_CHECKING:
    from mwx.motion import Reference, Sheet

Motion = Annotated[str, Positional, arg(metavar="MOTION")]
Target = Annotated[Path, Positional, arg(metavar="FILE")]
EVERY = "all"


def retarget(clip: Clip, reading: Clips = UNTOLD, out: Path | None = None,
             label: str | None = None, png: Path | None = None) -> None:
    """Turn a human clip into a feasible H1 reference and print its quality sheet.

    Args:
        clip: motion file: AMASS .npz, .bvh, .amc, key points and what else `mwx.motion` reads.
        reading: what its file does not say, or says wrongly.
        out: where the reference goes; references/<clip>.npz unless told.
        label: name of the skill; what the clip says, or its name, unless told.
        png: also write the sheet as a picture.
    """
    from mwx.motion import quality_sheet, read_clip, retarget_clip
    place = target_file(out or Path("references") / f"{clip.stem}.npz")
    if png:
        target_file(png, ".png")
    source = read_clip(clip, **reading.options())
    _say(clip, source.notes)
    reference = retarget_clip(source, label=label or source.label or clip.stem)
    _show(quality_sheet(reference))
    if png:
        from mwx.evaluation.motion_sheet import write_sheet
        print(f"sheet: {write_sheet(reference, png, source)}")
    print(f"reference: {reference.save(place)}")


def generate(skill: Skill, speed: Speed | None = None, out: Path | None = None) -> None:
    """Make a reference from published movement figures, without any data; print its sheet.

    Args:
        skill: a skill's name, or "all" for every one at its own speed.
        speed: [m/s] of a gait.
        out: where the reference goes, references/<skill>.npz unless told; of "all", the folder.
    """
    from mwx.motion import generate as make_reference
    from mwx.motion import quality_sheet
    from mwx.motion.generators import SKILLS
    if skill == EVERY and speed is not None:
        raise MwxError("'all' makes each skill at its own speed: leave --speed out, or name a gait")
    names = sorted(SKILLS) if skill == EVERY else [skill]
    folder = out or Path("references")
    places = [out if out and skill != EVERY else folder / f"{name}.npz" for name in names]
    for place in places:
        target_file(place)
    for name, place in zip(names, places, strict=True):
        reference = make_reference(name, speed=speed)
        _show(quality_sheet(reference))
        print(f"reference: {reference.save(place)}")


def sheet(reference: ReferenceFile, png: Path | None = None, clip: Path | None = None,
          reading: Clips = UNTOLD) -> None:
    """Print the quality sheet of a reference, or write it as a one-page picture too (--png).

    Args:
        reference: a reference file (.npz).
        png: where the picture goes.
        clip: the clip it was made from, shown beside the robot in the picture's strip.
        reading: what the clip's file does not say, or says wrongly.
    """
    from mwx.motion import Reference, quality_sheet, read_clip
    if png:
        target_file(png, ".png")
    made = Reference.load(reference)
    _show(quality_sheet(made))
    if clip and not png:
        raise MwxError("--clip is for the picture: say where it goes with --png sheet.png")
    if reading != UNTOLD and not clip:
        raise MwxError("how a clip is read needs a clip: name it with --clip")
    if png:
        from mwx.evaluation.motion_sheet import write_sheet
        source = read_clip(clip, **reading.options()) if clip else None
        _say(clip or reference, source.notes if source else ())
        print(f"sheet: {write_sheet(made, png, source)}")


def show(motion: Motion, clip: Path | None = None, out: Path | None = None,
         simulate: bool = False, ghost: bool = True, periods: Count = 2,
         speed: Speed | None = None, pace: Speed = 1.0, seconds: Duration = 20.0,
         reading: Clips = UNTOLD, viewer: bool = False, host: str = "127.0.0.1",
         port: Port = 8080) -> None:
    """Show a motion: the person's skeleton beside the robot, as a film or in the browser.

    Args:
        motion: a clip (retargeted on the spot), a reference (.npz), or a generated skill's name.
        clip: the clip that a reference was made from, to be shown beside the robot.
        out: the film, .mp4 or .gif; runs/motion-<name>.mp4 unless told.
        simulate: the robot plays the feed-forward commands in simulation, with no feedback.
        ghost: the reference, see-through, over the person or over the simulated robot.
        periods: of a loop.
        speed: [m/s] of a generated gait.
        pace: of real time; 0.25 is slow motion.
        seconds: [s] of the motion at most.
        reading: what a clip's file does not say, or says wrongly.
        viewer: look in the browser instead (needs the extra 'viewer'); Ctrl-C ends it.
        host: address that the viewer serves; 0.0.0.0 lets other machines look.
        port: of the viewer; the next free one if it is taken.
    """
    from mwx.evaluation.motion_film import film
    from mwx.evaluation.motion_source import motion_of
    from mwx.evaluation.motion_stage import stage
    from mwx.motion import quality_sheet
    from mwx.runs import RUNS
    from mwx.sim.video import FORMATS
    path = out or RUNS / f"motion-{Path(motion).stem}.mp4"
    if not viewer:
        target_file(path, *FORMATS)
    reference, source = motion_of(motion, speed, clip, **reading.options())
    _say(clip or motion, source.notes if source else ())
    missed = quality_sheet(reference).sentence()
    print(f"{reference.label}: {'misses ' + missed if missed else 'all targets met'}")
    shown = stage(reference, source, simulated=simulate, ghost=ghost, periods=periods)
    if viewer:
        from mwx.integrations.motion_viewer import watch_motion
        watch_motion(shown, host, port)
        return
    print(f"film: {film(shown, path, speed=pace, seconds=seconds)}")


def export(reference: ReferenceFile, out: Target) -> None:
    """Write a reference as robot motion that other programmes read.

    Args:
        reference: a reference file (.npz).
        out: .csv (a row a frame), or .npz with the keys of BeyondMimic and mjlab.
    """
    target_file(out, ".csv", ".npz")
    from mwx.motion import Reference
    from mwx.motion.exporting import export_reference
    print(f"motion: {export_reference(Reference.load(reference), out)}")


def import_(motion: Target, label: str | None = None, fps: Rate | None = None,
            out: Path | None = None) -> None:
    """Make a reference of robot motion that another programme wrote; print its quality sheet.

    Args:
        motion: .csv, or .npz of BeyondMimic, mjlab, Isaac Lab, GMR, PHC or loco-mujoco.
        label: name of the skill; what the file says, or its name, unless told.
        fps: [Hz] in place of the file's; of a CSV, which says none, 30 unless told.
        out: where the reference goes; references/<file>.npz unless told.
    """
    from mwx.motion import quality_sheet
    from mwx.motion.exporting import import_reference
    place = target_file(out or Path("references") / f"{motion.stem}.npz")
    reference: Reference = import_reference(
        motion, label, fps, lambda note: _say(motion, [note]))
    _show(quality_sheet(reference))
    print(f"reference: {reference.save(place)}")


def _say(source: str | Path, notes: Iterable[str]) -> None:
    """Print what was found out, or assumed, about a file."""
    for note in notes:
        print(f"{Path(source).name}: {note}")


def _show(sheet: "Sheet") -> None:
    from rich.console import Console
    Console().print(sheet.table())
