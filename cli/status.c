/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

struct cli_ending
cli_ending_of(const struct mj_run_result *result)
{
	if (result->exec_failed) {
		bool absent = result->exec_errno == ENOENT || result->exec_errno == ENOTDIR;
		return (struct cli_ending){ absent ? CLI_EXIT_NOT_FOUND : CLI_EXIT_NOT_EXEC, 0 };
	}
	int status = result->wait_status;
	if (WIFSIGNALED(status))
		return (struct cli_ending){ 128 + WTERMSIG(status), WTERMSIG(status) };
	return (struct cli_ending){ WEXITSTATUS(status), 0 };
}

int
cli_end(struct cli_ending ending)
{
	if (!ending.signal)
		return ending.status;
	/* PROG may have left a core; one of modjail would replace it. RLIMIT_CORE does not hold for
	 * a core_pattern that is a pipe, being undumpable does (core(5), fs/coredump.c in 6.1). */
	setrlimit(RLIMIT_CORE, &(struct rlimit){ 0 });
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	struct sigaction action = { .sa_handler = SIG_DFL };
	sigaction(ending.signal, &action, NULL); /* EINVAL for SIGKILL, which needs none */
	sigset_t one;
	sigemptyset(&one);
	sigaddset(&one, ending.signal);
	pthread_sigmask(SIG_UNBLOCK, &one, NULL);
	kill(getpid(), ending.signal);
	return ending.status;
}
