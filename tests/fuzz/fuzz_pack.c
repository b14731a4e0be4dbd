/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "pack/pack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whatever the bytes of a directory, what is read of them lies within the file. */
static void
read_directory(const uint8_t *data, size_t size)
{
	struct mj_pack_directory directory;
	struct mj_error err = { 0 };
	uint64_t offset;
	if (size < sizeof(offset))
		return;
	memcpy(&offset, data, sizeof(offset));
	struct mj_span bytes = { data + sizeof(offset), size - sizeof(offset) };
	if (mj_pack_parse(bytes, offset, &directory, &err) < 0) {
		if (err.code == MJ_OK || !err.text[0])
			abort();
		return;
	}
	for (size_t i = 0; i < directory.count; i++) {
		const struct mj_pack_entry *entry = &directory.entries[i];
		if (!mj_pack_kind_name(entry->kind) || entry->offset > offset ||
		    entry->length > offset - entry->offset || strlen(entry->name) > size)
			abort();
	}
}

/* Whatever the file, opening it ends, and fails with words or leaves a pack whose parts can be asked for. */
static void
read_file(const uint8_t *data, size_t size)
{
	struct mj_pack *pack = NULL;
	struct mj_error err = { 0 };
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	int program = -1;
	if (fd >= 0 && write(fd, data, size) == (ssize_t)size) {
		if (mj_pack_open(fd, "fuzz", &pack, &err) == 0) {
			for (size_t i = 0; mj_pack_at(pack, i); i++)
				mj_pack_verify(pack, mj_pack_at(pack, i), NULL);
			if (mj_pack_program(pack, &program, &err) == 0)
				close(program);
		} else if (err.code == MJ_OK || !err.text[0]) {
			abort();
		}
	}
	mj_pack_close(pack);
	if (fd >= 0)
		close(fd);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	read_directory(data, size);
	read_file(data, size);
	return 0;
}
