package e2e

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"
	pionmedia "github.com/pion/webrtc/v4/pkg/media"

	"livedub/inference"
	"livedub/inference/fake"
	"livedub/internal/testkit/redistest"
	"livedub/internal/testkit/testspeaker"
	"livedub/media"
	"livedub/media/codec"
	"livedub/media/pace"
)

// crosser is a client of a session, speaker and viewer in one, that connects anew
// before it leaves, as the page does.
type crosser struct {
	t     *testing.T
	g     *server
	p     place
	src   *tape
	said  []time.Duration // when its phrases begin
	began time.Time       // when the first packet was sent

	tracks  map[media.Kind]*webrtc.TrackLocalStaticSample
	speaker *webrtc.PeerConnection

	mu    sync.Mutex
	legs  []leg
	moves []move
}

// leg is one connection of the viewer.
type leg struct {
	*watcher
	pc *webrtc.PeerConnection
}

// move is how one change of nodes went.
type move struct {
	Fence  int64
	told   time.Time // of it
	seen   time.Time // the new connection had sound and frames
	spoken time.Time // the speaker's new connection stood
}

// cross publishes and watches a session until the test ends, and follows it.
func cross(t *testing.T, g *server, p place, src *tape) *crosser {
	t.Helper()
	c := &crosser{t: t, g: g, p: p, src: src, said: spoken(t, src), tracks: map[media.Kind]*webrtc.TrackLocalStaticSample{}}
	for kind, mime := range map[media.Kind]string{media.Video: webrtc.MimeTypeH264, media.Audio: webrtc.MimeTypeOpus} {
		track, err := webrtc.NewTrackLocalStaticSample(webrtc.RTPCodecCapability{MimeType: mime}, kind.String(), "camera")
		if err != nil {
			t.Fatal(err)
		}
		c.tracks[kind] = track
	}
	c.speaker = c.speak()
	c.watch()
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { c.send(ctx) })
	wg.Go(func() { c.follow(ctx) })
	t.Cleanup(func() {
		cancel()
		wg.Wait()
	})
	return c
}

// speak connects the speaker once more.
func (c *crosser) speak() *webrtc.PeerConnection {
	pc := peerConnection(c.t)
	for _, track := range c.tracks {
		sender, err := pc.AddTrack(track)
		if err != nil {
			c.t.Fatal(err)
		}
		go func() { // interceptors answer NACK here
			for {
				if _, _, err := sender.ReadRTCP(); err != nil {
					return
				}
			}
		}()
	}
	connected := make(chan struct{})
	var once sync.Once
	pc.OnConnectionStateChange(func(st webrtc.PeerConnectionState) {
		if st == webrtc.PeerConnectionStateConnected {
			once.Do(func() { close(connected) })
		}
	})
	connect(c.t, c.g, pc, c.p.WHIP, nil)
	<-connected
	return pc
}

// watch connects the viewer once more.
func (c *crosser) watch() leg {
	pc := peerConnection(c.t)
	l := leg{watchBy(c.t, c.g, pc, c.p.WHEP["es"], nil), pc}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.legs = append(c.legs, l)
	return l
}

// send sends the tape as a camera would.
func (c *crosser) send(ctx context.Context) {
	c.began = time.Now()
	paced := pace.Realtime(c.src, pace.NewWall())
	for {
		p, err := paced.Read(ctx)
		if err != nil {
			return
		}
		d := p.Duration
		if p.Kind == media.Video {
			d = time.Second / testFPS
		}
		if c.tracks[p.Kind].WriteSample(pionmedia.Sample{Data: p.Data, Duration: d}) != nil {
			return
		}
	}
}

// follow connects anew whenever the session has moved: the viewer first, then the speaker.
func (c *crosser) follow(ctx context.Context) {
	for ctx.Err() == nil {
		events := lines(c.t, c.g, c.p.Control+"/events")
		moved := false
		var m move
		for line := range events {
			if line == "event: moved" {
				moved = true
			} else if data, ok := strings.CutPrefix(line, "data: "); ok && moved {
				if err := json.Unmarshal([]byte(data), &m); err != nil {
					c.t.Error(err)
				}
				break
			}
		}
		if !moved {
			return
		}
		m.told = time.Now()
		c.mu.Lock()
		old := c.legs[len(c.legs)-1]
		c.mu.Unlock()
		l := c.watch()
		for frames, sounds := 0, 0; frames == 0 || sounds == 0; frames, sounds = l.came() {
			time.Sleep(10 * time.Millisecond)
		}
		m.seen = time.Now()
		before := c.speaker
		c.speaker = c.speak()
		m.spoken = time.Now()
		_ = before.Close()
		time.Sleep(time.Until(m.seen.Add(2500 * time.Millisecond))) // at a silence before that it switches
		_ = old.pc.Close()
		c.mu.Lock()
		c.moves = append(c.moves, m)
		c.mu.Unlock()
	}
}

// moved returns how often it has.
func (c *crosser) moved() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.moves)
}

// sound is one packet of sound as it came.
type sound struct {
	at     time.Time
	dubbed bool // the fake speaker's tone is in it
}

// sounds decodes what a watcher heard.
func (w *watcher) sounds(t *testing.T) (out []sound) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	dec, err := codec.NewAudioDecoder(media.Track{Kind: media.Audio, Codec: media.Opus, SampleRate: 48000, Channels: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer dec.Close()
	for _, u := range w.audio {
		got, err := dec.Decode(media.Packet{Kind: media.Audio, Data: u.data})
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range got {
			pcm := make([]float64, len(s.Data))
			for i, v := range s.Data {
				pcm[i] = float64(v)
			}
			out = append(out, sound{u.at, tone(pcm, fake.Tone, .01) > 1500})
		}
	}
	return out
}

// heardBy is what a viewer heard who crossed: when dubs began, and the longest gaps at
// the crossings.
type heardBy struct {
	onsets               []time.Time
	soundGap, pictureGap time.Duration
	switched, unsilent   int
}

// judge puts the legs together, at a silence of both.
func (c *crosser) judge() heardBy {
	c.t.Helper()
	c.mu.Lock()
	legs, moves := slices.Clone(c.legs), slices.Clone(c.moves)
	c.mu.Unlock()
	var h heardBy
	var all []sound
	var frames []time.Time
	from := time.Time{}
	for i, l := range legs {
		mine := l.sounds(c.t)
		to := time.Now()
		if i < len(moves) {
			to = moves[i].seen
			next := legs[i+1].sounds(c.t)
			for to.Before(moves[i].seen.Add(2*time.Second)) && (sounds(mine, to) || sounds(next, to)) {
				to = to.Add(10 * time.Millisecond)
			}
			if sounds(mine, to) || sounds(next, to) {
				h.unsilent++
			}
			h.switched++
		}
		mine = slices.DeleteFunc(mine, func(s sound) bool { return s.at.Before(from) || !s.at.Before(to) })
		if len(all) > 0 && len(mine) > 0 {
			h.soundGap = max(h.soundGap, mine[0].at.Sub(all[len(all)-1].at))
		}
		all = append(all, mine...)
		l.mu.Lock()
		first := true
		for _, f := range l.video {
			if !f.at.Before(from) && f.at.Before(to) {
				if len(frames) > 0 && first {
					h.pictureGap = max(h.pictureGap, f.at.Sub(frames[len(frames)-1]))
				}
				frames, first = append(frames, f.at), false
			}
		}
		l.mu.Unlock()
		from = to
	}
	last := time.Time{}
	for _, s := range all {
		if s.dubbed && s.at.Sub(last) > 350*time.Millisecond {
			h.onsets = append(h.onsets, s.at)
		}
		if s.dubbed {
			last = s.at
		}
	}
	return h
}

// sounds tells whether a dub sounds within 100 ms of a moment.
func sounds(all []sound, at time.Time) bool {
	return slices.ContainsFunc(all, func(s sound) bool { return s.dubbed && s.at.Sub(at).Abs() < 100*time.Millisecond })
}

// spoken returns when the phrases of a tape begin, as the fake recognizer hears them.
func spoken(t *testing.T, src *tape) (out []time.Duration) {
	t.Helper()
	dec, err := codec.NewAudioDecoder(*media.FindTrack(src.tracks, media.Audio))
	if err != nil {
		t.Fatal(err)
	}
	defer dec.Close()
	to := codec.NewResampler(16000, 1)
	defer to.Close()
	hears, err := new(fake.Recognizer).Open(t.Context(), inference.Listening{Lang: "en"})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range src.packets {
		if p.Kind != media.Audio {
			continue
		}
		sounds, err := dec.Decode(p)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range sounds {
			low, err := to.Resample(s)
			if err != nil {
				t.Fatal(err)
			}
			phrases, err := hears.Write(t.Context(), low)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range phrases {
				if p.Final {
					out = append(out, p.Start)
				}
			}
		}
	}
	return out
}

// check compares what was heard with what was said.
func (c *crosser) check() {
	t := c.t
	t.Helper()
	h, said := c.judge(), c.said
	var off []float64
	said = slices.DeleteFunc(said, func(s time.Duration) bool { return c.began.Add(s + 3*time.Second).After(time.Now()) }) // they are still to come
	for _, s := range said {
		due := c.began.Add(s + time.Second)
		if len(h.onsets) == 0 {
			break
		}
		o := slices.MinFunc(h.onsets, func(a, b time.Time) int { return cmp.Compare(a.Sub(due).Abs(), b.Sub(due).Abs()) })
		off = append(off, o.Sub(due).Seconds())
	}
	slices.Sort(off)
	if len(off) == 0 {
		t.Fatal("nothing was heard")
	}
	usual := off[len(off)/2]
	var report bytes.Buffer
	used := map[time.Time]int{}
	lost := 0
	for i, s := range said {
		due := c.began.Add(s + time.Second + time.Duration(usual*float64(time.Second)))
		o := slices.MinFunc(h.onsets, func(a, b time.Time) int { return cmp.Compare(a.Sub(due).Abs(), b.Sub(due).Abs()) })
		d := o.Sub(due)
		used[o]++
		if d.Abs() > 400*time.Millisecond {
			lost++
			fmt.Fprintf(&report, "phrase %d, said at %.2f s, was not heard; the nearest by %.2f s\n", i, s.Seconds(), d.Seconds())
		}
	}
	extra := 0
	for _, o := range h.onsets {
		if used[o] == 0 {
			extra++
			fmt.Fprintf(&report, "a dub at %.2f s is nobody's or was heard twice\n", o.Sub(c.began).Seconds()-1-usual)
		}
	}
	for i, m := range c.moves {
		fmt.Fprintf(&report, "move %d: told at %.2f s, seen after %v, spoken after %v\n", i, m.told.Sub(c.began).Seconds(), m.seen.Sub(m.told).Round(time.Millisecond), m.spoken.Sub(m.told).Round(time.Millisecond))
	}
	t.Logf("%d phrases said, %d heard, %d lost, %d too many, %.3f s after their time; %d moves, %d without a silence, sound gap %v, picture gap %v\n%s",
		len(said), len(h.onsets), lost, extra, usual, h.switched, h.unsilent, h.soundGap.Round(time.Millisecond), h.pictureGap.Round(time.Millisecond), report.String())
	if lost > 0 || extra > 0 {
		t.Errorf("%d phrases were lost, %d too many", lost, extra)
	}
	if math.Abs(usual) > 2 {
		t.Errorf("phrases were heard %.3f s after their time", usual)
	}
}

// TestDrainMovesSessions ends a node by SIGTERM while a session is spoken and watched in
// it: all go over to the other node, and every phrase is heard once.
func TestDrainMovesSessions(t *testing.T) {
	src := record(t, testspeaker.Config{Width: 320, Height: 180}, 40*time.Second)
	r := redistest.Start(t)
	nodes := map[string]*server{"one": node(t, r, "one", "--drain", "2m"), "two": node(t, r, "two", "--drain", "2m")}
	g := startGateway(t, r)
	p := create(t, g)
	c := cross(t, g, p, src)
	until(t, "the dub is seen", func() bool { n, _ := c.legs[0].came(); return n > 90 })
	sessions, _ := nodesOf(t, g)
	leaves := "one"
	if sessions["two"] == 1 {
		leaves = "two"
	}
	old := nodes[leaves]
	began := time.Now()
	if err := old.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	until(t, "the session has moved", func() bool { return c.moved() == 1 })
	until(t, "the node has left", func() bool { return strings.Contains(old.printed(), "msg=done") })
	t.Logf("the node left after %v", time.Since(began).Round(time.Millisecond))
	time.Sleep(5 * time.Second)
	c.check()
	t.Log(old.printed())
	for id, n := range nodes {
		if id != leaves {
			t.Log(n.printed())
		}
	}
}
