"""Reference: a motion of the robot at 50 Hz with feed-forward commands; strict, safe npz files."""

import dataclasses
import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mwx.errors import MwxError, short
from mwx.files import write_npz
from mwx.maths import rotations
from mwx.motion.supports import NAMES, mirrored_supports
from mwx.robot import H1
from mwx.types import Array, brief
from mwx.untrusted import parse_json, read_npz, understood

SCHEMA = 1
CONTACT_NAMES = ("left_foot", "right_foot")
NEEDED = ("header", "qpos", "qvel", "ctrl", "contact", "advance", "joint_names")
SUPPORTS = ("supports", "support_names")
LARGEST = 1e5  # of any number of a motion: metres, radians, hertz


@dataclass(frozen=True)
class Frame:
    """The reference at some instants (..., leading axes follow the times asked).

    Attributes:
        qpos: (..., 26); qvel: (..., 25), MuJoCo convention (linear world, angular body).
        ctrl: (..., 19) [rad] feed-forward servo position commands.
        contact: (..., 2) bool, left and right foot on the ground.
    """

    qpos: Array
    qvel: Array
    ctrl: Array
    contact: Array

    __repr__ = brief


@dataclass(frozen=True)
class Reference:
    """A robot motion to imitate.

    Attributes:
        label: the skill, e.g. "walk".
        fps: [Hz] frames a second.
        qpos: (T, 26) base position [m], base quaternion (w, x, y, z), joints [rad].
        qvel: (T, 25) MuJoCo convention: linear world [m/s], angular body [rad/s], joints [rad/s].
        ctrl: (T, 19) [rad] feed-forward servo position commands.
        contact: (T, 2) bool, left and right foot on the ground.
        supports: (T, S) bool, what else bears weight, in the order of support_names; None where
            nothing but the feet does.
        support_names: (S,) parts of the body, keys of `supports.GROUPS`.
        loop: frame T would be frame 0 moved by `advance`; the period is T / fps.
        advance: (3,) [m] displacement of the base in one period; zero where not a loop.
        joint_names: order of the joints.
        source, source_sha256, licence: provenance; generated: made from tables, not captured.
        metrics: measured qualities, name -> number.
    """

    label: str
    qpos: Array
    qvel: Array
    ctrl: Array
    contact: Array
    loop: bool = False
    advance: Array = field(default_factory=lambda: np.zeros(3))
    fps: float = 50.0
    joint_names: tuple[str, ...] = H1.joint_names
    robot: str = H1.name
    source: str = ""
    source_sha256: str = ""
    licence: str = ""
    generated: bool = False
    metrics: dict[str, Any] = field(default_factory=dict)
    supports: Array | None = None
    support_names: tuple[str, ...] = ()

    __repr__ = brief

    def __post_init__(self) -> None:
        frames, joints = len(self.qpos), len(self.joint_names)
        shapes = {"qpos": (frames, 7 + joints), "qvel": (frames, 6 + joints),
                  "ctrl": (frames, joints), "contact": (frames, 2), "advance": (3,)}
        for name, shape in shapes.items():
            array = getattr(self, name)
            if array.shape != shape:
                raise MwxError(f"reference '{self.label}': {name} has shape {array.shape}, "
                               f"expected {shape}")
            if not np.isfinite(array).all():
                raise MwxError(f"reference '{self.label}': {name} holds values that are not finite")
            if np.abs(array).max(initial=0) > LARGEST:
                raise MwxError(f"reference '{self.label}': {name} holds numbers beyond "
                               f"{LARGEST:g}: no motion of a robot")
        self._check_supports()
        if frames < 1 or not 0 < self.fps <= LARGEST:
            raise MwxError(f"reference '{self.label}': {frames} frames at {self.fps} Hz")
        length = np.linalg.norm(self.qpos[:, 3:7], axis=1)
        if not ((length > 0.5) & (length < 2)).all():
            raise MwxError(f"reference '{self.label}': the base's quaternion has length "
                           f"{length.min():.3g} to {length.max():.3g}, expected 1")

    def _check_supports(self) -> None:
        unknown = [name for name in self.support_names if name not in NAMES]
        if unknown:
            raise MwxError(f"reference '{self.label}': no support '{unknown[0]}'; "
                           f"there are {', '.join(NAMES)}")
        shape = () if self.supports is None else self.supports.shape
        if shape != ((self.num_frames, len(self.support_names)) if self.support_names else ()):
            raise MwxError(f"reference '{self.label}': supports have shape {shape} for "
                           f"{self.num_frames} frames of {len(self.support_names)} names")

    @property
    def bearing(self) -> dict[str, Array]:
        """Part of the body beside the feet -> (T,) bool, it bears weight; empty without any."""
        if self.supports is None:
            return {}
        return dict(zip(self.support_names, self.supports.T, strict=True))

    @property
    def num_frames(self) -> int:
        """T: number of frames."""
        return len(self.qpos)

    @property
    def duration_s(self) -> float:
        """[s] the period of a loop, else the time from the first to the last frame."""
        return (self.num_frames - (0 if self.loop else 1)) / self.fps

    def frame(self, time_s: float | Array) -> Frame:
        """Return the reference at given times, interpolated.

        Args:
            time_s: (...) [s] from the first frame; a loop goes on for ever (its base moves on by
                `advance` each period), any other motion rests on its last frame.
        """
        (first, cycle), (second, cycle_second), part = self._between(time_s)
        a, b = self.qpos[first], self.qpos[second]
        qpos = a + part * (b - a)
        base, base_second = (self.qpos[i, :3] + c[..., None] * self.advance
                             for i, c in ((first, cycle), (second, cycle_second)))
        qpos[..., :3] = base + part * (base_second - base)
        qpos[..., 3:7] = rotations.slerp(a[..., 3:7], b[..., 3:7], part[..., 0])
        qvel, ctrl = (x[first] + part * (x[second] - x[first]) for x in (self.qvel, self.ctrl))
        nearest = np.where(part < 0.5, self.contact[first], self.contact[second])
        return Frame(qpos, qvel, ctrl, nearest)

    def command(self, time_s: float | Array) -> Array:
        """Return the feed-forward commands (..., J) of `frame` alone."""
        (first, _), (second, _), part = self._between(time_s)
        return self.ctrl[first] + part * (self.ctrl[second] - self.ctrl[first])

    def _between(self, time_s: float | Array
                 ) -> tuple[tuple[Array, Array], tuple[Array, Array], Array]:
        """Return the frames around given times, each with its cycle, and how far between."""
        place = np.asarray(time_s, float) * self.fps
        if not self.loop:
            place = np.clip(place, 0, self.num_frames - 1)
        low = np.floor(place).astype(int)
        return self._wrap(low), self._wrap(low + 1), (place - low)[..., None]

    def _wrap(self, index: Array) -> tuple[Array, Array]:
        if self.loop:
            return index % self.num_frames, index // self.num_frames
        return np.clip(index, 0, self.num_frames - 1), np.zeros_like(index)

    def mirrored(self) -> "Reference":
        """Return the left-right reflection (in the plane y = 0)."""
        return dataclasses.replace(
            self, qpos=mirror_qpos(self.qpos), qvel=mirror_qvel(self.qvel),
            ctrl=H1.mirror_sign * self.ctrl[:, H1.mirror_joint], contact=self.contact[:, ::-1],
            advance=self.advance * np.array([1, -1, 1]), supports=None if self.supports is None
            else mirrored_supports(self.supports, self.support_names))

    def save(self, path: str | Path) -> Path:
        """Write an npz file: all of it, or, if anything fails, nothing."""
        path = Path(path)
        arrays = {"qpos": self.qpos, "qvel": self.qvel, "ctrl": self.ctrl,
                  "contact": self.contact.astype(np.uint8), "advance": self.advance,
                  "joint_names": np.array(self.joint_names),
                  "contact_names": np.array(CONTACT_NAMES), "header": np.array(self._header())}
        if self.supports is not None:
            arrays |= {"supports": self.supports.astype(np.uint8),
                       "support_names": np.array(self.support_names)}
        return write_npz(path, arrays)

    def _header(self) -> str:
        names = ("label", "loop", "fps", "robot", "source", "source_sha256", "licence",
                 "generated", "metrics")
        return json.dumps({"schema": SCHEMA, **{n: getattr(self, n) for n in names}})

    @staticmethod
    def load(path: str | Path) -> "Reference":
        """Read a reference that `save` wrote.

        Raises:
            MwxError: no such file, not a reference, another schema, another robot, damaged.
        """
        path = Path(path)
        if not path.is_file():
            raise MwxError(f"{path}: no such file; write one with `mwx motion retarget`")
        arrays = read_npz(path, NEEDED + SUPPORTS)
        with understood(path):
            return _from_arrays(arrays, path)


def _from_arrays(arrays: dict[str, Array], path: Path) -> Reference:
    missing = [name for name in NEEDED if name not in arrays]
    if missing:
        raise MwxError(f"{path}: no reference file, it lacks {', '.join(missing)}; "
                       "for a human clip use `mwx motion retarget`")
    header = parse_json(str(arrays["header"]), f"{path}: its header")
    schema = header.pop("schema")
    if schema != SCHEMA:
        raise MwxError(f"{path}: schema {schema}, this version reads {SCHEMA}; retarget it again")
    names = tuple(str(x) for x in arrays["joint_names"])
    if header.get("robot") != H1.name or names != H1.joint_names:
        raise MwxError(f"{path}: made for robot '{header.get('robot')}' with {len(names)} joints, "
                       f"this is '{H1.name}' with {len(H1.joint_names)} in its own order")
    numbers = ("qpos", "qvel", "ctrl", "advance")
    values: dict[str, Any] = {n: arrays[n].astype(float) for n in numbers}
    if "supports" in arrays and "support_names" in arrays:
        values |= {"supports": arrays["supports"].astype(bool),
                   "support_names": tuple(str(x) for x in arrays["support_names"])}
    for name, kind in (("label", str), ("loop", bool), ("fps", int | float), ("source", str),
                       ("source_sha256", str), ("licence", str), ("generated", bool),
                       ("metrics", dict)):
        if name in header and not isinstance(header[name], kind):
            raise MwxError(f"{path}: its header says {name} = {short(header[name])}")
    try:
        return Reference(**header, **values, contact=arrays["contact"].astype(bool),
                         joint_names=names)
    except TypeError as error:
        raise MwxError(f"{path}: its header does not fit ({error})") from None
    except MwxError as error:
        raise MwxError(f"{path}: {error}") from None


def mirror_qpos(qpos: Array) -> Array:
    """Return configurations (..., 26) reflected in the plane y = 0."""
    joints = H1.mirror_sign * qpos[..., 7:][..., H1.mirror_joint]
    base = qpos[..., :7] * np.array([1, -1, 1, 1, -1, 1, -1])
    return np.concatenate([base, joints], axis=-1)


def mirror_qvel(qvel: Array) -> Array:
    """Return velocities (..., 25) reflected in the plane y = 0."""
    joints = H1.mirror_sign * qvel[..., 6:][..., H1.mirror_joint]
    base = qvel[..., :6] * np.array([1, -1, 1, -1, 1, -1])
    return np.concatenate([base, joints], axis=-1)


def sha256(data: bytes) -> str:
    """Return the hexadecimal SHA-256 of some bytes."""
    return hashlib.sha256(data).hexdigest()
