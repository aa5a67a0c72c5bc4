package session_test

import (
	"math"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"livedub/inference"
	"livedub/inference/fake"
	"livedub/media"
	"livedub/media/codec"
	"livedub/session/fanout"
	"livedub/session/record"
	"livedub/session/spec"
	"livedub/session/timeline"
)

// mark is the frequency of what nobody is to hear, Hz; frames that nobody is to see are white.
const mark = 2000

// marked is a speaker of whom all from one time to another is marked.
func marked(t *testing.T, length time.Duration, said []burst, from, to time.Duration) *memory {
	t.Helper()
	src := speaker(t, length, said, true, true)
	audio, video := *src.known(media.Audio), *src.known(media.Video)
	sound, err := codec.NewAudioEncoder(codec.AudioEncoderConfig{Codec: media.Opus, Channels: 1, Bitrate: 64000})
	if err != nil {
		t.Fatal(err)
	}
	defer sound.Close()
	pcm := make([]int16, media.TimeToSamples(length, timeline.Rate))
	for _, b := range said {
		for i := media.TimeToSamples(b.from, timeline.Rate); i < media.TimeToSamples(b.to, timeline.Rate); i++ {
			hz := float64(voice)
			if at := media.SamplesToTime(i, timeline.Rate); at >= from && at < to {
				hz = mark
			}
			pcm[i] = int16(10000 * math.Sin(2*math.Pi*hz*float64(i)/timeline.Rate))
		}
	}
	packets, err := sound.Encode(media.Samples{Rate: timeline.Rate, Channels: 1, Data: pcm})
	if err != nil {
		t.Fatal(err)
	}
	frames, err := codec.NewVideoEncoder(codec.VideoEncoderConfig{Codec: media.H264, Width: testW, Height: testH, FrameRate: testFPS, Bitrate: 400_000, Hardware: "off"})
	if err != nil {
		t.Fatal(err)
	}
	defer frames.Close()
	for n := range int(length.Seconds() * testFPS) {
		f := media.NewFrame(testW, testH)
		f.PTS = time.Duration(n) * time.Second / testFPS
		paint(f, n)
		if f.PTS >= from && f.PTS < to {
			for i := range f.Y {
				f.Y[i] = 235
			}
		}
		p, err := frames.Encode(f, n == 0)
		f.Release()
		if err != nil {
			t.Fatal(err)
		}
		packets = append(packets, p)
	}
	slices.SortStableFunc(packets, func(a, b media.Packet) int { return int(a.DTS - b.DTS) })
	return &memory{tracks: []media.Track{audio, video}, packets: packets}
}

// aac is a sink of a program.
type aac struct{ *memory }

func (aac) Codecs() (video, audio media.Codec) { return media.H264, media.AAC }

// loudest returns the highest level of a frequency.
func loudest(pcm []int16, hz float64) (most float64) {
	for at := seconds(.02); at < media.SamplesToTime(len(pcm), timeline.Rate); at += 10 * time.Millisecond {
		most = max(most, level(pcm, hz, at))
	}
	return most
}

// TestDumpReachesNobody drops what was said in a call, with a mark in sound, frames and
// words, and looks for it in what every sink got: viewers of the dub, of the original, of
// a language that comes just after, and programs; and in what was told.
func TestDumpReachesNobody(t *testing.T) {
	said := []burst{{seconds(.5), seconds(1.7)}, {seconds(3), seconds(4.2)}, {seconds(5.8), seconds(7.2)}, {seconds(9), seconds(10)}}
	src := marked(t, seconds(14), said, seconds(2.7), seconds(6.55))
	sinks := map[string]*memory{}
	var got record.Dumped
	var zero time.Duration
	var records func() []record.Record
	var before []record.Record
	var late []record.Record
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		l := r.liveAs(t, spec.Spec{ID: "a", From: "en", To: []inference.Lang{"es"}, Consent: true})
		records = follow(t, l.Session)
		for _, lang := range []inference.Lang{"es", "en"} {
			sinks["viewer of "+string(lang)] = l.attach(lang)
			sinks["program of "+string(lang)] = &memory{}
			l.add(lang, aac{sinks["program of "+string(lang)]}, fanout.Program(), fanout.Recording())
		}
		zero = l.Clock.Now()
		l.publish(src)
		time.Sleep(seconds(6.6))
		got = l.Dump()
		now := l.Records().From(1) // whoever comes later
		for now := now; ; {
			next, err := now.Next(t.Context())
			if err != nil || next.Dumped != nil {
				break
			}
			before = append(before, next)
		}
		now.Close()
		if err := l.SetTargets(t.Context(), []inference.Lang{"es", "ca"}); err != nil {
			t.Fatal(err)
		}
		sinks["viewer of ca"] = l.attach("ca")
		sinks["late viewer of es"] = l.attach("es")
		time.Sleep(seconds(14))
		st := l.State()
		if st.Dumps != 1 || st.Dubs[0].Outcomes[spec.Dumped] == 0 {
			t.Errorf("%d dumps, outcomes %v", st.Dumps, st.Dubs[0].Outcomes)
		}
		for _, r := range st.Dubs[0].Records {
			if r.Phrase.Start > seconds(2) && r.Phrase.Start < seconds(6.6) {
				t.Errorf("state knows of phrase %d: %q", r.Phrase.ID, r.Text)
			}
		}
		if err := l.m.Delete("a"); err != nil {
			t.Fatal(err)
		}
		late = records()
	})
	if got.From != zero+seconds(6.601) || got.To != got.From+spec.Sync.DefaultDelay() || len(got.Phrases) != 2 {
		t.Fatalf("dumped %+v, began at %v", got, zero)
	}
	for name, m := range sinks {
		pcm := sound(t, m)
		if lv := loudest(pcm, mark); lv > 300 { // 8000 and more where it is heard; the rest is a codec's ringing at edges
			t.Errorf("%s: the mark sounds at %.0f", name, lv)
		}
		for at := got.From + seconds(.03); at < got.To-seconds(.03) && media.TimeToSamples(at, timeline.Rate) < len(pcm); at += 10 * time.Millisecond {
			if v := max(level(pcm, voice, at), level(pcm, fake.Tone, at)); v > 30 {
				t.Errorf("%s: something sounds at %v", name, at-zero)
				break
			}
		}
		if lv := level(pcm, voice, zero+seconds(10.9)); lv < 5000 {
			t.Errorf("%s: the original does not come back: %.0f", name, lv)
		}
		black := 0
		for _, s := range brightness(t, m) {
			switch in := s.at >= got.From && s.at < got.To-time.Second/testFPS; {
			case s.y > 225:
				t.Errorf("%s: a marked frame is shown at %v", name, s.at-zero)
			case in && s.y > 22:
				t.Errorf("%s: a frame of brightness %d is shown at %v", name, s.y, s.at-zero)
			case in:
				black++
			}
		}
		if black < 80 {
			t.Errorf("%s: %d black frames of 100", name, black)
		}
	}
	heard := sound(t, sinks["viewer of es"])
	for _, span := range []burst{{zero + seconds(4.5), zero + seconds(5.4)}, {zero + seconds(13), zero + seconds(13.9)}} {
		if lv := loudest(heard[media.TimeToSamples(span.from, timeline.Rate):media.TimeToSamples(span.to, timeline.Rate)], fake.Tone); lv < 3000 {
			t.Errorf("the phrase from %v on is not dubbed: %.0f", span.from-zero, lv)
		}
	}
	for _, r := range slices.Concat(before, late) {
		if r.Phrase != 0 && r.Start-zero > seconds(2) && r.Start-zero < seconds(6.6) {
			t.Errorf("whoever reads after the dump is told of phrase %d: %+v", r.Phrase, r)
		}
	}
	if !slices.ContainsFunc(late, func(r record.Record) bool { return r.Dumped != nil }) {
		t.Error("nobody is told of the dump")
	}
}

type bright struct {
	at time.Duration
	y  byte
}

// brightness returns what a sink got to see.
func brightness(t *testing.T, m *memory) (out []bright) {
	t.Helper()
	dec, err := codec.NewVideoDecoder(*m.known(media.Video))
	if err != nil {
		t.Fatal(err)
	}
	defer dec.Close()
	for _, p := range m.got() {
		if p.Kind != media.Video {
			continue
		}
		frames, err := dec.Decode(p)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range frames {
			out = append(out, bright{f.PTS, f.Y[f.Height/2*f.YStride+f.Width/2]})
			f.Release()
		}
	}
	return out
}
