#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Where modjail runs: as other users, in namespaces and containers, under others' filters, without privileges. A confined
# module is refused there, an unconfined one is not; and where modjail cannot work it says so before the program starts.
# shellcheck source=tests/live/lib.sh
. "$(dirname "$0")/lib.sh"

: "${HELPERS:?HELPERS must name the folder of inject}"
confine=--policy=example.com/conf=confined
nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups --)

# Where anybody may write, and read the programs.
chmod 755 "$tmp"
mkdir "$tmp/open" "$tmp/bin"
chmod 1777 "$tmp/open"
cp "$MODJAIL" "$tmp/bin/modjail"
cp "$PROBE" "$tmp/bin/probe"
cp "$FORKER" "$tmp/bin/forker"
cp "$PROGS/default/assail" "$tmp/bin/assail"
chmod 755 "$tmp"/bin/*
mine=$tmp/bin/modjail
probe=$tmp/bin/probe
cd "$tmp/open" || exit 1

# A place is a command that runs another one there. The control is the probe there without modjail.
place() { # DESCRIPTION COMMAND...
  local what=$1
  shift
  rm -rf "$tmp"/open/*
  control "$@" "$probe" -by conf "create=$tmp/open/conf"
  if [ "$status/$out" != '0/create ok' ]; then
    skip "$what" "cannot be made here: $(head -n 1 "$tmp/err") $out"
    return
  fi
  rm -rf "$tmp"/open/*
  capture "$@" "$mine" run "$confine" -- "$probe" -by conf "create=$tmp/open/conf"
  is "$what: a confined module is refused" "$status/$out" '0/create errno=EPERM'
  capture "$@" "$mine" run "$confine" -- "$probe" -by main "create=$tmp/open/main"
  is "$what: another is not" "$status/$out" '0/create ok'
  capture "$@" "$mine" run "$confine" -- "$tmp/bin/forker" -children 5 -exit 3
  is "$what: programs are executed" "$status/$(grep -c '^child ' "$tmp/out")" 3/5
}

place 'as started' env
place 'no new privileges' setpriv --no-new-privs
if [ "$(id -u)" -eq 0 ]; then
  place 'an ordinary user' "${nobody[@]}"
  place 'an ordinary user, no new privileges' "${nobody[@]}" setpriv --no-new-privs
  place 'root without capabilities' setpriv --bounding-set=-all --inh-caps=-all
fi
place 'a user namespace, as root of it' unshare --user --map-root-user
place 'a user namespace, as nobody in particular' unshare --user
place 'a PID namespace' unshare --pid --fork --mount-proc --kill-child
place 'a user, a PID and a mount namespace' unshare --user --map-root-user --pid --fork --mount-proc --kill-child
place 'a PID namespace in a PID namespace' unshare --pid --fork --mount-proc --kill-child \
  unshare --pid --fork --mount-proc --kill-child
place '/proc with hidepid' unshare --mount --pid --fork --mount-proc --kill-child \
  sh -c 'mount -o remount,hidepid=2 /proc && exec setpriv --reuid=65534 --regid=65534 --clear-groups -- "$@"' sh
place 'tmpfs over /home and /run, a read-only root' unshare --mount sh -c 'mount -t tmpfs none /home && mount -t tmpfs none /run &&
  mount --bind "$0" "$0" && mount -o remount,bind,ro / && ! mkdir "/modjail-test-$$" 2> /dev/null && exec "$@"' "$tmp"
place 'a terminal of its own, no parent' setsid --wait

# A user with subordinate ids is root of a namespace with several users (newuidmap(1)).
if [ "$(id -u)" -eq 0 ] && command -v newuidmap > /dev/null; then
  echo nobody:200000:65536 > "$tmp/subid"
  chmod 644 "$tmp/subid"
  place 'a user with subordinate ids' unshare --mount sh -c 'mount --bind "$0" /etc/subuid && mount --bind "$0" /etc/subgid &&
    exec setpriv --reuid=65534 --regid=65534 --clear-groups -- unshare --user --map-root-user --map-auto -- "$@"' "$tmp/subid"
else
  skip 'a user with subordinate ids' 'not root, or no newuidmap'
fi

# ---- Yama ---------------------------------------------------------------------------------------
# Simulated: helpers/inject makes what Yama's ptrace_scope forbids fail. For root it traces modjail of an ordinary user.

if [ "$(id -u)" -eq 0 ]; then
  yama=("$HELPERS/inject" -y)
  user=("$(command -v setpriv)" "${nobody[@]:1}")
  sleep 60 &
  children+=($!)
  control "${yama[@]}" 0 -- "$tmp/bin/assail" "$!" read-mem read-syscall process_vm_readv read-maps
  is 'control: without Yama another process can be read' "$out" "read-mem ok
read-syscall ok
process_vm_readv ok
read-maps ok"
  for scope in 1 2; do
    control "${yama[@]}" "$scope" -- "$tmp/bin/assail" "$!" read-mem read-syscall process_vm_readv read-maps
    is "control: Yama $scope forbids that" "$out" "read-mem errno=EACCES
read-syscall errno=EPERM
process_vm_readv errno=EPERM
read-maps ok"
  done
  place 'Yama 1' "${yama[@]}" 1 -- "${user[@]}"
  # An orphan is not a descendant: it cannot be read, and is refused; of modjail's own children each can.
  for scope in 0 1; do
    rm -rf "$tmp"/open/*
    capture "${yama[@]}" "$scope" -- "${user[@]}" "$mine" run "$confine" -- "$tmp/bin/forker" -daemon "$tmp/open/daemon" -after 500ms -exit 5
    case $scope in
      0) is 'control: without Yama an orphan does what it may' "$status/$err/$(wc -l < "$tmp/open/daemon")" 5//1 ;;
      1)
        is 'Yama 1: an orphan is refused' "$status/$(find "$tmp/open" -type f)" 5/
        like 'Yama 1: an orphan: says why' "$err" 'could not be read: modjail may not .*where Yama.s ptrace_scope is 1, is a descendant'
        ;;
    esac
  done
  # modjail tells which it is by what /proc says.
  for scope in 2 3; do
    rm -rf "$tmp"/open/*
    # shellcheck disable=SC2016 # for the inner shell
    capture unshare --mount sh -c 'mount -t tmpfs none /proc/sys/kernel && mkdir /proc/sys/kernel/yama &&
      echo "$0" > /proc/sys/kernel/yama/ptrace_scope && exec "$@"' "$scope" \
      "${yama[@]}" "$scope" -- "${user[@]}" "$mine" run "$confine" -- "$probe" -by main "create=$tmp/open/main"
    is "Yama $scope: does not start" "$status/$out" '125/'
    like "Yama $scope: says why" "$err" "modjail may not look at its own child.*kernel\.yama\.ptrace_scope is $scope; set it to 1"
    check_not "Yama $scope: the program has not run" test -e "$tmp/open/main"
  done
else
  skip 'Yama' 'not root'
fi

# ---- where it cannot work, and says so ----------------------------------------------------------

refuses() { # DESCRIPTION MESSAGE COMMAND...
  local what=$1 message=$2
  shift 2
  rm -rf "$tmp"/open/*
  capture "$@" "$mine" run "$confine" -- "$probe" -by conf "create=$tmp/open/conf"
  is "$what: does not start" "$status/$out" '125/'
  like "$what: says why" "$err" "modjail: $message"
  check_not "$what: the program has not run" test -e "$tmp/open/conf"
}
if unshare --pid --fork --kill-child true 2> /dev/null; then
  refuses '/proc of another PID namespace' '/proc belongs to another PID namespace' unshare --pid --fork --kill-child
  refuses 'no /proc' '/proc cannot be read' unshare --mount sh -c 'mount -t tmpfs none /proc && exec "$@"' sh
else
  skip '/proc of another PID namespace' 'no PID namespace can be made here'
fi
refuses 'under another listener' 'cannot install the seccomp filter: another supervisor' "$mine" run --no-policy --

if [ "$(id -u)" -eq 0 ]; then
  # The program's file is not readable: modjail cannot know whose code is in it.
  chmod 711 "$probe"
  capture "${nobody[@]}" "$mine" run "$confine" -- "$probe" -by conf "create=$tmp/open/conf"
  like 'an unreadable program: does not start' "$status" '^12[56]$'
  like 'an unreadable program: says why' "$err" 'modjail: .*probe'
  chmod 755 "$probe"

  # It becomes so while it runs: whoever has no privileges is blind from then on, and refuses.
  cat > "$tmp/dumpable.yaml" << 'END'
version: 1
modules:
  example.com/conf: confined
  main: [unconfined, MODIFY_SYSTEM_STATE/DUMPABLE]
END
  chmod 644 "$tmp/dumpable.yaml"
  capture "${nobody[@]}" "$mine" run --policy-file="$tmp/dumpable.yaml" -- "$probe" -by main undumpable "create=$tmp/open/blind"
  is 'becoming undumpable: whoever may is refused from then on' "$status/$out" "0/undumpable ok
create errno=EPERM"
  like 'becoming undumpable: says why' "$err" 'modjail may not read the thread: it is not dumpable'
  # With CAP_SYS_PTRACE it is not blind.
  jailed --policy-file="$tmp/dumpable.yaml" -- "$probe" -by main undumpable "create=$tmp/open/seen"
  is 'becoming undumpable under a privileged modjail: seen as before' "$status/$out" "0/undumpable ok
create ok"
  jailed --policy-file="$tmp/dumpable.yaml" -- "$probe" -by conf undumpable
  is 'becoming undumpable: a confined module may not' "$out" 'undumpable errno=EPERM'
fi

# ---- containers ---------------------------------------------------------------------------------
# crun takes no mixed cgroup hierarchies: they are taken away from it, in a mount namespace.

oci() { # RUNTIME USER OPTION PROGRAM-ARG...: runs a bundle
  local runtime=$1 user=$2 option=$3 bundle=$tmp/bundle spec=(spec) as=() flags=()
  shift 3
  rm -rf "$bundle" "$tmp/state"
  mkdir -p "$bundle" "$tmp/state"
  if [ "$user" -ne 0 ]; then
    spec+=(--rootless)
    as=(setpriv "--reuid=$user" "--regid=$user" --clear-groups --)
  fi
  [ "$runtime" != crun ] || flags=(--cgroup-manager=disabled)
  (cd "$bundle" && runc "${spec[@]}") && python3 "$here/bundle.py" "$bundle" "$MODJAIL" "$PROBE" "$user" "$option" "$@" || return
  chown -R "$user:$user" "$bundle" "$tmp/state"
  chmod 755 "$bundle"
  capture unshare --mount sh -c '[ "$0" != crun ] || umount -R /sys/fs/cgroup/unified 2> /dev/null
    exec "$@"' "$runtime" ${as[@]+"${as[@]}"} env "XDG_RUNTIME_DIR=$tmp/state" "$runtime" ${flags[@]+"${flags[@]}"} --root "$tmp/state" run \
    --bundle "$bundle" "modjail-test-$$"
}
# Whether the container is what bundle.py says. One line for all of it.
# shellcheck disable=SC2016 # for the shell there
looks='test -L /usr && echo usr; mkdir /x 2> /dev/null || echo readonly; stat -fc %T /tmp /home; head -c 1 /proc/kcore 2> /dev/null | wc -c
grep -c "^NoNewPrivs:.*1" /proc/self/status; grep "^Seccomp:" /proc/self/status'
"$here/notified.py" "$tmp/notified" > "$tmp/notifications" 2>&1 &
children+=($!)
eventually grep -q ready "$tmp/notifications" || not_ok 'there is somebody to take over listeners' "$(cat "$tmp/notifications")"
for runtime in runc crun; do
  if [ "$(id -u)" -ne 0 ] || ! command -v "$runtime" > /dev/null || ! command -v runc > /dev/null; then
    skip "$runtime" 'not installed, or not root'
    continue
  fi
  for user in 0 65534; do
    what="$runtime as $([ "$user" -eq 0 ] && echo root || echo 'an ordinary user')"
    # The control: the probe alone, in place of modjail's arguments.
    oci "$runtime" "$user" control -by conf create=/tmp/conf
    if [ "$status/$out" != '0/create ok' ]; then
      skip "$what" "no container can be started here: $(head -n 1 "$tmp/err")"
      continue
    fi
    oci "$runtime" "$user" shell "$looks"
    is "$what: control: /usr behind a link, a read-only root, tmpfs, masked /proc, no_new_privs" "$(tr '\n\t' '  ' < "$tmp/out")" \
      'usr readonly tmpfs tmpfs 0 1 Seccomp: 0 '
    oci "$runtime" "$user" plain
    is "$what: a confined module is refused" "$status/$out" '0/create errno=EPERM'
    oci "$runtime" "$user" plain /probe -by main create=/tmp/main
    is "$what: another is not" "$status/$out" '0/create ok'
    oci "$runtime" "$user" errno
    is "$what: under the runtime's filter a confined module is refused" "$status/$out" '0/create errno=EPERM'
    oci "$runtime" "$user" errno /probe -by main create=/tmp/main
    is "$what: under the runtime's filter another is not" "$status/$out" '0/create ok'

    : > "$tmp/notifications"
    oci "$runtime" "$user" "notify-control:$tmp/notified" -by conf mkdir=/tmp/conf
    is "$what: control: the probe under a listener of the runtime's" "$status/$out/$(grep -c listener "$tmp/notifications")" '0/mkdir ok/1'
    oci "$runtime" "$user" "notify:$tmp/notified"
    is "$what: under a listener of the runtime's: does not start" "$status/$out" '125/'
    like "$what: under a listener of the runtime's: says why" "$err" 'modjail: cannot install the seccomp filter: another supervisor'
  done
done

done_testing
