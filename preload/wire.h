/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What libmodjail_preload.so and `modjail agent` say to each other over a SOCK_SEQPACKET socket, and the page
 * that they share. Neither side trusts a byte of the other: every message is one packet, and is read with the functions
 * below, which accept exactly what their counterparts write.
 *
 *   agent    WELCOME                  the kernel adds who sends it (SCM_CREDENTIALS)
 *   library  HELLO                    likewise
 *   agent    FILTER, with the page    or REFUSE and why
 *   library  installs the filter, puts the listener's number into the page: no system call
 *   agent    takes a copy of the listener (pidfd_getfd), says so in the page
 *   library  closes its own, says so in the page
 *
 * A library that cannot go on sends FAILED, if it has no filter yet, and ends its process.
 */
#ifndef MJ_WIRE_H
#define MJ_WIRE_H

#include <linux/filter.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** The numbers of messages, and of the format as a whole: another one is not understood. */
#define MJ_WIRE_VERSION 1
enum mj_wire_type {
	MJ_WIRE_WELCOME = 1,
	MJ_WIRE_HELLO,
	MJ_WIRE_FILTER,
	MJ_WIRE_REFUSE,
	MJ_WIRE_FAILED,
};

#define MJ_WIRE_HEADER 16
#define MJ_WIRE_TEXT_MAX 1024 /**< of a REFUSE, in bytes */
#define MJ_WIRE_SMALL 2048    /**< every message but FILTER fits into it */
/** The longest message: a filter of as many instructions as the kernel takes. */
#define MJ_WIRE_MAX (MJ_WIRE_HEADER + 8 + BPF_MAXINSNS * sizeof(struct sock_filter))

/** The process adopts orphans (PR_SET_CHILD_SUBREAPER, or the first of its PID namespace): its children need not be its
 * own. */
#define MJ_WIRE_SUBREAPER 1u

/** At which step the library failed (FAILED). */
enum mj_wire_step { MJ_WIRE_STEP_PAGE = 1, MJ_WIRE_STEP_NNP, MJ_WIRE_STEP_FILTER };

/** Each writes one message into buf and returns its length; 0 if it does not fit, or a value is one that the
 * reader would not take. */
size_t mj_wire_put_welcome(uint8_t *buf, size_t size);
size_t mj_wire_put_hello(uint8_t *buf, size_t size, uint32_t flags);
/** ancestors: the N of GODEBUG=tracebackancestors, 0: leave GODEBUG alone. */
size_t mj_wire_put_filter(uint8_t *buf, size_t size, uint32_t ancestors,
                          const struct sock_filter *insns, size_t count);
/** text is cut off at MJ_WIRE_TEXT_MAX bytes. */
size_t mj_wire_put_refuse(uint8_t *buf, size_t size, const char *text);
size_t mj_wire_put_failed(uint8_t *buf, size_t size, uint32_t step, uint32_t errnum);

/** Which message the len bytes at buf are: of this version, with a payload as long as it says. 0: none. */
enum mj_wire_type mj_wire_type_of(const uint8_t *buf, size_t len);

/** Each reads one message; false, with nothing written, if it is not one of this type and of exactly the right
 * length, or a value is out of range. */
bool mj_wire_get_hello(const uint8_t *buf, size_t len, uint32_t *ret_flags);
/** insns has room for max instructions, BPF_MAXINSNS of them for every filter. */
bool mj_wire_get_filter(const uint8_t *buf, size_t len, struct sock_filter *insns, size_t max,
                        size_t *ret_count, uint32_t *ret_ancestors);
/** text has room for MJ_WIRE_TEXT_MAX bytes and a NUL; control characters in it become '?'. */
bool mj_wire_get_refuse(const uint8_t *buf, size_t len, char *text);
bool mj_wire_get_failed(const uint8_t *buf, size_t len, uint32_t *ret_step, uint32_t *ret_errnum);

/** The creators that can be asked for at most (--ancestry). */
#define MJ_WIRE_ANCESTORS_MAX 1000u

/* What the agent says in a page's taken. */
#define MJ_WIRE_TAKEN 1
#define MJ_WIRE_GIVEN_UP (-1) /**< it could not take the listener: the program must not start */

/** The page, a sealed memory file that the agent makes. Its words are only ever stored to and loaded. */
#define MJ_WIRE_PAGE_SIZE 4096u
struct mj_wire_page {
	_Atomic int32_t listener_plus_one; /**< by the library */
	_Atomic int32_t killable;          /**< by the library: 1: WAIT_KILLABLE_RECV is set */
	_Atomic int32_t taken;             /**< by the agent */
	_Atomic int32_t closed;            /**< by the library: 1: it has closed its copy */
};

#endif
