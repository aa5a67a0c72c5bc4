package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	"livedub/internal/testkit/caller"
	"livedub/internal/testkit/testspeaker"
	"livedub/media"
	"livedub/media/codec"
	"livedub/media/file"
	"livedub/signaling"
)

// TestRecordNeedsAStore: who wants calls recorded and nothing kept is told.
func TestRecordNeedsAStore(t *testing.T) {
	code, _, stderr := call(t, "serve", "--record", "dubs", "--store", "none")
	if code != 2 || !strings.Contains(stderr, "--record dubs") || !strings.Contains(stderr, "--store none") {
		t.Errorf("code %d: %s", code, stderr)
	}
}

// talk publishes material in a session for so long.
func talk(t *testing.T, c *caller.Client, made caller.Made, m *caller.Material, long time.Duration, meanwhile func()) {
	t.Helper()
	peers, err := caller.NewPeers()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	s := caller.NewSpeaker(m, c, peers, caller.Target{Address: made.WHIP, Session: made.ID, Fence: &caller.Fence{}}, func(e caller.Event) {
		if e.Error != "" {
			t.Error(e.Error)
		}
	})
	var wg sync.WaitGroup
	wg.Go(func() { s.Run(ctx) })
	time.Sleep(long)
	meanwhile()
	cancel()
	wg.Wait()
}

// TestServeRecords: a call that comes over the network is recorded, every language of
// it; in the films sound and frames are together.
func TestServeRecords(t *testing.T) {
	dir := t.TempDir()
	url, stop := startServer(t, "--record", "all", "--store-dir", dir)
	defer stop()
	m, err := caller.Tones(320, 240)
	if err != nil {
		t.Fatal(err)
	}
	c := caller.NewClient(url, "", 4)
	defer c.Close()
	delay := 1500
	made, err := c.Create(t.Context(), caller.Wanted{From: "en", To: []string{"es"}, Consent: true, DelayMS: &delay})
	if err != nil {
		t.Fatal(err)
	}
	talk(t, c, made, m, 12*time.Second, func() {
		_, text := get(t, "GET", made.Control)
		var got struct{ Recording signaling.RecordingState }
		if err := json.Unmarshal([]byte(text), &got); err != nil || got.Recording.State != "on" || len(got.Recording.Languages) != 2 {
			t.Errorf("%+v, %v: %s", got, err, text)
		}
	})
	if resp, text := get(t, "DELETE", made.Control); resp.StatusCode != http.StatusNoContent {
		t.Errorf("%d %s", resp.StatusCode, text)
	}
	for _, lang := range []string{"en", "es"} {
		path := film(t, dir, lang)
		offsets, length := together(t, path)
		t.Logf("%s: %.1f s; sound is late by (ms) %.1f", lang, length.Seconds(), offsets)
		if length < 8*time.Second || len(offsets) < 6 || math.Abs(offsets[0]) > 45 || math.Abs(offsets[len(offsets)-1]) > 45 {
			t.Errorf("%s: %v, offsets %v", lang, length, offsets)
		}
		if vtt, err := os.ReadFile(filepath.Join(filepath.Dir(path), "captions.vtt")); err != nil || !strings.Contains(string(vtt), "-->") {
			t.Errorf("%s: captions %s, %v", lang, vtt, err)
		}
	}
	if _, text := get(t, "GET", url+"/metrics"); !strings.Contains(text, `livedub_recording_segments_total{state="dropped"} 0`) {
		t.Errorf("no figures of recording: %s", text)
	}
}

// film waits for the film of a language.
func film(t *testing.T, dir, lang string) string {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if found, _ := filepath.Glob(filepath.Join(dir, "recordings", "*", lang, lang+".mp4")); len(found) == 1 {
			return found[0]
		}
	}
	t.Fatalf("there is no film in %s", lang)
	return ""
}

// shownAt is a frame of a film: what second of the material it shows.
type shownAt struct {
	at, shows float64
}

// together returns by how many ms the sound of a film is late, at each marker in it, in
// order of size, and how long the film is. The material has a marker at each whole second.
func together(t *testing.T, path string) (offsets []float64, length time.Duration) {
	t.Helper()
	src, err := file.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	sound := media.FindTrack(src.Tracks(), media.Audio)
	video, err := codec.NewVideoDecoder(*media.FindTrack(src.Tracks(), media.Video))
	if err != nil {
		t.Fatal(err)
	}
	defer video.Close()
	audio, err := codec.NewAudioDecoder(*sound)
	if err != nil {
		t.Fatal(err)
	}
	defer audio.Close()
	var frames []shownAt
	all := media.Samples{Rate: 48000, Channels: sound.Channels}
	for {
		p, err := src.Read(t.Context())
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		length = max(length, p.PTS+p.Duration)
		if p.Kind == media.Audio {
			heard, err := audio.Decode(p)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range heard {
				at := max(0, media.TimeToSamples(s.PTS, s.Rate)*s.Channels)
				all.Data = append(all.Data, make([]int16, max(0, at+len(s.Data)-len(all.Data)))...)
				copy(all.Data[at:], s.Data)
			}
			continue
		}
		seen, err := video.Decode(p)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range seen {
			if n, ok := testspeaker.ReadBar(f); ok {
				frames = append(frames, shownAt{f.PTS.Seconds(), float64(n) / 15}) // as Tones has them
			}
			f.Release()
		}
	}
	found, err := testspeaker.FindMarkers(all)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range found {
		i := sort.Search(len(frames), func(i int) bool { return frames[i].at > m.Seconds() })
		if i == 0 || m.Seconds()-frames[i-1].at > .2 {
			continue
		}
		// The first of the program's frames that show one of the material's.
		for i > 1 && frames[i-2].shows == frames[i-1].shows {
			i--
		}
		shows := frames[i-1].shows + m.Seconds() - frames[i-1].at
		offsets = append(offsets, (shows-math.Round(shows))*1000)
	}
	slices.Sort(offsets)
	return offsets, length
}
