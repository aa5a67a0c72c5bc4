// Package cli is what the commands have in common: flags that are settings, and
// errors of one line with an exit code.
package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"livedub/internal/config"
)

// UsageError is a mistake in the arguments; the exit code is 2.
type UsageError struct{ msg string }

// Error returns the mistake and the way on.
func (e UsageError) Error() string { return e.msg }

// Usagef returns a UsageError.
func Usagef(format string, args ...any) error { return UsageError{fmt.Sprintf(format, args...)} }

// ErrAnswered ends a command that --help or --print-config has answered; the exit code is 0.
var ErrAnswered = errors.New("answered")

// NewFlags returns the empty flag set of a command. A command adds its own
// flags, then calls Settings.
func NewFlags(name string) *pflag.FlagSet {
	fs := pflag.NewFlagSet(name, pflag.ContinueOnError)
	fs.SortFlags = false
	fs.SetOutput(io.Discard) // pflag would print errors itself; run does
	fs.Usage = func() {}
	return fs
}

// Settings adds the settings of the named sections to fs as flags, parses args
// and returns the settings in force and the arguments that are no flags. It
// answers --help (usage is the line after "usage: livedub ") and --print-config
// on stdout and then returns ErrAnswered, which the command passes on.
func Settings(fs *pflag.FlagSet, usage string, args []string, stdout io.Writer, sections ...string) (config.Config, []string, error) {
	return settings(fs, "livedub "+usage, "livedub "+fs.Name(), args, stdout, sections)
}

// SettingsOf is Settings for a program of its own: usage is the whole line after
// "usage: ", and the flag set bears the program's name.
func SettingsOf(fs *pflag.FlagSet, usage string, args []string, stdout io.Writer, sections ...string) (config.Config, []string, error) {
	return settings(fs, usage, fs.Name(), args, stdout, sections)
}

func settings(fs *pflag.FlagSet, usage, command string, args []string, stdout io.Writer, sections []string) (config.Config, []string, error) {
	bound := config.Bind(fs, sections...)
	if err := parse(fs, usage, command, args, stdout); err != nil {
		return config.Config{}, nil, err
	}
	c, err := bound.Resolve(os.Environ())
	if err != nil {
		return config.Config{}, nil, err
	}
	if bound.Print() {
		if err := c.WriteYAML(stdout); err != nil {
			return config.Config{}, nil, err
		}
		return config.Config{}, nil, ErrAnswered
	}
	return c, fs.Args(), nil
}

// Parse is Settings for a program without settings: usage is the whole line after
// "usage: ", and the flag set bears the program's name.
func Parse(fs *pflag.FlagSet, usage string, args []string, stdout io.Writer) ([]string, error) {
	if err := parse(fs, usage, fs.Name(), args, stdout); err != nil {
		return nil, err
	}
	return fs.Args(), nil
}

// parse parses args and answers --help; command is what has that flag.
func parse(fs *pflag.FlagSet, usage, command string, args []string, stdout io.Writer) error {
	switch err := fs.Parse(args); {
	case errors.Is(err, pflag.ErrHelp):
		// A switch needs no "[=true|false]"; the columns stay where they are.
		flags := strings.ReplaceAll(fs.FlagUsages(), "[=true|false]", "             ")
		if _, err := fmt.Fprintf(stdout, "usage: %s\n\n%s", usage, flags); err != nil {
			return err
		}
		return ErrAnswered
	case err != nil:
		return flagError(fs, command, err)
	}
	return nil
}

// Exit prints err on stderr, as one line, and returns the exit code: 0, 1 when
// the command failed, 2 when its arguments make no sense.
func Exit(err error, stderr io.Writer) int { return ExitOf("livedub", err, stderr) }

// ExitOf is Exit for a program of another name.
func ExitOf(program string, err error, stderr io.Writer) int {
	var usage UsageError
	var child ChildError
	switch {
	case err == nil || errors.Is(err, ErrAnswered):
		return 0
	case errors.As(err, &child):
		return child.Code
	}
	fmt.Fprintln(stderr, program+": "+strings.TrimPrefix(OneLine(err), program+": "))
	if errors.As(err, &usage) {
		return 2
	}
	return 1
}

// ChildError is the failure of a program that has told why itself.
type ChildError struct{ Code int }

// Error returns the exit code.
func (e ChildError) Error() string { return fmt.Sprintf("exit code %d", e.Code) }

// OneLine returns the text of err without line breaks.
func OneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }

// flagError names the flag that was meant; command has it.
func flagError(fs *pflag.FlagSet, command string, err error) error {
	var missing *pflag.NotExistError
	var invalid *pflag.InvalidValueError
	if errors.As(err, &invalid) { // whose own text repeats the value, which may be a secret
		return Usagef("%s: --%s: %v: see %s --help", fs.Name(), invalid.GetFlag().Name, invalid.Unwrap(), command)
	}
	if !errors.As(err, &missing) {
		return Usagef("%s: %v: see %s --help", fs.Name(), err, command)
	}
	var names []string
	fs.VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	given := missing.GetSpecifiedName()
	if len(given) == 1 {
		return Usagef("%s: -%s is no flag: see %s --help", fs.Name(), given, command)
	}
	return Usagef("%s: --%s is no flag; did you mean --%s?", fs.Name(), given, config.Nearest(given, names))
}
