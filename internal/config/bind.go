package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

const (
	envPrefix = "LIVEDUB_"
	envConfig = envPrefix + "CONFIG" // names the file, as --config does
)

// Binding ties a flag set to the settings. Fill the flag set with a command's
// own flags too, parse it, then call Resolve.
type Binding struct {
	file  string
	print bool
	flags []*flagValue
}

// flagValue keeps what a flag said until file and environment have been read.
type flagValue struct {
	option option // of a scratch Config: Set checks against it
	flag   *pflag.Flag
}

func (v *flagValue) String() string { return v.option.get() }

func (v *flagValue) Set(s string) error {
	if v.option.kind == kindList && v.flag.Changed {
		s = v.option.get() + " " + s // given again
	}
	return v.option.set(s)
}

// Type is what stands for the value in --help.
func (v *flagValue) Type() string {
	switch v.option.kind {
	case kindInteger, kindDecimal:
		return "N"
	case kindDuration:
		return "TIME"
	case kindList:
		return v.option.noun
	case kindSwitch:
		return "bool"
	}
	if v.option.limit != "" {
		return "NAME"
	}
	return "TEXT"
}

// Bind adds --config, --print-config and a flag for each setting of the named
// sections, and of single keys as "serve.listen" (of all, if none is named). File and
// environment may set any section.
func Bind(fs *pflag.FlagSet, sections ...string) *Binding {
	b := new(Binding)
	fs.StringVar(&b.file, "config", "", "settings `FILE` (YAML)")
	fs.BoolVar(&b.print, "print-config", false, "print the settings in force as YAML, and leave")
	scratch := Default()
	for _, o := range table(&scratch) {
		if len(sections) > 0 && !slices.Contains(sections, o.section()) && !slices.Contains(sections, o.key) {
			continue
		}
		v := &flagValue{option: o}
		v.flag = fs.VarPF(v, o.flag(), "", o.usage())
		if o.kind == kindSwitch {
			v.flag.NoOptDefVal = "true" // the flag alone says yes
		}
		b.flags = append(b.flags, v)
	}
	return b
}

// Print tells whether the settings were asked for instead of the work.
func (b *Binding) Print() bool { return b.print }

// Resolve returns the settings in force after the flag set was parsed: the
// defaults, under the file, under env (as os.Environ returns it), under the flags.
func (b *Binding) Resolve(env []string) (Config, error) {
	var c Config
	opts := table(&c)
	c = Default()

	vars := environment(env)
	file := b.file
	if file == "" {
		file = vars[envConfig]
	}
	if file != "" {
		if err := readFile(file, opts); err != nil {
			return Config{}, err
		}
	}
	if err := readEnv(vars, opts); err != nil {
		return Config{}, err
	}
	for _, f := range b.flags {
		if !f.flag.Changed {
			continue
		}
		i := slices.IndexFunc(opts, func(o option) bool { return o.key == f.option.key })
		if err := opts[i].set(f.option.get()); err != nil {
			return Config{}, fmt.Errorf("--%s: %w", f.flag.Name, err)
		}
	}
	return c, nil
}

// environment returns the LIVEDUB_ variables that are set and not empty.
func environment(env []string) map[string]string {
	vars := map[string]string{}
	for _, e := range env {
		if k, v, ok := strings.Cut(e, "="); ok && v != "" && strings.HasPrefix(k, envPrefix) {
			vars[k] = v
		}
	}
	return vars
}

// readEnv puts variables over the settings in opts. An unknown variable is an
// error only if it is nearly a known one: an orchestrator may inject others
// (Kubernetes adds LIVEDUB_PORT and more for a service named livedub).
func readEnv(vars map[string]string, opts []option) error {
	names := []string{envConfig}
	for _, o := range opts {
		names = append(names, o.variable())
		if v, ok := vars[o.variable()]; ok {
			if err := o.set(v); err != nil {
				return fmt.Errorf("%s (%s): %w", o.key, o.variable(), err)
			}
		}
	}
	const typo = 2 // edits
	for k := range vars {
		if near := Nearest(k, names); !slices.Contains(names, k) && distance(k, near) <= typo {
			return fmt.Errorf("%s: unknown; did you mean %s?", plain(k), near)
		}
	}
	return nil
}
