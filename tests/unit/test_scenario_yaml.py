from __future__ import annotations

import pytest

from simgpu.errors import ScenarioError
from simgpu.scenario.yaml_file import LARGEST_FILE_BYTES, MOST_VALUES, Mark, decode, read_yaml


def refusal(text: str) -> str:
    with pytest.raises(ScenarioError) as caught:
        read_yaml(text, "f.yaml")
    return str(caught.value)


def test_a_file_is_plain_values():
    text = (
        "a: {b: [1, -2, 1.5, 1e3], c: true}\nd: null\n'e f': \"yes\"\ng: 2GiB\nh: /job:w/task:1\ni: gpu:0\nj: |\n  x\n"
    )

    assert read_yaml(text, "f.yaml").value == {
        "a": {"b": [1, -2, 1.5, 1000.0], "c": True},
        "d": None,
        "e f": "yes",
        "g": "2GiB",
        "h": "/job:w/task:1",
        "i": "gpu:0",
        "j": "x\n",
    }


def test_every_key_and_value_has_its_line_and_column():
    document = read_yaml("a:\n  b: [x, yy]\nc: z\n", "f.yaml")

    assert document.values == {
        (): Mark(1, 1),
        ("a",): Mark(2, 3),
        ("a", "b"): Mark(2, 6),
        ("a", "b", 0): Mark(2, 7),
        ("a", "b", 1): Mark(2, 10),
        ("c",): Mark(3, 4),
    }
    assert document.keys == {("a",): Mark(1, 1), ("a", "b"): Mark(2, 3), ("c",): Mark(3, 1)}


def test_what_is_not_there_stands_where_it_would_be():
    document = read_yaml("a:\n  b: 1\n", "f.yaml")

    assert document.mark(("a", "missing", 3)) == Mark(2, 3)
    assert document.mark(("a", "b"), is_key=True) == Mark(2, 3)


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("no", "is a bool to some readers and text to others; write true, false, or quote it"),
        ("Yes", "is a bool to some readers and text to others; write true, false, or quote it"),
        ("off", "is a bool to some readers and text to others; write true, false, or quote it"),
        ("TRUE", "is a bool to some readers and text to others; write true, false, or quote it"),
        ("NULL", "is null to some readers and text to others; write null, or quote it"),
        ("1:30", "is a number in base 60 to some readers; quote it"),
        ("-190:20:30.15", "is a number in base 60 to some readers; quote it"),
        ("010", "is octal to some readers; write it without the leading 0, or quote it"),
        ("0x1F", "is a number to some readers and text to others; write it in decimal, or quote it"),
        ("0o17", "is a number to some readers and text to others; write it in decimal, or quote it"),
        ("1_000", "is not a plain decimal number; write digits only, or quote it"),
        ("+3", "is not a plain decimal number; write digits only, or quote it"),
        (".5", "is not a plain decimal number; write digits only, or quote it"),
        ("2026-01-02", "is a date to some readers; quote it"),
        (".nan", "is not finite; give a finite number, or quote it"),
        ("-.INF", "is not finite; give a finite number, or quote it"),
        ("nan", "is not finite; give a finite number, or quote it"),
        ("=", "has a meaning of its own in YAML 1.1; quote it"),
    ],
)
def test_a_word_with_two_meanings_is_refused_and_may_be_quoted(word, reason):
    assert refusal(f"a: {word}") == f"f.yaml:1:4: '{word}' {reason}"
    assert read_yaml(f"a: '{word}'", "f.yaml").value == {"a": word}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3", "3:1: the key 'a' is here for the second time, first on line 1"),
        ("x:\n  a: 1\n  a: 1", "3:3: the key 'a' is here for the second time, first on line 2"),
        ("a: &x 1", "1:4: the anchor &x is not supported; write the value out"),
        ("a: *x", "1:4: the alias *x is not supported; write the value out"),
        ("<<: {a: 1}", "1:1: '<<' would merge mappings, which is not supported; write the keys out"),
        ("a: !!int 3", "1:4: the tag 'tag:yaml.org,2002:int' is not supported; remove it"),
        ("a: !x 3", "1:4: the tag '!x' is not supported; remove it"),
        ("%YAML 1.1\n---\na: 1", "1:1: directives (%YAML, %TAG) are not supported; remove them"),
        ("a: 1\n---\nb: 2", "2:1: a second document starts here; a scenario is one document"),
        ("1: x", "1:1: keys are text, not '1'; put quotes around the key"),
        ("true: x", "1:1: keys are text, not 'true'; put quotes around the key"),
        ("[a]: x", "1:1: keys are text, not a mapping or list; put quotes around the key"),
        ("a: b\0", "1:5: the character U+0000 is not allowed in YAML; remove it"),
        ("a: 1\nb: \x1b[31m", "2:4: the character U+001B is not allowed in YAML; remove it"),
        ('a: "\\ud800"', "1:4: half of a surrogate pair is not a character; write the character itself"),
        ('a: "\\UFFFFFFFF"', "1:7: not YAML: a character, escape or number that is not allowed"),
        ("a: " + 50 * "9", "1:4: '" + 50 * "9" + "' is a number of more than 40 characters; shorten it, or quote it"),
        ("a: 1e999", "1:4: '1e999' is not a plain decimal number; write digits only, or quote it"),
        ("a: [1,", "1:7: not YAML: while parsing a flow node: expected the node content, but found '<stream end>'"),
        ("a: b: c", "1:5: not YAML: mapping values are not allowed here"),
    ],
)
def test_a_refusal_says_line_column_and_what_to_do(text, message):
    assert refusal(text) == f"f.yaml:{message}"


@pytest.mark.parametrize(("opening", "column"), [("[", 33), ("{a: ", 129), ("- ", 65)])
def test_ten_thousand_levels_are_refused_at_the_first_that_is_too_deep(opening, column):
    reason = "nested more than 32 levels deep; a scenario needs fewer than ten"

    assert refusal(opening * 10_000) == f"f.yaml:1:{column}: {reason}"


def test_a_file_of_two_mebibytes_is_refused_before_it_is_read():
    with pytest.raises(ScenarioError) as caught:
        decode(b"a" * 2 * 2**20, "f.yaml")

    assert str(caught.value) == f"f.yaml:1:1: a scenario has at most {LARGEST_FILE_BYTES} bytes; this file has more"


def test_a_text_of_two_mebibytes_is_refused_before_it_is_read():
    text = "[" * 2 * 2**20

    assert refusal(text) == f"f.yaml:1:1: a scenario has at most {LARGEST_FILE_BYTES} characters; this one has more"


def test_more_values_than_a_scenario_can_need_are_refused():
    text = "[" + "1," * MOST_VALUES + "]"

    assert (
        refusal(text) == f"f.yaml:1:{2 * MOST_VALUES}: a scenario has at most {MOST_VALUES} values; this one has more"
    )


def test_bytes_that_are_not_utf_8_are_refused_with_their_place():
    with pytest.raises(ScenarioError) as caught:
        decode(b"a: 1\nb: \xff", "f.yaml")

    assert str(caught.value) == "f.yaml:2:4: byte 0xff is not UTF-8; save the file as UTF-8"


def test_a_byte_order_mark_is_passed_over():
    assert decode(b"\xef\xbb\xbfa: 1", "f.yaml") == "a: 1"
