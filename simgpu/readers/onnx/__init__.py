"""ONNX files to graphs."""

from simgpu.readers.onnx.inputs import LARGEST_BATCH
from simgpu.readers.onnx.read import read_onnx
from simgpu.readers.onnx.source import is_model_name, light_models

__all__ = ["LARGEST_BATCH", "is_model_name", "light_models", "read_onnx"]
