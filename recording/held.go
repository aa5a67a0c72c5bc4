package recording

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"livedub/store"
)

const (
	freshFor = time.Second      // what is known of a recording that grows is good for so long
	stillFor = 10 * time.Second // and of one that does not
	maxHeld  = 64               // recordings that something is known of
)

// held is what is known of a recording's files.
type held struct {
	at    time.Time
	row   store.Recording
	takes map[string][]Take // by language, the oldest first
	clock Clock
}

// look returns what is known of a recording, not older than it may be.
func (l *Library) look(ctx context.Context, id string) (held, error) {
	l.mu.Lock()
	h, ok := l.held[id]
	l.mu.Unlock()
	life := stillFor
	if h.row.State == store.Growing {
		life = freshFor
	}
	if ok && time.Since(h.at) < life {
		return h, nil
	}
	h = held{at: time.Now()}
	var delay time.Duration
	var err error
	if h.row, delay, err = l.about(ctx, id); err != nil {
		return held{}, err
	}
	if h.takes, err = l.takes(ctx, id); err != nil {
		return held{}, err
	}
	var all []Take
	for _, takes := range h.takes {
		all = append(all, takes...)
	}
	h.clock = NewClock(delay, all)
	l.mu.Lock()
	defer l.mu.Unlock()
	for other := range l.held {
		if len(l.held) < maxHeld {
			break
		}
		delete(l.held, other) // anyone: it is read again when it is asked for
	}
	l.held[id] = h
	return h, nil
}

func (l *Library) forget(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.held, id)
}

// about returns a recording's row and its session's delay: from the journal, and while
// that does not answer, from the file beside the recording.
func (l *Library) about(ctx context.Context, id string) (store.Recording, time.Duration, error) {
	b, err := l.rows(ctx, id)
	if err != nil && !errors.Is(err, store.ErrUnavailable) {
		return store.Recording{}, 0, err
	}
	m, merr := l.manifest(ctx, id)
	delay := time.Duration(m.DelayMS) * time.Millisecond
	if len(b.Sessions) > 0 {
		delay = time.Duration(b.Sessions[0].DelayMS) * time.Millisecond
	}
	switch {
	case len(b.Recordings) > 0:
		return b.Recordings[0], delay, nil
	case err == nil:
		return store.Recording{}, 0, store.ErrNotFound
	case merr != nil:
		return store.Recording{}, 0, err
	}
	r := store.Recording{ID: id, Session: m.Session, From: m.From, Created: m.Created, Ended: m.Ended, State: m.State, Why: m.Why, Consent: m.Consent, Engines: m.Engines}
	for _, lang := range m.Languages {
		r.Languages = append(r.Languages, store.RecordedLanguage{Lang: lang, Original: lang == m.From})
	}
	return r, delay, nil
}

func (l *Library) manifest(ctx context.Context, id string) (m Manifest, err error) {
	text, err := l.read(ctx, Dir(id)+manifest)
	if err != nil {
		return m, err
	}
	return m, json.Unmarshal(text, &m)
}

// takes returns a recording's takes by language, the oldest first. One that cannot be
// read is left out, and logged. Where a take lies in two places, the longer is the fresher.
func (l *Library) takes(ctx context.Context, id string) (map[string][]Take, error) {
	at := map[string]bool{}
	if l.cfg.Local != "" {
		found, err := fs.Glob(os.DirFS(filepath.Join(l.cfg.Local, filepath.FromSlash(Dir(id)))), "*/*.json")
		if err != nil {
			return nil, err
		}
		for _, rest := range found {
			at[rest] = true
		}
	}
	out := map[string][]Take{}
	add := func(rest string, text []byte) {
		lang, name, ok := takeOf(rest)
		if !ok {
			return
		}
		t, err := readTake(name, text)
		if err != nil {
			l.log.Warn("a take of a recording cannot be read, and is left out", "recording", id, "take", rest, "err", err)
			return
		}
		i := slices.IndexFunc(out[lang], func(o Take) bool { return o.Name == name })
		switch {
		case i < 0:
			out[lang] = append(out[lang], t)
		case len(t.Segments) > len(out[lang][i].Segments), t.Merged:
			out[lang][i] = t
		}
	}
	for rest := range at {
		if text, err := l.read(ctx, Dir(id)+rest); err == nil {
			add(rest, text)
		}
	}
	if l.cfg.Objects != nil {
		objects, err := l.cfg.Objects.List(ctx, Dir(id))
		if err != nil && !(errors.Is(err, store.ErrUnavailable) && len(out) > 0) {
			return nil, err
		}
		for _, o := range objects {
			rest := strings.TrimPrefix(o.Key, Dir(id))
			if _, _, ok := takeOf(rest); !ok || o.Size > maxText {
				continue
			}
			if text, err := l.readObject(ctx, o.Key); err == nil {
				add(rest, text)
			}
		}
	}
	for _, takes := range out {
		slices.SortFunc(takes, func(a, b Take) int { return cmp.Compare(a.Name, b.Name) })
	}
	return out, nil
}

// maxSegments bounds what is believed of a take: a week of segments.
const maxSegments = 7 * 24 * 3600 / 4

// readTake reads the description of a take, and refuses one that can be none: its times
// decide what is shown.
func readTake(name string, text []byte) (Take, error) {
	var t Take
	if err := json.Unmarshal(text, &t); err != nil {
		return Take{}, err
	}
	if t.Name != name {
		return Take{}, errors.New("it is another's")
	}
	if len(t.Segments) > maxSegments {
		return Take{}, errors.New("it has more segments than any")
	}
	for i, s := range t.Segments {
		last := int64(1<<62) / int64(SegmentLength)
		if s.N < 0 || s.N > last || s.At < 0 || s.Duration < 0 || i > 0 && s.N <= t.Segments[i-1].N {
			return Take{}, errors.New("its segments are not in order, or have no time")
		}
	}
	return t, nil
}
