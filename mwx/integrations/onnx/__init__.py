"""Experts and composites as one ONNX graph each: what they need is inside."""

from mwx.integrations.onnx.export import OPSET, export_policy
from mwx.integrations.onnx.session import OnnxPolicy

__all__ = ["OPSET", "OnnxPolicy", "export_policy"]
