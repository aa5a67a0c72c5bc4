package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"

	"livedub/internal/cli"
	"livedub/internal/models"
)

// modelList is what models list --json writes.
type modelList struct {
	Dir    string      `json:"dir"`
	Models []modelInfo `json:"models"`
}

// modelInfo is one model of the catalogue.
type modelInfo struct {
	Name          string   `json:"name"`
	What          string   `json:"what"`
	Languages     []string `json:"languages"`
	Licence       string   `json:"licence"`
	NonCommercial bool     `json:"non_commercial"`
	OwnTerms      bool     `json:"own_terms"`
	Unpinned      bool     `json:"unpinned"` // some of its files are trusted on first use
	Upstream      string   `json:"upstream,omitempty"`
	Size          int64    `json:"size"`     // bytes on the disk
	Download      int64    `json:"download"` // bytes, before compression
	State         string   `json:"state"`    // installed, damaged, missing
	Path          string   `json:"path,omitempty"`
}

// list writes the catalogue, and which of it is installed.
func (c *modelsCommand) list(context.Context) error {
	if len(c.names) > 0 {
		return cli.Usagef("models list: takes no names, got %q", c.names[0])
	}
	all := modelList{Dir: c.store.Dir(), Models: []modelInfo{}}
	for _, e := range c.store.Entries() {
		info := modelInfo{Name: e.Name, What: e.What, Languages: append([]string{}, e.Languages...), Licence: e.Licence, NonCommercial: e.NonCommercial, OwnTerms: e.OwnTerms,
			Unpinned: len(e.FirstUse()) > 0, Upstream: e.Upstream(), Size: e.Size(), Download: e.Download(), State: "installed"}
		path, err := c.store.Path(e.Name)
		switch {
		case err == nil:
			info.Path = path
		case errors.Is(err, models.ErrMissing):
			info.State = "missing"
		case errors.Is(err, models.ErrDamaged):
			info.State = "damaged"
		default:
			return modelHint(c.store, e.Name, err)
		}
		all.Models = append(all.Models, info)
	}
	if c.json {
		enc := json.NewEncoder(c.stdout)
		enc.SetIndent("", "  ")
		return enc.Encode(all)
	}
	w := tabwriter.NewWriter(c.stdout, 0, 0, 2, ' ', 0)
	var unpinned []string
	fmt.Fprintln(w, "NAME\tSTATE\tSIZE\tLICENCE\tLANGUAGES\tWHAT")
	for _, m := range all.Models {
		langs := strings.Join(m.Languages, " ")
		if len(m.Languages) > 10 {
			langs = fmt.Sprintf("%d languages", len(m.Languages))
		}
		if m.NonCommercial {
			m.Licence += " (non-commercial)"
		}
		if m.OwnTerms {
			m.Licence += " (own terms)"
		}
		if m.Unpinned {
			m.What += ", unpinned"
			unpinned = append(unpinned, fmt.Sprintf("%s is pinned by no SHA-256: livedub models pull --trust-first-use %s takes what %s sends.\n", m.Name, m.Name, m.Upstream))
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", m.Name, m.State, megabytes(m.Size), m.Licence, langs, m.What)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if len(unpinned) > 0 {
		fmt.Fprint(c.stdout, "\n"+strings.Join(unpinned, ""))
	}
	_, err := fmt.Fprintf(c.stdout, "\nModels are kept in %s; livedub models pull NAME downloads one.\n", all.Dir)
	return err
}

// verify reads the models that are named, or all that are installed, and fails if
// anything of them is wrong. Of a folder it tells the sums, and which model that is.
func (c *modelsCommand) verify(ctx context.Context) error {
	names := c.names
	if len(names) == 0 {
		for _, e := range c.store.Entries() {
			if _, err := c.store.Path(e.Name); !errors.Is(err, models.ErrMissing) {
				names = append(names, e.Name)
			}
		}
		if len(names) == 0 {
			_, err := fmt.Fprintf(c.stdout, "no model is installed in %s\n", c.store.Dir())
			return err
		}
	}
	var first error
	for _, name := range names {
		if strings.ContainsRune(name, os.PathSeparator) {
			if err := c.tellSums(ctx, name); err != nil {
				return err
			}
			continue
		}
		found, err := c.store.Verify(ctx, name)
		for _, f := range found {
			if f.Err != nil {
				fmt.Fprintf(c.stdout, "%s: %v\n", name, f.Err)
			}
		}
		switch {
		case err == nil:
			fmt.Fprintf(c.stdout, "%s: ok (%d of %d files)\n", name, len(found), len(found))
		case ctx.Err() != nil:
			return fmt.Errorf("models: stopped: %w", ctx.Err())
		case first == nil:
			first = modelHint(c.store, name, err)
		}
	}
	return first
}

// tellSums writes the sums of what lies in a folder, and which models of the catalogue that has whole.
func (c *modelsCommand) tellSums(ctx context.Context, dir string) error {
	files, err := models.Sums(ctx, dir)
	if err != nil {
		return fmt.Errorf("%w: name a folder with the files of a model", err)
	}
	for _, f := range files {
		fmt.Fprintf(c.stdout, "%s  %s (%d bytes)\n", f.SHA256, f.Path, f.Size)
	}
	if names := c.store.Same(files); len(names) > 0 {
		_, err = fmt.Fprintf(c.stdout, "%s: what the catalogue has as %s\n", dir, strings.Join(names, ", "))
		return err
	}
	_, err = fmt.Fprintf(c.stdout, "%s: no model of the catalogue: compare the sums with those that its makers publish\n", dir)
	return err
}
