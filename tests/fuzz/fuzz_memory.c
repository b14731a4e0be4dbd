/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a jailed process can write into its memory: stacks, m's and g's for the walker, predicted stack pointers included
 * (unit/walk_world.h), and the unwind tables of C code. Records of 12 bytes change the memory, and walk; in inputs that
 * begin with an odd byte, what follows is memory itself.
 */
#include "symbolizer/snapshot.h"
#include "tests/unit/walk_world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define RECORD 12
#define MOST_RECORDS 256
#define MOST_READS 200000 /* by one input: lists of 65,536 m's, several words each */
#define TID 4711
#define C_CODE UINT64_C(0x7f0000000000)
#define C_HEADER 24

static const uint64_t values[] = {
	0,
	8,
	1,
	UINT64_MAX,
	CURG,
	M0,
	G0,
	STACK,
	STACK + 0x840,
	BOTTOM,
	BOTTOM + 16,
	SYSTEM,
	SYSTEM + STACK_SIZE,
	SYSTEM_BOTTOM,
	TID,
	RET(RT_MAIN),
	FUNC(GOEXIT) + 1,
	RET(MAIN),
	RET_RT0,
	RET(SYSTEMSTACK),
	FUNC(SWITCH) + 8,
	0x1234,
	C_CODE,
};

static void
check_walk(void)
{
	const struct mj_stack *stack = &world.stack;
	if ((stack->status == MJ_WALK_COMPLETE) != (stack->root != MJ_ROOT_NONE) ||
	    (stack->status == MJ_WALK_COMPLETE) != (stack->why == MJ_WHY_NONE) ||
	    (stack->npcs && !stack->pcs) || world.reads > MOST_READS)
		abort();
}

static ssize_t
read_counted(void *ctx, uint64_t addr, void *buf, size_t len)
{
	return world.reads > MOST_READS ? -1 : read_memory(ctx, addr, buf, len);
}

static bool
read_parts(void *ctx, struct mj_part *parts, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		ssize_t got = read_counted(ctx, parts[i].addr, parts[i].buf, parts[i].len);
		parts[i].got = got > 0 ? (size_t)got : 0;
		if (parts[i].got < parts[i].len)
			break;
	}
	return true;
}

static const struct mj_memory memory = { .read = read_counted,
	                                 .read_parts = read_parts,
	                                 .ctx = &world };

/* A prediction and its walk. If that is complete, the goroutine of the thread is what it ended at. */
static void
walk_predicted(uint64_t pc)
{
	uint64_t sp = 0;
	if (!mj_walk_predict(world.runtime, &memory, &world.hint, pc, &world.stack, &sp)) {
		mj_walk_forget(&world.stack);
		return;
	}
	mj_walk(world.runtime, &memory, &world.hint, pc, sp, &world.stack);
	check_walk();
	if (world.stack.status == MJ_WALK_COMPLETE && world.stack.root != MJ_ROOT_GOROUTINE &&
	    world.stack.root != MJ_ROOT_MAIN)
		abort();
}

static void
change_hint(uint8_t field, uint64_t value)
{
	struct mj_thread_hint *hint = &world.hint;
	uint64_t *const words[] = { &hint->m, &hint->tid, &hint->g, &hint->sp };
	if (field % 8 < MJ_ARRAY_LEN(words))
		*words[field % 8] = value;
	else if (field % 8 == 4)
		hint->used = (size_t)value;
	else
		hint->steady = value & 1;
}

static void
apply(const uint8_t *record)
{
	uint64_t value;
	uint16_t offset;
	memcpy(&offset, record + 2, sizeof(offset));
	memcpy(&value, record + 4, sizeof(value));
	uint64_t known = values[value % MJ_ARRAY_LEN(values)];
	unsigned region = record[1] % NREGIONS;
	offset %= STACK_SIZE;
	switch (record[0] % 8) {
	case 0:
		poke(region, offset, value);
		break;
	case 1:
	case 2:
		poke(region, offset, known);
		break;
	case 3:
		change_hint(record[1], record[2] % 2 ? known : value);
		break;
	case 4:
	case 5:
		mj_walk(world.runtime, &memory, &world.hint, known,
		        world.regions[region].base + offset, &world.stack);
		check_walk();
		break;
	default:
		walk_predicted(known);
	}
}

/* C's frames are found in memory only: code, headers and tables are the input. */
static const uint8_t *c_bytes;
static size_t c_size;

static ssize_t
read_c(void *ctx, uint64_t addr, void *buf, size_t len)
{
	(void)ctx;
	if (++world.reads > MOST_READS)
		abort(); /* a walk of at most MJ_MAX_C_FRAMES frames: each is a few searches of tables */
	if (addr < C_CODE || addr - C_CODE >= c_size)
		return -1;
	size_t n = c_size - (addr - C_CODE);
	n = n < len ? n : len;
	memcpy(buf, c_bytes + (addr - C_CODE), n);
	return (ssize_t)n;
}

static void
walk_c(const uint8_t *data, size_t size)
{
	static struct mj_c_frame frames[MJ_MAX_C_FRAMES];
	uint64_t head[C_HEADER / 8];
	const struct mj_memory of_c = { .read = read_c };
	if (size < C_HEADER)
		return;
	memcpy(head, data, sizeof(head));
	c_bytes = data + C_HEADER;
	c_size = size - C_HEADER;
	uint64_t middle = C_CODE + (c_size / 2 & ~UINT64_C(15));
	const struct mj_mapping maps[] = {
		{ C_CODE, middle, 0, 1, 1, true, "/lib/libc.so.6" },
		{ middle, C_CODE + c_size + 4096, middle - C_CODE, 1, 1, head[2] & 1,
		  "/lib/libc.so.6" },
	};
	size_t n = mj_c_frames(world.runtime, &of_c, maps, 2, C_CODE + head[0] % (c_size + 1),
	                       C_CODE + head[1] % (c_size + 1), frames, MJ_MAX_C_FRAMES);
	if (n > MJ_MAX_C_FRAMES)
		abort();
	for (size_t i = 0; i < n; i++)
		if (!memchr(frames[i].text, 0, sizeof(frames[i].text)))
			abort();
}

/* The world as it was made; the image, which is read-only but for what it learns of the runtime, is made once. */
static void
begin(void)
{
	static struct mj_image *image;
	static struct mj_runtime_layout layout;
	make_world();
	if (image) {
		world.image = image;
		*mj_image_runtime_layout(image) = layout;
		if (mj_runtime_create(image, 0, 0, &world.runtime, NULL) < 0)
			abort();
	} else {
		if (!open_world())
			abort();
		mj_walk(world.runtime, &memory, &world.hint, RET(MAIN), BOTTOM, &world.stack);
		if (world.stack.status != MJ_WALK_COMPLETE || !mj_layout_ready(world.image))
			abort();
		image = world.image;
		/* The program says of no release; this one's offsets are right, and only then is anything predicted. */
		mj_image_runtime_layout(image)->guessed = false;
		layout = *mj_image_runtime_layout(image);
	}
	world.hint = (struct mj_thread_hint){ .tid = TID };
	poke(R_M0, M_CURG - 120, TID);
	world.reads = 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	begin();
	if (data[0] & 1)
		walk_c(data + 1, size - 1);
	else
		for (size_t i = 0; i < MOST_RECORDS && (i + 1) * RECORD < size; i++)
			apply(data + 1 + i * RECORD);
	mj_stack_finish(&world.stack);
	mj_runtime_destroy(world.runtime);
	return 0;
}
