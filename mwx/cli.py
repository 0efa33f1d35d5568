"""The `mwx` command: find the verb, parse its options, call it, print. No logic lives here.

Verbs are listed by name and loaded only when asked for, so that help and mistakes answer at once.
"""

import functools
import importlib
import inspect
import sys
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, get_type_hints

from mwx.errors import MwxError, nearest
from mwx.interrupts import Interrupts

MISTAKE, INTERRUPTED = 2, 130  # exit codes


class Verb(NamedTuple):
    """Where a verb's function is, and what it does in one line."""

    home: str
    summary: str


CHAPTERS: dict[str, dict[str, Verb]] = {
    "the whole story": {
        "demo": Verb("mwx.commands.story:demo",
                     "clip -> reference -> experts -> guidance -> router -> door -> report"),
    },
    "its stages, each into its own run directory": {
        "motion retarget": Verb("mwx.commands.motion:retarget",
                                "a human clip becomes a feasible H1 reference (eq. 8)"),
        "motion generate": Verb("mwx.commands.motion:generate",
                                "a reference without any data: any skill, or all of them"),
        "motion sheet": Verb("mwx.commands.motion:sheet",
                             "the quality sheet of a reference, as one page with --png"),
        "motion export": Verb("mwx.commands.motion:export",
                              "a reference as .csv or .npz for other programmes"),
        "motion import": Verb("mwx.commands.motion:import_",
                              "robot motion of another programme becomes a reference"),
        "motion build": Verb("mwx.commands.motion_library:build",
                             "a folder of clips becomes a library of references"),
        "motion filter": Verb("mwx.commands.motion_library:filter_",
                              "which references are feasible, and why not: the gates"),
        "motion imitate": Verb("mwx.commands.imitator:imitate",
                               "train the privileged imitator, the last of the gates"),
        "expert train": Verb("mwx.commands.expert:train",
                             "one specialised expert: world model and planner (eqs. 1, 3-7)"),
        "fleet": Verb("mwx.commands.fleet:fleet",
                      "many experts and seeds at once: here, on a Ray cluster, under Slurm"),
        "expert list": Verb("mwx.commands.expert:show", "the experts at hand and their cards"),
        "agent train": Verb("mwx.commands.agent:train",
                            "the world model alone on a task's reward: the TD-MPC2 baseline"),
        "guide": Verb("mwx.commands.router:guide",
                      "task text -> relevance of each expert, stages, provenance"),
        "demos record": Verb("mwx.commands.demos:record",
                             "demonstrations of a task: who acts, which expert at each step"),
        "demos label": Verb("mwx.commands.demos:label",
                            "which expert it was: by action error, rules or a model; agreement"),
        "router train": Verb("mwx.commands.router:train",
                             "distil guidance and demonstrations into a router (eqs. 10-12)"),
        "router compare": Verb("mwx.commands.router:compare",
                               "a router beside each expert alone, mixtures and its script"),
        "adapt": Verb("mwx.commands.adapt:adapt",
                      "the mixture goes on learning on a task: reward switcher (Table IV)"),
        "ablate": Verb("mwx.commands.adapt:ablate",
                       "five variants x seeds on a task: what each part is worth (Table III)"),
    },
    "looking at results": {
        "motion show": Verb("mwx.commands.motion:show",
                            "the person beside the robot, as a film or live (--viewer)"),
        "play": Verb("mwx.commands.play:play", "a film of a policy on a task, or live (--viewer)"),
        "tasks": Verb("mwx.commands.tasks:tasks", "every task in a table, or in one picture"),
        "evaluate": Verb("mwx.commands.results:evaluate",
                         "scores over episodes: task and alignment return, length, success"),
        "card": Verb("mwx.commands.card:card",
                     "an expert measured: returns, trials, naturalness, robustness"),
        "report": Verb("mwx.commands.results:report", "one HTML file about a run directory"),
        "export": Verb("mwx.commands.export:export",
                       "an expert, or a router with its experts, as one ONNX graph"),
        "report tables": Verb("mwx.commands.results:tables",
                              "Tables I and II and Figs. 5-7 from runs, beside the published"),
        "report adapted": Verb("mwx.commands.results:adapted",
                               "Table IV and Fig. 9 from adaptations, beside the published"),
    },
    "help": {
        "check": Verb("mwx.commands.story:check",
                      "versions, devices, graphics, extras: what works on this machine"),
        "paper": Verb("mwx.commands.story:paper", "where each equation of the paper lives"),
    },
}
VERBS = {name: verb for chapter in CHAPTERS.values() for name, verb in chapter.items()}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb and return the exit code: 0, 2 for a mistake, 130 when interrupted."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        with Interrupts():
            return _run(words)
    except MwxError as error:
        print(f"error: {error}", file=sys.stderr)
        return MISTAKE
    except KeyboardInterrupt as error:  # a run says what there is to resume
        print(error if str(error) else "interrupted", file=sys.stderr)
        return INTERRUPTED
    except (AttributeError, ImportError, RuntimeError) as error:
        from mwx.commands.graphics import explained
        reason = explained(error)
        if reason is None:
            raise
        print(f"error: {reason}", file=sys.stderr)
        return MISTAKE
    except BrokenPipeError:  # the reader, e.g. `head`, has seen enough
        sys.stderr.close()
        return 0
    except OSError as error:  # a disk or a place that failed where nobody expected it
        print(f"error: {error.filename or 'input or output'}: {error.strerror or error}",
              file=sys.stderr)
        return MISTAKE


def _run(words: list[str]) -> int:
    if not words or words[0] in ("-h", "--help", "help"):
        print(overview())
        return 0
    if words[0] in ("-V", "--version"):
        from mwx import __version__
        print(f"mwx {__version__}")
        return 0
    name, rest = split(words)
    if name not in VERBS:  # a group such as "motion", asked for help
        print(overview(prefix=name))
        return 0
    import tyro
    tyro.cli(_checked(function(name)), prog=f"mwx {name}", args=rest)
    return 0


def _checked(verb: Callable[..., None]) -> Callable[..., None]:
    """Return a verb that looks at the ranges of its numbers (`commands.words`) before it begins."""
    from mwx.config import check

    @functools.wraps(verb)
    def call(*args: Any, **options: Any) -> None:
        hints = get_type_hints(verb, include_extras=True)
        for option, value in inspect.signature(verb).bind(*args, **options).arguments.items():
            check(hints[option], value, f"--{option.replace('_', '-')}")
        verb(*args, **options)
    return call


def function(name: str) -> Callable[..., None]:
    """Return the function of a verb."""
    module, attribute = VERBS[name].home.split(":")
    return getattr(importlib.import_module(module), attribute)


def split(words: list[str]) -> tuple[str, list[str]]:
    """Return the verb at the start of the words and what follows it.

    Returns:
        name of a verb, or of a group when nothing or a call for help follows it; the rest.

    Raises:
        MwxError: no such verb; the nearest one is named.
    """
    first, second = words[0], words[1] if len(words) > 1 else ""
    if f"{first} {second}" in VERBS:
        return f"{first} {second}", words[2:]
    if first in VERBS:
        return first, words[1:]
    groups = {name.split()[0] for name in VERBS if " " in name}
    if first not in groups:
        known = sorted({name.split()[0] for name in VERBS})
        raise MwxError(f"unknown verb '{first}': {nearest(first, known)}"
                       f"known: {', '.join(known)}; `mwx --help` explains them")
    if second in ("", "-h", "--help"):
        return first, []
    known = [name.split()[1] for name in VERBS if name.startswith(f"{first} ")]
    raise MwxError(f"unknown verb '{first} {second}': {nearest(second, known)}"
                   f"known after '{first}': {', '.join(known)}")


def overview(prefix: str = "") -> str:
    """Return the list of verbs by chapter, or of one group's."""
    lines = ["mwx: human motion -> world-model experts -> guided router -> loco-manipulation "
             "(MetaWorld-X)", "", "usage: mwx VERB [options]     `mwx VERB --help` says what a "
             "verb takes", ""]
    if prefix:
        lines = [f"usage: mwx {prefix} VERB [options]", ""]
    for chapter, verbs in CHAPTERS.items():
        shown = {n: v for n, v in verbs.items() if not prefix or n.startswith(f"{prefix} ")}
        if shown:
            lines += [f"{chapter}:", *(f"  {n:<17}{v.summary}" for n, v in shown.items()), ""]
    return "\n".join(lines).rstrip()


if __name__ == "__main__":
    raise SystemExit(main())
