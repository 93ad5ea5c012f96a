"""`simgpu smi`: who holds how much memory of which card, once or again and again."""

from __future__ import annotations

import json as json_text
import math
import sys
import time
import warnings
from collections.abc import Callable

from simgpu.cards import CardUse, SharedCards
from simgpu.cli.console import show
from simgpu.environment import shared_cards
from simgpu.errors import InvalidValue
from simgpu.report import cards_json, cards_report

_SECONDS = 1.0
_SHORTEST, _LONGEST = 0.05, 86_400.0
_CLEAR = "\x1b[H\x1b[2J\x1b[3J"


def show_cards(
    *, watch: bool, seconds: float | None, json: bool, pause: Callable[[float], object] = time.sleep
) -> None:
    """Show the cards that programs share. With `watch`, every so many seconds until Ctrl-C, which is no error.

    JSON is one document for people, and one line for each view with `watch`.
    """
    interval = _checked(seconds, is_watching=watch)
    cards = shared_cards()
    if not watch:
        _show_once(cards, json=json, indent=2)
        return
    try:
        while True:
            _begin_view(json=json)
            _show_once(cards, json=json, indent=None)
            sys.stdout.flush()
            pause(interval)
    except KeyboardInterrupt:
        return


def _checked(seconds: float | None, *, is_watching: bool) -> float:
    if seconds is None:
        return _SECONDS
    if not is_watching:
        raise InvalidValue(
            f"{seconds:g} seconds mean something with --watch only; write simgpu smi --watch {seconds:g}"
        )
    if not _SHORTEST <= seconds <= _LONGEST:  # NaN fails too
        shown = "nan" if math.isnan(seconds) else f"{seconds:g}"
        raise InvalidValue(f"--watch {shown}: give {_SHORTEST:g} to {_LONGEST:g} seconds")
    return seconds


def _begin_view(*, json: bool) -> None:
    """Start a view on an empty screen; in a file, with the time."""
    if json:
        return
    if sys.stdout.isatty():
        sys.stdout.write(_CLEAR)
    print(time.strftime("%Y-%m-%d %H:%M:%S"))


def _show_once(cards: SharedCards, *, json: bool, indent: int | None) -> None:
    uses = _snapshot(cards)
    if json:
        print(json_text.dumps(cards_json(uses, cards.path), indent=indent))
    else:
        show(cards_report(uses, cards.path))


def _snapshot(cards: SharedCards) -> tuple[CardUse, ...]:
    """Return what programs hold; warnings are lines on stderr, as errors are."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        uses = cards.snapshot()
    for warning in caught:
        print(f"simgpu: warning: {warning.message}", file=sys.stderr)
    return uses
