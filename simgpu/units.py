"""Amounts with units: text in, whole numbers out, and back.

Sizes are bytes, rates bytes per second, durations picoseconds, speeds FLOP per second: always `int`, always exact. GB
is 10**9, GiB is 2**30. Text that is not a whole number of the base unit is refused, never rounded; so is a float.
`format_…` is the exact inverse of `parse_…`; `short_…` rounds, for tables.
"""

from __future__ import annotations

import difflib
import operator
import re
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import NoReturn, SupportsIndex

from simgpu.errors import InvalidValue

KiB, MiB, GiB, TiB = 2**10, 2**20, 2**30, 2**40
PS_PER_NS, PS_PER_US, PS_PER_MS, PS_PER_S = 10**3, 10**6, 10**9, 10**12
LARGEST = 2**63 - 1  # the largest amount accepted: every amount fits a signed 64-bit integer

_LONGEST_TEXT = 64
_AMOUNT = re.compile(r"([0-9]+(?:\.[0-9]+)?) *([^0-9.,:]*)")
_BITS_OR_BYTES = re.compile(r"([KMGTP])(i?)b(ps|/s)?", re.IGNORECASE)

_SHOWN = reprlib.Repr()
_SHOWN.maxstring = _SHOWN.maxother = _LONGEST_TEXT


def _powers(step: int, prefixes: str, unit: str) -> dict[str, int]:
    """Name the powers of a step, largest first, as all tables here: `(1000, "Mk", "B")` is MB and kB."""
    return {prefix + unit: step ** (len(prefixes) - place) for place, prefix in enumerate(prefixes)}


_DECIMAL_BYTES = {**_powers(1000, "PTGMk", "B"), "B": 1}
_BINARY_BYTES = _powers(1024, "PTGMK", "iB")
_BYTES = dict(sorted({**_DECIMAL_BYTES, **_BINARY_BYTES}.items(), key=lambda unit: -unit[1]))
_BITS = {**_powers(1000, "TGMk", "bit/s"), "bit/s": 1, **_powers(1000, "TGMk", "bps"), "bps": 1}
_FLOPS = {**_powers(1000, "EPTGMk", "FLOP/s"), "FLOP/s": 1}
_HOURS = {"h": 3600 * PS_PER_S, "min": 60 * PS_PER_S}
_TIMES = {**_HOURS, "s": PS_PER_S, "ms": PS_PER_MS, "us": PS_PER_US, "ns": PS_PER_NS, "ps": 1}


@dataclass(frozen=True, slots=True)
class _Quantity:
    """One kind of amount: the base unit, and what each unit is worth in it."""

    base: str
    examples: str
    written: Mapping[str, int]
    rounded_to: Mapping[str, int]
    also_read: Mapping[str, int | Fraction]
    minimum: int = 0

    def refuse(self, value: object, reason: str, *, what: str) -> NoReturn:
        is_huge = isinstance(value, int) and value.bit_length() > 9999  # Python refuses to write it in digits
        shown = "an int of thousands of digits" if is_huge else _SHOWN.repr(value)
        accepted = f"accepted: an int in {self.base}, or text such as {self.examples}"
        raise InvalidValue(f"{what}: {shown} {reason}; {accepted}")


_SIZE = _Quantity(
    base="B",
    examples="'512 MiB', '1.5GiB', '2 GB'",
    written=_BYTES,
    rounded_to={**_BINARY_BYTES, "B": 1},
    also_read={
        **{unit.removesuffix("B"): worth for unit, worth in _BINARY_BYTES.items()},
        **{unit.lower(): worth for unit, worth in _BYTES.items()},
        **{unit.upper(): worth for unit, worth in _BYTES.items()},
    },
)
_RATE = _Quantity(
    base="B/s",
    examples="'25 GB/s', '2 GiB/s', '400 Gbit/s', '100Gbps'",
    written={f"{unit}/s": worth for unit, worth in _BYTES.items()},
    rounded_to={f"{unit}/s": worth for unit, worth in _DECIMAL_BYTES.items()},
    also_read={"KB/s": 1000, **{unit: Fraction(worth, 8) for unit, worth in _BITS.items()}},
    minimum=1,
)
_DURATION = _Quantity(
    base="ps",
    examples="'5us', '1.5 ms', '2 min' (units: ps, ns, us, ms, s, min, h)",
    written=_TIMES,
    rounded_to=_TIMES,
    also_read={"\N{MICRO SIGN}s": PS_PER_US, "\N{GREEK SMALL LETTER MU}s": PS_PER_US},
)
_SPEED = _Quantity(
    base="FLOP/s",
    examples="'67 TFLOP/s', '989.4 TFLOPS', '1 PFLOP/s'",
    written=_FLOPS,
    rounded_to=_FLOPS,
    also_read={unit.replace("/s", "S"): worth for unit, worth in _FLOPS.items()},
    minimum=1,
)


def parse_size(value: str | SupportsIndex, *, what: str = "size") -> int:
    """Read a size in bytes: `"2GiB"` (2**30 each), `"2 GB"` (10**9 each), or an int.

    `gb` and `gib` are read as bytes too; `Gb` is refused, because it means bits. `what` names the argument in errors.
    """
    return _parse(value, _SIZE, what)


def parse_rate(value: str | SupportsIndex, *, what: str = "rate") -> int:
    """Read a rate in bytes per second: `"25 GB/s"`, `"400 Gbit/s"` (8 bits a byte), `"100Gbps"`, or an int. Never 0."""
    return _parse(value, _RATE, what)


def parse_duration(value: str | SupportsIndex, *, what: str = "duration") -> int:
    """Read a duration in picoseconds: `"5us"`, `"1.5 ms"`, `"2 min"`, or an int of picoseconds."""
    return _parse(value, _DURATION, what)


def parse_flops(value: str | SupportsIndex, *, what: str = "speed") -> int:
    """Read a speed in FLOP per second: `"67 TFLOP/s"`, `"67 TFLOPS"`, or an int. Never 0."""
    return _parse(value, _SPEED, what)


def format_size(size_bytes: int) -> str:
    """Write a size exactly, `1.5 GiB`, in the largest unit that needs at most two decimals."""
    return _format(size_bytes, _SIZE)


def format_rate(rate_bytes_per_s: int) -> str:
    """Write a rate exactly: `3.35 TB/s`."""
    return _format(rate_bytes_per_s, _RATE)


def format_duration(duration_ps: int) -> str:
    """Write a duration exactly: `12.5 us`."""
    return _format(duration_ps, _DURATION)


def format_flops(flop_per_s: int) -> str:
    """Write a speed exactly: `989.4 TFLOP/s`."""
    return _format(flop_per_s, _SPEED)


def short_size(size_bytes: int, *, digits: int = 3) -> str:
    """Write a size rounded to `digits` digits, halves to even: `1.95 GiB`. The whole part is never cut: `1000 MiB`."""
    return _short(size_bytes, _SIZE, digits)


def short_rate(rate_bytes_per_s: int, *, digits: int = 3) -> str:
    """Write a rate rounded: `3.35 TB/s`."""
    return _short(rate_bytes_per_s, _RATE, digits)


def short_duration(duration_ps: int, *, digits: int = 3) -> str:
    """Write a duration rounded: `12.4 ms`."""
    return _short(duration_ps, _DURATION, digits)


def short_flops(flop_per_s: int, *, digits: int = 3) -> str:
    """Write a speed rounded: `67 TFLOP/s`."""
    return _short(flop_per_s, _SPEED, digits)


def transfer_ps(size_bytes: int, rate_bytes_per_s: int) -> int:
    """Return the picoseconds that a size takes at a rate, rounded up once."""
    size = _in_range(size_bytes, _SIZE, what="size_bytes")
    rate = _in_range(rate_bytes_per_s, _RATE, what="rate_bytes_per_s")
    return -(-size * PS_PER_S // rate)


def _parse(value: object, quantity: _Quantity, what: str) -> int:
    if not isinstance(value, str):
        return _in_range(value, quantity, what=what)
    amount = _read(value, quantity, what)
    if amount.denominator != 1:
        nearest = max(round(amount), quantity.minimum)
        quantity.refuse(value, f"is not a whole number of {quantity.base} (nearest: {nearest})", what=what)
    return _in_range(amount.numerator, quantity, what=what, given=value)


def _read(given: str, quantity: _Quantity, what: str) -> Fraction:
    """Return the amount that a text names, not yet known to be whole or in range."""
    text = given.strip()
    match = None if len(text) > _LONGEST_TEXT else _AMOUNT.fullmatch(text)
    if match is None:
        quantity.refuse(given, _not_an_amount(text), what=what)
    worth = quantity.written.get(match[2]) or quantity.also_read.get(match[2])
    if worth is None:
        quantity.refuse(given, _unknown_unit(match[2], quantity), what=what)
    return Fraction(match[1]) * worth


def _not_an_amount(text: str) -> str:
    if len(text) > _LONGEST_TEXT:
        return f"is {len(text)} characters long"
    if re.match(r"-\s*[0-9]", text):
        return "is negative"
    if re.match(r"[0-9]+[,_][0-9]", text):
        return "has a separator between its digits"
    return "is not a plain decimal number followed by a unit"


def _unknown_unit(unit: str, quantity: _Quantity) -> str:
    if not unit:
        return "has no unit"
    bits = _BITS_OR_BYTES.fullmatch(unit)
    if bits and (bits[3] is not None) == (quantity is _RATE):
        prefix = "k" if bits[1] in "Kk" and not bits[2] else bits[1].upper()
        in_bits = f"{prefix}bit/s for bits, " if bits[3] and not bits[2] else ""
        in_bytes = f"{prefix}{bits[2].lower()}B{'/s' if bits[3] else ''}"
        return f"has the unit {unit!r}, which may be bits or bytes; write {in_bits}{in_bytes} for bytes"
    known = {name.lower(): name for name in [*quantity.also_read, *quantity.written]}
    close = [known[name] for name in difflib.get_close_matches(unit.lower(), known, n=2)]
    return f"has the unknown unit {unit!r}" + (f" (did you mean {' or '.join(close)}?)" if close else "")


def _in_range(value: object, quantity: _Quantity, *, what: str, given: str | None = None) -> int:
    """Return a value as an int, if it is one and in range. `given` is the text that it was read from."""
    shown = value if given is None else given
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        why = "is a float, which is not exact" if isinstance(value, float) else f"is a {type(value).__name__}"
        quantity.refuse(shown, why, what=what)
    if isinstance(value, bool):
        quantity.refuse(shown, "is a bool", what=what)
    if number < quantity.minimum:
        quantity.refuse(shown, "is negative" if number < 0 else "must be more than 0", what=what)
    if number > LARGEST:
        quantity.refuse(shown, f"is more than 2**63 - 1 {quantity.base}", what=what)
    return number


def _format(number: int, quantity: _Quantity) -> str:
    for unit, worth in quantity.written.items():
        hundredths, rest = divmod(number * 100, worth)
        if number >= worth and not rest:
            return f"{_decimal(hundredths, 2)} {unit}"
    return f"{number} {quantity.base}"


def _short(number: int, quantity: _Quantity, digits: int) -> str:
    if number < 0:
        return f"-{_short(-number, quantity, digits)}"
    for unit, worth in quantity.rounded_to.items():
        whole = number // worth
        decimals = max(0, digits - len(str(whole))) if whole else digits
        scaled = round(Fraction(number * 10**decimals, worth))
        if scaled >= 10**decimals:  # 1023.9 MiB in two digits is 1 GiB
            return f"{_decimal(scaled, decimals)} {unit}"
    return f"{number} {quantity.base}"


def _decimal(scaled: int, decimals: int) -> str:
    """Write scaled / 10**decimals without trailing zeros."""
    whole, part = divmod(scaled, 10**decimals)
    return f"{whole}.{part:0{decimals}d}".rstrip("0") if part else str(whole)
