#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Samples stacks of real programs and compares each with the runtime's own SIGQUIT dump.

sample.py WALKDUMP COUNT NAME -- COMMAND...: runs COMMAND COUNT times at most; each run is stopped at another of its
openats, spread evenly over them; all threads that wait then are walked, and SIGQUIT makes the runtime dump its
goroutines. Prints how many stacks agree, how many do not, and those. tests/golden/realstacks.py does so for many
programs.

A stack that agrees with no dump must have one of these reasons, or it is a failure:
  not in a system call  no goroutine made the call (start-up, the loader, the scheduler, C): none is dumped
  stack unavailable     the dump lists the goroutine, as one that runs: it made a raw system call
  no dump               the runtime wrote none, or none with that goroutine before it was ended: a thread that waits
                        held what the dump needs, or the program had just begun or ended
"""
import collections
import concurrent.futures
import json
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from compare import FRAME, key, matches_dump  # noqa: E402

HEADER = re.compile(r"^goroutine (\d+)(?: gp=\S+ m=\S+(?: mp=\S+)?)? \[([^\]]*)\]:$")
NEVER = 4294967295  # an openat that no program comes to
LIMIT = 10  # seconds, for one run


def dumped(text):
    """Goroutine -> its frames as the runtime printed them, None if it could not."""
    stacks, frames, name, goid = {}, None, None, None
    for line in text.splitlines():
        header = HEADER.match(line)
        if header:
            goid, frames, name = int(header.group(1)), [], None
            stacks[goid] = frames  # number 0 are threads' own; no walk has it
        elif frames is None:
            continue
        elif "stack unavailable" in line:
            stacks[goid] = frames = None
        elif not line or line.startswith("created by "):
            frames = None
        elif "frames elided" in line:
            frames.append(None)
        elif (m := FRAME.match(line)) and name:
            frames.append({"func": name, "file": m.group(1), "line": int(m.group(2))})
        else:
            name = line[: line.rindex("(")] if "(" in line else None
    return stacks


def walkdump(tool, at, command, env=None):
    """Walks of one run, and what the program wrote to standard error."""
    with tempfile.TemporaryDirectory() as d:
        out, err = os.path.join(d, "walks"), os.path.join(d, "err")
        env = dict(os.environ, GOTRACEBACK="system", **(env or {}))
        with open(err, "wb") as stderr:
            try:
                subprocess.run([tool, out, f"openat@{at}", "-1"] + command, stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=stderr, timeout=LIMIT, env=env)
            except subprocess.TimeoutExpired:
                pass  # a thread that waits held what the dump needs: it came to no end
        with open(out, encoding="utf-8") as f:
            walks = [json.loads(line) for line in f if line.endswith("\n")]
        with open(err, encoding="utf-8", errors="replace") as f:
            return walks, f.read()


def goroutine(walk):
    return 1 if walk["root"] == "main" else walk["goid"]


def judge(walk, stacks):
    """"agrees", the reason why there is nothing to compare with, or None: it differs."""
    if walk["status"] != "complete":
        return None
    if walk["root"] in ("start", "loader", "scheduler", "c"):
        return "not in a system call"
    goid = goroutine(walk)
    if goid not in stacks:
        return "no dump"
    frames = stacks[goid]
    if frames is None:
        return "stack unavailable"
    return "agrees" if matches_dump(walk, frames) else None


def one_run(tool, at, command, env):
    walks, text = walkdump(tool, at, command, env)
    stacks = dumped(text)
    results = []
    for walk in walks:
        if "openats" in walk:
            continue
        what, detail = judge(walk, stacks), None
        if what is None:
            frames = stacks.get(goroutine(walk))
            detail = (f"openat {at}, goroutine {goroutine(walk)}: {walk['status']}, {walk['root']}",
                      "walk: %s" % [key(f) for f in walk["frames"]],
                      "dump: %s" % (frames and [f and key(f) for f in frames]))
        results.append((what, detail, walk["ancestors"]))
    return results


def sample(tool, count, command, env=None, jobs=2):
    """How many stacks agree, or cannot be compared and why; those that differ; the most creators of any."""
    walks, _ = walkdump(tool, NEVER, command, env)
    total = next((w["openats"] for w in walks if "openats" in w), 0)
    places = sorted({1 + i * total // count for i in range(count)} if total else ())
    counts, differ, creators = collections.Counter(), [], 0
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for results in pool.map(lambda at: one_run(tool, at, command, env), places):
            for what, detail, ancestors in results:
                counts[what] += 1
                creators = max(creators, ancestors)
                if what is None:
                    differ.append(detail)
    return counts, differ, creators


def summary(counts, differ, creators):
    rest = ", ".join(f"{n} {what}" for what, n in sorted(counts.items(), key=str) if what not in ("agrees", None))
    return f"{counts['agrees']} agree, {len(differ)} differ; not comparable: {rest or 'none'}; " \
           f"at most {creators} creators"


def main():
    split = sys.argv.index("--")
    tool, count, name = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    counts, differ, creators = sample(tool, count, sys.argv[split + 1:])
    print(f"{name}: {summary(counts, differ, creators)}")
    for detail in differ[:5]:
        print("#", *detail, sep="\n#   ")
    return 1 if differ or not counts["agrees"] else 0


if __name__ == "__main__":
    sys.exit(main())
