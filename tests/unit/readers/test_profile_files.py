"""PipeDream's text files: what they say, and the line and column of whatever cannot be meant."""

from __future__ import annotations

import pytest

from simgpu.errors import GraphError, InvalidValue, ModelFileError
from simgpu.readers import Layer, Profile, read_pipedream, read_profile
from simgpu.readers.text_file import read_text
from tests.unit.readers.profiles import MS, TEXT


@pytest.fixture
def path(tmp_path):
    return tmp_path / "net.graph.txt"


def refusal(path, text):
    path.write_text(text)
    with pytest.raises(ModelFileError) as caught:
        read_profile(path)
    assert "\n" not in str(caught.value)
    return str(caught.value).removeprefix(f"{path}:")


def changed(old, new):
    assert old in TEXT
    return TEXT.replace(old, new, 1)


CONV = Layer("node2", "Conv2d(3, 64, kernel_size=(3, 3))", (), 1500 * MS // 1000, 3250 * MS // 1000, (128,), 16)


def test_a_file_is_read_exactly_in_topological_order_without_the_time_of_loading_data(path):
    path.write_text(TEXT)

    assert read_profile(path) == Profile(
        (
            CONV,
            Layer("node3", "LSTM(2, 2)", ("node2",), 2 * MS, 4 * MS, (256, 32), 8),
            Layer("node4", "__getitem__(1)", ("node3",), 0, 0, (32,), 0),
            Layer("node10", "Add", ("node2", "node4"), MS // 1000, 0, (6,), 0),
        )
    )


def test_the_inputs_are_read_on_request(path):
    path.write_text(TEXT)
    profile = read_profile(path, inputs=True)

    assert profile.layers[0] == Layer("node1", "Input", (), 9500 * MS // 1000, 0, (64,), 0)
    assert (len(profile), profile.edges) == (5, 5)
    assert (profile.forward_ps, profile.backward_ps) == (13_001 * MS // 1000, 7250 * MS // 1000)
    assert profile.parameter_bytes == 24
    assert repr(profile) == "<Profile of 5 layers>"


def test_only_a_source_is_an_input(path):
    path.write_text(changed("-- Add --", "-- Input --"))

    assert [layer.name for layer in read_profile(path)] == ["node2", "node3", "node4", "node10"]


def test_a_stage_of_the_optimizer_windows_line_ends_and_empty_lines_change_nothing(path):
    path.write_text(TEXT)
    expected = read_profile(path)
    path.write_bytes(changed("parameter_size=16.000", "parameter_size=16.000 -- stage_id=2").encode())

    assert read_profile(path) == expected
    path.write_bytes(TEXT.replace("\n", "\r\n\r\n").encode())
    assert read_profile(path) == expected


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("node1 -- Input", "node1", "1:1: this is no layer; write it as name -- what it is -- forward_compute_time="),
        ("node10 -- Add", "node 10 -- Add", "3:1: 'node 10' is no name of a layer: letters, digits, "),
        ("node10 -- Add", "node2 -- Add", "3:1: 'node2' is here for the second time; rename one"),
        ("=1.500", "=1.5e0", "2:68: a time: '1.5e0 ms' is not a plain decimal number followed by "),
        ("=1.500", "=-1", "2:68: a time: '-1 ms' is negative; write milliseconds, such as 1.25"),
        ("=1.500", "=0.0000000001", "2:68: a time: '0.0000000001 ms' is not a whole number of ps (nearest: 0); "),
        ("size=6.0", "size=6.5", "3:91: a size: '6.5 B' is not a whole number of B (nearest: 6); write bytes, "),
        ("[256.0; 32.0]", "[256.0; x]", "4:97: a size: 'x B' is not a plain decimal number "),
        ("[256.0; 32.0]", "[256.0; 32.0", "4:73: activation_size=... is expected here, not 'activation_size=[256.0; "),
        ("backward_compute_time=3.250, ", "", "2:121: backward_compute_time=... is expected here, not the end of "),
        ("forward_compute_time=2", "forward_time=2", "4:24: forward_compute_time=... is expected here, not 'forward_t"),
        ("parameter_size=8.0", "parameter_size=8.0, more=1", "4:124: the end of the line is expected here, not 'more"),
        ("\tnode1 -- node2", "\tnode1 node2", "6:2: this is no edge; write it as a tab, then node1 -- node2"),
        ("\tnode2 -- node10", "\tnode1 -- node2", "10:2: the edge node1 -- node2 is here for the second time; remove"),
        ("\tnode1 -- node2", "\tnode -- node2", "6:2: no layer is called 'node'; did you mean 'node4' or 'node"),
        ("\tnode1 -- node2", "\tnode1 -- node77", "6:11: no layer is called 'node77'; did you mean 'node4' "),
        ("\tnode1 -- node2", "\tnode3 -- node2", "4:1: the edges make a cycle: node3 -> node2 -> node3; a profile "),
    ],
)  # fmt: skip
def test_a_refusal_says_line_column_and_what_is_expected(path, old, new, message):
    assert refusal(path, changed(old, new)).startswith(message)


@pytest.mark.parametrize("text", ["", "\n \n"])
def test_a_file_without_layers_is_refused(path, text):
    assert refusal(path, text).startswith("1:1: there is no layer; a profile has lines such as name -- what it is")


def test_a_file_that_is_no_text_is_refused(path):
    path.write_bytes(b"node1 -- Input\nnode2 \xff")
    with pytest.raises(ModelFileError) as caught:
        read_profile(path)

    assert str(caught.value) == f"{path}:2:7: byte 0xff is not UTF-8; is it a text file?"


def test_a_file_that_cannot_be_read_is_refused(tmp_path):
    for path, reason in ((tmp_path / "no.txt", "No such file or directory"), (tmp_path, "Is a directory")):
        with pytest.raises(ModelFileError) as caught:
            read_profile(path)

        assert str(caught.value).startswith(f"'{path}' cannot be read: {reason}; give the path of a profile such as ")


def test_a_file_beyond_the_limit_is_refused(path):
    path.write_text(TEXT)
    with pytest.raises(ModelFileError, match=r"net.graph.txt has more than 100 bytes; a profile has fewer$"):
        read_text(path, what="a profile", largest_bytes=100)


@pytest.mark.parametrize("path", [3, None, b"net.txt"])
def test_what_is_no_path_is_refused(path):
    with pytest.raises(InvalidValue, match=r"^a profile such as resnet50.graph.txt is read from a path, not from "):
        read_pipedream(path)


def test_layers_of_a_profile_come_after_those_that_they_read():
    with pytest.raises(GraphError, match="layer 'a' reads 'b', which is no layer before it; reorder them"):
        Profile((Layer("a", inputs=("b",)), Layer("b")))
    with pytest.raises(GraphError, match="a second layer is named 'a'"):
        Profile((Layer("a"), Layer("a")))
