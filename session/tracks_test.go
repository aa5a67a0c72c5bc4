package session_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"livedub/inference/fake"
	"livedub/media"
	"livedub/session/spec"
)

// strict is a sink that needs all of its tracks before it begins, as a file does.
type strict struct {
	video, audio media.Codec
	fail         func(media.Packet) error // of Write

	mu      sync.Mutex
	started int
	tracks  []media.Track
	packets []media.Packet
	wrong   string // the first breach of the contract
	closed  int
}

func (s *strict) Codecs() (video, audio media.Codec) { return s.video, s.audio }

func (s *strict) Start(tracks []media.Track) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.started++
	s.tracks = slices.Clone(tracks)
	if s.started > 1 || len(s.packets) > 0 {
		s.blame("started twice, or late")
	}
	return nil
}

func (s *strict) Write(p media.Packet) error {
	s.mu.Lock()
	switch {
	case s.started == 0:
		s.blame("written before it was started")
	case s.closed > 0:
		s.blame("written after it was closed")
	case media.FindTrack(s.tracks, p.Kind) == nil:
		s.blame(p.Kind.String() + " of no track")
	}
	s.packets = append(s.packets, p)
	s.mu.Unlock()
	if s.fail != nil {
		return s.fail(p)
	}
	return nil
}

func (s *strict) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed++
	return nil
}

// closes returns how often it was closed.
func (s *strict) closes() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

func (s *strict) blame(what string) {
	if s.wrong == "" {
		s.wrong = what
	}
}

// copy returns what it got so far as a source.
func (s *strict) copy() *memory {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &memory{tracks: slices.Clone(s.tracks), packets: slices.Clone(s.packets)}
}

// breach returns the first breach of the contract, "" for none.
func (s *strict) breach() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.wrong
}

// count returns how many packets of a kind were written, and the first of them.
func (s *strict) count(k media.Kind) (n int, first media.Packet) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.packets {
		if p.Kind != k {
			continue
		}
		if n == 0 {
			first = p
		}
		n++
	}
	return n, first
}

// told checks that each kind that the sink takes was announced whole.
func (s *strict) told(t *testing.T, want ...media.Kind) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.started != 1 || s.wrong != "" || len(s.tracks) != len(want) {
		t.Errorf("started %d times with %d tracks of %d; %q", s.started, len(s.tracks), len(want), s.wrong)
	}
	for _, kind := range want {
		tr := media.FindTrack(s.tracks, kind)
		switch {
		case tr == nil:
			t.Errorf("no %s track", kind)
		case kind == media.Audio:
			if tr.Codec != media.Opus || tr.SampleRate != 48000 || tr.Channels != 1 || !bytes.HasPrefix(tr.Extradata, []byte("OpusHead")) {
				t.Errorf("sound told as %+v", *tr)
			}
		default:
			if tr.Codec != s.video || tr.Width != testW || tr.Height != testH {
				t.Errorf("frames told as %s, %d by %d", tr.Codec, tr.Width, tr.Height)
			}
			if sets := units(tr.Extradata); tr.Codec == media.H264 && !slices.Equal(sets, []byte{7, 8}) {
				t.Errorf("H.264 told with units %v, want SPS and PPS", sets)
			}
		}
	}
}

// units returns the types of the NAL units in b, which is in Annex B form.
func units(b []byte) (types []byte) {
	for i := 0; i+3 < len(b); i++ {
		if bytes.Equal(b[i:i+3], []byte{0, 0, 1}) {
			types = append(types, b[i+3]&0x1f)
		}
	}
	return types
}

// TestSinkOfAnotherCodecIsRefused: nobody gets what it cannot decode.
func TestSinkOfAnotherCodecIsRefused(t *testing.T) {
	src := speaker(t, seconds(1), nil, true, true)
	synctest.Test(t, func(t *testing.T) {
		l := newRig(t).live(t)
		l.publish(src)
		for _, c := range []struct {
			video, audio media.Codec
			made         []string // what the error names
		}{
			{media.H264, media.AAC, []string{"aac", "opus"}}, {"", media.AAC, []string{"aac", "opus"}},
			{media.HEVC, media.Opus, []string{"hevc", "h264", "vp8"}}, {media.VP9, "", []string{"vp9", "h264", "vp8"}},
			{"", "", []string{"neither"}},
		} {
			sink := &strict{video: c.video, audio: c.audio}
			_, err := l.Subscribe("es", sink)
			if !errors.Is(err, spec.ErrInvalid) || slices.ContainsFunc(c.made, func(w string) bool { return !strings.Contains(err.Error(), w) }) {
				t.Errorf("%q and %q: %v, which should name %v", c.video, c.audio, err, c.made)
			}
			if sink.closed != 0 { // it is still the caller's
				t.Errorf("%q and %q: closed", c.video, c.audio)
			}
		}
		if n := l.State().Dubs[0].Viewers; n != 0 {
			t.Errorf("%d viewers", n)
		}
	})
}

// TestSinkIsStartedWithCompleteTracks attaches sinks that need all of their
// tracks, at once and in the middle of a call.
func TestSinkIsStartedWithCompleteTracks(t *testing.T) {
	src := speaker(t, seconds(9), said, true, true)
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		l := r.live(t)
		both := []media.Kind{media.Audio, media.Video}
		sinks := map[*strict][]media.Kind{
			{video: media.H264, audio: media.Opus}: both,
			{video: media.VP8, audio: media.Opus}:  both,
			{audio: media.Opus}:                    both[:1],
			{video: media.H264}:                    both[1:],
		}
		for s := range sinks {
			l.add("es", s)
		}
		l.attach("es")
		l.publish(src)
		time.Sleep(seconds(6.01))
		late := &strict{video: media.H264, audio: media.Opus}
		sinks[late] = both
		l.add("es", late)
		time.Sleep(seconds(9))
		for s, want := range sinks {
			s.told(t, want...)
			n, first := s.count(media.Video)
			frames := 225
			if s == late {
				frames = 225 - 50
			}
			if s.video != "" && (n < frames-2 || n > frames || !first.Key) {
				t.Errorf("%s: %d frames of about %d, the first is a keyframe: %v", s.video, n, frames, first.Key)
			}
			if n, _ := s.count(media.Audio); s.audio != "" && n < 400 {
				t.Errorf("%d packets of sound", n)
			}
		}
		if f := l.State().Failures; len(f) > 0 {
			t.Errorf("failures %v", f)
		}
	})
}

// TestSinkStartsWithoutATrackThatDoesNotCome: a call without frames can be recorded.
func TestSinkStartsWithoutATrackThatDoesNotCome(t *testing.T) {
	src := speaker(t, seconds(9), said, true, false)
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		l := r.live(t)
		sink := &strict{video: media.H264, audio: media.Opus}
		l.add("es", sink)
		l.publish(src)
		time.Sleep(seconds(9) + r.cfg.Delay)
		sink.told(t, media.Audio)
		n, first := sink.count(media.Audio)
		if n < 440 || first.PTS > r.cfg.Delay+seconds(.1) { // what came while it waited is there
			t.Errorf("%d packets of sound from %v on", n, first.PTS)
		}
		if lv := level(sound(t, sink.copy()), fake.Tone, said[0].from+r.cfg.Delay+seconds(.05)); lv < 3000 {
			t.Errorf("the dub is at %.0f", lv)
		}
	})
}
