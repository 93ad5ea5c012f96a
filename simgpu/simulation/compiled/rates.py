"""Max-min fair rates of the flows of a component: `maxmin`, with a heap of resources that is put in order late.

A resource's share is hardly ever less than it was, so it may stay where it is in the heap until it comes to the top.
"""

from __future__ import annotations

from simgpu.simulation.compiled.arrays import (
    component,
    fixed,
    flows,
    found_by,
    new_rate_per_s,
    order,
    resources,
    seen,
    users,
    uses,
)
from simgpu.simulation.compiled.jit import compiled
from simgpu.simulation.compiled.records import Run
from simgpu.simulation.workload import NONE


@compiled
def share_equally(run: Run, number: int) -> int:
    """Give `new_rate_per_s` to each flow of a component that uses one resource alone; return 0 for any other."""
    use = flows(run)[number].first
    resource = resources(run)[uses(run)[use].resource]
    rate = resource.per_s / resource.users
    for place in range(resource.users):
        user = users(run)[resource.first + place]
        if uses(run)[user.use].beside != user.use:
            return 0
        component(run)[place] = user.flow
        new_rate_per_s(run)[user.flow] = rate
    for place in range(resource.users):
        seen(run)[component(run)[place]] = run.solution
    return int(resource.users)


@compiled
def solve_component(run: Run, number: int) -> int:
    """Give `new_rate_per_s` to each flow of a flow's component, and return how many there are."""
    count, size = _gather(run, number)
    for place in range(size // 2 - 1, -1, -1):
        _sink(run, place, order(run)[place], size)
    while size:
        first = order(run)[0]
        resource = resources(run)[first]
        if resource.undecided == 0:
            size -= 1
            _sink(run, 0, order(run)[size], size)
        elif resource.key != resource.share:
            resource.key = resource.share
            _sink(run, 0, first, size)
        else:
            _fix(run, first, size)
    return count


@compiled
def _gather(run: Run, number: int) -> tuple[int, int]:
    """List the flows of a component, undecided, and the resources with their first shares; return how many."""
    use = flows(run)[number].first
    count, size, done = _gather_users(run, uses(run)[use].resource, 0), 1, 0
    _put(run, 0, uses(run)[use].resource)
    while done < count:
        new_rate_per_s(run)[component(run)[done]] = NONE
        use = found_by(run)[done]
        done += 1
        beside = uses(run)[use].beside
        while beside != use:
            used = uses(run)[beside].resource
            beside = uses(run)[beside].beside
            if resources(run)[used].seen != run.solution:
                count = _gather_users(run, used, count)
                _put(run, size, used)
                size += 1
    return count, size


@compiled
def _gather_users(run: Run, used: int, count: int) -> int:
    """Add the users of a resource to the flows of a component, and return how many they are then."""
    resource = resources(run)[used]
    resource.seen = run.solution
    resource.left, resource.undecided = resource.per_s, resource.users
    resource.share = resource.key = resource.per_s / resource.users
    for place in range(resource.first, resource.first + resource.users):
        number = users(run)[place].flow
        component(run)[count], found_by(run)[count] = number, users(run)[place].use
        count += seen(run)[number] != run.solution
        seen(run)[number] = run.solution
    return count


@compiled
def _fix(run: Run, used: int, size: int) -> None:
    """Fix those that are undecided at the resource with the smallest share, and share anew what they use."""
    resource = resources(run)[used]
    rate = resource.share
    count, changed = 0, size  # behind the heap
    run.step += 1
    for place in range(resource.first, resource.first + resource.users):
        number, given = users(run)[place].flow, new_rate_per_s(run)[users(run)[place].flow]
        fixed(run)[count] = users(run)[place].use
        count += given == NONE
        new_rate_per_s(run)[number] = rate if given == NONE else given
    for place in range(count):
        changed = _take(run, fixed(run)[place], rate, changed)
    resource.undecided = 0
    for place in range(size, changed):
        other = resources(run)[order(run)[place]]
        if other.undecided:
            other.share = max(rate, other.left / other.undecided)
            if other.share < other.key:  # by a rounding
                other.key = other.share
                _rise(run, other.position, order(run)[place])


@compiled
def _take(run: Run, use: int, rate: float, changed: int) -> int:
    """Take a flow's rate from what else it uses, and list that behind the heap; return where the list ends."""
    beside = uses(run)[use].beside
    while beside != use:
        used = uses(run)[beside].resource
        beside = uses(run)[beside].beside
        resource = resources(run)[used]
        resource.undecided -= 1
        resource.left -= rate
        order(run)[changed] = used
        changed += resource.touched != run.step
        resource.touched = run.step
    return changed


@compiled
def _rise(run: Run, place: int, used: int) -> None:
    """Put a resource where it belongs between a place and the top."""
    while place > 0 and _is_before(run, used, order(run)[(place - 1) // 2]):
        _put(run, place, order(run)[(place - 1) // 2])
        place = (place - 1) // 2
    _put(run, place, used)


@compiled
def _sink(run: Run, place: int, used: int, size: int) -> None:
    """Put a resource where it belongs between a place and the bottom."""
    below = 2 * place + 1
    while below < size:
        if below + 1 < size and _is_before(run, order(run)[below + 1], order(run)[below]):
            below += 1
        if _is_before(run, used, order(run)[below]):
            break
        _put(run, place, order(run)[below])
        place, below = below, 2 * below + 1
    _put(run, place, used)


@compiled
def _put(run: Run, place: int, used: int) -> None:
    order(run)[place] = used
    resources(run)[used].position = place


@compiled
def _is_before(run: Run, one: int, other: int) -> bool:
    first, second = resources(run)[one], resources(run)[other]
    return bool(first.key < second.key or (first.key == second.key and first.number < second.number))
