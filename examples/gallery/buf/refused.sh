#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck source=examples/gallery/lib.sh
. "$(dirname "$0")/../lib.sh"
. "$folder/work.sh"
need buf
eval "$(declare -f prepare | sed '1s/prepare/protos/')"

# A plugin that the configuration of the files names is a program.
prepare() {
  protos
  printf '#!/bin/sh\ntouch "%s/owned"\n' "$PWD" > bin/protoc-gen-evil
  chmod +x bin/protoc-gen-evil
  printf 'version: v2\nplugins:\n  - local: ["%s/bin/protoc-gen-evil"]\n    out: made\n' "$PWD" > buf.gen.yaml
}
generates() { "$@" generate; }
owned() { [ -e owned ]; }
# os/exec, once in a program, asks whether pidfd_send_signal works.
refuses 'a plugin is executed' generates owned 'EXEC buf.build/go/standard' 'READ_SYSTEM_STATE buf.build/go/standard'

# Files to compare with may come from anywhere.
prepare() { protos; }
downloads() {
  serve python3 "$folder/../listener.py" requested
  "$@" breaking --against "http://$address/image.binpb"
  served
}
requested() { [ -s requested ]; }
refuses 'an image is downloaded' downloads requested 'NETWORK/CONNECT github.com/bufbuild/buf'
done_looking
