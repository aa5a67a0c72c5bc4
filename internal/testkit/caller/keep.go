package caller

import (
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

const (
	keptVersion = 1         // of what is kept; another one is made anew
	maxKept     = 256 << 20 // bytes of such a file
)

// kept is material in a file, with what it was made of.
type kept struct {
	Version       int
	Width, Height int
	Clip          string // "": the drawn face
	Stamp         time.Time
	Length        time.Duration
	Frames        []keptFrame
	Sounds        []keptSound
	Said          []keptPhrase
}

type (
	keptFrame struct {
		At       time.Duration
		Key      bool
		Payloads [][]byte
	}
	keptSound struct {
		At   time.Duration
		Data []byte
	}
	keptPhrase struct {
		Text       string
		Start, End time.Duration
	}
)

// Making says what material is made of.
type Making struct {
	Width, Height int
	Clip          string // a file; "": the drawn face
	Keep          string // the file that keeps it for the next time; "": none
}

// Prepare returns what speakers send: out of the file o.Keep if that holds it, else
// made, and kept there for the next time.
func Prepare(ctx context.Context, o Making) (*Material, error) {
	want, err := o.kept()
	if err != nil {
		return nil, err
	}
	if o.Keep != "" {
		if m, err := restore(o.Keep, want); err != nil || m != nil {
			return m, err
		}
	}
	var m *Material
	if o.Clip != "" {
		m, err = clip(ctx, o.Clip, o.Width, o.Height)
	} else {
		m, err = drawn(ctx, o.Width, o.Height)
	}
	if err == nil && o.Keep != "" {
		err = m.keep(o.Keep, want)
	}
	return m, err
}

// kept returns what tells such material from other.
func (o Making) kept() (kept, error) {
	k := kept{Version: keptVersion, Width: o.Width, Height: o.Height, Clip: o.Clip}
	if o.Clip != "" {
		st, err := os.Stat(o.Clip)
		if err != nil {
			return k, err
		}
		k.Stamp = st.ModTime().UTC()
	}
	return k, nil
}

// Keep writes the material to the file o.Keep, where Prepare finds it for o.
func (m *Material) Keep(o Making) error {
	k, err := o.kept()
	if err != nil {
		return err
	}
	return m.keep(o.Keep, k)
}

// restore reads a file of prepare's; nil where there is none, or of something else.
func restore(path string, want kept) (*Material, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	k, err := readKept(f)
	if err != nil {
		return nil, fmt.Errorf("--keep %s is no file of loadgen's: remove it, or name another: %w", path, err)
	}
	if k.Version != want.Version || k.Width != want.Width || k.Height != want.Height || k.Clip != want.Clip || !k.Stamp.Equal(want.Stamp) {
		return nil, nil
	}
	m := &Material{Length: k.Length}
	for _, x := range k.Frames {
		m.frames = append(m.frames, frame{x.At, x.Key, x.Payloads})
	}
	for _, x := range k.Sounds {
		m.sounds = append(m.sounds, sound{x.At, x.Data})
	}
	for _, x := range k.Said {
		m.Said = append(m.Said, phrase{x.Text, x.Start, x.End})
	}
	if err := m.check(); err != nil {
		return nil, fmt.Errorf("--keep %s is damaged: remove it: %w", path, err)
	}
	return m, nil
}

func readKept(r io.Reader) (kept, error) {
	var k kept
	err := gob.NewDecoder(io.LimitReader(r, maxKept)).Decode(&k)
	return k, err
}

// keep writes the material to a file, whole or not at all.
func (m *Material) keep(path string, k kept) error {
	k.Length = m.Length
	for _, x := range m.frames {
		k.Frames = append(k.Frames, keptFrame{x.at, x.key, x.payloads})
	}
	for _, x := range m.sounds {
		k.Sounds = append(k.Sounds, keptSound{x.at, x.data})
	}
	for _, x := range m.Said {
		k.Said = append(k.Said, keptPhrase{x.text, x.start, x.end})
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	err = errors.Join(gob.NewEncoder(f).Encode(k), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}
