"""Do the tests notice? Break the package in one place at a time and run the tests that must fail.

    python benchmarks/mutations.py [--only WORD] [--part FILE] [--jobs N] [--list]

The rows are in benchmarks/mutants/*.toml, one table a mutation: `name`; `file`, from the root of
the repository; `old`, text that stands there exactly once; `new`, what stands there instead;
`tests`, the pytest ids of which every one must fail. The package is copied, never changed in place.
First all these tests run on a plain copy: they must pass. Exit code 1 if a mutation survives, a
text is not found, or a test fails without any mutation.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

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


def failures(tests: Iterable[str], mutation: Mutation | None) -> tuple[set[str], str]:
    """Run tests on a copy, mutated if asked; return the ids that failed, and what went wrong."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        shutil.copytree(ROOT / "mwx", folder / "mwx", ignore=shutil.ignore_patterns("__pycache__"))
        (folder / "pretrained").symlink_to(ROOT / "pretrained")
        wrong = mutation.apply(folder) if mutation else None
        if wrong:
            return set(), wrong
        environment = os.environ | {"PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1",
                                    "PYTHONDONTWRITEBYTECODE": "1"}
        # -P: the repository's own copy is not on the path
        made = subprocess.run(
            [sys.executable, "-P", "-m", "pytest", "-q", "-rf", "--no-header", "--tb=no", "-p",
             "no:cacheprovider", "-p", "no:randomly", "-n", "0", *sorted(set(tests))],
            cwd=ROOT, env=environment, capture_output=True, text=True)
    failed = set(re.findall(r"^FAILED (\S+::[^\s\[]+(?:\[.*?\](?= - |$))?)", made.stdout, re.M))
    if made.returncode not in (0, 1) or (made.returncode and not failed):
        return failed, (made.stdout + made.stderr).strip()[-600:]
    return failed, ""


def judge(mutation: Mutation) -> tuple[bool, str]:
    """Return whether a mutation is killed by every test that it names, and a line about it."""
    failed, wrong = failures(mutation.tests, mutation)
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
    failed, wrong = failures((test for row in rows for test in row.tests), None)
    if failed or wrong:
        print("these fail without a mutation:", *sorted(failed), wrong, sep="\n  ")
        return 1
    with ThreadPoolExecutor(given.jobs) as pool:
        results = []
        for killed, line in pool.map(judge, rows):
            print(line, flush=True)
            results.append(killed)
    print(f"{sum(results)} of {len(results)} killed")
    return 0 if all(results) else 1


if __name__ == "__main__":
    raise SystemExit(main())
