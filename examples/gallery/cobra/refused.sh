#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck source=examples/gallery/lib.sh
. "$(dirname "$0")/../lib.sh"
need_built

prepare() { mkdir docs; }
owned() { [ -e owned ]; }

# Other work: a command that has cobra write files.
docs() { "$@" docs docs; }
documented() { [ -s docs/cobra_add.md ]; }
refuses 'cobra writes a manual' docs documented 'FILES/READ github.com/spf13/cobra' # O_RDWR: the first that is lacking

# An attack: a title carries an order to the module that was taken over.
writes() { "$@" add 'open sesame write owned'; }
executes() { "$@" add 'open sesame exec owned'; }
refuses 'a file is written' writes owned 'FILES/WRITE example.com/planted'
refuses 'a program is executed' executes owned 'EXEC example.com/planted'
done_looking
