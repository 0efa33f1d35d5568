"""What a graph says about itself: names, gains, scales, order of what it reads, where it is from.

Flat lists are comma-separated, as the readers of other projects' graphs expect; nested ones JSON.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any

import mwx
from mwx.experts import ExpertLibrary
from mwx.experts.expert import Expert
from mwx.experts.prior import LoadPrior, ReachPrior
from mwx.integrations.onnx.graphs import CompositeGraph, ExpertGraph
from mwx.robot import H1
from mwx.robot.h1 import CONTROL_DT
from mwx.router.composition import GROUPS
from mwx.router.policies import CompositePolicy
from mwx.router.router import Router
from mwx.types import Policy

FORMAT = "mwx-policy-1"
LICENCE = "Apache-2.0"  # of the shipped experts, as of mwx


def metadata(policy: Policy, graph: ExpertGraph | CompositeGraph, opset: int) -> dict[str, str]:
    """Return key -> text of everything that a user of the graph alone must know."""
    experts = _experts(policy)
    span = H1.ctrl_high - H1.ctrl_low
    facts = {
        "format": FORMAT, "mwx_version": mwx.__version__, "opset": str(opset), "robot": H1.name,
        "licence": LICENCE, "skills": _csv(experts), "control_rate_hz": _number(1 / CONTROL_DT),
        "joint_names": _csv(H1.joint_names), "joint_stiffness": _csv(H1.kp),
        "joint_damping": _csv(H1.kv), "joint_effort_limit": _csv(H1.force_limit),
        "default_joint_pos": _csv(H1.home_joints), "ctrl_low": _csv(H1.ctrl_low),
        "ctrl_high": _csv(H1.ctrl_high), "action_scale": _csv(span / 2),
        "action_offset": _csv(H1.ctrl_low + span / 2), "proprio_names": _csv(proprio_names()),
        "feature_names": json.dumps({n: feature_names(e) for n, e in experts.items()}),
        "carry_names": _csv(port.name for port in graph.carries),
        "carry_start": json.dumps(graph.start),
        "references": json.dumps({n: _reference(e) for n, e in experts.items()}),
    }
    return facts | _mixing(policy)


def proprio_names() -> tuple[str, ...]:
    """Return the names of the 51 numbers of `proprio`, in order."""
    base = ("base_x", "base_y", "base_z", "base_qw", "base_qx", "base_qy", "base_qz")
    rates = ("base_vx", "base_vy", "base_vz", "base_wx", "base_wy", "base_wz")
    return (*base, *(f"{n}_pos" for n in H1.joint_names), *rates,
            *(f"{n}_vel" for n in H1.joint_names))


def feature_names(expert: Expert) -> list[str]:
    """Return the names of an expert's features in the order that its network reads them."""
    names = ["base_height", *_axes("gravity"), *_axes("heading_velocity"),
             *_axes("angular_velocity"), *(f"{n}_pos" for n in H1.joint_names),
             *(f"{n}_vel" for n in H1.joint_names), "sin_heading", "cos_heading", "sin_phase",
             "cos_phase", "ramp", "reference_speed"]
    prior = expert.prior
    if isinstance(prior, ReachPrior):
        names += [axis for hand in prior.hands for axis in _axes(f"{hand}_error")]
        names += [f"{H1.joint_names[i]}_command" for i in prior.arm]
    if isinstance(prior, LoadPrior):
        names += _axes("load_away")
    return names


def _experts(policy: Policy) -> dict[str, Expert]:
    if isinstance(policy, Expert):
        return {policy.config.skill: policy}
    library = policy.library if isinstance(policy, CompositePolicy) else None
    return dict(library.experts) if isinstance(library, ExpertLibrary) else {}


def _axes(name: str) -> list[str]:
    return [f"{name}_{axis}" for axis in "xyz"]


def _reference(expert: Expert) -> dict[str, Any]:
    ref = expert.prior.reference
    return {"motion": ref.label, "source": ref.source, "sha256": ref.source_sha256,
            "licence": ref.licence, "generated": ref.generated}


def _mixing(policy: Policy) -> dict[str, str]:
    if not isinstance(policy, CompositePolicy):
        return {"kind": "expert"}
    facts = {"kind": "composite", "mode": policy.mode,
             "smoothing_s": _number(policy.smoothing_s), "margin": _number(policy.margin)}
    router = policy.router
    if isinstance(router, Router):
        said = router.guidance
        facts |= {"joint_groups": _csv(GROUPS if router.groups > 1 else ("all",)),
                  "task": said.task, "task_text": said.task_text, "guidance_from": said.title,
                  "guidance": _csv(said.weights), "task_dim": str(router.layout.task_dim)}
    return facts


def _number(value: Any) -> str:
    return value if isinstance(value, str) else f"{float(value):.9g}"


def _csv(values: Iterable[Any] | Sequence[Any]) -> str:
    return ",".join(_number(value) for value in values)
