package e2e

import (
	"math"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/bluenviron/gohlslib/v2"
	"github.com/bluenviron/gohlslib/v2/pkg/codecs"

	"livedub/internal/testkit/testspeaker"
	"livedub/media"
	"livedub/media/codec"
)

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
