package report

import (
	"context"
	"errors"
	"io"
	"slices"
	"time"

	"livedub/media"
	"livedub/media/codec"
	"livedub/media/file"
	"livedub/session/spec"
)

// MeasureOffset finds out how far audio and video of a written dub stand
// apart. It trusts no plan: it decodes the written file, finds each dub's own
// sound in it by correlation and each frame's time by comparing it with the
// source's frames, and subtracts. Phrases over a still frame, which has no
// time of its own, are left out.
func MeasureOffset(ctx context.Context, source, written string, records []spec.Record) (Offset, error) {
	probes := choose(records, 24)
	if len(probes) == 0 {
		return Offset{}, nil
	}
	spans := make([]span, len(probes))
	for i, r := range probes {
		spans[i] = span{max(0, r.DubStart-reach), r.DubStart + time.Second + reach}
	}
	sounds, err := soundsOf(ctx, written, spans)
	if err != nil {
		return Offset{}, err
	}
	before, err := lookOf(ctx, source, spans)
	if err != nil {
		return Offset{}, err
	}
	after, err := lookOf(ctx, written, spans)
	if err != nil {
		return Offset{}, err
	}
	var offsets, sizes []float64
	for i, r := range probes {
		at, ok := find(sounds[i], r.Probe)
		if !ok {
			continue
		}
		moved, ok := shift(before, after, spans[i])
		if !ok {
			continue
		}
		off := ms(spans[i].from + media.SamplesToTime(at, spec.ProbeRate) - r.DubStart - moved)
		offsets = append(offsets, off)
		sizes = append(sizes, max(off, -off))
	}
	return Offset{percentile(offsets, 1), percentile(offsets, 50), percentile(sizes, 99), len(offsets)}, nil
}

// reach is how far around a dub's start audio and video are looked for.
const reach = 400 * time.Millisecond

type span struct{ from, to time.Duration }

// choose returns up to n played phrases that are long enough to be found, spread over the whole.
func choose(records []spec.Record, n int) []spec.Record {
	var long []spec.Record
	for _, r := range records {
		if r.Outcome == spec.Played && len(r.Probe) >= spec.ProbeRate/3 {
			long = append(long, r)
		}
	}
	for len(long) > n {
		long = slices.Delete(long, len(long)/2, len(long)/2+1)
	}
	return long
}

// soundsOf returns the file's sound in each span, mono at spec.ProbeRate.
func soundsOf(ctx context.Context, path string, spans []span) ([][]int16, error) {
	out := make([][]int16, len(spans))
	for i, s := range spans {
		out[i] = make([]int16, media.TimeToSamples(s.to-s.from, spec.ProbeRate))
	}
	src, err := file.Open(path)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	t := trackOf(src, media.Audio)
	if t == nil {
		return out, nil
	}
	dec, err := codec.NewAudioDecoder(*t)
	if err != nil {
		return nil, err
	}
	defer dec.Close()
	low := codec.NewResampler(spec.ProbeRate, 1)
	defer low.Close()
	err = packets(ctx, src, media.Audio, func(p media.Packet) error {
		decoded, _ := dec.Decode(p) // a bad packet is a gap in the sound
		for _, s := range decoded {
			s, err := low.Resample(s)
			if err != nil {
				return err
			}
			at := media.TimeToSamples(s.PTS, spec.ProbeRate)
			for i, sp := range spans {
				place(out[i], s.Data, at-media.TimeToSamples(sp.from, spec.ProbeRate))
			}
		}
		return nil
	})
	return out, err
}

// place copies src into dst with its first sample at index at, as far as it fits.
func place(dst, src []int16, at int) {
	if at < 0 {
		src = src[min(-at, len(src)):]
		at = 0
	}
	if at < len(dst) {
		copy(dst[at:], src)
	}
}

// packets gives all of a file's packets of one kind to fn.
func packets(ctx context.Context, src *file.Source, k media.Kind, fn func(media.Packet) error) error {
	for {
		p, err := src.Read(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if p.Kind == k {
			if err := fn(p); err != nil {
				return err
			}
		}
	}
}

func trackOf(src *file.Source, k media.Kind) *media.Track {
	for _, t := range src.Tracks() {
		if t.Kind == k {
			return &t
		}
	}
	return nil
}
