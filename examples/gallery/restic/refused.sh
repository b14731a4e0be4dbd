#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck source=examples/gallery/lib.sh
. "$(dirname "$0")/../lib.sh"
. "$folder/work.sh"
need restic

owned() { [ -e owned ]; }

# Passwords by a program: who may set an environment variable or an option may execute anything.
asks_program() { "$@" -q init --password-command 'touch owned'; }
refuses 'a program is asked for the password' asks_program owned 'EXEC github.com/restic/restic'

# A backend that restic starts as a program: ssh, for a repository at another host.
sftp() { "$@" -q -o sftp.command='touch owned' -r sftp:host:/folder init; }
refuses 'a repository behind ssh' sftp owned 'EXEC github.com/restic/restic'

# A repository behind HTTP: somewhere else is where backups are stolen to.
uploads() {
  serve python3 "$folder/../listener.py" requested
  "$@" -q -r "rest:http://$address/" snapshots
  served
}
requested() { [ -s requested ]; }
refuses 'a repository behind HTTP' uploads requested 'NETWORK/CONNECT github.com/restic/restic'
done_looking
