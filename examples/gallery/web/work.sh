# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# What run.sh and refused.sh do with the server.

request() { # METHOD PATH [CURL-OPTION...]: the status and the body
  local method=$1 path=$2
  shift 2
  curl -s --noproxy '*' --max-time 30 -X "$method" -w '%{http_code}\n' "$@" "http://$address$path"
}

notes() { # COMMAND...: two notes, read again, and what a browser of another site would ask
  serve "$@" || return 1
  request PUT /notes/first --data-binary $'# One\n\n*first* note\n'
  request PUT /notes/second --data-binary $'- two\n- [link](https://example.com/)\n'
  request GET /notes
  request GET '/notes/first?title=my+first+note' --compressed
  request GET /notes/second
  request GET /notes/third
  request GET /nowhere
  request OPTIONS /notes -H 'Origin: https://example.com' -H 'Access-Control-Request-Method: PUT' -i |
    grep -i '^access-control-allow-origin'
  served
}
