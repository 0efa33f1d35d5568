"""Tables I and II: our numbers from runs, beside the published ones. No run, no number."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mwx.evaluation import published
from mwx.evaluation.naturalness import MEASURES, more_natural
from mwx.evaluation.run_sources import EXPERT, RETURNS, Group, Source
from mwx.evaluation.statistics import convergence_step, mean_curve, peak_return
from mwx.runs import write_text
from mwx.skills import DESCRIPTIONS

MILLION = 1e6
TRIAL_S = 30.0  # [s] shorter trials are no trials of Table II
NOTES_I = (
    "Peak return: the best evaluation of the mean over seeds, ± standard error over seeds (none "
    "for one seed). S: environment steps in million until that mean stays within 5 % of its final "
    "value for 3 evaluations; - where it did not. Ours are deterministic, unaided evaluations "
    "during training over HumanoidBench's 1,000 steps. S counts the world model's own steps: those "
    "of a teacher that is a policy (Run 3.0, Sit 0.6 million) come before, those of a regulator "
    "are none. An empty cell has no run behind it.",
    "The task's return is at most 1 a step for every skill but Reach (20); `mwx tasks` names the "
    "most that a step of any task pays. Alignment return is eq. (4) with unit weight, at most 1 a "
    "step. The paper prints one number, above 1,000 for Walk and Run, and does not say how it adds "
    "up; ours are never added. Its Sit is one of sit_simple and sit_hard, which is not said; under "
    "Sit stands our sit_simple.")
NOTES_II = (
    "Trials of 30 s. Published: successes of ten, \"did not fall within a 30-second episode and "
    "complete the task\". Ours: without a fall, and of those with the task done (return at least "
    "HumanoidBench's bar, in proportion to the trial's length), from `mwx card`, summed over "
    "seeds. An empty cell has no trials behind it.",)


@dataclass(frozen=True)
class Table:
    """A table as text: rows of a label and one cell a column, and the same as flat records."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]
    records: tuple[dict[str, Any], ...]
    notes: tuple[str, ...] = ()

    def markdown(self) -> str:
        """Return the table as Markdown, notes below."""
        head = ["", *map(_title, self.columns)]
        lines = [f"## {self.title}", "", _line(head), _line(["---"] * len(head)),
                 *(_line([label, *cells]) for label, cells in self.rows), ""]
        return "\n".join([*lines, *(f"{note}\n" for note in self.notes)])

    def csv(self) -> str:
        """Return one line a number, with the runs behind it."""
        if not self.records:
            return ""
        out = io.StringIO()
        writer = csv.DictWriter(out, list(self.records[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.records)
        return out.getvalue()


def write_tables(groups: Sequence[Group], out: str | Path) -> list[Path]:
    """Write tables.md, table1.csv, table2.csv and naturalness.csv; return their paths.

    Args:
        groups: see run_sources.grouped; none leaves our rows empty.
        out: folder.

    Raises:
        MwxError: it cannot be written.
    """
    out = Path(out)
    tables = {"table1": table_one(groups), "table2": table_two(groups),
              "naturalness": naturalness_table(groups)}
    pages = [table.markdown() for table in tables.values()]
    write_text(out / "tables.md", "\n".join(["# Tables", "", *pages, sources_table(groups)]))
    for name, table in tables.items():
        write_text(out / f"{name}.csv", table.csv())
    return [out / "tables.md", *(out / f"{name}.csv" for name in tables)]


def table_one(groups: Sequence[Group]) -> Table:
    """Return Table I: peak return, standard error and convergence step; ours below the paper's."""
    columns, rows, records = _columns(groups), [], []
    for method, cells in published.TABLE_I.items():
        rows.append((method, tuple(
            f"{cells[c].peak:.1f} ± {cells[c].stderr:.1f}, S {cells[c].convergence:.1f}"
            if c in cells else "" for c in columns)))
        records += [_record_one(method, "as printed", c, *cell) for c, cell in cells.items()]
    for label in _labels(groups):
        for name in RETURNS:
            here = {g.column: g for g in groups if g.label == label}
            cells = [_cell_one(here.get(c), name) for c in columns]
            rows.append((f"{label}: {name}", tuple(text for text, _ in cells)))
            records += [record for _, record in cells if record is not None]
    return Table("Table I: peak return ± standard error, convergence step S [million steps]",
                 columns, tuple(rows), tuple(records), NOTES_I)


def table_two(groups: Sequence[Group]) -> Table:
    """Return Table II: trials of 30 s without a fall, and with the task done."""
    columns, rows, records = _columns(groups), [], []
    for method, cells in published.TABLE_II.items():
        rows.append((method, tuple(f"{cells[c]}/10" if c in cells else "" for c in columns)))
        records += [_record_two(method, "success", c, n, 10, ()) for c, n in cells.items()]
    for label in _labels(groups):
        here = {g.column: g for g in groups if g.label == label}
        for figure, words in (("no_fall", "without a fall"), ("success", "and task done")):
            cells = [_cell_two(here.get(c), figure) for c in columns]
            rows.append((f"{label}: {words}", tuple(text for text, _ in cells)))
            records += [record for _, record in cells if record is not None]
    return Table("Table II: success in trials of 30 s", columns, tuple(rows), tuple(records),
                 NOTES_II)


def naturalness_table(groups: Sequence[Group]) -> Table:
    """Return every measure of every measured expert, its reference, and which is more natural."""
    shown = [s for g in groups for s in g.sources if "naturalness" in s.measured]
    rows, records = [], []
    for name, measure in MEASURES.items():
        cells = []
        for source in shown:
            part = source.measured["naturalness"]
            value, own = part["values"].get(name), part["reference"].get(name)
            cells.append("" if value is None else
                         f"{value:.4g}" + ("" if own is None else f" ({own:.4g})"))
            if value is not None:
                records.append({"measure": name, "unit": measure.unit, "better": measure.better,
                                "task": source.column, "method": source.label,
                                "value": value, "reference": own, "run": source.folder.name})
        rows.append((f"{name} [{measure.unit}], {measure.better}", tuple(cells)))
    notes = ("The reference's own value in brackets. Definitions: docs/evaluation.md.",
             *comparisons(shown))
    return Table("Naturalness", tuple(s.folder.name for s in shown), tuple(rows), tuple(records),
                 notes)


def comparisons(shown: Sequence[Source]) -> list[str]:
    """Say, for each expert beside another method on its task, where it is the more natural one."""
    out = []
    for one in (s for s in shown if s.method == EXPERT):
        for other in (s for s in shown if s.method != EXPERT and s.column == one.column):
            a, b = (s.measured["naturalness"] for s in (one, other))
            wins = more_natural(a["values"], b["values"], a["reference"])
            lost = [name for name, won in wins.items() if not won]
            out.append(f"{one.folder.name} beside {other.folder.name} ({other.method}): more "
                       f"natural on {sum(wins.values())} of {len(wins)} measures"
                       + (f"; not on {', '.join(lost)}." if lost else "."))
    return out


def sources_table(groups: Sequence[Group]) -> str:
    """Return which runs stand behind each row and column, with command and commit."""
    lines = ["## Runs behind the numbers", "",
             _line(["row", "column", "run", "seed", "evaluations", "configuration"]),
             _line(["---"] * 6)]
    for group in groups:
        for s in group.sources:
            curve = s.curves.get("task return")
            lines.append(_line([group.label, _title(group.column), s.folder.name, str(s.seed),
                                "" if curve is None else str(len(curve.steps)), s.digest]))
    return "\n".join([*lines, ""])


def _cell_one(group: Group | None, name: str) -> tuple[str, dict[str, Any] | None]:
    curves = group.curves(name) if group else []
    if group is None or not curves:
        return "", None
    peak, step = peak_return(curves), convergence_step(mean_curve(curves))
    spread = "(1 seed)" if peak.stderr is None else f"± {peak.stderr:.1f} ({peak.seeds} seeds)"
    settled = "-" if step is None else f"{step / MILLION:.3g}"
    record = _record_one(group.label, name, group.column, peak.mean, peak.stderr,
                         None if step is None else step / MILLION, peak.seeds, group.sources)
    return f"{peak.mean:.1f} {spread}, S {settled}", record


def _cell_two(group: Group | None, figure: str) -> tuple[str, dict[str, Any] | None]:
    trials = [(s, s.measured["trials"]) for s in (group.sources if group else ())
              if s.measured.get("trials", {}).get("seconds", 0) >= TRIAL_S]
    if group is None or not trials:
        return "", None
    done, count = sum(t[figure] for _, t in trials), sum(t["trials"] for _, t in trials)
    return f"{done}/{count}", _record_two(group.label, figure, group.column, done, count,
                                          tuple(s for s, _ in trials))


def _record_one(method: str, measure: str, column: str, peak: float, stderr: float | None,
                convergence: float | None, seeds: int | None = None,
                sources: tuple[Source, ...] = ()) -> dict[str, Any]:
    return {"method": method, "measure": measure, "task": column, "peak": peak, "stderr": stderr,
            "convergence_msteps": convergence, "seeds": seeds, "runs": _names(sources)}


def _record_two(method: str, figure: str, column: str, done: int, trials: int,
                sources: tuple[Source, ...]) -> dict[str, Any]:
    return {"method": method, "figure": figure, "task": column, "done": done, "trials": trials,
            "runs": _names(sources)}


def _names(sources: tuple[Source, ...]) -> str:
    return " ".join(s.folder.name for s in sources)


def _columns(groups: Sequence[Group]) -> tuple[str, ...]:
    """Return the paper's columns, then our skills, then other tasks."""
    ours = sorted({g.column for g in groups} - set(published.COLUMNS))
    skills = [c for c in DESCRIPTIONS if c in ours]
    return (*published.COLUMNS, *skills, *(c for c in ours if c not in skills))


def _labels(groups: Sequence[Group]) -> list[str]:
    """Return our rows; without any run there is one, and it is empty."""
    return list(dict.fromkeys(g.label for g in groups)) or [f"{EXPERT}, recipe cpu"]


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _title(column: str) -> str:
    return column.replace("_", " ").capitalize() if column in _KNOWN else column


_KNOWN = {*published.COLUMNS, *DESCRIPTIONS}
