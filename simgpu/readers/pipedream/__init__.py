"""Profiles of PipeDream to graphs and pipelines."""

from simgpu.readers.pipedream.file import read_profile
from simgpu.readers.pipedream.pipeline import pipeline, read_pipedream
from simgpu.readers.pipedream.profile import Layer, Profile
from simgpu.readers.pipedream.schedules import SCHEDULES
from simgpu.readers.pipedream.stages import balanced_stages

__all__ = ["SCHEDULES", "Layer", "Profile", "balanced_stages", "pipeline", "read_pipedream", "read_profile"]
