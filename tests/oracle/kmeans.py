"""k-means for arrays of any library: an ordinary program, written against array-api-compat, that knows no simgpu."""

from __future__ import annotations

from typing import Any, NamedTuple

from array_api_compat import array_namespace, device, size, to_device


class Clusters(NamedTuple):
    """Centers [k, d], the cluster of each point [n], the sum of squared distances, and the steps that it took."""

    centers: Any
    labels: Any
    inertia: float
    steps: int


def squared_distances(x: Any, centers: Any) -> Any:
    """Return the squared distance [n, k] of each point to each center, which must be on its device."""
    xp = array_namespace(x, centers)
    products = x @ xp.matrix_transpose(centers)
    return xp.vecdot(x, x)[:, None] - 2 * products + xp.vecdot(centers, centers)[None, :]


def farthest_points(x: Any, k: int) -> Any:
    """Return k points [k, d] to start with: the first one, then each time the farthest from all before."""
    xp = array_namespace(x)
    centers = x[:1, :]
    while centers.shape[0] < k:
        nearest = xp.min(squared_distances(x, centers), axis=1)
        centers = xp.concat([centers, xp.take(x, xp.reshape(xp.argmax(nearest), (1,)), axis=0)])
    return centers


def fit(x: Any, k: int, *, most_steps: int = 100, tolerance: float = 1e-9) -> Clusters:
    """Return clusters of the points x [n, d]; the last step moves no center farther than `tolerance` on an axis."""
    xp = array_namespace(x)
    if x.ndim != 2 or size(x) == 0 or not 0 < k <= x.shape[0]:
        raise ValueError(f"{k} clusters of points [n, d] need as many points; they have shape {x.shape}")
    centers, numbers = farthest_points(x, k), xp.arange(k, device=device(x))
    steps, shift = 0, xp.inf
    while shift > tolerance and steps < most_steps:
        steps += 1
        distances = squared_distances(x, centers)
        labels = xp.argmin(distances, axis=1)
        members = xp.astype(labels[:, None] == numbers[None, :], x.dtype)
        counts = xp.sum(members, axis=0)[:, None]
        means = xp.matrix_transpose(members) @ x / xp.maximum(counts, 1.0)
        moved = xp.where(counts > 0, means, centers)
        shift, centers = float(xp.max(xp.abs(moved - centers))), moved
    return Clusters(centers, labels, float(xp.sum(xp.min(distances, axis=1))), steps)


def predict(clusters: Clusters, x: Any) -> Any:
    """Return the cluster [n] of each point of x [n, d], on its device: the centers go there."""
    xp = array_namespace(x)
    return xp.argmin(squared_distances(x, to_device(clusters.centers, device(x))), axis=1)
