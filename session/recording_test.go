package session_test

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"livedub/inference/fake"
	"livedub/media"
	"livedub/media/file"
	"livedub/session/fanout"
	"livedub/session/spec"
)

// killed is a publisher that sends nothing more some time after it began, and
// whose end is noticed 2 s later, as a peer's connection tells it.
type killed struct {
	*caller
	after time.Duration
}

func (k *killed) Read(ctx context.Context) (media.Packet, error) {
	p, err := k.src.Read(ctx)
	if err != nil || p.DTS >= k.after {
		if err := k.clock.Wait(ctx, k.start+k.after+2*time.Second); err != nil {
			return media.Packet{}, err
		}
		return media.Packet{}, io.EOF
	}
	k.src.next-- // it is the caller's to send
	return k.caller.Read(ctx)
}

// TestRecordedCallPlays records a live dub whose publisher is killed, and whose
// session is deleted at once or when all has been shown.
func TestRecordedCallPlays(t *testing.T) {
	src := speaker(t, seconds(9), said, true, true)
	const lived = 6 // seconds of the publisher's life
	for _, shown := range []bool{true, false} {
		path := filepath.Join(t.TempDir(), "call.mp4")
		d := spec.Sync.DefaultDelay()
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			l := r.live(t)
			time.Sleep(seconds(1.5))
			sink, err := file.Create(path, file.SinkConfig{Epoch: l.Clock.Now() + d, Video: media.H264, Audio: media.Opus})
			if err != nil {
				t.Fatal(err)
			}
			l.add("es", sink, fanout.Recording())
			l.speak(&killed{newCaller(src, l.Clock), seconds(lived)})
			time.Sleep(seconds(lived) + seconds(.1))
			if shown {
				time.Sleep(d + seconds(.5))
			}
			if err := l.m.Delete("a"); err != nil {
				t.Fatal(err)
			}
			if f := l.State().Failures; len(f) > 0 {
				t.Errorf("failures %v", f)
			}
		})
		want, dubs := lived*testFPS, 2
		if !shown {
			want, dubs = int(seconds(lived+.1)-d)*testFPS/int(time.Second), 1
		}
		got := recorded(t, path)
		show := shownFrames(t, got)
		if len(show) < want-3 || len(show) > want+1 {
			t.Errorf("all shown %v: %d frames in the file, want about %d", shown, len(show), want)
		}
		for i, p := range show {
			if at := time.Duration(i) * time.Second / testFPS; p.number != i%16 || p.at < at-seconds(.01) || p.at > at+seconds(.01) {
				t.Fatalf("all shown %v: frame %d shows %d at %v", shown, i, p.number, p.at)
			}
		}
		pcm := sound(t, got)
		for i, b := range said[:dubs] {
			if lv := level(pcm, fake.Tone, b.from+seconds(.05)); lv < 3000 {
				t.Errorf("all shown %v: dub %d is at %.0f in the file", shown, i, lv)
			}
		}
	}
}

// recorded reads a whole file.
func recorded(t *testing.T, path string) *memory {
	t.Helper()
	f, err := file.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	out := &memory{tracks: f.Tracks()}
	for {
		p, err := f.Read(t.Context())
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		out.packets = append(out.packets, p)
	}
}

// TestRecordingKeepsNoSession: what records does not keep an idle session open; a viewer does.
func TestRecordingKeepsNoSession(t *testing.T) {
	src := speaker(t, seconds(1), nil, true, true)
	for _, spoke := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			l := newRig(t).live(t)
			if spoke {
				l.publish(src)
			}
			tape := &memory{}
			l.add("es", tape, fanout.Recording())
			viewer := l.add("es", &memory{})
			if n := l.State().Dubs[0].Viewers; n != 1 {
				t.Errorf("%d viewers, want one: the other records", n)
			}
			time.Sleep(3 * time.Minute)
			if _, err := l.m.Get("a"); err != nil || tape.closes() != 0 {
				t.Errorf("somebody watches: %v, the recording was closed %d times", err, tape.closes())
			}
			viewer.Close()
			time.Sleep(30 * time.Second)
			if _, err := l.m.Get("a"); err != nil {
				t.Errorf("half a minute after the viewer: %v", err)
			}
			time.Sleep(time.Minute)
			if _, err := l.m.Get("a"); !errors.Is(err, spec.ErrNotFound) {
				t.Errorf("nobody speaks or watches: %v", err)
			}
			if tape.closes() != 1 {
				t.Errorf("the recording was closed %d times", tape.closes())
			}
			if spoke && tape.known(media.Audio) == nil {
				t.Error("nothing was recorded")
			}
		})
	}
}
