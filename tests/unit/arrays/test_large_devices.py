"""Devices far larger than this computer, on storage that holds no bytes."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import resource
import simgpu as sg

resource.setrlimit(resource.RLIMIT_AS, (2**31, 2**31))
GIB = 2**30

with sg.Runtime("8 x 80GiB", storage="shape") as runtime:
    xp = runtime.xp()
    held = []
    for number in range(8):
        device = f"gpu:{number}"
        held += [xp.empty(20 * GIB, dtype=xp.uint8, device=device) for _ in range(3)]
        held.append(xp.empty((20 * GIB - 512,), dtype=xp.uint8, device=device))
        held.append(xp.empty(512, dtype=xp.uint8, device=device))
    full = [runtime.memory_statistics(f"GPU:{number}") for number in range(8)]
    for number in range(8):
        try:
            xp.empty(1, dtype=xp.uint8, device=f"gpu:{number}")
        except sg.OutOfDeviceMemory as error:
            print(number, error.shortage.used_bytes == 80 * GIB, error.shortage.largest_hole_bytes)
    assert full == [runtime.memory_statistics(f"GPU:{number}") for number in range(8)]
    held[4].free()
    one = xp.empty(1, dtype=xp.uint8, device="gpu:0")
    print(one.device, runtime.memory_statistics("GPU:0").current_bytes == 80 * GIB)
"""


def test_eight_devices_of_80_gib_are_filled_to_the_last_byte_and_not_beyond_with_two_gib_of_address_space():
    ran = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)

    assert ran.stderr == ""
    assert ran.stdout.splitlines() == [
        *(f"{number} True 0" for number in range(8)),
        "/job:localhost/replica:0/task:0/device:GPU:0 True",
    ]
