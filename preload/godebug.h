/* SPDX-License-Identifier: Apache-2.0 */
/* GODEBUG=tracebackancestors=N, by which Go's runtime records who created a goroutine (runtime/proc.go,
 * saveAncestors). Part of libmodjail_preload.so, too. */
#ifndef MJ_GODEBUG_H
#define MJ_GODEBUG_H

#include <stddef.h>

/** The bytes that mj_godebug_write needs at most for this old value. */
size_t mj_godebug_size(const char *old);
/**
 * Writes "GODEBUG=SETTINGS" into buf (mj_godebug_size bytes): the settings of the old value ("" if there is none), but
 * for other tracebackancestors, and ours last.
 */
void mj_godebug_write(char *buf, size_t size, const char *old, unsigned ancestors);

#endif
