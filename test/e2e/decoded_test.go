package e2e

import (
	"testing"
	"time"

	"livedub/media"
	"livedub/media/codec"
)

// eachFrame decodes the pictures that a watcher got: see is told of each, by what it came
// in. The frame is released then.
func (w *watcher) eachFrame(t testing.TB, see func(i int, u received, f *media.Frame)) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	dec, err := codec.NewVideoDecoder(media.Track{Kind: media.Video, Codec: media.H264})
	if err != nil {
		t.Fatal(err)
	}
	defer dec.Close()
	for i, u := range w.video {
		frames, err := dec.Decode(media.Packet{Kind: media.Video, PTS: time.Duration(i) * time.Millisecond, Data: u.data})
		if err != nil {
			t.Logf("frame %d: %v", i, err)
		}
		for _, f := range frames {
			see(i, u, f)
			f.Release()
		}
	}
}

// eachSound likewise decodes the sound; times are from the first packet on.
func (w *watcher) eachSound(t testing.TB, hear func(i int, u received, s media.Samples)) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	dec, err := codec.NewAudioDecoder(media.Track{Kind: media.Audio, Codec: media.Opus, SampleRate: 48000, Channels: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer dec.Close()
	for i, u := range w.audio {
		sounds, err := dec.Decode(media.Packet{Kind: media.Audio, PTS: media.SamplesToTime(int(u.rtp-w.audio[0].rtp), 48000), Data: u.data})
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range sounds {
			hear(i, u, s)
		}
	}
}
