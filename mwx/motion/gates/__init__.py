"""Feasibility gates, cheapest first: kinematic, dynamics, tracking, privileged.

Each gate is a function reference -> Verdict and keeps every number it measured. The privileged gate
is a policy that learned to imitate: it is handed in, since motion knows no policies. A reference
that only the policy rejects may just be too hard for a weak policy; `only_policy` tells.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from mwx.config import to_dict
from mwx.errors import MwxError, unknown
from mwx.motion.gates.dynamics import VERSION as DYNAMICS_VERSION
from mwx.motion.gates.dynamics import DynamicsLimits, dynamics
from mwx.motion.gates.kinematic import VERSION as KINEMATIC_VERSION
from mwx.motion.gates.kinematic import KinematicLimits, kinematic
from mwx.motion.gates.tracking import VERSION as TRACKING_VERSION
from mwx.motion.gates.tracking import TrackingLimits, tracking
from mwx.motion.gates.verdict import KEPT, OPEN, REJECTED, Check, Verdict, decide, not_judged
from mwx.motion.reference import Reference

Judge = Callable[[Reference], Verdict]
GATES = ("kinematic", "dynamics", "tracking", "privileged")  # cheapest first
PRIVILEGED = "privileged"
VERSIONS = {"kinematic": KINEMATIC_VERSION, "dynamics": DYNAMICS_VERSION,
            "tracking": TRACKING_VERSION}

__all__ = ["GATES", "KEPT", "OPEN", "PRIVILEGED", "REJECTED", "Check", "DynamicsLimits",
           "GateConfig", "Judge", "KinematicLimits", "TrackingLimits", "Verdict", "current",
           "decide", "dynamics", "evaluate", "kinematic", "not_judged", "only_policy", "outcome",
           "tracking"]


@dataclass(frozen=True)
class GateConfig:
    """The thresholds of all gates; each class gives the reasons for its numbers."""

    kinematic: KinematicLimits = field(default_factory=KinematicLimits)
    dynamics: DynamicsLimits = field(default_factory=DynamicsLimits)
    tracking: TrackingLimits = field(default_factory=TrackingLimits)


def evaluate(reference: Reference, gates: Iterable[str] = GATES, config: GateConfig | None = None,
             judge: Judge | None = None, known: Mapping[str, Verdict] | None = None,
             threads: int = 1) -> dict[str, Verdict]:
    """Return the verdicts of some gates in their order, and those already known.

    Args:
        reference: what to judge.
        gates: names out of GATES; all cheap ones run whatever the others say.
        config: thresholds.
        judge: the policy's gate; without one, and for what a cheaper gate rejected, the privileged
            verdict is "not judged".
        known: verdicts that need no second look.
        threads: of the simulation.

    Raises:
        MwxError: no such gate.
    """
    config, asked = config or GateConfig(), tuple(gates)
    for name in asked:
        if name not in GATES:
            raise unknown("gate", name, GATES)
    out = dict(known or {})
    for name in (n for n in GATES if n in asked and n not in out):
        if name == "kinematic":
            out[name] = kinematic(reference, config.kinematic)
        elif name == "dynamics":
            out[name] = dynamics(reference, config.dynamics)
        elif name == "tracking":
            out[name] = tracking(reference, config.tracking, threads)
        else:
            out[name] = _privileged(reference, judge, out)
    return {name: out[name] for name in GATES if name in out}


def _privileged(reference: Reference, judge: Judge | None, before: Mapping[str, Verdict]
                ) -> Verdict:
    fallen = [name for name, verdict in before.items() if verdict.passed is False]
    if fallen:
        return not_judged(PRIVILEGED, f"rejected by {', '.join(fallen)} before")
    if judge is None:
        return not_judged(PRIVILEGED, "no imitation policy at hand")
    try:
        return judge(reference)
    except MwxError as error:
        return not_judged(PRIVILEGED, str(error))


def current(verdicts: Mapping[str, Verdict], config: GateConfig | None = None,
            judge: Judge | None = None) -> dict[str, Verdict]:
    """Return the verdicts that still hold: of this version and these limits.

    A policy's word holds until its gate changes; that it has not judged holds as long as there is
    no judge and the cheaper gates say what they said.
    """
    bounds = to_dict(config or GateConfig())
    out = {}
    for name, verdict in verdicts.items():
        known = verdict.passed is None or dict(verdict.limits) == bounds.get(name)
        if name != PRIVILEGED and verdict.version == VERSIONS.get(name) and known:
            out[name] = verdict
    policy = verdicts.get(PRIVILEGED)
    if policy is not None and (policy.passed is not None or
                               (judge is None and len(out) == len(verdicts) - 1)):
        out[PRIVILEGED] = policy
    return out


def outcome(verdicts: Mapping[str, Verdict]) -> str:
    """Return "kept" (no gate rejects), "rejected", or "not judged" (no gate has looked)."""
    words = [verdict.word for verdict in verdicts.values()]
    return REJECTED if REJECTED in words else KEPT if KEPT in words else OPEN


def only_policy(verdicts: Mapping[str, Verdict]) -> bool:
    """Return whether the policy alone rejects: the motion may be sound and the policy weak."""
    against = [name for name, verdict in verdicts.items() if verdict.passed is False]
    return against == [PRIVILEGED]
