package file

import (
	"testing"
	"time"

	"livedub/media"
)

// Every container gives the packets and times that ffprobe finds in it.
func TestSourceAgreesWithFFprobe(t *testing.T) {
	for _, c := range []struct {
		name         string
		args         [][]string
		video, audio media.Codec
	}{
		{"bframes.mp4", [][]string{twoTrack, x264b, aac}, "h264", "aac"},
		{"bframes.mkv", [][]string{twoTrack, x264b, aac}, "h264", "aac"},
		{"vp9.mkv", [][]string{twoTrack, {"-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-c:a", "libopus"}}, "vp9", "opus"},
		{"vp8.webm", [][]string{twoTrack, {"-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-c:a", "libopus"}}, "vp8", "opus"},
		{"late.ts", [][]string{twoTrack, x264b, aac, {"-output_ts_offset", "7200"}}, "h264", "aac"},
		{"programme.mpg", [][]string{twoTrack, {"-c:v", "mpeg1video", "-c:a", "mp2"}}, "mpeg1video", "mp2"},
		{"asp.avi", [][]string{twoTrack, {"-c:v", "mpeg4", "-bf", "2", "-c:a", "mp3"}}, "mpeg4", "mp3"},
		{"h264.flv", [][]string{twoTrack, x264b, aac, {"-ar", "44100"}}, "h264", "aac"},
		{"tone.wav", [][]string{tone("2")}, "", "pcm_s16le"},
		{"tone.mp3", [][]string{tone("2"), {"-ar", "44100"}}, "", "mp3"},
		{"tone.m4a", [][]string{tone("2"), aac}, "", "aac"},
		{"tone.ogg", [][]string{tone("2"), {"-c:a", "libopus"}}, "", "opus"},
		{"silent.mp4", [][]string{frames("2"), x264}, "h264", ""},
		{"uneven.mp4", [][]string{frames("2"), {"-vf", "select='not(mod(n,3))+lt(n,10)'", "-fps_mode", "vfr"}, x264b}, "h264", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			path := makeFile(t, c.name, c.args...)
			s, got := readAll(t, path)
			codecs := map[media.Kind]media.Codec{}
			for _, tr := range s.Tracks() {
				codecs[tr.Kind] = tr.Codec
			}
			if codecs[media.Video] != c.video || codecs[media.Audio] != c.audio {
				t.Errorf("tracks %v, want %q and %q", codecs, c.video, c.audio)
			}
			if s.Truncated() {
				t.Error("a whole file counts as truncated")
			}
			compare(t, probe(t, path), s, got)
		})
	}
}

// compare holds what Source gave against what ffprobe told of the same file.
func compare(t *testing.T, want probed, s *Source, all []media.Packet) {
	t.Helper()
	zero := time.Duration(0)
	if want.Format.StartTime != "" {
		zero = seconds(t, want.Format.StartTime)
	}
	if d := seconds(t, want.Format.Duration); !near(s.Duration(), d) {
		t.Errorf("duration %v, ffprobe %v", s.Duration(), d)
	}
	for _, kind := range []media.Kind{media.Audio, media.Video} {
		got, want := ofKind(all, kind), want.of(kind)
		if len(got) != len(want) {
			t.Errorf("%d %v packets, ffprobe %d", len(got), kind, len(want))
			continue
		}
		for i, p := range got {
			w := want[i]
			if i > 0 && p.PTS == got[i-1].PTS {
				t.Errorf("%v packets %d and %d: pts %v twice", kind, i-1, i, p.PTS)
			}
			if w.PTS != "" && !near(p.PTS, seconds(t, w.PTS)-zero) {
				t.Fatalf("%v packet %d: pts %v, ffprobe %s - %v", kind, i, p.PTS, w.PTS, zero)
			}
			if w.DTS != "" && !near(p.DTS, seconds(t, w.DTS)-zero) {
				t.Fatalf("%v packet %d: dts %v, ffprobe %s - %v", kind, i, p.DTS, w.DTS, zero)
			}
			if w.DTS == "" || w.PTS == "" {
				t.Logf("%v packet %d: pts %v dts %v, ffprobe %q %q", kind, i, p.PTS, p.DTS, w.PTS, w.DTS)
			}
			if i > 0 && p.DTS < got[i-1].DTS {
				t.Fatalf("%v packet %d: dts %v after %v", kind, i, p.DTS, got[i-1].DTS)
			}
			if p.Gap {
				t.Errorf("%v packet %d is a gap", kind, i)
			}
			start, end := 0, 0
			for _, sd := range w.SideData {
				start, end = start+sd.Start, end+sd.End
			}
			if i == 0 && kind == media.Audio && s.priming.stated > 0 { // ffprobe leaves it to the decoder
				start = 312 // libopus at 48 kHz
			}
			if p.SkipStart != start || p.SkipEnd != end {
				t.Errorf("%v packet %d: skips %d %d, ffprobe %d %d", kind, i, p.SkipStart, p.SkipEnd, start, end)
			}
			if start+end > 0 {
				t.Logf("%v packet %d pts %v: skips %d %d", kind, i, p.PTS, start, end)
			}
		}
	}
}
