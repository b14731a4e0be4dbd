# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# What run.sh and refused.sh do: a server and a client of it, each in a jail of its own or none.

calls() { # COMMAND...: a title, a stream of words and the server's health
  serve "$@" server || return 1
  client_of "$@" client "$address" 'to be or not to be'
  local asked=$?
  served && return "$asked"
}

# The client has a policy of its own.
client_of() {
  timeout 60 "${@/#"$policy_option"/"$client_option"}"
}
policy_option=--policy-file=$policy
client_option=--policy-file=$folder/client.yaml
