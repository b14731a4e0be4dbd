/* SPDX-License-Identifier: Apache-2.0 */
/* `modjail agent --policy-dir`: from a program to the file with its policy. The program's names are its own to choose. */
#include "cli/cli.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Whether no element of a path is empty, "." or "..", and there is no control character. A leading '/' is the caller's. */
static bool
stays_inside(const char *name)
{
	for (const char *at = name;; at++) {
		size_t len = strcspn(at, "/");
		if (len == 0 || (len == 1 && at[0] == '.') ||
		    (len == 2 && at[0] == '.' && at[1] == '.'))
			return false;
		for (size_t i = 0; i < len; i++)
			if ((unsigned char)at[i] < 0x20 || at[i] == 0x7f)
				return false;
		at += len;
		if (!*at)
			return true;
	}
}

/* dir/kind/name.yaml into *ret if there is such a file. What is there and cannot be looked at is an error, not nothing. */
static int
look_for(const char *dir, const char *kind, const char *name, char **ret, struct mj_error *err)
{
	struct stat st;
	char *file = NULL;
	if (!stays_inside(name))
		return 0;
	if (asprintf(&file, "%s/%s/%s.yaml", dir, kind, name) < 0)
		return mj_error_set(err, MJ_ERR_MEMORY, "out of memory");
	if (stat(file, &st) == 0) {
		*ret = file;
		return 0;
	}
	int errnum = errno;
	if (errnum != ENOENT && errnum != ENOTDIR && errnum != ENAMETOOLONG)
		mj_error_sys(err, errnum, "cannot look at %s", file);
	free(file);
	return errnum == ENOENT || errnum == ENOTDIR || errnum == ENAMETOOLONG ? 0 : -1;
}

int
cli_policy_file_for(const char *dir, const char *path, const char *module, char **ret,
                    struct mj_error *err)
{
	*ret = NULL;
	if (*path == '/' && look_for(dir, "paths", path + 1, ret, err) < 0)
		return -1;
	if (*ret)
		return 0;
	return look_for(dir, "modules", module, ret, err);
}
