from __future__ import annotations

import functools

import pytest

from tests.unit.readers.onnx_files import save


@pytest.fixture
def write(tmp_path):
    """Write a model as `model.onnx`."""
    return functools.partial(save, tmp_path / "model.onnx")
