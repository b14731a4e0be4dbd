#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""run.py [--ways=A,B] [--acts=A,B] [--builds=REGEX] [--keep] [--jobs=N]

Builds programs in which the module example.com/evil does harm in many ways (matrix.py), and runs each cell of
the matrix three times:
  control  without modjail: the effect is there
  jailed   with evil confined: no effect, the refusal is evil's
  honest   the module example.com/trusted does the same while evil is confined: the effect is there, nothing is
           refused
One TAP test a way and build. Needs MODJAIL (the binary) in the environment. Everything happens under a
temporary directory and on the loopback interface.
"""
import argparse
import collections
import concurrent.futures
import ctypes
import glob
import json
import os
import re
import selectors
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

sys.dont_write_bytecode = True
import matrix  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
KEEP = False  # --keep
LIMIT = 30  # seconds, for one run

# module, its name in symbols, whose name and directory it forges
MODULES = {
    "example.com/evil": ("Evil", "example.com/trusted/work", "example·com∕trusted∕work"),
    "gopkg.in/evil.v3": ("EvilV3", "example.com/trusted/work", "example·com∕trusted∕work"),
    "example.com/trusted": ("Trusted", "example.com/third", "example·com∕third"),
}
CONFINED = ["--policy=example.com/evil=confined", "--policy=gopkg.in/evil.v3=confined"]


# ---- programs ------------------------------------------------------------------------------------

def go_commands():
    """(minor version, command) of every Go that is found, newest first."""
    found = {}
    for command in ["go", "/usr/local/go/bin/go", *sorted(glob.glob("/usr/lib/go-*/bin/go"))]:
        path = shutil.which(command)
        if not path:
            continue
        text = subprocess.run([path, "version"], stdout=subprocess.PIPE, text=True,
                              env=dict(os.environ, GOTOOLCHAIN="local")).stdout
        version = re.search(r"go1\.(\d+)", text)
        if version and int(version.group(1)) >= 18:
            found.setdefault(int(version.group(1)), path)
    return sorted(found.items(), reverse=True)


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)


def generate(root, minor, goroot):
    """The sources, for one release of Go."""
    def render(source, target, values):
        with open(source, encoding="utf-8") as f:
            text = f.read()
        for key, value in values.items():
            text = text.replace("@" + key + "@", value)
        write(target, text)

    src = os.path.join(HERE, "src")
    requires, replaces = "", ""
    for module, (suffix, forge, asm_forge) in MODULES.items():
        folder = os.path.join(root, suffix.lower())
        forge_dir = os.path.join(root, *forge.split("/")[1:])
        values = {"MODULE": module, "SUFFIX": suffix, "FORGE": forge, "ASMFORGE": asm_forge,
                  "FORGEDIR": forge_dir, "GOROOT": goroot}
        for path in glob.glob(src + "/actor/**/*", recursive=True):
            if os.path.isfile(path):
                target = os.path.join(folder, os.path.relpath(path, src + "/actor"))
                render(path, target[:-3] if target.endswith(".in") else target, values)
        render(src + "/main/drive.go.in", f"{root}/main/drive_{suffix.lower()}.go", values)
        version = "v3.0.0" if module.endswith(".v3") else "v1.0.0"
        needs = "" if module == "example.com/trusted" else \
            "\nrequire example.com/trusted v1.0.0\nreplace example.com/trusted => ../trusted\n"
        write(folder + "/go.mod", f"module {module}\n\ngo 1.{minor}\n{needs}")
        requires += f"require {module} {version}\n"
        replaces += f"replace {module} => ../{suffix.lower()}\n"
    shutil.copytree(src + "/trusted/work", root + "/trusted/work", dirs_exist_ok=True)
    shutil.copy(src + "/main/main.go", root + "/main/main.go")
    write(root + "/main/go.mod", f"module example.com/attack\n\ngo 1.{minor}\n\n{requires}{replaces}")


class Build:
    def __init__(self, root, minor, go, row):
        self.minor, self.go = minor, go
        self.variant, self.cgo, self.flags, self.wants = row
        self.name = f"go1.{minor}/{self.variant}"
        self.program = os.path.join(root, "bin", self.name.replace("/", "-"))
        self.source = os.path.join(root, f"go1.{minor}")
        self.why = None  # it could not be made

    def make(self):
        env = dict(os.environ, CGO_ENABLED=self.cgo, GOPROXY="off", GOTOOLCHAIN="local", GOWORK="off",
                   GOFLAGS="-buildvcs=false -mod=mod", GOSUMDB="off", GODEBUG="")
        if "HOME" not in env and "GOCACHE" not in env:
            env["GOCACHE"] = os.path.join(os.path.dirname(self.source), "gocache")
        if self.cgo == "1" and not shutil.which(os.environ.get("CC", "cc").split()[0]):
            self.why = "no C compiler"
            return
        done = subprocess.run([self.go, "build", "-p", "2", *self.flags, "-o", self.program, "."],
                              cwd=self.source + "/main", env=env, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0:
            self.why = "go build failed:\n" + done.stdout


# ---- what there is to harm, and how harm is seen ---------------------------------------------------

class Watch:
    """Whether any file of a list is opened (inotify)."""
    libc = ctypes.CDLL(None, use_errno=True)

    def __init__(self, paths):
        self.fd = self.libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        for path in paths:
            if self.libc.inotify_add_watch(self.fd, os.fsencode(path), 0x20) < 0:  # IN_OPEN
                raise OSError(ctypes.get_errno(), "inotify_add_watch", path)
        self.opened = False

    def seen(self):
        try:
            self.opened = bool(os.read(self.fd, 4096)) or self.opened
        except BlockingIOError:
            pass
        return self.opened

    def close(self):
        os.close(self.fd)


class Server:
    """A TCP port that talks just enough HTTP and a UDP port that talks just enough DNS."""

    def __init__(self, script):
        self.script, self.hits = script, 0
        self.tcp = socket.create_server(("127.0.0.1", 0), backlog=16)
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", 0))
        self.order_r, self.order_w = socket.socketpair()
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        selector = selectors.DefaultSelector()
        for s in self.tcp, self.udp, self.order_r:
            s.setblocking(False)
            selector.register(s, selectors.EVENT_READ)
        while True:
            # An order is carried out after what had come before it.
            for key, _ in sorted(selector.select(), key=lambda ready: ready[0].fileobj is self.order_r):
                try:
                    if key.fileobj is self.order_r:
                        if self.order_r.recv(1) == b"q":
                            return
                        self.order_r.send(b"s")
                    elif key.fileobj is self.udp:
                        self.answer_dns()
                    elif key.fileobj is self.tcp:
                        connection, _ = self.tcp.accept()
                        self.hits += 1
                        connection.setblocking(False)
                        selector.register(connection, selectors.EVENT_READ)
                    else:
                        self.answer_http(selector, key.fileobj)
                except OSError:
                    pass

    def reached(self, over):
        """over: nobody will connect any more, so that an answer can wait for what has arrived."""
        if not self.hits and over:
            self.order_w.send(b"s")
            self.order_w.recv(1)
        return self.hits > 0

    def answer_http(self, selector, connection):
        try:
            if connection.recv(65536):
                body = self.script.encode()
                connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        finally:
            selector.unregister(connection)
            connection.close()

    def answer_dns(self):
        query, peer = self.udp.recvfrom(4096)
        self.hits += 1
        end = query.index(b"\0", 12) + 5
        kind = struct.unpack(">H", query[end - 4:end - 2])[0]
        data = {1: b"\x7f\0\0\1", 16: b"\2ok"}.get(kind)
        reply = query[:2] + struct.pack(">HHHHH", 0x8180, 1, 1 if data else 0, 0, 0) + query[12:end]
        if data:
            reply += struct.pack(">HHHIH", 0xC00C, kind, 1, 60, len(data)) + data
        self.udp.sendto(reply, peer)

    def close(self):
        self.order_w.send(b"q")
        self.thread.join()
        for s in self.tcp, self.udp, self.order_r, self.order_w:
            s.close()


FILES = {
    "blockdev": ["dev/sda"],
    "credentials": ["home/.aws/credentials", "home/.ssh/id_ed25519", "home/.npmrc"],
    "authorized-keys": ["home/.ssh/authorized_keys"],
    "github-env": ["github_env"],
    "fake-go": ["bin/"],
    "download-exec": ["payload"],
    "survey": ["proc/1/cmdline", "proc/1/environ", "home/user/file"],
    "persistence": ["home/.bashrc", "root/etc/cron.d/", "root/etc/systemd/system/"],
    "work-tree": ["tree/a", "tree/b"],
}
OPENED = {"blockdev": ["dev/sda"], "credentials": FILES["credentials"],
          "survey": ["proc/1/cmdline", "proc/1/environ", "proc", "home"]}
BY_ERRNO = ("undumpable", "kernel")
NETWORK = ("pipe-shell", "connect", "dns", "env-post", "download-exec", "port-scan")


def snapshot(folder):
    """Every file below, with mode and content."""
    seen = {}
    for path, folders, files in os.walk(folder):
        for name in folders + files:
            full = os.path.join(path, name)
            try:
                info = os.lstat(full)
            except FileNotFoundError:  # at work right now
                continue
            seen[full] = (info.st_mode, info.st_size if name in files else 0)
    return seen


class Victim:
    """The surroundings of one run."""

    def __init__(self, folder, act):
        self.folder, self.act = os.path.join(folder, "d"), act
        for name in ["bin/", *FILES.get(act, [])]:
            path = os.path.join(self.folder, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            if not name.endswith("/"):
                with open(path, "w", encoding="ascii") as f:
                    f.write("content\n")
        self.before = snapshot(self.folder)
        opened = [os.path.join(self.folder, name) for name in OPENED.get(act, [])]
        self.watch = Watch(opened) if opened else None
        self.server = Server(f"echo pwned > '{self.folder}/pwned'\n") if act in NETWORK else None

    def environment(self):
        env = {"A_DIR": self.folder, "HOME": self.folder + "/home", "PATH": "/usr/bin:/bin", "A_ACT": self.act,
               "GITHUB_ENV": self.folder + "/github_env", "LC_ALL": "C"}
        if self.server:
            env["A_PORT"] = str(self.server.tcp.getsockname()[1])
            env["A_UDP"] = str(self.server.udp.getsockname()[1])
        return env

    def harm(self, out=None):
        """What has happened to it, in a few words; "" for nothing. out: what the program printed until its end."""
        if self.act in BY_ERRNO:
            steps = [line for line in (out or "").splitlines() if line.startswith("STEP ")]
            let_through = [line for line in steps if not line.endswith("errno=1")]
            return "; ".join(let_through)
        if self.server and self.server.reached(out is not None):
            return "the server was reached"
        if self.watch:
            return "a file was opened" if self.watch.seen() else ""
        after = snapshot(self.folder)
        changed = [path for path in self.before.keys() | after.keys() if self.before.get(path) != after.get(path)]
        return ", ".join(os.path.relpath(path, self.folder) + " changed" for path in sorted(changed))

    def close(self):
        if self.watch:
            self.watch.close()
        if self.server:
            self.server.close()


# ---- one run -------------------------------------------------------------------------------------

class Outcome:
    def __init__(self):
        self.harm, self.out, self.status, self.log, self.command = "", "", None, [], ""


def read_log(path):
    try:
        with open(path, encoding="utf-8") as f:
            text = f.read()
    except FileNotFoundError:
        return []
    return [json.loads(line) for line in text[:text.rfind("\n") + 1].splitlines()]


def wait_for(process, victim, log, jailed):
    """The program waits for end of file, which it gets when there is harm. A refusal may be that of the first
    of several steps: then it gets some more time for the others."""
    deadline = time.monotonic() + 8
    refused = False
    while time.monotonic() < deadline and process.poll() is None and not victim.harm():
        if jailed and not refused and any(e["event"] == "refusal" for e in read_log(log)):
            refused, deadline = True, time.monotonic() + 0.03
        time.sleep(0.004)
    process.stdin.close()


def run(tmp, build, act, way, who, form, jailed, honest):
    folder = tempfile.mkdtemp(dir=tmp)
    victim = Victim(folder, act)
    outcome = Outcome()
    log = folder + "/log.json"
    kind, path = form
    argument = matrix.FORM_ARGUMENT[kind] if way.name != "init" else "env"
    env = victim.environment()
    env["A_PLUGIN"] = os.path.join(tmp, "bin", "plugin.so")
    if honest:
        env["A_HONEST"] = "1"
    if way.name == "init":
        env["A_INIT"] = who
    if kind == "K":
        env["A_CTOR"], env["A_CTOR_PATH"] = who, os.path.join(victim.folder, path)
    argv = [build.program, who, way.name, argument, act]
    if jailed:
        # Where debugging information tells more, it is asked.
        more = ["--verify-walk"] if way.unstripped != way.expect and matrix.STRIPPED not in build.flags else []
        argv = [os.environ["MODJAIL"], "run", *CONFINED, *more, "--log-format=json", "--log-file=" + log, "--", *argv]
    outcome.command = " ".join(f"{k}={v}" for k, v in env.items() if k.startswith("A_")) + " " + " ".join(argv)
    with open(folder + "/out", "w+", encoding="utf-8", errors="replace") as out:
        process = subprocess.Popen(argv, env=env, cwd=folder, stdin=subprocess.PIPE, stdout=out, stderr=out,
                                   start_new_session=True)
        try:
            if argument == "std":
                wait_for(process, victim, log, jailed)
            else:
                process.stdin.close()
            outcome.status = process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            outcome.status = "timeout"
    with open(folder + "/out", encoding="utf-8", errors="replace") as out:
        outcome.out = out.read()
    outcome.harm = victim.harm(outcome.out)
    outcome.log = read_log(log)
    victim.close()
    if not KEEP:
        shutil.rmtree(folder)
    return outcome


# ---- one cell ------------------------------------------------------------------------------------

class Cell:
    def __init__(self, build, act, way, form):
        self.build, self.act, self.way, self.form = build, act, way, form
        self.expect = way.expect if matrix.STRIPPED in build.flags else way.unstripped
        self.symbol, self.problems = "?", []

    def problem(self, text, outcome):
        refused = [f"{e.get('syscall')} {e.get('module')} ({e.get('reason')}{': ' * bool(e.get('detail'))}{e.get('detail', '')})"
                   for e in outcome.log if "syscall" in e]
        self.problems.append((text, [
            "status: " + str(outcome.status), "harm: " + (outcome.harm or "none"),
            "refused: " + (", ".join(refused[:4]) or "nothing"),
            "output: " + " / ".join(outcome.out.splitlines()[:4])[:300],
            f"again: run.py --builds='^{self.build.name}$' --ways={self.way.name} --acts={self.act} --keep",
            *(["command: " + outcome.command] if KEEP else [])]))

    def run(self, tmp):
        honest_who = "example.com/trusted"
        control = run(tmp, self.build, self.act, self.way, self.way.who, self.form, False, False)
        if not control.harm:
            self.problem("control: no effect", control)
        self.check_jailed(run(tmp, self.build, self.act, self.way, self.way.who, self.form, True, False))
        if self.expect == matrix.POLICY and self.way.honest:
            self.check_honest(run(tmp, self.build, self.act, self.way, honest_who, self.form, True, True))
        if self.problems:
            self.symbol = "X"

    def check_jailed(self, jailed):
        way, refused = self.way, [e for e in jailed.log if e["event"] in ("refusal", "repeated")]
        self.symbol = {matrix.POLICY: "✓", matrix.DEPUTY: "d", matrix.UNATTRIBUTED: "u", matrix.C: "c",
                       matrix.WALK: "w", matrix.FORGED: "f"}[self.expect]
        if self.expect in (matrix.DEPUTY, matrix.FORGED):
            if not jailed.harm and refused:
                self.symbol = "D"  # better than documented
            elif not jailed.harm:
                self.problem("jailed: neither effect nor refusal", jailed)
            return
        if jailed.harm:
            self.problem("jailed: it has its effect", jailed)
        if not refused:
            self.problem("jailed: nothing was refused", jailed)
        if any(e["event"] == "notice" for e in jailed.log):
            self.problem("jailed: " + next(e["text"] for e in jailed.log if e["event"] == "notice"), jailed)
        # What nobody may do is refused to the first who is asked, whoever that is.
        blamed = {(e["reason"], e["module"]) for e in refused if (self.act, e["syscall"]) != ("undumpable", "prctl")}
        wanted = {matrix.POLICY: way.who, matrix.WALK: None}.get(self.expect, self.expect)
        if blamed and blamed != {(self.expect, wanted)}:
            self.problem(f"jailed: blamed {sorted(map(str, blamed))}, not {self.expect} {wanted}", jailed)
        elif any(e["event"] == "refusal" and not e["frames"] for e in refused):
            self.problem("jailed: a refusal without frames", jailed)
        # Some releases export all functions, so that strip leaves their names.
        wanted = way.c_code + ("|C code in " if "stripped" in self.build.variant else "")
        if way.c_code and not all(re.search(wanted, " ".join(f["function"] for f in e["frames"]))
                                  for e in refused if e["event"] == "refusal"):
            self.problem(f"jailed: no frame names {wanted}", jailed)

    def check_honest(self, honest):
        if not honest.harm:
            self.problem("honest: no effect", honest)
        if any("syscall" in e for e in honest.log):
            self.problem("honest: refused", honest)


# ---- all of it -----------------------------------------------------------------------------------

class Tap:
    def __init__(self):
        self.n, self.failed = 0, 0

    def result(self, ok, text, details=()):
        self.n += 1
        self.failed += not ok
        print(("ok" if ok else "not ok") + f" {self.n} - {text}".replace("#", " "), flush=True)
        for line in details:
            print("#   " + line.replace("\n", " "), flush=True)


def describe(cells):
    """Each problem with the acts that have it; details of the first one."""
    kinds = {}
    for cell in cells:
        for text, details in cell.problems:
            kinds.setdefault(text, []).append((cell.act, details))
    for text, seen in kinds.items():
        yield f"{text}: {', '.join(act for act, _ in seen)}"
        for detail in seen[0][1]:
            yield "    " + detail


def print_matrix(build, cells, ways):
    names = [way.name for way in ways]
    width = max(map(len, matrix.ACTS))
    print(f"#\n# {build.name}: ✓ refused and blamed, u unattributed, c C code, w stack not followed,\n"
          "# d documented deputy, f documented forgery (D: refused even so), . not meaningful, X FAIL")
    for i in range(max(map(len, names))):
        print("# " + " " * width + " " + " ".join(n[i] if i < len(n) else " " for n in names))
    for act in matrix.ACTS:
        print(f"# {act:<{width}} " + " ".join(cells[act, n].symbol if (act, n) in cells else "." for n in names))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--ways", default="")
    parser.add_argument("--acts", default="")
    parser.add_argument("--builds", default=".")
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    global KEEP
    KEEP = options.keep
    if "MODJAIL" not in os.environ:
        parser.error("MODJAIL must name the modjail binary")
    os.environ["MODJAIL"] = os.path.abspath(os.environ["MODJAIL"])
    tmp = tempfile.mkdtemp(prefix="modjail-attack.")
    try:
        return attack(options, tmp)
    finally:
        if options.keep:
            print("# kept: " + tmp)
        else:
            shutil.rmtree(tmp, ignore_errors=True)


def prepare(options, tmp):
    builds = []
    os.mkdir(tmp + "/bin")
    for minor, go in go_commands():
        rows = [row for row in matrix.BUILDS if re.search(options.builds, f"go1.{minor}/{row[0]}")]
        if rows:
            goroot = subprocess.run([go, "env", "GOROOT"], stdout=subprocess.PIPE, text=True).stdout.strip()
            generate(f"{tmp}/go1.{minor}", minor, goroot)
            builds += [Build(tmp, minor, go, row) for row in rows]
    if any(b.cgo == "1" for b in builds) and shutil.which("cc"):
        subprocess.run(["cc", "-shared", "-fPIC", "-o", tmp + "/bin/plugin.so", HERE + "/src/plugin.c"], check=True)
    return builds


def attack(options, tmp):
    tap, started = Tap(), time.monotonic()
    some = lambda text, name: not text or name in text.split(",")
    builds = prepare(options, tmp)
    if not builds:
        print("Bail out! no Go found")
        return 1
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        makes = {build: pool.submit(build.make) for build in builds}
        work, skipped = [], []
        for build in builds:
            makes[build].result()
            for way in matrix.WAYS:
                if not build.wants(way) or not some(options.ways, way.name):
                    continue
                why = build.why or (way.go > build.minor and f"needs Go 1.{way.go}")
                if why:
                    skipped.append((build, way, why))
                    continue
                pairs = [(act, matrix.form_of(act, way)) for act in matrix.ACTS if some(options.acts, act)]
                cells = [Cell(build, act, way, form) for act, form in pairs if form]
                if cells:
                    work.append((build, way, cells, [pool.submit(cell.run, tmp) for cell in cells]))
        print(f"# built in {time.monotonic() - started:.0f} s", flush=True)
        tables, runs = {}, 0
        for build, way, cells, futures in work:
            for future in futures:
                future.result()
            bad = [cell for cell in cells if cell.problems]
            tap.result(not bad, f"{build.name}: {way.name}, {len(cells)} acts", describe(bad))
            runs += len(cells)
            tables.setdefault(build, ({}, []))
            tables[build][0].update({(cell.act, way.name): cell for cell in cells})
            tables[build][1].append(way)
    for build, way, why in skipped:
        if build.why and not build.why.startswith("no C"):
            tap.result(False, f"{build.name}: {way.name}", build.why.splitlines()[:20])
        elif build.why:
            tap.n += 1
            print(f"ok {tap.n} - {build.name}: {way.name} # SKIP {why}")
        else:
            print(f"# not run: {build.name}: {way.name}: {why}")
    for build, (cells, ways) in tables.items():
        print_matrix(build, cells, ways)
    symbols = collections.Counter(cell.symbol for cells, _ in tables.values() for cell in cells.values())
    print("#\n# " + ", ".join(f"{n} {symbol}" for symbol, n in symbols.most_common()))
    print(f"# {runs} cells in {time.monotonic() - started:.0f} s")
    print(f"1..{tap.n}")
    return 1 if tap.failed else 0


if __name__ == "__main__":
    sys.exit(main())
