#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# modjail doctor: each line of it turns when what it examines fails, and its exit status is what modjail run does. Reads,
# besides what lib.sh reads, WITH_ERRNO (what tests/live/with_errno.c becomes).
# shellcheck source=tests/live/lib.sh
. "$(dirname "$0")/lib.sh"

: "${WITH_ERRNO:?WITH_ERRNO must name the program that makes system calls fail}"
WITH_ERRNO=$(realpath "$WITH_ERRNO")
# A sanitizer's search for leaks makes the very calls that fail here.
export ASAN_OPTIONS="detect_leaks=0${ASAN_OPTIONS:+:$ASAN_OPTIONS}"

# Runs the doctor, with JSON, by a command in front of it.
doctor() { # COMMAND...
  capture "$@" "$MODJAIL" doctor --json
}
# What the JSON on standard output comes to, by a Python expression over o and f, the findings by their ids.
json() { # EXPRESSION
  python3 -c 'import json, sys
o = json.load(open(sys.argv[1]))
f = {e["id"]: e for e in o["findings"]}
print(eval(sys.argv[2]))' "$tmp/out" "$1" 2>&1
}
# turns DESCRIPTION ID HEALTH STATUS COMMAND...: the finding, and the exit status
turns() {
  local description=$1 id=$2 health=$3 wanted=$4
  shift 4
  doctor "$@"
  is "$description" "$(json "f['$id']['health']") $status" "$health $wanted"
}
fails() { # RULE...: the command that makes them so
  failing=("$WITH_ERRNO" "$@" --)
}

# ---- as it is ------------------------------------------------------------------------------------

doctor
is 'nothing that modjail needs is missing here' "$status $(json 'o["can_run"], [e["id"] for e in o["findings"] if e["needed"] and e["health"] == "missing"]')" \
  '0 (True, [])'
is 'each finding says what was seen' "$(json '[e["id"] for e in o["findings"] if not e["seen"]]')" '[]'
is 'and what is not as it should be, what follows' \
  "$(json '[e["id"] for e in o["findings"] if e["health"] != "ok" and not e["follows"]]')" '[]'
is 'its version' "modjail $(json 'o["version"]')" "$("$MODJAIL" --version)"
capture "$MODJAIL" doctor
is 'as text' "$status $(grep -cE '^(ok|degraded|missing) +\*? ' "$tmp/out")" "0 $("$MODJAIL" doctor --json | grep -c '"id"')"
like 'and the sum of it' "$out" 'modjail run can work here'
capture "$MODJAIL" doctor more
is 'arguments are an error' "$status" 125
check_not 'nothing is left behind' pgrep -P $$ -x modjail

control "$WITH_ERRNO" mkdir:EXDEV -- /bin/mkdir "$tmp/new"
like 'control: calls fail as they should here' "$err" 'cross-device'
if [ "$(id -u)" -eq 0 ] && command -v setpriv > /dev/null; then
  cp "$MODJAIL" "$tmp/modjail" && chmod 755 "$tmp" "$tmp/modjail"
  capture setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all "$tmp/modjail" doctor --json
  is 'without privileges: nothing is missing either' "$status $(json 'f["capabilities"]["seen"]')" \
    '0 user 65534; CAP_SYS_PTRACE: no, CAP_SYS_ADMIN: no'
  chmod 755 "$(dirname "$WITH_ERRNO")" 2> /dev/null
  cp "$WITH_ERRNO" "$tmp/with_errno"
  capture setpriv --reuid=65534 --regid=65534 --clear-groups "$tmp/with_errno" prctl:0:0xffffffff:38:EPERM -- "$tmp/modjail" doctor --json
  is 'nor is it there without no_new_privs: it cannot be had, and no filter' \
    "$status $(json 'f["no-new-privs"]["health"], f["kernel"]["health"]')" "1 ('missing', 'ok')"
fi

# ---- another supervisor --------------------------------------------------------------------------

doctor "$MODJAIL" run --no-policy --
is 'in a jail: the listener is taken' "$(json "f['listener']['health']") $status" 'missing 1'
like 'and says so' "$(json "f['listener']['seen'] + f['listener']['follows']")" 'busy.*another supervisor'
is 'but filters can be installed' "$(json "f['seccomp-filter']['health']")" ok
like 'the number of filters is told' "$(json "f['container']['seen']")" 'filters around this process: [1-9]'
jailed --no-policy -- "$MODJAIL" run --no-policy -- /bin/true
is 'and modjail run cannot work there' "$status" 125

# ---- system calls that fail ------------------------------------------------------------------------

# The constants are those of linux/seccomp.h: GET_ACTION_AVAIL 2; NEW_LISTENER 8, WAIT_KILLABLE_RECV 32.
fails seccomp:ENOSYS
turns 'no seccomp: filters' seccomp-filter missing 1 "${failing[@]}"
is 'no seccomp: and all that needs it' \
  "$(json 'sorted(e["id"] for e in o["findings"] if e["health"] == "missing")')" \
  "['addfd', 'continue', 'listener', 'pidfd-getfd', 'pidfd-open', 'proc-files', 'proc-mem', 'proc-syscall', 'process-vm-readv', 'refuse', 'seccomp-filter', 'start', 'sync-wake-up', 'user-notification', 'wait-killable-recv']"
fails seccomp:EPERM
turns 'seccomp refused by a container' seccomp-filter missing 1 "${failing[@]}"
like 'and what to do' "$(json "f['seccomp-filter']['remedy']")" 'profile'
fails seccomp:KILL
turns 'a filter that kills' seccomp-filter missing 1 "${failing[@]}"
like 'is told from one that refuses' "$(json "f['seccomp-filter']['seen']")" 'killed.*SIGSYS'
fails seccomp:0:0xffffffff:2:EINVAL
turns 'no SECCOMP_RET_USER_NOTIF' user-notification missing 1 "${failing[@]}"
fails seccomp:1:8:8:EINVAL
turns 'no NEW_LISTENER, as in gVisor' listener missing 1 "${failing[@]}"
is 'filters are there' "$(json "f['seccomp-filter']['health']")" ok
like 'and the program cannot be started' "$(json "f['start']['seen']")" 'no seccomp user notification'
fails seccomp:1:32:32:EINVAL
turns 'no WAIT_KILLABLE_RECV: degraded' wait-killable-recv degraded 0 "${failing[@]}"
is 'but works' "$(json "f['start']['health']")" ok
# SECCOMP_IOCTL_NOTIF_RECV, SEND, ID_VALID, ADDFD, SET_FLAGS
fails ioctl:1:0xffffffff:0xc0502100:EINVAL
turns 'no RECV' continue missing 1 "${failing[@]}"
fails ioctl:1:0xffffffff:0xc0182101:EINVAL
turns 'no SEND' continue missing 1 "${failing[@]}"
is 'no SEND: nothing can be refused' "$(json "f['refuse']['health']")" missing
fails ioctl:1:0xffffffff:0x40082102:EINVAL
turns 'no ID_VALID' refuse missing 1 "${failing[@]}"
fails ioctl:1:0xffffffff:0x40182103:EINVAL
turns 'no ADDFD: degraded' addfd degraded 0 "${failing[@]}"
fails ioctl:1:0xffffffff:0x40082104:EINVAL
turns 'no SYNC_WAKE_UP: degraded' sync-wake-up degraded 0 "${failing[@]}"
fails process_vm_readv:EPERM
turns 'no process_vm_readv: degraded' process-vm-readv degraded 0 "${failing[@]}"
fails pread64:2:0xffffffff:8:EPERM
turns 'no /proc/PID/mem' proc-mem missing 1 "${failing[@]}"
fails pidfd_open:ENOSYS
turns 'no pidfd_open: not needed' pidfd-open missing 0 "${failing[@]}"
fails pidfd_getfd:EPERM
turns 'no pidfd_getfd: not needed' pidfd-getfd missing 0 "${failing[@]}"
is 'pidfd_open is' "$(json "f['pidfd-open']['health']")" ok
fails execveat:EACCES
turns 'no executable memfd: not needed' memfd-exec missing 0 "${failing[@]}"
fails unshare:EPERM
turns 'no new user namespace: not needed' user-namespaces missing 0 "${failing[@]}"
fails landlock_create_ruleset:ENOSYS
turns 'no Landlock: not needed' landlock missing 0 "${failing[@]}"
fails memfd_create:ENOSYS
turns 'no memfd: the filter cannot be made' start missing 1 "${failing[@]}"
fails capget:EPERM
turns 'capabilities that cannot be read are none' capabilities ok 0 "${failing[@]}"
like 'capabilities that cannot be read: told as none' "$(json "f['capabilities']['seen']")" 'PTRACE: no, CAP_SYS_ADMIN: no'
fails uname:ENOSYS
turns 'no uname' kernel missing 1 "${failing[@]}"
fails clone:EAGAIN clone3:EAGAIN
capture "${failing[@]}" "$MODJAIL" doctor
is 'no processes: nothing is found out' "$status" 125
like 'and says why' "$err" 'cannot create a process'

# ---- limits, environment ---------------------------------------------------------------------------

turns 'few open files: degraded' open-files degraded 0 bash -c 'ulimit -n 256; exec "$@"' limited
like 'few open files: what to do' "$(json "f['open-files']['remedy']")" 'ulimit'
doctor env GODEBUG=http2client=0
like 'GODEBUG is kept' "$(json "f['godebug']['seen']")" 'kept'
doctor env GODEBUG=tracebackancestors=5
like 'but for one setting of it' "$(json "f['godebug']['follows']")" 'ancestry'
doctor env container=lxc
check_not 'a container by its variable, or by more than that' grep -q 'no sign of one' "$tmp/out"

# ---- what is mounted -------------------------------------------------------------------------------

if unshare -mpf true 2> /dev/null && unshare -mpf mount -t proc -o hidepid=invisible proc /proc 2> /dev/null; then
  turns 'another PID namespace in /proc' proc missing 1 unshare -pf --kill-child
  like 'another PID namespace: what to do' "$(json "f['proc']['remedy']")" 'mount'
  # shellcheck disable=SC2016 # for the inner shell
  turns 'hidepid' proc ok 0 unshare -mpf --kill-child bash -c 'mount -t proc -o hidepid=invisible proc /proc && exec "$@"' hidden
  like 'hidepid: what follows' "$(json "f['proc']['seen'] + f['proc']['follows']")" 'hidepid=.*hidden'
  # shellcheck disable=SC2016
  turns 'no /proc' proc missing 1 unshare -m bash -c 'mount -t tmpfs none /proc && exec "$@"' masked
  for setting in 1:ok 2:ok 3:missing; do
    # shellcheck disable=SC2016
    turns "Yama ${setting%:*}" yama "${setting#*:}" 0 unshare -m bash -c 'mount -t tmpfs none /proc/sys/kernel &&
      mkdir /proc/sys/kernel/yama && echo "$1" > /proc/sys/kernel/yama/ptrace_scope && shift && exec "$@"' yama "${setting%:*}"
  done
else
  skip 'mounts: /proc, hidepid, Yama' 'namespaces and mounts are not allowed here'
fi
done_testing
