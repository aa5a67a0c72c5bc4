package rtmp

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/abema/go-mp4"
	"github.com/bluenviron/gortmplib"
	shake "github.com/bluenviron/gortmplib/pkg/handshake"
	"github.com/bluenviron/gortmplib/pkg/message"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/opus"

	"livedub/internal/testkit/pushtest"
	"livedub/media"
	"livedub/media/file"
)

// dial connects the library's own client to a server, which publishes as "talk".
func dial(t *testing.T, addr string) (*gortmplib.Client, error) {
	t.Helper()
	u, err := url.Parse("rtmp://" + addr + "/live/talk?from=en&to=es,ca")
	if err != nil {
		t.Fatal(err)
	}
	c := &gortmplib.Client{URL: u, Publish: true}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := c.Initialize(ctx); err != nil {
		return nil, err
	}
	t.Cleanup(c.Close)
	return c, nil
}

// publishing is a client that publishes, and what the server makes of that.
func publishing(t *testing.T) (*gortmplib.Client, *Publisher) {
	t.Helper()
	addr, came := listen(t)
	c, err := dial(t, addr)
	if err != nil {
		t.Fatal(err)
	}
	p := <-came
	if p == nil {
		t.FailNow()
	}
	t.Cleanup(func() { p.Close() })
	return c, p
}

func write(t *testing.T, c *gortmplib.Client, msg message.Message) {
	t.Helper()
	if err := c.Write(msg); err != nil {
		t.Fatal(err)
	}
}

// TestEnhanced: codecs that no plain RTMP has, as an encoder of today sends them.
func TestEnhanced(t *testing.T) {
	for _, c := range []struct {
		name  string
		codec media.Codec
		sound media.Codec
		args  []string
	}{
		{"HEVC with B-frames and AAC", media.HEVC, media.AAC, []string{"-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none:keyint=25:bframes=2", "-c:a", "aac"}},
		{"AV1 and Opus", media.AV1, media.Opus, []string{"-c:v", "libaom-av1", "-cpu-used", "8", "-usage", "realtime", "-g", "25", "-c:a", "libopus"}},
		{"VP9 and MP3", media.VP9, media.MP3, []string{"-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-g", "25", "-c:a", "libmp3lame"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			film := filepath.Join(t.TempDir(), "film.mp4")
			input := slices.DeleteFunc(slices.Clone(pushtest.Film), func(a string) bool { return a == "-re" })
			pushtest.FFmpegRun(t, slices.Concat(input, c.args, []string{"-pix_fmt", "yuv420p", "-t", "2", film})...)
			src, err := file.Open(film)
			if err != nil {
				t.Fatal(err)
			}
			defer src.Close()
			conn, p := publishing(t)
			go send(conn, src)
			got := pushtest.Drain(t, p)
			if err := p.Err(); err != nil {
				t.Error(err)
			}
			if v, a := got.Codecs(); v != c.codec || a != c.sound {
				t.Fatalf("%+v", got)
			}
			if got.Frames < 49 || got.Frames > 50 || got.Failures != 0 || got.Back > 4 || got.Sound < 1900*time.Millisecond {
				t.Errorf("%+v", got)
			}
		})
	}
}

// send publishes a file in its time, and hangs up. Errors end it: the far end is what is looked at.
func send(c *gortmplib.Client, src media.Source) {
	defer c.Close()
	fourCC := map[media.Codec]message.FourCC{
		media.HEVC: message.FourCCHEVC, media.AV1: message.FourCCAV1, media.VP9: message.FourCCVP9,
		media.AAC: message.FourCCMP4A, media.Opus: message.FourCCOpus, media.MP3: message.FourCCMP3,
	}
	video, audio := media.FindTrack(src.Tracks(), media.Video), media.FindTrack(src.Tracks(), media.Audio)
	for _, begin := range []message.Message{sequenceStart(*video), soundStart(*audio)} {
		if begin != nil && c.Write(begin) != nil {
			return
		}
	}
	start, first := time.Now(), time.Duration(-1)
	for {
		p, err := src.Read(context.Background())
		if err != nil {
			return
		}
		if first < 0 {
			first = p.DTS
		}
		dts := p.DTS - first + 200*time.Millisecond
		time.Sleep(time.Until(start.Add(dts)))
		var msg message.Message = &message.AudioExCodedFrames{ChunkStreamID: 4, MessageStreamID: streamID << 24, DTS: dts, FourCC: fourCC[audio.Codec], Payload: p.Data}
		if p.Kind == media.Video {
			msg = &message.VideoExCodedFrames{ChunkStreamID: 6, MessageStreamID: streamID << 24, DTS: dts, PTSDelta: p.PTS - p.DTS, FourCC: fourCC[video.Codec], Payload: p.Data}
		}
		if c.Write(msg) != nil {
			return
		}
	}
}

func sequenceStart(t media.Track) message.Message {
	m := &message.VideoExSequenceStart{ChunkStreamID: 6, MessageStreamID: streamID << 24}
	var box mp4.IImmutableBox
	switch t.Codec {
	case media.HEVC:
		m.FourCC, m.HEVCConfig = message.FourCCHEVC, &mp4.HvcC{}
		box = m.HEVCConfig
	case media.AV1:
		m.FourCC, m.AV1Config = message.FourCCAV1, &mp4.Av1C{}
		box = m.AV1Config
	default:
		m.FourCC, m.VP9Config = message.FourCCVP9, &mp4.VpcC{}
		return m
	}
	if _, err := mp4.Unmarshal(bytes.NewReader(t.Extradata), uint64(len(t.Extradata)), box.(mp4.IBox), mp4.Context{}); err != nil {
		panic(err)
	}
	return m
}

func soundStart(t media.Track) message.Message {
	m := &message.AudioExSequenceStart{ChunkStreamID: 4, MessageStreamID: streamID << 24}
	switch t.Codec {
	case media.AAC:
		m.FourCC, m.AACConfig = message.FourCCMP4A, &mpeg4audio.AudioSpecificConfig{}
		if err := m.AACConfig.Unmarshal(t.Extradata); err != nil {
			panic(err)
		}
	case media.Opus:
		m.FourCC, m.OpusConfig = message.FourCCOpus, &opus.IDHeader{Version: 1, ChannelCount: uint8(t.Channels), InputSampleRate: 48000}
	default:
		return nil
	}
	return m
}

// sounds sends n packets of MP3 each 20 ms, whose times begin at a timestamp.
func sounds(t *testing.T, c *gortmplib.Client, from uint32, n int) {
	t.Helper()
	for i := range n {
		write(t, c, &message.Audio{
			ChunkStreamID: 4, MessageStreamID: streamID << 24, DTS: time.Duration(from+uint32(20*i)) * time.Millisecond,
			Codec: message.CodecMPEG1Audio, Rate: message.AudioRate44100, Depth: message.AudioDepth16, AU: []byte{1, 2, 3},
		})
		time.Sleep(20 * time.Millisecond)
	}
}

// TestClock: times go on as 2^32 ms pass, and begin anew with an encoder.
func TestClock(t *testing.T) {
	c, p := publishing(t)
	sounds(t, c, 1<<32-500, 50)  // wraps
	sounds(t, c, 100_000, 10)    // jumps
	sounds(t, c, 50_000_000, 10) // and again
	c.Close()
	var last time.Duration
	n, gaps := 0, 0
	for {
		k, err := p.Read(t.Context())
		if err != nil {
			break
		}
		if k.Gap {
			gaps++
		}
		// By the time that passed, which is more on a busy machine, not by the jumps of 99 s and more.
		if d := k.PTS - last; n > 0 && (d < 0 || d > 30*time.Second) {
			t.Errorf("packet %d is %v after the one before", n, d)
		}
		last = k.PTS
		n++
	}
	if n != 70 || gaps != 2 || p.Jumps() != 2 {
		t.Errorf("%d packets, %d gaps, %d jumps", n, gaps, p.Jumps())
	}
}

func TestRefuse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	failed := make(chan error, 8)
	s := &Server{
		Serve:  func(_ context.Context, c *Conn) { c.Refuse(BadName, "a live publisher is there already") },
		Failed: func(_ netip.Addr, err error) { failed <- err },
	}
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx, l) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	if _, err := dial(t, l.Addr().String()); err == nil || !strings.Contains(err.Error(), "NetStream.Publish.BadName") || !strings.Contains(err.Error(), "already") {
		t.Errorf("refused with: %v", err)
	}
	for name, send := range map[string]func(nc net.Conn){
		"garbage":  func(nc net.Conn) { nc.Write(bytes.Repeat([]byte{0xa5}, 5000)) },
		"HTTP":     func(nc net.Conn) { nc.Write([]byte("GET / HTTP/1.1\r\n\r\n")) },
		"a hangup": func(nc net.Conn) { nc.Write([]byte{3, 0, 0}); nc.Close() },
		"a deep command": func(nc net.Conn) {
			rw := shakenHands(t, nc)
			body := append([]byte{2, 0, 7}, "connect"...)
			body = append(body, bytes.Repeat([]byte{0x0a, 0, 0, 0, 1}, 12_000)...) // lists in lists
			rw.Write(sizeOf(1 << 16))
			rw.Write(chunk(3, 20, len(body), body))
		},
		"a wide command": func(nc net.Conn) {
			rw := shakenHands(t, nc)
			body := append([]byte{2, 0, 7}, "connect"...)
			body = append(append(body, 0x0a, 0xff, 0xff, 0xff, 0xff), bytes.Repeat([]byte{5}, 60_000)...)
			rw.Write(sizeOf(1 << 16))
			rw.Write(chunk(3, 20, len(body), body))
		},
		"connect to nothing": func(nc net.Conn) {
			body := append([]byte{2, 0, 7}, "connect"...)
			body = append(body, 0, 0, 0, 0, 0, 0, 0, 0, 0)
			shakenHands(t, nc).Write(chunk(3, 20, len(body), body))
		},
		"media at once": func(nc net.Conn) {
			shakenHands(t, nc).Write(chunk(4, typeAudio, 3, []byte{0x2f, 1, 2}))
		},
	} {
		nc, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		send(nc)
		select {
		case err := <-failed:
			if strings.Contains(err.Error(), "panic") {
				t.Errorf("%s: %v", name, err)
			}
		case <-time.After(20 * time.Second):
			t.Errorf("%s: still there", name)
		}
		nc.Close()
	}
}

// shakenHands does a client's handshake.
func shakenHands(t *testing.T, nc net.Conn) net.Conn {
	t.Helper()
	if _, _, err := shake.DoClient(nc, false, false); err != nil {
		t.Fatal(err)
	}
	return nc
}

// TestSilence: who connects and says nothing is let go after 10 s.
func TestSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		defer there.Close()
		begin := time.Now()
		if _, err := Accept(t.Context(), here); err == nil || errors.Is(err, ErrProtocol) {
			t.Error(err)
		}
		if d := time.Since(begin); d != announce {
			t.Errorf("after %v", d)
		}
	})
}

// TestChanges: a publisher whose sound becomes another codec is ended, and told why.
func TestChanges(t *testing.T) {
	c, p := publishing(t)
	sounds(t, c, 0, 3)
	write(t, c, &message.Audio{ChunkStreamID: 4, MessageStreamID: streamID << 24, Codec: message.CodecPCMA, AU: []byte{1, 2, 3}})
	select {
	case <-p.Done():
	case <-time.After(20 * time.Second):
		t.Fatal("it goes on")
	}
	if err := p.Err(); err == nil || !strings.Contains(err.Error(), "changed") {
		t.Error(err)
	}
}

// TestComposition: a frame may be shown before it is decoded by some encoders' times, not hours after.
func TestComposition(t *testing.T) {
	for in, want := range map[time.Duration]time.Duration{
		0: 0, 80 * time.Millisecond: 80 * time.Millisecond, (1<<24 - 40) * time.Millisecond: -40 * time.Millisecond,
	} {
		if got := signed(in); got != want {
			t.Errorf("%v: %v, want %v", in, got, want)
		}
	}
}
