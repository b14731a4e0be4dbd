#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck source=examples/gallery/lib.sh
. "$(dirname "$0")/../lib.sh"
. "$folder/work.sh"
command -v curl > /dev/null || skip_all 'skipped: curl is not installed'
need_built
checked
same 'notes are stored, listed and rendered over HTTP' notes '<em>first</em>'
done_looking
