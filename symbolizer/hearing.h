/* SPDX-License-Identifier: Apache-2.0 */
/* What hearing.c learns from all functions of a program, and witness.c judges a frame by. For these two alone. */
#ifndef MJ_SYMBOLIZER_HEARING_H
#define MJ_SYMBOLIZER_HEARING_H

#include "common/hash.h"
#include "symbolizer/witness.h"

#define MAX_CLAIMS 4

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
	/* Packages that its plain functions are named after, and the one that most of them are, of the same number that whose module has
	 * it here. Whether another unit has more of that name: a package has one unit of Go code, so this one's names are not its own. */
	struct claim {
		const char *
			name; /* of a function, borrowed; len bytes of it are the package's, with the dot */
		size_t len;
		int subject;
		unsigned count;
	} claims[MAX_CLAIMS];
	unsigned nclaims, functions;
	const struct claim *package; /* NULL: none */
	bool is_assembly, is_impostor;
	/* The package that its first closure is named after, for units that have nothing but closures. */
	const char *closure_package; /* borrowed, closure_package_len bytes */
	size_t closure_package_len;
	bool has_init; /* the function that initialises its package: the compiler's own, not one of that name */
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
	/* All whom units name that are at home here: a //line into another module's directory does not make it theirs. */
	unsigned count;
	int modules[MJ_MAX_SUSPECTS];
	unsigned largest; /* functions of the largest such unit */
	UT_hash_handle hh;
};

/* The folder of a module, if packages below it have functions; borrowed, 0 bytes if that is not known. */
struct root {
	const char *path;
	size_t len;
	unsigned lead; /* by majority of functions */
};

struct mj_witnesses {
	struct unit *units;
	struct dir *dirs;
	const char *goroot; /* what precedes "runtime/proc.go" in file names; borrowed */
	size_t goroot_len;
	uint8_t wrapper_id; /* funcID of what the compiler makes; directives cannot set it */
	unsigned wrapper_lead;
	struct root *roots; /* by module index */
	size_t nroots;
};

/** The length of a file name's directory, 0 if it has none. */
size_t mj_dir_length(const char *file);
/** The directory of a file, NULL if no function's file is there. */
struct dir *mj_witnesses_dir(const struct mj_witnesses *witnesses, const char *file);
/** Whom most of the unit's functions name, MJ_SUBJECT_STD or MJ_NOBODY. */
int mj_unit_owner(const struct unit *unit);
/** Whether a function is called like one that initialises a package. The compiler's own has no file where it begins. */
bool mj_is_package_init(const char *name);
/** Whether a name has type arguments in brackets, which the compiler writes. From this release on it lets nobody else
 * (cmd/compile/internal/noder/writer.go: "linkname reference of an instantiation is not allowed"). */
#define MJ_ONLY_COMPILERS_WRITE_BRACKETS 123
bool mj_has_type_arguments(const char *name);
/** Whether a folder (len bytes) is root's with below ("" or "/sub/folder") behind it; if root is NULL or not known, any
 * that ends so. */
bool mj_is_folder_of(const struct root *root, const char *folder, size_t len, const char *below);

#endif
