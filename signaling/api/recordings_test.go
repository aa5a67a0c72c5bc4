package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"livedub/inference"
	"livedub/signaling"
	"livedub/signaling/access"
	"livedub/signaling/signalingtest"
	"livedub/store"
)

// shelf fakes what is kept: the recording of the session "talk", in Spanish and Catalan.
type shelf struct {
	mu      sync.Mutex
	asked   []store.Filter
	deleted []string
	err     error
	link    string
	video   []byte
	erased  bool
	broken  bool // the video breaks off in its middle
	opened  int
	holds   chan struct{} // a download stops in its middle until this is closed, or it is broken off
}

var taped = signalingtest.Epoch("talk")

func (s *shelf) row() store.Recording {
	return store.Recording{
		ID: taped, Session: "talk", From: "en", State: store.Whole, Created: time.Unix(1e9, 0).UTC(), Ended: time.Unix(1e9+60, 0).UTC(), Consent: time.Unix(1e9, 0).UTC(),
		Languages: []store.RecordedLanguage{
			{Lang: "en", Original: true, Duration: time.Minute, Bytes: 7, Segments: 15},
			{Lang: "es", Duration: 59 * time.Second, Bytes: 5, Segments: 15, File: "es/es.mp4"},
		},
	}
}

func (s *shelf) find(id, lang string) error {
	switch {
	case s.err != nil:
		return s.err
	case s.erased:
		return store.ErrErased
	case id != taped || lang != "" && lang != "es" && lang != "en" || len(s.deleted) > 0:
		return store.ErrNotFound
	}
	return nil
}

func (s *shelf) List(_ context.Context, f store.Filter) (store.Page, error) {
	s.asked = append(s.asked, f)
	return store.Page{Recordings: []store.Recording{s.row()}, Next: "more"}, s.err
}

func (s *shelf) Get(_ context.Context, id string) (store.Recording, int, error) {
	return s.row(), 12, s.find(id, "")
}

func (s *shelf) Playlist(_ context.Context, id, lang string) ([]byte, error) {
	return []byte("#EXTM3U\n"), s.find(id, lang)
}

func (s *shelf) Captions(_ context.Context, id, lang string) ([]byte, error) {
	return []byte("WEBVTT\n"), s.find(id, lang)
}

func (s *shelf) Transcript(_ context.Context, id, lang string) ([]byte, error) {
	return []byte(`{"phrases":[]}`), s.find(id, lang)
}

func (s *shelf) Open(ctx context.Context, id, lang, file string, offset, n int64) (io.ReadCloser, store.Object, error) {
	if err := s.find(id, lang); err != nil {
		return nil, store.Object{}, err
	}
	if file != "es.mp4" && file != "a/00000001.m4s" {
		return nil, store.Object{}, store.ErrNotFound
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opened++
	part := s.video[offset:]
	if n >= 0 {
		part = part[:min(n, int64(len(part)))]
	}
	var r io.Reader = bytes.NewReader(part)
	if s.broken {
		r = io.MultiReader(bytes.NewReader(part[:len(part)/2]), iotest.ErrReader(store.ErrUnavailable))
	}
	if s.holds != nil {
		r = io.MultiReader(bytes.NewReader(part[:len(part)/2]), held{ctx, s.holds}, bytes.NewReader(part[len(part)/2:]))
	}
	return closer{r, s}, store.Object{Size: int64(len(s.video)), Type: "video/mp4", Modified: time.Unix(1e9, 5)}, nil
}

// held has nothing, and says so when it is let go.
type held struct {
	ctx  context.Context
	free chan struct{}
}

func (h held) Read([]byte) (int, error) {
	select {
	case <-h.free:
		return 0, io.EOF
	case <-h.ctx.Done():
		return 0, h.ctx.Err()
	}
}

type closer struct {
	io.Reader
	s *shelf
}

func (c closer) Close() error {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	c.s.opened--
	return nil
}

func (s *shelf) Link(_ context.Context, _, _, file, name string) (string, error) {
	if s.link == "" {
		return "", s.err
	}
	return s.link + file + "?as=" + name, s.err
}

func (s *shelf) Delete(_ context.Context, id string) error {
	s.deleted = append(s.deleted, id)
	return s.err
}

// keeping opens an endpoint that keeps recordings.
func keeping(t *testing.T) (*rig, *shelf) {
	d, s := signalingtest.NewDesk("talk"), &shelf{video: []byte("0123456789abcdef")}
	endpoint := New(Config{Sessions: d, Recordings: s, Record: "dubs"})
	t.Cleanup(func() {
		if s.opened != 0 {
			t.Errorf("%d files were not closed", s.opened)
		}
	})
	return &rig{signalingtest.Open(t, d, endpoint), endpoint}, s
}

// tapedAt is the path of the recording, with a capability.
func tapedAt(role access.Role, lang string) string {
	return signaling.WithToken("v1/recordings", taped, signalingtest.Token("talk", role, inference.Lang(lang)))
}

func (r *rig) json(path string, headers ...string) (int, map[string]any) {
	r.Helper()
	got := r.Do("GET", path, "", headers...)
	var v map[string]any
	if err := json.Unmarshal([]byte(got.Body), &v); err != nil {
		r.Fatalf("%s: %d, no JSON: %.200s", path, got.Status, got.Body)
	}
	return got.Status, v
}

// TestRecordingsAddresses: the list tells addresses, each of which works as it is.
func TestRecordingsAddresses(t *testing.T) {
	r, _ := keeping(t)
	for name, headers := range map[string][]string{
		"program here": nil, "operator afar": afar(signalingtest.OperatorToken), "page on this machine": {"Origin", r.URL, "Sec-Fetch-Site", "same-origin"},
	} {
		status, got := r.json("/v1/recordings", headers...)
		if status != 200 || got["next"] != "more" {
			t.Fatalf("%s: %d %v", name, status, got)
		}
		rec := got["recordings"].([]any)[0].(map[string]any)
		if rec["id"] != taped || rec["duration"] != 60. || rec["bytes"] != 12. || rec["ai_dubbed"] != true || rec["consent_at"] == nil || rec["notice"] == "" {
			t.Errorf("%s: %v", name, rec)
		}
		es := rec["languages"].([]any)[1].(map[string]any)
		en := rec["languages"].([]any)[0].(map[string]any)
		for _, path := range []string{en["playlist"].(string), es["captions"].(string), es["transcript"].(string), es["file"].(string)} {
			path = path[strings.Index(path, "/v1/"):]
			if got := r.Do("GET", path, "", evil...); got.Status != 200 || got.Header.Get("Access-Control-Allow-Origin") != "*" {
				t.Errorf("%s: %s: %d %s", name, path, got.Status, got.Body)
			}
		}
		if en["file"] != nil || en["original"] != true || es["playlist"] != nil {
			t.Errorf("%s: %v, %v", name, en, es)
		}
		if watch := rec["watch"].(string); !strings.Contains(watch, "/#/recordings/"+url.PathEscape(taped)+"~w.") {
			t.Errorf("%s: %s", name, watch)
		}
		control := rec["control"].(string)
		if status, got := r.json(control[strings.Index(control, "/v1/"):], evil...); status != 200 || got["control"] == nil || got["phrases"] != 12. {
			t.Errorf("%s: %d %v", name, status, got)
		}
	}
}

// TestWhoSeesRecordings: strangers learn nothing; capabilities open what their session's do.
func TestWhoSeesRecordings(t *testing.T) {
	r, s := keeping(t)
	s.link = "https://s3.example/"
	id := url.PathEscape(taped)
	paths := []string{"", "/es/index.m3u8", "/es/transcript.json", "/es.vtt", "/es.mp4", "/es.mp4?through=server", "/es/a/00000001.m4s"}
	for name, headers := range map[string][]string{
		"foreign page": evil, "sandboxed page": {"Origin", "null"}, "foreign image": {"Sec-Fetch-Site", "cross-site"}, "own page": {"Origin", r.URL},
		"afar": afar("x"), "own page afar": {"Origin", "https://live.example", "X-Forwarded-Host", "live.example", "X-Forwarded-For", "192.0.2.1"},
		"another's": afar(signalingtest.Token("other", access.Control, "")), "a publisher": afar(signalingtest.Token("talk", access.Publish, "")),
	} {
		for _, p := range paths {
			got := r.Do("GET", "/v1/recordings/"+id+p, "", headers...)
			missing := r.Do("GET", "/v1/recordings/nobody"+p, "", headers...)
			if got.Status != 404 || got.Body != missing.Body || strings.Contains(got.Body, "talk") {
				t.Errorf("%s: %s: %d %s; of none: %s", name, p, got.Status, got.Body, missing.Body)
			}
		}
		if got := r.Do("DELETE", "/v1/recordings/"+id, "", headers...); got.Status != 404 {
			t.Errorf("%s: DELETE: %d", name, got.Status)
		}
		if got := r.Do("GET", "/v1/recordings", "", headers...); got.Status != 404 && name != "own page" {
			t.Errorf("%s: lists %s", name, got.Body)
		}
	}
	status, got := r.json(tapedAt(access.Watch, "es"), evil...)
	if langs := got["languages"].([]any); status != 200 || len(langs) != 1 || got["control"] != nil || !strings.Contains(langs[0].(map[string]any)["file"].(string), tapedAt(access.Watch, "es")) {
		t.Errorf("who may watch Spanish: %d %v", status, got)
	}
	for path, want := range map[string]int{
		tapedAt(access.Watch, "es") + "/es/index.m3u8": 200, tapedAt(access.Watch, "es") + "/en/index.m3u8": 404, tapedAt(access.Watch, "es") + "/en.vtt": 404,
		tapedAt(access.Watch, "") + "/en/index.m3u8": 200, tapedAt(access.Control, "") + "/en/index.m3u8": 200, tapedAt(access.Control, "") + "/fr/index.m3u8": 404,
		tapedAt(access.Control, "") + "/es/other.txt": 404, tapedAt(access.Control, "") + "/es.txt": 404, tapedAt(access.Control, "") + "/es/a/b/c": 404,
		tapedAt(access.Control, "") + "/es/..%2fa/00000001.m4s": 404,
	} {
		if got := r.Do("GET", path, "", evil...); got.Status != want || want == 404 && !strings.Contains(got.Body, `"hint"`) {
			t.Errorf("%s: %d %s", path, got.Status, got.Body)
		}
	}
	for role, want := range map[access.Role]int{access.Watch: 404, access.Publish: 404, access.Control: 204} {
		if got := r.Do("DELETE", tapedAt(role, ""), "", evil...); got.Status != want {
			t.Errorf("DELETE by %s: %d", role, got.Status)
		}
	}
	if len(s.deleted) != 1 || s.deleted[0] != taped {
		t.Errorf("deleted %q", s.deleted)
	}
	if got := r.Do("DELETE", tapedAt(access.Control, ""), ""); got.Status != 404 {
		t.Errorf("DELETE again: %d", got.Status)
	}
	s.erased = true // by another node, which was told first
	if got := r.Do("DELETE", tapedAt(access.Control, ""), ""); got.Status != 204 || len(s.deleted) != 2 {
		t.Errorf("DELETE of what is erased: %d", got.Status)
	}
}

func TestRecordingsFilter(t *testing.T) {
	r, s := keeping(t)
	if status, _ := r.json("/v1/recordings?session=talk&lang=es&state=whole&since=2026-11-01&before=2026-11-27T18:00:00Z&limit=7&after=x"); status != 200 {
		t.Fatal(status)
	}
	want := store.Filter{Session: "talk", Lang: "es", State: "whole", Since: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), Before: time.Date(2026, 11, 27, 18, 0, 0, 0, time.UTC), Limit: 7, After: "x"}
	if s.asked[0] != want {
		t.Errorf("%+v", s.asked[0])
	}
	for query, text := range map[string]string{
		"state=done": "none of", "limit=0": "1 to 1000", "limit=x": "1 to 1000", "limit=1001": "1 to 1000", "since=yesterday": "write 2026",
		"sesion=talk": "nothing to ask by", "limit=1&limit=2": "twice",
	} {
		if status, got := r.json("/v1/recordings?" + query); status != 400 || !strings.Contains(got["error"].(string), text) {
			t.Errorf("%s: %d %v", query, status, got)
		}
	}
	s.err = store.ErrInvalid
	if status, got := r.json("/v1/recordings?after=nonsense"); status != 400 || !strings.Contains(got["error"].(string), "after") {
		t.Errorf("%d %v", status, got)
	}
	for err, want := range map[error]int{store.ErrUnavailable: 503, store.ErrErased: 404, store.ErrNotFound: 404, errors.New("disk on fire"): 500} {
		s.err = fmt.Errorf("wrapped: %w", err)
		for _, p := range []string{"", "/es/index.m3u8", "/es.vtt", "/es.mp4", "/es/a/00000001.m4s"} {
			if got := r.Do("GET", tapedAt(access.Control, "")+p, ""); got.Status != want || (got.Header.Get("Retry-After") != "") != (want == 503) || strings.Contains(got.Body, "fire") {
				t.Errorf("%v: %s: %d %s", err, p, got.Status, got.Body)
			}
		}
	}
}

// TestKeepsNothing: a server without a store has no such paths, and the page is told what is recorded.
func TestKeepsNothing(t *testing.T) {
	r := open(t)
	for _, p := range []string{"/v1/recordings", "/v1/recordings/x", "/v1/recordings/x/es.mp4"} {
		if got := r.Do("GET", p, ""); got.Status != 404 || !strings.Contains(got.Body, "there is nothing at") {
			t.Errorf("%s: %d %s", p, got.Status, got.Body)
		}
	}
	r, _ = keeping(t)
	r.Desk.PairsFunc = func() []signaling.PairInfo { return nil }
	if _, got := r.json("/v1/languages"); got["record"] != "dubs" || got["keeps"] != true {
		t.Errorf("%v", got)
	}
}

func FuzzFilter(f *testing.F) {
	f.Add("session=talk&since=2026-11-01")
	f.Add("limit=%31&before=0000-01-01&limit=")
	f.Fuzz(func(t *testing.T, query string) {
		q, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		got, err := filter(q)
		if k := new(signaling.Error); err != nil && (!errors.As(err, &k) || k.Kind != signaling.ErrBadRequest) {
			t.Errorf("%v", err)
		}
		if err == nil && (got.Limit < 0 || got.Limit > maxAsked) {
			t.Errorf("%+v", got)
		}
	})
}
