"""What an unquoted word of a scenario means: null, a bool, a number or text; and words that could mean two things.

YAML 1.1 and 1.2 read some words differently: `1:30` is 90 or text, `no` is false or text, `010` is 8 or 10. Such a word
is refused, with what to write instead.
"""

from __future__ import annotations

import math
import re

from simgpu.errors import InvalidValue
from simgpu.machine.refusal import show

Scalar = None | bool | int | float | str

_WORDS: dict[str, Scalar] = {"": None, "~": None, "null": None, "true": True, "false": False}
_INT = re.compile(r"-?(?:0|[1-9][0-9]*)")
_FLOAT = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
_MOST_DIGITS = 40

_AMBIGUOUS = tuple(
    (re.compile(pattern, re.IGNORECASE), reason)
    for pattern, reason in (
        (r"yes|no|on|off|true|false", "is a bool to some readers and text to others; write true, false, or quote it"),
        (r"null", "is null to some readers and text to others; write null, or quote it"),
        (r"[-+]?\.?(?:inf|infinity|nan)", "is not finite; give a finite number, or quote it"),
        (r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?", "is a number in base 60 to some readers; quote it"),
        (r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}.*", "is a date to some readers; quote it"),
        (r"[-+]?0[0-9_]+", "is octal to some readers; write it without the leading 0, or quote it"),
        (r"[-+]?0[xob][0-9a-f_]+", "is a number to some readers and text to others; write it in decimal, or quote it"),
        (r"[-+.]*[0-9][0-9_.]*(?:e[-+]?[0-9_]*)?", "is not a plain decimal number; write digits only, or quote it"),
        (r"<<", "would merge mappings, which is not supported; write the keys out"),
        (r"=", "has a meaning of its own in YAML 1.1; quote it"),
    )
)


def read_scalar(text: str) -> Scalar:
    """Return what an unquoted word means. Raises InvalidValue for one that could mean two things."""
    if text in _WORDS:
        return _WORDS[text]
    if len(text) <= _MOST_DIGITS:
        if _INT.fullmatch(text):
            return int(text)
        if _FLOAT.fullmatch(text) and math.isfinite(number := float(text)):
            return number
    elif _FLOAT.fullmatch(text):
        raise InvalidValue(f"{show(text)} is a number of more than {_MOST_DIGITS} characters; shorten it, or quote it")
    for pattern, reason in _AMBIGUOUS:
        if pattern.fullmatch(text):
            raise InvalidValue(f"{show(text)} {reason}")
    return text
