#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck source=examples/gallery/lib.sh
. "$(dirname "$0")/../lib.sh"
. "$folder/work.sh"
need tsgo

emits() { "$@" -p tsconfig.json --noEmit false --rootDir src --outDir made; }
emitted() { [ -s made/all.js ]; }
refuses 'JavaScript is written' emits emitted 'FILES/WRITE github.com/microsoft/typescript-go'

profiles() { "$@" -p tsconfig.json --pprofDir profiles; }
profiled() { [ -n "$(ls profiles 2> /dev/null)" ]; }
refuses 'profiles are written' profiles profiled 'FILES/WRITE github.com/microsoft/typescript-go'
done_looking
