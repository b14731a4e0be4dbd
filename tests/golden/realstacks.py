#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""realstacks.py WALKDUMP: at least 1,000 stacks of at least six real programs, three of them stripped, each
compared with what the program's own runtime says (sample.py). Prints TAP, one test a program and one for the sum,
which also fails if more than one stack in twenty has nothing to be compared with.

MJ_REAL names a folder with programs from npm (scripts/test makes it); the others are looked for in PATH. MJ_STACKS_FACTOR=2
takes twice as many."""
import json
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from sample import sample, summary  # noqa: E402

STACKS, PROGRAMS, STRIPPED = 1000, 6, 3
FILES = 240  # more openats than samples, so that no two samples are of the same one
JOBS = 2


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)


def find(name):
    """In PATH, or below MJ_REAL."""
    real = os.environ.get("MJ_REAL", "")
    for folder, _, files in os.walk(real) if real else ():
        if name in files and os.access(os.path.join(folder, name), os.X_OK):
            return os.path.join(folder, name)
    found = shutil.which(name)
    return found and os.path.realpath(found)


# ---- what each program is given to do: returns its arguments ---------------------------------------


def gojq(_, tmp):
    names = [f"{tmp}/{i:03}.json" for i in range(2 * TABLE[gojq] + 20)]
    for i, name in enumerate(names):
        write(name, json.dumps({"n": i}))
    return [".n", *names]


def hugo(program, tmp):
    subprocess.run([program, "new", "site", tmp + "/site"], check=True, stdout=subprocess.DEVNULL)
    for name in "single", "list":
        write(f"{tmp}/site/layouts/_default/{name}.html", "{{ .Title }} {{ .Content }}\n")
    for i in range(FILES):
        write(f"{tmp}/site/content/post/{i:03}.md", f"---\ntitle: post {i}\n---\n# head\n\n*text* {i}\n")
    return ["--source", tmp + "/site", "--quiet", "--renderToMemory"]


def kubectl(_, tmp):
    names = [f"{i:03}.yaml" for i in range(FILES // 4)]
    for i, name in enumerate(names):
        write(f"{tmp}/{name}", f"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: m{i}\ndata:\n  a: b\n")
    write(tmp + "/kustomization.yaml", "namePrefix: demo-\nresources:\n" + "".join(f"- {n}\n" for n in names))
    return ["kustomize", tmp]


def terraform(_, tmp):
    for i in range(FILES):
        write(f"{tmp}/{i:03}.tf", f'output "o{i}" {{\nvalue={i}\n}}\n')
    return ["fmt", "-check", "-list=false", tmp]


def docker(_, tmp):
    return ["--config", tmp, "--help"]


def restic(program, tmp):
    os.environ.update(RESTIC_PASSWORD="x", RESTIC_REPOSITORY=tmp + "/repo")
    for i in range(FILES):
        write(f"{tmp}/source/{i:03}", f"file {i}\n")
    subprocess.run([program, "-q", "--no-cache", "init"], check=True)
    return ["-q", "--no-cache", "--no-lock", "backup", "--dry-run", tmp + "/source"]


def buf(_, tmp):
    write(tmp + "/buf.yaml", "version: v2\n")
    for i in range(FILES):
        write(f"{tmp}/demo/v1/m{i:03}.proto",
              f'syntax = "proto3";\npackage demo.v1;\nmessage M{i:03} {{\n  string name = 1;\n}}\n')
    return ["lint", tmp]


def esbuild(_, tmp):
    for i in range(FILES):
        write(f"{tmp}/m{i}.js", f"export const x{i} = {i}\n")
    write(tmp + "/app.js", "".join(f'import {{ x{i} }} from "./m{i}.js"; console.log(x{i})\n' for i in range(FILES)))
    return ["--bundle", tmp + "/app.js"]


def tsgo(_, tmp):
    for i in range(FILES):
        write(f"{tmp}/m{i}.ts", f"export const x{i}: number = {i}\n")
    return ["--ignoreConfig", "--types", "", "--noEmit", *(f"{tmp}/m{i}.ts" for i in range(FILES))]


# How often each is run: as they take their time to start, or (restic) to open a repository. Some give dozens of
# stacks a run; if one of those is missing, the others are run twice as often.
TABLE = {gojq: 300, hugo: 90, kubectl: 90, terraform: 90, docker: 90, restic: 20, buf: 50, esbuild: 30, tsgo: 40}
MANY = (esbuild, tsgo)


# ---- TAP -----------------------------------------------------------------------------------------


def is_stripped(program):
    """No section .symtab. What file(1) says, without it."""
    with open(program, "rb") as f:
        head = f.read(64)
        f.seek(int.from_bytes(head[40:48], "little"))
        size, count = int.from_bytes(head[58:60], "little"), int.from_bytes(head[60:62], "little")
        sections = f.read(size * count)
    return all(int.from_bytes(sections[i * size + 4:i * size + 8], "little") != 2 for i in range(count))


def measure(tool, job, runs, program):
    with tempfile.TemporaryDirectory(prefix="modjail-stacks.") as tmp:
        os.environ.update(HOME=tmp + "/home", XDG_CACHE_HOME=tmp + "/cache", CHECKPOINT_DISABLE="1", NO_COLOR="1")
        os.makedirs(tmp + "/home")
        arguments = job(program, tmp + "/work")
        os.makedirs(tmp + "/work", exist_ok=True)
        return sample(tool, runs, [program, *arguments], jobs=JOBS)


def main():
    tool = os.path.abspath(sys.argv[1])
    agree, others, programs, stripped, failed, creators = 0, 0, 0, 0, False, 0
    factor = 1 if all(find(job.__name__) for job in MANY) else 2
    factor *= int(os.environ.get("MJ_STACKS_FACTOR", "1"))
    print(f"1..{len(TABLE) + 1}")
    for n, (job, runs) in enumerate(TABLE.items(), 1):
        name, program = job.__name__, find(job.__name__)
        if not program:
            print(f"ok {n} - {name} # SKIP {name} is not installed", flush=True)
            continue
        counts, differ, most = measure(tool, job, runs * factor, program)
        good = not differ and counts["agrees"] > 0
        print(f"{'ok' if good else 'not ok'} {n} - {name}: {summary(counts, differ, most)}", flush=True)
        for detail in differ[:5]:
            print(*("#   " + line for line in detail), sep="\n", flush=True)
        agree, creators, failed = agree + counts["agrees"], max(creators, most), failed or not good
        others += sum(counts.values()) - counts["agrees"]
        programs, stripped = programs + 1, stripped + is_stripped(program)
    text = f"{agree} stacks of {programs} programs, {stripped} of them stripped, are as the runtime says; " \
           f"at most {creators} creators"
    if programs < PROGRAMS:
        print(f"ok {len(TABLE) + 1} - {text} # SKIP only {programs} programs of {PROGRAMS} are installed")
    else:
        failed = failed or agree < STACKS or stripped < STRIPPED or others * 20 > agree
        print(f"{'not ok' if failed else 'ok'} {len(TABLE) + 1} - {text}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
