"""Amounts with units: what is read, what is refused and in which words, how amounts are written."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pytest

from simgpu import units
from simgpu.errors import InvalidValue, SimgpuError
from simgpu.units import GiB, KiB, MiB, TiB

MS, S = units.PS_PER_MS, units.PS_PER_S
PARSERS = [units.parse_size, units.parse_rate, units.parse_duration, units.parse_flops]


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [
        ("0 B", 0),
        ("512B", 512),
        ("3 kB", 3000),
        ("3 KB", 3000),
        ("2 MB", 2 * 10**6),
        ("2 GB", 2 * 10**9),
        ("2 TB", 2 * 10**12),
        ("2 PB", 2 * 10**15),
        ("3KiB", 3 * KiB),
        ("3 Ki", 3 * KiB),
        ("256MiB", 256 * MiB),
        ("256 Mi", 256 * MiB),
        ("80 Gi", 80 * GiB),
        ("2 TiB", 2 * TiB),
        ("2 Ti", 2 * TiB),
        ("1 PiB", 2**50),
        ("1 Pi", 2**50),
        ("1.5GiB", 3 * GiB // 2),
        ("  1.50 GiB\n", 3 * GiB // 2),
        ("0.001 kB", 1),
        ("007 B", 7),
        ("2 gb", 2 * 10**9),
        ("2gib", 2 * GiB),
        ("2 GIB", 2 * GiB),
        ("9223372036854775807 B", units.LARGEST),
    ],
)
def test_a_size_is_read_exactly(text, size_bytes):
    assert units.parse_size(text) == size_bytes


@pytest.mark.parametrize(
    ("text", "bytes_per_s"),
    [
        ("25 GB/s", 25 * 10**9),
        ("1 B/s", 1),
        ("3.35 TB/s", 3_350 * 10**9),
        ("900 KB/s", 900_000),
        ("900kB/s", 900_000),
        ("2 GiB/s", 2 * GiB),
        ("400 Gbit/s", 50 * 10**9),
        ("100Gbps", 12_500 * 10**6),
        ("8 bit/s", 1),
        ("16 kbps", 2000),
        ("1 Tbit/s", 125 * 10**9),
    ],
)
def test_a_rate_is_read_in_bytes_or_in_bits(text, bytes_per_s):
    assert units.parse_rate(text) == bytes_per_s


@pytest.mark.parametrize(
    ("text", "duration_ps"),
    [
        ("0 s", 0),
        ("7ps", 7),
        ("7 ns", 7 * 10**3),
        ("5us", 5 * 10**6),
        ("5 \N{MICRO SIGN}s", 5 * 10**6),
        ("5 \N{GREEK SMALL LETTER MU}s", 5 * 10**6),
        ("12.4 ms", 12_400_000_000),
        ("1.5 s", 3 * S // 2),
        ("2 min", 120 * S),
        ("0.5h", 1800 * S),
        ("0.001 ns", 1),
    ],
)
def test_a_duration_is_read_in_picoseconds(text, duration_ps):
    assert units.parse_duration(text) == duration_ps


@pytest.mark.parametrize(
    ("text", "flop_per_s"),
    [
        ("67 TFLOP/s", 67 * 10**12),
        ("67 TFLOPS", 67 * 10**12),
        ("989.4TFLOP/s", 9_894 * 10**11),
        ("1.5 GFLOP/s", 1_500_000_000),
        ("2 PFLOPS", 2 * 10**15),
        ("1 EFLOP/s", 10**18),
        ("3 FLOP/s", 3),
    ],
)
def test_a_speed_is_read_in_flop_per_second(text, flop_per_s):
    assert units.parse_flops(text) == flop_per_s


@pytest.mark.parametrize("parse", PARSERS)
def test_an_int_is_taken_as_it_is(parse):
    assert (parse(1), parse(units.LARGEST), type(parse(np.int64(7)))) == (1, units.LARGEST, int)


@pytest.mark.parametrize(
    ("parse", "value", "message"),
    [
        (
            units.parse_size,
            "1.1 GiB",
            "memory limit: '1.1 GiB' is not a whole number of B (nearest: 1181116006); "
            "accepted: an int in B, or text such as '512 MiB', '1.5GiB', '2 GB'",
        ),
        (
            units.parse_size,
            "2 Gb",
            "memory limit: '2 Gb' has the unit 'Gb', which may be bits or bytes; write GB for bytes; "
            "accepted: an int in B, or text such as '512 MiB', '1.5GiB', '2 GB'",
        ),
        (
            units.parse_rate,
            "25 Gb/s",
            "memory limit: '25 Gb/s' has the unit 'Gb/s', which may be bits or bytes; "
            "write Gbit/s for bits, GB/s for bytes; "
            "accepted: an int in B/s, or text such as '25 GB/s', '2 GiB/s', '400 Gbit/s', '100Gbps'",
        ),
        (
            units.parse_duration,
            1.5,
            "memory limit: 1.5 is a float, which is not exact; "
            "accepted: an int in ps, or text such as '5us', '1.5 ms', '2 min' (units: ps, ns, us, ms, s, min, h)",
        ),
        (
            units.parse_flops,
            "67 TFLOPs",
            "memory limit: '67 TFLOPs' has the unknown unit 'TFLOPs' (did you mean TFLOPS or TFLOP/s?); "
            "accepted: an int in FLOP/s, or text such as '67 TFLOP/s', '989.4 TFLOPS', '1 PFLOP/s'",
        ),
    ],
)
def test_a_refusal_names_the_argument_the_value_the_reason_and_what_is_accepted(parse, value, message):
    with pytest.raises(InvalidValue) as refused:
        parse(value, what="memory limit")

    assert str(refused.value) == message


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (True, "True is a bool"),
        (np.True_, "np.True_ is a bool"),
        (2.0, "2.0 is a float, which is not exact"),
        (float("nan"), "nan is a float"),
        (float("inf"), "inf is a float"),
        (np.float32(2), "is a float32"),
        (np.array([1, 2]), "is a ndarray"),
        (None, "None is a NoneType"),
        ([1], r"\[1\] is a list"),
        (b"1 B", "is a bytes"),
        (-1, "-1 is negative"),
        ("-5 B", "is negative"),
        (2**63, r"is more than 2\*\*63 - 1 "),
        ("", "'' is not a plain decimal number followed by a unit"),
        ("lots", "is not a plain decimal number"),
        ("1:30", "is not a plain decimal number"),
        ("1e9 B", "is not a plain decimal number"),
        ("nan", "is not a plain decimal number"),
        ("inf s", "is not a plain decimal number"),
        (".5 GiB", "is not a plain decimal number"),
        ("5. GiB", "is not a plain decimal number"),
        ("+5 B", "is not a plain decimal number"),
        ("0x10 B", "is not a plain decimal number"),
        ("1 GiB 512 MiB", "is not a plain decimal number"),
        ("\N{ARABIC-INDIC DIGIT THREE} B", "is not a plain decimal number"),
        ("1_000 B", "has a separator between its digits"),
        ("1,000 B", "has a separator between its digits"),
        ("1,5 GiB", "has a separator between its digits"),
        ("1024", "has no unit"),
        ("7 parsec", "has the unknown unit 'parsec'"),
    ],
)
@pytest.mark.parametrize("parse", PARSERS)
def test_what_cannot_be_meant_is_refused_with_the_reason(parse, value, reason):
    with pytest.raises(InvalidValue, match=reason):
        parse(value)


@pytest.mark.parametrize(
    ("parse", "text", "hint"),
    [
        (units.parse_size, "5 G", "(did you mean Gi or GB?)"),
        (units.parse_size, "5 Kib", "write KiB for bytes"),
        (units.parse_size, "5 GB/s", "has the unknown unit 'GB/s'"),
        (units.parse_rate, "25 GBps", "write Gbit/s for bits, GB/s for bytes"),
        (units.parse_rate, "25 gb/s", "write Gbit/s for bits, GB/s for bytes"),
        (units.parse_rate, "25 kb/s", "write kbit/s for bits, kB/s for bytes"),
        (units.parse_rate, "25 Gib/s", "may be bits or bytes; write GiB/s for bytes"),
        (units.parse_rate, "25 GB", "did you mean Gbps or GB/s?"),
        (units.parse_duration, "1 Ms", "did you mean ms or s?"),
        (units.parse_duration, "1 S", "did you mean s"),
        (units.parse_flops, "67 TFLOP", "did you mean TFLOPS or TFLOP/s?"),
    ],
)
def test_a_doubtful_unit_is_refused_with_a_guess(parse, text, hint):
    with pytest.raises(InvalidValue) as refused:
        parse(text)

    assert hint in str(refused.value)


@pytest.mark.parametrize(
    ("parse", "zero"),
    [
        (units.parse_rate, 0),
        (units.parse_rate, "0 GB/s"),
        (units.parse_rate, "0.0 Gbit/s"),
        (units.parse_flops, 0),
        (units.parse_flops, "0 FLOP/s"),
    ],
)
def test_nothing_runs_at_a_rate_of_zero(parse, zero):
    with pytest.raises(InvalidValue, match="must be more than 0"):
        parse(zero)


@pytest.mark.parametrize(
    ("value", "reason"), [(10**5000, r"is more than 2\*\*63 - 1 "), (-(10**5000), "is negative")], ids=["huge", "tiny"]
)
@pytest.mark.parametrize("parse", PARSERS)
def test_an_int_that_python_will_not_print_is_refused_like_any_other(parse, value, reason):
    with pytest.raises(InvalidValue, match=f"an int of thousands of digits {reason}"):
        parse(value)


@pytest.mark.parametrize(
    ("parse", "text", "nearest"),
    [
        (units.parse_size, "0.3 B", "0"),
        (units.parse_size, "1.0005 kB", "1000"),
        (units.parse_rate, "100 bit/s", "12"),
        (units.parse_rate, "1 bit/s", "1"),
        (units.parse_duration, "0.0006 ns", "1"),
    ],
)
def test_what_is_not_whole_is_refused_with_the_nearest_that_is(parse, text, nearest):
    with pytest.raises(InvalidValue, match=rf"is not a whole number of \S+ \(nearest: {nearest}\);"):
        parse(text)


@pytest.mark.parametrize(
    "text",
    ["9" * 50_000, "1" * 50_000 + " B", "1 " + "G" * 50_000, "1." + "0" * 50_000 + " B"],
    ids=lambda text: text[-3:],
)
@pytest.mark.parametrize("parse", PARSERS)
def test_a_very_long_text_is_refused_at_once_and_shown_in_short(parse, text):
    started = time.process_time()

    with pytest.raises(InvalidValue, match=r"is 500\d\d characters long") as refused:
        parse(text)

    assert len(str(refused.value)) < 300
    assert time.process_time() - started < 0.5


def test_a_refused_value_is_both_a_value_error_and_one_of_ours():
    with pytest.raises(ValueError, match="size") as refused:
        units.parse_size("-1 B")

    assert isinstance(refused.value, SimgpuError)


@pytest.mark.parametrize(
    ("write", "amount", "text"),
    [
        (units.format_size, 0, "0 B"),
        (units.format_size, 1008, "1008 B"),
        (units.format_size, 1000, "1 kB"),
        (units.format_size, 1536, "1.5 KiB"),
        (units.format_size, 1152 * MiB, "1152 MiB"),
        (units.format_size, 80 * GiB, "80 GiB"),
        (units.format_size, 80 * 10**9, "80 GB"),
        (units.format_size, GiB - 1, "1073741823 B"),
        (units.format_rate, 3_350 * 10**9, "3.35 TB/s"),
        (units.format_rate, 2 * GiB, "2 GiB/s"),
        (units.format_rate, 12_500 * 10**6, "12.5 GB/s"),
        (units.format_duration, 0, "0 ps"),
        (units.format_duration, 12_400_000_000, "12.4 ms"),
        (units.format_duration, 1_234_567, "1234567 ps"),
        (units.format_duration, 90 * S, "1.5 min"),
        (units.format_duration, 7200 * S, "2 h"),
        (units.format_flops, 9_894 * 10**11, "989.4 TFLOP/s"),
    ],
)
def test_an_amount_is_written_exactly_in_the_largest_unit_that_needs_two_decimals(write, amount, text):
    assert write(amount) == text


@pytest.mark.parametrize(
    ("write", "amount", "text"),
    [
        (units.short_size, 0, "0 B"),
        (units.short_size, 1023, "1023 B"),
        (units.short_size, 2_093_796_556, "1.95 GiB"),
        (units.short_size, GiB - 1, "1 GiB"),
        (units.short_size, 1000 * MiB, "1000 MiB"),
        (units.short_size, 80 * 10**9, "74.5 GiB"),
        (units.short_rate, 3_350 * 10**9, "3.35 TB/s"),
        (units.short_rate, 3_351_234_567_890, "3.35 TB/s"),
        (units.short_duration, 12_400_000_001, "12.4 ms"),
        (units.short_duration, 999_999_600_000, "1 s"),
        (units.short_duration, 5, "5 ps"),
        (units.short_duration, -12_400_000_001, "-12.4 ms"),
        (units.short_flops, 67 * 10**12, "67 TFLOP/s"),
        (units.short_flops, 66_908_000_000_000, "66.9 TFLOP/s"),
    ],
)
def test_a_short_form_has_three_digits(write: Callable[[int], str], amount, text):
    assert write(amount) == text


def test_a_short_form_rounds_halves_to_even():
    shorts = [units.short_duration(ps, digits=2) for ps in (1250, 1350, 1450)]

    assert shorts == ["1.2 ns", "1.4 ns", "1.4 ns"]


@pytest.mark.parametrize(
    ("size_bytes", "bytes_per_s", "duration_ps"),
    [(0, 1, 0), (1, 1, S), (1, 3, S // 3 + 1), (10**9, 10**12, MS), (1, units.LARGEST, 1), (2**62, 1, 2**62 * S)],
)
def test_a_transfer_takes_size_over_rate_rounded_up(size_bytes, bytes_per_s, duration_ps):
    assert units.transfer_ps(size_bytes, bytes_per_s) == duration_ps


def test_a_transfer_of_numpy_integers_does_not_overflow():
    assert units.transfer_ps(np.int64(2**40), np.int32(1)) == 2**40 * S


@pytest.mark.parametrize(
    ("size_bytes", "bytes_per_s", "argument"),
    [(-1, 1, "size_bytes"), (1.0, 1, "size_bytes"), (1, 0, "rate_bytes_per_s"), (1, 2.5, "rate_bytes_per_s")],
)
def test_a_transfer_that_cannot_be_is_refused_by_argument(size_bytes, bytes_per_s, argument):
    with pytest.raises(InvalidValue, match=f"^{argument}: "):
        units.transfer_ps(size_bytes, bytes_per_s)
