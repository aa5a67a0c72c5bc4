package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"livedub/internal/cli"
	"livedub/internal/config"
	"livedub/internal/stores"
	"livedub/internal/telemetry"
	"livedub/store/mouths"
)

const mouthsUsage = "mouths ls [--json] | rm NAME... | rm --all | rm --older-than 720h"

// runMouths lists and erases speakers' mouths that are kept. Whose they are, and what is in
// them, it cannot tell.
func runMouths(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	flags := cli.NewFlags("mouths")
	asJSON := flags.Bool("json", false, "ls: write JSON")
	all := flags.Bool("all", false, "rm: all of them")
	older := flags.Duration("older-than", 0, "rm: those that were kept last so long ago, or longer")
	cfg, rest, err := cli.Settings(flags, mouthsUsage, args, stdout, "store", "database", "s3", "log")
	if err != nil {
		return err
	}
	if len(rest) == 0 {
		return cli.Usagef("mouths: say what to do: livedub %s", mouthsUsage)
	}
	verb, names := rest[0], rest[1:]
	ways := 0
	for _, chosen := range []bool{len(names) > 0, *all, flags.Changed("older-than")} {
		if chosen {
			ways++
		}
	}
	switch {
	case verb != "ls" && verb != "rm":
		return cli.Usagef("mouths: %q is nothing that mouths does; did you mean livedub mouths %s?", verb, config.Nearest(verb, []string{"ls", "rm"}))
	case verb == "ls" && ways > 0:
		return cli.Usagef("mouths ls: it takes no names, no --all and no --older-than: livedub %s", mouthsUsage)
	case verb == "rm" && (ways != 1 || *asJSON || *older < 0):
		return cli.Usagef("mouths rm: name some, or give --all, or --older-than with a duration: livedub %s", mouthsUsage)
	}
	for _, name := range names {
		if b, err := hex.DecodeString(name); err != nil || len(b) != 32 {
			return cli.Usagef("mouths rm: %.80q is no name of kept mouths: livedub mouths ls shows them", name)
		}
	}
	log, err := telemetry.NewLogger(stderr, cfg.Log.Level, cfg.Log.Format)
	if err != nil {
		return err
	}
	s, err := stores.Open(ctx, cfg, log)
	if err != nil {
		return keptHint(err)
	}
	if s == nil {
		return cli.Usagef("mouths: serve.store is none: nothing is kept; choose another")
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	shelf := mouths.New(mouths.Config{Objects: s.Objects, Log: log})
	defer shelf.Close()
	there, err := shelf.List(ctx)
	if err != nil {
		return keptHint(err)
	}
	if verb == "ls" {
		return listMouths(there, *asJSON, stdout)
	}
	known := map[string]bool{}
	for _, k := range there {
		known[k.Name] = true
		if *all || flags.Changed("older-than") && time.Since(k.At) >= *older {
			names = append(names, k.Name)
		}
	}
	for _, name := range names {
		if !known[name] {
			return fmt.Errorf("%s: no such mouths are kept: livedub mouths ls shows those that are", name)
		}
		if err := shelf.Remove(ctx, name); err != nil {
			return keptHint(err)
		}
	}
	_, err = fmt.Fprintf(stdout, "%d erased\n", len(names))
	return err
}

func listMouths(there []mouths.Kept, asJSON bool, stdout io.Writer) error {
	if asJSON {
		enc := json.NewEncoder(stdout)
		enc.SetIndent("", "  ")
		return enc.Encode(struct {
			Mouths []mouths.Kept `json:"mouths"`
		}{there})
	}
	if len(there) == 0 {
		_, err := fmt.Fprintln(stdout, "no mouths are kept: livedub serve --lips-keep 720h keeps those of speakers who ask for it")
		return err
	}
	w := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tKEPT\tSIZE")
	for _, k := range there {
		fmt.Fprintf(w, "%s\t%s\t%s\n", k.Name, k.At.Local().Format("2006-01-02 15:04"), megabytes(k.Bytes))
	}
	return w.Flush()
}
