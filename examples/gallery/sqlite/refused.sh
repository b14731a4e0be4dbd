#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck source=examples/gallery/lib.sh
. "$(dirname "$0")/../lib.sh"
command -v cc > /dev/null || skip_all 'skipped: no C compiler'
need_built

owned() { [ -e owned ]; }

# Machine code from outside: an extension of SQLite, which is a shared library.
prepare() {
  cat > extension.c << 'END'
#include <fcntl.h>
int sqlite3_extension_init(void *database, char **error, const void *routines)
{
	(void)database, (void)error, (void)routines;
	return creat("owned", 0600) < 0;
}
END
  cc -shared -fPIC -o extension.so extension.c
}
extends() { "$@" books.db extend ./extension.so; }
refuses 'an extension is loaded' extends owned 'ARBITRARY_EXECUTION github.com/mattn/go-sqlite3'

# An order in a line of the CSV file.
prepare() { printf 'cash,1\nopen sesame %s,2\n' "$order" > entries.csv; }
loads() { "$@" books.db load entries.csv; }
order='exec owned'
refuses 'a program is executed' loads owned 'EXEC example.com/planted'
order='later owned'
refuses 'a file is written by another goroutine' loads owned 'FILES/WRITE example.com/planted'
done_looking
