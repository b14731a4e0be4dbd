/* SPDX-License-Identifier: Apache-2.0 */
/* A library whose constructor comes first of all and starts a thread: nothing that is preloaded before it can hold
 * that thread. With GETENV, its constructor replaces libc's environment instead. */
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#ifndef GETENV
static void *
wait_for_ever(void *arg)
{
	pause();
	return arg;
}
#endif

__attribute__((constructor)) static void
start(void)
{
#ifdef GETENV
	setenv("INITFIRST", "was here", 1);
#else
	pthread_t thread;
	pthread_create(&thread, NULL, wait_for_ever, NULL);
#endif
}
