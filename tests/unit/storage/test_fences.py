"""Fences alone: who waits for which copy."""

from simgpu.storage.fences import Fences, Span

ALL = Span(0, 100)


class Clock:
    """Events are words; those in `done` have happened."""

    def __init__(self):
        self.done = set()

    def fences(self):
        return Fences(lambda event: event in self.done)


def test_a_write_waits_for_reads_and_writes_and_a_read_for_writes_alone():
    fences = Clock().fences()
    fences.put_up(Span(0, 10), "read", is_write=False)
    fences.put_up(Span(5, 20), "write", is_write=True)

    assert fences.before(ALL, is_write=True) == ["read", "write"]
    assert fences.before(ALL, is_write=False) == ["write"]


def test_only_spans_that_share_a_byte_wait():
    fences = Clock().fences()
    fences.put_up(Span(10, 20), "copy", is_write=True)
    spans = [Span(0, 10), Span(0, 11), Span(12, 13), Span(19, 30), Span(20, 30)]

    assert [bool(fences.before(span, is_write=False)) for span in spans] == [False, True, True, True, False]


def test_a_fence_around_nothing_is_none():
    fences = Clock().fences()
    fences.put_up(Span(5, 5), "copy", is_write=True)

    assert not fences
    assert fences.before(ALL, is_write=True) == []


def test_copies_that_have_ended_are_forgotten_when_the_next_begins():
    clock = Clock()
    fences = clock.fences()
    fences.put_up(Span(0, 10), "first", is_write=True)
    clock.done.add("first")
    fences.put_up(Span(50, 60), "second", is_write=True)

    assert fences.before(ALL, is_write=True) == ["second"]


def test_what_the_device_waits_for_is_taken_down_by_identity_and_all_else_stays():
    fences, first, same = Clock().fences(), ["event"], ["event"]
    fences._is_done = lambda event: False
    fences.put_up(Span(0, 10), first, is_write=True)
    fences.put_up(Span(0, 10), same, is_write=False)
    fences.take_down([first])

    (left,) = fences.before(ALL, is_write=True)
    assert left is same
    fences.clear()
    assert not fences
