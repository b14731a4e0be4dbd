#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The static modjail in a root that has nothing but modjail, the program and /proc: the bundled demo keeps its promises there.
# shellcheck source=tests/live/lib.sh
. "$(dirname "$0")/lib.sh"

src=$here/../..
like 'the file is static' "$(file -bL "$MODJAIL")" 'static-pie linked|statically linked'
check_not 'it names no interpreter' sh -c 'readelf -lW "$1" | grep -q INTERP' sh "$MODJAIL"
is 'it needs no library' "$(readelf -dW "$MODJAIL" | grep -c NEEDED)" 0

export CGO_ENABLED=0 GOPROXY=off GOTOOLCHAIN=local GOWORK=off GOFLAGS=-buildvcs=false
mkdir -p root/proc root/home
check 'the demo is built' sh -c 'cd "$1/examples/victim" && "$2" build -o "$3/victim" . && cd ../poisoned &&
  "$2" build -o "$3/collector" ./collector' sh "$src" "$GO" "$tmp"
cp "$MODJAIL" root/modjail
cp victim root/victim
cp "$src/examples/victim/go.mod" root/go.mod
capture "$MODJAIL" pack --go-mod="$src/examples/victim/go.mod" -o root/packed victim
is 'the demo is packed' "$status$err" 0
echo 'token = not-a-real-secret' > root/home/credentials

# With a user namespace where we are not root; then only our own processes are in /proc.
if [ "$(id -u)" -eq 0 ]; then spaces=(-m); else spaces=(-rm --pid --fork); fi
# shellcheck disable=SC2016 # for sh
in_root=(unshare "${spaces[@]}" --propagation private sh -c 'mount -t proc proc root/proc && exec chroot root "$@"' sh)
if ! unshare "${spaces[@]}" --propagation private sh -c 'mount -t proc proc root/proc' 2> /dev/null; then
  skip 'the demo in an empty root' 'no mount namespaces here'
  done_testing
fi

./collector "$tmp" &
children+=($!)
eventually test -s addr
addr=$(cat addr)
demo() { # COMMAND...
  rm -f collected
  MODJAIL_DEMO_DIR=/home MODJAIL_DEMO_ADDR=$addr capture "${in_root[@]}" "$@"
  is "$1: the sum is printed" "$status $out" '0 2 + 3 = 5'
}

is 'the root has nothing else' "$(cd root && find . -type f | sort | tr '\n' ' ')" \
  './go.mod ./home/credentials ./modjail ./packed ./victim '
demo /victim
like 'control: the credential file was read' "$err" 'credential file read'
check 'control: the credentials left by network' eventually grep -q 'stolen: token' collected
for command in '/modjail run --go-mod=/go.mod -- /victim' /packed; do
  # shellcheck disable=SC2086 # words
  demo $command
  like "$command: the credential file was not read" "$err" 'credential file failed: operation not permitted'
  like "$command: no connection" "$err" 'connection failed: operation not permitted'
  like "$command: nothing is executed" "$err" 'shell command failed: operation not permitted'
  like "$command: modjail names module, file and line" "$err" 'example\.com/poisoned.*poisoned\.go:[0-9]+'
  sleep 0.2 # what was sent would be written by another process
  check_not "$command: nothing left by network" test -e collected
done
done_testing
