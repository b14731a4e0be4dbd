# SPDX-License-Identifier: Apache-2.0
"""Real programs for bench/run: how much longer they take to start, what modjail needs for them, how much longer real work
takes with one of their modules confined. Programs that are not there are left out; scripts/test installs them."""

import os
import re
import shutil
import statistics
import subprocess
import time

# What is executed to measure the start: a call that does nothing and ends.
STARTS = {
    "go": (["version"], "not stripped"),
    "restic": (["version"], "dynamic, cgo, stripped"),
    "tsgo": (["--version"], "stripped"),
    "caddy": (["version"], "dynamic, stripped"),
    "buf": (["--version"], "stripped"),
    "hugo": (["version"], "dynamic, cgo, stripped"),
    "kubectl": (["version", "--client"], "static"),
    "terraform": (["version"], "stripped"),
}
# A module of each that works in it and needs no call that a confined one is denied.
MODULES = {
    "restic": "github.com/restic/chunker",
    "buf": "google.golang.org/protobuf",
    "esbuild": "golang.org/x/sys",
    "hugo": "github.com/yuin/goldmark",
    "tsgo": "github.com/go-json-experiment/json",
}
VERSIONS = {"esbuild": ["--version"], **{name: what[0] for name, what in STARTS.items()}}
FILES, TIMEOUT = 10000, 300
ANCESTRY = 32  # modjail's default


def find_program(name):
    folder = os.environ.get("MJ_REAL") or os.path.join(os.path.dirname(__file__), "..", "build", "real")
    for root, _, files in os.walk(folder):
        path = os.path.join(root, name)
        if name in files and os.access(path, os.X_OK):
            return os.path.realpath(path)
    path = shutil.which(name) or (name == "go" and shutil.which("go", path="/usr/local/go/bin:/usr/lib/go-1.19/bin"))
    return os.path.realpath(path) if path else None


def seconds(command, env=None, cwd=None):
    begin = time.perf_counter()
    done = subprocess.run(command, env=env, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, text=True, timeout=TIMEOUT, check=False)
    took = time.perf_counter() - begin
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: status {done.returncode}\n{done.stderr[-2000:]}")
    return took


def alternate(repetitions, ways, prepare=lambda: None, **options):
    """Way -> its times, all ways in turn, forth and back; one run of each before that does not count."""
    samples = {way: [] for way in ways}
    for repetition in range(-1, repetitions):
        for way in ways if repetition % 2 else reversed(list(ways)):
            prepare()
            took = seconds(ways[way], **options)
            if repetition >= 0:
                samples[way].append(took)
    return samples


def summary(samples):
    alone, jailed = (statistics.median(samples[way]) for way in ("alone", "jailed"))
    return {"alone_s": alone, "jailed_s": jailed, "added_s": jailed - alone, "ratio": jailed / alone,
            "samples": samples}


# ---- start and memory --------------------------------------------------------------------------


def statistics_of(modjail, options, command, scratch, env=None):
    """What --stats prints."""
    log = os.path.join(scratch, "stats")
    if os.path.exists(log):
        os.remove(log)  # it would be added to
    seconds([*modjail, "--stats", f"--log-file={log}", *options, "--", *command], env=env)
    with open(log, encoding="utf-8") as file:
        return file.read()


def peak_mib(modjail, options, command, scratch):
    text = statistics_of(modjail, options, command, scratch)
    return float(re.search(r"peak memory of modjail +([0-9.]+) MiB", text).group(1))


def measure_starts(modjail, repetitions, scratch, progress):
    rows = []
    for name, (arguments, what) in STARTS.items():
        path = find_program(name)
        if not path:
            continue
        progress(f"start of {name}")
        options = ["--quiet", "--policy=golang.org/x/sys=confined"]
        ways = {"alone": [path, *arguments], "jailed": [*modjail, *options, "--", path, *arguments]}
        try:
            row = summary(alternate(repetitions, ways))
        except RuntimeError as error:
            progress(f"{error}\n")
            continue
        rows.append({"program": name, "what": what, "size_mb": os.path.getsize(path) / 1e6,
                     "peak_mib": peak_mib(modjail, options, ways["alone"], scratch), **row})
    return rows


# ---- real work ---------------------------------------------------------------------------------


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def restic(path, root):
    for i in range(FILES):
        write(f"{root}/files/{i // 100}/{i}", f"file {i}\n" + "x" * (i % 500))
    env = dict(os.environ, RESTIC_PASSWORD="x", RESTIC_REPOSITORY=f"{root}/repo", RESTIC_CACHE_DIR=f"{root}/cache")

    def prepare():
        shutil.rmtree(f"{root}/repo", ignore_errors=True)
        shutil.rmtree(f"{root}/cache", ignore_errors=True)
        seconds([path, "-q", "init"], env=env)

    return f"restic backup, {FILES:,} files", [path, "-q", "backup", f"{root}/files"], prepare, env


def buf(path, root):
    write(f"{root}/buf.yaml", "version: v2\n")
    for i in range(200):
        fields = "".join(f"  string field_{k} = {k};\n" for k in range(1, 30))
        write(f"{root}/demo{i}/v1/item.proto",
              f'syntax = "proto3";\npackage demo{i}.v1;\nmessage Item {{\n{fields}}}\n')
    return "buf lint, 200 files", [path, "lint", root], lambda: None, None


def esbuild(path, root):
    for i in range(1000):
        write(f"{root}/m{i}.js", f"export function f{i}(a) {{ return a + {i} }}\n" + f"export const x{i} = {i}\n")
    write(f"{root}/app.js", "".join(f'import {{ x{i} }} from "./m{i}.js"; console.log(x{i})\n' for i in range(1000)))
    return "esbuild bundle, 1,000 modules", [path, "--bundle", f"{root}/app.js", f"--outfile={root}/out.js",
                                              "--log-level=error"], lambda: None, None


def hugo(path, root):
    seconds([path, "new", "site", f"{root}/site"])
    for layout in ("single", "list"):
        write(f"{root}/site/layouts/_default/{layout}.html", "{{ .Title }} {{ .Content }}\n")
    for i in range(500):
        write(f"{root}/site/content/post/{i}.md", f"---\ntitle: post {i}\n---\n" + "# head\n\n*text* and more\n\n" * 20)
    return "hugo build, 500 posts", [path, "--source", f"{root}/site", "--quiet"], \
        lambda: shutil.rmtree(f"{root}/site/public", ignore_errors=True), None


def tsgo(path, root):
    for i in range(200):
        write(f"{root}/m{i}.ts", f"export function f{i}(a: string, b: number): string {{ return a + b + {i} }}\n")
    write(f"{root}/app.ts", "".join(f'import {{ f{i} }} from "./m{i}"; console.log(f{i}("a", {i}))\n' for i in range(200)))
    return "tsgo, 200 files", [path, "--ignoreConfig", "--types", "", "--lib", "es2020,dom", "--outDir", f"{root}/out",
                               f"{root}/app.ts"], lambda: None, None


def measure_work(modjail, repetitions, scratch, progress):
    rows = []
    for make in (restic, buf, esbuild, hugo, tsgo):
        name = make.__name__
        path = find_program(name)
        if not path:
            continue
        progress(f"work of {name}")
        root = os.path.join(scratch, name)
        os.makedirs(root)
        what, command, prepare, env = make(path, root)
        # A log of its own keeps the program's standard error as it is.
        options = ["--quiet", f"--policy={MODULES[name]}=confined"]
        jailed = [*modjail, *options, "--"]
        ways = {"alone": command, "recorded": ["env", f"GODEBUG=tracebackancestors={ANCESTRY}", *command],
                "jailed": [*jailed, *command]}
        rows.append({"what": what, "module": MODULES[name],
                     **summary(alternate(repetitions, ways, prepare, env=env)),
                     **explain(modjail, options, [path, *VERSIONS[name]], command, prepare, env, scratch, repetitions)})
        row = rows[-1]
        row["record_s"] = statistics.median(row["samples"]["recorded"]) - row["alone_s"]
        shutil.rmtree(root, ignore_errors=True)
    return rows


def explain(modjail, options, start, command, prepare, env, scratch, repetitions):
    """Where the time goes: to the start, and to how many calls of which length."""
    ways = {"alone": start, "jailed": [*modjail, *options, "--", *start]}
    prepare()
    text = statistics_of(modjail, options, command, scratch, env)
    return {"start_s": summary(alternate(repetitions, ways))["added_s"],
            "notified": int(re.search(r"(\d+) calls? checked", text).group(1)),
            "call_us": float(re.search(r"time per checked call +median ([0-9.]+) us", text).group(1))}
