# SPDX-License-Identifier: Apache-2.0
"""The one table of what goes together: acts (rows), ways in (columns), builds, and what modjail must say."""

# Forms of an act (src/actor/acts.go.in):
#   C  a closure of the module that does all of it
#   F  one call of a standard library function with a string, R  (*exec.Cmd).Run: no code of the module runs
#   S  the bare system calls, made by main through one function of the module
#   K  a file that a C constructor can append to: the path
#   H  done by http.Get, N  by net.LookupHost
ACTS = {
    "shell": "C R S",
    "pipe-shell": "C R S H",
    "blockdev": "C F S K=dev/sda",
    "connect": "C F S H",
    "dns": "C F S N",
    "credentials": "C F S",
    "env-post": "C S H",
    "authorized-keys": "C S K=home/.ssh/authorized_keys",
    "github-env": "C S K=github_env",
    "fake-go": "C F S K=bin/go",
    "download-exec": "C S H",
    "memfd": "C S",
    "delayed": "C S K=pwned",
    "poll": "C",
    "survey": "C F S",
    "persistence": "C F S K=root/etc/cron.d/evil",
    "port-scan": "C S H",
    "undumpable": "C S",
    "kernel": "C S",
    "work-tree": "C F S",
}

# What a refusal must say: "policy" (and the module), or a reason without a module.
POLICY, UNATTRIBUTED, C, WALK = "policy", "unattributed", "c", "incomplete-walk"
# Not refused: the exception that SECURITY.md documents.
DEPUTY = "deputy"
# Nor this: a name and a file that nothing contradicts.
FORGED = "forged"


class Way:
    def __init__(self, name, forms, expect=POLICY, go=0, honest=True, cgo=False, who="example.com/evil",
                 c_code="", unstripped=None):
        self.name, self.forms, self.expect, self.go = name, forms.split(), expect, go
        # What is expected where the program has debugging information, if that tells more.
        self.unstripped = unstripped or expect
        # Whether an unconfined module that acts in this way can be told from a confined one.
        self.honest, self.cgo, self.who = honest, cgo, who
        self.c_code = c_code  # a C function that refusals name (regular expression), unless stripped


WAYS = [
    # ways for a closure
    Way("direct", "C"),
    Way("dotted", "C", who="gopkg.in/evil.v3"),
    Way("dotted-raw", "S", who="gopkg.in/evil.v3"),
    Way("init", "C"),
    Way("closure", "C"),
    Way("method", "C"),
    Way("go", "C"),
    Way("go-nested", "C"),
    Way("finalizer", "C"),
    Way("cleanup", "C", go=24),
    Way("afterfunc", "C"),
    Way("ctx-afterfunc", "C", go=21),
    Way("ctx-main", "C", go=21),
    Way("pull", "C", go=24),
    Way("worker", "C"),
    Way("sort", "C"),
    Way("once", "C"),
    Way("walk", "C"),
    Way("strings.Map", "C"),
    Way("map-pool", "C"),
    Way("reflect", "C"),
    Way("makefunc", "C"),
    Way("panic", "C"),
    Way("sigpanic", "C"),
    # ways for a function of the standard library: no frame of the module, if it is done well
    Way("go-std", "F R"),
    Way("go-std0", "F R"),
    Way("once-std", "F R"),
    Way("defer-std", "F R"),
    Way("fm-std", "F R"),
    Way("finalizer-std", "R", expect=UNATTRIBUTED),
    Way("cleanup-std", "F R", expect=UNATTRIBUTED, go=24),
    Way("afterfunc-std", "F R", expect=UNATTRIBUTED),
    # Who gave the context a function of the standard library is not recorded, whoever cancels.
    Way("ctx-afterfunc-std", "F R", go=21, honest=False),
    Way("ctx-main-std", "F R", expect=UNATTRIBUTED, go=21),
    Way("worker-std", "F R", expect=DEPUTY),
    # Likewise who registered one with a server, whoever shuts it down.
    Way("shutdown-std", "F R", honest=False),
    Way("shutdown-main-std", "F R", expect=UNATTRIBUTED),
    # goroutines of the standard library
    Way("http", "H"),
    Way("resolver", "N"),
    # one function of the module between main and the system call, in disguise
    Way("plain", "S"),
    Way("raw", "S"),
    Way("inlined", "S"),
    Way("opener", "S"),
    Way("generic", "S"),
    Way("linkname", "S"),
    Way("linkname-os", "S"),
    Way("linkname-inl", "S"),
    Way("linkname-pull", "S"),
    Way("line", "S"),
    Way("line-inl", "S"),
    Way("both", "S"),
    # Leaves nothing in a binary that is not forged, stripped or not; SECURITY.md says so.
    Way("both-inl", "S", expect=FORGED),
    Way("both-os", "S"),
    # All of a package's names and files are forged: that they are is seen, but whose it is only in the
    # debugging information. An unconfined module that does this is asked for what everybody may, too.
    Way("both-pure", "S", expect=UNATTRIBUTED, unstripped=POLICY, honest=False),
    # The same, in the name of a package that is not in the program: in a stripped one nothing contradicts that.
    Way("both-sole", "S", expect=FORGED, unstripped=POLICY),
    Way("asm", "S"),
    Way("asm-forged", "S"),
    Way("asm-rbp0", "S", honest=False),
    Way("asm-stack", "S", expect=WALK, honest=False),
    # The frame pointers that the runtime keeps in order since Go 1.23 are all that contradicts it.
    Way("asm-chain", "S", expect=WALK, go=23, honest=False),
    # C
    Way("cgo", "S", cgo=True, c_code="make"),
    Way("cgo-qsort", "S", cgo=True, c_code="make"),
    # What is refused is that the dynamic loader opens it.
    Way("cgo-plugin", "S", cgo=True, c_code="C code in ld-"),
    Way("cgo-thread", "S", cgo=True, expect=C, c_code="start|make"),
    Way("cgo-ctor", "K", cgo=True, expect=C, c_code="constructor"),
]

# Go build flags that leave debugging information out.
STRIPPED = "-ldflags=-s -w"

# name, CGO_ENABLED, go build flags, which ways. Each for every Go that is found.
BUILDS = [
    ("default", "0", [], lambda way: not way.cgo),
    ("stripped", "0", [STRIPPED], lambda way: not way.cgo),
    ("pie-trimpath", "0", ["-buildmode=pie", "-trimpath"], lambda way: "S" in way.forms and not way.cgo),
    ("cgo", "1", [], lambda way: way.cgo or way.name == "direct"),
    ("cgo-stripped", "1", [STRIPPED], lambda way: way.cgo or way.name == "direct"),
]


def form_of(act, way):
    """The form in which an act goes that way; None: the two do not combine."""
    forms = {f[0]: f[2:] for f in ACTS[act].split()}
    for form in way.forms:
        if form in forms:
            return form, forms[form]
    return None


# What attack is told about a form.
FORM_ARGUMENT = {"C": "closure", "F": "std", "R": "std", "S": "raw", "K": "env", "H": "closure", "N": "closure"}
