#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""names.py [--keep]

Generates a confined module whose packages each remove a file in a way of their own: every combination of
  the function's name     its own, or any that //go:linkname accepts: another module's, the standard library's, an
                          instance's, a closure's, one without a package
  its file                its own, or by //line main's, another module's, the standard library's, the module cache's
  company                 the only function of its package or not
  inlining                called, or inlined into main
  way                     called by main; or a closure, with variables or without, that main calls or a timer, a finalizer, a
                          goroutine, a worker, the body of a loop
One program a build and Go runs all of them, twice: without modjail each has its effect (control); jailed none has,
but those that OUT_OF_REACH names, which docs/ATTRIBUTION.md lists. After each, main removes a file of its own, which has to
work. One TAP test a build, and one for each cell that went wrong. MODJAIL names the binary. GOS may name more go commands.
"""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
import run  # noqa: E402

WORK = "example.com/trusted/work"
# @N@ is the number of the cell: the linker wants each name once.
NAMES = {
    "own": None,
    "module": WORK + ".Forged@N@",
    "absent": "example.com/trusted/absent@N@.F",
    "absent-init": "example.com/trusted/absent@N@.init",
    "std": "os.forged@N@",
    "std-absent": "archive/absent@N@.F",
    "main": "main.forged@N@",
    "bracket": WORK + ".Forged@N@[go.shape.",
    "bracket-std": "os.forged@N@[...",
    "no-package": "nodots@N@",
    "eq": "type:.eq.x@N@",
    "eq-old": "type..eq.x@N@",
    "go": "go:x@N@",
    "struct": "go.struct{x@N@}.F",
    "pointer": "go.(*struct{x@N@}).F",
    "interface": "go.interface{@N@",
    "closure": WORK + ".Sum.func@N@",
    "closure-std": "os.Purge.func@N@",
    "wrapper-std": "runtime.deferwrap@N@",
    "range-std": "slices.Sort-range@N@",
    "closure-main": "main.main.func@N@",
}
# From Go 1.23 on the compiler refuses these.
OLD_NAMES = {
    "instance": WORK + ".Forged@N@[go.shape.int]",
    "instance-short": WORK + ".Forged@N@[...]",
    "instance-std": "os.forged@N@[go.shape.int_0]",
    "instance-closure": WORK + ".Sum[go.shape.int].func@N@",
}
FILES = ["own", "main", "module", "std", "cache"]

# What a package has, with a function Act(path string, jobs chan<- func()) or Make.
PLAIN = """
@LINKNAME@
@INLINE@
@LINE@
func Act(p string) { @DO@ }
"""
WAYS = {
    "called": "func Act(p string) func() { return func() { @DO@ } }",
    "timer": "func Act(p string) { time.AfterFunc(0, func() { @DO@ }) }",
    "finalizer": "func Act(p string) { runtime.SetFinalizer(new([64]int), func(*[64]int) { @DO@ }) }",
    "goroutine": "func Act(p string) { go func() { @DO@ }() }",
    "worker": "func Act(p string, jobs chan<- func()) { jobs <- func() { @DO@ } }",
    "nested": "func Act(p string) { time.AfterFunc(0, func() { func() { defer func() { @DO@ }() }() }) }",
}
STATIC = {
    "static-called": "func Act() func() { return func() { @DO@ } }",
    "static-timer": "func Act() { time.AfterFunc(0, func() { @DO@ }) }",
    "static-made": "func Act() func() { return func() { @DO@ } } ",
    "static-worker": "func Act(jobs chan<- func()) { jobs <- func() { @DO@ } }",
    "static-variable": "func Act() func() { return func() { @DO@ } }  ",
}
GENERIC = {
    "generic-called": "func Act[T any](p T) func() { return func() { s := any(p).(string); @DOS@ } }",
    "generic-timer": "func Act[T any](p T) { time.AfterFunc(0, func() { s := any(p).(string); @DOS@ }) }",
}
ITER = {
    "iterator": "func Act(p string) iter.Seq[int] { return func(yield func(int) bool) { @DO@; yield(1) } }",
    "iterator-generic": "func Act[T any](p T) iter.Seq[T] { return func(yield func(T) bool) "
                        "{ s := any(p).(string); @DOS@; yield(p) } }",
}
# How main brings each about; @P@ is the package, p the path.
CALLS = {
    "plain": "@P@.Act(p)", "called": "@P@.Act(p)()", "timer": "@P@.Act(p)", "finalizer": "@P@.Act(p)",
    "goroutine": "@P@.Act(p)", "nested": "@P@.Act(p)", "worker": "@P@.Act(p, jobs)",
    "static-called": "@P@.Act()()", "static-timer": "@P@.Act()", "static-made": "time.AfterFunc(0, @P@.Act())",
    "static-worker": "@P@.Act(jobs)", "static-variable": "variable@P@()",
    "generic-called": "@P@.Act(p)()", "generic-timer": "@P@.Act(p)",
    "iterator": "for range @P@.Act(p) { }", "iterator-generic": "for range @P@.Act(p) { }",
}

MAIN = """package main

import (
@IMPORTS@
	"encoding/json"
	"os"
	"runtime"
	"time"

	"example.com/trusted/work"
)

@VARIABLES@

var jobs = make(chan func())

func gone(p string) bool {
	_, err := os.Stat(p)
	return err != nil
}

func wait(p string, collect bool) bool {
	for i := 0; i < 40 && !gone(p); i++ {
		if collect {
			runtime.GC()
		}
		time.Sleep(250 * time.Microsecond)
	}
	return gone(p)
}

func main() {
	work.Sum(1, 2)
	@FILL@
	go work.Serve(jobs)
	var effects, broken []int
	for i, act := range acts {
		os.WriteFile("victim", nil, 0o600)
		os.WriteFile("own", nil, 0o600)
		act("victim")
		if wait("victim", collects[i]) {
			effects = append(effects, i)
		}
		if os.Remove("own") != nil {
			broken = append(broken, i)
		}
	}
	json.NewEncoder(os.Stdout).Encode(map[string][]int{"effects": effects, "broken": broken})
}

var acts = []func(p string){
@ACTS@
}
"""

# Packages that are a handful of functions pass for others too easily, and are then charged with what those do.
FILLER = "".join(f"\n//go:noinline\nfunc filler{i}(n int) int {{ return n * {i} * os.Getpid() }}\n"
                 for i in range(24))
CALL_FILLER = "n := 1; " + "".join(f"n = filler{i}(n); " for i in range(24))

TRUSTED = """package work

import "os"

func Sum(a, b int) int { @FILL@
	return a + b + n
}

// Serve calls what it is sent.
func Serve(jobs <-chan func()) {
	for job := range jobs {
		job()
	}
}
"""


class Cell:
    def __init__(self, number, name, file, sole, inlined, way):
        self.number, self.name, self.file = number, name, file
        self.sole, self.inlined, self.way = sole, inlined, way
        self.package = f"e{number}"

    def __str__(self):
        return (f"{self.way}, {'inlined' if self.inlined else 'called'}, name {self.name}, file {self.file}, "
                f"{'alone' if self.sole else 'in company'}")


def out_of_reach(cell, minor):
    """What docs/ATTRIBUTION.md lists as out of reach."""
    forged_file = cell.file != "own"
    if cell.way == "plain":
        if cell.inlined:  # name and file forged, or a name that is inlined without a file of its own
            return forged_file and cell.name != "own"
        # A package that is forged altogether, and that the program does not contain.
        return cell.sole and forged_file and cell.name in ("absent", "absent-init", "std-absent")
    # A closure whose maker leaves no trace is whose the folder is that its file claims, if there are functions in it; up to Go 1.20,
    # when its name does not tell that it was inlined, the standard library's will do.
    return cell.inlined and cell.file in ("main", "module", *(("std", "cache") if minor <= 20 else ())) and \
        cell.way in ("called", "static-called", "static-made", "static-variable", "generic-called", "iterator",
                     "iterator-generic")


def cells(minor):
    """Everything that goes together."""
    found = []

    def add(name, file, sole, inlined, way):
        found.append(Cell(len(found), name, file, sole, inlined, way))

    names = dict(NAMES)
    if minor < 23:
        names.update(OLD_NAMES)
    for name in names:
        for file in FILES if name in ("own", "module", "absent", "std", "no-package", "closure") else FILES[:4:2]:
            for sole in (False, True):
                for inlined in (False, True):
                    add(name, file, sole, inlined, "plain")
    for way in [*WAYS, *STATIC, *(GENERIC if minor >= 18 else {}), *(ITER if minor >= 23 else {})]:
        for file in FILES:
            for sole in (False, True):
                for inlined in (False, True):
                    if inlined or file == "own":
                        add("own", file, sole, inlined, way)
    return found, names


def source(cell, names, places):
    name = names[cell.name]
    linkname = f"//go:linkname Act {name.replace('@N@', str(cell.number))}" if name else ""
    line = f"//line {places[cell.file]}:{cell.number + 10}" if cell.file != "own" else ""
    text = PLAIN if cell.way == "plain" else "@INLINE@\n@LINE@\n" + \
        {**WAYS, **STATIC, **GENERIC, **ITER}[cell.way]
    do = 'os.Remove("victim")' if cell.way.startswith("static") else "os.Remove(p)"
    for key, value in {"LINKNAME": linkname, "LINE": line, "DO": do, "DOS": "os.Remove(s)",
                       "INLINE": "" if cell.inlined else "//go:noinline"}.items():
        text = text.replace(f"@{key}@", value)
    code = "\n".join(t for t in text.splitlines() if not t.startswith("//"))
    imports = [i for i in ("iter", "os", "runtime", "time") if re.search(rf"\b{i}\.", code)]
    company = "" if cell.sole else "\n//go:noinline\nfunc Other() int { return os.Getpid() }\n"
    return (f"package {cell.package}\n\nimport (\n" + "".join(f'\t"{i}"\n' for i in sorted({*imports, "os"})) +
            ('\t_ "unsafe"\n' if name else "") + ")\n" + company + text + "\n")


def generate(root, minor, goroot, trimmed):
    """trimmed: file names are as -trimpath leaves them."""
    places = {"main": "example.com/app/main.go", "module": "example.com/trusted@v1.0.0/work/work.go",
              "std": "os/file.go", "cache": "example.com/trusted@v1.0.0/sub/file.go"} if trimmed else \
             {"main": f"{root}/main/main.go", "module": f"{root}/trusted/work/work.go",
              "std": f"{goroot}/src/os/file.go",
              "cache": "/root/go/pkg/mod/example.com/trusted@v1.0.0/work/work.go"}
    found, names = cells(minor)
    imports, acts, variables, collects = "", "", "", []
    for cell in found:
        run.write(f"{root}/evil/{cell.package}/{cell.package}.go", source(cell, names, places))
        imports += f'\t"example.com/evil/{cell.package}"\n'
        call = CALLS[cell.way].replace("@P@", cell.package)
        if cell.way == "static-variable":
            variables += f"var variable{cell.package} = {cell.package}.Act()\n"
        other = "" if cell.sole else f"{cell.package}.Other(); "
        acts += f"\tfunc(p string) {{ {other}{call} }},\n"
        collects.append("true" if cell.way == "finalizer" else "false")
    variables += "var collects = []bool{" + ", ".join(collects) + "}\n"
    text = MAIN
    for key, value in {"IMPORTS": imports, "ACTS": acts, "VARIABLES": variables}.items():
        text = text.replace(f"@{key}@", value)
    run.write(f"{root}/main/main.go", text.replace("@FILL@", CALL_FILLER) + FILLER)
    run.write(f"{root}/trusted/work/work.go", TRUSTED.replace("@FILL@", CALL_FILLER) + FILLER)
    run.write(f"{root}/trusted/go.mod", f"module example.com/trusted\n\ngo 1.{minor}\n")
    run.write(f"{root}/evil/go.mod", f"module example.com/evil\n\ngo 1.{minor}\n")
    run.write(f"{root}/main/go.mod", f"module example.com/app\n\ngo 1.{minor}\n\n"
              "require example.com/evil v1.0.0\nrequire example.com/trusted v1.0.0\n"
              "replace example.com/evil => ../evil\nreplace example.com/trusted => ../trusted\n")
    return found


def execute(command, cwd):
    done = subprocess.run(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=300)
    return json.loads(done.stdout) if done.returncode == 0 else None, done


class Results:
    def __init__(self):
        self.count, self.failed = 0, 0

    def report(self, ok, text, *notes):
        self.count += 1
        self.failed += not ok
        print(("ok" if ok else "not ok"), self.count, "-", text, flush=True)
        for note in notes:
            print("#", note, flush=True)


def try_build(results, modjail, program, title, found, minor, folder):
    control, done = execute([program], folder)
    missing = [c for c in found if control and c.number not in (control["effects"] or [])]
    if not control or missing:
        results.report(False, title + ": control", *([str(c) for c in missing] or [done.stderr[-2000:]]))
        return
    jailed, done = execute([modjail, "run", "--policy=example.com/evil=confined", "--quiet", "--", program], folder)
    if not jailed:
        results.report(False, title, done.stderr[-2000:])
        return
    effects, broken = jailed["effects"] or [], jailed["broken"] or []
    through = [c for c in found if c.number in effects and not out_of_reach(c, minor)]
    for cell in through:
        results.report(False, f"{title}: {cell}: went through")
    known = [c for c in found if c.number in effects and out_of_reach(c, minor)]
    results.report(not broken, f"{title}: main removes its own files", *[str(found[i]) for i in broken[:20]])
    results.report(not through, f"{title}: {len(found)} cells", f"{len(known)} went through as documented")


def main():
    modjail = os.path.abspath(os.environ["MODJAIL"])
    results = Results()
    root = tempfile.mkdtemp(prefix="modjail-names.")
    try:
        for minor, go in [*run.go_commands(), *more_commands()]:
            for variant, flags in (("default", []), ("stripped", ["-trimpath", "-ldflags=-s -w"])):
                folder = f"{root}/go1.{minor}"
                goroot = subprocess.run([go, "env", "GOROOT"], stdout=subprocess.PIPE, text=True,
                                        check=True).stdout.strip()
                found = generate(folder, minor, goroot, "-trimpath" in flags)
                program = f"{folder}/{variant}"
                env = dict(os.environ, CGO_ENABLED="0", GOPROXY="off", GOTOOLCHAIN="local", GOWORK="off",
                           GOFLAGS="-buildvcs=false -mod=mod", GOSUMDB="off", GODEBUG="")
                done = subprocess.run([go, "build", "-p", "2", *flags, "-o", program, "."], cwd=folder + "/main",
                                      env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
                if done.returncode:
                    results.report(False, f"go1.{minor}/{variant}: build", done.stdout[-3000:])
                    continue
                try_build(results, modjail, program, f"go1.{minor}/{variant}", found, minor, folder)
    finally:
        if "--keep" in sys.argv:
            print("# kept:", root)
        else:
            shutil.rmtree(root, ignore_errors=True)
    print(f"1..{results.count}")
    return results.failed != 0


def more_commands():
    for go in os.environ.get("GOS", "").split():
        text = subprocess.run([go, "version"], stdout=subprocess.PIPE, text=True,
                              env=dict(os.environ, GOTOOLCHAIN="local")).stdout
        yield int(text.split("go1.")[1].split(".")[0].split()[0].rstrip("rcbeta")), go


if __name__ == "__main__":
    sys.exit(main())
