package models

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"livedub/internal/guard"
)

// assemble puts the model's files together in dir/new: parts under their own
// names, and what the conversion makes of them.
func (p *pull) assemble(ctx context.Context) error {
	for _, part := range p.entry.Parts {
		to := p.in("new", filepath.FromSlash(part.Path))
		if part.Scratch {
			to = p.in("src", filepath.FromSlash(part.Path))
		}
		if err := linkFile(p.whole(part.File), to); err != nil {
			return err
		}
	}
	if p.entry.Convert != "" {
		if err := p.convert(ctx); err != nil {
			return err
		}
	}
	if text := p.entry.LicenceText; text != "" {
		if err := writeFile(p.in("new", licenceFile), text); err != nil {
			return err
		}
	}
	e, err := p.entry.measured(ctx, p.in("new"))
	if err != nil {
		return err
	}
	for _, part := range p.entry.FirstUse() {
		f, err := part.measured(ctx, p.whole(part.File))
		if err != nil {
			return err
		}
		p.Say(fmt.Sprintf("%s: trusted as it came: %d bytes, SHA-256 %s", f.Path, f.Size, f.SHA256))
	}
	return writeFile(p.in("new", sumsFile), e.sums())
}

// convert has the Made files made and checks them.
func (p *pull) convert(ctx context.Context) error {
	p.Progress.begin("converting (" + p.entry.Convert + ")")
	for _, part := range p.entry.Parts {
		if !part.Scratch {
			if err := linkFile(p.whole(part.File), p.in("src", filepath.FromSlash(part.Path))); err != nil {
				return err
			}
		}
	}
	if err := os.MkdirAll(p.in("made"), 0o755); err != nil {
		return err
	}
	what := "the conversion " + p.entry.Convert
	err := guard.Do(what, func() error { return p.Conversions[p.entry.Convert](ctx, p.in("src"), p.in("made")) })
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	for _, f := range p.entry.Made {
		from, to := p.in("made", filepath.FromSlash(f.Path)), p.in("new", filepath.FromSlash(f.Path))
		if err := f.verify(ctx, from); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		if err := syncFile(from); err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		if err := os.Rename(from, to); err != nil {
			return err
		}
	}
	return nil
}

// install gives dir/new the model's name, in one step, once all of it is on the disk.
func (p *pull) install() error {
	fresh := p.in("new")
	err := filepath.WalkDir(fresh, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		return syncFile(path)
	})
	if err != nil {
		return err
	}
	if err := replace(fresh, p.target); err != nil {
		return err
	}
	if err := syncFile(filepath.Dir(p.target)); err != nil {
		return err
	}
	return os.RemoveAll(p.dir)
}

// replace renames the folder fresh to target. What was there before is then
// below fresh or beside it, to be removed with it.
func replace(fresh, target string) error {
	if _, err := os.Lstat(target); err != nil {
		return os.Rename(fresh, target)
	}
	if unix.Renameat2(unix.AT_FDCWD, fresh, unix.AT_FDCWD, target, unix.RENAME_EXCHANGE) == nil {
		return nil
	}
	// A file system that cannot exchange: for a moment there is none.
	if err := os.Rename(target, filepath.Join(filepath.Dir(fresh), "removed")); err != nil {
		return err
	}
	return os.Rename(fresh, target)
}
