"""One clip of a library: read, retarget, label, loop, mirror, save; the work of one process."""

import dataclasses
import importlib.metadata
import math
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from mwx.errors import MwxError, Unwritable
from mwx.motion import labels
from mwx.motion.clip import MotionClip
from mwx.motion.labels import GuessRules, Told
from mwx.motion.loops import LoopConfig, close_loop
from mwx.motion.manifest import Entry
from mwx.motion.reading import read_clip
from mwx.motion.reference import SCHEMA, Reference
from mwx.motion.retarget import RetargetConfig, retarget_clip

VERSION = 3  # of what is made from a clip
FREE = re.compile(r"\b(apache-2\.0|mit|bsd-[23]-clause|bsd-3|cc0(-1\.0)?|zlib|public domain"
                  r"|cc[ -]by(-sa)?[ -][1-4]\.0)\b", re.IGNORECASE)


@dataclass(frozen=True)
class BuildConfig:
    """How clips become references.

    Attributes:
        mirror: add the left-right reflection of each; loops: cut loops out of gaits.
        valid_part: of the clips, chosen by hash, that are held out for validation.
        shortest_s: [s] clips below are skipped; piece_s: [s] longer ones are cut in equal pieces.
        told: joint -> part of the body, of clips whose names do not tell.
        retarget, loop, guess: of those steps.
    """

    mirror: bool = True
    loops: bool = True
    valid_part: float = 0.1
    shortest_s: float = 0.4
    piece_s: float = 60.0
    told: Mapping[str, str] = field(default_factory=dict)
    retarget: RetargetConfig = field(default_factory=RetargetConfig)
    loop: LoopConfig = field(default_factory=LoopConfig)
    guess: GuessRules = field(default_factory=GuessRules)


@dataclass(frozen=True)
class Job:
    """One clip to do: where it is, what it is called, what is known of it, where it goes."""

    UNFINISHED: ClassVar[str] = ".unfinished"  # folder of files that are not yet whole

    path: Path
    relative: Path
    name: str
    sha256: str
    told: Told
    config: BuildConfig
    recipe: str
    out: Path


@dataclass(frozen=True)
class Made:
    """What came of a clip: its entries, the leading one last, or the reason why there are none.

    `notes` are the clip's: what its reader found out or assumed.
    """

    source: str
    entries: tuple[Entry, ...] = ()
    reason: str = ""
    notes: tuple[str, ...] = ()


def make(job: Job) -> Made:
    """Turn one clip into saved references and their entries; what fails is said, not raised,
    but for a disk that takes nothing more."""
    source = job.relative.as_posix()
    try:
        clip = read_clip(job.path, told=job.config.told)
        if clip.duration_s < job.config.shortest_s:
            raise MwxError(f"{clip.duration_s:.2f} s are too short for a motion, "
                           f"{job.config.shortest_s:g} s are needed")
        made = [entry for part, piece in enumerate(_pieces(clip, job.config.piece_s))
                for entry in _references(part, piece, job)]
    except Unwritable:
        raise
    except MwxError as error:
        return Made(source, reason=str(error).removeprefix(f"{job.path}: "))
    except Exception as error:  # one odd clip among thousands must not end the build
        return Made(source, reason=f"internal error: {type(error).__name__}: {error}")
    made.sort(key=lambda entry: entry.leads)
    return Made(source, tuple(made), notes=clip.notes)


def _pieces(clip: MotionClip, piece_s: float) -> Iterator[MotionClip]:
    """Yield the clip, or where it is longer than piece_s [s] its equal pieces."""
    frames = len(clip.positions_w)
    count = max(1, math.ceil(clip.duration_s / piece_s))
    for i in range(count):
        part = slice(i * frames // count, (i + 1) * frames // count)
        turns = None if clip.rotations_w is None else clip.rotations_w[part]
        yield clip if count == 1 else \
            dataclasses.replace(clip, positions_w=clip.positions_w[part], rotations_w=turns)


def _references(part: int, clip: MotionClip, job: Job) -> list[Entry]:
    """Save the references of a piece: itself, its loop, and the mirror image of each."""
    name = job.name if part == 0 else f"{job.name}-part{part + 1}"
    reference = retarget_clip(clip, job.config.retarget)
    label, origin = _label(clip, reference, job)
    licence = job.told.licence or clip.licence
    reference = dataclasses.replace(reference, label=label, licence=licence,
                                    source=job.relative.as_posix(), source_sha256=job.sha256)
    gait = job.config.loops and label in labels.GAITS
    loop = close_loop(reference, job.config.loop) if gait else None
    base = Entry(
        name, label, origin, job.relative.as_posix(), job.sha256, licence,
        FREE.search(licence) is not None, reference.num_frames, reference.fps, reference.loop,
        loop is not None, "", "", part, split_of(job.sha256, job.config.valid_part), job.recipe,
        {"mwx": importlib.metadata.version("mwx"), "schema": SCHEMA, "build": VERSION},
        _numbers(reference.metrics))
    out = [(base, reference)]
    if loop is not None:
        out.append((dataclasses.replace(
            base, name=f"{name}-loop", frames=loop.num_frames, loop=True, cut_from=name,
            metrics=_numbers(loop.metrics)), loop))
    if job.config.mirror:
        out += [(dataclasses.replace(e, name=f"{e.name}-mirrored", mirror_of=e.name), r.mirrored())
                for e, r in out]
    for entry, made in out:
        whole = made.save(job.out / Job.UNFINISHED / f"{entry.name}.npz")
        target = job.out / "references" / whole.name
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(whole, target)
    return [entry for entry, _ in out]


def _label(clip: MotionClip, reference: Reference, job: Job) -> tuple[str, str]:
    if job.told.label:
        return job.told.label, labels.TOLD
    hint = getattr(clip, "label", "") or ""
    if hint in labels.LABELS:
        return hint, labels.TOLD
    named = labels.named(job.relative)
    if named:
        return named, labels.NAMED
    return labels.guessed(reference, job.config.guess), labels.GUESSED


def split_of(sha256: str, valid_part: float) -> str:
    """Return "valid" for a part of all hashes, "train" for the others."""
    return "valid" if int(sha256[:8], 16) < valid_part * 16 ** 8 else "train"


def _numbers(metrics: dict[str, Any]) -> dict[str, float]:
    """Return the finite numbers of some metrics."""
    return {name: round(float(x), 6) for name, x in metrics.items()
            if isinstance(x, int | float) and math.isfinite(x)}
