from dataclasses import replace

from simgpu.cli import commands
from simgpu.session import run


def test_engines_that_differ_end_with_status_1_and_say_where(simgpu, file, monkeypatch):
    def run_and_tamper(scenario, **options):
        result = run(scenario, **options)
        return replace(result, agreement=replace(result.agreement, difference="memory event 0 is another"))

    monkeypatch.setattr(commands, "run_engines", run_and_tamper)
    status, out, err = simgpu("run", file)

    assert status == 1
    assert "The engines DIFFER: memory event 0 is another." in out
    assert err == ""
