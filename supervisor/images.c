/* SPDX-License-Identifier: Apache-2.0 */
/* Executable files: opened once, through /proc/PID/exe, so that other mount namespaces and deleted
 * files work; kept by device, inode, size and change time. */
#include "supervisor/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void
id_of_stat(const struct stat *st, struct mj_image_id *ret)
{
	memset(ret, 0, sizeof(*ret)); /* it is a hash key: no padding left undefined */
	ret->dev = st->st_dev;
	ret->ino = st->st_ino;
	ret->size = (uint64_t)st->st_size;
	ret->ctime_sec = st->st_ctim.tv_sec;
	ret->ctime_nsec = st->st_ctim.tv_nsec;
}

/* The entry under programs for an executable file, or NULL. By the file, not by its name: a name in a jailed
 * process's view may be anything. To pass for such a program gives nothing, because the ceiling holds as well;
 * a copy under another name runs under its ceiling, like every program that is not named. */
static const struct mj_run_program *
find_program(const struct supervisor *sup, const struct stat *file)
{
	const struct mj_run_args *args = sup->args;
	/* What modjail itself was told to run is always under its own policy. */
	for (size_t i = 0; sup->program && i < args->nprograms; i++) {
		struct stat st;
		if (stat(args->programs[i].path, &st) == 0 && st.st_dev == file->st_dev &&
		    st.st_ino == file->st_ino)
			return &args->programs[i];
	}
	return NULL;
}

/* The paths that the policy names count as modules next to those of the build info. */
static int
open_image(const struct mj_policy *policy, int fd, const char *path, struct mj_image **ret)
{
	size_t n = policy ? mj_policy_count(policy) : 0;
	MJ_AUTO_FREE const char **extra = calloc(n + 1, sizeof(*extra));
	if (!extra)
		return -1;
	size_t used = 0;
	for (size_t i = 0; i < n; i++)
		if (strcmp(mj_policy_module(policy, i), "main") != 0)
			extra[used++] = mj_policy_module(policy, i);
	return mj_image_open(fd, path, extra, used, ret, NULL);
}

/* Only for images that are walked. False: out of memory. */
static bool
verify_walks(struct supervisor *sup, int fd, struct sup_image *entry)
{
	bool has_cfi = false;
	if (!sup->args->verify_walk || !entry->walked)
		return true;
	mj_image_use_dwarf(entry->image);
	if (mj_image_verify_walks(entry->image, fd, &has_cfi, NULL) < 0)
		return false;
	if (!has_cfi)
		sup_notice(sup, MJ_NOTICE_WARNING,
		           "%s has no call frame information (it is stripped): --verify-walk has "
		           "nothing "
		           "to check its walks against",
		           entry->path ? entry->path : "the program");
	return true;
}

/* Says why a policy that is for this very program cannot be applied to it, if so. */
static void
check_fit(struct sup_image *entry)
{
	const struct mj_image *image = entry->image;
	const char *wanted = mj_policy_program(entry->policy, NULL);
	const char *is = mj_image_main_module(image);
	if (mj_image_kind(image) != MJ_IMAGE_GO)
		snprintf(entry->misfit, sizeof(entry->misfit),
		         "it has a policy under \"programs\", but its stacks cannot be walked: %s",
		         mj_image_why(image));
	else if (wanted && strcmp(wanted, is) != 0)
		snprintf(entry->misfit, sizeof(entry->misfit),
		         "its policy under \"programs\" is for the main module %.120s, but its own "
		         "is %.120s",
		         wanted, *is ? is : "not known");
}

/* The program that was started is walked, and so is every other Go program of the same main module, or
 * of none, that it may execute: a re-execution of itself is the common case. */
static bool
is_walked(const struct supervisor *sup, const struct mj_image *image)
{
	return !sup->program || (mj_image_kind(image) == MJ_IMAGE_GO &&
	                         strcmp(mj_image_main_module(sup->program->image),
	                                mj_image_main_module(image)) == 0);
}

static void
free_image(struct sup_image *entry)
{
	mj_image_destroy(entry->image);
	free(entry->path);
	free(entry->rules);
	sup_names_unref(entry->executors);
	free(entry);
}

/* Reads what there is to know of a file, and decides whether it is walked, and under which policy. NULL: out of
 * memory, or the file cannot be read. */
static struct sup_image *
make_image(struct supervisor *sup, int fd, const struct stat *st, const char *path)
{
	const struct mj_run_program *named = find_program(sup, st);
	struct sup_image *entry = calloc(1, sizeof(*entry));
	if (!entry)
		return NULL;
	entry->policy = named ? named->policy : sup->args->policy;
	if (open_image(entry->policy, fd, path, &entry->image) < 0) {
		free(entry);
		return NULL;
	}
	id_of_stat(st, &entry->id);
	entry->floor = mj_grant_all();
	entry->path = strdup(path);
	if (named)
		check_fit(entry);
	entry->walked = !*entry->misfit && (named || is_walked(sup, entry->image));
	if (!entry->walked) {
		/* Nothing of it is needed, and a mapping would keep a deleted file on its disk. */
		mj_image_destroy(entry->image);
		entry->image = NULL;
	}
	return entry;
}

static struct sup_image *
add_image(struct supervisor *sup, const char *link, const char **why)
{
	struct stat st;
	char path[4096];
	MJ_AUTO_FD int fd = sup_open(sup, link, O_RDONLY);
	if (fd < 0 || fstat(fd, &st) < 0) {
		*why = "its executable file cannot be opened";
		return NULL;
	}
	ssize_t n = readlink(link, path, sizeof(path) - 1);
	path[n > 0 ? n : 0] = '\0';
	if (sup_packed_is_program(sup, &st))
		snprintf(path, sizeof(path), "%s", sup->args->path);
	struct sup_image *entry = make_image(sup, fd, &st, path);
	if (!entry) {
		*why = "its executable file cannot be read";
		return NULL;
	}
	if (!verify_walks(sup, fd, entry)) {
		free_image(entry);
		*why = "modjail is out of memory";
		return NULL;
	}
	HASH_ADD(hh, sup->images, id, sizeof(entry->id), entry);
	if (!mj_hash_added(entry)) {
		free_image(entry);
		*why = "modjail is out of memory";
		return NULL;
	}
	if (sup->stats)
		sup->stats->images++;
	return entry;
}

struct sup_image *
sup_image_of(struct supervisor *sup, pid_t tgid, struct sup_image *parent, const char **why)
{
	char link[64];
	struct stat st;
	struct mj_image_id id;
	struct sup_image *entry;
	snprintf(link, sizeof(link), "/proc/%d/exe", tgid);
	if (stat(link, &st) < 0) {
		*why = errno == EACCES || errno == EPERM ? "modjail may not look at the process: "
		                                           "it is not dumpable, or it has "
		                                           "more privileges than modjail"
		                                         : "it has no executable file";
		return NULL;
	}
	id_of_stat(&st, &id);
	/* A fork has its parent's file, whatever has become of its name, its mode and its links. */
	if (parent && parent->id.dev == id.dev && parent->id.ino == id.ino)
		return parent;
	HASH_FIND(hh, sup->images, &id, sizeof(id), entry);
	return entry ? entry : add_image(sup, link, why);
}

const struct mj_rule *
sup_image_rule(struct sup_image *image, int module)
{
	static const struct mj_rule nothing = { .action = MJ_ACTION_ERRNO };
	size_t index = (size_t)module;
	if (index >= image->nrules) {
		size_t count = mj_image_module_count(image->image);
		if (index >= count)
			return &nothing;
		const struct mj_rule **rules = realloc(image->rules, count * sizeof(*rules));
		if (!rules)
			return &nothing;
		for (size_t i = image->nrules; i < count; i++) {
			const struct mj_module *m = mj_image_module(image->image, i);
			rules[i] = mj_policy_rule(image->policy, m->path, m->is_main);
		}
		image->rules = rules;
		image->nrules = count;
	}
	return image->rules[index];
}

void
sup_images_free(struct supervisor *sup)
{
	struct sup_image *entry, *next;
	HASH_ITER (hh, sup->images, entry, next) {
		HASH_DEL(sup->images, entry);
		free_image(entry);
	}
}
