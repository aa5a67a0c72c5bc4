package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"livedub/inference"
	"livedub/internal/cli"
	"livedub/internal/config"
	"livedub/signaling/streamkey"
)

const keyUsage = "key create --name NAME --from en --to es,ca [--consent] | ls [--json] | rotate NAME | rm NAME"

// keyCommand is one run of livedub key.
type keyCommand struct {
	cfg     config.Config
	name    string
	from    string
	to      []string
	consent bool
	profile string
	delay   time.Duration
	delayed bool
	json    bool
	names   []string
	stdout  io.Writer
	log     *slog.Logger
}

// runKey makes, lists, replaces and removes stream keys.
func runKey(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := cli.NewFlags("key")
	c := keyCommand{stdout: stdout, log: slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))}
	flags.StringVar(&c.name, "name", "", "create: name of the key, and of the session that it publishes in")
	flags.StringVar(&c.from, "from", "", "create: language that is spoken")
	flags.StringSliceVar(&c.to, "to", nil, "create: languages to dub to")
	flags.BoolVar(&c.consent, "consent", false, "create: the speaker has consented to a voice and a mouth of their own")
	flags.StringVar(&c.profile, "profile", "", "create: sync or live; empty is the server's")
	flags.DurationVar(&c.delay, "delay", 0, "create: delay of the dubs; not set is the profile's")
	flags.BoolVar(&c.json, "json", false, "ls: write JSON")
	cfg, rest, err := cli.Settings(flags, keyUsage, args, stdout, "auth", "cluster")
	if err != nil {
		return err
	}
	verbs := map[string]struct {
		run   func(*keyCommand, context.Context) error
		flags []string
		names int
	}{
		"create": {(*keyCommand).create, []string{"name", "from", "to", "consent", "profile", "delay"}, 0},
		"ls":     {(*keyCommand).list, []string{"json"}, 0},
		"rotate": {(*keyCommand).rotate, nil, 1},
		"rm":     {(*keyCommand).remove, nil, 1},
	}
	if len(rest) == 0 {
		return cli.Usagef("key: say what to do: livedub %s", keyUsage)
	}
	verb, ok := verbs[rest[0]]
	if !ok {
		return cli.Usagef("key: %.40q is nothing that key does; did you mean livedub key %s?", rest[0], config.Nearest(rest[0], []string{"create", "ls", "rotate", "rm"}))
	}
	for _, f := range []string{"name", "from", "to", "consent", "profile", "delay", "json"} {
		if flags.Changed(f) && !slices.Contains(verb.flags, f) {
			return cli.Usagef("key %s: takes no --%s: see livedub key --help", rest[0], f)
		}
	}
	if c.names = rest[1:]; len(c.names) != verb.names {
		return cli.Usagef("key %s: %d names are given, it takes %d: livedub %s", rest[0], len(c.names), verb.names, keyUsage)
	}
	c.cfg, c.delayed = cfg, flags.Changed("delay")
	return verb.run(&c, ctx)
}

func (c *keyCommand) create(ctx context.Context) error {
	s := streamkey.Spec{Name: c.name, From: inference.Lang(c.from), Consent: c.consent, Profile: c.profile}
	for _, l := range c.to {
		s.To = append(s.To, inference.Lang(l))
	}
	if c.delayed {
		s.Delay = &c.delay
	}
	if err := s.Check(); err != nil {
		return cli.Usagef("key create: %v: livedub key create --name studio --from en --to es,ca", err)
	}
	store, end, err := commandStore(ctx, c.cfg, c.log)
	if err != nil {
		return err
	}
	defer end()
	key, err := streamkey.Create(ctx, store, s)
	if err != nil {
		return c.named(err, c.name)
	}
	_, err = fmt.Fprintln(c.stdout, key)
	return err
}

func (c *keyCommand) rotate(ctx context.Context) error {
	store, end, err := commandStore(ctx, c.cfg, c.log)
	if err != nil {
		return err
	}
	defer end()
	key, err := streamkey.Rotate(ctx, store, c.names[0])
	if err != nil {
		return c.named(err, c.names[0])
	}
	_, err = fmt.Fprintln(c.stdout, key)
	return err
}

func (c *keyCommand) remove(ctx context.Context) error {
	store, end, err := commandStore(ctx, c.cfg, c.log)
	if err != nil {
		return err
	}
	defer end()
	return c.named(streamkey.Remove(ctx, store, c.names[0]), c.names[0])
}

// named tells which key an error is about.
func (c *keyCommand) named(err error, name string) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, streamkey.ErrUnknown):
		return fmt.Errorf("key %q: %w: livedub key ls tells which there are", name, err)
	}
	return fmt.Errorf("key %q: %w", name, err)
}

func (c *keyCommand) list(ctx context.Context) error {
	store, end, err := commandStore(ctx, c.cfg, c.log)
	if err != nil {
		return err
	}
	defer end()
	all, err := streamkey.List(ctx, store)
	if err != nil {
		return err
	}
	if c.json {
		out := []streamkey.Shown{}
		for _, s := range all {
			out = append(out, s.Show())
		}
		e := json.NewEncoder(c.stdout)
		e.SetIndent("", "  ")
		return e.Encode(out)
	}
	w := tabwriter.NewWriter(c.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tFROM\tTO\tCONSENT\tPROFILE\tDELAY\tCREATED")
	for _, s := range all {
		var to []string
		for _, l := range s.To {
			to = append(to, string(l))
		}
		delay := ""
		if s.Delay != nil {
			delay = s.Delay.String()
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%v\t%s\t%s\t%s\n", s.Name, s.From, strings.Join(to, ","), s.Consent, s.Profile, delay, s.Created.Format(time.RFC3339))
	}
	return w.Flush()
}
