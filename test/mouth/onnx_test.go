package mouth

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"livedub/inference"
	"livedub/inference/engine"
	"livedub/inference/kserve"
	"livedub/inference/kserve/kservetest"
	"livedub/inference/lips"
	"livedub/inference/lips/neural"
	"livedub/inference/onnx"
	graphs "livedub/inference/onnx/onnxfile"
	"livedub/internal/testkit/onnxfile"
	"livedub/media"
)

// netOf returns the net of a manifest's text, whose model open opens.
func netOf(t *testing.T, dir, text string, open func(context.Context) (inference.Model, error)) *neural.Net {
	t.Helper()
	path := filepath.Join(dir, "net.json")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	m, err := neural.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	loop, err := engine.New(t.Context(), engine.Config{Open: open, MaxBatch: 2, LongestRun: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { loop.Close() })
	var sound inference.ModelQueue
	if m.Encoder != nil {
		l, err := engine.New(t.Context(), engine.Config{Open: fileNet(t, dir, "e.onnx", hears), MaxBatch: 2})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		sound = l
	}
	n, err := neural.New(m, loop, sound)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	return n
}

// hears writes an encoder that cuts a second of sound to 50 features of 320 numbers.
func hears(path string) error {
	g := graphs.New("hears")
	g.Input("wave", graphs.FP32, graphs.Batch, 16000)
	g.Node("Reshape", []string{"wave", g.Ints("shape", -1, 50, 320)}, []string{"features"})
	g.Output("features", graphs.FP32, graphs.Batch, 50, 320)
	return g.Write(path)
}

// fileNet writes a net and returns what opens it.
func fileNet(t *testing.T, dir, name string, write func(path string) error) func(context.Context) (inference.Model, error) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := write(path); err != nil {
		t.Fatal(err)
	}
	r, err := onnx.NewRuntime(onnx.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return func(ctx context.Context) (inference.Model, error) {
		return r.Open(ctx, onnx.ModelConfig{Path: path, TimeLimit: time.Minute})
	}
}

// TestNetsOfEveryKind runs a drawn speaker through nets of the true shapes. Those
// that give the face back leave the frame nearly as it was: place, proportions,
// channels and range are right, there and back.
func TestNetsOfEveryKind(t *testing.T) {
	for _, c := range []struct {
		name, manifest string
		write          func(string) error
		least          float64 // dB against the frame; 0: random weights, nothing is known
	}{
		{"wav2lip 96, copied", `{"kind": "wav2lip", "model": "n.onnx", "size": 96}`,
			func(p string) error { return onnxfile.CopyReference(p, 96) }, 28},
		{"wav2lip 256, copied", `{"kind": "wav2lip", "model": "n.onnx", "size": 256, "channels": "RGB", "pad": [0, 0.1, 0, 0]}`,
			func(p string) error { return onnxfile.CopyReference(p, 256) }, 34},
		{"latent, copied", `{"kind": "latent", "model": "n.onnx", "size": 256, "range": "-1..1", "channels": "RGB"}`,
			func(p string) error { return onnxfile.CopyReferenceLatent(p, 256, 16, 80) }, 34},
		{"wav2lip 96", `{"kind": "wav2lip", "model": "n.onnx", "size": 96}`,
			func(p string) error { return onnxfile.Wav2Lip(p, 96, false, 1) }, 0},
		{"latent with an encoder", `{"kind": "latent", "model": "n.onnx", "size": 64, "encoder": {"model": "e.onnx"}}`,
			func(p string) error {
				if err := hears(filepath.Join(filepath.Dir(p), "e.onnx")); err != nil {
					return err
				}
				return onnxfile.CopyReferenceLatent(p, 64, 50, 320)
			}, 24},
		{"latent, fp16", `{"kind": "latent", "model": "n.onnx", "size": 64}`,
			func(p string) error { return onnxfile.LatentKind(p, 64, 20, 80, true, 1) }, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			net := netOf(t, dir, c.manifest, fileNet(t, dir, "n.onnx", c.write))
			byNet, all := 0, 0
			var worst = math.Inf(1)
			call := beginWith(t, lips.Config{Net: net, Missed: func(err error) { t.Errorf("missed: %v", err) }}, func(s shown) {
				all++
				if s.method != inference.Net {
					return
				}
				byNet++
				worst = min(worst, psnr(s.before, s.after, s.trace))
			})
			who := drawn(t, 1)
			for i := range 14 {
				f, truth := who.at(i)
				call.take(again(f, time.Duration(i)*tick), &truth)
			}
			call.end()
			if byNet < all-5 { // the first are not trusted yet
				t.Errorf("%d of %d mouths by the net", byNet, all)
			}
			if c.least > 0 && worst < c.least {
				t.Errorf("a face that was given back is %.1f dB from what it was, want %v", worst, c.least)
			}
		})
	}
}

// psnr compares the brightness of two frames where one may have been changed.
func psnr(a, b *media.Frame, tr lips.Trace) float64 {
	var sum, n float64
	for y := tr.Mask.Min.Y; y < tr.Mask.Max.Y; y++ {
		for x := tr.Mask.Min.X; x < tr.Mask.Max.X; x++ {
			d := float64(a.Y[y*a.YStride+x]) - float64(b.Y[y*b.YStride+x])
			sum, n = sum+d*d, n+1
		}
	}
	return 10 * math.Log10(255*255*n/max(sum, 1))
}

// TestHostileNets: what a net makes of a face never reaches the frame if it is no
// frame; the speaker's own mouths stand in, and it is counted.
func TestHostileNets(t *testing.T) {
	for name, c := range map[string]struct {
		write func(string) error
		want  error
	}{
		"NaN":          {func(p string) error { return onnxfile.NaN(p, 96) }, engine.ErrNumbers},
		"out of range": {func(p string) error { return onnxfile.OutOfRange(p, 96) }, neural.ErrOutOfRange},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			net := netOf(t, dir, `{"kind": "wav2lip", "model": "n.onnx", "size": 96}`, fileNet(t, dir, "n.onnx", c.write))
			missed, others := 0, 0
			call := beginWith(t, lips.Config{Net: net, Missed: func(err error) {
				missed++
				if !errors.Is(err, c.want) {
					t.Errorf("missed: %v", err)
				}
			}}, func(s shown) {
				if s.method == inference.Net {
					t.Errorf("frame %d: by the net", s.n)
				}
				if s.method == inference.Warp || s.method == inference.Own {
					others++
				}
			})
			who := drawn(t, 1)
			for i := range 12 {
				f, truth := who.at(i)
				call.take(again(f, time.Duration(i)*tick), &truth)
			}
			call.end()
			if missed < 5 || others != missed {
				t.Errorf("%d missed, %d made otherwise", missed, others)
			}
		})
	}
}

// TestNetElsewhere: a net on another server makes the mouths; while that stalls, cuts
// the line or talks nonsense the others stand in, and it is used again afterwards.
func TestNetElsewhere(t *testing.T) {
	dir := t.TempDir()
	model, err := fileNet(t, dir, "n.onnx", func(p string) error { return onnxfile.CopyReference(p, 96) })(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer model.Close()
	server, err := kservetest.Serve(model, "lips")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	net := netOf(t, dir, `{"kind": "wav2lip", "remote": {"addr": "`+server.Addr+`", "model": "lips"}, "size": 96}`,
		func(ctx context.Context) (inference.Model, error) {
			return kserve.Open(ctx, kserve.Config{Addr: server.Addr, Model: "lips", Timeout: 300 * time.Millisecond})
		})
	missed := 0
	last := inference.Untouched
	call := beginWith(t, lips.Config{Net: net, Missed: func(error) { missed++ }}, func(s shown) { last = s.method })
	who, i := drawn(t, 1), 0
	until := func(what string, ok func() bool) {
		t.Helper()
		for end := time.Now().Add(20 * time.Second); !ok(); i++ {
			if time.Now().After(end) {
				t.Fatalf("timed out waiting for %s", what)
			}
			f, truth := who.at(i)
			call.take(again(f, time.Duration(i)*tick), &truth)
			time.Sleep(5 * time.Millisecond)
		}
	}
	until("a mouth from elsewhere", func() bool { return last == inference.Net })
	for _, fault := range []kservetest.Fault{kservetest.Stall, kservetest.Disconnect, kservetest.Size, kservetest.Type} {
		before := missed
		server.Set(fault)
		until("another mouth while the server fails by "+string(fault), func() bool {
			return missed > before && (last == inference.Own || last == inference.Warp)
		})
		server.Set("")
		until("a mouth from elsewhere after "+string(fault), func() bool { return last == inference.Net })
	}
}
