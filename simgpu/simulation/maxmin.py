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
        if not undecided[resource] or rate != share[resource]:
            continue  # an older share of this resource
        for flow in users[resource]:
            if rates[flow] >= 0:
                continue
            rates[flow] = rate
            for used in routes[flow]:
                undecided[used] -= 1
                left[used] -= rate
        for changed in {used for flow in users[resource] for used in routes[flow] if undecided[used]}:
            share[changed] = max(rate, left[changed] / undecided[changed])
            heappush(queue, (share[changed], changed))
    return rates
