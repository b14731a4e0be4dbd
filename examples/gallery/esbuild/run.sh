#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck source=examples/gallery/lib.sh
. "$(dirname "$0")/../lib.sh"
. "$folder/work.sh"
need esbuild
checked
same 'TypeScript and CSS are bundled' bundle 'out/app\.js\.map'
done_looking
