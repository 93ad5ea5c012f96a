"""Traces and results for people and programs: tables, JSON, Chrome traces."""

from simgpu.report.catalog import catalog_tables, describe_box, describe_part
from simgpu.report.chrome_trace import chrome_trace, write_chrome_trace
from simgpu.report.json_result import placement_json, result_json
from simgpu.report.run_report import placement_report, run_report

__all__ = [
    "catalog_tables",
    "chrome_trace",
    "describe_box",
    "describe_part",
    "placement_json",
    "placement_report",
    "result_json",
    "run_report",
    "write_chrome_trace",
]
