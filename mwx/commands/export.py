"""export: an expert or a router with its experts as one ONNX graph."""

from pathlib import Path

from mwx.commands.words import PolicyFolder


def export(policy: PolicyFolder, out: Path | None = None, experts: Path | None = None,
           check: bool = True, dynamo: bool = False) -> None:
    """Write a policy as one ONNX graph that needs nothing else, and compare it with this one.

    Args:
        policy: folder of an expert (pretrained/walk) or of a router (runs/router-door-0), or the
            name of a shipped expert.
        out: the file; runs/<policy>.onnx unless told.
        experts: folder of a router's experts; the shipped ones unless told.
        check: run the graph with onnxruntime beside the policy and print the largest difference.
        dynamo: trace with torch.export instead of TorchScript; slower, the same graph.
    """
    from mwx.files import target_file
    from mwx.progress import Progress, tell
    from mwx.runs import RUNS
    place = target_file(out or RUNS / f"{policy.resolve().name}.onnx", ".onnx")
    tell(f"{policy.name} as a graph: some ten seconds")
    from mwx.evaluation import load_policy
    from mwx.integrations.onnx import export_policy
    from mwx.integrations.onnx.session import OnnxPolicy, disagreement
    acting = load_policy(policy, experts)
    with Progress("tracing", None):
        path = export_policy(acting, place, dynamo)
    print(f"graph: {path} ({path.stat().st_size / 1e6:.1f} MB)")
    if check:
        facts = OnnxPolicy(path).facts
        with Progress("comparing", None):
            apart = disagreement(acting, path, int(facts.get("task_dim", 0)))
        print(f"largest difference of actions from Python over 50 steps of 4 rows: {apart:.1e}")
