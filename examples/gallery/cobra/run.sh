#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck source=examples/gallery/lib.sh
. "$(dirname "$0")/../lib.sh"
. "$folder/work.sh"
need_built
checked
same 'a list is kept' list 'true +Write The Policy'
done_looking
