"""A distilled router: network, guidance and provenance; saved and loaded without pickle."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch

from mwx.config import Few, Size, Within, from_dict, to_dict
from mwx.errors import MwxError
from mwx.files import write_json, write_weights
from mwx.router.features import features
from mwx.router.guidance import Guidance, load_guidance
from mwx.router.network import NetworkConfig, RoutingNetwork
from mwx.types import Array, Obs, brief
from mwx.untrusted import load_module, read_object

SCHEMA_VERSION = 2  # 1 did not see the right hand's target
PROGRESS_RATE = 0.1  # share of a rise in estimated progress believed per step: about 0.2 s


@dataclass(frozen=True)
class Layout:
    """What a router was built for: sizes that must fit the task it runs in."""

    proprio_dim: Size
    task_dim: Annotated[int, Within(0, 2 ** 14)]
    groups: Few

    @property
    def feature_dim(self) -> int:
        """F: body, both hands' targets and task features together."""
        return self.proprio_dim - 1 + 4 + 4 + self.task_dim


@dataclass(frozen=True, eq=False)
class Router:
    """pi_phi(w | s, V(T)) ready to act: the guidance is inside, no VLM is asked during control."""

    network: RoutingNetwork
    guidance: Guidance
    layout: Layout
    provenance: Mapping[str, Any]

    __repr__ = brief

    @classmethod
    def create(cls, guidance: Guidance, layout: Layout, config: NetworkConfig, seed: int,
               provenance: Mapping[str, Any] | None = None) -> "Router":
        """Return an untrained router: near-uniform weights everywhere."""
        generator = torch.Generator().manual_seed(seed)
        network = RoutingNetwork(layout.feature_dim, len(guidance.experts), layout.groups, config,
                                 generator)
        return cls(network, guidance, layout, provenance or {})

    @property
    def experts(self) -> tuple[str, ...]:
        """K expert names in the order of the weights."""
        return self.guidance.experts

    @property
    def groups(self) -> int:
        """G: joint groups weighed apart (1: one set of weights)."""
        return self.layout.groups

    def weights(self, obs: Obs, progress: Array) -> tuple[Array, Array]:
        """Return expert weights (B, G, K) and the progress (B,) so far, which never falls.

        Args:
            obs: the observation; sizes as in training.
            progress: (B,) in [0, 1], what the call before returned (0 at the start).

        Raises:
            MwxError: the observation belongs to another task or robot.
        """
        if (obs.proprio.shape[1], obs.task.shape[1]) != (self.layout.proprio_dim,
                                                         self.layout.task_dim):
            raise MwxError(
                f"this router was trained for '{self.guidance.task}' with {self.layout.proprio_dim}"
                f" + {self.layout.task_dim} observed numbers; it was given {obs.proprio.shape[1]} "
                f"+ {obs.task.shape[1]}")
        device = self.network.mean.device
        with torch.inference_mode():
            log_pi, estimate = self.network(
                torch.from_numpy(features(obs)).to(device),
                torch.as_tensor(self.guidance.weights, dtype=torch.float32, device=device),
                torch.as_tensor(progress, dtype=torch.float32, device=device))
        seen = progress + PROGRESS_RATE * np.maximum(0, estimate.cpu().numpy() - progress)
        weights = log_pi.exp().cpu().numpy().astype(float)
        return weights / weights.sum(-1, keepdims=True), seen

    def with_guidance(self, guidance: Guidance) -> "Router":
        """Return the router told something else about the task; the experts must be the same."""
        if guidance.experts != self.experts:
            raise MwxError("another guidance must name the same experts in the same order: "
                           f"{', '.join(self.experts)}")
        return replace(self, guidance=guidance)

    def save(self, path: Path) -> Path:
        """Write weights.safetensors, config.json, guidance.json and provenance.json to a folder."""
        path = Path(path)
        state = {k: v.detach().cpu().contiguous() for k, v in self.network.state_dict().items()}
        write_weights(path / "weights.safetensors", state)
        write_json(path / "config.json", {"schema_version": SCHEMA_VERSION,
                                          "layout": to_dict(self.layout),
                                          "network": to_dict(self.network.config)})
        self.guidance.save(path / "guidance.json")
        write_json(path / "provenance.json", json.loads(json.dumps(self.provenance)))
        return path

    @classmethod
    def load(cls, path: Path) -> "Router":
        """Read a router that `save` wrote.

        Raises:
            MwxError: a file is missing or damaged, or they do not fit together.
        """
        path = Path(path)
        config = read_object(path / "config.json")
        if config.get("schema_version") != SCHEMA_VERSION:
            raise MwxError(f"{path}: not a router this mwx reads (schema {SCHEMA_VERSION})")
        layout = from_dict(Layout, config.get("layout", {}), f"{path}/config.json: layout")
        shape = from_dict(NetworkConfig, config.get("network", {}), f"{path}/config.json: network")
        guidance = load_guidance(path / "guidance.json")
        network = load_module(lambda: RoutingNetwork(layout.feature_dim, len(guidance.experts),
                                                     layout.groups, shape),
                              path / "weights.safetensors")
        return cls(network, guidance, layout, read_object(path / "provenance.json"))
