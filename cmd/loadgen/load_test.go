package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"

	"livedub/internal/testkit/caller"
	"livedub/internal/testkit/echotest"
)

// tones is made once.
var tones = sync.OnceValues(func() (*caller.Material, error) { return caller.Tones(320, 180) })

func synthetic(t testing.TB) *caller.Material {
	t.Helper()
	m, err := tones()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// echo is a server that dubs nothing: what a speaker sends goes to all who watch
// its session, at once. It answers as livedub does, and can hang up on its peers.
type echo struct {
	t        *testing.T
	base     string
	mu       sync.Mutex
	sessions map[string]*echoed
	wg       sync.WaitGroup
	full     int           // sessions that are refused before the first is taken
	lifetime time.Duration // of a session; 0: until it is ended
	shut     time.Time     // until then nobody can connect
}

type echoed struct {
	tracks [2]*webrtc.TrackLocalStaticRTP // video, audio
	peers  map[string]*webrtc.PeerConnection
	began  time.Time
	ended  bool
}

func newEcho(t *testing.T) *echo {
	e := &echo{t: t, sessions: map[string]*echoed{}}
	web := httptest.NewServer(e)
	e.base = web.URL
	t.Cleanup(func() {
		web.Close()
		e.hangUp(func(string) bool { return true })
		e.wg.Wait()
	})
	return e
}

// hangUp closes peers by their kind: "whip" or "whep". Nobody can connect for a while.
func (e *echo) hangUp(which func(kind string) bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.shut = time.Now().Add(400 * time.Millisecond)
	for _, s := range e.sessions {
		for name, pc := range s.peers {
			if kind, _, _ := strings.Cut(name, "-"); which(kind) {
				_ = pc.GracefulClose()
				delete(s.peers, name)
			}
		}
	}
}

func (e *echo) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case r.URL.Path == "/v1/sessions":
		if e.full > 0 {
			e.full--
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		e.create(w)
		return
	case len(parts) < 2:
	case parts[0] == "v1":
		s := e.sessions[parts[2]]
		if s == nil || s.ended {
			break
		}
		if e.lifetime > 0 && time.Since(s.began) > e.lifetime {
			s.ended = true
			break
		}
		s.ended = r.Method == http.MethodDelete
		now := time.Since(s.began).Seconds()
		_ = json.NewEncoder(w).Encode(map[string]any{"now": now, "dubs": map[string]any{"es": map[string]any{"ladder": "lips",
			"phrases": []map[string]any{{"id": 1, "source_start": 1, "source_end": 2, "dub_start": 1, "fate": "played"}}}}})
		return
	case r.Method == http.MethodDelete:
		return
	case time.Now().Before(e.shut):
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	default:
		if s := e.sessions[parts[1]]; s != nil && !s.ended {
			e.connect(w, r, s, parts[0])
			return
		}
	}
	http.NotFound(w, r)
}

func (e *echo) create(w io.Writer) {
	id := fmt.Sprint("s", len(e.sessions))
	s := &echoed{peers: map[string]*webrtc.PeerConnection{}, began: time.Now()}
	for i, mime := range []string{webrtc.MimeTypeH264, webrtc.MimeTypeOpus} {
		var err error
		if s.tracks[i], err = webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: mime}, mime[:5], "echo"); err != nil {
			e.t.Error(err)
		}
	}
	e.sessions[id] = s
	_ = json.NewEncoder(w).Encode(caller.Made{ID: id, Profile: "sync", WHIP: e.base + "/whip/" + id,
		WHEP: map[string]string{"es": e.base + "/whep/" + id + "/es"}, Control: e.base + "/v1/sessions/" + id})
}

// connect takes a peer; e.mu is held.
func (e *echo) connect(w http.ResponseWriter, r *http.Request, s *echoed, kind string) {
	offer, _ := io.ReadAll(r.Body)
	pc, err := webrtc.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		http.Error(w, err.Error(), 500)
		return
	}
	name := fmt.Sprint(kind, "-", time.Now().UnixNano())
	s.peers[name] = pc
	if kind == "whep" {
		for _, t := range s.tracks {
			if _, err := pc.AddTrack(t); err != nil {
				http.Error(w, err.Error(), 500)
				return
			}
		}
	}
	answer, err := echotest.Answer(pc, string(offer), func(kind webrtc.RTPCodecType) *webrtc.TrackLocalStaticRTP {
		if kind == webrtc.RTPCodecTypeAudio {
			return s.tracks[1]
		}
		return s.tracks[0]
	}, &e.wg)
	if err != nil {
		http.Error(w, err.Error(), 500)
		return
	}
	w.Header().Set("Location", "/resource")
	w.WriteHeader(http.StatusCreated)
	_, _ = io.WriteString(w, answer)
}

// under puts load on an echo.
func under(t *testing.T, e *echo, args string) (*report, []map[string]any) {
	t.Helper()
	o, err := parse(append([]string{"--base", e.base}, strings.Fields(args)...), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	var lines bytes.Buffer
	r, err := load(t.Context(), o, synthetic(t), &lines)
	if err != nil {
		t.Fatal(err)
	}
	var all []map[string]any
	for line := range strings.Lines(lines.String()) {
		var v map[string]any
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		all = append(all, v)
	}
	return r, all
}

func count(lines []map[string]any, event, role string) int {
	n := 0
	for _, l := range lines {
		if l["event"] == event && (role == "" || l["role"] == role) {
			n++
		}
	}
	return n
}

// TestLoad: two speakers and their viewers at an echo: what is sent comes back whole and at once.
func TestLoad(t *testing.T) {
	e := newEcho(t)
	e.full = 1
	r, lines := under(t, e, "--sessions 2 --viewers 2 --for 6s --decode 3 --wait 3s")
	if r.End.Started != 2 || r.End.Failed != 0 {
		t.Fatalf("%+v", r.End)
	}
	if count(lines, "start", "") != 1 || count(lines, "connected", "speaker") != 2 || count(lines, "connected", "viewer") != 4 ||
		count(lines, "first_frame", "viewer") != 4 || count(lines, "first_dub", "") != 2 || count(lines, "session", "") != 2 || count(lines, "end", "") != 1 {
		t.Errorf("lines: %v", lines)
	}
	decoded := 0
	for _, s := range r.Sessions {
		if s.Sent.Frames < 60 || s.Sent.Packets < 200 || s.FirstDubMS == nil || *s.FirstDubMS < 0 || *s.FirstDubMS > 2000 {
			t.Errorf("session %d: %+v, first dub %v", s.Session, s.Sent, s.FirstDubMS)
		}
		for _, v := range s.Viewers {
			if v.Frames < 40 || v.Sounds < 100 || v.FrameLoss > 0 || v.Codec != "h264" {
				t.Errorf("session %d: %+v", s.Session, v)
			}
			if v.Decoded {
				decoded++
				if v.GlassMS == nil || v.GlassMS.P50 < 0 || v.GlassMS.P50 > 500 || v.Misread > 0 || v.Twice > 0 {
					t.Errorf("session %d: %+v, glass to glass %+v", s.Session, v, v.GlassMS)
				}
			} else if v.GlassMS != nil {
				t.Error("a viewer that decodes nothing has read numbers")
			}
		}
	}
	if decoded != 3 {
		t.Errorf("%d viewers decoded", decoded)
	}
	for _, s := range e.sessions {
		if !s.ended {
			t.Error("a session was not ended")
		}
	}
	var table bytes.Buffer
	if err := r.table(&table); err != nil || !strings.Contains(table.String(), "2 of 2 started, 0 failed") || !strings.Contains(table.String(), "glass to glass") {
		t.Errorf("%v:\n%s", err, &table)
	}
}

// TestLost: peers that are hung up on connect anew; what is missing between is counted.
func TestLost(t *testing.T) {
	e := newEcho(t)
	synthetic(t) // it takes a while the first time
	timers := []*time.Timer{
		time.AfterFunc(2*time.Second, func() { e.hangUp(func(kind string) bool { return kind == "whip" }) }),
		time.AfterFunc(4*time.Second, func() { e.hangUp(func(kind string) bool { return kind == "whep" }) }),
	}
	defer func() {
		for _, timer := range timers {
			timer.Stop()
		}
	}()
	r, lines := under(t, e, "--for 8s")
	s := r.Sessions[0]
	v := s.Viewers[0]
	if !s.OK || s.Sent.Lost != 1 || s.Sent.SourceGapMS < 400 || v.Lost < 1 || r.End.Lost < 2 {
		t.Errorf("%+v, %+v, viewer %+v", s.Error, s.Sent, v)
	}
	if count(lines, "lost", "speaker") != 1 || count(lines, "reconnected", "speaker") != 1 || count(lines, "reconnected", "viewer") != v.Lost || count(lines, "freeze", "") < 2 {
		t.Errorf("lines: %v", lines)
	}
	// The material's time went on meanwhile.
	if v.Missing < 10 || v.Twice > 0 || v.Freezes < 2 || v.GapMaxMS < 400 {
		t.Errorf("%+v", v)
	}
}

// TestNoPlace: a session that never finds a place fails by the server's own words, when the load is over.
func TestNoPlace(t *testing.T) {
	e := newEcho(t)
	e.full = 1000
	r, lines := under(t, e, "--for 2s --wait 1m")
	var table bytes.Buffer
	if err := r.table(&table); err != nil || r.End.NoPlace != 1 || !strings.Contains(table.String(), "1 of 1 sessions found no place") {
		t.Errorf("%v:\n%s", err, &table)
	}
	if r.End.Failed != 1 || !strings.Contains(r.End.FirstFail, "HTTP 503") || count(lines, "refused", "session") != 1 {
		t.Errorf("%+v: %v", r.End, lines)
	}
	if e.full > 998 {
		t.Errorf("it asked %d times", 1000-e.full)
	}
}

// TestMemory: a load that takes more memory than it may ends, and its sessions with it.
func TestMemory(t *testing.T) {
	if memory() < 5 {
		t.Fatalf("%d MB of memory", memory())
	}
	e := newEcho(t)
	o := options{base: e.base, sessions: 2, viewers: 1, from: "en", to: []string{"es"}, delayMS: -1, length: time.Minute, memoryMB: 1}
	began := time.Now()
	r, err := load(t.Context(), o, synthetic(t), nil)
	if full := (memoryError{}); !errors.As(err, &full) || !strings.Contains(err.Error(), "more than --memory 1") {
		t.Errorf("%v", err)
	}
	if took := time.Since(began); took > 30*time.Second || r == nil {
		t.Errorf("it took %v to end", took)
	}
	for id, s := range e.sessions {
		if !s.ended {
			t.Errorf("session %s was not ended", id)
		}
	}
}

// TestGone: a session that the server has ended is a failed one, and does not last to the end.
func TestGone(t *testing.T) {
	e := newEcho(t)
	e.lifetime = time.Second
	r, lines := under(t, e, "--for 60s")
	if r.End.Failed != 1 || !strings.Contains(r.End.FirstFail, "the session is gone") || count(lines, "failed", "") != 1 || r.End.At > 30 {
		t.Errorf("%+v", r.End)
	}
}
