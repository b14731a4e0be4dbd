# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# What run.sh and refused.sh do.

export RESTIC_PASSWORD=gallery RESTIC_REPOSITORY=repository RESTIC_CACHE_DIR=cache
# glibc counts the processors when it makes a new arena, on threads that C made, in some runs and not in others.
export MALLOC_ARENA_MAX=1

prepare() {
  mkdir source
  local i
  for i in $(seq 100); do
    seq "$i" $((i * 9)) > "source/$i"
  done
}

# Names and contents of a repository are random; what comes out of it is not.
made() {
  (cd restored 2> /dev/null && find . -type f -exec cksum {} + | sort -k 3)
}

backup() { # COMMAND...: two snapshots, a check, and the first one restored
  "$@" -q init && "$@" -q backup source && echo more >> source/1 && "$@" -q backup source && "$@" -q check --read-data &&
    "$@" snapshots --json | grep -o '"short_id"' && "$@" -q restore latest --target restored && diff -r source restored/source
}
