"""A folder of human clips -> a library of references: <out>/manifest.jsonl, <out>/references/.

Each readable clip is retargeted, labelled, and where it is a gait its best period is closed into a
loop; all of it is mirrored. A clip whose bytes and configuration are in the manifest is not made
again; a killed build goes on where it stopped.
"""

import contextlib
import fcntl
import hashlib
import importlib.metadata
import json
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mwx.config import to_dict
from mwx.errors import MwxError, nearest, unknown
from mwx.motion import labels, manifest
from mwx.motion.clip_to_entries import VERSION, BuildConfig, Job, Made, make
from mwx.motion.labels import Told
from mwx.motion.manifest import Entry
from mwx.motion.reading import READERS
from mwx.motion.reference import SCHEMA, Reference
from mwx.motion.workers import each

Progress = Callable[[int, int, Made], None]  # clips done, clips in all, the one just done


@dataclass(frozen=True)
class Library:
    """A built library.

    Attributes:
        folder: with the manifest and the references; entries: of the manifest, sorted by name.
    """

    folder: Path
    entries: tuple[Entry, ...]

    @staticmethod
    def load(path: str | Path) -> "Library":
        """Read a library.

        Raises:
            MwxError: no library there, or a damaged one.
        """
        folder = Path(path)
        return Library(folder, tuple(sorted(manifest.read(folder), key=lambda e: e.name)))

    def select(self, label: str | None = None, split: str | None = None,
               kept: bool = False) -> tuple[Entry, ...]:
        """Return the entries of a label and a split; with `kept`, only those no gate rejected.

        Raises:
            MwxError: no such label in the library, or no such split.
        """
        present = {entry.label for entry in self.entries}
        if label is not None and label not in present:
            raise MwxError(f"{self.folder}: no reference of '{label}': {nearest(label, present)}"
                           f"it has {', '.join(sorted(present)) or 'nothing'}")
        if split not in (None, "train", "valid"):
            raise unknown("split", split, ("train", "valid"))
        return tuple(e for e in self.entries
                     if label in (None, e.label) and split in (None, e.split)
                     and not (kept and e.outcome != "kept"))

    def reference(self, entry: Entry) -> Reference:
        """Return an entry's reference."""
        return Reference.load(self.folder / "references" / f"{entry.name}.npz")

    def references(self, label: str | None = None, split: str | None = None,
                   kept: bool = False) -> list[Reference]:
        """Return the references of a label and a split, see `select`."""
        return [self.reference(entry) for entry in self.select(label, split, kept)]


@dataclass(frozen=True)
class BuildReport:
    """What a build did.

    Attributes:
        library: as it is now; made: clips done by this build; already: clips done before.
        skipped: (clip, reason) that could not be read or retargeted; duplicates: (clip, its twin).
    """

    library: Library
    made: tuple[Made, ...] = ()
    already: int = 0
    skipped: tuple[tuple[str, str], ...] = ()
    duplicates: tuple[tuple[str, str], ...] = field(default=())


def build_library(folder: str | Path, out: str | Path, jobs: int = 1,
                  config: BuildConfig | None = None, progress: Progress | None = None
                  ) -> BuildReport:
    """Turn every readable clip under a folder into references.

    Args:
        folder: searched with all below it; labels.csv or labels.json there name labels, licences.
        out: of the library; what it holds already stays.
        jobs: processes, one thread each.
        config: how clips become references.
        progress: called after each clip.

    Raises:
        MwxError: no such folder, no clip in it, another build at work, a worker died.
    """
    folder, out, config = Path(folder), Path(out), config or BuildConfig()
    if jobs < 1:
        raise MwxError(f"{jobs} jobs: at least one has to work")
    paths = clips_under(folder, out)
    entries = labels.told(folder)
    with alone(out):
        held = manifest.read(out) if (out / manifest.FILE).is_file() else []
        tasks, duplicates = _tasks(folder, out, paths, entries, config, held)
        todo = [task for task in tasks if not _is_done(task, held)]
        _drop(out, held, {task.sha256 for task in todo})
        done: list[Made] = []
        try:
            for made in each(make, todo, jobs):
                manifest.append(out, made.entries)
                done.append(made)
                if progress is not None:
                    progress(len(done), len(todo), made)
        finally:
            shutil.rmtree(out / Job.UNFINISHED, ignore_errors=True)
        library = Library.load(out)
        manifest.write(out, library.entries)
    done.sort(key=lambda made: made.source)
    failed = [made for made in done if made.reason]
    if failed and not library.entries:
        raise MwxError(f"{folder}: none of its {len(paths)} clips became a reference; "
                       f"{failed[0].source}: {failed[0].reason}")
    return BuildReport(library, tuple(m for m in done if not m.reason), len(tasks) - len(todo),
                       tuple((m.source, m.reason) for m in done if m.reason), tuple(duplicates))


def clips_under(folder: Path, out: Path) -> list[Path]:
    """Return the files under a folder that some reader may know, sorted.

    Raises:
        MwxError: no such folder, or no such file in it.
    """
    if not folder.is_dir():
        raise MwxError(f"{folder}: no such folder; name one that holds motion clips")
    inside = out.resolve()
    found = [p for p in sorted(folder.rglob("*"))
             if p.suffix.lower() in READERS and p.name not in labels.FILES and p.is_file()
             and inside not in p.resolve().parents]
    if not found:
        raise MwxError(f"{folder}: no clips in it; files with these endings are read: "
                       f"{', '.join(sorted(READERS))}")
    return found


def _tasks(folder: Path, out: Path, paths: Sequence[Path], entries: dict[str, Told],
           config: BuildConfig, held: Sequence[Entry]
           ) -> tuple[list[Job], list[tuple[str, str]]]:
    """Return one job per distinct clip, and the (clip, twin) whose bytes came before."""
    sums: dict[str, Path] = {}
    duplicates = []
    for path in paths:
        digest = _sha256(path)
        if digest in sums:
            duplicates.append((path.relative_to(folder).as_posix(),
                               sums[digest].relative_to(folder).as_posix()))
        else:
            sums[digest] = path
    slugs = {digest: _slug(path.relative_to(folder)) for digest, path in sums.items()}
    often = Counter(slugs.values())
    elsewhere = {e.name: e.sha256 for e in held if e.leads}
    tasks = []
    for digest, path in sums.items():
        name, relative = slugs[digest], path.relative_to(folder)
        if often[name] > 1 or elsewhere.get(name, digest) != digest:
            name = f"{name}-{digest[:8]}"
        word = labels.told_of(entries, relative)
        tasks.append(Job(path, relative, name, digest, word, config, _recipe(config, word), out))
    return tasks, duplicates


def _is_done(task: Job, held: Sequence[Entry]) -> bool:
    return any(e.leads and e.sha256 == task.sha256 and e.recipe == task.recipe
               and (task.out / "references" / f"{e.name}.npz").is_file() for e in held)


def _drop(out: Path, held: Sequence[Entry], sums: set[str]) -> None:
    """Take clips that are made anew, and what a killed build left, out of the library."""
    manifest.write(out, [e for e in held if e.sha256 not in sums])
    for entry in held:
        if entry.sha256 in sums:
            (out / "references" / f"{entry.name}.npz").unlink(missing_ok=True)
    shutil.rmtree(out / Job.UNFINISHED, ignore_errors=True)


def _recipe(config: BuildConfig, word: Told) -> str:
    parts = [to_dict(config), [word.label, word.licence], SCHEMA, VERSION,
             importlib.metadata.version("mwx")]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def _slug(relative: Path) -> str:
    words = "-".join([*relative.parent.parts, relative.stem])
    return re.sub(r"[^A-Za-z0-9_]+", "-", words).strip("-_") or "clip"


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def alone(out: Path) -> Iterator[None]:
    """Hold the library's lock; the system frees it however the process ends."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        lock = open(out / ".lock", "w")
    except OSError as error:
        raise MwxError(f"cannot write {out}: {error.strerror}") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise MwxError(f"{out}: another build or filter is at work on it; wait for it") \
                from None
        yield
