# SPDX-License-Identifier: Apache-2.0
"""What bench/run measured, as tables: for a terminal, and for README.md and docs/PERFORMANCE.md, between the lines that say so
there. A table is a title, the heads of its columns, and rows of strings."""

import os

BEGIN, END = "<!-- figures: scripts/bench --update writes them -->", "<!-- end of figures -->"
WAYS = {"native": "no filter", "floor": "floor: a supervisor that answers at once", "modjail": "modjail",
        "ptrace": "ptrace, 20 frames word by word"}
KINDS = {"predicted": "stack pointer predicted", "asked": "stack pointer asked for"}
LOOKUPS = {
    "plain": "one goroutine, nothing else", "main": "the main goroutine", "turns": "64 threads in turn",
    "roam": "64 goroutines that change threads", "each": "10,000 goroutines, each once",
    "first": "64 threads, first call of each", "few": "16 threads, first call of each",
}


def us(cell):
    return f"{cell['median'] / 1000:.2f} us"


def machine(results):
    m, s = results["machine"], results["settings"]
    release = ".".join(m["kernel"].split(".")[:2])
    return (f"{m['usable_cores']} cores, Linux {release}, {m['cpu']}, {m['go'].replace('go', 'Go ')}, "
            f"medians of {s['repetitions']}")


def call_table(results):
    rows = []
    for kind, label in KINDS.items():
        calls = results["calls"][kind]
        for way in calls["pinned"]:
            if way in ("native", "ptrace") and kind == "asked":
                continue
            row = [WAYS[way] + (f", {label}" if way == "modjail" else "")]
            if way == "floor" and kind == "asked":
                continue
            for placement in ("unpinned", "pinned"):
                cell, floor = calls[placement][way], calls[placement]["floor"]
                row += [us(cell), f"{cell['median'] / floor['median']:.2f} x"]
            rows.append(row)
    return "A notified call, 25 frames", ["", "not pinned", "to the floor", "on one CPU", "to the floor"], rows


def other_table(results):
    rows = []
    if "busy" in results:
        n, busy = results["settings"]["threads"], results["busy"]
        for way in busy:
            rows.append([f"{n} threads at once, per call: {WAYS[way]}", us(busy[way]),
                         f"{busy[way]['median'] / busy['floor']['median']:.2f} x"])
    if "allowed" in results:
        labels = {"native": "no filter", "allow": "a filter of one ALLOW instruction", "modjail": "modjail"}
        for way, cell in results["allowed"].items():
            rows.append([f"a call that nobody is denied: {labels[way]}", f"{cell['median']:.0f} ns",
                         f"{cell['median'] / results['allowed']['allow']['median']:.2f} x"])
    return "Other calls", ["", "per call", "to the floor"], rows


def start_table(results):
    rows = []
    if "start" in results:
        start = results["start"]
        rows.append(["a program that does nothing", "2", f"{1e3 * start['alone_s']:.1f} ms",
                     f"+{1e3 * start['added_s']:.1f} ms", ""])
    for row in sorted(results.get("starts", []), key=lambda row: row["size_mb"]):
        rows.append([f"{row['program']} ({row['what']})", f"{row['size_mb']:.0f}", f"{1e3 * row['alone_s']:.0f} ms",
                     f"+{1e3 * row['added_s']:.0f} ms", f"{row['peak_mib']:.1f} MiB"])
    return "Start", ["", "MB", "alone", "modjail adds", "modjail's peak memory"], rows


def flat_table(results):
    rows = []
    if "flat" in results:
        flat = results["flat"]
        points = [("4,200 calls", flat["few_calls"]), ("1,000,000 calls", flat["many_calls"])]
        processes = flat["processes"]
        points += [(f"{row['processes']:,} short processes", row) for row in (processes[0], processes[-1])]
        rows = [[label, f"{row['resident_kib'] / 1024:.1f} MiB", f"{row['anonymous_kib'] / 1024:.1f} MiB",
                 str(row["descriptors"])] for label, row in points]
    return "Memory of the supervisor after", ["", "resident", "of it anonymous", "descriptors"], rows


def work_table(results):
    rows = [[row["what"], row["module"], f"{row['alone_s']:.2f} s", f"{row['jailed_s']:.2f} s", f"{row['ratio']:.2f} x"]
            for row in results.get("work", [])]
    return "Real work", ["", "confined", "alone", "modjail", ""], rows


def cost_table(results):
    """Of the same work: what the difference consists of."""
    rows = [[row["what"], f"+{(row['jailed_s'] - row['alone_s']) * 1e3:.0f} ms", f"+{row['start_s'] * 1e3:.0f} ms",
             f"{row['record_s'] * 1e3:+.0f} ms", f"{row['notified']:,}", f"{row['call_us']:.1f} us",
             f"{row['notified'] * row['call_us'] / 1e3:.0f} ms"]
            for row in results.get("work", [])]
    return "Where real work pays", ["", "in all", "start", "Go's record of creators", "notified calls",
                                    "of modjail's time each", "together"], rows


def lookup_table(results):
    rows = []
    lookups = results.get("lookups", {})
    for case, label in LOOKUPS.items():
        if case in lookups:
            ways = lookups[case]
            rows.append([label, us(ways["floor"]), us(ways["off"]), us(ways["modjail"])])
    return "A call among 10,000 goroutines and 64 threads", ["", "floor", "--ancestry=off", "modjail"], rows


def creation_table(results):
    shapes, rows = [], {}
    for c in results["creations"]:
        shape = f"{c['generations']} up, {c['deep']} deep"
        if shape not in shapes:
            shapes.append(shape)
        rows.setdefault(c["ancestry"], []).append(f"{c['median']:.0f} ({c['bytes']:.0f})")
    return "A go statement, ns (bytes), by --ancestry=N", ["N", *shapes], [[str(n) if n else "off", *cells] for n, cells in rows.items()]


TABLES = (call_table, other_table, start_table, flat_table, work_table, cost_table, lookup_table, creation_table)


def print_tables(results):
    print(machine(results))
    for make in TABLES:
        title, heads, rows = make(results)
        if not rows:
            continue
        lines = [[title, *heads[1:]], *rows]
        widths = [max(len(line[i]) for line in lines) for i in range(len(heads))]
        print()
        for line in lines:
            print("  ".join(cell.ljust(width) if i == 0 else cell.rjust(width)
                            for i, (cell, width) in enumerate(zip(line, widths))).rstrip())


def markdown(table):
    title, heads, rows = table
    lines = [f"| {' | '.join([title, *heads[1:]])} |", "|" + "---|" * len(heads)]
    return "\n".join(lines + [f"| {' | '.join(row)} |" for row in rows])


def replace_block(path, text):
    with open(path, encoding="utf-8") as file:
        old = file.read()
    head, begin, rest = old.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"bench/run: {path} lacks the lines between which its figures stand")
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"{head}{BEGIN}\n{text}\n{END}{tail}")


def update(root, results):
    tables = [make(results) for make in TABLES]
    detailed = "\n\n".join(markdown(table) for table in tables if table[2])
    replace_block(os.path.join(root, "docs", "PERFORMANCE.md"), f"{machine(results)}:\n\n{detailed}")
    short = [markdown(make(results)) for make in (call_table, start_table, work_table) if make(results)[2]]
    replace_block(os.path.join(root, "README.md"), f"{machine(results)}:\n\n" + "\n\n".join(short))
