package broadcast

import (
	"context"
	"errors"
	"slices"
	"time"

	"livedub/media/hls"
)

// Multivariant returns the playlist of all languages that sees allows, or of one: only.
// It fails with ErrNotFound where there is none, and with ErrStarting.
func (p *Program) Multivariant(ctx context.Context, only string, sees func(lang string) bool) (hls.File, error) {
	p.touch()
	ctx, cancel := context.WithTimeout(ctx, firstWait)
	defer cancel()
	for {
		all, change, err := p.onAir(ctx)
		if err != nil {
			return hls.File{}, err
		}
		all = slices.DeleteFunc(all, func(l hls.Language) bool { return !sees(l.Name) })
		if len(all) == 0 || only != "" && !slices.ContainsFunc(all, func(l hls.Language) bool { return l.Name == only }) {
			if only == "" || !p.comes(only) {
				return hls.File{}, ErrNotFound
			}
		} else if l, ready := p.layout(all, only, time.Now()); ready {
			return hls.File{Type: hls.PlaylistType, Data: [][]byte{hls.Multivariant(l)}}, nil
		}
		timer := time.NewTimer(50 * time.Millisecond)
		select {
		case <-timer.C:
		case <-change:
		case <-ctx.Done():
		}
		timer.Stop()
		if ctx.Err() != nil {
			return hls.File{}, starting(ctx)
		}
	}
}

// comes tells whether the call has a language that is not on the air yet.
func (p *Program) comes(lang string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.ended && slices.Contains(p.wanted, lang)
}

// layout returns what a playlist offers, once all of that is there, or has had its time.
func (p *Program) layout(all []hls.Language, only string, now time.Time) (out hls.Layout, ready bool) {
	p.mu.Lock()
	out = hls.Layout{Notice: p.cfg.Notice, Shared: p.film != ""}
	p.mu.Unlock()
	late := false // what is not there yet has had its time
	for _, l := range all {
		for _, r := range []*hls.Rendition{l.Video, l.Audio} {
			late = late || r.Ready() && now.Sub(r.Since()) > others
		}
	}
	for _, l := range all {
		name, video, audio := l.Name, l.Video.Ready(), l.Audio.Ready()
		if !(video && audio) && !late && !l.Ended() {
			return out, false
		}
		if !video && !audio {
			continue
		}
		l.Lang, l.Path, l.Name = tag(name), name+"/", name+" (AI dubbed)"
		if l.Original = name == p.from; l.Original {
			l.Name = name + " (original)"
		}
		if only != "" {
			l.Path = "../" + l.Path
		}
		if only == "" || only == name {
			out.Languages = append(out.Languages, l)
		}
		out.Captions = append(out.Captions, l)
	}
	return out, len(out.Languages) > 0
}

// tag returns a language as RFC 5646 has it.
func tag(lang string) string {
	if lang == "auto" { // told by ear
		return "und"
	}
	return lang
}

// ownPictures tells whether some dub has a picture of its own.
func (p *Program) ownPictures(now time.Time) bool {
	p.mu.Lock()
	fresh := p.ended || now.Sub(p.asked) < time.Second
	pictures := p.pictures
	p.mu.Unlock()
	if fresh {
		return pictures
	}
	pictures = p.lips()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pictures, p.asked = pictures, now
	return pictures
}

// onAir returns the languages under their own names, once there are any, as the call has
// them, the original last.
func (p *Program) onAir(ctx context.Context) ([]hls.Language, <-chan struct{}, error) {
	for {
		p.mu.Lock()
		all, change, ended := p.order(), p.change, p.ended
		p.mu.Unlock()
		switch {
		case len(all) > 0:
			return all, change, nil
		case ended:
			return nil, nil, ErrNotFound
		}
		select {
		case <-change:
		case <-ctx.Done():
			return nil, nil, starting(ctx)
		}
	}
}

// order is onAir for the moment; the caller has the lock.
func (p *Program) order() (out []hls.Language) {
	for _, name := range p.wanted {
		for _, l := range p.languages {
			if l.lang == name {
				out = append(out, hls.Language{Name: name, Stream: p.shown(l)})
			}
		}
	}
	return out
}

// starting tells that a wait was too long; or that whoever waited has left.
func starting(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return ErrStarting
	}
	return ctx.Err()
}

// track returns one track of a language, "video", "audio" or "captions", once the language
// is on the air.
func (p *Program) track(ctx context.Context, lang, name string) (*hls.Rendition, error) {
	for {
		_, change, err := p.onAir(ctx)
		if err != nil {
			return nil, err
		}
		r, known := p.find(lang, name)
		switch {
		case r != nil:
			return r, nil
		case known || !p.comes(lang):
			return nil, ErrNotFound
		}
		select {
		case <-change:
		case <-ctx.Done():
			return nil, starting(ctx)
		}
	}
}

// find returns a track that is on the air, nil for none, and whether the language is.
func (p *Program) find(lang, name string) (r *hls.Rendition, known bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range p.languages {
		if l.lang == lang {
			return p.shown(l).Rendition(name), true
		}
	}
	return nil, false
}

// Playlist returns the playlist of a track, as soon as it has a place, nil for as it is.
// It fails with ErrNotFound, ErrStarting and hls.ErrAhead.
func (p *Program) Playlist(ctx context.Context, lang, track string, at *hls.Place) (hls.File, error) {
	p.touch()
	ctx, cancel := context.WithTimeout(ctx, firstWait)
	defer cancel()
	r, err := p.track(ctx, lang, track)
	if err != nil {
		return hls.File{}, err
	}
	f, err := r.Playlist(ctx, at)
	return f, said(ctx, err)
}

// File returns a segment, part or initialization section of a track.
func (p *Program) File(ctx context.Context, lang, track, name string) (hls.File, error) {
	ctx, cancel := context.WithTimeout(ctx, nextWait)
	defer cancel()
	r, _ := p.find(lang, track)
	if r == nil {
		return hls.File{}, ErrNotFound
	}
	f, err := r.File(ctx, name)
	return f, said(ctx, err)
}

// said is an error of a rendition in this package's words.
func said(ctx context.Context, err error) error {
	switch {
	case errors.Is(err, hls.ErrNotFound):
		return ErrNotFound
	case err != nil && ctx.Err() != nil:
		return starting(ctx)
	}
	return err
}
