/* SPDX-License-Identifier: Apache-2.0 */
/* uthash, told not to end the process when memory runs out: the element is then left out of the
 * table, and mj_hash_added() is false. */
#ifndef MJ_HASH_H
#define MJ_HASH_H

#define HASH_NONFATAL_OOM 1
/* The default one falls through switch labels, which compilers remark on. */
#define HASH_FUNCTION(key, len, hash) HASH_FNV(key, len, hash)

#include <uthash.h>

/** Whether the element that was just given to HASH_ADD is in the table. */
#define mj_hash_added(element) ((element)->hh.tbl != NULL)

#endif
