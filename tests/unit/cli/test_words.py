"""Messages of the library, in the words of the command line."""

from __future__ import annotations

import pytest

from simgpu.cli.words import reworded, words_of_the_command_line
from simgpu.errors import InvalidValue, MemoryShortage, OutOfDeviceMemory
from simgpu.machine import MachineKeyError


@pytest.mark.parametrize(
    ("message", "for_a_model", "for_a_scenario"),
    [
        ("allow another device: soft=True", "allow another device: --soft", "allow another device: --soft"),
        ("read it with batch=8", "read it with --batch 8", "read it with `batch: 8` in the scenario's `model`"),
        ("open; give batch=... to it", "open; give --batch N to it", "open; give `batch` in the scenario's `model` to "
         "it"),
        ("give shapes={'x': (...)} instead", "give `shapes` in a scenario file instead",
         "give `shapes` in the scenario's `model` instead"),
        ("batch is 0; it must be 1", "--batch is 0; it must be 1", "batch is 0; it must be 1"),
        ("stages is 9; it must be", "--stages is 9; it must be", "`stages` in the scenario's `model` is 9; it must be"),
        ("storage='x' is no storage", "--storage 'x' is no storage", "--storage 'x' is no storage"),
        ("my-batch=8.onnx: soft=Trues", "my-batch=8.onnx: soft=Trues", "my-batch=8.onnx: soft=Trues"),
    ],
)  # fmt: skip
def test_arguments_become_options_or_keys_of_the_scenario(message, for_a_model, for_a_scenario):
    assert reworded(message, of_a_scenario=False) == for_a_model
    assert reworded(message, of_a_scenario=True) == for_a_scenario


@pytest.mark.parametrize(
    "error",
    [
        InvalidValue("soft=True"),
        MachineKeyError("soft=True"),
        OutOfDeviceMemory("soft=True", MemoryShortage("GPU:0", "x", 1, 1, 1, 1, 0)),
    ],
)
def test_the_error_stays_what_it_is(error):
    with pytest.raises(type(error)) as caught, words_of_the_command_line(of_a_scenario=True):
        raise error

    assert caught.value is error
    assert str(caught.value) == "--soft"
