package models

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Options are how a model is pulled.
type Options struct {
	Conversions         map[string]Convert
	AcceptNonCommercial bool
	AcceptTerms         bool
	TrustFirstUse       bool              // takes what is pinned by no sum as it comes first
	Progress            *Progress         // may be nil
	Say                 func(line string) // hears what is tried instead of what failed; may be nil
}

// SpaceError tells that the disk has too little room; it is a syscall.ENOSPC.
type SpaceError struct {
	Dir        string
	Need, Free int64 // bytes
}

// Error returns the sizes in megabytes.
func (e *SpaceError) Error() string {
	return fmt.Sprintf("%s has %d MB free, %d MB are needed: no space left", e.Dir, e.Free>>20, (e.Need+1<<20-1)>>20)
}

// Unwrap returns syscall.ENOSPC.
func (e *SpaceError) Unwrap() error { return syscall.ENOSPC }

// Pull installs a model, if it is not installed as the catalogue has it. What an
// earlier pull fetched is used; what this one fetches is kept when it fails, but
// the model's own folder appears whole or not at all.
func (s *Store) Pull(ctx context.Context, name string, o Options) error {
	e, err := s.Entry(name)
	if err != nil {
		return err
	}
	if e.NonCommercial && !o.AcceptNonCommercial {
		return fmt.Errorf("models: %s: %w (%s)", name, ErrNonCommercial, e.Licence)
	}
	if e.OwnTerms && !o.AcceptTerms {
		return fmt.Errorf("models: %s: %w (%s)", name, ErrTerms, e.Licence)
	}
	if e.Convert != "" && o.Conversions[e.Convert] == nil {
		return fmt.Errorf("models: %s: %w %s", name, ErrConversion, e.Convert)
	}
	if o.Progress == nil {
		o.Progress = new(Progress)
	}
	if o.Say == nil {
		o.Say = func(string) {}
	}
	o.Progress.total.Store(e.Download())
	unlock, err := s.lock(ctx, name, func() { o.Say(name + ": another process is at it: waiting until it has ended") })
	if err != nil {
		return err
	}
	defer unlock()
	switch _, err := s.Verify(ctx, name); {
	case err == nil:
		o.Say(name + ": is installed")
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	}
	e, _ = s.known(e) // what was trusted once is pinned
	if len(e.FirstUse()) > 0 && !o.TrustFirstUse {
		return fmt.Errorf("models: %s: %w; they come from %s", name, ErrUnpinned, e.Upstream())
	}
	p := &pull{
		Options: o, entry: e, timing: s.timing, dir: s.staging(name), target: filepath.Join(s.dir, name),
		client: newClient(s.timing), dead: map[string]error{}, tried: map[Package]error{},
	}
	defer p.client.CloseIdleConnections()
	if err := p.run(ctx); err != nil {
		return fmt.Errorf("models: %s: %w", name, err)
	}
	return nil
}

// pull is the making of one model's folder. Parts lie in dir/whole under their
// SHA-256, half a part in dir/cut, packages' members in dir/members.
type pull struct {
	Options
	entry       Entry
	timing      timing
	dir, target string
	client      *http.Client
	dead        map[string]error  // hosts that nobody answers at
	tried       map[Package]error // packages whose client ran, and how that ended
}

func (p *pull) run(ctx context.Context) error {
	if st, err := os.Lstat(p.target); err == nil && !st.IsDir() {
		return fmt.Errorf("%s is no folder: move it away", p.target)
	}
	for _, d := range []string{"whole", "cut", "members"} {
		if err := os.MkdirAll(p.in(d), 0o755); err != nil {
			return err
		}
	}
	if err := p.clear(); err != nil {
		return err
	}
	if err := p.reuse(ctx); err != nil {
		return err
	}
	if err := p.hasSpace(); err != nil {
		return err
	}
	for _, part := range p.entry.Parts {
		if err := p.fetch(ctx, part); err != nil {
			return err
		}
	}
	if err := p.assemble(ctx); err != nil {
		return err
	}
	return p.install()
}

// in returns a path in the staging folder.
func (p *pull) in(name ...string) string {
	return filepath.Join(append([]string{p.dir}, name...)...)
}

// whole returns where a file lies once it has been checked.
func (p *pull) whole(f File) string { return p.in("whole", f.id()) }

// id is what a file is called while it is fetched.
func (f File) id() string {
	if f.pinned() {
		return f.SHA256
	}
	return "first-" + key(f.Path)
}

// clear removes what a pull that was killed left half done and that cannot be gone on with.
func (p *pull) clear() error {
	left, err := filepath.Glob(p.in("client-*"))
	if err != nil {
		return err
	}
	for _, d := range append(left, p.in("src"), p.in("made"), p.in("new"), p.in("removed")) {
		if err := os.RemoveAll(d); err != nil {
			return err
		}
	}
	return nil
}

// reuse takes over the files of an installed model that are as the catalogue has them.
func (p *pull) reuse(ctx context.Context) error {
	for _, part := range p.entry.Parts {
		old := filepath.Join(p.target, filepath.FromSlash(part.Path))
		if part.pinned() && part.verify(ctx, old) == nil {
			if err := linkFile(old, p.whole(part.File)); err != nil && !errors.Is(err, fs.ErrExist) {
				return err
			}
		}
	}
	return ctx.Err()
}

// hasSpace tells whether the disk holds what is still to come.
func (p *pull) hasSpace() error {
	var need int64
	for _, part := range p.entry.Parts {
		if _, err := os.Stat(p.whole(part.File)); err != nil {
			need += part.Size
			if st, err := os.Stat(p.cut(part.File)); err == nil {
				need -= min(st.Size(), part.Size)
			}
		}
	}
	for _, f := range p.entry.Made {
		need += f.Size
	}
	return p.room(need)
}

// room fails if the disk has less than need bytes.
func (p *pull) room(need int64) error {
	var st unix.Statfs_t
	if err := unix.Statfs(p.dir, &st); err != nil {
		return nil // writing will tell
	}
	if free := int64(st.Bavail) * st.Bsize; free < need {
		return &SpaceError{Dir: filepath.Dir(p.target), Need: need, Free: free}
	}
	return nil
}

// fetch brings one part to where whole says, by the first source that has it.
func (p *pull) fetch(ctx context.Context, part Part) error {
	p.Progress.begin(part.Path)
	if part.verify(ctx, p.whole(part.File)) == nil {
		p.Progress.add(part.Size)
		return nil
	}
	if err := os.Remove(p.whole(part.File)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	var failed attempts
	for i, s := range part.Sources {
		var err error
		if s.URL != "" {
			err = p.download(ctx, part, s.URL)
		} else {
			err = p.join(ctx, part, s.Pieces)
		}
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case ours(err):
			return fmt.Errorf("%s: %w", part.Path, err)
		}
		failed = append(failed, fmt.Errorf("%s: %w", s, err))
		if i+1 < len(part.Sources) && !errors.Is(err, errKnown) {
			p.Say(fmt.Sprintf("%s: %v: trying %s", part.Path, failed[i], part.Sources[i+1]))
		}
	}
	return fmt.Errorf("%s: %w", part.Path, failed)
}

// ours tells whether err is of this machine's disk, which no other source mends.
func ours(err error) bool {
	var path *fs.PathError
	var link *os.LinkError
	return errors.Is(err, syscall.ENOSPC) || errors.As(err, &path) || errors.As(err, &link)
}

// errKnown marks an error that has been told of another part.
var errKnown = errors.New("as before")

// attempts are the errors of all sources.
type attempts []error

// Error returns all of them on one line.
func (a attempts) Error() string {
	var text []string
	for _, err := range a {
		text = append(text, err.Error())
	}
	return strings.Join(text, "; ")
}

// Unwrap returns all of them.
func (a attempts) Unwrap() []error { return a }

// String returns the address, or the packages.
func (s Source) String() string {
	if s.URL != "" {
		return s.URL
	}
	var names []string
	for _, piece := range s.Pieces {
		if n := piece.Package.String(); !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	return strings.Join(names, ", ")
}
