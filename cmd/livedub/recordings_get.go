package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"livedub/recording"
	"livedub/signaling/srt"
	"livedub/store"
)

// get writes a recording into a folder: video, captions and transcript of each language.
func (c *recordingsCommand) get(ctx context.Context) error {
	id, library := c.names[0], openLibrary(c.kept, c.cfg, c.log)
	r, _, err := library.Get(ctx, id)
	if err != nil {
		return recordingHint(id, err)
	}
	var langs []string
	for _, l := range r.Languages {
		langs = append(langs, l.Lang)
	}
	for _, lang := range c.langs {
		if !slices.Contains(langs, lang) {
			return fmt.Errorf("%s has no %q: it has %s", id, lang, strings.Join(langs, ", "))
		}
	}
	if err := os.MkdirAll(c.out, 0o755); err != nil {
		return fmt.Errorf("%w: choose another folder with -o", err)
	}
	var missing []string
	for _, l := range r.Languages {
		if len(c.langs) > 0 && !slices.Contains(c.langs, l.Lang) {
			continue
		}
		name := r.Session + "-" + l.Lang
		if strings.Contains(name, "/") || store.CheckKey(name) != nil { // of whoever wrote into the database
			return fmt.Errorf("%s: %.80q makes no file's name", id, name)
		}
		base := filepath.Join(c.out, name)
		err := c.video(ctx, library, r, l, base+".mp4")
		switch {
		case errors.Is(err, store.ErrNotFound):
			missing = append(missing, l.Lang)
		case err != nil:
			return recordingHint(id, err)
		}
		for name, read := range map[string]func(context.Context, string, string) ([]byte, error){base + ".vtt": library.Captions, base + ".srt": subtitles(library.Captions), base + ".json": library.Transcript} {
			text, err := read(ctx, id, l.Lang)
			if err == nil {
				err = os.WriteFile(name, text, 0o644)
			}
			if err != nil {
				return recordingHint(id, err)
			}
		}
	}
	switch {
	case len(missing) == 0:
		return nil
	case r.State == store.Growing:
		return fmt.Errorf("%s is being recorded: its video in %s can be fetched when it has ended; its words are in %s", id, strings.Join(missing, ", "), c.out)
	}
	return fmt.Errorf("%s has no video in %s yet: a server that runs makes it, or livedub recordings repair on the machine that recorded it", id, strings.Join(missing, ", "))
}

// subtitles reads captions as SubRip.
func subtitles(captions func(context.Context, string, string) ([]byte, error)) func(context.Context, string, string) ([]byte, error) {
	return func(ctx context.Context, id, lang string) ([]byte, error) {
		vtt, err := captions(ctx, id, lang)
		return srt.FromVTT(vtt), err
	}
}

// video writes one language's film, whole or not at all.
func (c *recordingsCommand) video(ctx context.Context, library *recording.Library, r store.Recording, l store.RecordedLanguage, path string) error {
	from, is, err := library.Open(ctx, r.ID, l.Lang, l.Lang+".mp4", 0, -1)
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := os.CreateTemp(filepath.Dir(path), ".livedub-*")
	if err != nil {
		return fmt.Errorf("%w: choose another folder with -o", err)
	}
	show := &copied{w: c.stderr, name: filepath.Base(path), total: is.Size, bar: isTerminal(c.stderr)}
	n, err := io.Copy(io.MultiWriter(to, show), withContext{ctx, from})
	show.end()
	if err == nil && n != is.Size {
		err = io.ErrUnexpectedEOF
	}
	err = errors.Join(err, to.Chmod(0o644), to.Close())
	if err == nil {
		err = os.Rename(to.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("%s: %w", path, err), os.Remove(to.Name()))
	}
	_, err = fmt.Fprintf(c.stdout, "%s: %s\n", path, megabytes(n))
	return err
}

// withContext ends a copy with its context.
type withContext struct {
	ctx context.Context
	r   io.Reader
}

func (w withContext) Read(b []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	return w.r.Read(b)
}

// copied shows how much of a file has come: a bar on a terminal, else nothing.
type copied struct {
	w           io.Writer
	name        string
	done, total int64
	bar         bool
	shown       time.Time
}

func (p *copied) Write(b []byte) (int, error) {
	if p.done += int64(len(b)); p.bar && p.total > 0 && (time.Since(p.shown) > 200*time.Millisecond || p.done == p.total) {
		p.shown = time.Now()
		line := []rune(fmt.Sprintf("%s %s of %s, %s", bar(float64(min(p.done, p.total))/float64(p.total)), megabytes(p.done), megabytes(p.total), p.name))
		fmt.Fprint(p.w, "\r\x1b[K"+string(line[:min(len(line), columns)]))
	}
	return len(b), nil
}

// end leaves the bar's line.
func (p *copied) end() {
	if p.bar {
		fmt.Fprintln(p.w)
	}
}
