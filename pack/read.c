/* SPDX-License-Identifier: Apache-2.0 */
#include "pack/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#ifndef MFD_EXEC /* Linux 6.3 */
#define MFD_EXEC 0x0010U
#endif
/* memfd_create(2): NAME_MAX without the prefix "memfd:" */
#define MEMFD_NAME_MAX 249

#define THREADS_MAX 4
#define SEAL_TRIES 100

struct mj_pack {
	int fd; /* borrowed */
	char *name;
	struct mj_pack_elf elf;
	uint8_t *bytes; /* of the directory */
	struct mj_pack_directory directory;
};

/* ---- the directory -------------------------------------------------------------------------- */

static bool
digest_is(struct sha256_ctx *hash, const uint8_t wanted[MJ_PACK_DIGEST])
{
	uint8_t digest[MJ_PACK_DIGEST];
	sha256_digest(hash, sizeof(digest), digest);
	return memcmp(digest, wanted, sizeof(digest)) == 0;
}

static int
read_directory(struct mj_pack *pack, struct mj_error *err)
{
	const struct mj_pack_note *note = &pack->elf.note;
	struct sha256_ctx hash;
	if (note->format != MJ_PACK_FORMAT)
		return mj_error_set(err, MJ_ERR_UNSUPPORTED,
		                    "%s: format %u, but this modjail knows format %u only",
		                    pack->name, note->format, MJ_PACK_FORMAT);
	if (note->length > MJ_PACK_DIRECTORY_MAX)
		return mj_error_set(err, MJ_ERR_FORMAT, "%s: damaged modjail note", pack->name);
	pack->bytes = malloc(note->length + 1);
	if (!pack->bytes)
		return mj_error_set(err, MJ_ERR_MEMORY, "out of memory");
	if (pack_read(pack->fd, pack->name, pack->bytes, note->length, note->directory, err) < 0)
		return -1;
	sha256_init(&hash);
	sha256_update(&hash, note->length, pack->bytes);
	if (!digest_is(&hash, note->digest))
		return mj_error_set(err, MJ_ERR_FORMAT,
		                    "%s is damaged: its directory is not what was packed",
		                    pack->name);
	struct mj_span span = { pack->bytes, note->length };
	if (mj_pack_parse(span, note->directory, &pack->directory, err) < 0)
		return mj_error_wrap(err, "%s", pack->name);
	return 0;
}

int
mj_pack_open(int fd, const char *name, struct mj_pack **ret, struct mj_error *err)
{
	struct mj_pack_elf elf;
	if (mj_pack_elf(fd, name, &elf, err) < 0)
		return -1;
	if (!elf.has_note || !elf.note.packed)
		return mj_error_set(err, MJ_ERR_NOT_FOUND, "%s is not a packed program", name);
	struct mj_pack *pack = calloc(1, sizeof(*pack));
	if (!pack)
		return mj_error_set(err, MJ_ERR_MEMORY, "out of memory");
	pack->fd = fd;
	pack->elf = elf;
	pack->name = strdup(name);
	int r = pack->name ? read_directory(pack, err)
	                   : mj_error_set(err, MJ_ERR_MEMORY, "out of memory");
	if (r < 0)
		mj_pack_close(pack);
	else
		*ret = pack;
	return r;
}

void
mj_pack_close(struct mj_pack *pack)
{
	if (!pack)
		return;
	free(pack->bytes);
	free(pack->name);
	free(pack);
}

const struct mj_pack_elf *
mj_pack_elf_of(const struct mj_pack *pack)
{
	return &pack->elf;
}

const struct mj_pack_entry *
mj_pack_at(const struct mj_pack *pack, size_t index)
{
	return index < pack->directory.count ? &pack->directory.entries[index] : NULL;
}

const struct mj_pack_entry *
mj_pack_find(const struct mj_pack *pack, enum mj_pack_kind kind, size_t nth)
{
	for (size_t i = 0; i < pack->directory.count; i++) {
		const struct mj_pack_entry *entry = &pack->directory.entries[i];
		if (entry->kind == kind && nth-- == 0)
			return entry;
	}
	return NULL;
}

/* ---- contents ------------------------------------------------------------------------------- */

static int
not_as_packed(const struct mj_pack *pack, const struct mj_pack_entry *entry, struct mj_error *err)
{
	return mj_error_set(err, MJ_ERR_FORMAT,
	                    "%s is damaged: its %s is not what was packed; pack it anew, or copy "
	                    "it again",
	                    pack->name, mj_pack_kind_name(entry->kind));
}

int
mj_pack_text(const struct mj_pack *pack, const struct mj_pack_entry *entry, char **ret,
             size_t *ret_len, struct mj_error *err)
{
	struct sha256_ctx hash;
	if (entry->length > MJ_PACK_TEXT_MAX)
		return not_as_packed(pack, entry, err);
	size_t len = (size_t)entry->length;
	MJ_AUTO_FREE char *text = malloc(len + 1);
	if (!text)
		return mj_error_set(err, MJ_ERR_MEMORY, "out of memory");
	if (pack_read(pack->fd, pack->name, text, len, entry->offset, err) < 0)
		return -1;
	sha256_init(&hash);
	sha256_update(&hash, len, (const uint8_t *)text);
	if (!digest_is(&hash, entry->digest))
		return not_as_packed(pack, entry, err);
	text[len] = '\0';
	*ret = text;
	*ret_len = len;
	text = NULL;
	return 0;
}

/* modjail's digest is that of the file before it was packed: with the note that it had then. */
static int
hash_modjail(const struct mj_pack *pack, const struct mj_pack_entry *entry, struct sha256_ctx *hash,
             struct mj_error *err)
{
	uint64_t at = pack->elf.note_at, behind = at + PACK_NOTE_SIZE;
	struct mj_pack_note unpacked = { .format = pack->elf.note.format };
	uint8_t bytes[PACK_NOTE_SIZE];
	memcpy(unpacked.version, pack->elf.note.version, sizeof(unpacked.version));
	pack_note_encode(&unpacked, bytes);
	if (behind > entry->length)
		return not_as_packed(pack, entry, err);
	if (pack_pass(pack->fd, pack->name, 0, at, hash, -1, err) < 0)
		return -1;
	sha256_update(hash, sizeof(bytes), bytes);
	return pack_pass(pack->fd, pack->name, behind, entry->length - behind, hash, -1, err);
}

int
mj_pack_verify(const struct mj_pack *pack, const struct mj_pack_entry *entry, struct mj_error *err)
{
	struct sha256_ctx hash;
	sha256_init(&hash);
	int r = entry->kind == MJ_PACK_MODJAIL ? hash_modjail(pack, entry, &hash, err)
	                                       : pack_pass(pack->fd, pack->name, entry->offset,
	                                                   entry->length, &hash, -1, err);
	if (r < 0)
		return -1;
	return digest_is(&hash, entry->digest) ? 0 : not_as_packed(pack, entry, err);
}

/* ---- the program in memory ------------------------------------------------------------------ */

static int
make_memory_file(const char *name, struct mj_error *err)
{
	char short_name[MEMFD_NAME_MAX + 1];
	snprintf(short_name, sizeof(short_name), "%s", name);
	unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	int fd = memfd_create(short_name, flags | MFD_EXEC);
	if (fd < 0 && errno == EINVAL)
		fd = memfd_create(short_name, flags);
	if (fd < 0)
		return mj_error_sys(err, errno, "cannot make a memory file for the program%s",
		                    errno == EACCES ? " (the sysctl vm.memfd_noexec is 2: nothing "
		                                      "may be executed from memory)"
		                                    : "");
	return fd;
}

/* A program that is copied, or checked, piece by piece, by several threads. */
struct job {
	const struct mj_pack *pack;
	const struct mj_pack_entry *entry;
	int fd;               /* the memory file */
	const uint8_t *pages; /* its contents, to be checked; NULL: it is to be filled */
	const uint8_t *digests;
	_Atomic uint64_t next;
	_Atomic bool failed;
};

static bool
fill_piece(const struct job *job, uint64_t piece, uint8_t *block)
{
	size_t len = pack_piece_length(job->entry->length, piece);
	uint64_t at = piece * PACK_PIECE;
	if (pack_read(job->pack->fd, "", block, len, job->entry->offset + at, NULL) < 0)
		return false;
	for (size_t done = 0; done < len;) {
		ssize_t n = pwrite(job->fd, block + done, len - done, (off_t)(at + done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		done += (size_t)n;
	}
	return true;
}

static bool
check_piece(const struct job *job, uint64_t piece)
{
	struct sha256_ctx hash;
	sha256_init(&hash);
	sha256_update(&hash, pack_piece_length(job->entry->length, piece),
	              job->pages + piece * PACK_PIECE);
	return digest_is(&hash, job->digests + piece * MJ_PACK_DIGEST);
}

static void *
work(void *ctx)
{
	struct job *job = ctx;
	uint64_t count = pack_pieces(job->entry->length);
	MJ_AUTO_FREE uint8_t *block = job->pages ? NULL : malloc(PACK_PIECE);
	if (!job->pages && !block)
		atomic_store(&job->failed, true);
	while (!atomic_load(&job->failed)) {
		uint64_t piece = atomic_fetch_add(&job->next, 1);
		if (piece >= count)
			break;
		if (!(job->pages ? check_piece(job, piece) : fill_piece(job, piece, block)))
			atomic_store(&job->failed, true);
	}
	return NULL;
}

/* As many threads as there are CPUs for, this one among them; where there can be no more, this one does it all. */
static bool
do_job(struct job *job)
{
	pthread_t threads[THREADS_MAX - 1];
	size_t started = 0;
	cpu_set_t cpus;
	size_t wanted =
		sched_getaffinity(0, sizeof(cpus), &cpus) == 0 ? (size_t)CPU_COUNT(&cpus) : 1;
	if (wanted > THREADS_MAX)
		wanted = THREADS_MAX;
	if (wanted > pack_pieces(job->entry->length) / 2)
		wanted = 1;
	while (started + 1 < wanted && pthread_create(&threads[started], NULL, work, job) == 0)
		started++;
	work(job);
	for (size_t i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
	return !atomic_load(&job->failed);
}

static int
fill(const struct mj_pack *pack, const struct mj_pack_entry *entry, int fd, struct mj_error *err)
{
	struct job job = { .pack = pack, .entry = entry, .fd = fd };
	if (entry->length == 0 || entry->length > INT64_MAX ||
	    ftruncate(fd, (off_t)entry->length) < 0)
		return mj_error_sys(err, entry->length ? errno : ENOEXEC,
		                    "cannot make a memory file for the program");
	if (!do_job(&job))
		return mj_error_set(err, MJ_ERR_SYSTEM,
		                    "cannot copy the program of %s into memory: the file is cut "
		                    "off, or memory has run out",
		                    pack->name);
	return 0;
}

/* What is hashed is what will be executed: nobody can change it any more, whoever may have opened it. */
static int
check_sealed(const struct mj_pack *pack, const struct mj_pack_entry *entry, int fd,
             struct mj_error *err)
{
	const struct mj_pack_entry *pieces = mj_pack_find(pack, MJ_PACK_PIECES, 0);
	MJ_AUTO_FREE char *digests = NULL;
	size_t digests_len = 0, len = (size_t)entry->length;
	if (!pieces) /* mj_pack_parse saw them, and how many there are */
		return not_as_packed(pack, entry, err);
	if (mj_pack_text(pack, pieces, &digests, &digests_len, err) < 0)
		return -1;
	void *pages = mmap(NULL, len, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);
	if (pages == MAP_FAILED)
		return mj_error_sys(err, errno, "cannot map the memory file for the program");
	struct job job = { .pack = pack,
		           .entry = entry,
		           .fd = fd,
		           .pages = pages,
		           .digests = (const uint8_t *)digests };
	bool same = do_job(&job);
	munmap(pages, len);
	return same ? 0 : not_as_packed(pack, entry, err);
}

/* EBUSY: something else of the kernel's holds a page for a moment (memory that is moved or looked at; mm/memfd.c,
 * memfd_wait_for_pins, which waits for 0.15 seconds itself). */
static int
seal(int fd, struct mj_error *err)
{
	const struct timespec moment = { .tv_nsec = 10000000 };
	for (int i = 0; i < SEAL_TRIES; i++) {
		if (fcntl(fd, F_ADD_SEALS,
		          F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) == 0)
			return 0;
		if (errno != EBUSY)
			break;
		nanosleep(&moment, NULL);
	}
	return mj_error_sys(err, errno, "cannot seal the memory file for the program");
}

int
mj_pack_program(const struct mj_pack *pack, int *ret, struct mj_error *err)
{
	const struct mj_pack_entry *entry = mj_pack_find(pack, MJ_PACK_PROGRAM, 0);
	if (!entry) /* mj_pack_parse saw it */
		return mj_error_set(err, MJ_ERR_FORMAT, "%s has no program", pack->name);
	MJ_AUTO_FD int fd = make_memory_file(entry->name, err);
	if (fd < 0 || fill(pack, entry, fd, err) < 0)
		return -1;
	if (seal(fd, err) < 0)
		return -1;
	if (check_sealed(pack, entry, fd, err) < 0)
		return -1;
	*ret = mj_steal_fd(&fd);
	return 0;
}
