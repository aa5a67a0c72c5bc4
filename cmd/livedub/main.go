// Command livedub dubs a speaking person's video and voice to other
// languages: a server, a tool for files, and a doctor that tells what works here.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"livedub/internal/cli"

	"livedub/internal/config"
)

func main() {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() { // lives as long as the process
		<-signals
		cancel() // drain
		<-signals
		fmt.Fprintln(os.Stderr, "livedub: second signal: leaving now")
		os.Exit(1)
	}()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run does what args ask for and returns the exit code: 0, 1 when it failed
// (one line on stderr names the next step), 2 when args make no sense.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	return cli.Exit(dispatch(ctx, args, stdout, stderr), stderr)
}

func dispatch(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) == 0 {
		if err := help(stderr); err != nil {
			return err
		}
		return cli.Usagef("no command given")
	}
	switch args[0] {
	case "help", "--help", "-h":
		if len(args) > 1 && args[0] == "help" {
			return dispatch(ctx, []string{args[1], "--help"}, stdout, stderr)
		}
		return help(stdout)
	case "version", "--version":
		_, err := fmt.Fprintln(stdout, "livedub "+version())
		return err
	}
	var names []string
	for _, c := range commands() {
		if c.name == args[0] {
			return c.run(ctx, args[1:], stdout, stderr)
		}
		names = append(names, c.name)
	}
	return cli.Usagef("%s is no command; did you mean livedub %s?", args[0], config.Nearest(args[0], names))
}

func help(w io.Writer) error {
	var b strings.Builder
	b.WriteString("livedub dubs a speaking person's video and voice to other languages.\n\n" +
		"usage: livedub COMMAND [flags]\n\n")
	for _, c := range commands() {
		fmt.Fprintf(&b, "  %-15s %s\n", c.name, c.help)
	}
	b.WriteString("\n  livedub COMMAND --help   tells a command's flags\n" +
		"  livedub --version        tells the version\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// revision is what git describes; make build sets it.
var revision = ""

// version returns what was built: make's revision, else what the Go tool
// recorded for `go install livedub/cmd/livedub@version`.
func version() string {
	if revision != "" {
		return revision
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}
