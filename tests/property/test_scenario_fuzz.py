"""Whatever a scenario file holds, reading it gives a scenario or one paragraph that says where the fault is."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simgpu.errors import ScenarioError
from simgpu.scenario import Scenario, scenario_from_text

SCENARIOS = Path(__file__).resolve().parents[2] / "scenarios"
TEXTS = [path.read_text() for path in sorted(SCENARIOS.glob("*.yaml"))]
WORDS = sorted({word for text in TEXTS for word in re.findall(r"[\w./*:-]+", text)})
PARAGRAPH = re.compile(r"fuzz\.yaml:\d+:\d+: [^\n]+")

ABSURD = [
    "~", "null", "true", "no", "0", "-1", "1e999", ".nan", "-.inf", "nan", "infinity", "1:30", "010", "0x7f", "1_000",
    "99999999999999999999", "2026-01-02", "''", '"\\0"', '"\\ud800"', '"\\UFFFFFFFF"', "[]", "{}", "[[]]", "{a:",
    "{b:", "[]}}", "[1,[2,[3]]]", "&a", "*a", "!!int", "<<:", "!x", "|", ">", "-0", "1.5", "8.0", "-8", "4097",
    "2147483648", "9223372036854775808", "0B", "-2GiB", "2Gb", "1e3GiB", "NaNGiB", "1.0000000001KiB",
    "99999999999PiB", "/gpu:99999999999999999999", "/job:a/job:b", "gpu", "gpu:", "/device:*:*", "*", "cpu", "0",
    "4097xh100-80g", "99999999999999999999x2GiB", "hgx-h100-8+t4", "9000xhgx-h100-8", "generic", "h100",
    "../../../etc/passwd", "/dev/zero", "light_nothing", "/tmp", ".", "..", "?", ":", "-", ",", "#", "%", "@", "`",
    "{?", "[?", '"\'"', "{", "}", "[", "]", "&&", "**", "!!python/object/apply:os.system", "{a: {b: []}}", "~",
    "a: b",
]  # fmt: skip


def mutated(rng: random.Random) -> str:
    text = rng.choice(TEXTS)
    for _ in range(rng.randint(1, 4)):
        text = rng.choice(MUTATIONS)(text, rng)
    return text


def flip_characters(text: str, rng: random.Random) -> str:
    characters = list(text)
    for _ in range(rng.randint(1, 5)):
        if characters:
            characters[rng.randrange(len(characters))] = chr(rng.choice([rng.randrange(128), rng.randrange(0x10000)]))
    return "".join(characters)


def flip_bytes(text: str, rng: random.Random) -> str:
    data = bytearray(text.encode(errors="surrogatepass"))
    for _ in range(rng.randint(1, 5)):
        if data:
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return data.decode(errors="replace")


def truncate(text: str, rng: random.Random) -> str:
    return text[: rng.randrange(len(text) + 1)]


def delete(text: str, rng: random.Random) -> str:
    start = rng.randrange(len(text) + 1)
    return text[:start] + text[start + rng.randint(1, 20) :]


def replace_value(text: str, rng: random.Random) -> str:
    values = list(re.finditer(r"(?<=[:,\[] )[^\n,{}\[\]]+|\[[^\[\]\n]*\]", text))
    if not values:
        return text
    place = rng.choice(values)
    return text[: place.start()] + rng.choice(ABSURD) + text[place.end() :]


def replace_word(text: str, rng: random.Random) -> str:
    words = list(re.finditer(r"[\w./*:-]+", text))
    if not words:
        return text
    place = rng.choice(words)
    return text[: place.start()] + rng.choice(rng.choice([WORDS, ABSURD])) + text[place.end() :]


def swap_lines(text: str, rng: random.Random) -> str:
    lines = text.splitlines(keepends=True)
    if lines:
        one, other = rng.randrange(len(lines)), rng.randrange(len(lines))
        lines[one], lines[other] = lines[other], lines[one]
    return "".join(lines)


def repeat_line(text: str, rng: random.Random) -> str:
    lines = text.splitlines(keepends=True)
    if lines:
        lines.insert(rng.randrange(len(lines)), rng.choice(lines))
    return "".join(lines)


def indent(text: str, rng: random.Random) -> str:
    lines = text.splitlines(keepends=True)
    if lines:
        place = rng.randrange(len(lines))
        lines[place] = rng.choice([" ", "  ", "\t", "- ", "? "]) + lines[place]
    return "".join(lines)


def splice(text: str, rng: random.Random) -> str:
    other = rng.choice(TEXTS)
    return text[: rng.randrange(len(text) + 1)] + other[rng.randrange(len(other)) :]


def insert_deep(text: str, rng: random.Random) -> str:
    place = rng.randrange(len(text) + 1)
    return text[:place] + rng.choice(["[", "{a: ", "- ", "? ", "!", "'"]) * rng.choice([3, 40, 2000]) + text[place:]


MUTATIONS = [
    flip_characters,
    flip_bytes,
    truncate,
    delete,
    replace_value,
    replace_value,
    replace_word,
    replace_word,
    swap_lines,
    repeat_line,
    indent,
    splice,
    insert_deep,
]


def read(text: str) -> str:
    """Return what came of a text. Any other exception than ScenarioError passes through."""
    try:
        scenario = scenario_from_text(text, "fuzz.yaml", folder=SCENARIOS)
    except ScenarioError as error:
        return str(error)
    assert isinstance(scenario, Scenario)
    return "read"


@pytest.mark.parametrize("seed", range(4))
def test_mutated_scenario_files_are_read_or_refused_with_the_place_of_the_fault(seed):
    rng = random.Random(seed)
    outcomes = [read(mutated(rng)) for _ in range(2600)]

    assert [outcome for outcome in outcomes if outcome != "read" and not PARAGRAPH.fullmatch(outcome)] == []
    assert outcomes.count("read") > 100
    assert len({re.sub(r".*?: ", "", outcome, count=1) for outcome in outcomes}) > 300


@given(st.text(max_size=200) | st.text(st.sampled_from("abc:-[]{}'\"&*!|>%@#?, \n\t01.~"), max_size=200))
def test_any_text_is_refused_with_the_place_of_the_fault(text):
    outcome = read(text)

    assert PARAGRAPH.fullmatch(outcome)


JSON_LIKE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from(WORDS + ABSURD),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=4),
    max_leaves=12,
)


@given(JSON_LIKE, st.sampled_from(["machine", "model", "graph", "placement", "simulation", "execution", "seed"]))
def test_any_value_of_any_section_is_read_or_refused_with_the_place_of_the_fault(value, key):
    sections = {"machine": "cpu", "model": {"onnx": "light_resnet50"}, key: value}
    text = "\n".join(f"{name}: {flow(section)}" for name, section in sections.items())
    outcome = read(text)

    assert outcome == "read" or PARAGRAPH.fullmatch(outcome)


def flow(value: object) -> str:
    """Write a value in YAML's flow form; text in double quotes."""
    match value:
        case dict():
            return "{" + ", ".join(f"{flow(key)}: {flow(item)}" for key, item in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(flow, value)) + "]"
        case str():
            return '"' + "".join(f"\\U{ord(character):08x}" for character in value) + '"'
        case bool():
            return str(value).lower()
    return "null" if value is None else repr(value)
