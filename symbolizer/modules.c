/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a function's name to the module that it belongs to. Build info lists the modules, the policy
 * may name more. Programs built without modules (GOPATH) list none; theirs are made up from import
 * paths as packages turn up, so that nothing of theirs passes for the standard library.
 */
#include "symbolizer/modules.h"

/* uthash would exit; with this it leaves the element out, hh.tbl NULL. */
#define HASH_NONFATAL_OOM 1
/* The default one falls through switch labels, which clang remarks on. */
#define HASH_FUNCTION(key, len, hash) HASH_FNV(key, len, hash)

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

struct mj_module_entry {
	struct mj_module pub;
	int index;
	bool present;
	UT_hash_handle hh;
	char text[]; /* path and version */
};

/* ---- the list ------------------------------------------------------------------------------- */

static struct mj_module_entry *
find_module(const struct mj_modules *mods, const char *path, size_t len)
{
	struct mj_module_entry *found;
	HASH_FIND(hh, mods->by_path, path, len, found);
	return found;
}

static struct mj_module_entry *
new_entry(const char *path, size_t len, const char *version)
{
	size_t version_len = strlen(version);
	struct mj_module_entry *entry = calloc(1, sizeof(*entry) + len + version_len + 2);
	if (!entry)
		return NULL;
	memcpy(entry->text, path, len);
	memcpy(entry->text + len + 1, version, version_len);
	entry->pub.path = entry->text;
	entry->pub.version = entry->text + len + 1;
	return entry;
}

/* The entry of a path, which is added if it is not there yet; NULL if memory runs out. */
static struct mj_module_entry *
add_module(struct mj_modules *mods, const char *path, size_t len, const char *version)
{
	struct mj_module_entry *entry = find_module(mods, path, len);
	if (entry)
		return entry;
	if ((mods->count & (mods->count - 1)) == 0) {
		size_t cap = mods->count ? mods->count * 2 : 1;
		struct mj_module_entry **bigger = realloc(mods->list, cap * sizeof(*bigger));
		if (!bigger)
			return NULL;
		mods->list = bigger;
	}
	entry = new_entry(path, len, version);
	if (!entry)
		return NULL;
	HASH_ADD_KEYPTR(hh, mods->by_path, entry->text, len, entry);
	if (!entry->hh.tbl) {
		free(entry);
		return NULL;
	}
	entry->index = (int)mods->count;
	mods->list[mods->count++] = entry;
	return entry;
}

const struct mj_module *
mj_modules_get(const struct mj_modules *mods, size_t index)
{
	return index < mods->count ? &mods->list[index]->pub : NULL;
}

void
mj_modules_finish(struct mj_modules *mods)
{
	HASH_CLEAR(hh, mods->by_path);
	for (size_t i = 0; i < mods->count; i++)
		free(mods->list[i]);
	free(mods->list);
	*mods = (struct mj_modules){ 0 };
}

/* ---- import paths --------------------------------------------------------------------------- */

/* The length of the first n elements of path, or of all of it if it has fewer. */
static size_t
elements(const char *path, unsigned n)
{
	size_t len = 0;
	while (n-- > 0 && path[len]) {
		len += path[len] == '/';
		len += strcspn(path + len, "/");
	}
	return len;
}

static bool
starts(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

/* Whether the element at s is a major version suffix, "v2" and up. */
static bool
is_major(const char *s)
{
	size_t digits = s[0] == 'v' ? strspn(s + 1, "0123456789") : 0;
	return digits && s[1] != '0' && (!s[1 + digits] || s[1 + digits] == '/');
}

/* The part of an import path that is the module, guessed by the customs of the well-known hosts;
 * elsewhere a package counts as a module of its own. */
static size_t
guess_module(const char *package)
{
	static const struct {
		const char *host;
		unsigned elements;
	} customs[] = {
		{ "cmd/", 1 },          { "github.com/", 3 },
		{ "gitlab.com/", 3 },   { "bitbucket.org/", 3 },
		{ "golang.org/x/", 3 }, { "k8s.io/", 2 },
		{ "sigs.k8s.io/", 2 },  { "google.golang.org/", 2 },
		{ "go.uber.org/", 2 },  { "go.opentelemetry.io/", 2 },
	};
	if (starts(package, "gopkg.in/")) {
		/* gopkg.in/yaml.v3 or gopkg.in/user/pkg.v1 */
		size_t two = elements(package, 2);
		return memmem(package, two, ".v", 2) ? two : elements(package, 3);
	}
	for (size_t i = 0; i < MJ_ARRAY_LEN(customs); i++) {
		if (!starts(package, customs[i].host))
			continue;
		size_t len = elements(package, customs[i].elements);
		bool major = package[len] && is_major(package + len + 1);
		return major ? elements(package, customs[i].elements + 1) : len;
	}
	return strlen(package);
}

/* First elements of the standard library's import paths, to Go 1.27. Needed only for programs that
 * have no module list: there "victim/parse" could be anybody's. */
bool
mj_modules_is_std(const char *package, size_t len)
{
	static const char names[] =
		" archive arena bufio builtin bytes cmp compress container context crypto database "
		"debug embed encoding errors expvar flag fmt go hash html image index internal io "
		"iter log maps math mime net os path plugin reflect regexp runtime simd slices "
		"sort "
		"strconv strings structs sync syscall testing text time unicode unique unsafe uuid "
		"vendor weak ";
	const char *end = names + sizeof(names) - 1;
	for (const char *at = names; at + len + 2 <= end; at += 1 + strcspn(at + 1, " "))
		if (!memcmp(at + 1, package, len) && at[len + 1] == ' ')
			return true;
	return false;
}

/* ---- whose a package is --------------------------------------------------------------------- */

/* The longest module path that is a prefix of package at a '/' boundary. */
static struct mj_module_entry *
owner(const struct mj_modules *mods, const char *package, size_t len)
{
	while (len) {
		struct mj_module_entry *found = find_module(mods, package, len);
		if (found)
			return found;
		const char *slash = memrchr(package, '/', len);
		len = slash ? (size_t)(slash - package) : 0;
	}
	return NULL;
}

static bool
is_main_package(const char *package)
{
	/* "go test" and "go build x.go" name packages so (cmd/go/internal/load). */
	return !strcmp(package, "main") || !strcmp(package, "main_test") ||
	       !strcmp(package, "command-line-arguments") ||
	       !strcmp(package, "command-line-arguments_test");
}

static bool
package_subject(struct mj_modules *mods, const char *package, int *ret)
{
	size_t len = strlen(package);
	size_t first = strcspn(package, "/");
	if (is_main_package(package)) {
		*ret = mods->main;
		return true;
	}
	struct mj_module_entry *found = owner(mods, package, len);
	/* The external test package of a module's root: "example.com/m_test". */
	if (!found && len > 5 && !strcmp(package + len - 5, "_test"))
		found = owner(mods, package, len - 5);
	if (!found) {
		bool dotted = memchr(package, '.', first);
		if (!dotted && (mods->has_list || mj_modules_is_std(package, first))) {
			*ret = MJ_SUBJECT_STD;
			return true;
		}
		found = add_module(mods, package, guess_module(package), "");
	}
	if (found)
		*ret = found->index;
	return found;
}

bool
mj_modules_subject(struct mj_modules *mods, const char *function, int *ret)
{
	char buf[256];
	MJ_AUTO_FREE char *large = NULL;
	char *package = buf;
	size_t size = strlen(function) + 1;
	if (size > sizeof(buf)) {
		package = large = malloc(size);
		if (!large)
			return false;
	}
	if (mj_function_package(function, package, size))
		return package_subject(mods, package, ret);
	/* A compiler's name, unless a listed module has a path that looks like one. */
	struct mj_module_entry *found = NULL;
	if (mj_function_plain_package(function, package, size))
		found = owner(mods, package, strlen(package));
	*ret = found ? found->index : MJ_SUBJECT_STD;
	return true;
}

bool
mj_modules_subject_next(struct mj_modules *mods, struct mj_name_run *run, const char *function)
{
	size_t len = run->package_len;
	if (len && strncmp(run->name, function, len) == 0 && !strchr(function + len, '/'))
		return true;
	if (!mj_modules_subject(mods, function, &run->subject))
		return false;
	char unused[512];
	run->named = mj_function_package(function, unused, sizeof(unused));
	size_t end = strcspn(function, "[(");
	const char *slash = memrchr(function, '/', end);
	const char *from = slash ? slash : function;
	const char *dot = memchr(from, '.', end - (size_t)(from - function));
	run->name = function;
	run->package_len = dot ? (size_t)(dot - function) + 1 : 0;
	return true;
}

/* ---- where a module's files are ---------------------------------------------------------- */

bool
mj_modules_unescape(const char *path, size_t len, char *buf, size_t cap)
{
	size_t out = 0;
	for (size_t i = 0; i < len; i++) {
		char c = path[i];
		if (c == '!' && i + 1 < len && path[i + 1] >= 'a' && path[i + 1] <= 'z')
			c = (char)(path[++i] - 'a' + 'A');
		if (out + 1 >= cap)
			return false;
		buf[out++] = c;
	}
	if (cap)
		buf[out] = '\0';
	return cap;
}

int
mj_modules_of_file(const struct mj_modules *mods, const char *file)
{
	char path[1024];
	const char *at = strrchr(file, '@');
	if (!at || !mods->has_list ||
	    !mj_modules_unescape(file, (size_t)(at - file), path, sizeof(path)))
		return MJ_SUBJECT_STD;
	/* Which of the path's elements is the first of the module's is not written there. */
	for (const char *from = path; from; from = strchr(from, '/')) {
		from += *from == '/';
		const struct mj_module_entry *found = find_module(mods, from, strlen(from));
		if (found && found->pub.in_build_info)
			return found->index;
	}
	return MJ_SUBJECT_STD;
}

const char *
mj_modules_below(const struct mj_modules *mods, const char *function, int subject, char *buf,
                 size_t len)
{
	const struct mj_module *module = mj_modules_get(mods, (size_t)subject);
	if (subject < 0 || !module || !module->in_build_info || !mods->has_list ||
	    !mj_function_package(function, buf, len) || is_main_package(buf))
		return NULL;
	size_t own = strlen(module->path);
	if (strncmp(buf, module->path, own) != 0 || (buf[own] && buf[own] != '/'))
		return NULL;
	return buf + own;
}

/* ---- the beginning -------------------------------------------------------------------------- */

static struct mj_module_entry *
add_main(struct mj_modules *mods, const struct mj_buildinfo *info)
{
	const char *path = info->path;
	struct mj_module_entry *entry;
	for (size_t i = 0; i < info->nmods; i++) {
		const struct mj_buildmod *mod = &info->mods[i];
		if (mod->is_main)
			return add_module(mods, mod->path, strlen(mod->path), mod->version);
	}
	if (!path || !*path || !strcmp(path, "command-line-arguments"))
		return add_module(mods, "main", 4, "");
	entry = add_module(mods, path, guess_module(path), "");
	if (entry)
		entry->pub.in_build_info = true;
	return entry;
}

int
mj_modules_init(struct mj_modules *mods, const struct mj_buildinfo *info, const char *const *extra,
                size_t n_extra, struct mj_error *err)
{
	*mods = (struct mj_modules){ .has_list = info->nmods > 0 };
	struct mj_module_entry *entry = add_main(mods, info);
	bool ok = entry;
	if (ok)
		entry->pub.is_main = true;
	for (size_t i = 0; ok && i < info->nmods; i++) {
		const struct mj_buildmod *mod = &info->mods[i];
		entry = add_module(mods, mod->path, strlen(mod->path), mod->version);
		ok = entry;
		if (ok)
			entry->pub.in_build_info = true;
	}
	for (size_t i = 0; ok && i < n_extra; i++)
		ok = !*extra[i] || add_module(mods, extra[i], strlen(extra[i]), "");
	if (ok)
		return 0;
	mj_modules_finish(mods);
	return mj_error_set(err, MJ_ERR_MEMORY, "module list: out of memory");
}

bool
mj_modules_present(struct mj_modules *mods, struct mj_span names, size_t index)
{
	struct mj_name_run run = { 0 };
	/* All names, those of functions that were inlined everywhere among them. */
	for (uint64_t off = 0; !mods->scanned && off < names.len;) {
		const char *name = mj_span_str(names, off);
		if (!name)
			break;
		if (mj_modules_subject_next(mods, &run, name) && run.subject >= 0)
			mods->list[run.subject]->present = true;
		off += strlen(name) + 1;
	}
	mods->scanned = true;
	return index < mods->count && mods->list[index]->present;
}
