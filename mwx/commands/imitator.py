"""motion imitate: train the privileged imitator, the final judge of references."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tyro.conf import Positional, arg

from mwx.commands.words import Seed, Steps, Threads, Weight
from mwx.errors import MwxError
from mwx.files import target_folder

if TYPE_CHECKING:
    from mwx.motion import Reference

Sources = Annotated[tuple[Path, ...], Positional, arg(metavar="REFERENCE|LIBRARY")]


def imitate(sources: Sources = (), out: Path = Path("runs/imitator"), steps: Steps | None = None,
            seed: Seed | None = None, resume: bool = False, start: Path | None = None,
            assist: Weight | None = None, threads: Threads | None = None) -> None:
    """Train the policy that judges references: residuals around their feed-forward commands.

    The finished imitator, with a card of how well it follows each reference, is in OUT/imitator
    (`mwx motion filter --imitator`).

    Args:
        sources: reference files and libraries of them; of a library all that no cheaper gate
            rejects, whatever its split: the judge says what the robot can do, not what it has not
            seen. With --resume they need not be named again.
        out: run directory.
        steps: environment steps, 4 million unless told; with --resume, where to end instead of
            where it was to: a finished run goes on.
        seed: of everything random; 0 unless told.
        resume: continue from the last complete checkpoint, with the options it was begun with.
        start: folder of an imitator to learn on from, for example on further clips.
        assist: first strength of the wrench that helps, 0.3 unless told.
        threads: of the simulation and the learner; 1 unless told.
    """
    target_folder(out)
    import dataclasses

    from mwx.opening import Options
    from mwx.progress import RESUMES, banner
    asked = Options({"seed": seed, "threads": threads, "assist": assist, "start": start,
                     "ppo.steps": steps}, {"seed": 0, "threads": 1})
    banner("imitator", out, "an hour on two cores for 4 million steps", RESUMES)
    from mwx.experts.imitator.config import ImitatorConfig
    from mwx.experts.imitator.policy import load_imitator
    from mwx.experts.imitator.train import train_imitator
    config = ImitatorConfig(seed=asked["seed"], threads=asked["threads"])
    if assist is not None:
        config = dataclasses.replace(config, assist=assist)
    earlier = None if start is None else load_imitator(start)
    references = {} if resume and not sources else gathered(sources)
    print(f"imitator: {train_imitator(references, config, out, resume, steps, earlier, asked)}")


def gathered(sources: tuple[Path, ...]) -> "dict[str, Reference]":
    """Return the references of files and libraries by name.

    Raises:
        MwxError: nothing there, or two of the same name.
    """
    from mwx.motion import Reference
    from mwx.motion.gates import only_policy
    from mwx.motion.library import Library
    out: dict[str, Reference] = {}
    for source in sources:
        if source.is_dir():
            library = Library.load(source)
            found = {e.name: library.reference(e) for e in library.entries
                     if e.outcome != "rejected" or only_policy(e.verdicts)}
        else:
            found = {source.stem: Reference.load(source)}
        twice = sorted(out.keys() & found.keys())
        if twice:
            raise MwxError(f"{source}: a reference named '{twice[0]}' was given before; "
                           "rename one of the files")
        out |= found
    if not out:
        raise MwxError("no reference to imitate: name reference files (`mwx motion generate`) or "
                       "a library (`mwx motion build`)")
    return out
