"""Amounts with units: laws that hold for every number and every text."""

from __future__ import annotations

import re
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from simgpu import units
from simgpu.errors import InvalidValue

PAIRS = [
    pytest.param(units.parse_size, units.format_size, units.short_size, id="size"),
    pytest.param(units.parse_rate, units.format_rate, units.short_rate, id="rate"),
    pytest.param(units.parse_duration, units.format_duration, units.short_duration, id="duration"),
    pytest.param(units.parse_flops, units.format_flops, units.short_flops, id="flops"),
]
ROUND = st.builds(
    lambda n, base, power: n * base**power, st.integers(1, 4000), st.sampled_from([2, 10]), st.integers(0, 48)
)
AMOUNTS = st.one_of(st.integers(1, units.LARGEST), ROUND.filter(lambda n: n <= units.LARGEST))
SIZE_UNITS = {f"{prefix}B": 1000**power for power, prefix in enumerate(["", "k", "M", "G", "T", "P"])} | {
    f"{prefix}iB": 1024**power for power, prefix in enumerate("KMGTP", start=1)
}


@pytest.mark.parametrize(("parse", "write", "short"), PAIRS)
@given(amount=AMOUNTS)
@example(amount=1)
@example(amount=units.LARGEST)
def test_what_is_written_is_read_back_as_it_was(parse, write, short, amount):
    assert parse(write(amount)) == amount


@given(amount=AMOUNTS)
def test_an_exact_form_has_at_most_two_decimals(amount):
    for write in (units.format_size, units.format_rate, units.format_duration, units.format_flops):
        assert re.fullmatch(r"[1-9][0-9]*(\.[0-9]?[1-9])? [A-Za-z/]+", write(amount))


@pytest.mark.parametrize(("parse", "write", "short"), PAIRS)
@given(amount=AMOUNTS, digits=st.integers(1, 6))
def test_a_short_form_is_off_by_at_most_half_of_its_last_digit(parse, write, short, amount, digits):
    number, unit = short(amount, digits=digits).split(" ")
    written = Fraction(number) * parse(f"1 {unit}")
    last_digit = amount * Fraction(10) ** (1 - digits)  # at most worth this much

    assert len(number.partition(".")[2]) < digits
    assert abs(written - amount) <= last_digit / 2


@given(whole=st.integers(0, 10**7), part=st.integers(0, 999), unit=st.sampled_from(sorted(SIZE_UNITS)))
def test_a_size_is_read_exactly_or_refused_with_the_nearest(whole, part, unit):
    exact = Fraction(whole * 1000 + part, 1000) * SIZE_UNITS[unit]
    text = f"{whole}.{part:03d} {unit}"
    if exact.denominator == 1 and exact <= units.LARGEST:
        assert units.parse_size(text) == exact
        return

    reason = rf"nearest: {round(exact)}\b" if exact.denominator > 1 else r"more than 2\*\*63 - 1"
    with pytest.raises(InvalidValue, match=reason):
        units.parse_size(text)


@pytest.mark.parametrize(("parse", "write", "short"), PAIRS)
@given(text=st.one_of(st.text(), st.from_regex(r"\A[0-9_,.:+-]{0,9} ?[A-Za-z/]{0,9}\Z")))
def test_any_text_is_read_as_an_int_in_range_or_refused(parse, write, short, text):
    try:
        amount = parse(text, what="this argument")
    except InvalidValue as error:
        amount, message = 0, str(error)
    else:
        message = "this argument: read"

    assert message.startswith("this argument: ")
    assert type(amount) is int
    assert 0 <= amount <= units.LARGEST


@given(size=st.integers(0, 2**62), rate=st.integers(1, 2**62))
def test_a_transfer_is_the_least_time_in_which_the_rate_delivers_the_size(size, rate):
    duration_ps = units.transfer_ps(size, rate)

    assert duration_ps * rate >= size * units.PS_PER_S > (duration_ps - 1) * rate


@given(sizes=st.lists(st.integers(0, 2**50), min_size=1, max_size=5), rate=st.integers(1, 2**50))
def test_transfers_one_by_one_take_as_long_as_together_but_for_rounding(sizes, rate):
    together = units.transfer_ps(sum(sizes), rate)

    assert together <= sum(units.transfer_ps(size, rate) for size in sizes) <= together + len(sizes)
