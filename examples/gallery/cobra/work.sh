# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# What run.sh and refused.sh do.

list() { # COMMAND...: things to do are added, marked and listed
  "$@" add 'write the policy' && "$@" add 'read it again' && "$@" done 1 && "$@" list && "$@" help done &&
    ! "$@" done 7 # an error, and no more
}
