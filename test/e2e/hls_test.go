package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bluenviron/gohlslib/v2"
	"github.com/bluenviron/gohlslib/v2/pkg/codecs"

	"livedub/internal/testkit/filmtest"
	"livedub/internal/testkit/hlstest"
	"livedub/internal/testkit/testspeaker"
	"livedub/media"
	"livedub/media/codec"
)

// hlsCall is a call that is watched by HLS.
type hlsCall struct {
	*server
	Control, HLS string
	WHIP         string
	WHEP         map[string]string
}

// hlsSession creates a session; its addresses are paths.
func hlsSession(t *testing.T, s *server, consent bool) hlsCall {
	t.Helper()
	c := hlsCall{server: s}
	if status, body := s.call(t, "POST", "/v1/sessions", fmt.Sprintf(`{"from":"en","to":["es","ca"],"consent":%v}`, consent), &c); status != 201 || c.HLS == "" {
		t.Fatalf("%d %s", status, body)
	}
	for _, p := range []*string{&c.Control, &c.HLS, &c.WHIP} {
		*p = strings.TrimPrefix(*p, s.base)
	}
	return c
}

// at returns the path of a file of a language.
func (c hlsCall) at(lang, file string) string {
	return strings.TrimSuffix(c.HLS, "index.m3u8") + lang + "/" + file
}

// get reads a file.
func (c hlsCall) get(t *testing.T, path string) (int, string) {
	t.Helper()
	return c.call(t, "GET", path, "", nil)
}

// follow judges a playlist, as a player of low latency reads it, until stop is called.
// All that was wrong is told then.
func (c hlsCall) follow(t *testing.T, path string) (stop func() hlstest.Playlist) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var wrong []error
	var last hlstest.Playlist
	var wg sync.WaitGroup
	wg.Go(func() {
		for reads := 0; ctx.Err() == nil && !last.Ended; reads++ {
			address := c.base + path
			if reads > 0 {
				n, part := last.Newest()
				address += fmt.Sprintf("?_HLS_msn=%d", n)
				if last.Part > 0 {
					address += fmt.Sprintf("&_HLS_part=%d", part)
				}
			}
			text, err := fetchText(ctx, address)
			if ctx.Err() != nil {
				return
			}
			now, rerr := hlstest.Read(text)
			if err == nil {
				err = rerr
			}
			if err == nil && reads > 0 {
				err = hlstest.Follows(last, now)
				if n, part := last.Newest(); err == nil && !now.Ended {
					if m, i := now.Newest(); m == n && i == part {
						err = fmt.Errorf("the wait for %d.%d ended without it", n, part)
					}
				}
			}
			if err != nil {
				wrong = append(wrong, fmt.Errorf("read %d of %s: %w\n%s", reads, path, err, text))
				return
			}
			last = now
		}
	})
	var once sync.Once
	end := func() hlstest.Playlist {
		once.Do(func() {
			cancel()
			wg.Wait()
			for _, err := range wrong {
				t.Error(err)
			}
		})
		return last
	}
	t.Cleanup(func() { end() })
	return end
}

func fetchText(ctx context.Context, address string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, "GET", address, nil)
	if err != nil {
		return nil, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != 200 {
		err = fmt.Errorf("HTTP %d", resp.StatusCode)
	}
	return text, err
}

// TestHLS: every language is there for ffmpeg and for another reader, in step with each
// other; the playlists keep their rules while languages and publishers come and go.
func TestHLS(t *testing.T) {
	s := serve(t)
	c := hlsSession(t, s, true)
	first, _ := sending{}.publish(t, s, c.WHIP, newSpeaker(t, time.Second))
	until(t, "a playlist is there", func() bool { status, _ := c.get(t, c.HLS); return status == 200 })
	var stops []func() hlstest.Playlist
	for _, f := range []string{"video.m3u8", "audio.m3u8", "captions.m3u8"} {
		stops = append(stops, c.follow(t, c.at("es", f)))
	}
	leaves := c.follow(t, c.at("ca", "video.m3u8"))
	t.Run("ffprobe finds all languages", func(t *testing.T) { hlsProbed(t, c) })
	t.Run("ffmpeg reads all languages", func(t *testing.T) { hlsRead(t, c) })
	t.Run("languages are in step", func(t *testing.T) { hlsInStep(t, c) })
	t.Run("captions", func(t *testing.T) { hlsCaptions(t, c) })
	t.Run("rights and odd requests", func(t *testing.T) { hlsOdd(t, c) })

	if status, body := c.call(t, "PATCH", c.Control, `{"to":["es"]}`, nil); status != 200 {
		t.Fatalf("%d %s", status, body)
	}
	until(t, "the language that was taken away has ended", func() bool {
		_, body := c.get(t, c.at("ca", "video.m3u8"))
		return strings.Contains(body, "#EXT-X-ENDLIST")
	})
	if !leaves().Ended {
		t.Error("who followed the language that was taken away was not told of its end")
	}
	if _, body := c.get(t, c.HLS); strings.Contains(body, "ca/") {
		t.Errorf("it is listed still:\n%s", body)
	}

	_ = first.GracefulClose() // the speaker goes, and another comes
	time.Sleep(9 * time.Second)
	publish(t, s, c.WHIP, newSpeaker(t, time.Second), nil)
	gap := false
	until(t, "the call goes on behind the hole", func() bool {
		_, body := c.get(t, c.at("es", "video.m3u8"))
		gap = gap || strings.Contains(body, "#EXT-X-GAP")
		p, err := hlstest.Read([]byte(body))
		return err == nil && gap && len(p.Segments) > 0 && !p.Segments[len(p.Segments)-1].Gap
	})
	if status, body := c.call(t, "DELETE", c.Control, "", nil); status != 204 {
		t.Fatalf("%d %s", status, body)
	}
	until(t, "the call has ended", func() bool {
		status, body := c.get(t, c.at("es", "video.m3u8"))
		return status == 200 && strings.Contains(body, "#EXT-X-ENDLIST")
	})
	for i, stop := range stops {
		if last := stop(); !last.Ended {
			t.Errorf("playlist %d: its reader was not told of the end", i)
		}
	}
}

// hlsProbed has ffprobe tell what the multivariant playlist offers.
func hlsProbed(t *testing.T, c hlsCall) {
	_, body := c.get(t, c.HLS)
	m, err := hlstest.ReadMultivariant([]byte(body))
	if err != nil {
		t.Fatalf("%v\n%s", err, body)
	}
	if len(m.Variants) != 3 || !strings.HasPrefix(m.Variants[0].URI, "es/") || !strings.Contains(m.Data["com.livedub.ai-dubbed"], "AI dubbed") {
		t.Errorf("%s", body)
	}
	out, err := exec.CommandContext(t.Context(), "ffprobe", "-v", "error", "-show_entries", "stream=codec_type,codec_name,width,height:stream_tags=language", "-of", "json", c.base+c.HLS).Output()
	if err != nil {
		t.Fatalf("%v", err)
	}
	var got struct {
		Streams []struct {
			CodecType string `json:"codec_type"`
			CodecName string `json:"codec_name"`
			Width     int
			Tags      struct{ Language string }
		}
	}
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatal(err)
	}
	videos, sounds := 0, map[string]bool{}
	for _, s := range got.Streams {
		switch {
		case s.CodecName == "h264" && s.Width == 640:
			videos++
		case s.CodecName == "aac":
			sounds[s.Tags.Language] = true
		}
	}
	if videos != 3 || !sounds["es"] || !sounds["ca"] || !sounds["en"] {
		t.Errorf("%s", out)
	}
}

// hlsRead has ffmpeg copy some seconds of each language to a file, and looks at those.
func hlsRead(t *testing.T, c hlsCall) {
	dir := t.TempDir()
	var wg sync.WaitGroup
	langs := []string{"es", "ca", "en"}
	for _, lang := range langs {
		wg.Go(func() {
			out, err := exec.CommandContext(t.Context(), "ffmpeg", "-v", "error", "-y", "-i", c.base+c.at(lang, "index.m3u8"), "-t", "12", "-c", "copy", filepath.Join(dir, lang+".mp4")).CombinedOutput()
			if err != nil {
				t.Errorf("%s: %v: %s", lang, err, out)
			}
		})
	}
	wg.Wait()
	for _, lang := range langs {
		f, err := filmtest.Read(t.Context(), filepath.Join(dir, lang+".mp4"))
		if err != nil {
			t.Errorf("%s: %v", lang, err)
			continue
		}
		late := f.Late(testFPS)
		t.Logf("%s: %v, %d frames, sound late by %.1f ms", lang, f.Length, len(f.Frames), late)
		if len(late) < 6 || math.Abs(late[0]) > 45 || math.Abs(late[len(late)-1]) > 45 || f.Length < 11*time.Second {
			t.Errorf("%s: %v long, sound late by %.1f ms at its markers", lang, f.Length, late)
		}
	}
}

// shownAt has a library's client read a language, and returns when each frame of the
// speaker's is shown by the playlist's dates.
func shownAt(t *testing.T, address string, length time.Duration) map[uint16]time.Time {
	t.Helper()
	var mu sync.Mutex
	shown := map[uint16]time.Time{}
	dec, err := codec.NewVideoDecoder(media.Track{Kind: media.Video, Codec: media.H264})
	if err != nil {
		t.Fatal(err)
	}
	defer dec.Close()
	quiet := func(string) {}
	c := &gohlslib.Client{
		URI: address, HTTPClient: &http.Client{Transport: &http.Transport{}}, OnDownloadPrimaryPlaylist: quiet, OnDownloadStreamPlaylist: quiet, OnDownloadSegment: quiet, OnDownloadPart: quiet,
		OnDecodeError: func(err error) { t.Errorf("%s: %v", address, err) },
	}
	c.OnTracks = func(tracks []*gohlslib.Track) error {
		for _, track := range tracks {
			if _, ok := track.Codec.(*codecs.H264); !ok {
				continue
			}
			sets := track.Codec.(*codecs.H264)
			c.OnDataH26x(track, func(_ int64, _ int64, au [][]byte) {
				at, ok := c.AbsoluteTime(track)
				if !ok {
					t.Errorf("%s: a frame without a date", address)
					return
				}
				var data []byte
				for _, nal := range append([][]byte{sets.SPS, sets.PPS}, au...) {
					data = append(append(data, 0, 0, 0, 1), nal...)
				}
				mu.Lock()
				defer mu.Unlock()
				frames, err := dec.Decode(media.Packet{Kind: media.Video, PTS: time.Duration(at.UnixNano()), DTS: time.Duration(at.UnixNano()), Data: data})
				if err != nil {
					t.Errorf("%s: %v", address, err)
				}
				for _, f := range frames {
					if n, ok := testspeaker.ReadBar(f); ok {
						if _, twice := shown[n]; !twice {
							shown[n] = time.Unix(0, int64(f.PTS))
						}
					}
					f.Release()
				}
			})
		}
		return nil
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait2() }()
	select {
	case err := <-ended:
		t.Errorf("%s: the reader ended: %v", address, err)
	case <-time.After(length):
		c.Close()
		<-ended
	}
	mu.Lock()
	defer mu.Unlock()
	return shown
}

// hlsInStep compares by the clock when languages show the same frame.
func hlsInStep(t *testing.T, c hlsCall) {
	shown := map[string]map[uint16]time.Time{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, lang := range []string{"es", "en"} {
		wg.Go(func() {
			got := shownAt(t, c.base+c.at(lang, "index.m3u8"), 12*time.Second)
			mu.Lock()
			defer mu.Unlock()
			shown[lang] = got
		})
	}
	wg.Wait()
	var apart []float64
	for n, at := range shown["es"] {
		if other, ok := shown["en"][n]; ok {
			apart = append(apart, math.Abs(at.Sub(other).Seconds()*1000))
		}
	}
	slices.Sort(apart)
	if len(apart) < 100 {
		t.Fatalf("%d frames of es, %d of en, %d of both", len(shown["es"]), len(shown["en"]), len(apart))
	}
	// Where a language's encoder had to leave a frame out, the one before stands for it.
	most := apart[len(apart)*95/100]
	t.Logf("%d frames; es and en show them %.1f ms apart (median), %.1f (95 of 100)", len(apart), apart[len(apart)/2], most)
	if most > 45 {
		t.Errorf("es and en show a frame %.1f ms apart", most)
	}
}

// hlsCaptions has ffmpeg read the captions of each language, segment by segment.
func hlsCaptions(t *testing.T, c hlsCall) {
	words := map[string][]string{"es": {"tiempo", "rojo", "coche", "buen", "jard"}, "ca": {"temps", "vermell", "cotxe", "bo", "jard"}, "en": {"time", "red", "car", "morning", "garden"}}
	for lang, any := range words {
		read := ""
		until(t, lang+" has captions", func() bool {
			_, body := c.get(t, c.at(lang, "captions.m3u8"))
			p, err := hlstest.Read([]byte(body))
			if err != nil || len(p.Segments) == 0 {
				t.Fatalf("%s: %v\n%s", lang, err, body)
			}
			address := c.at(lang, p.Segments[len(p.Segments)-1].URI)
			if status, text := c.get(t, address); status != 200 || !strings.HasPrefix(text, "WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:0,LOCAL:00:00:00.000\n") {
				t.Fatalf("%d %s", status, text)
			}
			out, err := exec.CommandContext(t.Context(), "ffmpeg", "-v", "error", "-i", c.base+address, "-f", "srt", "-").CombinedOutput()
			read = strings.ToLower(string(out))
			return err == nil && slices.ContainsFunc(any, func(w string) bool { return strings.Contains(read, w) })
		})
		t.Logf("%s: %s", lang, read)
	}
}

// hlsOdd asks for what is not there, and without a right.
func hlsOdd(t *testing.T, c hlsCall) {
	folder := strings.TrimSuffix(c.HLS, "index.m3u8")
	for path, want := range map[string]int{
		folder + "fr/index.m3u8": 404, folder + "es/..%2f..%2fetc%2fpasswd": 404, folder + "es/video-99999999.m4s": 404, folder + "es/video--1.m4s": 404,
		folder + "es/nothing.m3u8": 404, folder + "es/" + strings.Repeat("a", 5000): 404, folder + "other.m3u8": 404, "/hls/nobody/index.m3u8": 404, "/hls/": 404,
		folder + "es/video.m3u8?_HLS_msn=x": 400, folder + "es/video.m3u8?_HLS_part=1": 400, folder + "es/video.m3u8?_HLS_msn=99999999": 400,
		folder + "es/video.m3u8?_HLS_msn=1&_HLS_msn=2": 400, folder + "es/video.m3u8?_HLS_msn=0&_HLS_part=0": 200, folder + "es/video.m3u8?_HLS_skip=YES&other=1": 200,
	} {
		if status, body := c.get(t, path); status != want {
			t.Errorf("GET %.80s: %d %.200s, want %d", path, status, body, want)
		}
	}
	token := func(path string) string { // of the language alone
		_, rest, _ := strings.Cut(path, "~")
		token, _, _ := strings.Cut(rest, "/")
		return token
	}
	name, _, _ := strings.Cut(strings.TrimPrefix(c.HLS, "/hls/"), "~")
	one := "/hls/" + name + "~" + token(c.WHEP["es"])
	for path, want := range map[string]int{
		one + "/index.m3u8": 200, one + "/es/video.m3u8": 200, one + "/ca/video.m3u8": 404, one + "/en/index.m3u8": 404, "/hls/" + name + "/index.m3u8": 404,
		"/hls/" + name + "~" + token(c.WHIP) + "/index.m3u8": 404, "/hls/" + name + "~w.x.y/index.m3u8": 404,
	} {
		req, err := http.NewRequestWithContext(t.Context(), "GET", c.base+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Origin", "https://other.example") // a page: what it does not bring it may not
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != want || resp.Header.Get("Access-Control-Allow-Origin") != "*" || strings.Contains(string(body), "ca/") {
			t.Errorf("GET %s: %d %v: %s", path, resp.StatusCode, resp.Header, body)
		}
	}
}
