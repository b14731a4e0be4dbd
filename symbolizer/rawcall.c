/* SPDX-License-Identifier: Apache-2.0 */
#include "symbolizer/rawcall.h"

#include <capstone/capstone.h>
#include <stdlib.h>
#include <string.h>

struct mj_decoder {
	csh handle;
	cs_insn *insn;
};

int
mj_decoder_create(struct mj_decoder **ret, struct mj_error *err)
{
	struct mj_decoder *decoder = calloc(1, sizeof(*decoder));
	if (!decoder)
		return mj_error_set(err, MJ_ERR_MEMORY, "out of memory");
	cs_err r = cs_open(CS_ARCH_X86, CS_MODE_64, &decoder->handle);
	if (r == CS_ERR_OK)
		decoder->insn = cs_malloc(decoder->handle);
	if (decoder->insn) {
		*ret = decoder;
		return 0;
	}
	mj_decoder_destroy(decoder);
	return mj_error_set(err, MJ_ERR_UNSUPPORTED, "cannot decode x86-64: %s",
	                    r == CS_ERR_OK ? "out of memory" : cs_strerror(r));
}

void
mj_decoder_destroy(struct mj_decoder *decoder)
{
	if (!decoder)
		return;
	if (decoder->insn)
		cs_free(decoder->insn, 1);
	if (decoder->handle)
		cs_close(&decoder->handle);
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
		if (!cs_disasm_iter(decoder->handle, &at, &left, &offset, decoder->insn)) {
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
