/* SPDX-License-Identifier: Apache-2.0 */
#include "symbolizer/rawcall.h"

#include <capstone/capstone.h>
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#define STRING(x) #x
#define SONAME(major) "libcapstone.so." STRING(major)

/* Only where all of it is in the program: -Dstatic=true. */
#pragma weak cs_open
#pragma weak cs_close
#pragma weak cs_malloc
#pragma weak cs_free
#pragma weak cs_disasm_iter
#pragma weak cs_strerror

/* Loaded when it is needed: of all of modjail only inspect decodes, and the library's tables, a megabyte of pointers
 * that the loader would have to relocate, cost every start a millisecond and its memory. */
struct mj_decoder {
	void *library;
	cs_err (*open)(cs_arch arch, cs_mode mode, csh *handle);
	cs_err (*close)(csh *handle);
	cs_insn *(*alloc)(csh handle);
	void (*free)(cs_insn *insn, size_t count);
	bool (*decode)(csh handle, const uint8_t **code, size_t *size, uint64_t *address,
	               cs_insn *insn);
	const char *(*text)(cs_err code);
	csh handle;
	cs_insn *insn;
};

static bool
is_linked(struct mj_decoder *d)
{
	d->open = cs_open;
	d->close = cs_close;
	d->alloc = cs_malloc;
	d->free = cs_free;
	d->decode = cs_disasm_iter;
	d->text = cs_strerror;
	return d->open && d->close && d->alloc && d->free && d->decode && d->text;
}

static bool
load(struct mj_decoder *d)
{
	if (is_linked(d))
		return true;
	d->library = dlopen(SONAME(CS_API_MAJOR), RTLD_NOW | RTLD_LOCAL);
	if (!d->library)
		return false;
	/* POSIX's way to turn an object pointer into that of a function. */
	*(void **)&d->open = dlsym(d->library, "cs_open");
	*(void **)&d->close = dlsym(d->library, "cs_close");
	*(void **)&d->alloc = dlsym(d->library, "cs_malloc");
	*(void **)&d->free = dlsym(d->library, "cs_free");
	*(void **)&d->decode = dlsym(d->library, "cs_disasm_iter");
	*(void **)&d->text = dlsym(d->library, "cs_strerror");
	return d->open && d->close && d->alloc && d->free && d->decode && d->text;
}

int
mj_decoder_create(struct mj_decoder **ret, struct mj_error *err)
{
	struct mj_decoder *decoder = calloc(1, sizeof(*decoder));
	if (!decoder)
		return mj_error_set(err, MJ_ERR_MEMORY, "out of memory");
	if (!load(decoder)) {
		mj_decoder_destroy(decoder);
		return mj_error_set(
			err, MJ_ERR_UNSUPPORTED,
			"cannot decode x86-64: " SONAME(
				CS_API_MAJOR) " cannot be loaded; install it "
					      "(Debian: libcapstone" STRING(CS_API_MAJOR) ")");
	}
	cs_err r = decoder->open(CS_ARCH_X86, CS_MODE_64, &decoder->handle);
	if (r == CS_ERR_OK)
		decoder->insn = decoder->alloc(decoder->handle);
	if (decoder->insn) {
		*ret = decoder;
		return 0;
	}
	mj_error_set(err, MJ_ERR_UNSUPPORTED, "cannot decode x86-64: %s",
	             r == CS_ERR_OK ? "out of memory" : decoder->text(r));
	mj_decoder_destroy(decoder);
	return -1;
}

void
mj_decoder_destroy(struct mj_decoder *decoder)
{
	if (!decoder)
		return;
	if (decoder->insn)
		decoder->free(decoder->insn, 1);
	if (decoder->handle)
		decoder->close(&decoder->handle);
	if (decoder->library)
		dlclose(decoder->library);
	free(decoder);
}

/* The bytes of any of them, be they an operand: 0F 05, 0F 34, CD 80. */
static bool
has_bytes(struct mj_span code)
{
	return memmem(code.data, code.len, "\x0f\x05", 2) ||
	       memmem(code.data, code.len, "\x0f\x34", 2) ||
	       memmem(code.data, code.len, "\xcd\x80", 2);
}

static const char *
raw_call(const cs_insn *insn)
{
	switch (insn->id) {
	case X86_INS_SYSCALL:
		return "SYSCALL";
	case X86_INS_SYSENTER:
		return "SYSENTER";
	case X86_INS_INT:
		return insn->size && insn->bytes[insn->size - 1] == 0x80 ? "INT 0x80" : NULL;
	default:
		return NULL;
	}
}

const char *
mj_find_raw_call(struct mj_decoder *decoder, struct mj_span code, uint64_t *ret_offset)
{
	if (!has_bytes(code))
		return NULL;
	const uint8_t *at = code.data;
	size_t left = code.len;
	uint64_t offset = 0;
	while (left) {
		if (!decoder->decode(decoder->handle, &at, &left, &offset, decoder->insn)) {
			/* Data among code, or an instruction newer than the decoder, which falls
			 * into step again soon after. */
			at++;
			left--;
			offset++;
			continue;
		}
		const char *name = raw_call(decoder->insn);
		if (name) {
			*ret_offset = decoder->insn->address;
			return name;
		}
	}
	return NULL;
}
