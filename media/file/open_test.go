package file

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"livedub/media"
)

func TestOpenSaysInOneLineWhatIsWrong(t *testing.T) {
	dir := t.TempDir()
	text := strings.Repeat("Dear diary, today nothing moved and nobody spoke.\n", 40)
	subtitles := "WEBVTT\n\n00:00.000 --> 00:01.000\nhello\n"
	playlist := "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n/etc/hostname\n#EXT-X-ENDLIST\n"
	for name, want := range map[string]string{
		filepath.Join(dir, "none.mp4"): "no such file",
		dir:                            "a directory",
		"/dev/null":                    "neither a file nor",
		write(t, filepath.Join(dir, "empty.mp4"), nil):                                                     "empty",
		write(t, filepath.Join(dir, "diary.txt"), []byte(text)):                                            "not a media file livedub can read (",
		write(t, filepath.Join(dir, "short.txt"), []byte("hi")):                                            "not a media file livedub can read (",
		write(t, filepath.Join(dir, "words.vtt"), []byte(subtitles)):                                       "not a media file livedub can read (",
		write(t, filepath.Join(dir, "list.m3u8"), []byte(playlist)):                                        "not a media file livedub can read (",
		write(t, filepath.Join(dir, "concat.txt"), []byte("ffconcat version 1.0\nfile /etc/hostname\n")):   "not a media file",
		makeFile(t, "words.mkv", []string{"-i", write(t, filepath.Join(dir, "w.vtt"), []byte(subtitles))}): "has neither audio nor video",
	} {
		s, err := Open(name)
		if err == nil {
			s.Close()
			t.Errorf("%s opened", name)
			continue
		}
		t.Log(err)
		if !strings.HasPrefix(err.Error(), name+": ") || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %q, want %q", name, err, want)
		}
	}
}

// rotated makes a frame red at its upper left whose rotation ffmpeg sets by
// its metadata, and returns what Source says of it.
func rotated(t *testing.T, degrees int) (path string, s *Source) {
	t.Helper()
	plain := makeFile(t, "plain.mp4", []string{"-f", "lavfi", "-i", "color=blue:size=128x64:rate=25:duration=0.2",
		"-vf", "drawbox=0:0:48:24:red:fill,setsar=4/3"}, x264)
	path = makeFile(t, "turned.mp4", []string{"-i", plain, "-c", "copy", "-metadata:s:v", "rotate=" + strconv.Itoa(degrees)})
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return path, s
}

// Turning the coded frame clockwise by Rotation gives what the ffmpeg command shows.
func TestRotationIsWhatFFmpegTurnsBy(t *testing.T) {
	for _, degrees := range []int{90, 180, 270} {
		path, s := rotated(t, degrees)
		tr := s.Tracks()[0]
		if tr.Width != 128 || tr.Height != 64 {
			t.Errorf("size %dx%d is not the coded one", tr.Width, tr.Height)
		}
		rgb := ffmpeg(t, "-i", path, "-frames:v", "1", "-f", "rawvideo", "-pix_fmt", "rgb24", "-")
		w, h := 128, 64
		if tr.Rotation%180 != 0 {
			w, h = h, w
		}
		red := func(x, y int) bool { return rgb[3*(y*w+x)] > 128 && rgb[3*(y*w+x)+2] < 128 }
		for where, deg := range map[[2]int]int{{4, 4}: 0, {w - 5, 4}: 90, {w - 5, h - 5}: 180, {4, h - 5}: 270} {
			if red(where[0], where[1]) && deg != tr.Rotation {
				t.Errorf("rotate=%d: ffmpeg turned the frame by %d, Rotation is %d", degrees, deg, tr.Rotation)
			}
		}
		if !red(4, 4) && !red(w-5, 4) && !red(w-5, h-5) && !red(4, h-5) {
			t.Error("no corner is red: the test sees nothing")
		}
	}
}

func TestTracksDescribeTheStreams(t *testing.T) {
	s, err := Open(makeFile(t, "a.mp4", frames("1"), tone("1"), []string{"-vf", "setsar=16/11", "-ac", "2"}, x264, aac))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	a, v := s.Tracks()[0], s.Tracks()[1]
	if a.Kind != media.Audio || a.SampleRate != 48000 || a.Channels != 2 || len(a.Extradata) < 2 {
		t.Errorf("sound %+v", a)
	}
	if v.Kind != media.Video || v.Width != 160 || v.Height != 120 || v.FrameRate != 25 || v.Rotation != 0 ||
		v.PixelAspect < 1.454 || v.PixelAspect > 1.455 || len(v.Extradata) < 8 || v.Extradata[0] != 1 {
		t.Errorf("frames %+v", v)
	}
}

// Cover art is no video, with or without one beside it.
func TestCoverArtIsNoVideo(t *testing.T) {
	png := makeFile(t, "cover.png", []string{"-f", "lavfi", "-i", "testsrc=size=640x480", "-frames:v", "1"})
	art := []string{"-i", png, "-map", "0", "-map", "1", "-c:v:0", "copy", "-disposition:v:0", "attached_pic"}
	s, all := readAll(t, makeFile(t, "song.m4a", tone("1"), art, aac))
	if len(s.Tracks()) != 1 || s.Tracks()[0].Kind != media.Audio || len(ofKind(all, media.Video)) != 0 {
		t.Errorf("tracks %v", s.Tracks())
	}
	film := makeFile(t, "film.mp4", frames("1"), []string{"-i", png, "-map", "1", "-map", "0", "-c:v:0", "png",
		"-disposition:v:0", "attached_pic", "-c:v:1", "libx264", "-disposition:v:1", "0", "-pix_fmt:v:1", "yuv420p"})
	s, all = readAll(t, film)
	if len(s.Tracks()) != 1 || s.Tracks()[0].Codec != media.H264 || len(all) != 25 {
		t.Errorf("tracks %v, %d packets", s.Tracks(), len(all))
	}
}

func TestTruncatedFilesEndCleanly(t *testing.T) {
	whole := map[string]string{
		"cut.mp4": makeFile(t, "a.mp4", twoTrack, x264, aac, []string{"-movflags", "faststart"}),
		"cut.mkv": makeFile(t, "a.mkv", twoTrack, x264, aac),
		"cut.avi": makeFile(t, "a.avi", twoTrack, []string{"-c:v", "mjpeg", "-c:a", "pcm_s16le"}),
		"cut.wav": makeFile(t, "a.wav", tone("2")),
		"cut.mp3": makeFile(t, "a.mp3", tone("2")),
	}
	for name, path := range whole {
		_, all := readAll(t, path)
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		s, some := readAll(t, write(t, filepath.Join(t.TempDir(), name), data[:len(data)*6/10]))
		if !s.Truncated() {
			t.Errorf("%s: nobody noticed", name)
		}
		if len(some) < len(all)*3/10 || len(some) >= len(all) {
			t.Errorf("%s: %d packets of %d", name, len(some), len(all))
		}
		for i, p := range ofKind(some, media.Video) {
			if w := ofKind(all, media.Video)[i]; len(p.Data) != len(w.Data) || p.PTS != w.PTS {
				t.Fatalf("%s: packet %d is not what it was: %d bytes of %d, %v", name, i, len(p.Data), len(w.Data), p.PTS)
			}
		}
		if _, err := s.Read(context.Background()); !errors.Is(err, io.EOF) {
			t.Errorf("%s: Read after the end: %v", name, err)
		}
	}
}

func mkfifo(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestPipeNobodyWritesInto(t *testing.T) {
	_, err := open(mkfifo(t), "", 50*time.Millisecond)
	if err == nil || !strings.Contains(err.Error(), "nothing was written into the pipe") {
		t.Error(err)
	}
}

// A pipe gives what is written into it; a Read that waits for more ends with
// its context, or with Close.
func TestPipeReadCanBeEnded(t *testing.T) {
	data, err := os.ReadFile(makeFile(t, "a.ts", twoTrack, x264, aac))
	if err != nil {
		t.Fatal(err)
	}
	for _, end := range []string{"context", "close", "eof"} {
		path := mkfifo(t)
		written, hold := make(chan error, 1), make(chan struct{})
		go func() {
			w, err := os.OpenFile(path, os.O_WRONLY, 0)
			if err == nil {
				_, err = w.Write(data)
				if end != "eof" {
					<-hold
				}
				w.Close()
			}
			written <- err
		}()
		s, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		n := 0
		for ; n < 100; n++ { // the rest may wait in libavformat until more comes
			if _, err = s.Read(ctx); err != nil {
				t.Fatalf("packet %d: %v", n, err)
			}
		}
		waiting := make(chan error, 1)
		go func() {
			for {
				if _, err := s.Read(ctx); err != nil {
					waiting <- err
					return
				}
			}
		}()
		want := io.EOF
		switch end {
		case "context":
			cancel()
			want = context.Canceled
		case "close":
			s.Close()
			want = os.ErrClosed
		}
		if err := <-waiting; !errors.Is(err, want) {
			t.Errorf("%s: Read: %v, want %v", end, err, want)
		}
		cancel()
		close(hold)
		if err := <-written; err != nil && !errors.Is(err, syscall.EPIPE) {
			t.Error(err)
		}
		s.Close()
		if _, err := s.Read(context.Background()); !errors.Is(err, os.ErrClosed) {
			t.Errorf("%s: Read after Close: %v", end, err)
		}
	}
}
