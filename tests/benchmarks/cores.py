"""Keeps idle cores awake while microseconds are measured.

A core that sleeps takes 20 to 50 µs to wake on a virtual machine, for each hand-over between
threads: more than the work that is measured, and a matter of the machine's power settings. Linux
lets a process ask for none of it (PM QoS, `Documentation/power/pm_qos_interface.rst`): a latency
in µs, written to a device that stays open. `cyclictest` of rt-tests and tuned's
`latency-performance` profile do the same.
"""

import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager

DEVICE = "/dev/cpu_dma_latency"


@contextmanager
def kept_awake() -> Iterator[bool]:
    """Inside, idle cores do not sleep; yields whether this machine lets us ask for that."""
    try:
        device = os.open(DEVICE, os.O_WRONLY)
    except OSError:  # not Linux, or not root
        yield False
        return
    try:
        os.write(device, struct.pack("i", 0))
        yield True
    finally:
        os.close(device)
