#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""launcher.py NAME [VARIABLE=VALUE...] -- PROG [ARG...]

Starts a program as a service manager does: from a daemon (two forks, a session of its own) that has nothing to do with
modjail and knows only what to put into the environment. The program's output goes to NAME.out and NAME.err, the daemon's
and the program's pids to NAME.pids, and how it ended, "exit N" or "signal N", to NAME.end. With PR_SET_CHILD_SUBREAPER=1 among
the variables, the program adopts its orphaned descendants, as some service managers arrange it."""
import ctypes
import os
import subprocess
import sys

PR_SET_CHILD_SUBREAPER = 36

name = sys.argv[1]
split = sys.argv.index("--")
environment = {k: v for k, v in os.environ.items() if k in ("PATH", "GODEBUG")}
environment.update(word.split("=", 1) for word in sys.argv[2:split])
subreaper = environment.pop("PR_SET_CHILD_SUBREAPER", None)


def write(suffix, text):
    with open(name + suffix + ".new", "w", encoding="utf-8") as file:
        file.write(text + "\n")
    os.rename(name + suffix + ".new", name + suffix)


def prepare():
    if subreaper:
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


if os.fork():
    os._exit(0)
os.setsid()
if os.fork():
    os._exit(0)
with open(name + ".out", "wb") as out, open(name + ".err", "wb") as err:
    program = subprocess.Popen(sys.argv[split + 1:], stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                               env=environment, close_fds=True, preexec_fn=prepare)
write(".pids", f"{os.getpid()} {program.pid}")
status = program.wait()
write(".end", f"signal {-status}" if status < 0 else f"exit {status}")
