"""One gradient update of the world model; weights, optimisers and counters as plain arrays."""

import copy
import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from mwx.agents.compute import Compute
from mwx.agents.config import AgentConfig
from mwx.agents.losses import Draws, model_loss, policy_loss
from mwx.agents.replay import SequenceBatch
from mwx.agents.world_model import WorldModel

Augment = Callable[[SequenceBatch], SequenceBatch]


class Learner:
    """Holds model, target network and optimisers; `update` takes one batch.

    Args:
        total_updates: number of updates over which the learning rate decays.
        augment: deterministic change of a batch (e.g. mirroring half of it), or None.
    """

    def __init__(self, obs_dim: int, act_dim: int, config: AgentConfig, seed: int,
                 total_updates: int, augment: Augment | None = None,
                 device: torch.device | str = "cpu"):
        self.config, self.total_updates, self.augment = config, total_updates, augment
        self.compute = Compute(config.compute, device)
        self.model_loss = self.compute.compiled(model_loss)
        self.policy_loss = self.compute.compiled(policy_loss)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.model = WorldModel(obs_dim, act_dim, config.model).to(device)
        self.target = copy.deepcopy(self.model).requires_grad_(False)
        self.generator = torch.Generator(device).manual_seed(seed + 1)
        model, rate = self.model, config.learner.rate
        encoder = list(model.encoder.parameters())
        rest = [p for m in (model.dynamics, model.reward_head, model.q_head)
                for p in m.parameters()]
        self.model_parameters = encoder + rest
        self.policy_parameters = list(model.policy.parameters())
        self.model_optimiser = torch.optim.Adam(
            [{"params": encoder, "scale": config.learner.encoder_rate_scale},
             {"params": rest, "scale": 1.0}], lr=rate, fused=True)
        self.policy_optimiser = torch.optim.Adam(
            [{"params": self.policy_parameters, "scale": 1.0}], lr=rate, eps=1e-5, fused=True)
        self.scale = torch.ones((), device=device)
        self.log_entropy = math.log(config.learner.entropy)
        self.updates = 0

    def update(self, batch: SequenceBatch) -> dict[str, float]:
        """Make one update and return the named loss terms."""
        with self.compute.products():
            terms = self._update(batch)
        self.updates += 1
        values = torch.stack([value.detach().float() for value in terms.values()]).tolist()
        return dict(zip(terms, values, strict=True))

    def _update(self, batch: SequenceBatch) -> dict[str, Tensor]:
        c, model = self.config.learner, self.model
        batch = self.augment(batch) if self.augment else batch
        draws = self._draws(batch)
        self._set_rates()
        advice = batch.obs.new_tensor(c.advice * 0.5 ** (self.updates / c.advice_half_life)) \
            if c.advice else None
        loss, terms, zs = self.model_loss(model, self.target, batch, draws, c, advice)
        self._descend(loss, self.model_parameters, self.model_optimiser, terms, "gradient_norm")
        if self.updates % c.policy_every == 0:
            tau = batch.obs.new_tensor(math.exp(self.log_entropy))
            loss, more, q = self.policy_loss(model, zs, batch, draws, tau, self.scale, advice,
                                             c.rho)
            self._descend(loss, self.policy_parameters, self.policy_optimiser, more, "policy_norm")
            low, high = torch.quantile(q[: batch.obs.shape[0]], torch.tensor([0.05, 0.95]).to(q))
            self.scale.lerp_((high - low).clamp_min(1.0), 0.01)
            if c.entropy_target is not None:
                wanted = c.entropy_target * model.act_dim
                self.log_entropy += c.entropy_rate * float(np.clip(
                    wanted - float(more["entropy"]), -1, 1))
                self.log_entropy = float(np.clip(self.log_entropy, -12, -1))
            terms |= more | {"tau": tau, "q_range": self.scale}
        with torch.no_grad():
            torch._foreach_lerp_(  # pyright: ignore[reportPrivateImportUsage]
                list(self.target.q_head.parameters()), list(model.q_head.parameters()),
                c.target_rate)
        return terms

    def set_normaliser(self, mean: np.ndarray, std: np.ndarray) -> None:
        """Set the observation normaliser inside the model, mean and deviation (O,)."""
        self.model.obs_mean.copy_(torch.from_numpy(mean))
        self.model.obs_std.copy_(torch.from_numpy(std))

    def _draws(self, batch: SequenceBatch) -> Draws:
        kind = {"generator": self.generator, "device": batch.obs.device}
        members = torch.randperm(self.config.model.num_q, **kind)[:2]
        return Draws(torch.randn(batch.action.shape, **kind),
                     torch.randn(batch.action.shape, **kind), members)

    def _set_rates(self) -> None:
        c = self.config.learner
        share = min(1.0, self.updates / max(1, self.total_updates))
        decay = c.final_rate + (1 - c.final_rate) * 0.5 * (1 + math.cos(math.pi * share))
        for optimiser in (self.model_optimiser, self.policy_optimiser):
            for group in optimiser.param_groups:
                group["lr"] = c.rate * decay * group["scale"]

    def _descend(self, loss: Tensor, parameters: list[torch.nn.Parameter],
                 optimiser: torch.optim.Optimizer, terms: dict[str, Tensor], name: str) -> None:
        for p, g in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
            p.grad = g
        terms[name] = torch.nn.utils.clip_grad_norm_(parameters,
                                                     self.config.learner.gradient_clip)
        optimiser.step()
        optimiser.zero_grad()

    def get_state(self) -> tuple[dict[str, np.ndarray], dict[str, object]]:
        """Return arrays and JSON values from which set_state continues bit for bit."""
        arrays = {f"model.{k}": v.cpu().numpy() for k, v in self.model.state_dict().items()}
        arrays |= {f"target.{k}": v.cpu().numpy()
                   for k, v in self.target.q_head.state_dict().items()}
        for name, optimiser in self._optimisers().items():
            for i, slot in optimiser.state_dict()["state"].items():
                arrays |= {f"{name}.{i}.{k}": np.asarray(v.cpu().numpy())
                           for k, v in slot.items()}
        arrays["scale"] = self.scale.cpu().numpy().reshape(1)
        arrays["generator"] = self.generator.get_state().cpu().numpy()
        return arrays, {"updates": self.updates, "log_entropy": self.log_entropy}

    def set_state(self, arrays: dict[str, np.ndarray], state: dict[str, object]) -> None:
        """Continue from get_state's values."""
        def part(prefix: str) -> dict[str, Tensor]:
            return {k[len(prefix):]: torch.from_numpy(np.array(v)) for k, v in arrays.items()
                    if k.startswith(prefix)}

        self.model.load_state_dict(part("model."))
        self.target.q_head.load_state_dict(part("target."))
        for name, optimiser in self._optimisers().items():
            slots: dict[int, dict[str, Tensor]] = {}
            for key, value in part(f"{name}.").items():
                index, field = key.split(".")
                slots.setdefault(int(index), {})[field] = value.reshape(()) if field == "step" \
                    else value
            optimiser.load_state_dict(optimiser.state_dict() | {"state": slots})
        self.scale.fill_(float(arrays["scale"][0]))
        self.generator.set_state(torch.from_numpy(np.array(arrays["generator"])))
        self.updates = int(state["updates"])  # pyright: ignore[reportArgumentType]
        self.log_entropy = float(state["log_entropy"])  # pyright: ignore[reportArgumentType]

    def _optimisers(self) -> dict[str, torch.optim.Optimizer]:
        return {"model_adam": self.model_optimiser, "policy_adam": self.policy_optimiser}
