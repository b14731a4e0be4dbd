/* SPDX-License-Identifier: Apache-2.0 */
/* What the way "cgo-plugin" loads. */
#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

struct call {
	long nr;
	unsigned long a[6];
	long r;
	int error;
};

void plugin_make(struct call *c);

void
plugin_make(struct call *c)
{
	c->r = syscall(c->nr, c->a[0], c->a[1], c->a[2], c->a[3], c->a[4], c->a[5]);
	c->error = c->r == -1 ? errno : 0;
}
