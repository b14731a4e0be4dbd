/* SPDX-License-Identifier: Apache-2.0 */
/* --summary: how many calls of which module were refused for want of what, and what to do next. */
#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>

/* Who is charged, where no module is to blame. */
static const char *
subject_of(const struct cli_view *view)
{
	if (view->module)
		return view->module;
	return view->reason == MJ_REASON_CEILING ? "executed programs" : "not attributable";
}

static struct cli_tally *
tally_of(struct cli_summary *summary, const char *subject, const char *capability)
{
	for (size_t i = 0; i < summary->count; i++)
		if (strcmp(summary->tallies[i].subject, subject) == 0 &&
		    strcmp(summary->tallies[i].capability, capability) == 0)
			return &summary->tallies[i];
	struct cli_tally *more = realloc(summary->tallies, (summary->count + 1) * sizeof(*more));
	if (!more)
		return NULL;
	summary->tallies = more;
	struct cli_tally *tally = &more[summary->count];
	*tally = (struct cli_tally){ .subject = strdup(subject), .capability = capability };
	if (!tally->subject)
		return NULL;
	summary->count++;
	return tally;
}

void
cli_summary_add(struct cli_summary *summary, const struct cli_view *view)
{
	bool again = view->event == CLI_REPEATED;
	uint64_t count = again && view->count ? view->count - 1 : view->count;
	/* Capabilities' names are static. */
	struct cli_tally *tally = tally_of(summary, subject_of(view), view->capability);
	if (!tally)
		return;
	bool through = view->event == CLI_ALLOWED || (again && view->through);
	*(through ? &tally->allowed : &tally->refused) += count;
	summary->refused += through ? 0 : count;
	summary->allowed += through ? count : 0;
}

void
cli_summary_finish(struct cli_summary *summary)
{
	for (size_t i = 0; i < summary->count; i++)
		free(summary->tallies[i].subject);
	free(summary->tallies);
	*summary = (struct cli_summary){ 0 };
}

static int
compare(const void *a, const void *b)
{
	const struct cli_tally *left = a;
	const struct cli_tally *right = b;
	int order = strcmp(left->subject, right->subject);
	return order ? order : strcmp(left->capability, right->capability);
}

void
cli_summary_sort(struct cli_summary *summary)
{
	if (summary->count)
		qsort(summary->tallies, summary->count, sizeof(*summary->tallies), compare);
}

static const char next_step[] = "if the program should do this, modjail learn --merge -- PROG adds "
				"it to modjail.yaml; if not, "
				"nothing is to be done";

const char *
cli_summary_next(const struct cli_summary *summary)
{
	return summary->count ? next_step : "nothing was refused";
}

void
cli_summary_text(FILE *out, struct cli_style style, const struct cli_summary *summary)
{
	fprintf(out, "modjail: summary: %llu calls refused, %llu let through and reported\n",
	        (unsigned long long)summary->refused, (unsigned long long)summary->allowed);
	for (size_t i = 0; i < summary->count; i++) {
		const struct cli_tally *tally = &summary->tallies[i];
		size_t width = 0;
		char *subject = cli_escape(style, tally->subject, &width);
		fprintf(out, "  %s%*s %-30s %8llu\n", subject ? subject : "?",
		        width < 40 ? (int)(40 - width) : 0, "",
		        *tally->capability ? tally->capability : "-",
		        (unsigned long long)(tally->refused + tally->allowed));
		free(subject);
	}
	fprintf(out, "modjail: %s\n", cli_summary_next(summary));
}
