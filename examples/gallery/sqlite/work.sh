# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# What run.sh and refused.sh do.

prepare() {
  seq 1000 | awk '{ print "account " $1 % 4 "," $1 }' > entries.csv
}

# The file of the database differs from run to run in its counters.
made() {
  find . -type f | sort
}

accounts() { # COMMAND...: a thousand entries are loaded, summed up, asked for
  "$@" books.db load entries.csv && "$@" books.db report && "$@" books.db query 'SELECT count(*) FROM entry' &&
    "$@" books.db query 'SELECT a.amount FROM entry a, entry b WHERE a.amount = b.amount + 990 ORDER BY a.amount DESC'
}
