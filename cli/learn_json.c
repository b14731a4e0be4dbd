/* SPDX-License-Identifier: Apache-2.0 */
/* JSON records of other runs (docs/RECORDS.md), as if they had happened here. They may come from anywhere. */
#include "cli/learn.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* One record as plain data; strings are borrowed from the JSON object. */
struct line {
	struct cli_view view;
	const char **modules;
	const char *wrong; /* what is wrong with it */
};

static const char *
string_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));
	return text ? text : "";
}

static bool
read_event(const char *name, enum cli_event *ret)
{
	static const char *const events[] = {
		[CLI_REFUSED] = "refusal",
		[CLI_KILLED] = "killed",
		[CLI_ALLOWED] = "allowed",
		[CLI_REPEATED] = "repeated",
	};
	for (size_t i = 0; i < MJ_ARRAY_LEN(events); i++)
		if (strcmp(name, events[i]) == 0) {
			*ret = (enum cli_event)i;
			return true;
		}
	return false;
}

/* Leaves only: that is what records have. */
static bool
read_caps(const json_t *array, mj_caps *ret)
{
	if (!json_is_array(array))
		return false;
	*ret = 0;
	for (size_t i = 0; i < json_array_size(array); i++) {
		const char *name = json_string_value(json_array_get(array, i));
		mj_caps caps;
		if (!name || !mj_cap_parse(name, &caps))
			return false;
		*ret |= caps;
	}
	return true;
}

static void
read_args(const json_t *array, struct mj_call *call)
{
	for (size_t i = 0; i < MJ_ARRAY_LEN(call->args) && i < json_array_size(array); i++) {
		const char *hex = json_string_value(json_array_get(array, i));
		call->args[i] = hex ? strtoull(hex, NULL, 16) : 0;
	}
}

/* The row of the table is this modjail's own: it is found anew. */
static bool
read_need(const json_t *object, struct line *line)
{
	struct cli_view *view = &line->view;
	const json_t *needs = json_object_get(object, "needs");
	const char *call = string_of(object, "call");
	view->call_name = mj_call_name(mj_call_number(string_of(object, "syscall")));
	const json_t *nr = json_object_get(object, "nr");
	view->call.nr =
		view->call_name ? mj_call_number(view->call_name) : (int)json_integer_value(nr);
	read_args(json_object_get(object, "args"), &view->call);
	if (!read_caps(json_object_get(needs, "all"), &view->need.all) ||
	    !read_caps(json_object_get(needs, "any"), &view->need.any))
		return false;
	struct mj_call named = { .nr = mj_call_number(call) };
	if (named.nr == view->call.nr)
		named = view->call;
	struct mj_need found = mj_call_need(&named);
	view->need.row = found.row;
	view->need.known = found.known;
	return true;
}

static bool
read_modules(const json_t *array, struct line *line)
{
	size_t count = json_array_size(array);
	if (!json_is_array(array))
		return false;
	line->modules = calloc(count + 1, sizeof(*line->modules));
	if (!line->modules)
		return false;
	for (size_t i = 0; i < count; i++) {
		line->modules[i] = json_string_value(json_array_get(array, i));
		if (!line->modules[i] || !*line->modules[i])
			return false;
	}
	line->view.modules = line->modules;
	line->view.nmodules = count;
	return true;
}

static bool
read_frames(const json_t *array, struct cli_view *view)
{
	size_t count = json_array_size(array);
	view->frames = calloc(count + 1, sizeof(*view->frames));
	for (size_t i = 0; view->frames && i < count; i++) {
		const json_t *object = json_array_get(array, i);
		struct cli_frame *frame = &view->frames[i];
		frame->function = strdup(string_of(object, "function"));
		frame->file = string_of(object, "file");
		frame->line = (int)json_integer_value(json_object_get(object, "line"));
		frame->module = string_of(object, "module");
		frame->is_std = strcmp(frame->module, "std") == 0;
		view->nframes++;
		if (!frame->function)
			return false;
	}
	return view->frames != NULL;
}

/* False with wrong set, or without: it is no record of a call. */
static bool
read_record(const json_t *object, struct line *line)
{
	const char *event = json_string_value(json_object_get(object, "event"));
	if (!event || !read_event(event, &line->view.event))
		return false;
	json_int_t count = json_integer_value(json_object_get(object, "count"));
	line->view.count = count > 0 ? (uint64_t)count : 0;
	line->view.program = string_of(object, "program");
	line->view.main_module = string_of(object, "main_module");
	if (count <= 0)
		line->wrong = "a record without \"count\"";
	else if (!read_need(object, line))
		line->wrong = "a record without \"needs\" that are understood: of another version?";
	else if (!read_modules(json_object_get(object, "modules"), line))
		line->wrong = "a record without \"modules\": of another version?";
	else if (!read_frames(json_object_get(object, "frames"), &line->view))
		line->wrong = "out of memory";
	return !line->wrong;
}

static int
read_line(struct learn *learn, const char *text, size_t len, const char *path, unsigned number,
          struct mj_error *err)
{
	json_error_t why;
	struct line line = { 0 };
	json_t *object = json_loadb(text, len, JSON_REJECT_DUPLICATES, &why);
	int r = 0;
	if (!object || !json_is_object(object))
		r = mj_error_set(err, MJ_ERR_FORMAT, "%s:%u: not a JSON object%s%s", path, number,
		                 object ? "" : ": ", object ? "" : why.text);
	else if (read_record(object, &line) && learn_view(learn, &line.view, err) < 0)
		r = mj_error_wrap(err, "%s:%u", path, number);
	else if (line.wrong)
		r = mj_error_set(err, MJ_ERR_FORMAT, "%s:%u: %s", path, number, line.wrong);
	cli_view_finish(&line.view);
	free(line.modules);
	json_decref(object);
	return r;
}

static bool
is_blank(const char *text)
{
	return text[strspn(text, " \t\r\n")] == '\0';
}

int
learn_read(struct learn *learn, const char *path, struct mj_error *err)
{
	FILE *in = fopen(path, "re");
	MJ_AUTO_FREE char *text = malloc(LEARN_LINE_MAX);
	int r = 0;
	if (!in)
		return mj_error_sys(err, errno, "cannot open %s", path);
	if (!text)
		r = mj_error_set(err, MJ_ERR_MEMORY, "out of memory");
	for (unsigned number = 1; r == 0; number++) {
		text[LEARN_LINE_MAX - 2] = '\0';
		if (!fgets(text, LEARN_LINE_MAX, in))
			break;
		char end = text[LEARN_LINE_MAX - 2];
		if (end && end != '\n')
			r = mj_error_set(err, MJ_ERR_FORMAT, "%s:%u: a line of more than %u bytes",
			                 path, number, LEARN_LINE_MAX - 2);
		else if (!is_blank(text))
			r = read_line(learn, text, strlen(text), path, number, err);
	}
	if (r == 0 && ferror(in))
		r = mj_error_sys(err, errno, "cannot read %s", path);
	fclose(in);
	return r;
}
