#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""terminal.py STEP... -- COMMAND...: plays a shell at a terminal. Starts COMMAND as the foreground job of a
new terminal, does the steps in turn and prints how the job ended ("exit N", "signal N").

  see:TEXT   waits until the terminal shows TEXT        never:TEXT  fails if the terminal has shown TEXT
  type:KEY   types ^C, ^Z or ^\\ (C, Z, B)                kill:NAME   sends the job's leader SIGNAME
  group:NAME sends SIGNAME to the job's whole process group
  stopped    waits until every process of the job is stopped
  running    fails unless no process of the job is stopped
  fg         continues the job in the foreground, as a shell's fg
  bg         takes the terminal and continues the job in the background, as a shell's bg
  line:TEXT  types a line
  size:R,C   gives the terminal R rows and C columns, as a window that is resized
  end        waits for the end (always the last step)

What the terminal showed goes to standard error. Fails, saying which step, after ten seconds without success.
"""
import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time

KEYS = {"C": b"\x03", "Z": b"\x1a", "B": b"\x1c"}


class Job:
    def __init__(self, command):
        self.master, slave = pty.openpty()
        self.shown = b""
        # Our own session, with the terminal as its own: a shell's place.
        os.setsid()
        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
        signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        self.pid = os.fork()
        if self.pid == 0:
            os.setpgid(0, 0)
            os.tcsetpgrp(slave, os.getpid())
            signal.signal(signal.SIGTTOU, signal.SIG_DFL)
            for fd in 0, 1, 2:
                os.dup2(slave, fd)
            os.execvp(command[0], command)
        try:
            os.setpgid(self.pid, self.pid)
        except PermissionError:  # the child has executed already
            pass
        self.slave = slave
        self.ended = None

    def read(self):
        while select.select([self.master], [], [], 0)[0]:
            try:
                self.shown += os.read(self.master, 65536)
            except OSError:
                return

    def reap(self):
        if self.ended is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG | os.WUNTRACED)
            if pid and not os.WIFSTOPPED(status):
                self.ended = status
        return self.ended is not None

    def states(self):
        """States of the job's processes: the leader and its descendants. Without modjail's sentinel, which
        blocks all signals and never stops."""
        parents, states = {}, {}
        for entry in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{entry}/stat") as stat:
                    name, _, rest = stat.read().rpartition(")")
            except OSError:
                continue
            if name.endswith("(modjail-signals"):
                continue
            fields = rest.split()
            parents[int(entry)], states[int(entry)] = int(fields[1]), fields[0]
        found, result = {self.pid}, [states.get(self.pid, "Z")]
        while True:
            new = {p for p, parent in parents.items() if parent in found} - found
            if not new:
                return result
            found |= new
            result += [states[p] for p in new]

    def step(self, what, argument):
        """Does a step, or says whether it has come true."""
        self.read()
        self.reap()
        if what == "see":
            return argument.encode() in self.shown
        if what == "never":
            time.sleep(0.3)
            self.read()
            if argument.encode() in self.shown:
                fail(self, f"{what}:{argument}")
        elif what == "type":
            os.write(self.master, KEYS[argument])
        elif what == "kill":
            os.kill(self.pid, getattr(signal, "SIG" + argument))
        elif what == "group":
            os.killpg(self.pid, getattr(signal, "SIG" + argument))
        elif what == "stopped":
            return set(self.states()) == {"T"}
        elif what == "running":
            return "T" not in self.states()
        elif what == "fg":
            os.tcsetpgrp(self.slave, self.pid)
            os.killpg(self.pid, signal.SIGCONT)
        elif what == "bg":
            os.tcsetpgrp(self.slave, os.getpgrp())
            os.killpg(self.pid, signal.SIGCONT)
        elif what == "line":
            os.write(self.master, argument.encode() + b"\n")
        elif what == "size":
            rows, columns = map(int, argument.split(","))
            fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        elif what == "end":
            return self.ended is not None
        else:
            sys.exit(f"unknown step {what}")
        return True


def fail(job, step):
    if job.ended is None:
        os.kill(job.pid, signal.SIGKILL)
    sys.stderr.write(job.shown.decode(errors="replace"))
    sys.exit(f"failed at {step}")


def main():
    split = sys.argv.index("--")
    if os.getpid() == os.getsid(0) or os.getpgrp() == os.getpid():
        # setsid is not for group leaders: let a child play the shell.
        child = os.fork()
        if child:
            sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    job = Job(sys.argv[split + 1:])
    for step in sys.argv[1:split]:
        what, _, argument = step.partition(":")
        deadline = time.monotonic() + 10
        while not job.step(what, argument):
            if time.monotonic() > deadline:
                fail(job, f"{step} (processes: {job.states()})")
            time.sleep(0.02)
    job.read()
    sys.stderr.write(job.shown.decode(errors="replace"))
    code = os.waitstatus_to_exitcode(job.ended)
    print(f"signal {-code}" if code < 0 else f"exit {code}")


main()
