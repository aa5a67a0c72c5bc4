package file

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"livedub/media"
)

// throughPipe opens a named pipe into which data is written.
func throughPipe(t *testing.T, data []byte) (*Source, error) {
	t.Helper()
	path := mkfifo(t)
	written := make(chan struct{})
	go func() {
		defer close(written)
		if w, err := os.OpenFile(path, os.O_WRONLY, 0); err == nil {
			_, _ = w.Write(data) // a reader that has seen enough breaks it off
			w.Close()
		}
	}()
	s, err := Open(path)
	if err == nil {
		t.Cleanup(func() { s.Close() })
	}
	<-written
	return s, err
}

func TestFilesWithoutSamples(t *testing.T) {
	large := []string{"-f", "lavfi", "-i", "testsrc2=size=640x480:rate=25:duration=4"} // more than is read at once
	film, err := os.ReadFile(makeFile(t, "a.mp4", large, tone("4"), x264, aac))        // its index is at its end
	if err != nil {
		t.Fatal(err)
	}
	if _, err := throughPipe(t, film); err == nil || !strings.Contains(err.Error(), "save it to a file first") {
		t.Errorf("an MP4 by a pipe: %v", err)
	}
	for name, args := range map[string][]string{
		"fragments": {"-movflags", "frag_keyframe+empty_moov"}, "index first": {"-movflags", "faststart"},
	} {
		data, err := os.ReadFile(makeFile(t, "b.mp4", twoTrack, x264, aac, args))
		if err != nil {
			t.Fatal(err)
		}
		s, err := throughPipe(t, data)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if n := len(drainSource(t, s)); n < 100 {
			t.Errorf("%s: %d packets", name, n)
		}
	}
	head := binary.LittleEndian.AppendUint32([]byte("RIFF"), 36)
	head = append(head, "WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x80\x3e\x00\x00\x00\x7d\x00\x00\x02\x00\x10\x00data\x00\x00\x00\x00"...)
	empty := filepath.Join(t.TempDir(), "empty.wav")
	if err := os.WriteFile(empty, head, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{empty, makeFile(t, "empty.mkv", frames("1"), x264, []string{"-vf", "trim=start=9"})} {
		if _, err := Open(path); err == nil || !strings.Contains(err.Error(), "not one sample") {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestEncryptedFilmsAreRefused(t *testing.T) {
	bought, err := os.ReadFile(makeFile(t, "a.mp4", tone("1"), aac))
	if err != nil {
		t.Fatal(err)
	}
	m4p := filepath.Join(t.TempDir(), "a.m4p")
	if err := os.WriteFile(m4p, bytes.Replace(bought, []byte("mp4a"), []byte("drms"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(m4p); err == nil || !strings.Contains(err.Error(), "encrypted") {
		t.Error(err)
	}
	path := makeFile(t, "a.mp4", twoTrack, x264, aac, []string{"-encryption_scheme", "cenc-aes-ctr",
		"-encryption_key", "000102030405060708090a0b0c0d0e0f", "-encryption_kid", "101112131415161718191a1b1c1d1e1f"})
	if _, err := Open(path); err == nil || !strings.Contains(err.Error(), "encrypted") {
		t.Error(err)
	}
}

// Profile 5 has colours of its own; the others' base layers can be shown as they are.
func TestDolbyVisionIsRefused(t *testing.T) {
	plain, err := os.ReadFile(makeFile(t, "a.mp4", frames("0.4"), x264))
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(plain, []byte("btrt"))
	if at < 0 {
		t.Fatal("this ffmpeg writes no box that can be made Dolby Vision's")
	}
	for profile, refused := range map[byte]bool{5: true, 8: false, 7: false} {
		for _, box := range []string{"dvcC", "dvvC"} {
			data := bytes.Clone(plain)
			// Version 1.0; 7 bits of profile, 6 of level, flags of metadata, enhancement and base layer.
			copy(data[at:], append([]byte(box), 1, 0, profile<<1, 6<<3|5, 0))
			s, err := Open(write(t, filepath.Join(t.TempDir(), "a.mp4"), data))
			if err == nil {
				s.Close()
			}
			if refused != (err != nil && strings.Contains(err.Error(), "Dolby Vision profile 5") && strings.Contains(err.Error(), "ffmpeg -i")) {
				t.Errorf("profile %d in %s: %v", profile, box, err)
			}
		}
	}
}

// The speaker's language decides between sound tracks, where the file tells of it.
func TestOpenSpoken(t *testing.T) {
	three := cat(frames("1"), tone("1"), []string{"-f", "lavfi", "-i", "sine=frequency=880:sample_rate=44100:duration=1"},
		[]string{"-f", "lavfi", "-i", "sine=frequency=220:sample_rate=32000:duration=1"}, []string{"-map", "0", "-map", "1", "-map", "2", "-map", "3"})
	tags := []string{"-metadata:s:a:0", "language=spa", "-metadata:s:a:1", "language=eng", "-disposition:a:1", "comment",
		"-metadata:s:a:2", "language=eng", "-disposition:a:0", "default", "-disposition:a:2", "0"}
	for _, name := range []string{"a.mkv", "a.mp4"} {
		path := makeFile(t, name, three, x264, aac, tags)
		for lang, want := range map[string]int{"": 48000, "es": 48000, "en": 32000, "fr": 48000} {
			s, err := OpenSpoken(path, lang)
			if err != nil {
				t.Fatal(err)
			}
			if got := s.Tracks()[0].SampleRate; got != want && name == "a.mkv" || got == 44100 {
				t.Errorf("%s, %q: the sound of %d Hz, want %d", name, lang, got, want)
			}
			if n := len(ofKind(drainSource(t, s), media.Audio)); n < 20 {
				t.Errorf("%s, %q: %d packets of sound", name, lang, n)
			}
			s.Close()
		}
	}
	for tag, want := range map[string]bool{"eng": true, "en-GB": true, "und": false, "": false, "spa": false, "???": false} {
		if speaks(tag, "en") != want {
			t.Errorf("%q counts as English: %v", tag, !want)
		}
	}
	if !speaks("fre", "fr") || !speaks("fra", "fr") || !speaks("ger", "de") {
		t.Error("the old codes are not known")
	}
}

// A film's matrix may mirror as well as turn, as front cameras' do.
func TestMirroredFilms(t *testing.T) {
	plain, err := os.ReadFile(makeFile(t, "a.mp4", frames("0.4"), x264))
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(plain, []byte("tkhd")) + 44
	for name, c := range map[string]struct {
		matrix   [4]int32
		rotation int
		mirrored bool
	}{
		"as it is": {[4]int32{1, 0, 0, 1}, 0, false}, "half a turn": {[4]int32{-1, 0, 0, -1}, 180, false},
		"left to right": {[4]int32{-1, 0, 0, 1}, 0, true}, "upside down": {[4]int32{1, 0, 0, -1}, 180, true},
		"a quarter": {[4]int32{0, 1, -1, 0}, 90, false}, "transposed": {[4]int32{0, 1, 1, 0}, 270, true},
	} {
		data := bytes.Clone(plain)
		for i, v := range c.matrix {
			binary.BigEndian.PutUint32(data[at+[]int{0, 4, 12, 16}[i]:], uint32(v<<16))
		}
		path := filepath.Join(t.TempDir(), "b.mp4")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		s, _ := readAll(t, path)
		if tr := s.Tracks()[0]; tr.Rotation != c.rotation || tr.Mirrored != c.mirrored {
			t.Errorf("%s: turned by %d, mirrored %v; want %d, %v", name, tr.Rotation, tr.Mirrored, c.rotation, c.mirrored)
		}
	}
}

// What stood at a path stays until the new file is complete, and nothing else is left beside it.
func TestFilesAreMadeAside(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "es.mp4")
	if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	in, all := readAll(t, makeFile(t, "a.mp4", tone("1"), aac))
	for _, whole := range []bool{false, true} {
		s, err := Create(path, SinkConfig{Audio: media.AAC})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Start(in.Tracks()); err != nil {
			t.Fatal(err)
		}
		for _, p := range all {
			if whole {
				if err := s.Write(p); err != nil {
					t.Fatal(err)
				}
			}
		}
		entries, err := os.ReadDir(dir)
		if err != nil || len(entries) != 2 || !IsAside(entries[0].Name(), "es.mp4") || IsAside(entries[0].Name(), "ca.mp4") {
			t.Errorf("meanwhile the folder has %v, %v", entries, err)
		}
		if b, err := os.ReadFile(path); err != nil || string(b) != "old" {
			t.Errorf("the old file is touched: %q, %v", b, err)
		}
		if err := errors.Join(s.Close(), s.Close()); err != nil {
			t.Error(err)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("left: %v, %v", entries, err)
	}
	readAll(t, path)
}

// TestLastFrameLasts: nothing follows it to tell how long it is shown.
func TestLastFrameLasts(t *testing.T) {
	track := media.Track{Kind: media.Video, Codec: media.H264, Width: 160, Height: 120, FrameRate: 25}
	in, all := readAll(t, makeFile(t, "a.mp4", frames("0.04"), x264))
	track.Extradata = in.Tracks()[0].Extradata
	for _, c := range []struct{ own, want float64 }{{60, 60}, {0, .04}} {
		path := filepath.Join(t.TempDir(), "b.mp4")
		s, err := Create(path, SinkConfig{Video: media.H264})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Start([]media.Track{track}); err != nil {
			t.Fatal(err)
		}
		p := all[0]
		p.Duration = toTime(int64(c.own), 1, 1)
		if err := errors.Join(s.Write(p), s.Close()); err != nil {
			t.Fatal(err)
		}
		if got, _ := readAll(t, path); got.Duration().Seconds() != c.want {
			t.Errorf("lasts %v, want %g s", got.Duration(), c.want)
		}
	}
}
