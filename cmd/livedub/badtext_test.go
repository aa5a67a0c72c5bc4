package main

import (
	"context"
	"io"
	"log/slog"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"livedub/inference"
	"livedub/inference/fake"
	"livedub/internal/config"
	"livedub/internal/settings"
	"livedub/internal/testkit/vitstest"
	"livedub/media"
	"livedub/media/codec"
	"livedub/media/pace"
	"livedub/session"
	"livedub/session/spec"
)

// tones is a source that sounds for a second of every spacing.
type tones struct {
	track   media.Track
	packets []media.Packet
}

func newTones(t *testing.T, n int, spacing time.Duration) *tones {
	t.Helper()
	enc, err := codec.NewAudioEncoder(codec.AudioEncoderConfig{Codec: media.Opus, Channels: 1, Bitrate: 32000})
	if err != nil {
		t.Fatal(err)
	}
	defer enc.Close()
	const rate = 48000
	pcm := make([]int16, media.TimeToSamples(time.Duration(n)*spacing, rate))
	for i := range n {
		from := media.TimeToSamples(time.Duration(i)*spacing+500*time.Millisecond, rate)
		for k := range rate {
			pcm[from+k] = int16(10000 * math.Sin(2*math.Pi*300*float64(k)/rate))
		}
	}
	packets, err := enc.Encode(media.Samples{Rate: rate, Channels: 1, Data: pcm})
	if err != nil {
		t.Fatal(err)
	}
	rest, err := enc.Flush()
	if err != nil {
		t.Fatal(err)
	}
	return &tones{enc.Track(), append(packets, rest...)}
}

func (s *tones) Tracks() []media.Track { return []media.Track{s.track} }

func (s *tones) Read(ctx context.Context) (media.Packet, error) {
	if len(s.packets) == 0 {
		return media.Packet{}, io.EOF
	}
	p := s.packets[0]
	s.packets = s.packets[1:]
	return p, ctx.Err()
}

func (s *tones) Close() error { return nil }

// ear is a sink that nobody listens to.
type ear struct{}

func (ear) Codecs() (video, audio media.Codec) { return media.H264, media.Opus }
func (ear) Start([]media.Track) error          { return nil }
func (ear) Write(media.Packet) error           { return nil }
func (ear) Close() error                       { return nil }

// oddTexts are what a recognizer may hear, or say that it hears.
var oddTexts = []struct {
	name, text string
	spoken     bool   // what can be, of its translation
	says       string // in its caption, where it is spoken; why not, elsewhere
	unread     uint64 // letters
}{
	{"a sentence", "good morning", true, "", 0},
	{"5,000 characters", strings.TrimSpace(strings.Repeat("very ", 1000)), false, "characters; split it at 2000", 0},
	{"more than a voice says", strings.TrimSpace(strings.Repeat("the red house and ", 100)), false, "at most 1200 are spoken", 0},
	{"a long word", strings.Repeat("ab", 40), true, "", 0},
	{"emoji", "good 😀 morning 👩‍👩‍👧 friend", true, "😀", 0},
	{"nothing but emoji", "😀🎉", false, "nothing to translate", 0},
	{"digits", "it costs 3,500.50 euros on 23/12 at 7:30, or 50 %", true, "3,500.50", 0},
	{"a telephone number", "call 0034 912 345 678 now", true, "912", 0},
	{"an e-mail address", "write to ana.perez@example.com today", true, "ana.perez@example.com", 0},
	{"acronyms", "the BBC and the FBI and the USB", true, "BBC", 0},
	{"right-to-left words", "he said مرحبا yesterday", true, "مرحبا", 5},
	{"right-to-left marks", "good \u202emorning\u202c friend", true, "", 0},
	{"nothing but Hebrew", "שלום עולם", false, "reads none of its 8 letters", 0},
	{"nothing but Hanzi", "今日は天気がいい", false, "reads none of its 8 letters", 0},
	{"Hanzi in a sentence", "the city 北京 is large", true, "北京", 2},
	{"markup", "good <break time=\"9s\"/> [[p'a:]] ^#$@ morning", true, "", 0},
	{"control characters", "good\x00\x1b[31m morning", true, "", 0},
	{"the last sentence", "good evening", true, "", 0},
}

// TestOddTexts takes odd texts from a recognizer through Apertium, espeak-ng and
// a net of Piper's kind: each phrase is spoken as far as the voice can say it, or
// skipped, with the reason in its record and a marked caption, and never tried
// twice; those behind it are dubbed as ever.
func TestOddTexts(t *testing.T) {
	worker, voices := espeakWorker(t), t.TempDir()
	vitstest.Net{}.Write(t, voices, "low", "es_ES", nil)
	for _, voice := range []string{"espeak", "piper"} {
		t.Run(voice, func(t *testing.T) {
			c := config.Default()
			c.Recognize.Engine, c.Lips.Engine, c.Speak.Engine, c.Speak.Worker, c.Models.Dir = "fake", "off", voice, worker, t.TempDir()
			if voice == "piper" {
				c.Speak.Model = voices
			}
			log := slog.New(slog.DiscardHandler)
			e, err := openEngines(t.Context(), c, log)
			if err != nil {
				t.Fatal(err)
			}
			defer e.Close()
			var script []string
			for _, o := range oddTexts {
				script = append(script, o.text)
			}
			e.Recognizer = &fake.Recognizer{Script: script}
			cfg := settings.Session(c)
			cfg.From, cfg.To, cfg.Log, cfg.Video.File = "en", []inference.Lang{"es"}, log, true
			s, err := session.New(cfg, e.Engines, pace.NewVirtual())
			if err != nil {
				t.Fatal(err)
			}
			captions := map[int]spec.Caption{}
			if _, err := s.Subscribe("es", ear{}); err != nil {
				t.Fatal(err)
			}
			if err := s.Dub(t.Context(), newTones(t, len(oddTexts), 20*time.Second)); err != nil {
				t.Fatal(err)
			}
			for r := range s.Records().All(t.Context()) {
				if c := r.Caption(); c != nil && c.Lang == "es" {
					captions[c.ID] = *c
				}
			}
			st := s.State()
			d := st.Dubs[slices.IndexFunc(st.Dubs, func(d spec.DubState) bool { return d.Lang == "es" })]
			if len(d.Records) != len(oddTexts) {
				t.Fatalf("%d records of %d phrases; failures %v", len(d.Records), len(oddTexts), st.Failures)
			}
			skipped, unread := 0, uint64(0)
			for i, o := range oddTexts {
				rec, caption := d.Records[i], captions[i+1]
				if (rec.Outcome == spec.Played) != o.spoken || caption.Skipped == o.spoken {
					t.Errorf("%s: %s (%s), the caption is marked: %v", o.name, rec.Outcome, rec.Err, caption.Skipped)
					continue
				}
				if o.spoken {
					unread += o.unread
					if !strings.Contains(caption.Text, o.says) || rec.DubEnd-rec.DubStart < 300*time.Millisecond || rec.DubEnd-rec.DubStart > 19*time.Second {
						t.Errorf("%s: %q, spoken for %v", o.name, caption.Text, rec.DubEnd-rec.DubStart)
					}
					continue
				}
				skipped++
				if rec.Outcome != spec.SkippedFailed || !strings.Contains(rec.Err, o.says) {
					t.Errorf("%s: %s (%s), want %q", o.name, rec.Outcome, rec.Err, o.says)
				}
			}
			if d.Retries != 0 || st.Failures["translate"]+st.Failures["speak"] != skipped || d.Outcomes[spec.SkippedFailed] != skipped {
				t.Errorf("%d retries, failures %v, outcomes %v, want %d skipped", d.Retries, st.Failures, d.Outcomes, skipped)
			}
			if got := e.unread(); got < unread {
				t.Errorf("%d letters left out, want %d and those of whole phrases", got, unread)
			}
		})
	}
}
