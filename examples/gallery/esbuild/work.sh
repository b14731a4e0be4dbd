# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# What run.sh and refused.sh do.

prepare() {
  mkdir -p src node_modules/greet
  echo '{"name": "greet", "main": "index.js"}' > node_modules/greet/package.json
  echo 'exports.greet = (name) => `hello ${name}`' > node_modules/greet/index.js
  echo 'body { color: rgb(0, 0, 0) }' > src/style.css
  printf 'import { greet } from "greet"\nimport "./style.css"\nconst who: string = "gallery"\nconsole.log(greet(who))\n' > src/app.ts
}

bundle() { # COMMAND...: TypeScript, CommonJS and CSS into files, with source maps
  "$@" src/app.ts --bundle --minify --sourcemap --outdir=out --log-level=warning
}
