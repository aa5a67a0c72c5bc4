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

	"livedub/internal/testkit/filmtest"
	"livedub/internal/testkit/groundtest"
	"livedub/internal/testkit/hlstest"
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

// follow judges a playlist, as a player of low latency reads it, until its end, for which
// stop waits a while. All that was wrong is told then.
func (c hlsCall) follow(t *testing.T, path string) (stop func() hlstest.Playlist) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var wrong []error
	var last hlstest.Playlist
	over := make(chan struct{})
	go func() {
		defer close(over)
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
	}()
	var once sync.Once
	end := func() hlstest.Playlist {
		once.Do(func() {
			select {
			case <-over:
			case <-time.After(10 * time.Second):
			}
			cancel()
			<-over
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

// hlsCaptions has ffmpeg read the captions of each language, segment by segment.
func hlsCaptions(t *testing.T, c hlsCall) {
	words := map[string][]string{"es": {"tiempo", "rojo", "coche", "buen", "jard"}, "ca": {"temps", "vermell", "cotxe", "bo", "jard"}, "en": {"time", "red", "car", "morning", "garden"}}
	load := groundtest.NewStrain(t)
	missing := ""
	for end := time.Now().Add(40 * time.Second); len(words) > 0 && time.Now().Before(end); time.Sleep(2 * time.Second) {
		for lang, any := range words {
			read := hlsCues(t, c, lang)
			if slices.ContainsFunc(any, func(w string) bool { return strings.Contains(strings.ToLower(read), w) }) {
				delete(words, lang)
			}
			missing = read
		}
	}
	if why, heavy := load.Heavy(t); len(words) > 0 && !heavy {
		t.Errorf("no captions of %v; %q, with %s", words, missing, why)
	}
}

// hlsCues returns what ffmpeg reads in the newest segment with captions; "" where none has any.
func hlsCues(t *testing.T, c hlsCall, lang string) string {
	t.Helper()
	_, body := c.get(t, c.at(lang, "captions.m3u8"))
	p, err := hlstest.Read([]byte(body))
	if err != nil || len(p.Segments) == 0 {
		t.Fatalf("%s: %v\n%s", lang, err, body)
	}
	for _, s := range slices.Backward(p.Segments) {
		address := c.at(lang, s.URI)
		status, text := c.get(t, address)
		if status != 200 || !strings.HasPrefix(text, "WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:0,LOCAL:00:00:00.000\n") {
			t.Fatalf("%d %s", status, text)
		}
		if strings.Contains(text, "-->") {
			out, err := exec.CommandContext(t.Context(), "ffmpeg", "-v", "error", "-i", c.base+address, "-f", "srt", "-").CombinedOutput()
			if err != nil {
				t.Errorf("%s: %v: %s", text, err, out)
			}
			return string(out)
		}
	}
	return ""
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
