package e2e

import (
	"cmp"
	"context"
	_ "embed"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"testing"

	"github.com/chromedp/chromedp"

	"livedub/inference/fake"
)

//go:embed testdata/heard.js
var heardJS string

// heard is what a page's player let sound for a while, in seconds on the session's clock.
type heard struct {
	From, To, Delay float64
	Captions        []float64 // when what they say was said
	Onsets          []onsetHeard
	Session         string // what it says of itself
}

// onsetHeard is when a dub began to sound, and how long the player kept its sound before.
type onsetHeard struct{ At, Buffer float64 }

// listen has the page listen to its own dub by the fake speaker.
func listen(t *testing.T, ctx context.Context, seconds int) heard {
	t.Helper()
	h, err := chromedp.Run(ctx, chromedp.Evaluate[heard](fmt.Sprintf("(%s)('es', %d, %d)", heardJS, fake.Tone, seconds), chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// lags returns how many seconds later than its caption's time + D each dub
// sounded that was due while the page listened, and how many of them the
// player's buffer does not explain. A dub that did not sound has the lag of
// the nearest that did; one that follows another at once cannot be told from
// it and is left out.
func (h heard) lags() (lags, unexplained []float64) {
	last := math.Inf(1) // the first may follow one before the page listened
	for _, start := range h.Captions {
		due, apart := start+h.Delay, start-last > 2
		last = start
		if !apart || len(h.Onsets) == 0 || due < h.From+1.5 || due > h.To-1.5 { // at the edges it may have sounded before or after
			continue
		}
		o := slices.MinFunc(h.Onsets, func(a, b onsetHeard) int { return cmp.Compare(math.Abs(a.At-due), math.Abs(b.At-due)) })
		lags = append(lags, o.At-due)
		unexplained = append(unexplained, o.At-due-o.Buffer)
	}
	return lags, unexplained
}

// onTime judges that at least n dubs sounded when their captions said, D
// later. A busy machine makes some late, by more than the player keeps; none
// early, and not all late.
func (h heard) onTime(t *testing.T, n int) {
	t.Helper()
	lags, unexplained := h.lags()
	t.Logf("dubs sounded %.3f s later than caption + D; without the player's buffer %.3f s", lags, unexplained)
	if len(lags) < n {
		t.Errorf("%d dubs: %+v", len(lags), h)
		return
	}
	// 60 ms: how well the clocks are told and an onset is seen. 250 ms: the
	// network, the page's sound, a page that is held up.
	slices.Sort(lags)
	if early, late := lags[len(lags)/2], slices.Min(unexplained); early < -.06 || late > .25 {
		t.Errorf("dubs sound %.0f ms later than their captions' times + D, without the player's buffer at least %.0f ms", early*1000, late*1000)
	}
}

// sentences makes a microphone's file: a short sentence every 4 s.
func sentences(t *testing.T, path string) {
	t.Helper()
	const script = "My brother has a red car."
	allLogs.said(script, "Mi hermano tiene un coche rojo.")
	said := path + ".flite.wav"
	tool(t, "flite", "-voice", "rms", "-t", script, "-o", said)
	ffmpeg(t, "-i", said, "-af", "adelay=500,apad", "-t", "4", "-ar", "48000", "-ac", "1", path)
}

// TestHeardAtItsCaptionsTime: a dub comes out of a real player when its
// caption says, D later, but for what the player keeps in its buffer.
func TestHeardAtItsCaptionsTime(t *testing.T) {
	wav := filepath.Join(t.TempDir(), "sentences.wav")
	sentences(t, wav)
	ctx := studio(t, serve(t, fakes...), cardCamera, wav)
	listen(t, ctx, 24).onTime(t, 2)
}
