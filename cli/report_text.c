/* SPDX-License-Identifier: Apache-2.0 */
/* Records for people: one line that says what and why, then the frames that matter. */
#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>

#define LINE_COLUMNS 100
#define FUNCTION_COLUMNS 50
#define MARGIN 4           /* columns before a function; the arrow stands in them */
#define INNER_FRAMES 3     /* frames shown between the called API and the blamed one */
#define CALLER_FRAMES 4    /* callers shown of the blamed frame */
#define OUTERMOST_FRAMES 3 /* frames shown of a stack in which nobody is blamed */

static const char *
ellipsis(struct cli_style style)
{
	return style.utf8 ? "…" : "...";
}

/* ---- the first line ------------------------------------------------------------------------- */

static void
put_call(FILE *out, const struct cli_view *view)
{
	if (view->call_name)
		fputs(view->call_name, out);
	else
		fprintf(out, "system call %d", view->call.nr);
	char *args = NULL;
	size_t len = 0;
	FILE *mem = open_memstream(&args, &len);
	if (mem) {
		cli_put_args(mem, &view->call);
		if (fclose(mem) == 0 && len)
			fprintf(out, "(%s)", args);
		free(args);
	}
	if (*view->capability)
		fprintf(out, " (%s)", view->capability);
}

static void
put_event(FILE *out, const struct cli_view *view)
{
	switch (view->event) {
	case CLI_REFUSED:
		fputs("refused ", out);
		break;
	case CLI_KILLED:
		fprintf(out, "killed process %d at ", (int)view->pid);
		break;
	case CLI_ALLOWED:
		fputs("let through ", out);
		break;
	case CLI_REPEATED:
		fprintf(out, "%llu times in all: ", (unsigned long long)view->count);
		break;
	}
	put_call(out, view);
}

static void
put_detail(FILE *out, struct cli_style style, const struct cli_view *view)
{
	if (*view->detail) {
		fputs(": ", out);
		cli_put(out, style, view->detail);
	}
}

static void
put_program(FILE *out, struct cli_style style, const struct cli_view *view)
{
	fputs(" for ", out);
	cli_put(out, style, *view->program ? view->program : "an unknown program");
}

/* At which address the walk gave up, and in whose caller. */
static void
put_where_walk_ended(FILE *out, struct cli_style style, const struct cli_view *view)
{
	if (!view->walk_failed)
		return;
	fprintf(out, " (at pc 0x%llx", (unsigned long long)view->why_pc);
	if (view->nstack) {
		fputs(", after ", out);
		cli_put(out, style, view->frames[view->nstack - 1].function);
	}
	fputc(')', out);
}

static void
put_reason(FILE *out, struct cli_style style, const struct cli_view *view)
{
	switch (view->reason) {
	case MJ_REASON_POLICY:
		fputs(" for ", out);
		cli_put(out, style, view->module ? view->module : "?");
		if (*view->version) {
			fputc(' ', out);
			cli_put(out, style, view->version);
		}
		fputs(": its policy does not allow it", out);
		break;
	case MJ_REASON_UNATTRIBUTED:
		fputs(": it is not known which module set it off, so it may do only what every "
		      "module may",
		      out);
		break;
	case MJ_REASON_C:
		fputs(" for C code that no Go code called: it may do only what every module may",
		      out);
		break;
	case MJ_REASON_CEILING:
		put_program(out, style, view);
		fputs(": the module that executed it may not do it", out);
		break;
	case MJ_REASON_WALK:
		fputs(": its stack could not be walked to the end", out);
		break;
	case MJ_REASON_UNREADABLE:
		put_program(out, style, view);
		fputs(": the process could not be read", out);
		break;
	case MJ_REASON_OPAQUE:
		put_program(out, style, view);
		fputs(": its Go function tables cannot be read", out);
		break;
	case MJ_REASON_PROGRAM:
		put_program(out, style, view);
		fputs(": its own policy does not fit it", out);
		break;
	}
}

/* ---- frames --------------------------------------------------------------------------------- */

struct selection {
	size_t count;
	size_t index[1 + INNER_FRAMES + 1 + CALLER_FRAMES];
	size_t hidden_inner, hidden_outer; /* frames that are left out and may matter */
};

/* The std API that was called (the last std frame before the first other one), the modules' frames
 * between it and the blamed one, the blamed one, its callers. Other std frames are left out. */
static void
select_around_blamed(const struct cli_view *view, struct selection *ret)
{
	size_t first = 0;
	while (first < view->blamed && view->frames[first].is_std)
		first++;
	if (first > 0)
		ret->index[ret->count++] = first - 1;
	size_t inner = 0;
	for (size_t i = first; i < view->blamed; i++)
		inner += !view->frames[i].is_std;
	for (size_t i = first; i < view->blamed; i++) {
		if (view->frames[i].is_std)
			continue;
		if (inner-- > INNER_FRAMES)
			ret->hidden_inner++;
		else
			ret->index[ret->count++] = i;
	}
	ret->index[ret->count++] = view->blamed;
	size_t callers = 0;
	for (size_t i = view->blamed + 1; i < view->nframes; i++) {
		if (view->frames[i].is_std)
			continue;
		if (callers++ < CALLER_FRAMES)
			ret->index[ret->count++] = i;
		else
			ret->hidden_outer++;
	}
}

static bool
is_root(const char *function)
{
	return strcmp(function, "runtime.goexit") == 0 || strcmp(function, "runtime.main") == 0;
}

/* The frames next to where the stack began, or where its walk gave up. */
static void
select_outermost(const struct cli_view *view, struct selection *ret)
{
	size_t end = view->nstack;
	while (end > 0 && !view->walk_failed && is_root(view->frames[end - 1].function))
		end--;
	size_t start = end > OUTERMOST_FRAMES ? end - OUTERMOST_FRAMES : 0;
	for (size_t i = 0; i < end; i++) {
		/* The reason says so already. */
		if (view->frames[i].is_c && !strcmp(view->frames[i].function, "(C code)"))
			continue;
		if (i < start)
			ret->hidden_inner++;
		else
			ret->index[ret->count++] = i;
	}
}

/* The longest end of path, cut at slashes, that fits; its last element in any case. *cut: whether
 * anything is missing. Bytes stand for columns, which errs on the short side. */
static const char *
shorten(const char *path, size_t columns, bool *cut)
{
	*cut = false;
	const char *end = path;
	while (strlen(end) + (*cut ? 4 : 0) > columns) {
		const char *slash = strchr(end, '/');
		if (!slash || !slash[1])
			break;
		end = slash + 1;
		*cut = true;
	}
	return end;
}

static void
put_place(FILE *out, struct cli_style style, const struct cli_frame *frame, size_t used)
{
	if (!*frame->file)
		return;
	char line[16] = "";
	if (frame->line > 0)
		snprintf(line, sizeof(line), ":%d", frame->line);
	size_t taken = used + strlen(line);
	bool cut = false;
	const char *file =
		shorten(frame->file, taken < LINE_COLUMNS ? LINE_COLUMNS - taken : 0, &cut);
	if (cut)
		fprintf(out, "%s/", ellipsis(style));
	cli_put(out, style, file);
	fputs(line, out);
}

static void
put_frame(FILE *out, struct cli_style style, const struct cli_frame *frame, bool blamed,
          size_t column)
{
	static const char margin[] = "    ";
	size_t width = 0;
	char *function = cli_escape(style, *frame->function ? frame->function : "?", &width);
	fprintf(out, "%s%s", blamed ? (style.utf8 ? "  → " : "  > ") : margin,
	        function ? function : "?");
	free(function);
	if (*frame->file) {
		fprintf(out, "%*s  ", width < column ? (int)(column - width) : 0, "");
		put_place(out, style, frame, MARGIN + (width > column ? width : column) + 2);
	}
	fputc('\n', out);
}

static void
put_creator(FILE *out, const struct cli_frame *frame)
{
	fprintf(out, "%*s(on a goroutine that goroutine %llu started%s)\n", MARGIN, "",
	        (unsigned long long)frame->goid, frame->ancestor > 1 ? ", by way of others" : "");
}

static void
put_hidden(FILE *out, struct cli_style style, size_t count)
{
	if (count)
		fprintf(out, "%*s(%s %zu more)\n", MARGIN, "", ellipsis(style), count);
}

static void
put_frames(FILE *out, struct cli_style style, const struct cli_view *view)
{
	struct selection selection = { 0 };
	bool blamed = view->blamed < view->nframes;
	if (blamed)
		select_around_blamed(view, &selection);
	else
		select_outermost(view, &selection);
	size_t column = 0;
	for (size_t i = 0; i < selection.count; i++) {
		size_t width = 0;
		free(cli_escape(style, view->frames[selection.index[i]].function, &width));
		if (width > column && width <= FUNCTION_COLUMNS)
			column = width;
	}
	if (!blamed)
		put_hidden(out, style, selection.hidden_inner);
	size_t ancestor = 0;
	for (size_t i = 0; i < selection.count; i++) {
		const struct cli_frame *frame = &view->frames[selection.index[i]];
		if (frame->ancestor != ancestor)
			put_creator(out, frame);
		ancestor = frame->ancestor;
		put_frame(out, style, frame, selection.index[i] == view->blamed, column);
	}
	if (blamed)
		put_hidden(out, style, selection.hidden_inner + selection.hidden_outer);
}

/* ---- records -------------------------------------------------------------------------------- */

void
cli_text_refusal(FILE *out, struct cli_style style, const struct cli_view *view)
{
	fputs("modjail: ", out);
	put_event(out, view);
	put_reason(out, style, view);
	/* The words for the other reasons say what the detail would repeat; a policy's refusal has
	 * one only where there is more to say. */
	if (view->reason == MJ_REASON_POLICY || view->reason == MJ_REASON_WALK ||
	    view->reason == MJ_REASON_UNREADABLE || view->reason == MJ_REASON_OPAQUE ||
	    view->reason == MJ_REASON_PROGRAM || view->reason == MJ_REASON_UNATTRIBUTED)
		put_detail(out, style, view);
	if (view->reason == MJ_REASON_WALK)
		put_where_walk_ended(out, style, view);
	fputc('\n', out);
	put_frames(out, style, view);
}

/* Whether a module path may stand in a command line that somebody will paste: it comes from the
 * program, and golang.org/x/mod/module.CheckPath would let no other characters through. */
static bool
is_pasteable(const char *module)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789-._~/+";
	return *module && module[strspn(module, allowed)] == '\0';
}

/* What the rule lacks for the call: for modjail.yaml, comma separated. */
static mj_caps
lacking(const struct mj_rule *rule, const struct mj_call *call)
{
	struct mj_need need = mj_call_need(call);
	mj_caps caps = need.all & ~rule->grant.caps;
	/* One of these is enough: the first one. */
	if (!caps && need.any && !(need.any & rule->grant.caps))
		caps = need.any & -need.any;
	return caps;
}

/* The line of modjail.yaml that allows the call and all that was allowed before: "a.b/c": [confined, EXEC] */
static void
put_yaml_line(FILE *out, const char *module, const struct mj_rule *rule, mj_caps caps)
{
	const char *word = cli_rule_word(rule);
	const char *gap = "";
	fprintf(out, "\"%s\": [", module);
	if (word) {
		fputs(word, out);
		gap = ", ";
	}
	for (size_t i = 0; i < rule->nitems; i++, gap = ", ")
		fprintf(out, "%s%s", gap, rule->items[i].word);
	for (int c = 0; c < MJ_CAP_COUNT; c++) {
		if (!(caps >> c & 1))
			continue;
		fprintf(out, "%s%s", gap, mj_cap_name(c));
		gap = ", ";
	}
	fputs("]\n", out);
}

static void
put_escapes(FILE *out, mj_caps caps)
{
	for (int c = 0; c < MJ_CAP_COUNT; c++)
		if ((caps >> c & 1) && mj_cap_escape(c))
			fprintf(out, "modjail: %s may lead out of the jail: %s\n", mj_cap_name(c),
			        mj_cap_escape(c));
}

static void
put_policy_hint(FILE *out, struct cli_style style, const struct cli_view *view)
{
	const struct mj_rule *rule = view->rule;
	mj_caps caps = rule ? lacking(rule, &view->call) : 0;
	if (!view->module || !is_pasteable(view->module))
		return;
	if (!rule || !caps || !rule->origin.file || rule->origin.source == MJ_SOURCE_FLAG) {
		fprintf(out, "modjail: to allow it: --policy=%s=unconfined\n", view->module);
		return;
	}
	fputs("modjail: its policy is at ", out);
	cli_put(out, style, rule->origin.file);
	fprintf(out, ":%u; to allow it: in %s, under modules: ", rule->origin.line,
	        rule->origin.source == MJ_SOURCE_FILE ? "that file" : "a --policy-file");
	put_yaml_line(out, view->module, rule, caps);
	put_escapes(out, caps);
}

void
cli_text_hint(FILE *out, struct cli_style style, const struct cli_view *view)
{
	switch (view->reason) {
	case MJ_REASON_POLICY:
		put_policy_hint(out, style, view);
		break;
	case MJ_REASON_UNATTRIBUTED:
	case MJ_REASON_C:
		fprintf(out,
		        "modjail: some module set such a call off, and nobody knows which; it is "
		        "allowed when no module is denied %s\n",
		        *view->capability ? view->capability : "it");
		break;
	case MJ_REASON_CEILING:
		fputs("modjail: to allow it, let the module that executes ", out);
		cli_put(out, style, *view->program ? view->program : "the program");
		fputs(" be unconfined: --policy=MODULE=unconfined\n", out);
		break;
	case MJ_REASON_WALK:
		fputs("modjail: a stack that is not understood is always refused; please report "
		      "it, "
		      "with this output; --on-deny=log lets such calls through meanwhile\n",
		      out);
		break;
	case MJ_REASON_UNREADABLE:
		fputs("modjail: a process is readable if it has the same user as modjail, is not "
		      "setuid, did not make itself undumpable and, where Yama's ptrace_scope is 1, "
		      "is a descendant of modjail (see ptrace(2), \"access mode checking\")\n",
		      out);
		break;
	case MJ_REASON_PROGRAM:
		fputs("modjail: a program under \"programs\" must be the Go program that its "
		      "policy is for; "
		      "without an entry there it may do what the module that executes it may\n",
		      out);
		break;
	case MJ_REASON_OPAQUE:
		fputs("modjail: use the program as \"go build\" made it, not packed or obfuscated, "
		      "from Go 1.16 or later\n",
		      out);
		break;
	}
}

void
cli_text_notice(FILE *out, struct cli_style style, enum mj_notice_level level, const char *text)
{
	fprintf(out, "modjail: %s", level == MJ_NOTICE_WARNING ? "warning: " : "");
	cli_put(out, style, text);
	fputc('\n', out);
}
