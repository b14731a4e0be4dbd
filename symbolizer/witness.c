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
	/* By majority, of functions that are not made by the compiler and are no closures. Of modules: no
	 * package of the standard library has functions that are named after one. */
	int owner;
	unsigned lead;
	bool has_std;
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
	/* The same without closures, which may be named after whoever their function was inlined into,
	 * but with generic functions: */
	int plain_owner;
	unsigned plain_lead;
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
add_dir(struct pass *pass, const char *file)
{
	struct mj_witnesses *w = pass->witnesses;
	size_t len = dir_length(file);
	if (file != pass->file || !pass->dir)
		pass->dir = find_dir(w, file);
	pass->file = file;
	if (!pass->dir) {
		pass->dir = calloc(1, sizeof(*pass->dir));
		if (!pass->dir)
			return false;
		pass->dir->owner = MJ_SUBJECT_STD; /* until somebody votes */
		pass->dir->path = file;
		pass->dir->len = len;
		HASH_ADD_KEYPTR(hh, w->dirs, pass->dir->path, len, pass->dir);
		if (!mj_hash_added(pass->dir)) {
			free(pass->dir);
			return false;
		}
	}
	return true;
}

/* One voice of a majority vote. */
static void
count_vote(int *owner, unsigned *lead, int subject)
{
	if (*lead == 0)
		*owner = subject;
	*lead += *owner == subject ? 1U : -1U;
}

/* The function that initialises a package; it has no file. */
static bool
is_package_init(const char *name)
{
	size_t len = strlen(name);
	return len > 5 && strcmp(name + len - 5, ".init") == 0;
}

static void
vote_for_unit(struct pass *pass)
{
	struct unit *unit = pass->unit;
	if (pass->subject >= 0)
		count_vote(&unit->owner, &unit->lead, pass->subject);
	else
		unit->has_std = true;
}

static int
unit_owner(const struct unit *unit)
{
	return unit->lead                      ? unit->owner
	       : unit->has_std && !unit->count ? MJ_SUBJECT_STD
	                                       : MJ_NOBODY;
}

static void
vote(struct pass *pass, const char *name)
{
	struct dir *dir = pass->dir;
	struct unit *unit = pass->unit;
	bool generic = is_generic(name);
	if (!generic)
		count_vote(&dir->owner, &dir->lead, pass->subject);
	if (mj_function_outer_length(name) < strlen(name))
		return;
	count_vote(&dir->plain_owner, &dir->plain_lead, pass->subject);
	if (generic)
		return;
	vote_for_unit(pass);
	if (unit->home_lead == 0)
		unit->home = dir;
	unit->home_lead += unit->home == dir ? 1U : -1U;
}

static bool
hear(struct pass *pass, const struct mj_func *f)
{
	int32_t fileno;
	if (!subject_by_name(pass, f->name) || !find_unit(pass, f->cu_offset))
		return false;
	if (pass->subject >= 0 && !is_generic(f->name))
		add_to_unit(pass);
	if (!mj_pclntab_value(pass->tab, f, f->pcfile, f->entry, &fileno))
		return true;
	const char *file = mj_pclntab_file(pass->tab, f, fileno);
	if (dir_length(file)) {
		if (!add_dir(pass, file))
			return false;
		vote(pass, f->name);
	} else if (is_package_init(f->name)) {
		vote_for_unit(pass);
	}
	return true;
}

static void
find_homes(struct mj_witnesses *witnesses)
{
	struct unit *unit, *next;
	HASH_ITER (hh, witnesses->units, unit, next)
		if (unit->home && unit->home->plain_owner == unit_owner(unit))
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
	ret->unit = unit ? unit_owner(unit) : MJ_NOBODY;
	ret->dir = dir && dir->plain_lead ? dir->plain_owner : MJ_NOBODY;
	bool own = unit && (ret->dir == MJ_NOBODY || ret->dir == ret->unit);
	ret->at_home =
		own && (!unit->home_lead || (dir && dir->is_home) || is_below(file, unit->home));
}
