/* SPDX-License-Identifier: Apache-2.0 */
/* Where the parts of a modjail.yaml stand. What they mean is policy/'s business, which has read the text
 * before: without anchors, aliases and tags. */
#include "cli/learn.h"

#include <libfyaml.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 32

struct reader {
	struct fy_parser *parser;
	const char *text;
	size_t len;
};

static bool read_node(struct reader *r, struct fy_event *event, unsigned depth,
                      struct learn_node *ret);

void
learn_tree_free(struct learn_node *node)
{
	for (size_t i = 0; i < node->count; i++)
		learn_tree_free(&node->nodes[i]);
	free(node->nodes);
	free(node->text);
	*node = (struct learn_node){ 0 };
}

const struct learn_node *
learn_tree_get(const struct learn_node *node, const char *key)
{
	if (!node || node->kind != LEARN_MAPPING)
		return NULL;
	for (size_t i = 0; i + 1 < node->count; i += 2)
		if (node->nodes[i].text && strcmp(node->nodes[i].text, key) == 0)
			return &node->nodes[i + 1];
	return NULL;
}

static bool
set_range(const struct reader *r, struct fy_token *token, struct learn_node *ret)
{
	const struct fy_mark *start = token ? fy_token_start_mark(token) : NULL;
	const struct fy_mark *end = token ? fy_token_end_mark(token) : NULL;
	if (!start || !end || start->input_pos > end->input_pos || end->input_pos > r->len)
		return false;
	ret->start = start->input_pos;
	ret->end = end->input_pos;
	return true;
}

static bool
read_scalar(const struct reader *r, struct fy_token *token, struct learn_node *ret)
{
	size_t len = 0;
	ret->kind = LEARN_NULL;
	if (!token)
		return true;
	const char *text = fy_token_get_text(token, &len);
	if (!text || !set_range(r, token, ret))
		return false;
	ret->kind = LEARN_SCALAR;
	ret->text = strndup(text, len);
	enum fy_scalar_style style = fy_token_scalar_style(token);
	ret->flow = style != FYSS_LITERAL && style != FYSS_FOLDED;
	/* libfyaml's marks leave the quotes out. */
	if (style == FYSS_SINGLE_QUOTED || style == FYSS_DOUBLE_QUOTED) {
		if (ret->start == 0 || ret->end >= r->len)
			return false;
		ret->start--;
		ret->end++;
	}
	return ret->text != NULL;
}

static struct learn_node *
add_child(struct learn_node *node)
{
	/* Powers of two, so that it is not copied for each. */
	if ((node->count & (node->count - 1)) == 0) {
		size_t room = node->count ? 2 * node->count : 1;
		struct learn_node *more = realloc(node->nodes, room * sizeof(*more));
		if (!more)
			return NULL;
		node->nodes = more;
	}
	struct learn_node *child = &node->nodes[node->count++];
	*child = (struct learn_node){ 0 };
	return child;
}

static bool
read_children(struct reader *r, enum fy_event_type end, unsigned depth, struct learn_node *ret)
{
	struct fy_event *event;
	while ((event = fy_parser_parse(r->parser))) {
		bool ok = true;
		bool ended = event->type == end;
		if (ended) {
			struct learn_node last = { 0 };
			ok = set_range(r,
			               end == FYET_SEQUENCE_END ? event->sequence_end.sequence_end
			                                        : event->mapping_end.mapping_end,
			               &last);
			ret->end = last.end;
		} else {
			struct learn_node *child = add_child(ret);
			ok = child && read_node(r, event, depth + 1, child);
		}
		fy_parser_event_free(r->parser, event);
		if (ended || !ok)
			return ok;
	}
	return false;
}

static bool
read_node(struct reader *r, struct fy_event *event, unsigned depth, struct learn_node *ret)
{
	if (depth > DEPTH_MAX)
		return false;
	switch (event->type) {
	case FYET_SCALAR:
		return read_scalar(r, event->scalar.value, ret);
	case FYET_SEQUENCE_START:
		ret->kind = LEARN_SEQUENCE;
		ret->flow = fy_event_get_node_style(event) == FYNS_FLOW;
		return set_range(r, event->sequence_start.sequence_start, ret) &&
		       read_children(r, FYET_SEQUENCE_END, depth, ret);
	case FYET_MAPPING_START:
		ret->kind = LEARN_MAPPING;
		ret->flow = fy_event_get_node_style(event) == FYNS_FLOW;
		return set_range(r, event->mapping_start.mapping_start, ret) &&
		       read_children(r, FYET_MAPPING_END, depth, ret);
	default:
		return false;
	}
}

/* The document's root, behind the events that begin a stream and a document. */
static bool
read_root(struct reader *r, struct learn_node *ret)
{
	struct fy_event *event;
	while ((event = fy_parser_parse(r->parser))) {
		bool begins =
			event->type == FYET_STREAM_START || event->type == FYET_DOCUMENT_START;
		bool ok = begins || read_node(r, event, 0, ret);
		fy_parser_event_free(r->parser, event);
		if (!begins)
			return ok;
	}
	return false;
}

int
learn_tree_make(const char *text, size_t len, struct learn_node *ret, struct mj_error *err)
{
	const struct fy_parse_cfg config = { .flags = FYPCF_QUIET };
	struct reader r = { fy_parser_create(&config), text, len };
	struct learn_node root = { 0 };
	bool ok =
		r.parser && fy_parser_set_string(r.parser, text, len) == 0 && read_root(&r, &root);
	if (r.parser)
		fy_parser_destroy(r.parser);
	if (!ok) {
		learn_tree_free(&root);
		return mj_error_set(err, MJ_ERR_FORMAT, "its layout is not understood");
	}
	*ret = root;
	return 0;
}
