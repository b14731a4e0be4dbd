/* SPDX-License-Identifier: Apache-2.0 */
/* The modules of an image, and whose a function is. */
#ifndef MJ_SYMBOLIZER_MODULES_H
#define MJ_SYMBOLIZER_MODULES_H

#include "symbolizer/internal.h"

struct mj_module_entry;

struct mj_modules {
	struct mj_module_entry **list; /* in order of index; entries do not move */
	size_t count;
	struct mj_module_entry *by_path; /* uthash */
	int main;                        /* index of the main module */
	bool has_list;                   /* build info names modules: what it lacks is std */
	bool scanned;                    /* present is known */
};

int mj_modules_init(struct mj_modules *mods, const struct mj_buildinfo *info,
                    const char *const *extra, size_t n_extra, struct mj_error *err);
void mj_modules_finish(struct mj_modules *mods);
const struct mj_module *mj_modules_get(const struct mj_modules *mods, size_t index);

/** Whose a function is, by its name. May add a module. False: out of memory. */
bool mj_modules_subject(struct mj_modules *mods, const char *function, int *ret);

/** Names in a row, most of them of the package of the one before. Zero-initialised. */
struct mj_name_run {
	const char *name;   /* which was looked up */
	size_t package_len; /* with the dot; 0: none */
	int subject;
	bool named; /* it names a package, and is not the compiler's own */
};
/** As mj_modules_subject; *run remembers the name, which has to stay, and its subject. */
bool mj_modules_subject_next(struct mj_modules *mods, struct mj_name_run *run,
                             const char *function);

/**
 * What of a function's package stands behind its module's path, "" or "/sub/package", in buf; NULL if the module is not
 * of the build info, the function is main's, or buf is too small.
 */
const char *mj_modules_below(const struct mj_modules *mods, const char *function, int subject,
                             char *buf, size_t len);

/** The module below whose MODULE@VERSION a file is, as in the module cache (where capitals are written "!x": golang.org/ref/mod,
 * "Module cache") or with -trimpath; MJ_SUBJECT_STD if that is none that the build info lists. */
int mj_modules_of_file(const struct mj_modules *mods, const char *file);

/** Copies len bytes of a path in the module cache as an import path: "!x" becomes "X". False: it does not fit. */
bool mj_modules_unescape(const char *path, size_t len, char *buf, size_t cap);

/** Whether len bytes are the first element of the standard library's import paths. */
bool mj_modules_is_std(const char *element, size_t len);

/** Whether one of the names (all names of a pclntab) belongs to the module at index. */
bool mj_modules_present(struct mj_modules *mods, struct mj_span names, size_t index);

#endif
