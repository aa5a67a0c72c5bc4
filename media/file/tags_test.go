package file

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"livedub/media"
)

// TestTags: a file says what it is, and its index comes first where that is asked for;
// it is the same film.
func TestTags(t *testing.T) {
	in, all := readAll(t, makeFile(t, "a.mp4", twoTrack, x264, aac))
	tags := map[string]string{"title": "Ärger & <Freude>", "comment": "AI dubbed"}
	var films []string
	for _, first := range []bool{false, true} {
		path := filepath.Join(t.TempDir(), "es.mp4")
		out, err := Create(path, SinkConfig{Video: media.H264, Audio: media.AAC, Tags: tags, IndexFirst: first})
		if err != nil {
			t.Fatal(err)
		}
		if err := out.Start(in.Tracks()); err != nil {
			t.Fatal(err)
		}
		for _, p := range all {
			if err := out.Write(p); err != nil {
				t.Fatal(err)
			}
		}
		if err := out.Close(); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if index, film := bytes.Index(data, []byte("moov")), bytes.Index(data, []byte("mdat")); index < film != first {
			t.Errorf("index at %d, film at %d", index, film)
		}
		told := command(t, "ffprobe", "-v", "error", "-show_entries", "format_tags", "-of", "default", path)
		for key, value := range tags {
			if !strings.Contains(told, "TAG:"+key+"="+value) {
				t.Errorf("no %s: %s", key, told)
			}
		}
		films = append(films, ffmpeg(t, "-xerror", "-i", path, "-f", "framemd5", "-"))
	}
	if films[0] != films[1] || len(films[0]) < 1000 {
		t.Error("the film is another one where its index comes first")
	}
}
