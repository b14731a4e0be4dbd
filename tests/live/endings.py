#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How commands end, as waitpid(2) tells it, which a shell does not.

  endings.py status COMMAND...        prints "exit N" or "signal N", and "core" if the kernel says that there is one
  endings.py storm SIGNAL N LONGEST COMMAND...
                                      starts COMMAND N times and sends it SIGNAL after a time that goes from 0 to LONGEST ms
                                      evenly; prints how many ended in which way
  endings.py ready SIGNAL N LONGEST COMMAND...
                                      the same, but the time begins when COMMAND has written something
  endings.py queue SIGNAL N LONGEST COMMAND...
                                      starts COMMAND, `sigcount wait` in the end, with all signals blocked, and queues N of signal
                                      SIGNAL, a number, with values from 0, the last after LONGEST ms; then ends it
  endings.py each SIGNAL N COMMAND... starts COMMAND, tests/programs/sig, and sends it SIGNAL N times, each when it has told of the one
                                      before, then SIGUSR1; prints what came otherwise, and how it ended
"""
import collections
import ctypes
import os
import signal
import sys
import time


PATIENCE = 10  # seconds in which whatever was told to end has to


def start(command, out=None):
    """out: where its standard output goes; None: nowhere, as what it says on standard error."""
    pid = os.fork()
    if pid == 0:
        null = os.open("/dev/null", os.O_RDWR)
        for fd in 0, 1, 2:
            os.dup2(out if fd == 1 and out is not None else null, fd)
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


def storm(sig, n, longest, command, ready):
    seen = collections.Counter()
    for i in range(n):
        reader, writer = os.pipe()
        pid = start(command, writer if ready else None)
        os.close(writer)
        if ready:
            os.read(reader, 1)
        time.sleep(longest / 1000 * i / n)
        os.kill(pid, sig)
        seen[wait(pid, PATIENCE)] += 1
        os.close(reader)
    for ending, count in sorted(seen.items()):
        print(f"{count} x {ending}")


def queue(sig, n, longest, command):
    libc = ctypes.CDLL(None, use_errno=True)
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    pid = start(command, 1)
    for i in range(n):
        if libc.sigqueue(pid, sig, ctypes.c_void_p(i)) != 0:
            sys.exit(f"signal {i}: {os.strerror(ctypes.get_errno())}")
        time.sleep(longest / 1000 / n)
    libc.sigqueue(pid, int(signal.SIGRTMAX), ctypes.c_void_p(9999))
    print(wait(pid, PATIENCE))


def each(sig, n, command):
    reader, writer = os.pipe()
    pid = start(command, writer)
    os.close(writer)
    signal.alarm(60)  # whatever is lost
    with os.fdopen(reader) as lines:
        for line in lines:
            if line.startswith("ready"):
                break
        for i in range(1, n + 1):
            os.kill(pid, sig)
            line = lines.readline()
            if not (line.startswith(f"got {int(sig)} ") and line.endswith(f" {i}\n")):
                print(f"{i}: {line.strip()}")
                break
        os.kill(pid, signal.SIGUSR1)
        sys.stdout.write(lines.read())
    print(wait(pid, PATIENCE))


if sys.argv[1] == "status":
    print(wait(start(sys.argv[2:]), 60))
elif sys.argv[1] == "queue":
    queue(int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]), sys.argv[5:])
elif sys.argv[1] == "each":
    each(getattr(signal, "SIG" + sys.argv[2]), int(sys.argv[3]), sys.argv[4:])
else:
    storm(getattr(signal, "SIG" + sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]), sys.argv[5:],
          sys.argv[1] == "ready")
