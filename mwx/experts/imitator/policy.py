"""The imitator: one learned residual policy over all clips; without one, a clip's regulator."""

import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

import mwx
from mwx import config as configs
from mwx.errors import MwxError
from mwx.experts.imitator.config import ImitatorConfig
from mwx.experts.imitator.metrics import point_names
from mwx.experts.ppo import ImitationPolicy
from mwx.files import write_json, write_weights
from mwx.robot import H1
from mwx.types import Array
from mwx.untrusted import load_module

WEIGHTS = "weights.safetensors"
STATE_SIZE, DIFFERENCE_SIZE, NEXT_SIZE, ERROR_SIZE = 48, 50, 22, 19


def features_size() -> int:
    """Return F, the size of the imitator's features."""
    return STATE_SIZE + DIFFERENCE_SIZE + 3 * len(point_names()) + NEXT_SIZE + ERROR_SIZE


@dataclass(frozen=True)
class Imitator:
    """What acts: a residual policy around the clip's commands, or nothing but those commands.

    Attributes:
        name: "imitator", or "regulator" for the regulator alone.
    """

    config: ImitatorConfig
    policy: ImitationPolicy | None = None

    @property
    def name(self) -> str:
        """Who tracks."""
        return "regulator" if self.policy is None else "imitator"

    def act(self, features: Array) -> Array:
        """Return residual actions (B, 19) in [-1, 1] for features (B, F)."""
        if self.policy is None:
            return np.zeros((len(features), H1.act_dim))
        with torch.no_grad():
            return self.policy.mean(torch.from_numpy(features)).clamp(-1, 1).double().numpy()

    def save(self, folder: Path) -> None:
        """Write config.json and, where there is a policy, weights.safetensors (half precision)."""
        write_json(folder / "config.json", configs.to_dict(self.config))
        if self.policy is not None:
            write_weights(folder / WEIGHTS,
                          {k: v.half() for k, v in self.policy.state_dict().items()})


def load_imitator(folder: str | Path) -> Imitator:
    """Read an imitator from its folder: config.json, weights.safetensors.

    Raises:
        MwxError: no such folder, or its files are damaged or do not fit.
    """
    folder = Path(folder)
    if not (folder / "config.json").is_file() or not (folder / WEIGHTS).is_file():
        raise MwxError(f"{folder}: not an imitator (config.json and {WEIGHTS}); train one with "
                       "`mwx motion imitate`")
    config = configs.load(ImitatorConfig, folder / "config.json")
    policy = load_module(lambda: ImitationPolicy(features_size(), H1.act_dim, config.ppo),
                         folder / WEIGHTS)
    return Imitator(config, policy.requires_grad_(False))


@functools.cache
def shipped() -> Imitator:
    """Return the imitator that comes with the package, or else the regulator alone."""
    package = Path(mwx.__file__).parent
    for root in (package / "pretrained", package.parent / "pretrained"):
        if (root / "imitator" / WEIGHTS).is_file():
            return load_imitator(root / "imitator")
    return Imitator(ImitatorConfig())
