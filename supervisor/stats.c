/* SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/internal.h"

#include <string.h>

/* Latencies go into buckets whose width is a sixteenth of their magnitude: below 16 ns one each, then
 * 16 for every power of two. */
static unsigned
bucket_of(uint64_t ns)
{
	if (ns < 16)
		return (unsigned)ns;
	unsigned magnitude = 63 - (unsigned)__builtin_clzll(ns);
	unsigned bucket = (magnitude - 3) * 16 + (unsigned)((ns >> (magnitude - 4)) & 15);
	return bucket < MJ_LATENCY_BUCKETS ? bucket : MJ_LATENCY_BUCKETS - 1;
}

static double
bucket_middle(unsigned bucket)
{
	if (bucket < 16)
		return bucket;
	unsigned magnitude = bucket / 16 + 3;
	double width = (double)(UINT64_C(1) << (magnitude - 4));
	return (double)(16 + bucket % 16) * width + width / 2;
}

void
sup_stats_latency(struct mj_stats *stats, uint64_t nanoseconds)
{
	stats->latency[bucket_of(nanoseconds)]++;
}

double
mj_stats_percentile(const struct mj_stats *stats, double percent)
{
	uint64_t total = 0, seen = 0;
	for (unsigned i = 0; i < MJ_LATENCY_BUCKETS; i++)
		total += stats->latency[i];
	double rank = (double)total * percent / 100.0;
	for (unsigned i = 0; i < MJ_LATENCY_BUCKETS; i++) {
		seen += stats->latency[i];
		if (stats->latency[i] && (double)seen >= rank)
			return bucket_middle(i) / 1000.0;
	}
	return 0;
}

/* The entry of a call, kept in ascending order of numbers. NULL if there are too many of them. */
static struct mj_call_stats *
entry_of(struct mj_stats *stats, int nr)
{
	size_t lo = 0, hi = stats->by_call_count;
	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		if (stats->by_call[mid].nr == nr)
			return &stats->by_call[mid];
		if (stats->by_call[mid].nr < nr)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (stats->by_call_count == MJ_ARRAY_LEN(stats->by_call))
		return NULL;
	memmove(&stats->by_call[lo + 1], &stats->by_call[lo],
	        (stats->by_call_count - lo) * sizeof(stats->by_call[0]));
	stats->by_call_count++;
	stats->by_call[lo] = (struct mj_call_stats){ .nr = nr };
	return &stats->by_call[lo];
}

void
sup_stats_call(struct mj_stats *stats, int nr, bool allowed)
{
	if (!stats)
		return;
	stats->notifications++;
	struct mj_call_stats *entry = entry_of(stats, nr);
	if (allowed) {
		stats->allowed++;
		if (entry)
			entry->allowed++;
	} else {
		stats->refused++;
		if (entry)
			entry->refused++;
	}
}

void
sup_stats_walk(struct mj_stats *stats, const struct mj_stack *stack)
{
	if (!stats)
		return;
	if (stack->status == MJ_WALK_COMPLETE) {
		stats->walks_complete++;
		stats->roots[stack->root]++;
	} else {
		stats->walks_incomplete[stack->why]++;
	}
}
