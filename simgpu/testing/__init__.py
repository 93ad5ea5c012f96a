"""Helpers for tests of code that uses several devices: a pytest plugin, and Hypothesis strategies.

pytest loads the plugin by itself, in every run; so nothing is imported here. Strategies are in
`simgpu.testing.strategies`, which needs Hypothesis.
"""
