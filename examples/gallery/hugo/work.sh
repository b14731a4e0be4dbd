# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# What run.sh and refused.sh do.

export MALLOC_ARENA_MAX=1 # as for restic

prepare() {
  mkdir -p layouts/_default content/post assets
  printf 'baseURL = "https://example.com/"\ntitle = "Gallery"\n' > config.toml
  echo '<h1>{{ .Title }}</h1>{{ .Content }}' > layouts/_default/single.html
  echo '{{ range .Site.RegularPages }}<a href="{{ .Permalink }}">{{ .Title }}</a>{{ end }}' > layouts/_default/list.html
  echo '{{ with resources.Get "site.css" | minify | fingerprint }}{{ .RelPermalink }}{{ end }}' > layouts/index.html
  echo 'body { color: black; }' > assets/site.css
  local i
  for i in $(seq 50); do
    printf -- '---\ntitle: post %d\ndate: 2024-01-01\n---\n# head\n\n*text* %d\n\n```go\nfunc main() {}\n```\n' "$i" "$i" \
      > "content/post/$i.md"
  done
}

made() {
  (cd public 2> /dev/null && find . -type f -exec cksum {} + | sort -k 3)
}

build() { # COMMAND...: a site of fifty pages
  "$@" --quiet
}
