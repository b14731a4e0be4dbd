#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck source=examples/gallery/lib.sh
. "$(dirname "$0")/../lib.sh"
. "$folder/work.sh"
need_built
checked
checked "$folder/client.yaml"
same 'a unary call, a stream and a health check' calls 'health: SERVING'
done_looking
