"""The catalog of real parts and whole boxes: data files, each figure with its source."""

from simgpu.machine.catalog.reader import Box, box, boxes, gpu, host, link, parts

__all__ = ["Box", "box", "boxes", "gpu", "host", "link", "parts"]
