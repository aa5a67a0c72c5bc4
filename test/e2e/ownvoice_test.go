package e2e

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"livedub/inference"
	"livedub/inference/recognize"
	"livedub/inference/speak"
	"livedub/inference/translate"
	"livedub/media"
	"livedub/media/codec"
	"livedub/media/pace"
	"livedub/session/live"
	"livedub/session/spec"
)

// room is a speaker beside a loudspeaker that plays the dub: the microphone hears
// what the speaker says, and 300 ms after it was sent, quieter, the dub.
type room struct {
	clock pace.Clock
	start time.Duration
	said  []int16 // 48 kHz, from start on
	loud  float64 // of the loudspeaker; 0: headphones
	enc   *codec.AudioEncoder
	dec   *codec.AudioDecoder // opened with the dub's track
	next  int                 // packets

	mu     sync.Mutex
	played map[int64]int16 // by the sample of the session's clock

	quit chan struct{}
	once sync.Once
}

const (
	roomRate = 48000
	roomLag  = 300 * time.Millisecond
	roomSays = 4 * time.Second // a sentence each
)

func (r *room) Tracks() []media.Track       { return []media.Track{r.enc.Track()} }
func (r *room) Ready(context.Context) error { return nil }
func (r *room) Silent() time.Duration       { return 0 }
func (r *room) Done() <-chan struct{}       { return r.quit }

func (r *room) Close() error {
	r.once.Do(func() { close(r.quit) })
	return nil
}

// Read implements media.Source: 20 ms of what the microphone hears.
func (r *room) Read(ctx context.Context) (media.Packet, error) {
	const block = roomRate / 50
	at := r.start + time.Duration(r.next)*20*time.Millisecond
	if err := r.clock.Wait(ctx, at+20*time.Millisecond); err != nil {
		return media.Packet{}, err
	}
	pcm := make([]int16, block)
	r.mu.Lock()
	from := int64(media.TimeToSamples(at-roomLag, roomRate))
	for i := range pcm {
		v := r.loud * float64(r.played[from+int64(i)])
		if k := r.next*block + i; k < len(r.said) {
			v += float64(r.said[k])
		}
		pcm[i] = int16(max(-32768, min(32767, v)))
	}
	r.mu.Unlock()
	r.next++
	packets, err := r.enc.Encode(media.Samples{PTS: at, Rate: roomRate, Channels: 1, Data: pcm})
	if err != nil || len(packets) == 0 {
		return media.Packet{}, io.EOF
	}
	return packets[0], nil
}

// The room is the dub's sink, too: its loudspeaker.
func (r *room) Codecs() (video, audio media.Codec) { return media.H264, media.Opus }
func (r *room) AddTrack(t media.Track) error       { return r.Start([]media.Track{t}) }

func (r *room) Start(tracks []media.Track) (err error) {
	for _, t := range tracks {
		if t.Kind == media.Audio {
			r.dec, err = codec.NewAudioDecoder(t)
		}
	}
	return err
}

func (r *room) Write(p media.Packet) error {
	if p.Kind != media.Audio {
		return nil
	}
	sounds, err := r.dec.Decode(p)
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range sounds {
		at := int64(media.TimeToSamples(s.PTS, roomRate))
		for i := range s.Frames() {
			r.played[at+int64(i)] = s.Data[i*s.Channels]
		}
	}
	return err
}

// loudspeaker keeps the session from closing the publisher with the sink.
type loudspeaker struct{ *room }

func (loudspeaker) Close() error { return nil }

// TestOwnVoiceIsNotDubbed: a speaker of English listens to the Spanish dub by a
// loudspeaker. The recognizer makes English of that; none of it is dubbed.
func TestOwnVoiceIsNotDubbed(t *testing.T) {
	rec, err := recognize.NewPocketSphinx(recognize.Config{Worker: filepath.Join(bin, "pocketsphinxworker")})
	if err != nil {
		t.Fatal(err)
	}
	defer rec.Close()
	tr, err := translate.NewApertium(translate.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer tr.Close()
	voice, err := speak.NewEspeak(speak.Config{Worker: filepath.Join(bin, "espeakworker")})
	if err != nil {
		t.Fatal(err)
	}
	defer voice.Close()
	wav := filepath.Join(t.TempDir(), "said.wav")
	sentences(t, wav)
	raw := wav + ".pcm"
	ffmpeg(t, "-i", wav, "-f", "s16le", raw)
	b, err := os.ReadFile(raw)
	if err != nil {
		t.Fatal(err)
	}
	sentence := make([]int16, len(b)/2)
	for i := range sentence {
		sentence[i] = int16(b[2*i]) | int16(b[2*i+1])<<8
	}
	m := live.NewManager(live.ManagerConfig{
		Engines: spec.Engines{Recognizer: rec, Translator: tr, Synthesizer: voice}, Max: 1, Idle: time.Hour,
		Base: spec.Config{Profile: spec.Sync, Delay: spec.Sync.DefaultDelay()}, // without the original under the dub
	})
	defer m.Close()
	call, err := m.Create(spec.Spec{ID: "room", From: "en", To: []inference.Lang{"es"}})
	if err != nil {
		t.Fatal(err)
	}
	enc, err := codec.NewAudioEncoder(codec.AudioEncoderConfig{Codec: media.Opus, Channels: 1, Bitrate: 64000})
	if err != nil {
		t.Fatal(err)
	}
	defer enc.Close()
	r := &room{clock: call.Clock, start: call.Clock.Now(), loud: .5, enc: enc, played: map[int64]int16{}, quit: make(chan struct{})}
	const n = 2
	for range n {
		r.said = append(r.said, append(sentence, make([]int16, media.TimeToSamples(roomSays, roomRate))...)...)
	}
	if _, err := call.Subscribe("es", loudspeaker{r}); err != nil {
		t.Fatal(err)
	}
	if err := call.Publish(r); err != nil {
		t.Fatal(err)
	}
	ends := r.start + media.SamplesToTime(len(r.said), roomRate)
	if err := call.Clock.Wait(t.Context(), ends+8*time.Second); err != nil {
		t.Fatal(err)
	}
	st := call.State()
	if r.dec != nil {
		defer r.dec.Close()
	}
	dubbed := 0
	for _, rec := range st.Dubs[slices.IndexFunc(st.Dubs, func(d spec.DubState) bool { return d.Lang == "es" })].Records {
		t.Logf("%v %q -> %q %s", rec.Phrase.Start-r.start, rec.Phrase.Text, rec.Text, rec.Outcome)
		if rec.Phrase.Start > ends-roomSays+2*time.Second && rec.Outcome == spec.Played {
			t.Errorf("%q was dubbed, long after the speaker's last word", rec.Phrase.Text)
		}
		dubbed++
	}
	if st.OwnVoice == 0 || dubbed < n {
		t.Errorf("%d phrases came back, %d were dubbed", st.OwnVoice, dubbed)
	}
}
