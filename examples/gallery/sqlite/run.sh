#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck source=examples/gallery/lib.sh
. "$(dirname "$0")/../lib.sh"
. "$folder/work.sh"
command -v cc > /dev/null || skip_all 'skipped: no C compiler'
need_built
checked
same 'accounts are loaded, summed up and queried' accounts 'Account 3 +125250'
done_looking
