# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# What run.sh and refused.sh do.

prepare() {
  mkdir src
  local i
  for i in $(seq 30); do
    echo "export function f$i(a: string): number { return a.length + $i }" > "src/f$i.ts"
    echo "import { f$i } from './f$i'; f$i('$i');"
  done > src/all.ts
  echo 'import { f1 } from "./f1"; export const n: string = f1("a")' > src/wrong.ts
  echo '{"compilerOptions": {"strict": true, "noEmit": true, "types": []}, "include": ["src/all.ts"]}' > tsconfig.json
  echo '{"extends": "./tsconfig.json", "include": ["src"]}' > wrong.json
}

types() { # COMMAND...: a project without errors, and one with one
  "$@" -p tsconfig.json && ! "$@" -p wrong.json
}
