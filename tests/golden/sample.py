#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Samples stacks of real programs and compares each with the runtime's own SIGQUIT dump.

sample.py WALKDUMP COUNT NAME -- COMMAND...: runs COMMAND COUNT times at most; run K is stopped at its K-th
openat (spread evenly if there are more), all threads that wait then are walked, and SIGQUIT makes the
runtime dump its goroutines. Prints one line: NAME, how many stacks agree, how many do not, and those."""
import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from compare import dumped, key, matches_dump  # noqa: E402


def run(walkdump, at, command):
    with tempfile.TemporaryDirectory() as d:
        out = os.path.join(d, "walks")
        env = dict(os.environ, GOTRACEBACK="system")
        try:
            p = subprocess.run([walkdump, out, f"openat@{at}", "-1"] + command,
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE, timeout=20, env=env)
        except subprocess.TimeoutExpired as e:
            p = e  # a thread that waits held what the dump needs: it came to no end
        with open(out) as f:
            walks = [json.loads(line) for line in f]
        text = (p.stderr or b"").decode(errors="replace")
        unfinished = isinstance(p, subprocess.TimeoutExpired)
        return walks, dumped(text), unfinished or "stack unavailable" in text


def explainable(walk):
    """Stacks that the runtime does not dump: no goroutine is in a system call."""
    return walk["root"] in ("start", "loader", "scheduler", "c")


def main():
    split = sys.argv.index("--")
    walkdump, count, name = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    command = sys.argv[split + 1:]
    agree, undumped, differ = 0, 0, []
    for at in range(1, count + 1):
        walks, stacks, hidden = run(walkdump, at, command)
        if not walks:
            break
        for walk in walks:
            if walk["status"] != "complete":
                differ.append((at, walk["status"], [key(f) for f in walk["frames"]]))
            elif explainable(walk):
                undumped += 1
            elif any(matches_dump(walk, s) for s in stacks):
                agree += 1
            elif hidden:
                # "goroutine running on other thread; stack unavailable": a raw system call, of which
                # the runtime does not know.
                undumped += 1
            else:
                differ.append((at, [key(f) for f in walk["frames"]],
                               [[f and key(f) for f in s] for s in stacks]))
    print(f"{name}: {agree} agree, {len(differ)} differ, {undumped} without a dump to compare with")
    for d in differ[:5]:
        print("#", d)
    return 1 if differ or agree + undumped == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
