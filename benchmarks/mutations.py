"""Do the tests notice? Break the package in one place at a time and run the tests that must fail.

    python benchmarks/mutations.py [--only WORD] [--part FILE] [--jobs N] [--list]

The rows are in benchmarks/mutants/*.toml, one table a mutation: `name`; `file`, from the root of
the repository; `old`, text that stands there exactly once; `new`, what stands there instead;
`tests`, the pytest ids of which every one must fail. The package is copied, never changed in place.
A test that starts `python -c` gives -P, or the repository's own copy answers. First all these tests
run on a plain copy: they must pass. Exit code 1 if a mutation survives, a text is not found, or a
test fails without any mutation.
"""

import argparse
import multiprocessing
import multiprocessing.connection
import os
import shutil
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ |= {"OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
sys.dont_write_bytecode = True

# what takes long to load is loaded once, before the forks
import mujoco  # noqa: E402, F401
import pytest  # noqa: E402
import scipy.linalg  # noqa: E402
import scipy.optimize  # noqa: E402, F401
import torch  # noqa: E402, F401

ROOT = Path(__file__).parents[1]
ROWS = Path(__file__).parent / "mutants"


@dataclass(frozen=True)
class Mutation:
    """One row; see the module's own words."""

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]

    def apply(self, folder: Path) -> str | None:
        """Change the copy of the package in a folder; return what is wrong with the row, if any."""
        file = folder / self.file
        text = file.read_text() if file.is_file() else ""
        count = text.count(self.old)
        if count != 1:
            return f"`old` stands {count} times in {self.file}"
        if not self.tests:
            return "no tests"
        file.write_text(text.replace(self.old, self.new))
        return None


def read_rows(part: str | None, only: str | None) -> list[Mutation]:
    """Return the rows of all files, or of one, whose names contain a word."""
    rows = []
    for file in sorted(ROWS.glob(f"{part or '*'}.toml")):
        for row in tomllib.loads(file.read_text())["mutation"]:
            rows.append(Mutation(**row | {"tests": tuple(row["tests"])}))
    names = [row.name for row in rows]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise SystemExit(f"names that stand twice: {', '.join(sorted(twice))}")
    return [row for row in rows if only is None or only.lower() in row.name.lower()]


class Failed:
    """A plug-in of pytest that keeps the ids of the tests whose own words failed."""

    def __init__(self) -> None:
        self.ids: set[str] = set()

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Called by pytest after every phase of a test."""
        if report.failed and report.when == "call":
            self.ids.add(report.nodeid)


def failures(tests: Sequence[str], mutation: Mutation | None) -> tuple[set[str], str]:
    """Run tests on a copy, mutated if asked; return the ids that failed, and what went wrong.

    To be called once in a process which has not imported the package.
    """
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        shutil.copytree(ROOT / "mwx", folder / "mwx", ignore=shutil.ignore_patterns("__pycache__"))
        (folder / "pretrained").symlink_to(ROOT / "pretrained")
        wrong = mutation.apply(folder) if mutation else None
        if wrong:
            return set(), wrong
        os.chdir(ROOT)
        sys.path.insert(0, place)
        os.environ["PYTHONPATH"] = place  # of what the tests start
        failed, said = Failed(), folder / "said"
        with open(said, "w") as file, redirect_stdout(file), redirect_stderr(file):
            code = pytest.main(["-q", "--no-header", "--tb=line", "-p", "no:cacheprovider", "-n",
                                "0", *tests], plugins=[failed])
        wrong = "" if code == 0 or failed.ids else said.read_text().strip()[-600:]
    return failed.ids, wrong


def results(runs: Iterable[tuple[Sequence[str], Mutation | None]], jobs: int
            ) -> Iterator[tuple[Mutation | None, set[str], str]]:
    """Yield the failures of runs, each in a process of its own, as they end."""
    context = multiprocessing.get_context("fork")

    def tell(pipe: Any, run: tuple[Sequence[str], Mutation | None]) -> None:
        pipe.send(failures(*run))

    waiting, running = list(runs), {}
    while waiting or running:
        while waiting and len(running) < jobs:
            ours, theirs = context.Pipe(False)
            child = context.Process(target=tell, args=(theirs, waiting[0]))
            child.start()
            theirs.close()
            running[ours] = child, waiting.pop(0)[1]
        for ours in multiprocessing.connection.wait(list(running)):
            child, mutation = running.pop(ours)
            try:
                failed, wrong = ours.recv()
            except EOFError:
                failed, wrong = set(), "the process of its tests ended early"
            child.join()
            yield mutation, failed, wrong


def judge(mutation: Mutation, failed: set[str], wrong: str) -> tuple[bool, str]:
    """Return whether a mutation is killed by every test that it names, and a line about it."""
    if wrong:
        return False, f"BROKEN    {mutation.name}: {wrong}"
    passed = [test for test in mutation.tests
              if not any(name == test or name.startswith(f"{test}[") for name in failed)]
    if passed:
        return False, f"SURVIVED  {mutation.name}: {', '.join(passed)}"
    return True, f"killed    {mutation.name}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the rows and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", help="rows whose name contains this word")
    parser.add_argument("--part", help="rows of benchmarks/mutants/PART.toml alone")
    parser.add_argument("--jobs", type=int, default=1, help="rows run at a time")
    parser.add_argument("--list", action="store_true", help="print the rows and run nothing")
    given = parser.parse_args(arguments)
    rows = read_rows(given.part, given.only)
    if given.list or not rows:
        print("\n".join(f"{row.name}  ({row.file})" for row in rows) or "no such rows")
        return 0 if rows else 1
    sound = True
    for _, failed, wrong in results([(sorted({t for row in rows for t in row.tests}), None)], 1):
        if failed or wrong:
            print("these fail without a mutation:", *sorted(failed), wrong, sep="\n  ")
            sound = False
    if not sound:
        return 1
    killed = 0
    for mutation, failed, wrong in results([(row.tests, row) for row in rows], given.jobs):
        assert mutation is not None
        dead, line = judge(mutation, failed, wrong)
        killed += dead
        print(line, flush=True)
    print(f"{killed} of {len(rows)} killed")
    return 0 if killed == len(rows) else 1


if __name__ == "__main__":
    raise SystemExit(main())
