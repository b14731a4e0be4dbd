/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Go's linker writes one compile unit a package and one an assembly file, named after the package's import path; the
 * types of the whole program are in a unit of package runtime (cmd/link/internal/ld/dwarf.go). A unit's ranges are
 * those of the functions that were compiled in it: neither //go:linkname nor //line moves one.
 *
 * The abstract instances of inlined functions, on the other hand, are in the unit of whichever function comes first that
 * has them inlined, so that says nothing about who wrote them.
 */
#include "symbolizer/dwarfinfo.h"
#include "symbolizer/dwarfelf.h"
#include "symbolizer/elfopen.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MAX_UNITS (1u << 16)
#define MAX_RANGES (1u << 20)
#define MAX_DIES (1u << 22) /* looked at for the runtime's structures */
#define MAX_MEMBERS 1024
#define MAX_TYPEDEFS 8
/* Of the thread's own time. What Go makes takes a fraction of a second; this ends what was made to take long. */
#define MAX_SECONDS 5

struct range {
	uint64_t low, high;
	int module;
};

struct mj_dwarf {
	bool has_offsets;
	struct mj_offsets offsets;
	size_t nranges, room;
	struct range *ranges; /* of modules' code alone, sorted */
};

struct reading {
	struct mj_dwarf *to;
	struct mj_modules *mods;
	unsigned dies, ranges;
	unsigned found; /* bits of fields[] */
	struct mj_offsets offsets;
	time_t start;
};

/* ---- structures ----------------------------------------------------------------------------- */

static const struct field {
	const char *structure, *member, *inner; /* inner: a member of the member */
	size_t at;                              /* in struct mj_offsets */
} fields[] = {
	{ "runtime.m", "g0", NULL, offsetof(struct mj_offsets, m_g0) },
	{ "runtime.m", "procid", NULL, offsetof(struct mj_offsets, m_procid) },
	{ "runtime.m", "gsignal", NULL, offsetof(struct mj_offsets, m_gsignal) },
	{ "runtime.m", "curg", NULL, offsetof(struct mj_offsets, m_curg) },
	{ "runtime.m", "alllink", NULL, offsetof(struct mj_offsets, m_alllink) },
	{ "runtime.g", "stack", "lo", offsetof(struct mj_offsets, g_stack_lo) },
	{ "runtime.g", "stack", "hi", offsetof(struct mj_offsets, g_stack_hi) },
	{ "runtime.g", "m", NULL, offsetof(struct mj_offsets, g_m) },
	{ "runtime.g", "sched", "sp", offsetof(struct mj_offsets, g_sched_sp) },
	{ "runtime.g", "sched", "pc", offsetof(struct mj_offsets, g_sched_pc) },
	{ "runtime.g", "goid", NULL, offsetof(struct mj_offsets, g_goid) },
	{ "runtime.g", "gopc", NULL, offsetof(struct mj_offsets, g_gopc) },
	{ "runtime.g", "ancestors", NULL, offsetof(struct mj_offsets, g_ancestors) },
};
#define ALL_FIELDS ((1u << MJ_ARRAY_LEN(fields)) - 1)

/* A member's offset in its structure. */
static bool
find_member(Dwarf_Die *structure, const char *name, Dwarf_Die *ret, uint64_t *ret_offset)
{
	Dwarf_Attribute attr;
	Dwarf_Word offset;
	int more = dwarf_child(structure, ret);
	for (unsigned i = 0; more == 0 && i < MAX_MEMBERS; i++) {
		const char *found = dwarf_tag(ret) == DW_TAG_member ? dwarf_diename(ret) : NULL;
		if (found && strcmp(found, name) == 0) {
			if (!dwarf_attr(ret, DW_AT_data_member_location, &attr) ||
			    dwarf_formudata(&attr, &offset) != 0 || offset >= MJ_MAX_OFFSET)
				return false;
			*ret_offset = offset;
			return true;
		}
		more = dwarf_siblingof(ret, ret);
	}
	return false;
}

/* The structure that a member is, past the names that Go gives every type of its own. */
static bool
structure_of(Dwarf_Die *member, Dwarf_Die *ret)
{
	*ret = *member;
	for (unsigned i = 0; i < MAX_TYPEDEFS; i++) {
		Dwarf_Attribute attr;
		Dwarf_Die type;
		if (!dwarf_attr(ret, DW_AT_type, &attr) || !dwarf_formref_die(&attr, &type))
			return false;
		*ret = type;
		if (dwarf_tag(ret) == DW_TAG_structure_type)
			return true;
	}
	return false;
}

static bool
find_field(Dwarf_Die *structure, const struct field *field, uint64_t *ret)
{
	Dwarf_Die member, type, inner;
	uint64_t offset, more = 0;
	if (!find_member(structure, field->member, &member, &offset))
		return false;
	if (field->inner &&
	    (!structure_of(&member, &type) || !find_member(&type, field->inner, &inner, &more)))
		return false;
	*ret = offset + more;
	return true;
}

static void
take_structure(struct reading *reading, Dwarf_Die *structure)
{
	const char *name = dwarf_diename(structure);
	for (size_t i = 0; name && i < MJ_ARRAY_LEN(fields); i++) {
		uint64_t offset;
		uint32_t narrow;
		if (strcmp(name, fields[i].structure) != 0 || reading->found & 1u << i ||
		    !find_field(structure, &fields[i], &offset))
			continue;
		narrow = (uint32_t)offset;
		memcpy((uint8_t *)&reading->offsets + fields[i].at, &narrow, sizeof(narrow));
		reading->found |= 1u << i;
	}
}

/* Only types of the runtime are called so: in names of others' stands their whole import path. */
static void
find_structures(struct reading *reading, Dwarf_Die *unit)
{
	Dwarf_Die die;
	int more = dwarf_child(unit, &die);
	while (more == 0 && reading->found != ALL_FIELDS && reading->dies++ < MAX_DIES) {
		if (dwarf_tag(&die) == DW_TAG_structure_type)
			take_structure(reading, &die);
		more = dwarf_siblingof(&die, &die);
	}
}

/* ---- units ---------------------------------------------------------------------------------- */

/* The module of a package, by way of the name of a function in it ("gopkg.in/yaml%2ev3.f"). */
static bool
package_module(struct mj_modules *mods, const char *package, int *ret)
{
	MJ_AUTO_FREE char *name = malloc(strlen(package) * 3 + sizeof(".f"));
	if (!name)
		return false;
	char *at = name;
	const char *slash = strrchr(package, '/');
	for (const char *p = package; *p; p++) {
		if (*p == '.' && (!slash || p > slash))
			at = stpcpy(at, "%2e");
		else
			*at++ = *p;
	}
	memcpy(at, ".f", sizeof(".f"));
	return mj_modules_subject(mods, name, ret);
}

static bool
add_range(struct mj_dwarf *dwarf, struct range range)
{
	if (dwarf->nranges == dwarf->room) {
		size_t room = dwarf->room ? dwarf->room * 2 : 256;
		struct range *ranges = reallocarray(dwarf->ranges, room, sizeof(*ranges));
		if (!ranges)
			return false;
		dwarf->ranges = ranges;
		dwarf->room = room;
	}
	dwarf->ranges[dwarf->nranges++] = range;
	return true;
}

/* False: out of memory. */
static bool
take_ranges(struct reading *reading, Dwarf_Die *unit, const char *package)
{
	Dwarf_Addr base, low, high;
	ptrdiff_t at = 0;
	int module;
	if (!package_module(reading->mods, package, &module))
		return false;
	if (module < 0)
		return true;
	while (reading->ranges++ < MAX_RANGES &&
	       (at = dwarf_ranges(unit, at, &base, &low, &high)) > 0)
		if (low < high && !add_range(reading->to, (struct range){ low, high, module }))
			return false;
	return true;
}

static const char *
go_package(Dwarf_Die *unit)
{
	Dwarf_Attribute attr;
	Dwarf_Word language;
	if (dwarf_tag(unit) != DW_TAG_compile_unit || !dwarf_attr(unit, DW_AT_language, &attr) ||
	    dwarf_formudata(&attr, &language) != 0 || language != DW_LANG_Go)
		return NULL;
	return dwarf_formstring(dwarf_attr(unit, DW_AT_name, &attr));
}

static time_t
seconds(void)
{
	struct timespec now = { 0 };
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return now.tv_sec;
}

/* 1: there are no more units, 0: what there is cannot be read, or not in reasonable time; -1: out of memory. Units are
 * not asked for their other halves, for which libdw would open files. */
static int
read_units(struct reading *reading, Dwarf *handle)
{
	Dwarf_CU *cu = NULL;
	Dwarf_Die unit;
	for (unsigned i = 0; i < MAX_UNITS; i++) {
		int more = dwarf_get_units(handle, cu, &cu, NULL, NULL, &unit, NULL);
		if (more != 0)
			return more > 0;
		if (seconds() - reading->start > MAX_SECONDS)
			return 0;
		const char *package = go_package(&unit);
		if (!package || !*package)
			continue;
		if (!take_ranges(reading, &unit, package))
			return -1;
		if (strcmp(package, "runtime") == 0 && reading->found != ALL_FIELDS)
			find_structures(reading, &unit);
	}
	return 0;
}

/* ---- all of it ------------------------------------------------------------------------------ */

static int
compare_ranges(const void *a, const void *b)
{
	const struct range *one = a, *other = b;
	return (one->low > other->low) - (one->low < other->low);
}

static int
read_all(struct reading *reading, uint8_t *bytes, size_t len)
{
	struct mj_dwarf *to = reading->to;
	Elf *elf = mj_elf_open((struct mj_span){ bytes, len });
	Dwarf *handle = elf ? dwarf_begin_elf(elf, DWARF_C_READ, NULL) : NULL;
	int got = handle ? read_units(reading, handle) : 0;
	if (got > 0 && reading->found == ALL_FIELDS && mj_offsets_valid(&reading->offsets)) {
		to->offsets = reading->offsets;
		to->has_offsets = true;
	}
	if (got <= 0)
		to->nranges = 0; /* a part of it cannot be read: none of it is believed */
	if (to->nranges)
		qsort(to->ranges, to->nranges, sizeof(*to->ranges), compare_ranges);
	if (handle)
		dwarf_end(handle);
	if (elf)
		elf_end(elf);
	return got < 0 ? -1 : 0;
}

int
mj_dwarf_create(const struct mj_elf *elf, struct mj_modules *mods, struct mj_dwarf **ret,
                struct mj_error *err)
{
	MJ_AUTO_FREE uint8_t *bytes = NULL;
	size_t len;
	if (mj_dwarf_sections(elf, &bytes, &len, err) < 0)
		return -1;
	struct mj_dwarf *dwarf = calloc(1, sizeof(*dwarf));
	struct reading reading = { .to = dwarf, .mods = mods, .start = seconds() };
	if (!dwarf || (bytes && read_all(&reading, bytes, len) < 0)) {
		mj_dwarf_destroy(dwarf);
		return mj_error_set(err, MJ_ERR_MEMORY, "out of memory");
	}
	*ret = dwarf;
	return 0;
}

void
mj_dwarf_destroy(struct mj_dwarf *dwarf)
{
	if (!dwarf)
		return;
	free(dwarf->ranges);
	free(dwarf);
}

int
mj_dwarf_module(const struct mj_dwarf *dwarf, uint64_t pc)
{
	size_t low = 0, high = dwarf->nranges;
	while (low < high) { /* the last one that begins at or before pc */
		size_t middle = low + (high - low) / 2;
		if (dwarf->ranges[middle].low <= pc)
			low = middle + 1;
		else
			high = middle;
	}
	return low && pc < dwarf->ranges[low - 1].high ? dwarf->ranges[low - 1].module
	                                               : MJ_SUBJECT_STD;
}

bool
mj_dwarf_offsets(const struct mj_dwarf *dwarf, struct mj_offsets *ret)
{
	if (dwarf->has_offsets)
		*ret = dwarf->offsets;
	return dwarf->has_offsets;
}
