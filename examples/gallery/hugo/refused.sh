#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck source=examples/gallery/lib.sh
. "$(dirname "$0")/../lib.sh"
. "$folder/work.sh"
need hugo
eval "$(declare -f prepare | sed '1s/prepare/site/')"

# A theme's template fetches something from the network: it could send what it has read.
prepare() {
  site
  echo '{{ with resources.GetRemote (printf "http://%s/" (os.Getenv "HUGO_ADDRESS")) }}{{ .Content }}{{ end }}' > layouts/index.html
}
fetches() {
  serve python3 "$folder/../listener.py" requested
  HUGO_ADDRESS=$address "$@" --quiet
  served
}
requested() { [ -s requested ]; }
refuses 'a template fetches' fetches requested 'NETWORK/CONNECT github.com/gohugoio/hugo'

# Content in AsciiDoc is turned into HTML by a program, once the configuration allows programs.
prepare() {
  site
  printf '[security.exec]\nallow = [".*"]\nosEnv = [".*"]\n' >> config.toml
  printf -- '---\ntitle: one\n---\n= One\n' > content/post/one.adoc
  mkdir bin
  printf '#!/bin/sh\ntouch "%s/owned"\n' "$PWD" > bin/asciidoctor
  chmod +x bin/asciidoctor
}
converts() { PATH=$PWD/bin:$PATH "$@" --quiet; }
owned() { [ -e owned ]; }
refuses 'a page is converted by a program' converts owned 'FILES/STAT github.com/cli/safeexec' # it is not even found

prepare() { site; }
serves() {
  "$@" server --port 0 --bind 127.0.0.1 --watch=false > said 2>&1 &
  servers=("$!")
  eventually grep -Eq 'Web Server is available|Error' said
  served
}
served_pages() { grep -q 'Web Server is available' said; }
# A socket, before it is told what for: blamed is the first of the two capabilities that would do.
refuses 'the site is served' serves served_pages 'NETWORK/CONNECT github.com/gohugoio/hugo'
done_looking
