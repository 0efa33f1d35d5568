"""One gradient update of TD-MPC2 as it was published, plainly: what benchmarks/learner.py beats.

Written from the paper (Hansen, Su and Wang, "TD-MPC2: Scalable, Robust World Models for Continuous
Control", ICLR 2024) and its released defaults, single-task: 32-bit numbers, no compiler, no fused
kernels. All Q networks are evaluated wherever any is needed, as one batched product; two-hot codes
are dense; losses are summed term by term along the horizon. No termination head, as published.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

HORIZON, BATCH, DISCOUNT, RHO = 3, 256, 0.99, 0.5
BINS, LOW, HIGH = 101, -10.0, 10.0
RATE, ENCODER_SCALE, CLIP, TARGET_RATE = 3e-4, 0.3, 20.0, 0.01
CONSISTENCY, REWARD, VALUE, ENTROPY, DROPOUT = 20.0, 0.1, 0.1, 1e-4, 0.01
LOG_STD_MIN, LOG_STD_MAX, GROUP = -10.0, 2.0, 8


class Normed(nn.Linear):
    """Linear, LayerNorm, then Mish or SimNorm."""

    def __init__(self, size_in: int, size_out: int, simplices: bool = False):
        super().__init__(size_in, size_out)
        self.norm, self.simplices = nn.LayerNorm(size_out), simplices

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(super().forward(x))
        if self.simplices:
            return torch.softmax(x.unflatten(-1, (-1, GROUP)), -1).flatten(-2)
        return F.mish(x)


class Ensemble(nn.Module):
    """Q networks as one batched product a layer; dropout after the first product."""

    def __init__(self, count: int, size_in: int, hidden: int):
        super().__init__()
        sizes = ((size_in, hidden), (hidden, hidden), (hidden, BINS))
        self.weights = nn.ParameterList(0.02 * torch.randn(count, *size) for size in sizes)
        self.biases = nn.ParameterList(torch.zeros(count, 1, out) for _, out in sizes)
        self.gains = nn.ParameterList(torch.ones(count, 1, hidden) for _ in range(2))
        self.shifts = nn.ParameterList(torch.zeros(count, 1, hidden) for _ in range(2))
        nn.init.zeros_(self.weights[-1])

    def forward(self, x: Tensor) -> Tensor:
        x = x.expand(len(self.weights[0]), *x.shape)
        for layer in range(2):
            x = torch.baddbmm(self.biases[layer], x, self.weights[layer])
            if layer == 0:
                x = F.dropout(x, DROPOUT, self.training)
            x = F.layer_norm(x, x.shape[-1:]) * self.gains[layer] + self.shifts[layer]
            x = F.mish(x)
        return torch.baddbmm(self.biases[2], x, self.weights[2])  # (E, B, bins)


class Reference:
    """Networks, optimisers and one `update` of TD-MPC2."""

    def __init__(self, obs_dim: int, act_dim: int, latent: int = 512, hidden: int = 512,
                 encoder: int = 256, num_q: int = 5):
        joint = latent + act_dim
        self.encoder = nn.Sequential(Normed(obs_dim, encoder), Normed(encoder, latent, True))
        self.dynamics = nn.Sequential(Normed(joint, hidden), Normed(hidden, hidden),
                                      Normed(hidden, latent, True))
        self.reward = nn.Sequential(Normed(joint, hidden), Normed(hidden, hidden),
                                    nn.Linear(hidden, BINS))
        self.policy = nn.Sequential(Normed(latent, hidden), Normed(hidden, hidden),
                                    nn.Linear(hidden, 2 * act_dim))
        self.q, self.q_target = (Ensemble(num_q, joint, hidden) for _ in range(2))
        self.q_target.load_state_dict(self.q.state_dict())
        self.q_target.requires_grad_(False)
        rest = [p for m in (self.dynamics, self.reward, self.q) for p in m.parameters()]
        self.model_parameters = [*self.encoder.parameters(), *rest]
        self.optimiser = torch.optim.Adam(
            [{"params": list(self.encoder.parameters()), "lr": RATE * ENCODER_SCALE},
             {"params": rest}], lr=RATE)
        self.policy_optimiser = torch.optim.Adam(self.policy.parameters(), lr=RATE, eps=1e-5)
        self.scale = torch.ones(())

    def update(self, obs: Tensor, action: Tensor, reward: Tensor) -> dict[str, float]:
        """Make one update from obs (H + 1, B, O), action (H, B, A) and reward (H, B)."""
        with torch.no_grad():
            goals = self.encoder(obs[1:])  # (H, B, Z)
            act, _ = self.act(goals)
            y = reward + DISCOUNT * self.pair(self.q_target, goals, act).amin(0)
        z, latents, consistency = self.encoder(obs[0]), [], torch.zeros(())
        latents.append(z)
        for t in range(HORIZON):
            z = self.dynamics(torch.cat([z, action[t]], -1))
            consistency = consistency + RHO**t * F.mse_loss(z, goals[t])
            latents.append(z)
        zs = torch.stack(latents)  # (H + 1, B, Z)
        x = torch.cat([zs[:-1], action], -1).flatten(0, 1)
        rewards = self.reward(x).unflatten(0, (HORIZON, BATCH))
        values = self.q(x).unflatten(1, (HORIZON, BATCH))  # (E, H, B, bins)
        reward_loss, value_loss = torch.zeros(()), torch.zeros(())
        for t in range(HORIZON):
            reward_loss = reward_loss + RHO**t * soft_cross_entropy(rewards[t], reward[t]).mean()
            for head in values:
                value_loss = value_loss + RHO**t * soft_cross_entropy(head[t], y[t]).mean()
        consistency, reward_loss = consistency / HORIZON, reward_loss / HORIZON
        value_loss = value_loss / (HORIZON * len(values))
        loss = CONSISTENCY * consistency + REWARD * reward_loss + VALUE * value_loss
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.model_parameters, CLIP)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        policy_loss = self.update_policy(zs.detach())
        with torch.no_grad():
            for slow, fast in zip(self.q_target.parameters(), self.q.parameters(), strict=True):
                slow.lerp_(fast, TARGET_RATE)
        return {"consistency": consistency.item(), "reward": reward_loss.item(),
                "value": value_loss.item(), "policy": policy_loss, "gradient_norm": norm.item()}

    def update_policy(self, zs: Tensor) -> float:
        """Maximise Q of two random networks plus entropy along the latents (H + 1, B, Z)."""
        self.q.requires_grad_(False)
        action, log_prob = self.act(zs)
        q = self.pair(self.q, zs, action).mean(0)
        with torch.no_grad():
            low, high = torch.quantile(q[0], torch.tensor([0.05, 0.95]))
            self.scale.lerp_((high - low).clamp_min(1.0), TARGET_RATE)
        weight = RHO ** torch.arange(HORIZON + 1)
        entropy = -log_prob * action.shape[-1]
        loss = (-(q / self.scale + ENTROPY * entropy).mean(-1) * weight).mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.policy.parameters(), CLIP)
        self.policy_optimiser.step()
        self.policy_optimiser.zero_grad(set_to_none=True)
        self.q.requires_grad_(True)
        return loss.item()

    def act(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Sample squashed Gaussian actions; return them and their log-probability."""
        mean, log_std = self.policy(z).chunk(2, -1)
        log_std = LOG_STD_MIN + (LOG_STD_MAX - LOG_STD_MIN) * (torch.tanh(log_std) + 1) / 2
        noise = torch.randn_like(mean)
        log_prob = (-0.5 * noise.square() - log_std - 0.5 * math.log(2 * math.pi)).sum(-1)
        action = torch.tanh(mean + noise * log_std.exp())
        return action, log_prob - torch.log(F.relu(1 - action.square()) + 1e-6).sum(-1)

    def pair(self, q: Ensemble, z: Tensor, action: Tensor) -> Tensor:
        """Evaluate all networks; return the values (2, ...) of two drawn at random."""
        logits = q(torch.cat([z, action], -1).flatten(0, -2)).unflatten(1, z.shape[:-1])
        chosen = logits[torch.randperm(len(logits))[:2]]
        x = (torch.softmax(chosen, -1) * torch.linspace(LOW, HIGH, BINS)).sum(-1)
        return torch.sign(x) * (torch.exp(x.abs()) - 1)


def soft_cross_entropy(logits: Tensor, value: Tensor) -> Tensor:
    """Cross-entropy of logits (B, bins) to the dense two-hot code of symlog(value (B,))."""
    x = (torch.sign(value) * torch.log1p(value.abs())).clamp(LOW, HIGH)
    place = (x - LOW) / ((HIGH - LOW) / (BINS - 1))
    lower = place.floor()
    share = (place - lower).unsqueeze(-1)
    index = lower.long().unsqueeze(-1)
    code = torch.zeros_like(logits)
    code.scatter_(-1, index, 1 - share)
    code.scatter_(-1, (index + 1) % BINS, share)
    return -(code * F.log_softmax(logits, -1)).sum(-1)
