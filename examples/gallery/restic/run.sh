#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck source=examples/gallery/lib.sh
. "$(dirname "$0")/../lib.sh"
. "$folder/work.sh"
need restic
checked
same 'backups are made, checked and restored' backup 'source/100$'
done_looking
