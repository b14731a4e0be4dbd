/* SPDX-License-Identifier: Apache-2.0 */
/* The supervisor's reporter: renders each record into memory and writes it at once. */
#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A record under construction. */
struct record {
	FILE *out;
	char *buf;
	size_t len;
};

static bool
record_start(struct record *record)
{
	*record = (struct record){ 0 };
	record->out = open_memstream(&record->buf, &record->len);
	return record->out != NULL;
}

static void
out_of_memory(int fd)
{
	static const char lost[] = "modjail: out of memory, a record is lost\n";
	cli_write(fd, lost, sizeof(lost) - 1);
}

/* The record with the jail's label before every line, or inside every object; false: there is no memory. */
static bool
put_labels(struct record *record, const struct cli_report *report)
{
	struct record labelled;
	if (!record_start(&labelled))
		return false;
	for (size_t at = 0; at < record->len;) {
		const char *line = record->buf + at;
		const char *end = memchr(line, '\n', record->len - at);
		size_t len = end ? (size_t)(end - line) + 1 : record->len - at;
		if (report->json && *line == '{')
			fprintf(labelled.out, "{%s,%.*s", report->json_label, (int)len - 1,
			        line + 1);
		else
			fprintf(labelled.out, "%s%.*s", report->label, (int)len, line);
		at += len;
	}
	if (fclose(labelled.out) != 0 || !labelled.buf) {
		free(labelled.buf);
		return false;
	}
	free(record->buf);
	record->buf = labelled.buf;
	record->len = labelled.len;
	return true;
}

static void
record_write(struct record *record, const struct cli_report *report)
{
	/* Where the last realloc fails, glibc 2.36 reports success, and there is no text (libio/memstream.c). */
	bool whole = fclose(record->out) == 0 && record->buf;
	cli_log_follow(report->fd, report->path);
	if (!whole || (report->label && !put_labels(record, report)))
		out_of_memory(report->fd);
	else
		cli_write(report->fd, record->buf, record->len);
	free(record->buf);
}

static void
put_view(FILE *out, struct cli_report *report, const struct cli_view *view)
{
	if (report->json) {
		cli_json_refusal(out, view);
		return;
	}
	cli_text_refusal(out, report->style, view);
	unsigned bit = 1U << view->reason;
	if (!(report->hinted & bit))
		cli_text_hint(out, report->style, view);
	report->hinted |= bit;
}

static void
report_view(struct cli_report *report, const struct mj_refusal *refusal, bool repeated)
{
	struct cli_view view;
	if (report->quiet && !report->summary)
		return;
	if (cli_view_make(refusal, repeated, &view) < 0) {
		out_of_memory(report->fd);
		return;
	}
	if (report->summary)
		cli_summary_add(report->summary, &view);
	if (report->quiet) {
		cli_view_finish(&view);
		return;
	}
	struct record record;
	if (record_start(&record)) {
		put_view(record.out, report, &view);
		record_write(&record, report);
	} else {
		out_of_memory(report->fd);
	}
	cli_view_finish(&view);
}

static void
on_refusal(void *ctx, const struct mj_refusal *refusal)
{
	report_view(ctx, refusal, false);
}

static void
on_repeated(void *ctx, const struct mj_refusal *refusal)
{
	report_view(ctx, refusal, true);
}

/* A record of this moment. False: there is no memory for it, and that has been said. */
static bool
begin(const struct cli_report *report, struct record *ret, struct timespec *ret_now)
{
	*ret_now = (struct timespec){ 0 };
	clock_gettime(CLOCK_REALTIME, ret_now);
	if (record_start(ret))
		return true;
	out_of_memory(report->fd);
	return false;
}

static void
on_notice(void *ctx, enum mj_notice_level level, const char *text)
{
	struct cli_report *report = ctx;
	if (report->quiet && level == MJ_NOTICE_WARNING)
		return;
	struct record record;
	struct timespec now;
	if (!begin(report, &record, &now))
		return;
	if (report->json)
		cli_json_notice(record.out, now, level, text);
	else
		cli_text_notice(record.out, report->style, level, text);
	record_write(&record, report);
}

void
cli_report_event(const struct cli_report *report, const char *text)
{
	struct record record;
	struct timespec now;
	if (!begin(report, &record, &now))
		return;
	if (report->json)
		cli_json_event(record.out, now, text);
	else
		cli_text_notice(record.out, report->style, MJ_NOTICE_ERROR, text);
	record_write(&record, report);
}

struct mj_reporter
cli_report_reporter(struct cli_report *report)
{
	return (struct mj_reporter){
		.refusal = on_refusal,
		.repeated = on_repeated,
		.notice = on_notice,
		.ctx = report,
	};
}

void
cli_say_error(struct cli_style style, const char *text)
{
	struct cli_report report = { .fd = STDERR_FILENO, .style = style };
	on_notice(&report, MJ_NOTICE_ERROR, text);
}

void
cli_report_summary(const struct cli_report *report)
{
	struct record record;
	if (!report->summary)
		return;
	struct timespec now;
	if (!begin(report, &record, &now))
		return;
	cli_summary_sort(report->summary);
	if (report->json)
		cli_summary_json(record.out, now, report->summary);
	else
		cli_summary_text(record.out, report->style, report->summary);
	record_write(&record, report);
}

void
cli_report_stats(const struct cli_report *report, enum cli_stats_format format,
                 const struct mj_stats *stats)
{
	struct record record;
	if (!record_start(&record)) {
		out_of_memory(report->fd);
		return;
	}
	if (format == CLI_STATS_JSON)
		cli_stats_json(record.out, stats, cli_peak_kib());
	else
		cli_stats_text(record.out, stats, cli_peak_kib());
	record_write(&record, report);
}
