// SPDX-License-Identifier: Apache-2.0

// Command cobra keeps a list of things to do in a YAML file.
package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"

	"example.com/planted"
	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
	"gopkg.in/yaml.v3"
)

type item struct {
	Title string `yaml:"title"`
	Done  bool   `yaml:"done,omitempty"`
}

var file string

func main() {
	root := &cobra.Command{Use: "cobra", Short: "Keeps a list of things to do", SilenceUsage: true, DisableAutoGenTag: true}
	root.PersistentFlags().StringVarP(&file, "file", "f", "todo.yaml", "the list")
	root.AddCommand(
		&cobra.Command{Use: "add TITLE", Short: "Adds to the list", Args: cobra.ExactArgs(1), RunE: add},
		&cobra.Command{Use: "list", Short: "Prints the list", Args: cobra.NoArgs, RunE: list},
		&cobra.Command{Use: "done NUMBER", Short: "Marks as done", Args: cobra.ExactArgs(1), RunE: done},
		&cobra.Command{Use: "docs FOLDER", Short: "Writes a manual", Args: cobra.ExactArgs(1),
			RunE: func(_ *cobra.Command, arguments []string) error { return doc.GenMarkdownTree(root, arguments[0]) }})
	if root.Execute() != nil {
		os.Exit(1)
	}
}

func load() ([]item, error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	var items []item
	return items, yaml.Unmarshal(text, &items)
}

func save(items []item) error {
	text, err := yaml.Marshal(items)
	if err != nil {
		return err
	}
	return os.WriteFile(file, text, 0o644)
}

func add(_ *cobra.Command, arguments []string) error {
	items, err := load()
	if err != nil {
		return err
	}
	return save(append(items, item{Title: planted.Title(arguments[0])}))
}

func list(*cobra.Command, []string) error {
	items, err := load()
	for i, it := range items {
		fmt.Printf("%d %-5t %s\n", i+1, it.Done, it.Title)
	}
	return err
}

func done(_ *cobra.Command, arguments []string) error {
	items, err := load()
	if err != nil {
		return err
	}
	number, err := strconv.Atoi(arguments[0])
	if err != nil || number < 1 || number > len(items) {
		return fmt.Errorf("no item %s", arguments[0])
	}
	items[number-1].Done = true
	return save(items)
}
