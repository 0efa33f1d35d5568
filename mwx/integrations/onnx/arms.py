"""Reaching in torch: limb kinematics and damped least squares of mwx.experts, in ONNX's terms."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from mwx.experts.kinematics import Limb
from mwx.experts.prior import ARM_LEAD, BESIDE, HAND_STEP, LOAD_SEEN, LoadPrior, ReachPrior
from mwx.integrations.onnx.pose import Pose, exists
from mwx.types import Array


class Arms(nn.Module):
    """The chains from the pelvis to N sites, each L links long (shorter ones end in still links).

    A link is [turn R(q), pos; 0, 1] with R(q) = 1 + sin(q) K + (1 - cos(q)) K^2: linear in sine
    and cosine, so that all links are made at once and only their product is a loop.
    """

    still: Tensor
    swing: Tensor
    bend: Tensor
    axis: Tensor
    tip: Tensor
    index: Tensor

    def __init__(self, sites: Sequence[str]):
        super().__init__()
        limbs = [Limb(site) for site in sites]
        self.sites, self.length = tuple(sites), max(len(limb.joints) for limb in limbs)
        shape = (len(limbs), self.length)
        still = np.tile(np.eye(4), (*shape, 1, 1))
        swing, bend, axes = np.zeros_like(still), np.zeros_like(still), np.zeros((*shape, 3, 1))
        self.joints = np.full(shape, -1)
        for n, limb in enumerate(limbs):
            for i, (joint, pos, turn, axis) in enumerate(limb._chain):
                x, y, z = axis
                cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
                self.joints[n, i], axes[n, i, :, 0] = joint, axis
                still[n, i, :3, :3], still[n, i, :3, 3] = turn, pos
                swing[n, i, :3, :3], bend[n, i, :3, :3] = turn @ cross, turn @ cross @ cross
        tips = np.array([[*limb._tip, 1.0] for limb in limbs])[..., None]
        for name, value in {"still": still, "swing": swing, "bend": bend, "axis": axes,
                            "tip": tips}.items():
            self.register_buffer(name, torch.tensor(value, dtype=torch.float32))
        self.register_buffer("index", torch.tensor(np.maximum(self.joints, 0).ravel()))

    def forward(self, q: Tensor) -> tuple[Tensor, Tensor]:
        """Return sites (B, N, 3) [m] in the pelvis' frame and their Jacobians (B, N, 3, L)."""
        angle = q[:, self.index].reshape(-1, *self.joints.shape, 1, 1)
        links = self.still + angle.sin() * self.swing + (1 - angle.cos()) * self.bend
        frames = [links[:, :, 0]]
        for i in range(1, self.length):
            frames.append(frames[-1] @ links[:, :, i])
        chain = torch.stack(frames, 2)[..., :3, :]  # (B, N, L, 3, 4)
        tip = (frames[-1] @ self.tip)[..., :3, 0]
        axis = (chain[..., :3] @ self.axis)[..., 0]
        lever = tip[:, :, None] - chain[..., 3]
        following, before = [1, 2, 0], [2, 0, 1]
        across = axis[..., following] * lever[..., before] - axis[..., before] * \
            lever[..., following]
        return tip, across.transpose(-1, -2)


class Reach(nn.Module):
    """One reach prior on top of shared arms.

    Its numbers are read from the prior itself, so that they cannot drift apart.
    """

    low: Tensor
    high: Tensor
    rest: Tensor
    mobility: Tensor
    columns: Tensor
    aside: Tensor
    joints: Tensor
    units: Tensor

    def __init__(self, prior: ReachPrior, arms: Arms):
        super().__init__()
        self.places = [arms.sites.index(hand) for hand in prior.hands]
        self.size = 3 * len(prior.hands)
        columns = arms.joints[self.places][..., None] == prior.arm  # (N, L, L of the carry)
        for name, value in {"low": prior._low, "high": prior._high, "rest": prior._rest,
                            "mobility": prior._mobility, "columns": columns,
                            "aside": np.array([0, BESIDE, 0]),
                            "units": np.eye(self.size)}.items():
            self.register_buffer(name, torch.tensor(value, dtype=torch.float32))
        self.register_buffer("joints", torch.tensor(prior.arm))

    def forward(self, pose: Pose, target: Tensor, right_target: Tensor, hands: Tensor,
                jacobians: Tensor, arm: Tensor) -> tuple[Tensor, Tensor]:
        """Return the arm's next commands (B, L) [rad] and the prior's own features (B, E).

        Args:
            target, right_target: (B, 3) [m, world], NaN for none.
            hands, jacobians: what the arms give.
            arm: (B, L) [rad] commands of the step before.
        """
        hand = hands[:, self.places]
        jacobian = (jacobians[:, self.places] @ self.columns).reshape(-1, self.size, len(self.rest))
        named = exists(target)
        error = self._wanted(pose, target, right_target) - hand
        error = torch.where(named[..., None], error, 0.0)
        distance = (error * error).sum(-1, keepdim=True).sqrt().clamp(min=1e-9)
        step = error * (HAND_STEP / distance).clamp(max=1.0) * 0.5
        move = self._solve(jacobian, step.reshape(-1, self.size, 1))
        move = torch.where(named, move, (self.rest - arm).clamp(-0.02, 0.02))
        new = _within(arm + move.clamp(-0.06, 0.06), self.low, self.high)
        q = pose.joints[:, self.joints]
        new = _within(new, q - ARM_LEAD, q + ARM_LEAD)
        shown = (error / distance * distance.clamp(max=1.0)).reshape(-1, self.size)
        return new, torch.cat([shown, new], -1)

    def _wanted(self, pose: Pose, target: Tensor, right_target: Tensor) -> Tensor:
        """Return the hands' targets (B, N, 3) in the pelvis' frame."""
        left = pose.seen(target)
        if len(self.places) == 1:
            return left[:, None]
        right, both = pose.seen(right_target), exists(right_target)
        return torch.stack([torch.where(both, left, left + self.aside),
                            torch.where(both, right, left - self.aside)], 1)

    def _solve(self, jacobian: Tensor, step: Tensor) -> Tensor:
        """Return the joints' move (B, L) by damped least squares."""
        weighted = (jacobian * self.mobility).transpose(1, 2)
        gram = jacobian @ weighted + 0.01 * self.units
        return (weighted @ solve(gram, step, self.units))[..., 0]


class Load(nn.Module):
    """What one load prior sees of its load."""

    place: Tensor

    def __init__(self, prior: LoadPrior):
        super().__init__()
        self.register_buffer("place", torch.tensor(prior.place, dtype=torch.float32))

    def forward(self, pose: Pose, target: Tensor) -> Tensor:
        """Return the prior's own features (B, 3); target (B, 3) [m, world], NaN for none."""
        away = torch.where(exists(target), pose.seen(target) - self.place, 0.0)
        return 5 * away.clamp(-LOAD_SEEN, LOAD_SEEN)


def solve(matrix: Tensor, right: Tensor, units: Tensor) -> Tensor:
    """Return x (B, m, 1) with matrix (B, m, m) x = right (B, m, 1); positive definite.

    Gauss-Jordan elimination written out, for ONNX has no solver; positive definite matrices need
    no pivoting.

    Args:
        units: (m, m) the unit matrix.
    """
    rows = torch.cat([matrix, right], -1)
    for k in range(units.shape[0]):
        pivot = rows[:, k:k + 1] / rows[:, k:k + 1, k:k + 1]
        rows = rows - (rows[:, :, k:k + 1] - units[:, k:k + 1]) * pivot
    return rows[:, :, -1:]


def _within(x: Tensor, low: Tensor, high: Tensor) -> Tensor:
    return torch.minimum(torch.maximum(x, low), high)


def selection(owners: Sequence[tuple[int, Array]], rows: int, size: int) -> Array:
    """Return (sum of lengths, rows * size): puts each owner's values into its row of a table.

    Args:
        owners: row of each owner, and the places (L,) in that row that its values go to.
    """
    total = sum(len(places) for _, places in owners)
    table, first = np.zeros((total, rows, size)), 0
    for row, places in owners:
        table[first + np.arange(len(places)), row, places] = 1
        first += len(places)
    return table.reshape(total, rows * size)
