"""A policy that is an ONNX file, run by onnxruntime; and how far it is from the one in Python."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mwx.errors import MwxError
from mwx.robot import H1
from mwx.types import Array, Obs, Policy
from mwx.untrusted import parse_json, understood

SEEN = ("proprio", "target", "right_target", "task")
DTYPES = {"tensor(float)": np.float32, "tensor(double)": np.float64}


class OnnxPolicy:
    """A Policy from a file that `export_policy` wrote; its carry is name -> tensor.

    Args:
        path: the file.
        threads: of onnxruntime; one suffices for one environment.

    Attributes:
        facts: the file's metadata, key -> text.
    """

    def __init__(self, path: str | Path, threads: int = 1):
        self.session = _session(Path(path), threads)
        with understood(path):
            self.facts: Mapping[str, str] = self.session.get_modelmeta().custom_metadata_map
        if "carry_start" not in self.facts:
            raise MwxError(f"{path}: not a graph that `mwx export` wrote: its metadata lacks "
                           "carry_start")
        with understood(path):
            self.act_dim = len(self.facts["joint_names"].split(","))
            self._types = {port.name: DTYPES[port.type] for port in self.session.get_inputs()}
            self._start: dict[str, Any] = dict(parse_json(self.facts["carry_start"], str(path)))
            self.initial(1)
        self._outputs = [port.name for port in self.session.get_outputs()]

    def initial(self, num_envs: int) -> dict[str, Array]:
        """Return the carry at the start of B episodes."""
        return {name: np.repeat(np.asarray(value, self._types[name])[None], num_envs, 0)
                for name, value in self._start.items()}

    def restart(self, carry: Mapping[str, Array], rows: Array) -> dict[str, Array]:
        """Return the carry with the given rows (B,) bool back at the start of an episode."""
        fresh = self.initial(len(rows))
        return {name: np.where(rows.reshape(-1, *[1] * (value.ndim - 1)), fresh[name], value)
                for name, value in carry.items()}

    def __call__(self, obs: Obs, carry: Mapping[str, Array]) -> tuple[Array, dict[str, Array]]:
        """Return actions (B, A) in [-1, 1] and the next carry."""
        result = self.run(obs, carry)
        return result["action"].astype(float), {name: result[f"next_{name}"] for name in carry}

    def run(self, obs: Obs, carry: Mapping[str, Array]) -> dict[str, Array]:
        """Return everything that the graph gives, name -> tensor."""
        seen = {name: getattr(obs, name).astype(np.float32) for name in SEEN
                if name in self._types}
        return dict(zip(self._outputs, self.session.run(None, {**seen, **carry}), strict=True))


def _session(path: Path, threads: int) -> Any:
    try:
        import onnxruntime
    except ImportError:
        raise MwxError('running ONNX needs the extra: pip install "mwx[export]"') from None
    if not path.is_file():
        raise MwxError(f"{path}: no such file; `mwx export` writes one")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = threads
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own errors share no base class
        reason = str(error).splitlines()[0]
        raise MwxError(f"{path}: onnxruntime cannot load it: {reason}") from None


def disagreement(policy: Policy, path: str | Path, task_dim: int = 0, steps: int = 50,
                 num_envs: int = 4, seed: int = 0) -> float:
    """Return the largest difference of actions between a policy and its graph.

    Both carry their own memory along the same made-up observations: joints that wander about the
    home pose, targets that come and go. Actions lie in [-1, 1].
    """
    rng, graph = np.random.default_rng(seed), OnnxPolicy(path)
    carry, mine = graph.initial(num_envs), policy.initial(num_envs)
    worst = 0.0
    for step in range(steps):
        obs = _made_up(rng, num_envs, task_dim, named=step % 20 >= 5)
        action, mine = policy(obs, mine)
        other, carry = graph(obs, carry)
        worst = max(worst, float(np.abs(action - other).max()))
    return worst


def _made_up(rng: np.random.Generator, num_envs: int, task_dim: int, named: bool) -> Obs:
    home = np.concatenate([H1.home_qpos, np.zeros(H1.nv)])
    spread = np.concatenate([np.full(3, 0.3), np.full(4, 0.2), np.full(19, 0.2), np.full(25, 0.5)])
    proprio = home + spread * rng.standard_normal((num_envs, len(home)))
    proprio[:, 3:7] /= np.linalg.norm(proprio[:, 3:7], axis=-1, keepdims=True)
    target = proprio[:, :3] + rng.uniform(-0.6, 0.6, (num_envs, 3)) if named else \
        np.full((num_envs, 3), np.nan)
    right = np.where(rng.random((num_envs, 1)) < 0.5, target - [0, 0.3, 0], np.nan)
    task = rng.standard_normal((num_envs, task_dim))
    return Obs(np.concatenate([proprio, task], -1), proprio, task, target, right)
