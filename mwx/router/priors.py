"""P_demo of eq. (11): expert usage in the demonstrations, constant, by progress or by state."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.spatial import KDTree

from mwx.errors import unknown
from mwx.router.demos import Demonstration
from mwx.router.features import feature_groups, features
from mwx.router.guidance import on_simplex
from mwx.types import Array

PriorKind = Literal["constant", "progress", "state"]


@dataclass(frozen=True)
class PriorConfig:
    """How P_demo is read off the demonstrations.

    Attributes:
        kind: "constant" is the printed equation: one vector of usage statistics, and nothing for
            a router to learn; "progress" is a profile over task progress; "state" looks up
            similar states.
        floor: total mass spread evenly over the experts (keeps the KL finite).
        alpha: pseudo-count per expert of a Dirichlet prior, in steps.
        bins, smoothing: of the progress profile; smoothing in bins.
        neighbours: states averaged in "state" mode.
        memory: demonstration states kept in "state" mode, evenly spaced.
    """

    kind: PriorKind = "state"
    floor: float = 0.02
    alpha: float = 0.5
    bins: int = 20
    smoothing: float = 1.0
    neighbours: int = 15
    memory: int = 20_000


class DemoPrior(Protocol):
    """P_demo(w | D), possibly at a state."""

    def __call__(self, features: Array, progress: Array) -> Array:
        """Return the prior (N, G, K) at features (N, F) and progress (N,)."""
        ...


def fit_prior(demos: Sequence[Demonstration], groups: int, config: PriorConfig) -> DemoPrior:
    """Fit P_demo on labelled demonstrations, for G joint groups."""
    if config.kind == "constant":
        return ConstantPrior(demos, groups, config)
    if config.kind == "progress":
        return ProgressPrior(demos, groups, config)
    if config.kind == "state":
        return StatePrior(demos, groups, config)
    raise unknown("kind of P_demo", config.kind, ("constant", "progress", "state"))


def demo_labels(demos: Sequence[Demonstration], groups: int) -> Array:
    """Return all labels (N, G, K); one set of labels serves every group, several are averaged."""
    return np.concatenate([for_groups(demo.labels, groups) for demo in demos])


def for_groups(labels: Array, groups: int) -> Array:
    """Return labels (T, any, K) as (T, G, K): repeated or averaged where their groups differ."""
    one = labels if labels.shape[1] == groups else labels.mean(1, keepdims=True)
    return np.broadcast_to(one, (len(labels), groups, labels.shape[2]))


def demo_features(demos: Sequence[Demonstration]) -> Array:
    """Return the features of all demonstration states, (N, F)."""
    return np.concatenate([features(demo.obs) for demo in demos])


class ConstantPrior:
    """Usage shares over all demonstrations: eq. (11) as printed."""

    def __init__(self, demos: Sequence[Demonstration], groups: int, config: PriorConfig):
        counts = demo_labels(demos, groups).sum(0) + config.alpha  # (G, K)
        self.shares = on_simplex(counts, config.floor)

    def __call__(self, features: Array, progress: Array) -> Array:
        """Return the same shares (N, G, K) everywhere."""
        return np.broadcast_to(self.shares, (len(features), *self.shares.shape))


class ProgressPrior:
    """Usage shares by task progress: binned counts, smoothed, interpolated."""

    def __init__(self, demos: Sequence[Demonstration], groups: int, config: PriorConfig):
        labels = demo_labels(demos, groups)
        progress = np.concatenate([np.maximum.accumulate(d.progress) for d in demos])
        counts = np.zeros((config.bins, *labels.shape[1:]))
        index = np.minimum((progress * config.bins).astype(int), config.bins - 1)
        np.add.at(counts, index, labels)
        counts = gaussian_filter1d(counts, config.smoothing, axis=0, mode="nearest")
        usage = ConstantPrior(demos, groups, config).shares  # what an empty bin falls back on
        self.profile = on_simplex(counts + config.alpha * usage, config.floor)  # (bins, G, K)

    def __call__(self, features: Array, progress: Array) -> Array:
        """Return the profile at each progress, linear between bin centres."""
        bins = len(self.profile)
        x = np.clip(np.asarray(progress) * bins - 0.5, 0, bins - 1)
        low = np.minimum(x.astype(int), bins - 2)
        part = (x - low)[:, None, None]
        return (1 - part) * self.profile[low] + part * self.profile[low + 1]


class StatePrior:
    """Usage shares among the nearest demonstration states; far from all of them, overall usage.

    Features are standardised and each group (body, targets, task, progress) weighs the same, so
    that forty joint velocities do not drown the one number that tells the stage.
    """

    def __init__(self, demos: Sequence[Demonstration], groups: int, config: PriorConfig):
        states = demo_features(demos)
        progress = np.concatenate([np.maximum.accumulate(d.progress) for d in demos])
        task_dim = demos[0].task_state.shape[1]
        self.mean, self.scale = states.mean(0), states.std(0) + 1e-3
        for part in feature_groups(demos[0].proprio.shape[1], task_dim).values():
            self.scale[part] *= np.sqrt(max(1, part.stop - part.start))
        self.progress_scale = float(progress.std() + 1e-3)
        keep = np.linspace(0, len(states) - 1, min(len(states), config.memory)).astype(int)
        self.labels = demo_labels(demos, groups)[keep]
        self.usage = ConstantPrior(demos, groups, config).shares
        self.config = config
        points = self._points(states[keep], progress[keep])
        self.tree = KDTree(points)
        count = min(config.neighbours + 1, len(points))
        near = np.reshape(self.tree.query(points, k=count)[0], (len(points), count))[:, -1]
        self.reach = float(np.quantile(near, 0.95)) + 1e-6  # distance at which states are alike

    def _points(self, states: Array, progress: Array) -> Array:
        x = np.clip((states - self.mean) / self.scale, -5, 5)
        return np.concatenate([x, np.asarray(progress)[:, None] / self.progress_scale], -1)

    def __call__(self, features: Array, progress: Array) -> Array:
        """Return shares (N, G, K); trust in the neighbours falls with their distance."""
        count = min(self.config.neighbours, len(self.labels))
        distance, index = (np.reshape(part, (len(features), count)) for part in
                           self.tree.query(self._points(features, progress), k=count))
        found = self.labels[index].mean(1)  # (N, G, K)
        excess = np.maximum(0, distance.mean(1) / self.reach - 1)
        trust = np.exp(-0.5 * np.square(excess / 3))[:, None, None]
        return on_simplex(trust * found + (1 - trust) * self.usage, self.config.floor)
