/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libfyaml's events, as a tree. Anchors and aliases are refused, so that a small text cannot stand for a large
 * one, and what is too deep before libfyaml has to deal with it.
 */
#include "policy/yaml.h"

#include <libfyaml.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_DEPTH 16
#define MAX_NODES 100000u
#define MAX_COMPLAINTS 100

struct mj_yaml {
	struct allocation {
		struct allocation *next;
		struct mj_yaml_node node;
		char text[];
	} * all;
	unsigned count;
};

/* ---- complaints ----------------------------------------------------------------------------- */

void
mj_complain(struct mj_complaints *complaints, unsigned line, unsigned column, const char *fmt, ...)
{
	if (complaints->count >= MAX_COMPLAINTS)
		return;
	struct mj_complaint *list =
		reallocarray(complaints->list, complaints->count + 1, sizeof(*list));
	char *text = NULL;
	va_list ap;
	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	if (list)
		complaints->list = list;
	if (!list || !text) {
		free(text);
		complaints->out_of_memory = true;
		return;
	}
	list[complaints->count++] = (struct mj_complaint){ line, column, text };
}

static int
compare_complaints(const void *a, const void *b)
{
	const struct mj_complaint *one = a;
	const struct mj_complaint *other = b;
	if (one->line != other->line)
		return one->line < other->line ? -1 : 1;
	return (one->column > other->column) - (one->column < other->column);
}

int
mj_complaints_finish(struct mj_complaints *complaints, const char *name, struct mj_warnings *ret,
                     struct mj_error *err)
{
	int rc = complaints->out_of_memory
	                 ? mj_error_set(err, MJ_ERR_MEMORY, "out of memory for the policy")
	                 : 0;
	if (complaints->count)
		qsort(complaints->list, complaints->count, sizeof(*complaints->list),
		      compare_complaints);
	for (size_t i = 0; i < complaints->count; i++) {
		struct mj_complaint *c = &complaints->list[i];
		if (rc == 0 && mj_warnings_add(ret, err, "%s:%u:%u: %s", name, c->line, c->column,
		                               c->text) < 0)
			rc = -1;
		free(c->text);
	}
	free(complaints->list);
	*complaints = (struct mj_complaints){ 0 };
	return rc;
}

/* ---- the text itself ------------------------------------------------------------------------ */

/* Length of the UTF-8 sequence at s, 0 if it is none, or a control character that YAML does not have. */
static size_t
sequence_length(const unsigned char *s, size_t left)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	if (*s < 0x80)
		return *s >= 0x20 || *s == '\t' || *s == '\n' || *s == '\r' ? *s != 0x7f : 0;
	size_t len = *s >= 0xf0 ? 4 : *s >= 0xe0 ? 3 : 2;
	uint32_t code = *s & (0x7f >> len);
	if (*s < 0xc2 || *s > 0xf4 || len > left)
		return 0;
	for (size_t i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (s[i] & 0x3f);
	}
	bool surrogate = code >= 0xd800 && code < 0xe000;
	return code < least[len] || surrogate || code > 0x10ffff || code < 0xa0 ? 0 : len;
}

static bool
check_text(const char *text, size_t len, struct mj_complaints *complaints)
{
	unsigned line = 1;
	size_t start = 0;
	for (size_t i = 0; i < len;) {
		size_t n = sequence_length((const unsigned char *)text + i, len - i);
		if (n == 0) {
			mj_complain(complaints, line, (unsigned)(i - start) + 1,
			            "byte 0x%02x: not UTF-8 text", (unsigned char)text[i]);
			return false;
		}
		i += n;
		if (text[i - 1] == '\n') {
			line++;
			start = i;
		}
	}
	return true;
}

/* ---- nodes ---------------------------------------------------------------------------------- */

static struct mj_yaml_node *
add_node(struct mj_yaml *yaml, enum mj_yaml_kind kind, struct fy_event *event, const char *text,
         size_t len)
{
	if (yaml->count >= MAX_NODES)
		return NULL;
	struct allocation *a = calloc(1, sizeof(*a) + len + 1);
	if (!a)
		return NULL;
	const struct fy_mark *mark = fy_event_start_mark(event);
	yaml->count++;
	a->next = yaml->all;
	yaml->all = a;
	if (len)
		memcpy(a->text, text, len);
	a->node.kind = kind;
	a->node.text = a->text;
	a->node.line = mark ? (unsigned)mark->line + 1 : 1;
	a->node.column = mark ? (unsigned)mark->column + 1 : 1;
	return &a->node;
}

void
mj_yaml_free(struct mj_yaml *yaml)
{
	while (yaml && yaml->all) {
		struct allocation *a = yaml->all;
		yaml->all = a->next;
		free(a);
	}
	free(yaml);
}

/* ---- events --------------------------------------------------------------------------------- */

struct building {
	struct mj_yaml *yaml;
	struct mj_complaints *complaints;
	struct mj_yaml_node *root;
	unsigned documents, depth;
	struct {
		struct mj_yaml_node *node, *last;
	} open[MAX_DEPTH];
};

static bool
complain_at(struct building *b, struct fy_event *event, const char *what)
{
	const struct fy_mark *mark = fy_event_start_mark(event);
	mj_complain(b->complaints, mark ? (unsigned)mark->line + 1 : 1,
	            mark ? (unsigned)mark->column + 1 : 1, "%s", what);
	return false;
}

static bool
attach(struct building *b, struct fy_event *event, struct mj_yaml_node *node)
{
	if (!node)
		return complain_at(b, event, "too much for one file");
	if (b->depth == 0) {
		b->root = node;
	} else if (b->open[b->depth - 1].last) {
		b->open[b->depth - 1].last->next = node;
		b->open[b->depth - 1].last = node;
	} else {
		b->open[b->depth - 1].node->first = b->open[b->depth - 1].last = node;
	}
	if (node->kind == MJ_YAML_SCALAR)
		return true;
	if (b->depth == MAX_DEPTH)
		return complain_at(b, event, "nested too deeply");
	b->open[b->depth].node = node;
	b->open[b->depth++].last = NULL;
	return true;
}

static bool
is_null(const char *text, size_t len)
{
	return len == 0 || (len == 1 && *text == '~') || (len == 4 && !memcmp(text, "null", 4));
}

static bool
on_scalar(struct building *b, struct fy_event *event)
{
	if (event->scalar.anchor || event->scalar.tag)
		return complain_at(b, event, "anchors and tags are not known here");
	size_t len = 0;
	const char *text = event->scalar.value ? fy_token_get_text(event->scalar.value, &len) : "";
	if (!text || memchr(text, '\0', len))
		return complain_at(b, event, "text with a NUL in it");
	struct mj_yaml_node *node = add_node(b->yaml, MJ_YAML_SCALAR, event, text, len);
	if (node) {
		const struct mj_yaml_node *key = b->depth ? b->open[b->depth - 1].last : NULL;
		enum fy_scalar_style style = event->scalar.value
		                                     ? fy_token_scalar_style(event->scalar.value)
		                                     : FYSS_PLAIN;
		node->quoted = style != FYSS_PLAIN && style != FYSS_ANY;
		node->is_null = !node->quoted && is_null(text, len);
		/* Nothing stands nowhere; its key does. And a mark is behind the quotation mark. */
		if (!fy_event_start_mark(event) && key) {
			node->line = key->line;
			node->column = key->column;
		} else if (node->quoted && node->column > 1) {
			node->column--;
		}
	}
	return attach(b, event, node);
}

static bool
on_collection(struct building *b, struct fy_event *event)
{
	bool mapping = event->type == FYET_MAPPING_START;
	if (mapping ? event->mapping_start.anchor || event->mapping_start.tag
	            : event->sequence_start.anchor || event->sequence_start.tag)
		return complain_at(b, event, "anchors and tags are not known here");
	return attach(
		b, event,
		add_node(b->yaml, mapping ? MJ_YAML_MAPPING : MJ_YAML_SEQUENCE, event, NULL, 0));
}

static bool
on_event(struct building *b, struct fy_event *event)
{
	switch (event->type) {
	case FYET_DOCUMENT_START:
		return b->documents++ == 0 || complain_at(b, event, "a second document");
	case FYET_ALIAS:
		return complain_at(b, event, "aliases are not known here");
	case FYET_SCALAR:
		return on_scalar(b, event);
	case FYET_SEQUENCE_START:
	case FYET_MAPPING_START:
		return on_collection(b, event);
	case FYET_SEQUENCE_END:
	case FYET_MAPPING_END:
		if (b->depth)
			b->depth--;
		return true;
	default:
		return true;
	}
}

/* ---- libfyaml ------------------------------------------------------------------------------- */

static void
swallow(struct fy_diag *diag, void *user, const char *buf, size_t len)
{
	(void)diag;
	(void)user;
	(void)buf;
	(void)len;
}

static void
take_errors(struct fy_diag *diag, struct mj_complaints *complaints)
{
	void *at = NULL;
	const struct fy_diag_error *error;
	size_t before = complaints->count;
	while ((error = fy_diag_errors_iterate(diag, &at)))
		mj_complain(complaints, error->line > 0 ? (unsigned)error->line : 1,
		            error->column > 0 ? (unsigned)error->column : 1, "%s",
		            error->msg ? error->msg : "not YAML");
	if (complaints->count == before)
		mj_complain(complaints, 1, 1, "not YAML");
}

/* False: it has been complained of. */
static bool
run_parser(struct fy_parser *parser, struct fy_diag *diag, struct building *b)
{
	for (;;) {
		struct fy_event *event = fy_parser_parse(parser);
		if (!event) {
			if (fy_parser_get_stream_error(parser) || fy_diag_got_error(diag)) {
				take_errors(diag, b->complaints);
				return false;
			}
			return true;
		}
		bool ok = on_event(b, event);
		bool end = event->type == FYET_STREAM_END;
		fy_parser_event_free(parser, event);
		if (!ok || end)
			return ok;
	}
}

void
mj_yaml_parse(const char *text, size_t len, struct mj_complaints *complaints, struct mj_yaml **ret,
              const struct mj_yaml_node **ret_root)
{
	*ret = NULL;
	*ret_root = NULL;
	if (!check_text(text, len, complaints))
		return;
	struct fy_diag_cfg diag_cfg;
	fy_diag_cfg_default(&diag_cfg);
	diag_cfg.fp = NULL;
	diag_cfg.output_fn = swallow;
	diag_cfg.colorize = false;
	struct fy_diag *diag = fy_diag_create(&diag_cfg);
	struct mj_yaml *yaml = calloc(1, sizeof(*yaml));
	struct building b = { .yaml = yaml, .complaints = complaints };
	struct fy_parse_cfg cfg = { .flags = FYPCF_DISABLE_MMAP_OPT | FYPCF_ALLOW_DUPLICATE_KEYS |
		                             FYPCF_JSON_NONE | FYPCF_DEFAULT_VERSION_1_2,
		                    .diag = diag };
	if (diag)
		fy_diag_set_collect_errors(diag, true);
	struct fy_parser *parser = diag && yaml ? fy_parser_create(&cfg) : NULL;
	bool ok = false;
	if (!parser || fy_parser_set_string(parser, text, len) != 0)
		complaints->out_of_memory = true;
	else
		ok = run_parser(parser, diag, &b);
	if (parser)
		fy_parser_destroy(parser);
	if (diag)
		fy_diag_destroy(diag);
	if (!ok) {
		mj_yaml_free(yaml);
		return;
	}
	*ret = yaml;
	*ret_root = b.root;
}
