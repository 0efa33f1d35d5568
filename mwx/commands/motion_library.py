"""motion build, filter: a folder of clips becomes a library of references; the gates judge it."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tyro.conf import Positional, UseAppendAction, arg

from mwx.commands.words import CountOrNone, Share, Threads, told_joints
from mwx.errors import MwxError
from mwx.files import target_folder
from mwx.progress import Progress

if TYPE_CHECKING:
    from mwx.motion.gates import Judge
    from mwx.motion.library import BuildReport
    from mwx.motion.manifest import Entry

Clips = Annotated[Path, Positional, arg(metavar="FOLDER")]
LibraryFolder = Annotated[Path, Positional, arg(metavar="LIBRARY")]
ALL = "kinematic,dynamics,tracking,privileged"


def build(folder: Clips, out: Path = Path("library"), jobs: Threads = 1, mirror: bool = True,
          loops: bool = True, valid_part: Share = 0.1,
          joint: UseAppendAction[tuple[str, ...]] = (), map: Path | None = None) -> None:
    """Turn every readable clip under a folder into references, and say what became of each.

    What is done already stays; a build that was stopped goes on. labels.csv (file,label,licence) in
    the folder tells skills and licences; without it they are read from names, or guessed.

    Args:
        folder: motion clips, in folders of their own if you like.
        out: the library: manifest.jsonl and references/.
        jobs: processes, one core each.
        mirror: add the left-right reflection of each.
        loops: cut and close one period of each gait.
        valid_part: of the clips, chosen by hash, held out for validation.
        joint: NAME=PART, the part of the body that a joint of these clips plays; again for more.
        map: a file that says it of many: JSON {"NAME": "PART"}, or a line NAME=PART each.
    """
    from mwx.motion.clip_to_entries import BuildConfig
    from mwx.motion.library import build_library
    target_folder(out)
    config = BuildConfig(mirror=mirror, loops=loops, valid_part=valid_part,
                         told=told_joints(map, joint))
    with Progress(f"{folder.name} -> {out}", None, unit="clips") as progress:
        tick = _ticks(progress)
        report = build_library(folder, out, jobs, config,
                               lambda done, total, made: tick(done, total, made.source))
    _show_build(report)


def filter_(library: LibraryFolder, gates: str = ALL, jobs: Threads = 1, again: bool = False,
            imitator: Path | None = None, rows: CountOrNone = 60) -> None:
    """Judge a library's references by the feasibility gates: what is kept, what is not, and why.

    Only what was not judged under the same limits is looked at. Verdicts go into the manifest.

    Args:
        library: a folder that `mwx motion build` made.
        gates: some of kinematic, dynamics, tracking, privileged, with commas.
        jobs: processes, one core each; the privileged gate takes minutes a reference, the others
            less than a second.
        again: judge anew.
        imitator: folder of the policy behind the privileged gate; the shipped one unless told.
        rows: kept references shown; those rejected are all shown.
    """
    from mwx.motion.filtering import filter_library
    asked = [name.strip() for name in gates.split(",") if name.strip()]
    if not asked:
        raise MwxError(f"--gates names no gate; there are {ALL.replace(',', ', ')}")
    if library.is_dir():
        target_folder(library)
    judge = _judge(imitator) if "privileged" in asked else None
    with Progress(f"gates over {library}", None, unit="references") as progress:
        tick = _ticks(progress)
        found, unread = filter_library(
            library, asked, jobs, judge=judge, again=again,
            progress=lambda done, total, entry: tick(done, total, entry.name))
    _show_filter(found.entries, unread, rows)


def _judge(folder: Path | None) -> "Judge":
    import functools

    from mwx.experts.imitator.judge import judge
    from mwx.experts.imitator.policy import load_imitator, shipped
    imitator = shipped() if folder is None else load_imitator(folder)
    return functools.partial(judge, imitator=imitator)


def _ticks(progress: Progress) -> Callable[[int, int, str], None]:
    """Return what is told how many are done, of how many, and which was the last."""
    def tick(done: int, total: int, name: str) -> None:
        progress.total = total
        progress.show(name[-40:])
        progress.tick(done)
    return tick


def _show_build(report: "BuildReport") -> None:
    from rich.console import Console
    from rich.table import Table

    from mwx.motion.quality import TARGETS, Sheet
    table = Table("clip", "label", "references", "seconds", "split", "",
                  title=f"library: {report.library.folder}")
    notes: dict[str, list[str]] = {}  # without what differs from clip to clip, in brackets
    for made in report.made:
        lead = made.entries[-1]
        sheet = Sheet(lead.label, {n: x for n, x in lead.metrics.items() if n in TARGETS})
        for note in (*made.notes, *(f"misses {name.replace('_', ' ')}"
                                    for name in sheet.missed)):
            notes.setdefault(note.partition(" (")[0], []).append(made.source)
        table.add_row(_plain(made.source), f"{lead.label} ({lead.label_origin})",
                      f"{len(made.entries)}{', loops' if lead.loopable else ''}",
                      f"{lead.frames / lead.fps:.2f}", lead.split, "[green]made[/]")
    for name, twin in report.duplicates:
        table.add_row(_plain(name), "", "0", "", "", f"the same bytes as {_plain(twin)}")
    console = Console()
    if table.row_count:
        console.print(table)
    for note, sources in notes.items():
        others = f" and {len(sources) - 1} more" if len(sources) > 1 else ""
        console.print(f"{sources[0]}{others}: {note}", markup=False)
    for name, reason in report.skipped:
        console.print(f"[yellow]skipped[/] {_plain(name)}: {_plain(reason)}")
    entries = report.library.entries
    seconds = sum(entry.frames / entry.fps for entry in entries)
    console.print(f"{len(report.made)} clips made, {report.already} there before, "
                  f"{len(report.skipped)} skipped, {len(report.duplicates)} duplicates; library: "
                  f"{len(entries)} references, {seconds:.0f} s: {_by_label(entries)}", markup=False)
    for licence, free in sorted({(e.licence, e.redistributable) for e in entries}):
        count = sum(e.licence == licence for e in entries)
        console.print(f"licence of {count}: {licence or 'unknown'} "
                      f"({'may' if free else 'not known that it may'} be passed on)", markup=False)


def _by_label(entries: "tuple[Entry, ...]") -> str:
    counts = Counter(entry.label for entry in entries)
    return ", ".join(f"{label} {n}" for label, n in sorted(counts.items())) or "empty"


def _show_filter(entries: "tuple[Entry, ...]", unread: tuple[tuple[str, str], ...], rows: int
                 ) -> None:
    from rich.console import Console
    from rich.table import Column, Table

    from mwx.motion.filtering import stages
    from mwx.motion.gates import GATES
    table = Table(Column("reference", overflow="fold"), "label", *GATES, "",
                  title="gates (score, 1 is best)")
    kept = [entry for entry in entries if entry.outcome == "kept"]
    rest = [entry for entry in entries if entry.outcome != "kept"]
    for entry in [*rest, *kept[:rows]]:
        table.add_row(entry.name, entry.label, *(_score(entry, gate) for gate in GATES),
                      _coloured(entry.outcome))
    if len(kept) > rows:
        table.add_row(f"... and {len(kept) - rows} more kept (--rows)")
    console = Console()
    console.print(table)
    for entry in rest:
        reason = _plain(_why(entry), 600)
        console.print(f"{_coloured(entry.outcome)} {_plain(entry.name)}: {reason}")
    for name, reason in unread:
        console.print(f"[yellow]unreadable[/] {_plain(name)}: {_plain(reason)}")
    retention = Table("gate", "came", "kept", "rejected", "not judged", "retention")
    for stage in stages(entries):
        judged = stage.kept + stage.rejected
        share = f"{100 * stage.kept / judged:.0f} %" if judged else "-"
        retention.add_row(stage.gate, *map(str, (stage.came, stage.kept, stage.rejected,
                                                 stage.open)), share)
    console.print(retention)
    console.print(f"{len(kept)} of {len(entries)} references kept")


def _score(entry: "Entry", gate: str) -> str:
    verdict = entry.verdicts.get(gate)
    if verdict is None or verdict.passed is None:
        return "-"
    return f"{verdict.score:.2f}" if verdict.passed else f"[red]{verdict.score:.2f}[/]"


def _why(entry: "Entry") -> str:
    from mwx.motion.gates import only_policy
    if only_policy(entry.verdicts):
        return f"the policy alone rejects, it may be weak: {entry.verdicts['privileged'].reason}"
    fallen = [f"{name}: {v.reason}" for name, v in entry.verdicts.items() if v.passed is False]
    waiting = [f"{name} not judged: {v.reason}" for name, v in entry.verdicts.items()
               if v.passed is None and not fallen]
    return "; ".join(fallen + waiting)


def _coloured(word: str) -> str:
    return f"[{'green' if word == 'kept' else 'red' if word == 'rejected' else 'yellow'}]{word}[/]"


def _plain(text: str, width: int = 200) -> str:
    """Return a text for a table cell: cut, and no markup."""
    from rich.markup import escape
    return escape(text if len(text) <= width else text[:width - 3] + "...")
