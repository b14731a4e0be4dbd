#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""bundle.py DIR MODJAIL PROBE HOST-ID OPTION [ARG...]: makes of DIR an OCI bundle in which `modjail run` runs the probe, out of
what `runc spec` wrote there. HOST-ID is the user that owns it, for rootless ones. The root is read-only, /proc masked as
runtimes do it, /tmp and /home are tmpfs, /usr is reached through links. OPTION: plain; errno: with a filter of the
runtime's own; notify:SOCKET: with one whose listener goes to who listens at SOCKET; control: without modjail; notify-control:SOCKET:
without it, under that filter. shell: a shell runs the next argument, without modjail. Further arguments are the program's.
"""
import json
import os
import sys

folder, modjail, probe, host_id, option = sys.argv[1:6]
path = os.path.join(folder, "config.json")
with open(path) as spec:
    config = json.load(spec)
root = os.path.join(folder, "rootfs")
for name in "proc", "sys", "dev", "tmp", "home", "real", "etc":
    os.makedirs(os.path.join(root, name), exist_ok=True)
os.symlink("real", os.path.join(root, "usr"))
for name in "bin", "lib", "lib64", "sbin":
    if os.path.islink("/" + name):
        os.symlink("usr/" + name, os.path.join(root, name))
option, _, listener = option.partition(":")
for name in "modjail", "probe":
    open(os.path.join(root, name), "w").close()

config["process"].update(
    terminal=False, noNewPrivileges=True,
    args=["/modjail", "run", "--policy=example.com/conf=confined", "--", "/probe", "-by", "conf", "create=/tmp/conf"])
if option == "shell":
    config["process"]["args"] = ["/bin/sh", "-c", sys.argv[6]]
elif option in ("control", "notify-control"):
    config["process"]["args"] = ["/probe"] + sys.argv[6:]
elif len(sys.argv) > 6:
    config["process"]["args"][4:] = sys.argv[6:]
config["root"] = {"path": "rootfs", "readonly": True}
linux = config["linux"]
linux.pop("resources", None)
linux["namespaces"] = [n for n in linux["namespaces"] if n["type"] not in ("cgroup", "network")]
for mapping in linux.get("uidMappings", []) + linux.get("gidMappings", []):
    mapping.update(hostID=int(host_id), containerID=0, size=1)
linux.pop("seccomp", None)
if option == "errno":
    # What containers usually forbid, process_vm_readv among it.
    linux["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"], "syscalls": [
        {"names": ["process_vm_readv", "process_vm_writev", "ptrace", "kcmp", "pidfd_getfd", "pidfd_open"],
         "action": "SCMP_ACT_ERRNO"}]}
elif listener:
    linux["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"], "listenerPath": listener,
                        "syscalls": [{"names": ["mkdirat"], "action": "SCMP_ACT_NOTIFY"}]}
mounts = [m for m in config["mounts"] if m["type"] not in ("cgroup", "sysfs", "mqueue")]
mounts += [{"destination": at, "type": "bind", "source": source, "options": ["rbind", "ro"]} for at, source in (
    ("/real", "/usr"), ("/etc", "/etc"), ("/modjail", modjail), ("/probe", probe))]
mounts += [{"destination": at, "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=1777"]}
           for at in ("/tmp", "/home")]
config["mounts"] = mounts
with open(path, "w") as spec:
    json.dump(config, spec)
