// SPDX-License-Identifier: Apache-2.0

// Command sqlite keeps accounts: "sqlite DATABASE load FILE" takes lines "account,amount" from a CSV file, "sqlite
// DATABASE report" prints the sums, "sqlite DATABASE query SQL" the first column of what a query gives, and "sqlite
// DATABASE extend LIBRARY" loads an extension of SQLite.
package main

import (
	"database/sql"
	"encoding/csv"
	"errors"
	"fmt"
	"os"

	"example.com/planted"
	"github.com/mattn/go-sqlite3"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	if len(arguments) < 2 {
		return errors.New("usage: sqlite DATABASE load FILE | report | query SQL | extend LIBRARY")
	}
	verb, object := arguments[1], append(arguments, "")[2]
	driver := &sqlite3.SQLiteDriver{}
	if verb == "extend" {
		driver.Extensions = []string{object}
	}
	sql.Register("accounts", driver)
	database, err := sql.Open("accounts", arguments[0])
	if err != nil {
		return err
	}
	defer database.Close()
	switch verb {
	case "load":
		return load(database, object)
	case "report":
		return report(database)
	case "query":
		return query(database, object)
	case "extend":
		return database.Ping()
	}
	return fmt.Errorf("no command %q", verb)
}

func load(database *sql.DB, name string) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	lines, err := csv.NewReader(file).ReadAll()
	if err != nil {
		return err
	}
	work, err := database.Begin()
	if err != nil {
		return err
	}
	defer work.Rollback() //nolint:errcheck // after Commit it does nothing
	if _, err := work.Exec("CREATE TABLE IF NOT EXISTS entry (account TEXT, amount INTEGER)"); err != nil {
		return err
	}
	for _, line := range lines {
		if len(line) != 2 {
			return fmt.Errorf("%s: not account,amount: %q", name, line)
		}
		if _, err := work.Exec("INSERT INTO entry VALUES (?, ?)", planted.Title(line[0]), line[1]); err != nil {
			return err
		}
	}
	return work.Commit()
}

func report(database *sql.DB) error {
	rows, err := database.Query("SELECT account, sum(amount) FROM entry GROUP BY account ORDER BY account")
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var account string
		var sum int64
		if err := rows.Scan(&account, &sum); err != nil {
			return err
		}
		fmt.Printf("%-10s %8d\n", account, sum)
	}
	return rows.Err()
}

func query(database *sql.DB, text string) error {
	rows, err := database.Query(text)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var value string
		if err := rows.Scan(&value); err != nil {
			return err
		}
		fmt.Println(value)
	}
	return rows.Err()
}
