#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck source=examples/gallery/lib.sh
. "$(dirname "$0")/../lib.sh"
. "$folder/work.sh"
need gojq

# A query from a stranger reads a file, and its answer is the way out.
includes() { "$@" -n 'import "secret" as $secret {search: "./"}; $secret[].password'; }
leaked() { grep -q 'not a real one' "$tmp/out"; }
refuses 'a query reads a file' includes leaked 'FILES/READ github.com/itchyny/gojq'

reads() { "$@" .password secret.json; }
refuses 'a file is named on the command line' reads leaked 'FILES/READ github.com/itchyny/gojq'
done_looking
