/* SPDX-License-Identifier: Apache-2.0 */
/* Records for programs: one JSON object a line. The fields are an interface: add, do not change. */
#include "cli/cli.h"

#include <jansson.h>
#include <stdlib.h>
#include <time.h>

/* ASCII only: a log is looked at with a terminal, too. */
#define DUMP_FLAGS (JSON_COMPACT | JSON_ENSURE_ASCII)

/* Of a very deep stack: how many frames are kept at its ends and around the blamed one. */
#define KEPT_FRAMES 100

/* NULL becomes null; bytes that are not UTF-8, which jansson would refuse, become U+FFFD. */
static json_t *
text(const char *s)
{
	if (!s)
		return json_null();
	MJ_AUTO_FREE char *valid = cli_valid_utf8(s);
	return valid ? json_string(valid) : json_null();
}

static json_t *
timestamp(struct timespec time)
{
	struct tm tm;
	char seconds[32];
	char buf[64];
	if (!gmtime_r(&time.tv_sec, &tm) ||
	    strftime(seconds, sizeof(seconds), "%Y-%m-%dT%H:%M:%S", &tm) == 0)
		return json_null();
	snprintf(buf, sizeof(buf), "%s.%06ldZ", seconds, time.tv_nsec / 1000);
	return json_string(buf);
}

/* As many as mean something to the call; all six if nobody knows. */
static json_t *
args(const struct cli_view *view)
{
	json_t *array = json_array();
	unsigned used = view->call_name ? mj_call_used_args(view->call.nr) : ~0U;
	for (unsigned i = 0; i < MJ_ARRAY_LEN(view->call.args) && used >> i; i++) {
		char hex[24];
		snprintf(hex, sizeof(hex), "0x%llx", (unsigned long long)view->call.args[i]);
		json_array_append_new(array, json_string(hex));
	}
	return array;
}

static json_t *
frame(const struct cli_frame *f, bool blamed)
{
	json_t *object = json_object();
	json_object_set_new(object, "function", text(f->function));
	json_object_set_new(object, "file", text(f->file));
	json_object_set_new(object, "line", json_integer(f->line));
	json_object_set_new(object, "module", text(f->module));
	json_object_set_new(object, "inlined", json_boolean(f->inlined));
	json_object_set_new(object, "blamed", json_boolean(blamed));
	return object;
}

static bool
is_kept(const struct cli_view *view, size_t i)
{
	if (i < KEPT_FRAMES || view->nframes - i <= KEPT_FRAMES)
		return true;
	return view->blamed != CLI_NO_FRAME && i + KEPT_FRAMES >= view->blamed &&
	       i <= view->blamed + KEPT_FRAMES;
}

/* The frames of the stack (0) or of one of its creators. */
static json_t *
frames(const struct cli_view *view, size_t ancestor, size_t *omitted)
{
	json_t *array = json_array();
	for (size_t i = 0; i < view->nframes; i++) {
		if (view->frames[i].ancestor != ancestor)
			continue;
		if (is_kept(view, i))
			json_array_append_new(array, frame(&view->frames[i], i == view->blamed));
		else
			(*omitted)++;
	}
	return array;
}

/* Newest first; goid is the goroutine that executed the go statement. */
static json_t *
ancestors(const struct cli_view *view, size_t *omitted)
{
	json_t *array = json_array();
	for (size_t i = view->nstack; i < view->nframes; i++) {
		const struct cli_frame *f = &view->frames[i];
		if (i > view->nstack && f->ancestor == view->frames[i - 1].ancestor)
			continue;
		json_t *object = json_object();
		json_object_set_new(object, "goid", json_integer((json_int_t)f->goid));
		json_object_set_new(object, "frames", frames(view, f->ancestor, omitted));
		json_array_append_new(array, object);
	}
	return array;
}

static json_t *
capabilities(mj_caps caps)
{
	json_t *array = json_array();
	for (int i = 0; i < MJ_CAP_COUNT; i++)
		if (caps >> i & 1)
			json_array_append_new(array, json_string(mj_cap_name((enum mj_cap)i)));
	return array;
}

/* What a policy would have to give, and to whom. */
static void
set_needs(json_t *object, const struct cli_view *view)
{
	json_t *needs = json_object();
	json_object_set_new(needs, "all", capabilities(view->need.all));
	json_object_set_new(needs, "any", capabilities(view->need.any));
	json_object_set_new(object, "needs", needs);
	json_object_set_new(object, "call", text(mj_call_name(mj_need_call(view->need))));
	json_t *modules = json_array();
	for (size_t i = 0; i < view->nmodules; i++)
		json_array_append_new(modules, text(view->modules[i]));
	json_object_set_new(object, "modules", modules);
	json_object_set_new(object, "main_module", text(view->main_module));
}

static void
dump(FILE *out, json_t *object)
{
	json_dumpf(object, out, DUMP_FLAGS);
	fputc('\n', out);
	json_decref(object);
}

void
cli_json_refusal(FILE *out, const struct cli_view *view)
{
	static const char *const events[] = {
		[CLI_REFUSED] = "refusal",
		[CLI_KILLED] = "killed",
		[CLI_ALLOWED] = "allowed",
		[CLI_REPEATED] = "repeated",
	};
	json_t *object = json_object();
	size_t omitted = view->nfolded;
	json_object_set_new(object, "time", timestamp(view->time));
	json_object_set_new(object, "event", json_string(events[view->event]));
	json_object_set_new(object, "pid", json_integer(view->pid));
	json_object_set_new(object, "tid", json_integer(view->tid));
	json_object_set_new(object, "program", text(view->program));
	json_object_set_new(object, "syscall", text(view->call_name));
	json_object_set_new(object, "nr", json_integer(view->call.nr));
	json_object_set_new(object, "args", args(view));
	json_object_set_new(object, "errno", text(view->errno_name));
	json_object_set_new(object, "capability",
	                    text(*view->capability ? view->capability : NULL));
	json_object_set_new(object, "module", text(view->module));
	json_object_set_new(object, "version", text(view->version));
	json_object_set_new(object, "reason", json_string(mj_reason_name(view->reason)));
	json_object_set_new(object, "detail", text(view->detail));
	set_needs(object, view);
	json_object_set_new(object, "frames", frames(view, 0, &omitted));
	json_object_set_new(object, "ancestors", ancestors(view, &omitted));
	if (omitted)
		json_object_set_new(object, "frames_omitted", json_integer((json_int_t)omitted));
	json_object_set_new(object, "count", json_integer((json_int_t)view->count));
	dump(out, object);
}

void
cli_json_notice(FILE *out, struct timespec time, enum mj_notice_level level, const char *message)
{
	json_t *object = json_object();
	json_object_set_new(object, "time", timestamp(time));
	json_object_set_new(object, "event", json_string("notice"));
	json_object_set_new(object, "level",
	                    json_string(level == MJ_NOTICE_WARNING ? "warning" : "error"));
	json_object_set_new(object, "text", text(message));
	dump(out, object);
}

void
cli_json_event(FILE *out, struct timespec time, const char *message)
{
	json_t *object = json_object();
	json_object_set_new(object, "time", timestamp(time));
	json_object_set_new(object, "event", json_string("program"));
	json_object_set_new(object, "text", text(message));
	dump(out, object);
}

void
cli_summary_json(FILE *out, struct timespec time, const struct cli_summary *summary)
{
	json_t *object = json_object();
	json_t *subjects = json_array();
	json_object_set_new(object, "time", timestamp(time));
	json_object_set_new(object, "event", json_string("summary"));
	json_object_set_new(object, "refused", json_integer((json_int_t)summary->refused));
	json_object_set_new(object, "allowed", json_integer((json_int_t)summary->allowed));
	for (size_t i = 0; i < summary->count; i++) {
		const struct cli_tally *tally = &summary->tallies[i];
		json_t *subject = json_object();
		json_object_set_new(subject, "subject", text(tally->subject));
		json_object_set_new(subject, "capability",
		                    text(*tally->capability ? tally->capability : NULL));
		json_object_set_new(subject, "refused", json_integer((json_int_t)tally->refused));
		json_object_set_new(subject, "allowed", json_integer((json_int_t)tally->allowed));
		json_array_append_new(subjects, subject);
	}
	json_object_set_new(object, "subjects", subjects);
	json_object_set_new(object, "next", text(cli_summary_next(summary)));
	dump(out, object);
}
