package session

import (
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"livedub/inference"
	"livedub/inference/glossary"
	"livedub/session/record"
	"livedub/session/spec"
)

// kept is a checkpoint with two phrases.
func kept() Checkpoint {
	d := 4 * time.Second
	c := Checkpoint{
		Spec:    spec.Spec{Epoch: "e", From: "en", To: []inference.Lang{"es"}, Profile: spec.Sync, Delay: &d, Consent: true, Words: glossary.Words{Keep: []string{"Torres"}}},
		LipsOff: []inference.Lang{"es"}, Created: time.Unix(1, 0).UTC(), Origin: time.Unix(2, 0).UTC(), Phrase: 2, Seq: 90,
	}
	for i := 1; i <= 2; i++ {
		p := inference.Phrase{ID: i, Lang: "en", Text: fmt.Sprint("phrase ", i), Final: true, Start: time.Duration(i) * time.Second, End: time.Duration(i+1) * time.Second}
		said, placed := record.Said("en", p), record.Of("es", p)
		placed.Placed = &spec.Record{Text: "frase", Outcome: spec.Played, DubStart: p.Start, DubEnd: p.End, Voice: "v"}
		said.Seq, placed.Seq, placed.At = uint64(10*i), uint64(10*i+1), p.End
		c.Records = append(c.Records, said, placed)
	}
	return c
}

func encode(t testing.TB, c Checkpoint) []byte {
	t.Helper()
	b, err := c.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestCheckpointAndBack(t *testing.T) {
	c := kept()
	if got, err := DecodeCheckpoint(encode(t, c)); err != nil || !reflect.DeepEqual(got, c) {
		t.Errorf("%+v, %v; want %+v", got, err, c)
	}
	more := record.Said("en", inference.Phrase{ID: 7, Lang: "en", Text: "more", Final: true, Words: []inference.Word{{Text: "more"}}})
	more.Seq = 95
	part, err := EncodeRecords([]record.Record{more})
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeCheckpoint(encode(t, c), part)
	if err != nil || len(got.Records) != 5 || got.Seq != 95 || got.Phrase != 7 || got.Records[4].Committed.Words != nil {
		t.Errorf("%+v, %v", got, err)
	}
}

// deflated returns a part of these lines.
func deflated(lines string) []byte {
	out := bytes.NewBuffer([]byte{checkpointVersion})
	w, _ := flate.NewWriter(out, flate.BestCompression)
	_, _ = w.Write([]byte(lines))
	_ = w.Close()
	return out.Bytes()
}

func TestBadCheckpoints(t *testing.T) {
	good := encode(t, kept())
	change := func(fn func(*Checkpoint)) []byte {
		c := kept()
		fn(&c)
		return encode(t, c)
	}
	for name, bad := range map[string][]byte{
		"none":                 nil,
		"another version":      append([]byte{checkpointVersion + 1}, good[1:]...),
		"the version before":   []byte(`{"v":1,"epoch":"e"}`),
		"cut":                  good[:len(good)/2],
		"garbage":              append([]byte{checkpointVersion}, bytes.Repeat([]byte{0x55, 0xaa, 7}, 99)...),
		"10 MB":                append(bytes.Clone(good), make([]byte, 10<<20)...),
		"a bomb":               deflated(strings.Repeat(" ", 100<<20)),
		"empty":                deflated(""),
		"no head":              deflated(`{"seq":1,"played":{}}` + "\n"),
		"not JSON":             deflated("{{{\n"),
		"no epoch":             change(func(c *Checkpoint) { c.Spec.Epoch = "" }),
		"no delay":             change(func(c *Checkpoint) { c.Spec.Delay = nil }),
		"no origin":            change(func(c *Checkpoint) { c.Origin = time.Time{} }),
		"phrases below zero":   change(func(c *Checkpoint) { c.Phrase = -1 }),
		"words that cannot be": change(func(c *Checkpoint) { c.Spec.Words.Keep = []string{strings.Repeat("a", 1000)} }),
		"out of order":         change(func(c *Checkpoint) { c.Records[1].Seq = 1 }),
		"a time that cannot be": change(func(c *Checkpoint) {
			c.Records[1].Placed.DubStart = 1 << 62
		}),
		"a time below zero":  change(func(c *Checkpoint) { c.Records[0].Start = -1 }),
		"of another kind":    change(func(c *Checkpoint) { c.Records[0] = record.Record{Seq: 1, Viewers: &record.Viewers{}} }),
		"a phrase too large": change(func(c *Checkpoint) { c.Records[0].Phrase = 1 << 60 }),
	} {
		if c, err := DecodeCheckpoint(bad); !errors.Is(err, ErrCheckpoint) || c.Spec.Epoch != "" {
			t.Errorf("%s: %+v, %v", name, c, err)
		}
		if name == "10 MB" {
			continue // all of it is too big
		}
		// Behind a good part it costs what came last.
		if c, err := DecodeCheckpoint(good, bad, good); !errors.Is(err, ErrDamaged) || len(c.Records) != 4 {
			t.Errorf("%s, behind a good one: %d records, %v", name, len(c.Records), err)
		}
	}
	if _, err := DecodeCheckpoint(); !errors.Is(err, ErrCheckpoint) {
		t.Error(err)
	}
}

// TestClockOfACheckpoint: it runs on by the clock that nodes share, and never back.
func TestClockOfACheckpoint(t *testing.T) {
	c := kept() // something happened at 3 s
	for after, want := range map[time.Duration]time.Duration{time.Minute: time.Minute, 2 * time.Second: 3 * time.Second, -30 * time.Second: 3 * time.Second} {
		if at, err := c.Now(c.Origin.Add(after)); err != nil || at != want {
			t.Errorf("%v after its origin: %v, %v", after, at, err)
		}
	}
	for _, after := range []time.Duration{-time.Hour, 2 * 366 * 24 * time.Hour} {
		if at, err := c.Now(c.Origin.Add(after)); !errors.Is(err, ErrCheckpoint) {
			t.Errorf("%v after its origin: %v, %v", after, at, err)
		}
	}
}

func FuzzDecodeCheckpoint(f *testing.F) {
	good := encode(f, kept())
	f.Add(good, []byte(`{"seq":91,"played":{}}`))
	f.Add(good[:20], []byte(`{"head":{}}`))
	f.Fuzz(func(t *testing.T, raw []byte, lines []byte) {
		for _, parts := range [][][]byte{{raw}, {deflated(string(lines))}, {good, deflated(string(lines)), raw}} {
			c, err := DecodeCheckpoint(parts...)
			if err != nil && !errors.Is(err, ErrDamaged) {
				continue
			}
			if back, err := DecodeCheckpoint(encode(t, c)); err != nil || len(back.Records) != len(c.Records) {
				t.Errorf("what was read cannot be written: %v", err)
			}
			if _, err := c.Now(c.Origin.Add(time.Hour)); err != nil {
				continue
			}
			var p record.Phrases
			for _, r := range c.Records {
				p.Add(r)
			}
			p.Records("es")
		}
	})
}
