/* SPDX-License-Identifier: Apache-2.0 */
/* Whether libmodjail_preload.so can put a program into a jail. The file is not trusted. */
#include "cli/cli.h"

#include <elf.h>
#include <stdarg.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define MAX_SEGMENTS 1024

static const char use_run[] = "modjail run ... -- PROG, or a file made by modjail pack";
static const char use_run_only[] = "modjail run ... -- PROG";

/* ---- the dynamic loader --------------------------------------------------------------------- */

static bool
read_at(int fd, uint64_t off, void *buf, size_t len)
{
	return off <= INT64_MAX - len && pread(fd, buf, len, (off_t)off) == (ssize_t)len;
}

int
cli_read_interpreter(int fd, char *buf, size_t size)
{
	Elf64_Ehdr header;
	if (!read_at(fd, 0, &header, sizeof(header)) ||
	    memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
	    header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB ||
	    header.e_phentsize != sizeof(Elf64_Phdr) || header.e_phnum > MAX_SEGMENTS ||
	    header.e_phoff > INT64_MAX / 2)
		return -1;
	for (size_t i = 0; i < header.e_phnum; i++) {
		Elf64_Phdr segment;
		if (!read_at(fd, header.e_phoff + i * sizeof(segment), &segment, sizeof(segment)))
			return -1;
		if (segment.p_type != PT_INTERP)
			continue;
		size_t len = segment.p_filesz;
		if (len < 2 || len > size || !read_at(fd, segment.p_offset, buf, len) ||
		    memchr(buf, '\0', len) != buf + len - 1)
			return -1;
		return 1;
	}
	return 0;
}

/* ---- the program ---------------------------------------------------------------------------- */

static void refuse(struct cli_preloadable *ret, const char *instead, const char *fmt, ...)
	MJ_PRINTF(3, 4);

static void
refuse(struct cli_preloadable *ret, const char *instead, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(ret->reason, sizeof(ret->reason), fmt, ap);
	va_end(ap);
	ret->works = false;
	ret->instead = instead;
}

static void
check_kind(const struct mj_image *image, struct cli_preloadable *ret)
{
	const char *why = mj_image_why(image);
	switch (mj_image_kind(image)) {
	case MJ_IMAGE_GO:
		ret->works = true;
		break;
	case MJ_IMAGE_NOT_ELF:
		refuse(ret,
		       "name the Go program that it starts, and set the environment for that "
		       "one alone",
		       "it is no executable file of this machine (%s); a script's environment is "
		       "that of its interpreter, which would be refused",
		       why);
		break;
	case MJ_IMAGE_FOREIGN:
		refuse(ret, "build it with GOARCH=amd64", "it is for another machine (%s)", why);
		break;
	case MJ_IMAGE_NOT_GO:
		refuse(ret, "set the environment only for the Go program, not for what starts it",
		       "it is no Go program (%s): the agent has no policy for it, and it would "
		       "not start",
		       why);
		break;
	case MJ_IMAGE_GO_OPAQUE:
		refuse(ret, "use the file as \"go build\" made it, not packed or obfuscated",
		       "modjail cannot read its function tables (%s)", why);
		break;
	}
}

static void
check_loader(int fd, struct cli_preloadable *ret)
{
	char loader[4096];
	int found = cli_read_interpreter(fd, loader, sizeof(loader));
	const char *slash = found > 0 ? strrchr(loader, '/') : NULL;
	const char *base = slash ? slash + 1 : loader;
	if (found < 0)
		refuse(ret, use_run, "its program headers are damaged");
	else if (found == 0)
		refuse(ret, use_run,
		       "it is static (it names no dynamic loader): nothing reads LD_PRELOAD, and "
		       "it would run WITHOUT ANY JAIL");
	else if (strncmp(base, "ld-linux", strlen("ld-linux")) != 0)
		refuse(ret, use_run,
		       "its dynamic loader is %.200s, not glibc's: the library is for glibc",
		       loader);
}

/* ld.so ignores LD_PRELOAD for what gains privileges (ld.so(8), "secure-execution mode"). */
static void
check_privileges(int fd, const struct stat *st, struct cli_preloadable *ret)
{
	bool caps = fgetxattr(fd, "security.capability", NULL, 0) > 0;
	if (st->st_mode & S_ISUID || (st->st_mode & S_ISGID && st->st_mode & S_IXGRP) || caps)
		refuse(ret, use_run_only,
		       "it gains privileges when it is executed (%s), so that LD_PRELOAD is "
		       "ignored: it would run WITHOUT ANY JAIL",
		       st->st_mode & S_ISUID   ? "set-user-ID"
		       : st->st_mode & S_ISGID ? "set-group-ID"
		                               : "file capabilities");
}

int
cli_preloadable(int fd, const char *path, struct cli_preloadable *ret, struct mj_error *err)
{
	struct stat st;
	struct mj_image *image = NULL;
	*ret = (struct cli_preloadable){ .works = false };
	if (fstat(fd, &st) < 0)
		return mj_error_sys(err, errno, "cannot look at %s", path);
	if (!S_ISREG(st.st_mode))
		return mj_error_set(err, MJ_ERR_USAGE, "%s is no file", path);
	if (mj_image_open(fd, path, NULL, 0, &image, err) < 0)
		return -1;
	check_kind(image, ret);
	snprintf(ret->main_module, sizeof(ret->main_module), "%s", mj_image_main_module(image));
	mj_image_destroy(image);
	if (ret->works)
		check_loader(fd, ret);
	if (ret->works)
		check_privileges(fd, &st, ret);
	return 0;
}
