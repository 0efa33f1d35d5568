"""How good references are: every figure beside its target, and beside per-frame retargeting.

    python benchmarks/motion.py                        every generated skill
    python benchmarks/motion.py walk.amc run.npz ...   captured clips, then every generated skill
    python benchmarks/motion.py --play                 the walk's commands played with no feedback

Clips go through this project's pipeline, through per-frame mink with GMR's published H1 weights
(mink_retarget.py says how), and through the same with the person's size corrected, all in one run.
Stance rows are taken where the *person's* foot rests, labelled from the clip by rules that no
solver here uses, the same frames for every method. Speeds are for a 30-Hz source: seconds of
motion x 30 over seconds of one core, everyone making 50 Hz. GMR has no key-body error: it aims at
points of its own. Where a clip's name says run, run's targets hold.
"""

import argparse
import json
import os
from pathlib import Path
from typing import Any

import motion_play
from motion_measure import ROWS, meets, of_clip, sheet_of, target_of, timed, velocity_errors
from rich.console import Console
from rich.table import Table

from mwx.errors import MwxError
from mwx.motion import MotionClip, generate, read_clip, retarget_clip
from mwx.motion.generators import SKILLS

WARM_UP = 30  # frames: models are compiled and libraries loaded before the clock runs


def clips(paths: list[str], console: Console) -> dict[str, Any]:
    """Print a table for each clip and return the figures."""
    found = {}
    for k, path in enumerate(paths):
        clip = read_clip(path)
        if k == 0:
            retarget_clip(first_frames(clip), label="warm-up")
        skill = clip.label or next((s for s in SKILLS if s in path.lower()), "")
        if path.endswith("02_03.amc"):  # the CMU data base's index calls it "run/jog"
            skill = "run"
        skill = skill or "walk"
        figures = of_clip(clip, skill)
        console.print(table(f"{Path(path).name} ({skill})", figures, [skill] * len(figures)))
        found[Path(path).name] = {"skill": skill, **figures}
    return found


def first_frames(clip: MotionClip) -> MotionClip:
    """Return the start of a clip."""
    return MotionClip(clip.names, clip.parents, clip.positions_w[:WARM_UP], clip.fps)


def generated(console: Console) -> dict[str, Any]:
    """Print the table of every generated skill and return the figures."""
    figures, seconds = {}, {}
    for skill in sorted(SKILLS):
        seconds[skill], reference = timed(lambda skill=skill: generate(skill))
        figures[skill] = sheet_of(reference)
    console.print(table("generated skills", figures, list(figures)))
    times = ", ".join(f"{skill} {s:.1f}" for skill, s in seconds.items())
    console.print(f"CPU seconds to make each: {times}\n")
    return figures


def velocities(console: Console) -> dict[str, Any]:
    """Print the error of velocities against a gait that is known in closed form."""
    shown = Table("velocities of a 1-Hz gait, RMS error", "clean [%]", "noise 0.3° [%]",
                  "target [%]")
    clean, noisy = velocity_errors(), velocity_errors(0.3)
    for name in clean:
        target = "<= 3" if name.startswith("mwx") else ""
        shown.add_row(name, marked(f"{clean[name]:.1f}", clean[name] <= 3 if target else None),
                      f"{noisy[name]:.1f}", target)
    console.print(shown)
    return {"clean": clean, "noisy": noisy}


def table(title: str, figures: dict[str, dict[str, float]], skills: list[str]) -> Table:
    """Return rows by columns: methods for one clip, or skills."""
    one = len(set(skills)) == 1
    out = Table("", *figures, *(["target"] if one else []), "unit", title=title,
                title_justify="left")
    for name, row in ROWS.items():
        values = [values.get(name) for values in figures.values()]
        if all(value is None for value in values):
            continue
        cells = ["-" if value is None else
                 marked(f"{value:.2f}" if value < 100 else f"{value:.0f}",
                        meets(name, skill, value))
                 for value, skill in zip(values, skills, strict=True)]
        out.add_row(row.name, *cells, *([told(name, skills[0])] if one else []), row.unit)
    return out


def told(row: str, skill: str) -> str:
    """Return a target in words."""
    target = target_of(row, skill)
    return "" if target is None else f"{'>=' if ROWS[row].more else '<='} {target:g}"


def marked(text: str, good: bool | None) -> str:
    """Return text for a table: green where the target is met, red and starred where not."""
    return text if good is None else f"[green]{text}[/]" if good else f"[red]{text} *[/]"


def main() -> None:
    """Parse the options and print."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", nargs="*", help="files that mwx.motion.read_clip reads")
    parser.add_argument("--no-generated", action="store_true", help="leave the skills out")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    parser.add_argument("--play", metavar="GAIT", help="play a gait's commands open loop instead")
    parser.add_argument("--speeds", type=float, nargs="*", help="[m/s] of the gait played")
    parser.add_argument("--starts", type=int, default=4)
    parser.add_argument("--steps", type=int, default=500)
    asked = parser.parse_args()
    if asked.play:
        motion_play.play(asked.play, asked.speeds, asked.starts, asked.steps)
        return
    console = Console(width=150)
    try:
        figures: dict[str, Any] = {"clips": clips(asked.clips, console)}
    except MwxError as error:
        raise SystemExit(f"error: {error}") from None
    if not asked.no_generated:
        figures["generated"] = generated(console)
    figures["velocity"] = velocities(console)
    console.print("* misses its target. Which references the privileged policy tracks: "
                  "`mwx motion build CLIPS`, then `mwx motion filter library`.")
    if asked.json:
        part = asked.json.with_name(f".{asked.json.name}.part")
        part.write_text(json.dumps(figures, indent=1))
        os.replace(part, asked.json)


if __name__ == "__main__":
    main()
