// SPDX-License-Identifier: Apache-2.0

// Modules does small real work with third-party modules, which come through the Go module proxy: a
// command line by cobra, below which it reads and writes files, parses YAML and TOML, watches a folder
// and reads CDI specifications.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/pelletier/go-toml/v2"
	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
	"gopkg.in/yaml.v3"
	"tags.cncf.io/container-device-interface/pkg/cdi"
)

func main() {
	root := &cobra.Command{Use: "modules", SilenceUsage: true}
	root.CompletionOptions.DisableDefaultCmd = true
	root.AddCommand(
		command("copy FROM TO", 2, func(args []string) error { return copyFile(args[0], args[1]) }),
		command("yaml FILE", 1, func(args []string) error { return parse(args[0], yaml.Unmarshal) }),
		command("toml FILE", 1, func(args []string) error { return parse(args[0], toml.Unmarshal) }),
		command("watch DIR", 1, func(args []string) error { return watch(args[0]) }),
		command("cdi DIR", 1, func(args []string) error { return devices(args[0]) }),
		// Here cobra writes files by itself.
		command("docs DIR", 1, func(args []string) error { return doc.GenMarkdownTree(root, args[0]) }),
		command("bash FILE", 1, func(args []string) error { return root.GenBashCompletionFile(args[0]) }),
	)
	if root.Execute() != nil {
		os.Exit(1)
	}
}

func command(use string, n int, f func(args []string) error) *cobra.Command {
	return &cobra.Command{
		Use:  use,
		Args: cobra.ExactArgs(n),
		RunE: func(_ *cobra.Command, args []string) error { return f(args) },
	}
}

func copyFile(from, to string) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, content, 0o600)
}

func parse(path string, unmarshal func([]byte, any) error) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var config struct{ Name string }
	if err := unmarshal(content, &config); err != nil {
		return err
	}
	fmt.Println("name", config.Name)
	return nil
}

// watch makes a file in the folder and waits until it hears of it.
func watch(dir string) error {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return err
	}
	defer watcher.Close()
	if err := watcher.Add(dir); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "news"), nil, 0o600); err != nil {
		return err
	}
	select {
	case event := <-watcher.Events:
		fmt.Println("event", filepath.Base(event.Name), event.Op)
		return nil
	case err := <-watcher.Errors:
		return err
	case <-time.After(10 * time.Second):
		return fmt.Errorf("no event")
	}
}

func devices(dir string) error {
	cache, err := cdi.NewCache(cdi.WithSpecDirs(dir), cdi.WithAutoRefresh(false))
	if err != nil {
		return err
	}
	for path, errs := range cache.GetErrors() {
		return fmt.Errorf("%s: %v", path, errs)
	}
	fmt.Println("devices", cache.ListDevices())
	return nil
}
