"""Traces and results for people and programs: tables, JSON, Chrome traces."""

from simgpu.report.calibration_report import calibration_report
from simgpu.report.catalog import catalog_tables, describe_box, describe_part
from simgpu.report.comparison_report import comparison_json, comparison_report
from simgpu.report.json_result import placement_json, result_json
from simgpu.report.machine_report import describe_machine
from simgpu.report.run_report import placement_report, run_report
from simgpu.report.smi import cards_json, cards_report
from simgpu.report.tables import Part
from simgpu.report.text import as_text
from simgpu.report.trace_events import chrome_trace, trace_path, write_chrome_trace
from simgpu.report.trace_file import read_trace, read_traces
from simgpu.report.validation_plot import write_validation_plot
from simgpu.report.validation_report import exceeded, validation_report

__all__ = [
    "Part",
    "as_text",
    "calibration_report",
    "cards_json",
    "cards_report",
    "catalog_tables",
    "chrome_trace",
    "comparison_json",
    "comparison_report",
    "describe_box",
    "describe_machine",
    "describe_part",
    "exceeded",
    "placement_json",
    "placement_report",
    "read_trace",
    "read_traces",
    "result_json",
    "run_report",
    "trace_path",
    "validation_report",
    "write_chrome_trace",
    "write_validation_plot",
]
