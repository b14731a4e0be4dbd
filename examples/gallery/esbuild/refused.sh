#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck source=examples/gallery/lib.sh
. "$(dirname "$0")/../lib.sh"
. "$folder/work.sh"
need esbuild

serves() {
  mkfifo open # it ends when its standard input does
  "$@" src/app.ts --bundle --outdir=out --serve=127.0.0.1:0 --log-level=info > said 2>&1 <> open &
  servers=("$!")
  eventually grep -Eq 'Local:|ERROR' said
  served
}
local_address() { grep -q Local: said; }
# A socket, before it is told what for: blamed is the first of the two capabilities that would do.
refuses 'the bundle is served' serves local_address 'NETWORK/CONNECT github.com/evanw/esbuild'
done_looking
