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

	"livedub/internal/cli"
	"livedub/internal/config"
	"livedub/internal/stores"
	"livedub/internal/telemetry"
	"livedub/recording"
	"livedub/store"
	"livedub/store/postgres"
)

const recordingsUsage = "recordings ls [--json] | get ID [--lang es] -o FOLDER | rm ID... | repair"

// recordingsCommand is one run of livedub recordings. It works on the stores that the
// settings name, whether a server is running or not.
type recordingsCommand struct {
	kept           *stores.Stores
	cfg            config.Config
	log            *slog.Logger
	json           bool
	session, state string
	since, before  string
	limit          int
	langs          []string
	out            string
	names          []string
	stdout, stderr io.Writer
}

// runRecordings lists, fetches, deletes and repairs recordings.
func runRecordings(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	flags := cli.NewFlags("recordings")
	c := recordingsCommand{stdout: stdout, stderr: stderr}
	flags.BoolVar(&c.json, "json", false, "ls: write JSON")
	flags.StringVar(&c.session, "session", "", "ls: of sessions of that name only")
	flags.StringVar(&c.state, "state", "", "ls: only those that are growing, whole or cut_short")
	flags.StringVar(&c.since, "since", "", "ls: made on that day or later, as 2026-11-27 or 2026-11-27T18:00:00Z")
	flags.StringVar(&c.before, "before", "", "ls: made before that day")
	flags.IntVar(&c.limit, "limit", 0, "ls: so many at most, the newest; 0 for all")
	flags.StringSliceVar(&c.langs, "lang", nil, "ls: those that have that language; get: those languages only")
	flags.StringVarP(&c.out, "out", "o", "", "get: the folder to write to")
	cfg, rest, err := cli.Settings(flags, recordingsUsage, args, stdout, "store", "database", "s3", "log")
	if err != nil {
		return err
	}
	verbs := map[string]struct {
		run   func(context.Context) error
		flags []string
	}{
		"ls":     {c.list, []string{"json", "session", "state", "since", "before", "limit", "lang"}},
		"get":    {c.get, []string{"lang", "out"}},
		"rm":     {c.remove, nil},
		"repair": {c.repair, nil},
	}
	if len(rest) == 0 {
		return cli.Usagef("recordings: say what to do: livedub %s", recordingsUsage)
	}
	verb, ok := verbs[rest[0]]
	if !ok {
		return cli.Usagef("recordings: %q is nothing that recordings does; did you mean livedub recordings %s?", rest[0], config.Nearest(rest[0], []string{"ls", "get", "rm", "repair"}))
	}
	for _, f := range []string{"json", "session", "state", "since", "before", "limit", "lang", "out"} {
		if flags.Changed(f) && !slices.Contains(verb.flags, f) {
			return cli.Usagef("recordings %s: takes no --%s: see livedub recordings --help", rest[0], f)
		}
	}
	c.names, c.cfg = rest[1:], cfg
	if c.log, err = telemetry.NewLogger(stderr, cfg.Log.Level, cfg.Log.Format); err != nil {
		return err
	}
	if err := c.check(rest[0]); err != nil {
		return err
	}
	if c.kept, err = stores.Open(ctx, cfg, c.log); err != nil {
		return keptHint(err)
	}
	if c.kept == nil {
		return cli.Usagef("recordings: serve.store is none: nothing is kept; choose another")
	}
	defer func() { err = errors.Join(err, c.kept.Close()) }()
	return verb.run(ctx)
}

// check refuses names that make no sense before anything is opened.
func (c *recordingsCommand) check(verb string) error {
	takes := map[string][2]int{"ls": {0, 0}, "get": {1, 1}, "rm": {1, 1000}, "repair": {0, 0}}[verb]
	switch n := len(c.names); {
	case n < takes[0]:
		return cli.Usagef("recordings %s: name a recording by its ID: livedub recordings ls shows them", verb)
	case n > takes[1]:
		return cli.Usagef("recordings %s: what is %q for? livedub %s", verb, c.names[takes[1]], recordingsUsage)
	case verb == "get" && c.out == "":
		return cli.Usagef("recordings get: name the folder to write to with -o")
	case len(c.langs) > 1 && verb == "ls":
		return cli.Usagef("recordings ls: --lang takes one language")
	}
	for _, id := range c.names {
		if store.CheckEpoch(id) != nil {
			return cli.Usagef("recordings %s: %.80q is no recording's ID: livedub recordings ls shows them", verb, id)
		}
	}
	return nil
}

// listed is what recordings ls --json writes.
type listed struct {
	Recordings []store.Recording `json:"recordings"`
}

// list writes what was recorded, the newest first.
func (c *recordingsCommand) list(ctx context.Context) error {
	f := store.Filter{Session: c.session, State: c.state, Limit: 1000}
	if len(c.langs) > 0 {
		f.Lang = c.langs[0]
	}
	for _, day := range []struct {
		flag, text string
		to         *time.Time
	}{{"since", c.since, &f.Since}, {"before", c.before, &f.Before}} {
		t, err := dayOf(day.text)
		if err != nil {
			return cli.Usagef("recordings ls: --%s: %v", day.flag, err)
		}
		*day.to = t
	}
	if c.state != "" && !slices.Contains([]string{store.Growing, store.Whole, store.CutShort}, c.state) {
		return cli.Usagef("recordings ls: --state is %s, %s or %s, not %q", store.Growing, store.Whole, store.CutShort, c.state)
	}
	all := listed{Recordings: []store.Recording{}}
	for {
		if c.limit > 0 {
			f.Limit = min(f.Limit, c.limit-len(all.Recordings))
		}
		page, err := c.kept.Journal.Recordings(ctx, f)
		if err != nil {
			return keptHint(err)
		}
		all.Recordings = append(all.Recordings, page.Recordings...)
		if f.After = page.Next; f.After == "" || c.limit > 0 && len(all.Recordings) >= c.limit {
			break
		}
	}
	if c.json {
		enc := json.NewEncoder(c.stdout)
		enc.SetIndent("", "  ")
		return enc.Encode(all)
	}
	if len(all.Recordings) == 0 {
		_, err := fmt.Fprintln(c.stdout, "nothing is recorded: livedub serve --record dubs records the dubs of every call")
		return err
	}
	w := tabwriter.NewWriter(c.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tSESSION\tMADE\tLENGTH\tSIZE\tSTATE\tLANGUAGES")
	for _, r := range all.Recordings {
		var long time.Duration
		var size int64
		var langs []string
		for _, l := range r.Languages {
			long, size, langs = max(long, l.Duration), size+l.Bytes, append(langs, l.Lang)
		}
		state := r.State
		if r.Why != "" {
			state += " (" + r.Why + ")"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.ID, r.Session, r.Created.Local().Format("2006-01-02 15:04"), long.Round(time.Second), megabytes(size), state, strings.Join(langs, " "))
	}
	return w.Flush()
}

// dayOf reads a day or a time; "" is none.
func dayOf(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if t, err := time.ParseInLocation(time.DateOnly, text, time.Local); err == nil {
		return t, nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return t, fmt.Errorf("%.30q is no time: write 2026-11-27 or 2026-11-27T18:00:00Z", text)
	}
	return t, nil
}

// remove deletes the recordings that are named, and all words of their sessions.
func (c *recordingsCommand) remove(ctx context.Context) error {
	library := openLibrary(c.kept, c.cfg, c.log)
	for _, id := range c.names {
		if _, err := c.kept.Journal.Session(ctx, id); errors.Is(err, store.ErrNotFound) {
			return recordingHint(id, err)
		}
		if err := library.Delete(ctx, id); err != nil {
			return recordingHint(id, err)
		}
		if _, err := fmt.Fprintf(c.stdout, "%s: deleted, with all that was said\n", id); err != nil {
			return err
		}
	}
	return nil
}

// repair closes what a server left open that was killed, and makes films of it.
func (c *recordingsCommand) repair(ctx context.Context) error {
	n, err := recording.Repair(ctx, recording.Config{
		Dir: c.kept.Dir, Journal: c.kept.Journal, Objects: c.kept.Objects, Erased: openLibrary(c.kept, c.cfg, c.log).Remove, Log: c.log,
	})
	if err != nil {
		return fmt.Errorf("%d are repaired; not all: %w: livedub recordings repair tries again", n, err)
	}
	_, err = fmt.Fprintf(c.stdout, "%d repaired\n", n)
	return err
}

// recordingHint adds to an error about a recording what to do.
func recordingHint(id string, err error) error {
	switch {
	case errors.Is(err, store.ErrErased):
		return fmt.Errorf("%s: it was deleted: livedub recordings ls shows what is there", id)
	case errors.Is(err, store.ErrNotFound):
		return fmt.Errorf("%s: there is no such recording: livedub recordings ls shows them", id)
	}
	return keptHint(err)
}

// keptHint adds to an error of a store what to do about it.
func keptHint(err error) error {
	if errors.As(err, new(*postgres.SchemaError)) || errors.As(err, new(*postgres.SettingError)) {
		return databaseHint(err)
	}
	if errors.Is(err, store.ErrUnavailable) {
		return fmt.Errorf("%w: check --store-dir, --database-url and --s3-bucket, then try again", err)
	}
	return err
}
