package srt

import (
	"encoding/json"
	"errors"
	"net"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"livedub/internal/testkit/filmtest"
	"livedub/internal/testkit/groundtest"
	"livedub/internal/testkit/pushtest"
	"livedub/media"
	"livedub/media/mpegts"
)

// probe returns what ffprobe says of a film's streams: codec and language of each.
func probe(t *testing.T, path string) (out []string) {
	t.Helper()
	bin, err := exec.LookPath("ffprobe")
	if err != nil {
		groundtest.Need(t, "no ffprobe")
	}
	data, err := exec.Command(bin, "-v", "error", "-show_streams", "-of", "json", path).Output()
	if err != nil {
		t.Fatal(err)
	}
	var said struct {
		Streams []struct {
			Codec string            `json:"codec_name"`
			Tags  map[string]string `json:"tags"`
		}
	}
	if err := json.Unmarshal(data, &said); err != nil {
		t.Fatal(err)
	}
	for _, s := range said.Streams {
		out = append(out, strings.TrimSpace(s.Codec+" "+s.Tags["language"]))
	}
	return out
}

// TestPushToFFmpeg has another's listener write a picture with sounds in three languages.
func TestPushToFFmpeg(t *testing.T) {
	const length = 6 * time.Second
	addr := "127.0.0.1:" + pushtest.FreePort(t, "udp")
	r := pushtest.Receive(t, "srt://"+addr+"?mode=listener&passphrase=correct-horse")
	var p *Pusher
	for began := time.Now(); ; time.Sleep(100 * time.Millisecond) {
		var err error
		if p, err = Push(t.Context(), netip.MustParseAddrPort(addr), PushOptions{StreamID: "publish:talk", Passphrase: "correct-horse", Latency: 200 * time.Millisecond}); err == nil {
			break
		}
		if time.Since(began) > 20*time.Second {
			t.Fatal(err)
		}
	}
	defer p.Close()
	src := filmtest.Speaker(t, length)
	video, audio := *media.FindTrack(src.Tracks(), media.Video), *media.FindTrack(src.Tracks(), media.Audio)
	err := p.Start([]mpegts.Track{{Track: video}, {Track: audio, Lang: "es"}, {Track: audio, Lang: "ca"}, {Track: audio, Lang: "en-GB"}})
	if err != nil {
		t.Fatal(err)
	}
	pushtest.Play(t, src, 1, func(k media.Packet) error {
		if k.Kind == media.Video {
			return p.Write(0, k)
		}
		return errors.Join(p.Write(1, k), p.Write(2, k), p.Write(3, k))
	})
	time.Sleep(time.Second) // what is on its way is lost with the call
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	t.Log(r.Wait(10 * time.Second))
	if got := probe(t, r.Path); !slices.Equal(got, []string{"h264", "aac spa", "aac cat", "aac eng"}) {
		t.Errorf("streams %q", got)
	}
	film, err := filmtest.Read(t.Context(), r.Path)
	if err != nil {
		t.Fatal(err)
	}
	late := film.Late(25)
	if len(film.Frames) < 140 || len(late) < 5 || max(-late[0], late[len(late)-1]) > 45 {
		t.Errorf("%d frames, %d markers, late by %.1f ms", len(film.Frames), len(film.Markers), late)
	}
	t.Logf("%d frames; late by %.1f ms", len(film.Frames), late)
}

func TestPushIsRefused(t *testing.T) {
	addr := "127.0.0.1:" + pushtest.FreePort(t, "udp")
	pushtest.Receive(t, "srt://"+addr+"?mode=listener&passphrase=correct-horse")
	var refused *RefusedError
	for began := time.Now(); ; {
		_, err := Push(t.Context(), netip.MustParseAddrPort(addr), PushOptions{StreamID: "sesame", Passphrase: "another-horse"})
		if err == nil {
			t.Fatal("it is let in")
		}
		if errors.As(err, &refused) && refused.Code == uint64(badSecret) {
			return
		}
		if time.Since(began) > 30*time.Second {
			t.Fatal(err)
		}
	}
}

// TestPushToNobody: nothing is left behind by calls that nobody answers, which the
// library does not see to.
func TestPushToNobody(t *testing.T) {
	silent, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	done := make(chan error)
	for range 20 {
		go func() {
			_, err := Push(t.Context(), netip.MustParseAddrPort(silent.LocalAddr().String()), PushOptions{})
			done <- err
		}()
	}
	for range 20 {
		if err := <-done; err == nil || errors.As(err, new(*RefusedError)) {
			t.Error(err)
		}
	}
}

// TestPushLosesItsPeer has the far end fall silent.
func TestPushLosesItsPeer(t *testing.T) {
	addr := "127.0.0.1:" + pushtest.FreePort(t, "udp")
	r := pushtest.Receive(t, "srt://"+addr+"?mode=listener")
	for began := time.Now(); ; {
		p, err := Push(t.Context(), netip.MustParseAddrPort(addr), PushOptions{})
		if err == nil {
			r.Kill()
			select {
			case <-p.Done():
			case <-time.After(20 * time.Second):
				t.Error("nobody notices")
			}
			p.Close()
			return
		}
		if time.Since(began) > 30*time.Second {
			t.Fatal(err)
		}
	}
}
