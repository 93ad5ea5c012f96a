"""Measurements of simgpu itself: `python -m benchmarks`."""
