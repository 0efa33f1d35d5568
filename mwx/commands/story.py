"""demo, check, paper: the whole pipeline, what works here, where the equations live."""

from pathlib import Path

from mwx.commands.words import UNTOLD, Clips, Seed
from mwx.errors import MwxError
from mwx.files import target_folder


def demo(out: Path = Path("runs/demo"), clip: Path | None = None, reading: Clips = UNTOLD,
         seed: Seed = 0) -> None:
    """Run the whole pipeline on the shipped experts and write a report.

    A human clip becomes a reference, an expert tracks it, guidance weighs the experts, a router is
    distilled, the composed robot does the door task. No network, key, GPU or display is needed.

    Args:
        out: run directory; the report is report.html in it.
        clip: a human clip to retarget; a generated walking person unless told.
        reading: what the clip's file does not say, or says wrongly.
        seed: of everything random.
    """
    target_folder(out)
    if reading != UNTOLD and clip is None:
        raise MwxError("how a clip is read needs a clip: name it with --clip")
    from mwx.progress import REPEATS, banner
    banner("demo: the whole method on the shipped experts", out,
           "a minute and a half on two cores, up to five on busy ones", REPEATS)
    from mwx.demo import run_demo
    print(f"report: {run_demo(out, clip, reading.options(), seed)}")


def check() -> None:
    """Say what works on this machine: versions, devices, graphics, extras, experts."""
    from mwx.check import findings
    marks = {True: "ok", False: "!!", None: "  "}
    chapter = ""
    for finding in findings():
        if finding.chapter != chapter:
            chapter = finding.chapter
            print(f"\n{chapter}" if chapter != "versions" else chapter)
        print(f"  {marks[finding.good]} {finding.name:<17} {finding.value}")


def paper(departures: bool = True, symbols: bool = False) -> None:
    """Show where each equation of the paper lives and where the code departs from the paper.

    Args:
        departures: list what the paper says, what is done here and why.
        symbols: list what each letter means in each equation.
    """
    from mwx.paper import DEVIATIONS, EQUATIONS, SYMBOLS
    for row in EQUATIONS:
        numbers = ", ".join(map(str, row.numbers))
        print(f"({numbers})".ljust(14) + f"{row.what}  [{row.status}]\n{'':14}{row.formula}")
        for home in row.homes:
            print(f"{'':14}-> {home}")
    if symbols:
        print("\nletters")
        for s in SYMBOLS:
            where = ",".join(map(str, s.equations))
            print(f"  {s.letter:<11} ({where})".ljust(30) + f"{s.meaning} [{s.unit}]: {s.name}")
    if departures:
        print("\ndepartures")
        for d in DEVIATIONS:
            print(f"  {d.topic}\n    paper     {d.paper}\n    here      {d.here}\n"
                  f"    why       {d.why}\n    measured  {d.measured}")
