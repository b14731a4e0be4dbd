#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How commands end, as waitpid(2) tells it, which a shell does not.

  endings.py status COMMAND...        prints "exit N" or "signal N", and "core" if the kernel says that there is one
  endings.py storm SIGNAL N LONGEST COMMAND...
                                      starts COMMAND N times and sends it SIGNAL after a time that goes from 0 to LONGEST ms
                                      evenly; prints how many ended in which way
"""
import collections
import os
import signal
import sys
import time


def start(command):
    pid = os.fork()
    if pid == 0:
        null = os.open("/dev/null", os.O_RDWR)
        for fd in 0, 1, 2:
            os.dup2(null, fd)
        os.execvp(command[0], command)
    return pid


def words(status):
    if os.WIFSIGNALED(status):
        return f"signal {os.WTERMSIG(status)}" + (" core" if os.WCOREDUMP(status) else "")
    return f"exit {os.WEXITSTATUS(status)}"


def wait(pid, seconds):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return words(status)
        time.sleep(0.001)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return "hangs"


def storm(sig, n, longest, command):
    seen = collections.Counter()
    for i in range(n):
        pid = start(command)
        time.sleep(longest / 1000 * i / n)
        os.kill(pid, sig)
        seen[wait(pid, 20)] += 1
    for ending, count in sorted(seen.items()):
        print(f"{count} x {ending}")


if sys.argv[1] == "status":
    print(wait(start(sys.argv[2:]), 60))
else:
    storm(getattr(signal, "SIG" + sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]), sys.argv[5:])
