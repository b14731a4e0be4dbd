/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Does the program that libseccomp made say what the plan says? It is run here, as the kernel would run it, over the
 * calls where the plan's rules begin and end. libseccomp 2.5.4 reports success for programs in which rules are missing or
 * jumps lead elsewhere when memory ran out while it made them; such a program must never be installed.
 */
#include "preload/preload.h"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>

#define X32_BIT 0x40000000u
#define LAST_NUMBER                                                                                \
	1023 /* far more than there are, so that what no rule is about is looked at too */
#define NO_VERDICT 0xffffffffu /* no action of seccomp(2) */

/* The word at offset off of what the kernel shows a filter. */
static bool
load(const struct seccomp_data *data, uint32_t off, uint32_t *ret)
{
	if (off % 4 != 0 || off > sizeof(*data) - 4)
		return false;
	memcpy(ret, (const uint8_t *)data + off, 4);
	return true;
}

/* Whether a conditional jump is taken; false if it is none that libseccomp makes. */
static bool
compare(const struct sock_filter *insn, uint32_t a, bool *ret)
{
	switch (insn->code) {
	case BPF_JMP | BPF_JEQ | BPF_K:
		*ret = a == insn->k;
		return true;
	case BPF_JMP | BPF_JGT | BPF_K:
		*ret = a > insn->k;
		return true;
	case BPF_JMP | BPF_JGE | BPF_K:
		*ret = a >= insn->k;
		return true;
	case BPF_JMP | BPF_JSET | BPF_K:
		*ret = (a & insn->k) != 0;
		return true;
	default:
		return false;
	}
}

/* NO_VERDICT for a program that ends without one, or has an instruction that is not understood. Jumps only lead
 * forward, so it ends. */
static uint32_t
interpret(const struct mj_filter *filter, const struct seccomp_data *data)
{
	uint32_t a = 0;
	for (size_t pc = 0; pc < filter->count; pc++) {
		const struct sock_filter *insn = &filter->insns[pc];
		bool taken;
		if (insn->code == (BPF_LD | BPF_W | BPF_ABS)) {
			if (!load(data, insn->k, &a))
				return NO_VERDICT;
		} else if (insn->code == (BPF_RET | BPF_K)) {
			return insn->k;
		} else if (insn->code == (BPF_ALU | BPF_AND | BPF_K)) {
			a &= insn->k;
		} else if (insn->code == (BPF_JMP | BPF_JA)) {
			pc += insn->k;
		} else if (compare(insn, a, &taken)) {
			pc += taken ? insn->jt : insn->jf;
		} else {
			return NO_VERDICT;
		}
	}
	return NO_VERDICT;
}

/* What the plan says of a call; of is the first of its rules, if it has any. */
static uint32_t
planned(const struct mj_plan *plan, size_t of, const struct seccomp_data *data)
{
	for (size_t i = of; i < plan->count && plan->rules[i].nr == data->nr; i++) {
		const struct mj_plan_rule *rule = &plan->rules[i];
		bool holds = true;
		for (unsigned c = 0; c < rule->nconds; c++)
			holds &= (data->args[rule->conds[c].arg] & rule->conds[c].mask) ==
			         rule->conds[c].value;
		if (holds)
			return rule->errnum ? SECCOMP_RET_ERRNO | (uint32_t)rule->errnum
			                    : SECCOMP_RET_ALLOW;
	}
	return SECCOMP_RET_USER_NOTIF;
}

struct check {
	const struct mj_plan *plan;
	const struct mj_filter *filter;
	size_t of; /* the first rule of the call that is looked at */
};

static bool
agrees(const struct check *check, const struct seccomp_data *data)
{
	return interpret(check->filter, data) == planned(check->plan, check->of, data);
}

/* The lowest and the highest bit of each half of a mask: BPF compares words of 32 bits. */
static uint64_t
edges(uint64_t mask)
{
	uint32_t low = (uint32_t)mask, high = (uint32_t)(mask >> 32);
	uint64_t bits = 0;
	if (low)
		bits |= (low & -low) | 1u << (31 - __builtin_clz(low));
	if (high)
		bits |= (uint64_t)((high & -high) | 1u << (31 - __builtin_clz(high))) << 32;
	return bits;
}

/* Arguments for which a condition does not hold any more, by one bit. */
static bool
neighbours_agree(const struct check *check, const struct seccomp_data *data,
                 const struct mj_cond *cond)
{
	bool few = __builtin_popcountll(cond->mask) <= 8;
	for (uint64_t bits = few ? cond->mask : edges(cond->mask); bits; bits &= bits - 1) {
		struct seccomp_data off = *data;
		off.args[cond->arg] ^= bits & -bits;
		if (!agrees(check, &off))
			return false;
	}
	return true;
}

/* Arguments that a rule is about, and those next to them. */
static bool
rule_agrees(const struct check *check, struct seccomp_data data, const struct mj_plan_rule *rule)
{
	struct seccomp_data wide = data; /* all bits that the rule does not look at */
	for (unsigned i = 0; i < rule->nconds; i++) {
		data.args[rule->conds[i].arg] |= rule->conds[i].value;
		wide.args[rule->conds[i].arg] = UINT64_MAX;
	}
	for (unsigned i = 0; i < rule->nconds; i++)
		wide.args[rule->conds[i].arg] &= ~rule->conds[i].mask | rule->conds[i].value;
	if (!agrees(check, &data) || !agrees(check, &wide))
		return false;
	for (unsigned i = 0; i < rule->nconds; i++)
		if (!neighbours_agree(check, &data, &rule->conds[i]))
			return false;
	return true;
}

static bool
call_agrees(struct check *check, int nr)
{
	const struct mj_plan *plan = check->plan;
	struct seccomp_data data = { .nr = nr, .arch = AUDIT_ARCH_X86_64 };
	if (!agrees(check, &data))
		return false;
	for (size_t i = check->of; i < plan->count && plan->rules[i].nr == nr; i++)
		if (!rule_agrees(check, data, &plan->rules[i]))
			return false;
	memset(data.args, 0xff, sizeof(data.args));
	return agrees(check, &data);
}

static bool
kills_foreign(const struct mj_filter *filter)
{
	struct seccomp_data i386 = { .arch = AUDIT_ARCH_I386 };
	struct seccomp_data x32 = { .nr = X32_BIT, .arch = AUDIT_ARCH_X86_64 };
	return interpret(filter, &i386) == SECCOMP_RET_KILL_PROCESS &&
	       interpret(filter, &x32) == SECCOMP_RET_KILL_PROCESS;
}

static bool
all_agree(const struct mj_plan *plan, const struct mj_filter *filter)
{
	struct check check = { .plan = plan, .filter = filter };
	bool seen[LAST_NUMBER + 1] = { false };
	/* The rules of one call stand together. */
	for (size_t i = 0; i < plan->count; i++) {
		int nr = plan->rules[i].nr;
		check.of = i;
		if ((i == 0 || plan->rules[i - 1].nr != nr) && !call_agrees(&check, nr))
			return false;
		if (nr >= 0 && nr <= LAST_NUMBER)
			seen[nr] = true;
	}
	/* -1 is what a tracer leaves of a call that it skips; libseccomp treats it apart. */
	check.of = plan->count;
	for (int nr = -1; nr <= LAST_NUMBER; nr++)
		if ((nr < 0 || !seen[nr]) && !call_agrees(&check, nr))
			return false;
	return true;
}

int
mj_filter_verify(const struct mj_plan *plan, const struct mj_filter *filter, struct mj_error *err)
{
	if (plan->allow_all || (kills_foreign(filter) && all_agree(plan, filter)))
		return 0;
	return mj_error_set(err, MJ_ERR_FORMAT,
	                    "libseccomp made a filter that is not the one that was asked for "
	                    "(it does so when memory runs out): the program is not started");
}
