"""Other ways to simulate the work of `benchmarks.workloads`: what users would write themselves, and SimGrid."""
