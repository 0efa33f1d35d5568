"""Writing a policy as one ONNX graph: torch.onnx, then names, metadata and the guidance port."""

import contextlib
import io
import logging
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from mwx.errors import MwxError
from mwx.experts.expert import Expert
from mwx.files import write_bytes
from mwx.integrations.onnx.graphs import CompositeGraph, ExpertGraph, Port
from mwx.integrations.onnx.metadata import metadata
from mwx.router.policies import CompositePolicy
from mwx.types import Policy

if TYPE_CHECKING:
    import onnx

OPSET = 18
GUIDANCE = "guidance"  # V(T): a constant that may also be fed, to say something else of the task


def graph_of(policy: Policy) -> ExpertGraph | CompositeGraph:
    """Return the torch module of a policy that becomes its graph.

    Raises:
        MwxError: not an expert and not a composite of experts, or a part without a graph.
    """
    if isinstance(policy, Expert):
        return ExpertGraph(policy).eval()
    if isinstance(policy, CompositePolicy):
        return CompositeGraph(policy).eval()
    raise MwxError(f"a {type(policy).__name__} has no graph; experts and composites (a router "
                   "with its experts) have one")


def export_policy(policy: Policy, path: str | Path, dynamo: bool = False) -> Path:
    """Write a policy as an ONNX file that needs nothing else; see docs/export.md for its ports.

    Args:
        policy: an Expert acting by its policy prior, or a CompositePolicy of such experts.
        path: the file, .onnx.
        dynamo: trace with torch.export instead of TorchScript: the same graph, many times slower.

    Raises:
        MwxError: the extra 'export' is missing, the policy has no graph, or it cannot be written.
    """
    path = Path(path)
    if path.suffix != ".onnx":
        raise MwxError(f"{path}: a graph is written to a file named *.onnx")
    graph = graph_of(policy)
    model = _traced(graph, dynamo)
    _finish(model, graph, metadata(policy, graph, OPSET))
    return write_bytes(path, model.SerializeToString())


def _traced(graph: ExpertGraph | CompositeGraph, dynamo: bool) -> "onnx.ModelProto":
    try:
        import onnx
        import onnxscript  # noqa: F401
    except ImportError:
        raise MwxError('writing ONNX needs the extra: pip install "mwx[export]"') from None
    into = (*graph.sees, *graph.carries)
    given = tuple(_sample(port, graph.start.get(port.name)) for port in into)
    names = [port.name for port in into]
    outputs = [port.name for port in (*graph.gives, *_after(graph))]
    with _quiet():
        if dynamo:
            axes: Any = tuple({0: torch.export.Dim("batch")} for _ in into)
            program = torch.onnx.export(
                graph, given, dynamo=True, opset_version=OPSET, input_names=names,
                output_names=outputs, external_data=False, dynamic_shapes=(axes,))
            assert program is not None
            return program.model_proto
        data = io.BytesIO()
        rows = {name: {0: "batch"} for name in (*names, *outputs)}
        torch.onnx.export(graph, given, data, dynamo=False, opset_version=OPSET,  # pyright: ignore[reportArgumentType]
                          input_names=names, output_names=outputs, dynamic_axes=rows)
    return onnx.load_from_string(data.getvalue())


def _after(graph: ExpertGraph | CompositeGraph) -> list[Port]:
    return [port._replace(name=f"next_{port.name}") for port in graph.carries]


def _sample(port: Port, start: Any) -> torch.Tensor:
    """Return an example of two rows for a port."""
    rows = np.zeros((2, *port.shape)) if start is None else np.tile(
        np.asarray(start, float), (2, *[1] * len(port.shape)))
    if port.name == "proprio":
        rows[:, 2:4] = 1  # upright, at the height of the pelvis
    return torch.tensor(rows, dtype=port.dtype)


def _finish(model: "onnx.ModelProto", graph: ExpertGraph | CompositeGraph,
            facts: dict[str, str]) -> None:
    """Give the graph its ports, also those that a policy ignores, and its metadata."""
    import onnx
    model.producer_name, model.producer_version = "mwx", facts["mwx_version"]
    for ports, listed in (((*graph.sees, *graph.carries), model.graph.input),
                          ((*graph.gives, *_after(graph)), model.graph.output)):
        del listed[:]
        listed.extend(_described(port) for port in ports)
    for value in model.graph.initializer:
        if value.name.split(".")[-1] == GUIDANCE:
            _rename(model, value.name, GUIDANCE)
            model.graph.input.append(onnx.helper.make_tensor_value_info(
                GUIDANCE, onnx.TensorProto.FLOAT, list(value.dims)))
    for node in model.graph.node:  # the exporter's notes name source files of this machine
        del node.metadata_props[:]
        node.doc_string = ""
    del model.graph.value_info[:], model.graph.metadata_props[:], model.metadata_props[:]
    onnx.helper.set_model_props(model, facts)
    onnx.checker.check_model(model, full_check=True)


def _described(port: Port) -> "onnx.ValueInfoProto":
    import onnx
    kind = onnx.TensorProto.DOUBLE if port.dtype == torch.float64 else onnx.TensorProto.FLOAT
    return onnx.helper.make_tensor_value_info(port.name, kind, ["batch", *port.shape])


def _rename(model: "onnx.ModelProto", old: str, new: str) -> None:
    for value in model.graph.initializer:
        value.name = new if value.name == old else value.name
    for node in model.graph.node:
        for i, name in enumerate(node.input):
            node.input[i] = new if name == old else name


@contextlib.contextmanager
def _quiet() -> Any:
    """Keep the exporter's remarks about itself off the screen."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
