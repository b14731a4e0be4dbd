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
};
/** As mj_modules_subject; *run remembers the name, which has to stay, and its subject. */
bool mj_modules_subject_next(struct mj_modules *mods, struct mj_name_run *run,
                             const char *function);

/** Whether len bytes are the first element of the standard library's import paths. */
bool mj_modules_is_std(const char *element, size_t len);

/** Whether one of the names (all names of a pclntab) belongs to the module at index. */
bool mj_modules_present(struct mj_modules *mods, struct mj_span names, size_t index);

#endif
