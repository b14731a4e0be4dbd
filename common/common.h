/* SPDX-License-Identifier: Apache-2.0 */
/*
 * common: what every folder of modjail may use. Errors, cleanup helpers, descriptors, bounded
 * views of untrusted bytes. Includes nothing of the project, prints nothing, never exits.
 */
#ifndef MJ_COMMON_H
#define MJ_COMMON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>

#define MJ_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define MJ_ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* ---- errors --------------------------------------------------------------------------------- */

/** Kinds of failure that callers tell apart. 0 is "no error". */
enum mj_code {
	MJ_OK = 0,
	MJ_ERR_SYSTEM,      /**< a system call failed; sys_errno says how */
	MJ_ERR_MEMORY,      /**< out of memory */
	MJ_ERR_FORMAT,      /**< input that is malformed: ELF, pclntab, go.mod, a message */
	MJ_ERR_USAGE,       /**< the caller or the user asked for something that cannot be */
	MJ_ERR_UNSUPPORTED, /**< well-formed, but this program, kernel or machine cannot do it */
	MJ_ERR_NOT_FOUND,   /**< the thing asked for does not exist */
};

/**
 * A failure in words. Functions that can fail take one as last argument, fill it and return -1;
 * on success they return 0 and leave it alone. May be NULL where the caller does not care.
 */
struct mj_error {
	enum mj_code code;
	int sys_errno; /**< errno of MJ_ERR_SYSTEM, else 0 */
	char text[1024];
};

/** Sets *err (if not NULL) and returns -1, so that a caller can report and return at once. */
int mj_error_set(struct mj_error *err, enum mj_code code, const char *fmt, ...) MJ_PRINTF(3, 4);

/** As mj_error_set with MJ_ERR_SYSTEM; appends ": strerror(errnum)". Returns -1. */
int mj_error_sys(struct mj_error *err, int errnum, const char *fmt, ...) MJ_PRINTF(3, 4);

/** Puts "prefix: " before the text that is already there; keeps code and errno. Returns -1. */
int mj_error_wrap(struct mj_error *err, const char *fmt, ...) MJ_PRINTF(2, 3);

/* ---- ownership ------------------------------------------------------------------------------ */

/** Closes fd if it is >= 0, keeps errno. Never retried on EINTR: on Linux the descriptor is
 * gone whatever close() returns (close(2), "Dealing with error returns"). */
void mj_close(int fd);

void mj_cleanup_fd(int *fd);
void mj_cleanup_free(void *pointer_to_pointer);

/** `MJ_AUTO_FD int fd = -1;` closes at the end of the scope. */
#define MJ_AUTO_FD __attribute__((cleanup(mj_cleanup_fd)))
/** `MJ_AUTO_FREE char *p = NULL;` frees at the end of the scope. */
#define MJ_AUTO_FREE __attribute__((cleanup(mj_cleanup_free)))

/** Takes the value of an MJ_AUTO_FD variable out of the hands of its cleanup. */
int mj_steal_fd(int *fd);

/* ---- bounded views -------------------------------------------------------------------------- */

/** Bytes that belong to somebody else. Every reader below checks before it touches one. */
struct mj_span {
	const uint8_t *data;
	size_t len;
};

/* Here, and not in span.c, because tables of a hundred thousand functions are read through them. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "spans are read as little-endian");

/** The part [off, off+len) of s; false, *ret untouched, if it does not lie within. */
static inline bool
mj_span_sub(struct mj_span s, uint64_t off, uint64_t len, struct mj_span *ret)
{
	if (off > s.len || len > s.len - off)
		return false;
	*ret = (struct mj_span){ s.data + off, len };
	return true;
}

/** The part from off to the end; false if off lies beyond the end. */
static inline bool
mj_span_from(struct mj_span s, uint64_t off, struct mj_span *ret)
{
	if (off > s.len)
		return false;
	*ret = (struct mj_span){ s.data + off, s.len - off };
	return true;
}

/** Copies len bytes at off; false, *ret untouched, if out of bounds. */
static inline bool
mj_span_copy(struct mj_span s, uint64_t off, void *ret, size_t len)
{
	if (off > s.len || len > s.len - off)
		return false;
	memcpy(ret, s.data + off, len);
	return true;
}

/* Little-endian reads at a byte offset, aligned or not. False, *ret untouched, if out of bounds. */
static inline bool
mj_span_u8(struct mj_span s, uint64_t off, uint8_t *ret)
{
	return mj_span_copy(s, off, ret, sizeof(*ret));
}

static inline bool
mj_span_u32(struct mj_span s, uint64_t off, uint32_t *ret)
{
	return mj_span_copy(s, off, ret, sizeof(*ret));
}

static inline bool
mj_span_i32(struct mj_span s, uint64_t off, int32_t *ret)
{
	return mj_span_copy(s, off, ret, sizeof(*ret));
}

static inline bool
mj_span_u64(struct mj_span s, uint64_t off, uint64_t *ret)
{
	return mj_span_copy(s, off, ret, sizeof(*ret));
}

/** A NUL-terminated string at off, NUL within the span; NULL if there is none. Borrowed. */
const char *mj_span_str(struct mj_span s, uint64_t off);

/** Unsigned LEB128 as Go's encoding/binary.Uvarint; moves *off behind it. False if it is cut
 * off or longer than 64 bits. */
bool mj_span_uvarint(struct mj_span s, uint64_t *off, uint64_t *ret);

/* ---- words ---------------------------------------------------------------------------------- */

/** The candidate closest to word, if close enough to be what was meant; else NULL. */
const char *mj_nearest(const char *word, const char *const *candidates, size_t count);

/* ---- files ---------------------------------------------------------------------------------- */

/**
 * Reads the whole of path, at most max bytes, into a fresh buffer with one NUL behind it
 * (not counted). *ret is freed by the caller. Larger files are MJ_ERR_USAGE.
 */
int mj_read_file(const char *path, size_t max, char **ret, size_t *ret_len, struct mj_error *err);

/** As mj_read_file for a descriptor, read from its position to its end; name is for messages. */
int mj_read_fd(int fd, const char *name, size_t max, char **ret, size_t *ret_len,
               struct mj_error *err);

#endif
