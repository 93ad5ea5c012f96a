"""Files to graphs."""

from simgpu.readers.onnx import is_model_name, light_models, read_onnx

__all__ = ["is_model_name", "light_models", "read_onnx"]
