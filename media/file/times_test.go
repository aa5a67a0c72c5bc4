package file

import (
	"slices"
	"testing"
	"time"

	"livedub/media"
)

// Frames carry the times at which the ffmpeg command shows them, also where
// the file leaves times out.
func TestFramesAreShownWhenFFmpegShowsThem(t *testing.T) {
	for _, c := range []struct {
		name string
		args [][]string
	}{
		{"asp.avi", [][]string{twoTrack, {"-c:v", "mpeg4", "-bf", "2", "-c:a", "mp3"}}},
		{"b.mpg", [][]string{twoTrack, {"-c:v", "mpeg2video", "-bf", "2", "-c:a", "mp2"}}},
		{"p.mpg", [][]string{frames("2"), {"-c:v", "mpeg1video"}}},
		{"b.mkv", [][]string{twoTrack, x264b, aac}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			path := makeFile(t, c.name, c.args...)
			_, all := readAll(t, path)
			var got []time.Duration
			for _, p := range ofKind(all, media.Video) {
				if p.PTS < p.DTS {
					t.Errorf("shown at %v, decoded at %v", p.PTS, p.DTS)
				}
				got = append(got, p.PTS)
			}
			slices.Sort(got)
			want := shown(t, path)
			if len(got) != len(want) {
				t.Fatalf("%d frames, ffmpeg shows %d", len(got), len(want))
			}
			for i := range want {
				if !near(got[i], want[i]) {
					t.Errorf("frame %d at %v, ffmpeg %v", i, got[i], want[i])
				}
			}
		})
	}
}

// shown returns the times at which the ffprobe command shows a file's frames, from its start_time;
// of the last one it may not know, which then follows after a frame's length.
func shown(t *testing.T, path string) []time.Duration {
	t.Helper()
	zero := seconds(t, command(t, "ffprobe", "-v", "error", "-show_entries", "format=start_time", "-of", "csv=p=0", path))
	var all []time.Duration
	for _, line := range fields(command(t, "ffprobe", "-v", "error", "-select_streams", "v",
		"-show_entries", "frame=best_effort_timestamp_time", "-of", "csv=p=0", path)) {
		if line == "N/A" { // the decoder's last frame
			all = append(all, all[len(all)-1]+40*time.Millisecond)
			continue
		}
		all = append(all, seconds(t, line)-zero)
	}
	return all
}
