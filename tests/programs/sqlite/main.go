// SPDX-License-Identifier: Apache-2.0

// Sqlite is a program with real C code in it: it counts how often it was run, in a database.
//
//	sqlite DB [read FILE] [environ]
//
// read: module conf reads the file as well. environ: what the program, and a C library in it, find in the environment.
package main

/*
#include <stdlib.h>

extern char **environ;

static int count_environ(void)
{
	int n = 0;
	while (environ[n])
		n++;
	return n;
}
static const char *entry(int i) { return environ[i]; }
*/
import "C"

import (
	"database/sql"
	"fmt"
	"os"
	"sort"

	"example.com/conf"
	_ "github.com/mattn/go-sqlite3"
)

func count(path string) (n int, err error) {
	db, err := sql.Open("sqlite3", path)
	if err != nil {
		return 0, err
	}
	defer db.Close()
	for _, statement := range []string{
		"CREATE TABLE IF NOT EXISTS runs (at TEXT)",
		"INSERT INTO runs VALUES (datetime('now'))",
	} {
		if _, err := db.Exec(statement); err != nil {
			return 0, err
		}
	}
	err = db.QueryRow("SELECT count(*) FROM runs").Scan(&n)
	return n, err
}

func showEnvironment() {
	var lines []string
	for _, entry := range os.Environ() {
		lines = append(lines, "go "+entry)
	}
	seen := map[string]bool{}
	for i := 0; i < int(C.count_environ()); i++ {
		entry := C.GoString(C.entry(C.int(i)))
		if !seen[entry] {
			lines = append(lines, "c "+entry)
		}
		seen[entry] = true
	}
	sort.Strings(lines)
	for _, line := range lines {
		fmt.Println(line)
	}
}

func main() {
	if n, err := count(os.Args[1]); err != nil {
		fmt.Println("database:", err)
	} else {
		fmt.Println("runs", n)
	}
	for i := 2; i < len(os.Args); i++ {
		switch os.Args[i] {
		case "environ":
			showEnvironment()
		case "read":
			i++
			if _, err := conf.ReadFile(os.Args[i]); err != nil {
				fmt.Println("conf:", err)
			} else {
				fmt.Println("conf: read")
			}
		}
	}
}
