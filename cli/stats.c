/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <string.h>
#include <sys/resource.h>

uint64_t
cli_peak_kib(void)
{
	/* Not ru_maxrss if it can be helped: that survives execve, and so includes whatever started
	 * modjail (setmax_mm_hiwater_rss in fs/exec.c). */
	MJ_AUTO_FREE char *text = NULL;
	size_t len = 0;
	unsigned long long kib = 0;
	if (mj_read_file("/proc/self/status", 1 << 16, &text, &len, NULL) == 0) {
		const char *line = strstr(text, "\nVmHWM:");
		if (line && sscanf(line, "\nVmHWM: %llu kB", &kib) == 1)
			return kib;
	}
	struct rusage usage;
	return getrusage(RUSAGE_SELF, &usage) == 0 ? (uint64_t)usage.ru_maxrss : 0;
}

static double
percentile(const struct mj_stats *stats, double percent)
{
	double us = mj_stats_percentile(stats, percent);
	return isfinite(us) ? us : 0.0; /* nothing was measured */
}

static unsigned long long
ull(uint64_t value)
{
	return value;
}

/* ---- text ----------------------------------------------------------------------------------- */

static void
text_calls(FILE *out, const struct mj_stats *stats)
{
	if (!stats->by_call_count)
		return;
	fprintf(out, "  %-24s %12s %12s\n", "system call", "allowed", "refused");
	for (uint64_t i = 0; i < stats->by_call_count; i++) {
		const struct mj_call_stats *call = &stats->by_call[i];
		const char *name = mj_call_name(call->nr);
		char number[16];
		snprintf(number, sizeof(number), "%d", call->nr);
		fprintf(out, "  %-24s %12llu %12llu\n", name ? name : number, ull(call->allowed),
		        ull(call->refused));
	}
}

static void
text_walks(FILE *out, const struct mj_stats *stats)
{
	uint64_t incomplete = 0;
	for (size_t i = 0; i < MJ_WHY_COUNT; i++)
		incomplete += stats->walks_incomplete[i];
	fprintf(out, "  %-24s %llu complete, %llu incomplete, %llu calls decided without one\n",
	        "stack walks", ull(stats->walks_complete), ull(incomplete),
	        ull(stats->ceiling_decisions));
	for (unsigned i = 0; i < MJ_WHY_COUNT; i++)
		if (stats->walks_incomplete[i])
			fprintf(out, "  %-24s %llu: %s\n", "", ull(stats->walks_incomplete[i]),
			        mj_walk_why_text((enum mj_walk_why)i));
	const char *before = "";
	fprintf(out, "  %-24s ", "ended at");
	for (unsigned i = 0; i < MJ_ARRAY_LEN(stats->roots); i++)
		if (stats->roots[i]) {
			fprintf(out, "%s%s %llu", before, mj_root_name((enum mj_root)i),
			        ull(stats->roots[i]));
			before = ", ";
		}
	fprintf(out, "%s\n", *before ? "" : "-");
}

static void
text_cache(FILE *out, const char *name, uint64_t hits, uint64_t misses)
{
	uint64_t total = hits + misses;
	fprintf(out, "  %-24s %llu hits, %llu misses (%.1f %%)\n", name, ull(hits), ull(misses),
	        total ? 100.0 * (double)hits / (double)total : 0.0);
}

void
cli_stats_text(FILE *out, const struct mj_stats *stats, uint64_t peak_kib)
{
	fprintf(out, "modjail: %llu calls checked: %llu allowed, %llu refused, %llu vanished\n",
	        ull(stats->notifications), ull(stats->allowed), ull(stats->refused),
	        ull(stats->gone));
	text_calls(out, stats);
	text_walks(out, stats);
	text_cache(out, "code address cache", stats->pc_hits, stats->pc_misses);
	text_cache(out, "thread cache", stats->thread_hits, stats->thread_misses);
	fprintf(out, "  %-24s %llu calls\n", "stack pointer predicted",
	        ull(stats->thread_predicted));
	if (stats->deep_walks)
		fprintf(out, "  %-24s %llu calls, walked while others were served\n", "deep stacks",
		        ull(stats->deep_walks));
	fprintf(out, "  %-24s %llu processes, %llu programs, %llu code addresses\n", "seen",
	        ull(stats->processes), ull(stats->images), ull(stats->pc_entries));
	fprintf(out, "  %-24s median %.1f us, 99 %% within %.1f us\n", "time per checked call",
	        percentile(stats, 50), percentile(stats, 99));
	fprintf(out, "  %-24s %.1f MiB\n", "peak memory of modjail", (double)peak_kib / 1024);
}

/* ---- JSON ----------------------------------------------------------------------------------- */

static void
set_count(json_t *object, const char *key, uint64_t value)
{
	json_object_set_new(object, key, json_integer((json_int_t)value));
}

static json_t *
json_calls(const struct mj_stats *stats)
{
	json_t *array = json_array();
	for (uint64_t i = 0; i < stats->by_call_count; i++) {
		const struct mj_call_stats *call = &stats->by_call[i];
		const char *name = mj_call_name(call->nr);
		json_t *object = json_object();
		json_object_set_new(object, "syscall", name ? json_string(name) : json_null());
		json_object_set_new(object, "nr", json_integer(call->nr));
		set_count(object, "allowed", call->allowed);
		set_count(object, "refused", call->refused);
		json_array_append_new(array, object);
	}
	return array;
}

static json_t *
json_walks(const struct mj_stats *stats)
{
	json_t *walks = json_object();
	json_t *incomplete = json_array();
	for (unsigned i = 0; i < MJ_WHY_COUNT; i++) {
		if (!stats->walks_incomplete[i])
			continue;
		json_t *object = json_object();
		json_object_set_new(object, "why",
		                    json_string(mj_walk_why_text((enum mj_walk_why)i)));
		set_count(object, "count", stats->walks_incomplete[i]);
		json_array_append_new(incomplete, object);
	}
	set_count(walks, "complete", stats->walks_complete);
	json_object_set_new(walks, "incomplete", incomplete);
	set_count(walks, "not_needed", stats->ceiling_decisions);
	return walks;
}

static json_t *
json_roots(const struct mj_stats *stats)
{
	json_t *roots = json_object();
	for (unsigned i = 0; i < MJ_ARRAY_LEN(stats->roots); i++)
		if (stats->roots[i])
			set_count(roots, mj_root_name((enum mj_root)i), stats->roots[i]);
	return roots;
}

static json_t *
json_cache(uint64_t hits, uint64_t misses)
{
	json_t *cache = json_object();
	set_count(cache, "hits", hits);
	set_count(cache, "misses", misses);
	return cache;
}

void
cli_stats_json(FILE *out, const struct mj_stats *stats, uint64_t peak_kib)
{
	json_t *s = json_object();
	set_count(s, "notifications", stats->notifications);
	set_count(s, "allowed", stats->allowed);
	set_count(s, "refused", stats->refused);
	set_count(s, "gone", stats->gone);
	json_object_set_new(s, "calls", json_calls(stats));
	json_object_set_new(s, "walks", json_walks(stats));
	json_object_set_new(s, "roots", json_roots(stats));
	json_t *pcs = json_cache(stats->pc_hits, stats->pc_misses);
	set_count(pcs, "entries", stats->pc_entries);
	json_object_set_new(s, "pc_cache", pcs);
	json_object_set_new(s, "thread_cache",
	                    json_cache(stats->thread_hits, stats->thread_misses));
	set_count(s, "predicted", stats->thread_predicted);
	set_count(s, "deep_walks", stats->deep_walks);
	set_count(s, "processes", stats->processes);
	set_count(s, "images", stats->images);
	json_t *latency = json_object();
	json_object_set_new(latency, "median", json_real(percentile(stats, 50)));
	json_object_set_new(latency, "p99", json_real(percentile(stats, 99)));
	json_object_set_new(s, "latency_us", latency);
	set_count(s, "peak_memory_kib", peak_kib);
	json_t *object = json_object();
	json_object_set_new(object, "stats", s);
	json_dumpf(object, out, JSON_COMPACT | JSON_REAL_PRECISION(6));
	fputc('\n', out);
	json_decref(object);
}
