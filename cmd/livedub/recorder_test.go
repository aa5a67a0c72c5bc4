package main

import (
	"context"
	"encoding/json"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"livedub/internal/testkit/caller"
	"livedub/internal/testkit/filmtest"
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
		got, err := filmtest.Read(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		offsets := got.Late(toneRate)
		t.Logf("%s: %.1f s; sound is late by (ms) %.1f", lang, got.Length.Seconds(), offsets)
		if got.Length < 8*time.Second || len(offsets) < 6 || math.Abs(offsets[0]) > 45 || math.Abs(offsets[len(offsets)-1]) > 45 {
			t.Errorf("%s: %v, offsets %v", lang, got.Length, offsets)
		}
		if vtt, err := os.ReadFile(filepath.Join(filepath.Dir(path), "captions.vtt")); err != nil || !strings.Contains(string(vtt), "-->") {
			t.Errorf("%s: captions %s, %v", lang, vtt, err)
		}
	}
	if _, text := get(t, "GET", url+"/metrics"); !strings.Contains(text, `livedub_recording_segments_total{state="dropped"} 0`) {
		t.Errorf("no figures of recording: %s", text)
	}
}

// toneRate is how many frames a second caller.Tones has.
const toneRate = 15

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
