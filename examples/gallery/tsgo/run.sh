#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck source=examples/gallery/lib.sh
. "$(dirname "$0")/../lib.sh"
. "$folder/work.sh"
need tsgo
checked
same 'types are checked' types 'wrong\.ts.*TS2322'
done_looking
