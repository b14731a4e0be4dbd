#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a packed program's start costs: bench/pack.py MODJAIL POLICY PROG [ARG...]

MODJAIL: a static one (meson setup -Dstatic=true --buildtype=release). POLICY: MODULE=confined. Runs PROG by itself, under
`modjail run`, and packed, 20 times each in turn, and prints medians of processor time (of all processes) and of time passed.
Nothing is asserted: results depend on the machine."""
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time

RUNS = 20


def used():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def measure(command):
    cpu, wall = used(), time.perf_counter()
    subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    return used() - cpu, time.perf_counter() - wall


def main():
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    modjail, policy, prog, *args = sys.argv[1:]
    policy = "--policy=" + policy
    with tempfile.TemporaryDirectory() as folder:
        packed = os.path.join(folder, "packed")
        subprocess.run([modjail, "pack", "--quiet", policy, "-o", packed, prog], check=True)
        ways = {"by itself": [prog], "modjail run": [modjail, "run", "--quiet", policy, "--", prog], "packed": [packed]}
        results = {name: [] for name in ways}
        for _ in range(RUNS):
            for name, command in ways.items():
                results[name].append(measure(command + args))
        print(f"{prog}: {os.path.getsize(prog) / 1e6:.1f} MB; packed: {os.path.getsize(packed) / 1e6:.1f} MB")
        for name, values in results.items():
            cpu, wall = (statistics.median(column) * 1e3 for column in zip(*values))
            print(f"  {name:12} {cpu:8.1f} ms of processor time {wall:8.1f} ms in all")


main()
