/* SPDX-License-Identifier: Apache-2.0 */
/* Which calls may be the standard library's own act: they read, or look, and change nothing; or
 * they are a probe's. */
#include "policy/policy.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#define READING_FLAGS                                                                              \
	(O_CLOEXEC | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | 0100000 /* O_LARGEFILE */)
#define PROTO_MPTCP 262 /* include/uapi/linux/in.h */

static bool
is_cwd(uint64_t dirfd)
{
	return (int)dirfd == AT_FDCWD;
}

bool
mj_call_only_reads(const struct mj_call *call, unsigned *ret_path)
{
	struct mj_need need = mj_call_need(call);
	const uint64_t *args = call->args;
	if (!need.known || need.any || !need.all ||
	    need.all & ~(MJ_CAP(FILES_READ) | MJ_CAP(FILES_STAT)))
		return false;
	switch (call->nr) {
	case SYS_open:
		*ret_path = 0;
		return !((uint32_t)args[1] & ~(uint32_t)READING_FLAGS);
	case SYS_openat:
		*ret_path = 1;
		return is_cwd(args[0]) && !((uint32_t)args[2] & ~(uint32_t)READING_FLAGS);
	case SYS_stat:
	case SYS_lstat:
	case SYS_readlink:
		*ret_path = 0;
		return true;
	case SYS_newfstatat:
		*ret_path = 1;
		return is_cwd(args[0]) && !((uint32_t)args[3] & ~(uint32_t)AT_SYMLINK_NOFOLLOW);
	case SYS_readlinkat:
		*ret_path = 1;
		return is_cwd(args[0]);
	default:
		return false;
	}
}

bool
mj_call_only_probes(const struct mj_call *call, unsigned *ret_address)
{
	const uint32_t family = (uint32_t)call->args[0], type = (uint32_t)call->args[1],
		       protocol = (uint32_t)call->args[2];
	*ret_address = 0;
	switch (call->nr) {
	case SYS_socket:
		return (family == AF_INET || family == AF_INET6) &&
		       (type & ~(uint32_t)(SOCK_NONBLOCK | SOCK_CLOEXEC)) == SOCK_STREAM &&
		       (protocol == IPPROTO_TCP || protocol == PROTO_MPTCP);
	case SYS_bind:
		*ret_address = 1;
		return (uint32_t)call->args[2] == sizeof(struct sockaddr_in6);
	default:
		return false;
	}
}

bool
mj_is_probe_address(const struct sockaddr_in6 *address)
{
	static const uint8_t mapped[16] = { [10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1 };
	return address->sin6_family == AF_INET6 && !address->sin6_port && !address->sin6_scope_id &&
	       (memcmp(&address->sin6_addr, &in6addr_loopback, sizeof(mapped)) == 0 ||
	        memcmp(&address->sin6_addr, mapped, sizeof(mapped)) == 0);
}
