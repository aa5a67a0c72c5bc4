package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"syscall"

	"livedub/inference/recognize/whisper"
	"livedub/internal/cli"
	"livedub/internal/config"
	"livedub/internal/models"
	"livedub/internal/models/convert"
)

const modelsUsage = "models list [--json] | pull NAME... | verify [NAME|FOLDER...] | rm NAME..."

// conversions returns those that catalogues may name.
func conversions() map[string]models.Convert {
	return map[string]models.Convert{"kokoro-durations": convert.KokoroDurations, "whisper-ct2": whisper.ConvertCT2}
}

// openModels returns the store that the settings name. What a Path of it fails
// with, modelHint makes complete.
func openModels(c config.Models) (*models.Store, error) {
	dir := c.Dir
	if dir == "" {
		var err error
		if dir, err = models.DefaultDir(); err != nil {
			return nil, fmt.Errorf("%w: name one with --models-dir", err)
		}
	}
	var more []models.Entry
	if c.Catalogue != "" {
		var err error
		if more, err = models.ReadFile(c.Catalogue); err != nil {
			return nil, fmt.Errorf("%w: mend it, or check --models-catalogue", err)
		}
	}
	return models.Open(dir, models.Builtin(), more)
}

// modelHint adds to an error of the model store what to do about it.
func modelHint(store *models.Store, name string, err error) error {
	var client *models.ClientError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, models.ErrUnknown):
		var names []string
		for _, e := range store.Entries() {
			names = append(names, e.Name)
		}
		return cli.Usagef("%v; did you mean %s? livedub models list shows all", err, config.Nearest(name, names))
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("%s: stopped: what was downloaded is kept, and livedub models pull %s goes on from there", name, name)
	case errors.Is(err, models.ErrMissing), errors.Is(err, models.ErrDamaged):
		return fmt.Errorf("%w: run livedub models pull %s", err, name)
	case errors.Is(err, models.ErrNonCommercial):
		return fmt.Errorf("%w: read its licence, and if you agree to it add --accept-non-commercial", err)
	case errors.Is(err, models.ErrTerms):
		return fmt.Errorf("%w: read its licence, and if you agree to it add --accept-terms", err)
	case errors.Is(err, models.ErrUnpinned):
		return fmt.Errorf("%w: add --trust-first-use to take what that address sends now, and to have it held to that from then on", err)
	case errors.Is(err, models.ErrConversion):
		return fmt.Errorf("%w: mend the catalogue, or take a newer livedub", err)
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("%w: make room, or choose another folder with --models-dir, then run livedub models pull %s again", err, name)
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return fmt.Errorf("%w: choose another folder with --models-dir", err)
	case errors.Is(err, models.ErrClient) && errors.As(err, &client):
		return fmt.Errorf("%w: install it (apt-get install %s), or mend the network, then run livedub models pull %s again",
			err, map[string]string{"pip": "python3-pip", "npm": "npm"}[client.Client], name)
	}
	return fmt.Errorf("%w: livedub models pull %s tries again, and goes on from what has come", err, name)
}

// modelsCommand is one run of livedub models.
type modelsCommand struct {
	store             *models.Store
	json, all, accept bool
	trust, terms      bool
	names             []string
	stdout, stderr    io.Writer
}

// runModels lists, downloads, checks and removes models.
func runModels(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := cli.NewFlags("models")
	c := modelsCommand{stdout: stdout, stderr: stderr}
	flags.BoolVar(&c.json, "json", false, "list: write JSON")
	flags.BoolVar(&c.all, "all", false, "pull: every model of the catalogue; those for non-commercial use only where that is accepted")
	flags.BoolVar(&c.accept, "accept-non-commercial", false, "pull: also models whose licence forbids commercial use")
	flags.BoolVar(&c.terms, "accept-terms", false, "pull: also models whose licence is none of the usual open ones")
	flags.BoolVar(&c.trust, "trust-first-use", false, "pull: also files that are pinned by no SHA-256; it is recorded, and held to from then on")
	cfg, rest, err := cli.Settings(flags, modelsUsage, args, stdout, "models")
	if err != nil {
		return err
	}
	verbs := map[string]struct {
		run   func(context.Context) error
		flags []string
	}{
		"list":   {c.list, []string{"json"}},
		"pull":   {c.pull, []string{"all", "accept-non-commercial", "accept-terms", "trust-first-use"}},
		"verify": {c.verify, nil},
		"rm":     {c.remove, nil},
	}
	order := []string{"list", "pull", "verify", "rm"}
	if len(rest) == 0 {
		return cli.Usagef("models: say what to do: livedub %s", modelsUsage)
	}
	verb, ok := verbs[rest[0]]
	if !ok {
		return cli.Usagef("models: %q is nothing that models does; did you mean livedub models %s?", rest[0], config.Nearest(rest[0], order))
	}
	for _, f := range []string{"json", "all", "accept-non-commercial", "accept-terms", "trust-first-use"} {
		if flags.Changed(f) && !slices.Contains(verb.flags, f) {
			return cli.Usagef("models %s: takes no --%s: see livedub models --help", rest[0], f)
		}
	}
	c.names = rest[1:]
	if c.store, err = openModels(cfg.Models); err != nil {
		return err
	}
	return verb.run(ctx)
}

// pull installs the models that are named.
func (c *modelsCommand) pull(ctx context.Context) error {
	names := c.names
	switch {
	case c.all && len(names) > 0:
		return cli.Usagef("models pull: --all takes no names, got %q", names[0])
	case c.all:
		for _, e := range c.store.Entries() {
			if e.NonCommercial && !c.accept {
				fmt.Fprintf(c.stderr, "%s: left out: %s is for non-commercial use only: add --accept-non-commercial if you agree to it\n", e.Name, e.Licence)
				continue
			}
			if e.OwnTerms && !c.terms {
				fmt.Fprintf(c.stderr, "%s: left out: %s has terms of its own: add --accept-terms if you agree to them\n", e.Name, e.Licence)
				continue
			}
			if len(e.FirstUse()) > 0 && !c.trust {
				fmt.Fprintf(c.stderr, "%s: left out: nobody has pinned its files: add --trust-first-use if you trust %s\n", e.Name, e.Upstream())
				continue
			}
			names = append(names, e.Name)
		}
	case len(names) == 0:
		return cli.Usagef("models pull: name a model, or --all: livedub models list shows them")
	}
	for _, name := range names { // a mistyped name costs no download
		if _, err := c.store.Entry(name); err != nil {
			return modelHint(c.store, name, err)
		}
	}
	for _, name := range names {
		if err := c.pullOne(ctx, name); err != nil {
			return modelHint(c.store, name, err)
		}
	}
	return nil
}

// pullOne tells what comes, and under which licence, and installs it.
func (c *modelsCommand) pullOne(ctx context.Context, name string) error {
	e, err := c.store.Entry(name)
	if err != nil {
		return err
	}
	if _, err := c.store.Path(name); err != nil {
		about := ""
		if e.Unpinned {
			about = "about "
		}
		fmt.Fprintf(c.stdout, "%s: %s\n  %s%s to download, into %s\n  %s\n", name, e.What, about, megabytes(e.Download()), c.store.Dir(), licence(e))
	}
	at := new(models.Progress)
	show := startModelProgress(c.stderr, name, at)
	err = c.store.Pull(ctx, name, models.Options{Conversions: conversions(), AcceptNonCommercial: c.accept, AcceptTerms: c.terms, TrustFirstUse: c.trust, Progress: at, Say: show.say})
	show.stop()
	if err != nil {
		return err
	}
	path, err := c.store.Path(name)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.stdout, "%s: in %s\n", name, path)
	return err
}

// licence says under which licence a model is, with its text where the catalogue has it.
func licence(e models.Entry) string {
	text := "licence: " + e.Licence
	if e.NonCommercial {
		text += ", for non-commercial use only"
	}
	if e.OwnTerms {
		text += ", terms of its own"
	}
	if e.LicenceText == "" {
		return text + "; its text comes with it, as " + e.LicenceFile
	}
	return text + ":\n\n    " + strings.ReplaceAll(strings.TrimSpace(e.LicenceText), "\n", "\n    ") + "\n"
}

// remove deletes the models that are named.
func (c *modelsCommand) remove(ctx context.Context) error {
	if len(c.names) == 0 {
		return cli.Usagef("models rm: name a model: livedub models list shows those that are installed")
	}
	for _, name := range c.names {
		err := c.store.Remove(ctx, name)
		if errors.Is(err, models.ErrMissing) {
			return err // there is nothing to do about it
		}
		if err != nil {
			return modelHint(c.store, name, err)
		}
		fmt.Fprintf(c.stdout, "%s: removed\n", name)
	}
	return nil
}

// megabytes writes a size for people.
func megabytes(n int64) string {
	switch {
	case n < 1e3:
		return fmt.Sprintf("%d bytes", n)
	case n < 1e6:
		return fmt.Sprintf("%.0f kB", float64(n)/1e3)
	}
	return fmt.Sprintf("%.0f MB", float64(n)/1e6)
}
