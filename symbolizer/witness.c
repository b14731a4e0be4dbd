/* SPDX-License-Identifier: Apache-2.0 */
#include "symbolizer/witness.h"

#include <stdlib.h>
#include <string.h>

#include "common/hash.h"

/* A compile unit, by its offset in the table of file tables. */
struct unit {
	uint32_t offset;
	unsigned count; /* of modules that names of its functions name */
	int modules[MJ_MAX_SUSPECTS];
	/* By majority, of functions that have a directory (what the compiler makes has none): */
	int owner;
	unsigned lead;
	struct dir *home;
	unsigned home_lead;
	UT_hash_handle hh;
};

/* A directory of source files. Its owner is found by majority (Boyer and Moore). */
struct dir {
	const char *path; /* borrowed from the file table, len bytes */
	size_t len;
	int owner;
	unsigned lead;
	bool is_home; /* of a compile unit of the owner's */
	UT_hash_handle hh;
};

struct mj_witnesses {
	struct unit *units;
	struct dir *dirs;
};

/* While all functions are gone through: what the one before was, since most are like it. */
struct pass {
	const struct mj_pclntab *tab;
	struct mj_modules *mods;
	struct mj_witnesses *witnesses;
	const char *name;
	size_t package_len;
	int subject;
	struct unit *unit;
	const char *file;
	struct dir *dir;
};

static size_t
dir_length(const char *file)
{
	const char *slash = strrchr(file, '/');
	return slash ? (size_t)(slash - file) : 0;
}

/* Instances of generic functions are compiled where they are used and shared between users, so
 * their compile unit names nobody. */
static bool
is_generic(const char *name)
{
	return strchr(name, '[') != NULL;
}

/* The subject by name, with a short cut for a name in the package of the one before. */
static bool
subject_by_name(struct pass *pass, const char *name)
{
	size_t len = pass->package_len;
	if (len && strncmp(pass->name, name, len) == 0 && !strpbrk(name + len, "/"))
		return true;
	if (!mj_modules_subject(pass->mods, name, &pass->subject))
		return false;
	size_t end = strcspn(name, "[(");
	const char *slash = memrchr(name, '/', end);
	const char *dot =
		memchr(slash ? slash : name, '.', end - (size_t)(slash ? slash - name : 0));
	pass->name = name;
	pass->package_len = dot ? (size_t)(dot - name) + 1 : 0;
	return true;
}

static bool
find_unit(struct pass *pass, uint32_t offset)
{
	struct mj_witnesses *w = pass->witnesses;
	if (!pass->unit || pass->unit->offset != offset)
		HASH_FIND(hh, w->units, &offset, sizeof(offset), pass->unit);
	if (!pass->unit) {
		pass->unit = calloc(1, sizeof(*pass->unit));
		if (!pass->unit)
			return false;
		pass->unit->offset = offset;
		HASH_ADD(hh, w->units, offset, sizeof(offset), pass->unit);
		if (!mj_hash_added(pass->unit)) {
			free(pass->unit);
			return false;
		}
	}
	return true;
}

static void
add_to_unit(struct pass *pass)
{
	struct unit *unit = pass->unit;
	for (unsigned i = 0; i < unit->count && i < MJ_MAX_SUSPECTS; i++)
		if (unit->modules[i] == pass->subject)
			return;
	if (unit->count < MJ_MAX_SUSPECTS)
		unit->modules[unit->count] = pass->subject;
	unit->count++;
}

static struct dir *
find_dir(const struct mj_witnesses *witnesses, const char *file)
{
	struct dir *dir = NULL;
	size_t len = dir_length(file);
	if (len)
		HASH_FIND(hh, witnesses->dirs, file, len, dir);
	return dir;
}

static bool
vote(struct pass *pass, const char *file, bool is_closure)
{
	struct mj_witnesses *w = pass->witnesses;
	size_t len = dir_length(file);
	if (!len)
		return true;
	if (file != pass->file || !pass->dir)
		pass->dir = find_dir(w, file);
	pass->file = file;
	if (!pass->dir) {
		pass->dir = calloc(1, sizeof(*pass->dir));
		if (!pass->dir)
			return false;
		pass->dir->path = file;
		pass->dir->len = len;
		HASH_ADD_KEYPTR(hh, w->dirs, pass->dir->path, len, pass->dir);
		if (!mj_hash_added(pass->dir)) {
			free(pass->dir);
			return false;
		}
	}
	struct dir *dir = pass->dir;
	struct unit *unit = pass->unit;
	if (dir->lead == 0)
		dir->owner = pass->subject;
	dir->lead += dir->owner == pass->subject ? 1U : -1U;
	if (unit->lead == 0)
		unit->owner = pass->subject;
	unit->lead += unit->owner == pass->subject ? 1U : -1U;
	if (is_closure)
		return true; /* perhaps of an inlined function of another package */
	if (unit->home_lead == 0)
		unit->home = dir;
	unit->home_lead += unit->home == dir ? 1U : -1U;
	return true;
}

static bool
hear(struct pass *pass, const struct mj_func *f)
{
	int32_t fileno;
	if (is_generic(f->name))
		return true;
	if (!subject_by_name(pass, f->name) || !find_unit(pass, f->cu_offset))
		return false;
	if (pass->subject >= 0)
		add_to_unit(pass);
	if (!mj_pclntab_value(pass->tab, f, f->pcfile, f->entry, &fileno))
		return true;
	return vote(pass, mj_pclntab_file(pass->tab, f, fileno),
	            mj_function_outer_length(f->name) < strlen(f->name));
}

static void
find_homes(struct mj_witnesses *witnesses)
{
	struct unit *unit, *next;
	HASH_ITER (hh, witnesses->units, unit, next)
		if (unit->home && unit->home->owner == unit->owner)
			unit->home->is_home = true;
}

int
mj_witnesses_create(const struct mj_pclntab *tab, struct mj_modules *mods,
                    struct mj_witnesses **ret, struct mj_error *err)
{
	struct pass pass = { .tab = tab, .mods = mods, .subject = MJ_SUBJECT_STD };
	pass.witnesses = calloc(1, sizeof(*pass.witnesses));
	if (!pass.witnesses)
		return mj_error_set(err, MJ_ERR_MEMORY, "out of memory");
	for (uint64_t i = 0; i < tab->nfunc; i++) {
		struct mj_func f;
		if (mj_pclntab_func_at(tab, i, &f) && !hear(&pass, &f)) {
			mj_witnesses_destroy(pass.witnesses);
			return mj_error_set(err, MJ_ERR_MEMORY, "out of memory");
		}
	}
	find_homes(pass.witnesses);
	*ret = pass.witnesses;
	return 0;
}

void
mj_witnesses_destroy(struct mj_witnesses *witnesses)
{
	struct unit *unit, *next_unit;
	struct dir *dir, *next_dir;
	if (!witnesses)
		return;
	HASH_ITER (hh, witnesses->units, unit, next_unit) {
		HASH_DEL(witnesses->units, unit);
		free(unit);
	}
	HASH_ITER (hh, witnesses->dirs, dir, next_dir) {
		HASH_DEL(witnesses->dirs, dir);
		free(dir);
	}
	free(witnesses);
}

static int
add_suspect(int *list, int n, int module, int subject)
{
	if (module < 0 || module == subject)
		return n;
	for (int i = 0; i < n; i++)
		if (list[i] == module)
			return n;
	if (n == MJ_MAX_SUSPECTS)
		return -1;
	list[n] = module;
	return n + 1;
}

int
mj_witnesses_ask(const struct mj_witnesses *witnesses, const struct mj_func *f,
                 const struct mj_frame *frame, bool physical, int *ret)
{
	int n = 0;
	const struct unit *unit = NULL;
	const struct dir *dir = find_dir(witnesses, frame->file);
	if (dir)
		n = add_suspect(ret, n, dir->owner, frame->subject);
	if (physical && !is_generic(frame->function))
		HASH_FIND(hh, witnesses->units, &f->cu_offset, sizeof(f->cu_offset), unit);
	if (unit && unit->count > MJ_MAX_SUSPECTS)
		return -1;
	for (unsigned i = 0; unit && n >= 0 && i < unit->count; i++)
		n = add_suspect(ret, n, unit->modules[i], frame->subject);
	return n;
}

static bool
is_below(const char *file, const struct dir *dir)
{
	return strncmp(file, dir->path, dir->len) == 0 && file[dir->len] == '/';
}

void
mj_witnesses_testify(const struct mj_witnesses *witnesses, uint32_t cu_offset, const char *file,
                     struct mj_testimony *ret)
{
	const struct unit *unit = NULL;
	const struct dir *dir = find_dir(witnesses, file);
	HASH_FIND(hh, witnesses->units, &cu_offset, sizeof(cu_offset), unit);
	bool known = unit && unit->lead;
	ret->unit = known ? unit->owner : MJ_NOBODY;
	ret->dir = dir && dir->lead ? dir->owner : MJ_NOBODY;
	bool own = known && (ret->dir == MJ_NOBODY || ret->dir == unit->owner);
	ret->at_home = own && ((dir && dir->is_home) || (unit->home && is_below(file, unit->home)));
}
