import json
import re
from dataclasses import replace

import pytest

from simgpu.calibration import default_plan, read_calibration, write_calibration
from simgpu.calibration.case import case
from simgpu.calibration.file import calibration_text
from simgpu.costs import ContentionSample, CopySample
from simgpu.errors import CalibrationError, InvalidValue
from simgpu.graph import TensorSpec
from tests.unit.calibration.laws import calibration

CONV = case("Conv", (1, 4, 9, 9), (8, 4, 3, 3), (8,), pads=(1, 1, 1, 1))
SOME = calibration(
    [CONV, case("LeakyRelu", (5,), alpha=0.25), case("ReduceSum", (4, 5))],
    copies=(CopySample("d2d", 8, 1, 2, 3, 4),),
    contention=(ContentionSample("Relu", (TensorSpec((), "float32"),), 2, 10, 20, 3, 5),),
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "calibration.json"


def test_a_calibration_comes_back_as_it_was_written(path):
    failed = replace(SOME.operations[0], outputs=(), failed="MemoryError: no", device_ps=0, host_ps=0, repetitions=0)
    whole = replace(SOME, operations=(*SOME.operations, failed))
    write_calibration(whole, path)

    assert read_calibration(path) == whole


def test_a_sample_of_every_type_of_the_plan_comes_back_with_its_attributes_and_results(path):
    smallest = {found.type: found for found in sorted(default_plan().operations, key=lambda found: -found.work.bytes)}
    whole = calibration(smallest.values())
    write_calibration(whole, path)

    assert len(smallest) > 240
    assert read_calibration(path) == whole


def test_copies_with_pinned_memory_come_back_as_their_own_ways(path):
    pinned = tuple(CopySample(way, 8, 1, 2, 3, 4) for way in ("h2d-pinned", "d2h-pinned"))
    write_calibration(replace(SOME, copies=pinned), path)

    assert read_calibration(path).copies == pinned


def test_each_sample_stands_on_its_own_line():
    lines = [line for line in calibration_text(SOME).splitlines() if '"repetitions"' in line]

    assert [json.loads(line.rstrip(","))["repetitions"] for line in lines] == [5, 4, 3, 3, 3]


@pytest.mark.parametrize(
    ("pattern", "replacement", "message"),
    [
        (
            r'"format": "simgpu calibration"',
            '"format": "graph"',
            "'format' is 'graph', not 'simgpu calibration'",
        ),
        (r'"format": [^,]*,\n', "", "this is no calibration: the key 'format' is missing; write one with"),
        (r'"version": 2', '"version": 9', "'version' is 9; this release reads version 2: write one with"),
        (
            r'"version": 2',
            '"version": 1',
            "'version' is 1; this release reads version 2: in version 1, siblings had no spread, and no copies came "
            "from pinned memory, so its link was slower than it is; write one with `simgpu calibrate -o FILE`",
        ),
        (r'"together_ps": 20, ', "", "the key 'together_ps' is missing; here are 'type', 'inputs'"),
        (r'"spread_ps": 3, ', "", "the key 'spread_ps' is missing; here are 'type', 'inputs'"),
        (r'"spread_ps": 3, "repetitions": 5', '"spread_ps": 3, "repetitions": 0', "'repetitions' must be 1 or more"),
        (r'"way": "d2d"', '"way": "up"', "'way' is 'up'; it must be one of h2d, "),
        (r'"size_bytes": 8', '"size_bytes": 0', "'size_bytes' must be 1 or more, not 0"),
        (r'"time_ps": 2', '"time_ps": 2.5', "'time_ps' must be a whole number, not 2.5"),
        (r'"time_ps": 2, ', "", "the key 'time_ps' is missing; here are 'way', 'size_bytes'"),
        (r'"type": "Conv"', '"type": "Konv"', "no operation is called 'Konv'; near it: Conv"),
        (r'"type": "Relu"', '"type": "Rellu"', "no operation is called 'Rellu'; near it: Relu"),
        (r'"float32\[1,4,9,9\]"', '"float32"', "'float32' is no tensor; write dtype and shape, such as 'float32[8,3]'"),
        (r'"float32\[1,4,9,9\]"', '"real[1,4,9,9]"', "a tensor has dtype 'real'; known dtypes are bool"),
        (r'"float32\[1,4,9,9\]"', '"float32[1,5,9,9]"', "the images have 5 channels"),
        (r'"float32\[1,8,9,9\]"', '"float32[1,8,9,8]"', "Conv of these inputs makes float32[1,8,9,9]"),
        (r'"cores": 8', '"cores": 0', "'cores' must be 1 or more, not 0"),
        (r'"versions": \{"numpy": "2"\}', '"versions": {"numpy": 2}', "'versions' must be texts"),
        (r'"kind": "GPU"', '"kind": "TPU"', "'kind' is 'TPU'; it must be one of CPU, GPU"),
        (r'"memory_bandwidth_bytes_per_s": \d+', '"memory_bandwidth_bytes_per_s": 0', "must be 1 or more, not 0"),
        (r'"float32": \d+', '"float64": 9', "the peak of 'float32' is missing; others rest on it"),
        (r'"operations": \[', '"operations": 3, "more": [', "'operations' must be a list, not 3"),
    ],
)
def test_a_wrong_file_is_refused_with_the_place_of_its_fault(path, pattern, replacement, message):
    text, count = re.subn(pattern, replacement, calibration_text(SOME), count=1)
    path.write_text(text)

    with pytest.raises(CalibrationError, match=rf"^{re.escape(str(path))}:\d+:\d+: .*{re.escape(message)}"):
        read_calibration(path)
    assert count == 1


def test_the_line_of_a_fault_is_that_of_its_sample(path):
    text = calibration_text(SOME).replace('"alpha": 0.25', '"beta": 0.25')
    path.write_text(text)
    line = next(number for number, line in enumerate(text.splitlines(), start=1) if "beta" in line)

    with pytest.raises(CalibrationError, match=rf":{line}:\d+: .*knows no attribute 'beta'"):
        read_calibration(path)


def test_a_file_that_is_not_there_is_refused(path):
    with pytest.raises(CalibrationError, match="cannot be read: No such file or directory; give the path of a calib"):
        read_calibration(path)


def test_a_file_that_cannot_be_written_is_refused(path):
    with pytest.raises(CalibrationError, match="cannot be written: No such file or directory; name another file"):
        write_calibration(SOME, path / "deeper")


def test_something_else_than_a_calibration_is_not_written(path):
    with pytest.raises(InvalidValue, match="calibration=3 is not a Calibration"):
        write_calibration(3, path)
