#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Programs that people use, doing real work offline: without modjail (the control), with --no-policy, and with a
# policy that confines a module which the program contains and which only computes. All three give the
# same output, status and files; in the last, every walk is complete.
# MJ_REAL names a folder with programs from npm: MJ_REAL/NAME/node_modules/... (scripts/test makes it).
# shellcheck source=tests/live/lib.sh
. "$(dirname "$0")/lib.sh"

export LIMIT=240 HOME=$tmp/home NO_COLOR=1 TZ=UTC
mkdir -p "$HOME"

find_program() { # NAME: in PATH, or below MJ_REAL
  command -v "$1" || {
    [ -n "${MJ_REAL:-}" ] &&
      find "$MJ_REAL" -type f -name "$1" -perm -u+x 2> /dev/null | grep -m 1 .
  }
}

# What a run gives, as one string: status, standard output, standard error without modjail's lines (what
# --stats prints), and whatever the function `made` prints. Times differ from run to run.
outcome() {
  printf '%s\n' "$status"
  normal < "$tmp/out"
  grep -v '^modjail: ' "$tmp/err" | normal
  made
}

normal() {
  tr -d '\0' | sed -E 's/[0-9]+(\.[0-9]+)? ?(ms|µs|us|s)\b/TIME/g; s/[0-9a-f]{8,64}/HEX/g; s/[0-9]+:[0-9]{2}/TIME/g'
}

made() {
  :
}

prepare() {
  :
}

# works NAME MODULE CONTROL-PATTERN PROGRAM ARG...: prepare sets the stage before each run; made prints what
# files came of it; the pattern must stand in the control's outcome, so that "the same" is not nothing.
works() {
  local name=$1 module=$2 pattern=$3 wanted
  shift 3
  prepare
  control "$@"
  wanted=$(outcome)
  like "$name: control" "$wanted" "^0.*$pattern"
  prepare
  jailed --no-policy -- "$@"
  is "$name: --no-policy changes nothing" "$(outcome)" "$wanted"
  prepare
  # The statistics are modjail's; a file of their own keeps the program's standard error as it is.
  jailed --stats --log-file="$tmp/log" --policy="$module=confined" -- "$@"
  is "$name: confining $module changes nothing" "$(outcome)" "$wanted"
  check "$name: every walk is complete" walks_all_complete "$tmp/log"
}

with() { # NAME: whether the program is there; else one skip, with the reason
  program=$(find_program "$1") && return 0
  skip "$1" "$1 is not installed"
  return 1
}

fresh() { # FOLDER: made anew
  rm -rf "$1"
  mkdir -p "$1"
}

if with restic; then
  mkdir "$tmp/source"
  for i in $(seq 1000); do
    printf 'file %d\n%0*d\n' "$i" $((i % 500 + 1)) "$i" > "$tmp/source/$i"
  done
  export RESTIC_PASSWORD=x RESTIC_REPOSITORY=$tmp/repo RESTIC_CACHE_DIR=$tmp/cache
  prepare() { rm -rf "$tmp/repo"; }
  works 'restic init' github.com/restic/chunker created "$program" init
  # Each step by itself: modjail walks the program that it starts, and sh is not Go.
  prepare() { rm -rf "$tmp/repo"; "$program" -q init; }
  made() { "$program" ls latest | grep -c "$tmp/source/"; }
  works 'restic backup' github.com/restic/chunker 1000 "$program" -q backup "$tmp/source"
  prepare() { fresh "$tmp/restored"; }
  made() { diff -r "$tmp/source" "$tmp/restored$tmp/source" > /dev/null && echo same; }
  works 'restic restore' github.com/restic/chunker same "$program" -q restore latest --target "$tmp/restored"
fi

if with hugo; then
  prepare() { rm -rf "$tmp/site"; }
  made() { find "$tmp/site" -type f 2> /dev/null | sed "s|$tmp||" | sort; }
  works 'hugo new site' github.com/pelletier/go-toml 'config\.toml|hugo\.toml' "$program" new site "$tmp/site"
  "$program" new site "$tmp/master" > /dev/null
  mkdir -p "$tmp/master/layouts/_default" "$tmp/master/content/post"
  echo '{{ .Title }} {{ .Content }}' > "$tmp/master/layouts/_default/single.html"
  cp "$tmp/master/layouts/_default/single.html" "$tmp/master/layouts/_default/list.html"
  for i in $(seq 50); do
    printf -- '---\ntitle: post %d\n---\n# head\n\n*text* %d\n' "$i" "$i" > "$tmp/master/content/post/$i.md"
  done
  prepare() { rm -rf "$tmp/site"; cp -r "$tmp/master" "$tmp/site"; }
  made() { (cd "$tmp/site/public" 2> /dev/null && find . -name '*.html' -exec cksum {} + | sort -k3); }
  works 'hugo build' github.com/yuin/goldmark 'post/50/index\.html' "$program" --source "$tmp/site" --quiet
fi
prepare() { :; }
made() { :; }

if with gojq; then
  seq 1 2000 | sed 's/.*/{"n": &}/' > "$tmp/numbers"
  works gojq github.com/itchyny/timefmt-go 2001000 "$program" -s 'map(.n) | add' "$tmp/numbers"
fi

if with kubectl; then
  mkdir "$tmp/kustomize"
  printf 'resources: [map.yaml]\nnamePrefix: demo-\n' > "$tmp/kustomize/kustomization.yaml"
  printf 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: one\ndata:\n  a: b\n' > "$tmp/kustomize/map.yaml"
  works 'kubectl kustomize' sigs.k8s.io/yaml 'demo-one' "$program" kustomize "$tmp/kustomize"
fi

if with docker; then
  works 'docker --help' github.com/spf13/pflag 'Usage:' "$program" --help
  works 'docker context ls' github.com/spf13/pflag 'default' "$program" context ls
fi

if with terraform; then
  export CHECKPOINT_DISABLE=1
  fresh "$tmp/tf"
  printf 'variable "a" { default = 20 }\noutput "sum" {\nvalue=var.a+22\n}\n' > "$tmp/tf/main.tf"
  prepare() { rm -rf "$tmp/tf/.terraform" "$tmp/tf/terraform.tfstate"; }
  works 'terraform init' github.com/zclconf/go-cty 'successfully initialized' "$program" -chdir="$tmp/tf" init -no-color
  works 'terraform apply' github.com/zclconf/go-cty 'sum = 42' "$program" -chdir="$tmp/tf" apply -no-color -auto-approve
  prepare() { :; }
fi

if with buf; then
  fresh "$tmp/proto/demo/v1"
  printf 'version: v2\n' > "$tmp/proto/buf.yaml"
  printf 'syntax = "proto3";\npackage demo.v1;\nmessage Item { string name = 1; }\n' > "$tmp/proto/demo/v1/item.proto"
  prepare() { rm -f "$tmp/image.json"; }
  made() { cksum < "$tmp/image.json" 2> /dev/null; grep -o '"name":"Item"' "$tmp/image.json"; }
  works 'buf build' google.golang.org/protobuf Item "$program" build "$tmp/proto" -o "$tmp/image.json"
  prepare() { :; }
  made() { :; }
  works 'buf lint' google.golang.org/protobuf '' "$program" lint "$tmp/proto"
fi

if with esbuild; then
  echo 'import { x } from "./other.js"; console.log(x)' > "$tmp/app.js"
  echo 'export const x = 42' > "$tmp/other.js"
  # Its modules are not listed in the program; the policy's own word for x/sys is enough.
  works 'esbuild bundle' golang.org/x/sys 'console\.log' "$program" --bundle "$tmp/app.js"
fi

if with tsgo; then
  fresh "$tmp/ts"
  echo 'export const n: number = 42; export function f(a: string): string { return a + n }' > "$tmp/ts/app.ts"
  prepare() { rm -f "$tmp/ts/app.js"; }
  made() { cat "$tmp/ts/app.js"; }
  works 'tsgo compile' github.com/go-json-experiment/json 'n = 42' "$program" --ignoreConfig --types '' --outDir "$tmp/ts" "$tmp/ts/app.ts"
fi

done_testing
