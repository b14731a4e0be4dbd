# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# What run.sh and refused.sh do.

prepare() {
  mkdir -p shop/v1 bin
  printf 'version: v2\n' > buf.yaml
  printf 'syntax = "proto3";\npackage shop.v1;\nmessage Item { string name = 1; }\n' > shop/v1/item.proto
  printf 'syntax = "proto3";\npackage shop.v1;\nimport "shop/v1/item.proto";\nmessage Order { repeated Item items = 1; }\n' \
    > shop/v1/order.proto
}

made() {
  cksum image.json 2> /dev/null
}

compile() { # COMMAND...: the files are linted, built, and one is found to have changed for the worse
  "$@" lint && "$@" build -o image.json && "$@" ls-files &&
    sed -i 's/string name/bytes name/' shop/v1/item.proto && ! "$@" breaking --against image.json
}
