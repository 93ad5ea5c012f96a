"""Where simgpu answers otherwise than a recorded case of TensorFlow, on purpose: the case's id → why."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Deviation:
    """A kind of program that simgpu answers otherwise: a pattern of its code, one of our answer, and why.

    Both must be found: a program of this kind that fails in another way is no deviation.
    """

    given: str
    answer: str
    reason: str


PROGRAM_DEVIATIONS: Sequence[Deviation] = (
    Deviation(
        r"memory_limit=(0|-)|limits_mb\W+(0|-)",
        "leaves no memory",
        "a limit of 0 or less cannot be meant; TensorFlow accepts it and makes a device without memory",
    ),
    Deviation(
        r"memory_limit=\d*\.\d|limits_mb\W+\d*\.\d",
        "is neither whole MiB nor text",
        "a fraction of a MiB is cut off silently in TensorFlow; text with a unit says what is meant",
    ),
    Deviation(
        r"memory_limit=\W*['\"]",
        "",
        "a limit may be text with a unit here; in TensorFlow text is a TypeError at the first use",
    ),
    Deviation(
        r"memory_limit=|limits_mb",
        "parts? asks? for .* but the card has",
        "limits above the memory of a card fail in TensorFlow at some later allocation; a cap here is a promise",
    ),
    Deviation(
        r"set_visible_devices|visible_device_list",
        "keep their own order",
        "TensorFlow ignores the order of the list; CUDA_VISIBLE_DEVICES renumbers",
    ),
    Deviation(
        r"set_visible_devices",
        "name a device twice",
        "a device given twice cannot be meant; TensorFlow lists it twice and makes one",
    ),
    Deviation(
        r"memory_growth True then memory_limit|set_memory_growth.*memory_limit",
        "allow_growth: expected None, got True",
        "growth holds for the parts of a card, too; TensorFlow drops it silently (its issue 38367)",
    ),
    Deviation(
        r"get_memory_growth\(p\[0\]\)",
        "expected KeyError, got InvalidValue",
        "TensorFlow's KeyError is an internal slip; set_memory_growth refuses a CPU by a ValueError, and so do we",
    ),
    Deviation(
        r"get_memory_info",
        "expected {'current'",
        "the ledger counts in units of 512 B, as CuPy does; TensorFlow's allocator in units of 256 B",
    ),
    Deviation(
        r"disable_eager_execution|ConfigProto|disable_v2_behavior|v1\.Session",
        "no graph mode of TensorFlow 1",
        "TensorFlow 1's graph mode is not there; a graph is built by GraphBuilder and placed by `place`",
    ),
    Deviation(
        r"\.gpu\(",
        "expected RuntimeError, got MachineError",
        "a device that is not there is a MachineError (ValueError) wherever it is named",
    ),
    Deviation(
        r"unused_branch|pruned",
        "partitions: expected",
        "a graph is what is to run: nothing of it is left out because nobody fetches it",
    ),
    Deviation(
        r"TF_DEVICE_MIN_SYS_MEMORY_IN_MB",
        "is a whole number of MiB|more than",
        "TensorFlow ignores a reserve that is no number, or more than there is; it cannot be meant",
    ),
    Deviation(
        r"fraction",
        "expected",
        "a fraction of a card is TensorFlow 1's ConfigProto; give a limit, or a reserve",
    ),
    Deviation(
        r"set_logical_device_configuration\(\w+(\[\d\])?, ?\[\]\)",
        "is cut into no logical devices",
        "a GPU cut into nothing is refused at the first use, as CUDA does; a plug-in's GPU just disappears",
    ),
    Deviation(
        r"priority",
        "streams have no priority",
        "streams have no priority here, so none can be asked for",
    ),
)
"""Deviations in the programs of `tests.oracle.tensorflow_programs` and in its graphs."""

DEVIATIONS: Mapping[str, str] = {}
"""None in placement. Device names list theirs by the kind of input, in `tests.oracle.device_names`."""


def judge(case_id: str, verdict: tuple[str, str], known: Mapping[str, str] = DEVIATIONS) -> tuple[str, str]:
    """Turn the failure of a known deviation into `deviating`. One that passes is no deviation and fails."""
    if case_id not in known:
        return verdict
    if verdict[0] == "passed":
        return "failed", f"passes, but is listed as deviating: {known[case_id]}"
    return "deviating", known[case_id]


def judge_program(case: Mapping[str, Any], verdict: tuple[str, str]) -> tuple[str, str]:
    """Turn the failure of a program into `deviating`, if it is of a kind that deviates in this way."""
    given = json.dumps(case["input"])
    for deviation in PROGRAM_DEVIATIONS if verdict[0] == "failed" else ():
        if re.search(deviation.given, given) and re.search(deviation.answer, verdict[1]):
            return "deviating", deviation.reason
    return verdict
