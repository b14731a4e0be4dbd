/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doctor: what this kernel, container and user let modjail do, each found out by doing it in a child
 * process, so that nothing of it lasts, and that what kills or stops a probe kills or stops the child alone.
 * Prints nothing.
 */
#ifndef MJ_DOCTOR_H
#define MJ_DOCTOR_H

#include "common/common.h"

/** What a probe found. MISSING is the zero value: a probe that says nothing found nothing. */
enum mj_health {
	MJ_HEALTH_MISSING = 0, /**< it cannot be done here */
	MJ_HEALTH_DEGRADED, /**< it can, or can be done without, at a price: follows says which */
	MJ_HEALTH_OK,
};
/** "missing", "degraded", "ok". Static. */
const char *mj_health_name(enum mj_health health);

#define MJ_FINDING_TEXT 320

/** What was found of one thing. Texts are one sentence at most, without a full stop. */
struct mj_examined {
	const char *id;   /**< "user-notification", for programs. Static */
	const char *name; /**< for people. Static */
	bool needed;      /**< `modjail run` cannot work if it is MISSING */
	enum mj_health health;
	char seen[MJ_FINDING_TEXT];    /**< what was seen; never empty */
	char follows[MJ_FINDING_TEXT]; /**< what follows for modjail; "" if nothing */
	char remedy[MJ_FINDING_TEXT];  /**< what to do; "" if nothing */
};

/** How many things there are to examine. */
size_t mj_doctor_count(void);

/**
 * Examines the thing at an index below mj_doctor_count(), in ten seconds at most. The caller should have one
 * thread only and must not ignore SIGCHLD or wait for children elsewhere. -1 and *err if no child can be made,
 * which is no finding.
 */
int mj_doctor_examine(size_t index, struct mj_examined *ret, struct mj_error *err);

/** Whether nothing that is needed is missing. */
bool mj_doctor_can_run(const struct mj_examined *all, size_t count);

#endif
