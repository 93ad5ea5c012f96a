"""Max-min fair rates: nobody gets more while somebody who gets less could have it.

Progressive filling: the resource with the smallest share left for each of its undecided flows fixes them at that share;
repeat with what is left. (D. Bertsekas and R. Gallager, Data Networks, 2nd ed., section 6.5.2.)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from heapq import heapify, heappop, heappush


def max_min_rates(routes: Sequence[Sequence[int]], capacities: Mapping[int, float]) -> list[float]:
    """Return one rate for each flow. A flow uses every resource of its route at its rate; routes must not be empty.

    Takes time in the order of the routes' total length, times the logarithm of the number of resources.
    """
    users: dict[int, list[int]] = {}
    for flow, route in enumerate(routes):
        for resource in route:
            users.setdefault(resource, []).append(flow)
    left = {resource: capacities[resource] for resource in users}
    undecided = {resource: len(flows) for resource, flows in users.items()}
    share = {resource: left[resource] / undecided[resource] for resource in users}
    queue = [(share[resource], resource) for resource in users]
    heapify(queue)
    rates = [-1.0] * len(routes)
    while queue:
        rate, resource = heappop(queue)
        if not undecided[resource]:
            continue
        if rate != share[resource]:  # an older one, which was less
            heappush(queue, (share[resource], resource))
            continue
        changed: set[int] = set()
        for flow in users[resource]:
            if rates[flow] < 0:
                rates[flow] = rate
                for used in routes[flow]:
                    undecided[used] -= 1
                    left[used] -= rate
                changed.update(routes[flow])
        for used in changed:
            if undecided[used]:
                older, share[used] = share[used], max(rate, left[used] / undecided[used])
                if share[used] < older:  # by a rounding; else it may wait until it comes to the top
                    heappush(queue, (share[used], used))
    return rates
