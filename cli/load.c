/* SPDX-License-Identifier: Apache-2.0 */
/* Policies from all places that the command line names: go.mod, modjail.yaml, --policy. */
#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>

static int
read_and_keep(const struct cli_options *options, enum mj_pack_kind kind, const char *name,
              size_t max, char **ret, size_t *ret_len, struct mj_error *err)
{
	struct cli_texts *keep = options->keep;
	if (mj_read_file(name, max, ret, ret_len, err) < 0)
		return -1;
	if (!keep)
		return 0;
	bool room = keep->count < MJ_ARRAY_LEN(keep->list);
	char *copy = room ? malloc(*ret_len + 1) : NULL;
	char *called = room ? strdup(name) : NULL;
	if (!copy || !called) {
		free(copy);
		free(called);
		free(*ret);
		*ret = NULL;
		return mj_error_set(err, MJ_ERR_MEMORY, "%s: too many files, or out of memory",
		                    name);
	}
	memcpy(copy, *ret, *ret_len + 1);
	keep->list[keep->count++] = (struct cli_text){ kind, called, copy, *ret_len };
	return 0;
}

int
cli_read_text(const struct cli_options *options, enum mj_pack_kind kind, size_t nth,
              const char *name, size_t max, char **ret, size_t *ret_len, struct mj_error *err)
{
	if (!options->pack)
		return read_and_keep(options, kind, name, max, ret, ret_len, err);
	const struct mj_pack_entry *entry = mj_pack_find(options->pack, kind, nth);
	if (!entry || entry->length > max)
		return mj_error_set(err, MJ_ERR_FORMAT, "the packed file is damaged: it has no %s",
		                    name);
	return mj_pack_text(options->pack, entry, ret, ret_len, err);
}

static int
read_go_mod(struct mj_policy *policy, const struct cli_options *options, struct mj_error *err)
{
	MJ_AUTO_FREE char *text = NULL;
	size_t len = 0;
	if (cli_read_text(options, MJ_PACK_GO_MOD, 0, options->go_mod, MJ_GOMOD_MAX, &text, &len,
	                  err) < 0)
		return -1;
	return mj_policy_read_gomod(policy, options->go_mod, text, len, err);
}

int
cli_read_yaml(struct mj_policy *policy, const struct cli_options *options, enum mj_pack_kind kind,
              size_t nth, const char *name, struct cli_style style, struct mj_error *err)
{
	MJ_AUTO_FREE char *text = NULL;
	size_t len = 0;
	if (cli_read_text(options, kind, nth, name, MJ_YAML_MAX, &text, &len, err) < 0)
		return -1;
	if (mj_policy_read_yaml(policy, name, text, len, err) == 0)
		return 0;
	size_t count = mj_policy_error_count(policy);
	if (count > 1) {
		for (size_t i = 0; i < count; i++)
			cli_say_error(style, mj_policy_error(policy, i));
		mj_error_set(err, MJ_ERR_FORMAT, "%s: %zu errors, so that none of it counts", name,
		             count);
	}
	return -1;
}

/* What the command line says of all refusals. Not log: then the verdict is as ever, and only not carried out. */
static void
override_action(struct mj_policy *policy, const struct cli_options *options)
{
	if (options->on_deny != MJ_ACTION_LOG)
		mj_policy_override_action(policy, options->on_deny);
}

int
cli_load_policy(const struct cli_options *options, struct cli_style style, struct mj_policy **ret,
                struct mj_error *err)
{
	struct mj_policy *policy = NULL;
	if (mj_policy_create(&policy, err) < 0)
		return -1;
	bool ok = !options->go_mod || read_go_mod(policy, options, err) == 0;
	ok = ok && (!options->policy_file || cli_read_yaml(policy, options, MJ_PACK_POLICY, 0,
	                                                   options->policy_file, style, err) == 0);
	for (size_t i = 0; ok && i < options->npolicies; i++)
		ok = mj_policy_set_flag(policy, options->policies[i], err) == 0;
	if (!ok) {
		mj_policy_destroy(policy);
		return -1;
	}
	override_action(policy, options);
	*ret = policy;
	return 0;
}

int
cli_load_yaml(const struct cli_options *options, enum mj_pack_kind kind, size_t nth,
              const char *name, struct cli_style style, struct mj_policy **ret,
              struct mj_error *err)
{
	struct mj_policy *policy = NULL;
	if (mj_policy_create(&policy, err) < 0)
		return -1;
	if (cli_read_yaml(policy, options, kind, nth, name, style, err) < 0) {
		mj_policy_destroy(policy);
		return -1;
	}
	override_action(policy, options);
	*ret = policy;
	return 0;
}
