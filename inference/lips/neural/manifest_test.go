package neural

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const good = `{"kind": "wav2lip", "model": "net.onnx", "size": 96}`

func write(t testing.TB, dir, name string, b []byte) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "net.onnx", nil)
	m, err := Load(write(t, dir, "m.json", []byte(good)))
	if err != nil {
		t.Fatal(err)
	}
	if m.Align != Box || m.Channels != "BGR" || m.Range != "0..1" || m.Mask != "lower_half" || m.Batch != 32 {
		t.Errorf("what is left out reads %+v", m)
	}
	if path, err := m.Path(); err != nil || filepath.Base(path) != "net.onnx" {
		t.Error(path, err)
	}
	m, err = Load(write(t, dir, "net.json", []byte(`{"size": 256, "layout": "NCHW", "type": "fp16", "pad": 0.1}`)))
	if err != nil || m.Kind != Wav2Lip || m.Model != "net.onnx" || m.Pad != (Pad{.1, .1, .1, .1}) {
		t.Errorf("%+v, %v", m, err)
	}
	if m, err := Load(write(t, dir, "r.json", []byte(`{"kind": "latent", "remote": {"addr": "gpu:8001", "model": "m"}, "size": 256}`))); err != nil || m.Align != Similarity {
		t.Error(m, err)
	}
}

func TestMaskFromPNG(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "net.onnx", nil)
	img := image.NewGray(image.Rect(0, 0, 96, 96))
	img.SetGray(10, 20, color.Gray{255})
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	write(t, dir, "mask.png", b.Bytes())
	m, err := Load(write(t, dir, "m.json", []byte(`{"kind": "wav2lip", "model": "net.onnx", "size": 96, "mask": "mask.png"}`)))
	if err != nil {
		t.Fatal(err)
	}
	n := Net{Manifest: *m}
	if n.anew(20*96+10) != 1 || n.anew(20*96+11) != 0 || n.Anew(10.5/96, 20.5/96) != 1 || n.Anew(-1, .5) != 0 || n.Anew(.5, 1) != 0 {
		t.Error("the mask is not read where it is white")
	}
	if _, err := Load(write(t, dir, "m.json", []byte(`{"kind": "wav2lip", "model": "net.onnx", "size": 256, "mask": "mask.png"}`))); err == nil || !strings.Contains(err.Error(), "96x96") {
		t.Errorf("a mask of another size: %v", err)
	}
}

// TestBadManifests: each is refused by a line that names what is wrong.
func TestBadManifests(t *testing.T) {
	dir := t.TempDir()
	outside := write(t, t.TempDir(), "net.onnx", nil)
	write(t, dir, "net.onnx", nil)
	write(t, dir, "text.png", []byte("no frame"))
	if err := os.Symlink(outside, filepath.Join(dir, "link.onnx")); err != nil {
		t.Fatal(err)
	}
	for body, want := range map[string]string{
		``:                               "EOF",
		`{"kind": "wav2lip"`:             "EOF",
		`[]`:                             "cannot unmarshal",
		good + `{}`:                      "follows the end",
		`{"kin": "wav2lip", "size": 96}`: `unknown field "kin"`,
		`{"kind": "x", "model": "net.onnx", "size": 96}`:                                                         "kind is",
		`{"kind": "wav2lip", "model": "net.onnx", "size": 0}`:                                                    "size is 0",
		`{"kind": "wav2lip", "model": "net.onnx", "size": 95}`:                                                   "size is 95",
		`{"kind": "wav2lip", "model": "net.onnx", "size": 1e30}`:                                                 "cannot unmarshal",
		`{"kind": "wav2lip", "size": 96}`:                                                                        "m.onnx: no such file",
		`{"kind": "wav2lip", "model": "net.onnx", "size": 96, "encoder": {"model": "net.onnx"}}`:                 "for the latent kind",
		`{"kind": "latent", "model": "net.onnx", "size": 96, "encoder": {}}`:                                     "name the encoder",
		`{"kind": "latent", "model": "net.onnx", "size": 96, "encoder": {"model": "../e.onnx"}}`:                 "leads out",
		`{"kind": "latent", "model": "net.onnx", "size": 96, "encoder": {"remote": {"model": "m"}}}`:             "remote wants",
		`{"kind": "latent", "model": "net.onnx", "size": 96, "encoder": {"model": "net.onnx", "before_ms": -1}}`: "before_ms is",
		`{"kind": "wav2lip", "model": "net.onnx", "size": 96, "layout": "NHWC"}`:                                 "layout is",
		`{"kind": "wav2lip", "model": "net.onnx", "size": 96, "type": "int8"}`:                                   "type is",
		`{"kind": "wav2lip", "model": "net.onnx", "size": 96, "pad": [1, 2]}`:                                    "pad is",
		`{"kind": "wav2lip", "model": "net.onnx", "size": 96, "pad": "wide"}`:                                    "pad is",
		`{"kind": "wav2lip", "model": "net.onnx", "remote": {"addr": "a:1", "model": "m"}, "size": 96}`:          "not both",
		`{"kind": "wav2lip", "remote": {"addr": "a:1"}, "size": 96}`:                                             "remote wants",
		`{"kind": "wav2lip", "model": "../net.onnx", "size": 96}`:                                                "leads out",
		`{"kind": "wav2lip", "model": "/etc/passwd", "size": 96}`:                                                "leads out",
		`{"kind": "wav2lip", "model": "link.onnx", "size": 96}`:                                                  "links out",
		`{"kind": "wav2lip", "model": "gone.onnx", "size": 96}`:                                                  "no such file",
		`{"kind": "wav2lip", "model": "net.onnx", "size": 96, "mask": "../m.png"}`:                               "leads out",
		`{"kind": "wav2lip", "model": "net.onnx", "size": 96, "mask": "text.png"}`:                               "png",
		`{"kind": "wav2lip", "model": "net.onnx", "size": 96, "align": "round"}`:                                 "align is",
		`{"kind": "wav2lip", "model": "net.onnx", "size": 96, "channels": "GRB"}`:                                "channels is",
		`{"kind": "wav2lip", "model": "net.onnx", "size": 96, "range": "0..255"}`:                                "range is",
		`{"kind": "wav2lip", "model": "net.onnx", "size": 96, "pad": [9, 0, 0, 0]}`:                              "pad holds",
		`{"kind": "wav2lip", "model": "net.onnx", "size": 96, "batch": 0}`:                                       "batch is",
		`{"kind": "wav2lip", "model": "net.onnx", "size": 96, "audio_ms": 999}`:                                  "audio_ms is",
		`{"kind": "wav2lip", "model": "net.onnx", "size": 96, "inputs": {"audio": "a"}}`:                         "a key of inputs",
		`{"kind": "wav2lip", "model": "` + strings.Repeat("x", mostManifest) + `", "size": 96}`:                  "larger than",
	} {
		_, err := Load(write(t, dir, "m.json", []byte(body)))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.90s: %v, want %q", body, err, want)
		}
	}
	if _, err := Load(filepath.Join(dir, "net.onnx")); err == nil || !strings.Contains(err.Error(), "name its manifest") {
		t.Errorf("a net for a manifest: %v", err)
	}
	if _, err := Load(filepath.Join(dir, "none.json")); err == nil {
		t.Error("a missing manifest is taken")
	}
}

func FuzzManifest(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte(`{"kind": "latent", "remote": {"addr": "a:1", "model": "m"}, "size": 64, "pad": [0, 0.1, -0.1, 2], "mask": "m.png"}`))
	f.Add([]byte(`{"inputs": {"face": "x"}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if m, err := parse(b); err == nil && m.check() != nil {
			t.Error("what was taken does not pass the check")
		}
	})
}
