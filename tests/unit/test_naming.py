"""Device names: what is read, how it is written, merged, matched and shortened, and the words of the errors."""

from __future__ import annotations

import dataclasses
import time
from types import SimpleNamespace

import pytest

from simgpu.errors import DeviceNameError, DeviceScopeError, SimgpuError
from simgpu.naming import LOCALHOST, DeviceSpec, as_device_spec, merge_scopes, short_name

FORMS = "accepted: /job:NAME/replica:N/task:N/device:TYPE:N, any part left out, any order; gpu:N and cpu:N for short"
GPU0 = DeviceSpec(device_type="GPU", device_index=0)


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("", DeviceSpec()),
        ("/", DeviceSpec()),
        ("///", DeviceSpec()),
        ("/:0", DeviceSpec()),
        ("gpu:0", GPU0),
        ("GPU:0", GPU0),
        ("/gPu:0", GPU0),
        ("/gpu:0/", GPU0),
        ("/device:gpu:0", GPU0),
        ("/device:GPU:00", GPU0),
        ("/gpu: 0 ", GPU0),
        ("/gpu:1_0", DeviceSpec(device_type="GPU", device_index=10)),
        ("/gpu:+1", DeviceSpec(device_type="GPU", device_index=1)),
        ("/gpu:-1", DeviceSpec(device_type="GPU", device_index=-1)),
        ("cpu", DeviceSpec(device_type="CPU")),
        ("/cpu:*", DeviceSpec(device_type="CPU")),
        ("/device:GPU:*", DeviceSpec(device_type="GPU")),
        ("/tpu:2", DeviceSpec(device_type="TPU", device_index=2)),
        ("/Custom:2", DeviceSpec(device_type="CUSTOM", device_index=2)),
        ("/epu", DeviceSpec(device_type="EPU")),
        ("/device:XPU:0", DeviceSpec(device_type="XPU", device_index=0)),
        ("/device:Gpu:0", DeviceSpec(device_type="Gpu", device_index=0)),
        ("/device:*:1", DeviceSpec(device_type="*", device_index=1)),
        ("/device::1", DeviceSpec(device_type="", device_index=1)),
        ("/job:w/replica:1/task:2/device:GPU:3", DeviceSpec("w", 1, 2, "GPU", 3)),
        ("/device:GPU:3/task:2/job:w/replica:1", DeviceSpec("w", 1, 2, "GPU", 3)),
        ("/job:*", DeviceSpec(job="*")),
        ("/job:", DeviceSpec(job="")),
        ("/job:1w", DeviceSpec(job="1w")),
        ("/job:a/job:b", DeviceSpec(job="b")),
        ("/task:1/task:2", DeviceSpec(task=2)),
        ("/task:x/task:2", DeviceSpec(task=2)),
    ],
)
def test_a_name_is_read_as_tensorflow_does(text, spec):
    assert DeviceSpec.parse(text) == spec


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("/gpu0", f"device name '/gpu0': the part 'gpu0' is not known (did you mean 'gpu:0'?); {FORMS}"),
        ("/job:w/foo", f"device name '/job:w/foo': the part 'foo' is not known; {FORMS}"),
        ("/job:w/task:x", "device name '/job:w/task:x': task must be an int, not 'x'"),
        ("/task:*", "device name '/task:*': task must be an int, not '*'; leave task out to mean any"),
        ("/gpu:", "device name '/gpu:': device_index must be an int, not ''"),
        (
            "/gpu:0/cpu:1",
            "device name '/gpu:0/cpu:1': a name has one device, this one has two, 'GPU and CPU'; keep one",
        ),
        (7, f"a device name is text: got int 7; {FORMS}"),
    ],
)
def test_a_refusal_says_what_was_given_which_part_is_wrong_and_what_is_accepted(text, message):
    with pytest.raises(DeviceNameError) as refused:
        DeviceSpec.parse(text)

    assert str(refused.value) == message


@pytest.mark.parametrize(
    ("text", "guess"),
    [
        ("GPU_1", "GPU:1"),
        ("gpu=1", "gpu:1"),
        ("gpus:1", "gpu:1"),
        ("cuda:1", "gpu:1"),
        ("cuda1", "gpu:1"),
        ("/device:CPU", "device:CPU:*"),
        ("/physical_device:GPU:0", "device:GPU:0"),
        ("/Device:GPU:0", "device:GPU:0"),
        ("/JOB:w", "job:w"),
        ("/Replica:0", "replica:0"),
        ("/tasks:1", "task:1"),
        ("/task1", "task:1"),
        ("/XPU:0", "device:XPU:0"),
        ("/foo:*", "device:foo:*"),
    ],
)
def test_a_refusal_guesses_what_was_meant(text, guess):
    with pytest.raises(DeviceNameError) as refused:
        DeviceSpec.parse(text)

    assert f"(did you mean {guess!r}?)" in str(refused.value)


@pytest.mark.parametrize("text", ["/job", "/device", "/device:*", "/device:GPU:0:1", "/cpu:0:1", "/job:a:b", "/foo:x"])
def test_a_refusal_makes_no_guess_where_nothing_is_near(text):
    with pytest.raises(DeviceNameError, match="is not known;"):
        DeviceSpec.parse(text)


@pytest.mark.parametrize("text", ["x" * 100_000, "gpu:" + "9" * 100_000, "/cpu:0/gpu:" + "1" * 100_000], ids=len)
def test_a_very_long_name_is_refused_at_once_and_shown_in_short(text):
    started = time.process_time()

    with pytest.raises(DeviceNameError) as refused:
        DeviceSpec.parse(text)

    assert len(str(refused.value)) < 400
    assert time.process_time() - started < 0.5


@pytest.mark.parametrize(
    "text", ["/gpu:0/gpu:0", "/gpu/cpu", "/gpu:0/cpu", "/device:GPU:*/device:GPU:0", "cpu/device:X:0"]
)
def test_a_name_has_one_device_even_where_two_would_agree(text):
    with pytest.raises(DeviceNameError, match="a name has one device, this one has two"):
        DeviceSpec.parse(text)


def test_a_refused_name_is_both_a_value_error_and_one_of_ours():
    with pytest.raises(ValueError, match="not known") as refused:
        DeviceSpec.parse("nowhere")

    assert isinstance(refused.value, SimgpuError)


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        (DeviceSpec(), ""),
        (DeviceSpec(device_type="gpu", device_index=0), "/device:GPU:0"),
        (DeviceSpec(device_type="Gpu"), "/device:Gpu:*"),
        (DeviceSpec(device_type="foo"), "/device:foo:*"),
        (DeviceSpec(device_index=2), ""),
        (DeviceSpec(job=0), "/job:0"),
        (DeviceSpec(job=""), "/job:"),
        (DeviceSpec(replica="1", task=2.0), "/replica:1/task:2"),
        (DeviceSpec("w", 1, 2, "GPU", 3), "/job:w/replica:1/task:2/device:GPU:3"),
    ],
)
def test_values_are_converted_and_written_in_canonical_order(spec, name):
    assert str(spec) == name


@pytest.mark.parametrize("value", ["x", [1], float("inf"), float("nan"), "1.0"])
def test_a_number_that_is_none_is_refused(value):
    with pytest.raises(DeviceNameError, match=r"^DeviceSpec: replica must be an int, not "):
        DeviceSpec(replica=value)


def test_a_spec_cannot_be_changed_and_serves_as_a_key():
    with pytest.raises(dataclasses.FrozenInstanceError):
        GPU0.device_index = 1  # type: ignore[misc]

    assert {GPU0: "first"}[DeviceSpec.parse("/gpu:0")] == "first"


@pytest.mark.parametrize(
    ("outer", "inner", "name"),
    [
        ("/job:a", "/gpu:0", "/job:a/device:GPU:0"),
        ("/gpu:3", "/cpu", "/device:CPU:3"),
        ("/gpu:1", "/gpu:*", "/device:GPU:1"),
        ("/job:a/task:1/gpu:0", "/job:b", "/job:b/task:1/device:GPU:0"),
        ("/gpu:1", "", "/device:GPU:1"),
    ],
)
def test_in_a_merge_the_inner_fields_win_and_any_index_resets_nothing(outer, inner, name):
    assert str(DeviceSpec.parse(outer).merged(DeviceSpec.parse(inner))) == name


def test_an_index_without_a_type_waits_for_one():
    merged = DeviceSpec(device_index=2).merged(DeviceSpec(device_type="GPU"))

    assert str(merged) == "/device:GPU:2"


@pytest.mark.parametrize(
    ("text", "is_complete"),
    [
        ("/job:localhost/replica:0/task:0/device:GPU:0", True),
        ("/job:localhost/replica:0/task:0/device:GPU:*", False),
        ("/job:localhost/replica:0/task:0/device:*:0", False),
        ("/job:*/replica:0/task:0/device:GPU:0", False),
        ("/replica:0/task:0/device:GPU:0", False),
        ("/gpu:0", False),
        ("", False),
    ],
)
def test_a_complete_name_leaves_nothing_open(text, is_complete):
    assert DeviceSpec.parse(text).is_complete is is_complete


@pytest.mark.parametrize(
    ("request_text", "differences"),
    [
        ("", ()),
        ("/gpu", ()),
        ("/job:*/device:*:1", ()),
        ("/job:w/replica:0/task:2/gpu:1", ()),
        ("/gpu:0", ("device_index",)),
        ("/cpu:1", ("device_type",)),
        ("/device:Gpu:1", ("device_type",)),
        ("/task:0/gpu", ("task",)),
        ("/job:v/replica:1/task:0/cpu:0", ("job", "replica", "task", "device_type", "device_index")),
    ],
)
def test_a_request_tells_in_which_fields_a_device_does_not_answer_it(request_text, differences):
    request, device = DeviceSpec.parse(request_text), DeviceSpec("w", 0, 2, "GPU", 1)

    assert request.differences(device) == differences
    assert request.matches(device) is (differences == ())


@pytest.mark.parametrize(
    ("scopes", "name"),
    [
        ([], ""),
        ([None], ""),
        (["/gpu:1", ""], "/device:GPU:1"),
        (["/gpu:1", "/"], "/device:GPU:1"),
        (["/gpu:1", None], ""),
        (["/job:w/gpu:1", None, "/cpu"], "/device:CPU:*"),
        (["/job:w", GPU0, "/task:4"], "/job:w/task:4/device:GPU:0"),
        ([SimpleNamespace(spec=GPU0), "/job:w"], "/job:w/device:GPU:0"),
    ],
)
def test_graph_scopes_merge_inwards_and_none_clears_them(scopes, name):
    assert str(merge_scopes(scopes)) == name


@pytest.mark.parametrize(
    ("scopes", "name"),
    [
        ([], ""),
        (["/gpu"], "/job:localhost/replica:0/task:0/device:GPU:0"),
        ([""], "/job:localhost/replica:0/task:0/device:CPU:0"),
        (["/gpu:1", None], ""),
        (["/gpu:1", None, ""], "/job:localhost/replica:0/task:0/device:CPU:0"),
        (["/job:w/gpu:1", "/task:4"], "/job:w/replica:0/task:4/device:GPU:1"),
    ],
)
def test_with_a_base_the_outermost_scope_completes_it(scopes, name):
    base = LOCALHOST.merged(DeviceSpec.parse("/cpu:0"))

    assert str(merge_scopes(scopes, base=base)) == name


def test_a_function_is_no_device_and_the_error_is_tensorflows_runtime_error_too():
    with pytest.raises(DeviceScopeError) as refused:
        merge_scopes(["/job:w", len])

    assert str(refused.value) == (
        f"a function cannot choose the device: got builtin_function_or_method <built-in function len>; {FORMS}"
    )
    assert isinstance(refused.value, RuntimeError)
    assert isinstance(refused.value, DeviceNameError)


@pytest.mark.parametrize(
    ("scope", "shown"),
    [
        (5, "int 5"),
        (["/gpu:0"], "list ['/gpu:0']"),
        (b"/gpu:0", "bytes b'/gpu:0'"),
        (SimpleNamespace(name="/gpu:0"), "SimpleNamespace namespace(name='/gpu:0')"),
    ],
)
def test_what_names_no_device_is_refused(scope, shown):
    with pytest.raises(DeviceNameError) as refused:
        as_device_spec(scope)

    assert str(refused.value) == f"a device is a name, a DeviceSpec or None: got {shown}; {FORMS}"


def test_one_name_where_a_sequence_of_scopes_is_due_is_refused():
    with pytest.raises(DeviceNameError) as refused:
        merge_scopes("/gpu:0")

    assert str(refused.value) == "device scopes are a sequence of names: got str '/gpu:0'; put it in a list"


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("/job:localhost/replica:0/task:0/device:GPU:0", "GPU:0"),
        ("/job:localhost/replica:0/task:0/device:CPU:*", "CPU:*"),
        ("/device:GPU:1", "GPU:1"),
        ("/job:localhost/replica:0/task:0/device:XPU:0", "device:XPU:0"),
        ("/job:worker/replica:0/task:1/device:GPU:0", "/job:worker/task:1/GPU:0"),
        ("/job:worker/replica:0/task:0/device:GPU:0", "/job:worker/task:0/GPU:0"),
        ("/job:worker/replica:2/task:1/device:XPU:0", "/job:worker/replica:2/task:1/device:XPU:0"),
        ("/job:localhost/replica:0/task:1/device:GPU:0", "/job:localhost/task:1/GPU:0"),
        ("/job:*/device:GPU:0", "/job:*/GPU:0"),
        ("/job:localhost/replica:0/task:0", "/job:localhost/replica:0/task:0"),
        ("", ""),
    ],
)
def test_a_short_name_leaves_out_what_goes_without_saying(name, short):
    assert short_name(name) == short
