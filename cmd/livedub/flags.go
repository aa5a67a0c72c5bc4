package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"livedub/internal/config"
)

// usageError is a mistake in the arguments; the exit code is 2.
type usageError struct{ msg string }

func (e usageError) Error() string { return e.msg }

func usagef(format string, args ...any) error { return usageError{fmt.Sprintf(format, args...)} }

// errAnswered ends a command that --help or --print-config has answered; the exit code is 0.
var errAnswered = errors.New("answered")

// newFlags returns the empty flag set of a command. A command adds its own
// flags, then calls settings.
func newFlags(name string) *pflag.FlagSet {
	fs := pflag.NewFlagSet(name, pflag.ContinueOnError)
	fs.SortFlags = false
	fs.SetOutput(io.Discard) // pflag would print errors itself; run does
	fs.Usage = func() {}
	return fs
}

// settings adds the settings of the named sections to fs as flags, parses args
// and returns the settings in force and the arguments that are no flags. It
// answers --help (usage is the line after "usage: livedub ") and --print-config
// on stdout and then returns errAnswered, which the command passes on.
func settings(fs *pflag.FlagSet, usage string, args []string, stdout io.Writer, sections ...string) (config.Config, []string, error) {
	bound := config.Bind(fs, sections...)
	switch err := fs.Parse(args); {
	case errors.Is(err, pflag.ErrHelp):
		// A switch needs no "[=true|false]"; the columns stay where they are.
		flags := strings.ReplaceAll(fs.FlagUsages(), "[=true|false]", "             ")
		if _, err := fmt.Fprintf(stdout, "usage: livedub %s\n\n%s", usage, flags); err != nil {
			return config.Config{}, nil, err
		}
		return config.Config{}, nil, errAnswered
	case err != nil:
		return config.Config{}, nil, flagError(fs, err)
	}
	c, err := bound.Resolve(os.Environ())
	if err != nil {
		return config.Config{}, nil, err
	}
	if bound.Print() {
		if err := c.WriteYAML(stdout); err != nil {
			return config.Config{}, nil, err
		}
		return config.Config{}, nil, errAnswered
	}
	return c, fs.Args(), nil
}

// flagError names the flag that was meant.
func flagError(fs *pflag.FlagSet, err error) error {
	var missing *pflag.NotExistError
	var invalid *pflag.InvalidValueError
	if errors.As(err, &invalid) { // whose own text repeats the value, which may be a secret
		return usagef("%s: --%s: %v: see livedub %s --help", fs.Name(), invalid.GetFlag().Name, invalid.Unwrap(), fs.Name())
	}
	if !errors.As(err, &missing) {
		return usagef("%s: %v: see livedub %s --help", fs.Name(), err, fs.Name())
	}
	var names []string
	fs.VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	given := missing.GetSpecifiedName()
	if len(given) == 1 {
		return usagef("%s: -%s is no flag: see livedub %s --help", fs.Name(), given, fs.Name())
	}
	return usagef("%s: --%s is no flag; did you mean --%s?", fs.Name(), given, config.Nearest(given, names))
}
