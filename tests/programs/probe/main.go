// SPDX-License-Identifier: Apache-2.0

// Probe makes system calls on behalf of a chosen module, one or more of each capability, and says of
// each how it ended: "ACT ok" or "ACT errno=EPERM". What an allowed act does can be seen from outside.
package main

import (
	"fmt"
	"os"
	"runtime"
	"sort"
	"strings"
	"syscall"
)

const usage = `usage: probe [-by ACTOR] ACT[@ACTOR][=ARG]...
Actors: %s
Acts: %s
`

func main() {
	// One thread: what an act changes of a thread (its name, its signals) is seen by the next act.
	runtime.LockOSThread()
	actor, acts, err := parse(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "probe:", err)
		fmt.Fprintf(os.Stderr, usage, names(actors), names(table))
		os.Exit(2)
	}
	for _, act := range acts {
		perform(actor, act)
	}
}

func parse(args []string) (string, []string, error) {
	actor := "main"
	if len(args) >= 2 && args[0] == "-by" {
		actor, args = args[1], args[2:]
	}
	if actors[actor] == nil {
		return "", nil, fmt.Errorf("unknown actor %q", actor)
	}
	if len(args) == 0 {
		return "", nil, fmt.Errorf("nothing to do")
	}
	for _, arg := range args {
		name, _, _ := strings.Cut(arg, "=")
		name, other, named := strings.Cut(name, "@")
		if table[name] == nil || named && actors[other] == nil {
			return "", nil, fmt.Errorf("unknown act %q", arg)
		}
	}
	return actor, args, nil
}

func perform(actor, act string) {
	name, arg, _ := strings.Cut(act, "=")
	if before, other, named := strings.Cut(name, "@"); named {
		name, actor = before, other
	}
	detail, err := table[name](&subject{name: actor, call: actors[actor]}, arg)
	switch errno, ok := rootErrno(err); {
	case err == nil:
		fmt.Println(strings.TrimSpace(name + " ok " + detail))
	case ok:
		fmt.Printf("%s errno=%s\n", name, errnoName(errno))
	default:
		fmt.Printf("%s failed: %v\n", name, err)
	}
}

// errnoName has the names that tests ask for; others are printed as numbers.
func errnoName(errno syscall.Errno) string {
	known := map[syscall.Errno]string{
		syscall.EPERM: "EPERM", syscall.ENOENT: "ENOENT", syscall.ESRCH: "ESRCH",
		syscall.EACCES: "EACCES", syscall.EFAULT: "EFAULT", syscall.EINVAL: "EINVAL",
		syscall.ENOSYS: "ENOSYS", syscall.ECONNREFUSED: "ECONNREFUSED", syscall.EBADF: "EBADF",
		syscall.EPROTONOSUPPORT: "EPROTONOSUPPORT", syscall.EEXIST: "EEXIST",
	}
	if name := known[errno]; name != "" {
		return name
	}
	return fmt.Sprint(int(errno))
}

func names[T any](m map[string]T) string {
	var keys []string
	for key := range m {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return strings.Join(keys, " ")
}
