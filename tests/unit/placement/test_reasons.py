import pytest

from simgpu.placement import without_neighbour


@pytest.mark.parametrize(
    ("reason", "counted_as"),
    [
        ("follows its consumer conv1", "follows its consumer ..."),
        ("follows its input a b", "follows its input ..."),
        ("colocated with v", "colocated with ..."),
        ("default", "default"),
        ("rule follows its*", "rule follows its*"),
        ("no GPU kernel for int32", "no GPU kernel for int32"),
    ],
)
def test_reasons_are_counted_without_the_name_of_a_neighbour(reason, counted_as):
    assert without_neighbour(reason) == counted_as
