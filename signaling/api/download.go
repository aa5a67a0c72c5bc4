package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"livedub/signaling"
	"livedub/store"
)

const (
	maxDownloads  = 512 // at a time; each holds a connection, and a file or a request to S3
	eachDownloads = 32  // of them, of one address
)

// ofLanguage is GET /v1/recordings/{id}/{lang}/index.m3u8 and .../transcript.json.
func (s *Server) ofLanguage(w http.ResponseWriter, r *http.Request) error {
	lang := r.PathValue("lang")
	id, _, err := s.watched(r, lang)
	if err != nil {
		return err
	}
	read, kind := s.cfg.Recordings.Playlist, "application/vnd.apple.mpegurl"
	switch r.PathValue("file") {
	case "index.m3u8":
	case "transcript.json":
		read, kind = s.cfg.Recordings.Transcript, "application/json"
	default:
		return noRecording()
	}
	if err := s.limit.Allow(r); err != nil {
		return err
	}
	return text(w, r, kind, id, lang, read)
}

// text answers with what read returns.
func text(w http.ResponseWriter, r *http.Request, kind, id, lang string, read func(ctx context.Context, id, lang string) ([]byte, error)) error {
	data, err := read(r.Context(), id, lang)
	if err != nil {
		return refused(err)
	}
	return file(w, kind, data)
}

// whole is GET /v1/recordings/{id}/{lang}.mp4, .../{lang}.vtt and .../{lang}.srt.
func (s *Server) whole(w http.ResponseWriter, r *http.Request) error {
	name := r.PathValue("file")
	lang, kind := subtitles(name)
	captions := kind != ""
	if !captions {
		var video bool
		if lang, video = strings.CutSuffix(name, ".mp4"); !video {
			return noRecording()
		}
	}
	id, g, err := s.watched(r, lang)
	if err != nil {
		return err
	}
	if err := s.limit.Allow(r); err != nil {
		return err
	}
	if captions {
		vtt, err := s.cfg.Recordings.Captions(r.Context(), id, lang)
		if err != nil {
			return refused(err)
		}
		return captionFile(w, kind, vtt)
	}
	rec, _, err := s.cfg.Recordings.Get(r.Context(), id)
	if err != nil {
		return refused(err)
	}
	as := rec.Session + "-" + name
	// The page plays by the server: its policy lets it load from nowhere else.
	if r.URL.Query().Get("through") != "server" {
		link, err := s.cfg.Recordings.Link(r.Context(), id, lang, name, as)
		if err != nil {
			return refused(err)
		}
		if link != "" {
			w.Header().Set("Cache-Control", "no-store")
			w.Header().Set("Referrer-Policy", "no-referrer") // the address has a capability
			http.Redirect(w, r, link, http.StatusFound)
			return nil
		}
	}
	return s.download(w, r, g, id, lang, name, as)
}

// segment is GET /v1/recordings/{id}/{lang}/{take}/{file}.
func (s *Server) segment(w http.ResponseWriter, r *http.Request) error {
	lang := r.PathValue("lang")
	id, g, err := s.watched(r, lang)
	if err != nil {
		return err
	}
	return s.download(w, r, g, id, lang, r.PathValue("take")+"/"+r.PathValue("file"), "")
}

// download answers with a file or with ranges of it, as long as the grant lasts; as is
// the name that it is to be saved under, "" for none.
func (s *Server) download(w http.ResponseWriter, r *http.Request, g signaling.Grant, id, lang, name, as string) error {
	if err := s.downloads.Enter(); err != nil {
		return err
	}
	defer s.downloads.Leave()
	release, err := s.downloading.Take(r.Context())
	if err != nil {
		return err
	}
	defer release()
	ctx, cancel := s.bound(r, g)
	defer cancel()
	c := &content{open: func(offset, n int64) (io.ReadCloser, store.Object, error) {
		return s.cfg.Recordings.Open(ctx, id, lang, name, offset, n)
	}}
	defer c.Close()
	n := int64(-1)
	if r.Method == http.MethodHead || r.Header.Get("Range") != "" {
		n = 1 // to learn what it is; the ranges come from elsewhere in it
	}
	if err := c.begin(n); err != nil {
		return refused(err)
	}
	h := w.Header()
	h.Set("Content-Type", string(c.is.Type))
	h.Set("Cache-Control", "private, no-cache")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("ETag", fmt.Sprintf(`"%x-%x"`, c.is.Size, c.is.Modified.UnixNano()))
	if as != "" {
		h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": as}))
	}
	http.ServeContent(patient{w, http.NewResponseController(w), ctx}, r, "", c.is.Modified, c)
	if c.err != nil && ctx.Err() == nil {
		s.log.Warn("a download broke off", "recording", id, "lang", lang, "err", c.err)
	}
	return nil
}

// content is a file that is opened where it is read from.
type content struct {
	open func(offset, n int64) (io.ReadCloser, store.Object, error)
	is   store.Object
	at   int64         // where the next byte is read
	r    io.ReadCloser // nil for none
	from int64         // where that stands
	err  error         // the first of a read
}

// begin opens the file to learn what it is, and keeps it open where n < 0, which is all of it.
func (c *content) begin(n int64) (err error) {
	if c.r, c.is, err = c.open(0, n); err == nil && n >= 0 {
		c.Close()
	}
	return err
}

func (c *content) Read(b []byte) (n int, err error) {
	if c.at >= c.is.Size {
		return 0, io.EOF
	}
	if c.r == nil || c.from != c.at {
		c.Close()
		c.r, _, err = c.open(c.at, c.is.Size-c.at)
		c.from = c.at
	}
	if err == nil {
		n, err = c.r.Read(b)
		c.at += int64(n)
		c.from = c.at
	}
	if err != nil && !errors.Is(err, io.EOF) && c.err == nil {
		c.err = err
	}
	return n, err
}

func (c *content) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += c.at
	case io.SeekEnd:
		offset += c.is.Size
	}
	if offset < 0 {
		return 0, errors.New("before the beginning")
	}
	c.at = offset
	return offset, nil
}

// Close closes what is open.
func (c *content) Close() {
	if c.r != nil {
		_ = c.r.Close() // it was read
		c.r = nil
	}
}

// patient gives a client the same time for each part of a download, however long that
// goes on, and ends it with the server.
type patient struct {
	http.ResponseWriter
	control *http.ResponseController
	ctx     context.Context
}

func (p patient) Write(b []byte) (int, error) {
	if err := p.ctx.Err(); err != nil {
		return 0, err
	}
	// Where deadlines are not supported, the server's own bound the write.
	_ = p.control.SetWriteDeadline(time.Now().Add(writeTime))
	return p.ResponseWriter.Write(b)
}
