package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"
	pionmedia "github.com/pion/webrtc/v4/pkg/media"

	"livedub/inference"
	"livedub/inference/fake"
	"livedub/media"
	"livedub/media/codec"
	"livedub/media/pace"
)

// crossDelay is D where phrases are counted: it is longer than any of them, so that each
// dub stands at its own time.
const crossDelay = 4 * time.Second

// crosser is a client of a session, speaker and viewer in one, that connects anew
// before it leaves, as the page does.
type crosser struct {
	t     *testing.T
	g     *server
	p     place
	src   *tape
	said  []inference.Phrase
	began time.Time // when the first packet was sent

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
		go answersNACK(sender)
	}
	connected := connects(pc)
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
		m, ok := c.told(ctx)
		if !ok {
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

// told waits until the session tells that it has moved.
func (c *crosser) told(ctx context.Context) (m move, ok bool) {
	events := lines(c.t, c.g, c.p.Control+"/events")
	for last := ""; ; {
		select {
		case line := <-events:
			if data, is := strings.CutPrefix(line, "data: "); is && last == "event: moved" {
				if err := json.Unmarshal([]byte(data), &m); err != nil {
					c.t.Error(err)
				}
				return m, true
			}
			last = line
		case <-ctx.Done():
			return m, false
		}
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
	w.eachSound(t, func(_ int, u received, s media.Samples) {
		pcm := make([]float64, len(s.Data))
		for i, v := range s.Data {
			pcm[i] = float64(v)
		}
		out = append(out, sound{u.at, tone(pcm, fake.Tone, .01) > 1500})
	})
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
		if s.dubbed && s.at.Sub(last) > 500*time.Millisecond {
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

// spoken returns the phrases of a tape, as the fake recognizer hears them.
func spoken(t *testing.T, src *tape) (out []inference.Phrase) {
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
					out = append(out, p)
				}
			}
		}
	}
	return out
}

// near is how far a dub may begin off its time: its first vowel comes a little later.
const near = 400 * time.Millisecond

// check compares what was heard with what was said: each phrase begins at its time, and
// nothing sounds outside of one.
func (c *crosser) check() {
	t := c.t
	t.Helper()
	h := c.judge()
	var report bytes.Buffer
	said, lost, extra := 0, 0, 0
	within := make([]bool, len(h.onsets))
	for _, p := range c.said {
		start := c.began.Add(p.Start + crossDelay)
		if start.After(time.Now().Add(-2 * time.Second)) {
			break // it is still to come
		}
		said++
		heard := false
		for i, o := range h.onsets {
			heard = heard || o.Sub(start).Abs() < near
			within[i] = within[i] || o.Sub(start) > -near && o.Sub(start) < p.End-p.Start+near/2
		}
		if !heard {
			lost++
			fmt.Fprintf(&report, "phrase %d, said at %.2f s, was not heard\n", p.ID, p.Start.Seconds())
		}
	}
	for i, o := range h.onsets {
		if !within[i] && o.Before(time.Now().Add(-2*time.Second)) {
			extra++
			fmt.Fprintf(&report, "a dub sounds at %.2f s, where nobody spoke\n", (o.Sub(c.began) - crossDelay).Seconds())
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, m := range c.moves {
		fmt.Fprintf(&report, "move %d: told at %.2f s, seen %v later, the speaker there %v later\n", i, m.told.Sub(c.began).Seconds(), m.seen.Sub(m.told).Round(time.Millisecond), m.spoken.Sub(m.told).Round(time.Millisecond))
	}
	t.Logf("%d phrases said, %d lost, %d too many; %d moves, %d without a silence, sound gap %v, picture gap %v\n%s",
		said, lost, extra, h.switched, h.unsilent, h.soundGap.Round(time.Millisecond), h.pictureGap.Round(time.Millisecond), report.String())
	if said == 0 || lost > 0 || extra > 0 {
		t.Errorf("of %d phrases %d were lost, %d too many", said, lost, extra)
	}
}
