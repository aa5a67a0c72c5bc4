package mouth

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"livedub/inference"
	"livedub/inference/engine"
	"livedub/inference/fake"
	"livedub/inference/lips"
	"livedub/inference/lips/neural"
	"livedub/media"
)

// mirror is a net of Wav2Lip's kind that gives each face back, its green by how
// loud its sound is: what another session's face or sound would do is seen. It
// takes a while, and now and then fails or is lost.
type mirror struct {
	mu      sync.Mutex
	dice    *rand.Rand
	shaky   atomic.Bool
	runs    int
	largest int
}

const mirrorSize = 32

func (m *mirror) Inputs() []inference.TensorInfo {
	return []inference.TensorInfo{{Name: "face", Shape: []int{-1, 6, mirrorSize, mirrorSize}}, {Name: "mel", Shape: []int{-1, 1, 80, 16}}}
}
func (m *mirror) Outputs() []inference.TensorInfo {
	return []inference.TensorInfo{{Name: "out", Shape: []int{-1, 3, mirrorSize, mirrorSize}}}
}
func (m *mirror) Close() error { return nil }

func (m *mirror) Run(_ context.Context, in []inference.Tensor) ([]inference.Tensor, error) {
	n := in[0].Shape[0]
	m.mu.Lock()
	m.runs++
	run, took := m.runs, time.Duration(8+m.dice.IntN(10))*time.Millisecond
	if m.shaky.Load() {
		m.largest = max(m.largest, n)
	}
	m.mu.Unlock()
	if m.shaky.Load() {
		time.Sleep(took)
		switch {
		case run == 150:
			return nil, fmt.Errorf("mirror: %w", inference.ErrModelGone)
		case run%23 == 0:
			return nil, errors.New("mirror: a bad batch")
		}
	}
	const area = mirrorSize * mirrorSize
	out := inference.Tensor{Shape: []int{n, 3, mirrorSize, mirrorSize}}
	for i := range n {
		face, mel := in[0].Data[i*6*area:(i+1)*6*area], in[1].Data[i*80*16:(i+1)*80*16]
		item := append([]float32{}, face[3*area:]...)
		var loud float32
		for _, v := range mel {
			loud += (v + 4) / 8 / float32(len(mel))
		}
		for k := range area {
			item[area+k] = loud
		}
		out.Data = append(out.Data, item...)
	}
	return []inference.Tensor{out}, nil
}

// colour is what one session shows and says.
type colour struct {
	y, u, v byte
	loud    int16
}

// colours are far enough from each other for their mouths to be told apart.
func colours(n int) []colour {
	out := make([]colour, n)
	for i := range out {
		out[i] = colour{byte(60 + 130*i/n), byte(100 + 56*(i*5%n)/n), byte(100 + 56*(i*3%n)/n), int16(1 << (5 + i%9))}
	}
	return out
}

// speakIn shows a session of one colour for n frames, live, and returns how the
// middle of each mouth looks that the net made.
func speakIn(t *testing.T, l *lips.Lips, c colour, n int) (seen [][3]byte) {
	ctx := t.Context()
	mouths, err := l.Open(ctx)
	if err != nil {
		t.Error(err)
		return
	}
	defer mouths.Close()
	s, err := mouths.Dub(ctx)
	if err != nil {
		t.Error(err)
		return
	}
	defer s.Close()
	const w, h, lead = 320, 240, 5
	tracker, _ := fake.Faces{}.Open(ctx)
	var ahead []inference.LipsRequest
	for i := range n {
		f := media.NewFrame(w, h)
		f.PTS = time.Duration(i) * 40 * time.Millisecond
		fill(f.Y, c.y)
		fill(f.U, c.u)
		fill(f.V, c.v)
		_ = tracker.Track(ctx, f)
		faces := tracker.Faces(f.PTS)
		r := inference.LipsRequest{
			Frame: f, Faces: faces, Amount: 1, Step: 40 * time.Millisecond, Mouth: []inference.MouthShape{{Open: .5, Wide: .5}},
			Due: time.Now().Add(lead * 40 * time.Millisecond),
			Voice: func(_ time.Duration, pcm []int16) {
				for k := range pcm {
					pcm[k] = c.loud * int16(1-k/24%2*2) // 1 kHz
				}
			},
		}
		if r.Snapshot, err = mouths.Learn(ctx, f, faces); err != nil {
			t.Error(err)
			return
		}
		s.(inference.LipsAhead).Begin(ctx, r)
		ahead = append(ahead, r)
		time.Sleep(40 * time.Millisecond)
		if len(ahead) < lead {
			continue
		}
		r, ahead = ahead[0], ahead[1:]
		method, err := s.Render(ctx, r)
		if err != nil {
			t.Error(err)
			return
		}
		if method == inference.Net {
			x, y := w/2, h*65/100
			seen = append(seen, [3]byte{r.Frame.Y[y*w+x], r.Frame.U[y/2*w/2+x/2], r.Frame.V[y/2*w/2+x/2]})
		}
		r.Frame.Release()
	}
	for _, r := range ahead {
		r.Frame.Release()
	}
	return seen
}

// TestNoSessionSeesAnother: while sessions come and go, batches mix them, fail and
// are lost, every mouth has its own face's colour and its own sound's loudness.
func TestNoSessionSeesAnother(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"n.onnx": "", "n.json": fmt.Sprintf(`{"kind": "wav2lip", "model": "n.onnx", "size": %d}`, mirrorSize)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	manifest, err := neural.Load(filepath.Join(dir, "n.json"))
	if err != nil {
		t.Fatal(err)
	}
	all := colours(10)
	run := func(m *mirror, body func(l *lips.Lips)) (missed int) {
		synctest.Test(t, func(t *testing.T) {
			loop, err := engine.New(t.Context(), engine.Config{MaxBatch: 8, Open: func(context.Context) (inference.Model, error) { return m, nil }})
			if err != nil {
				t.Fatal(err)
			}
			defer loop.Close()
			net, err := neural.New(manifest, loop, nil)
			if err != nil {
				t.Fatal(err)
			}
			var mu sync.Mutex
			body(lips.New(lips.Config{Net: net, Missed: func(error) { mu.Lock(); missed++; mu.Unlock() }}))
		})
		return missed
	}
	alone := make([][3]byte, len(all))
	run(&mirror{dice: rand.New(rand.NewPCG(1, 1))}, func(l *lips.Lips) {
		for i, c := range all {
			seen := speakIn(t, l, c, 12)
			if len(seen) == 0 {
				t.Fatalf("colour %d: no mouth by the net", i)
			}
			alone[i] = seen[len(seen)-1]
		}
	})
	for i, a := range alone {
		for k, b := range alone[:i] {
			if near(a, b, 6) {
				t.Fatalf("colours %d and %d cannot be told apart: %v", i, k, a)
			}
		}
	}
	m := &mirror{dice: rand.New(rand.NewPCG(2, 3))}
	var wg sync.WaitGroup
	var mu sync.Mutex
	mouths := 0
	missed := run(m, func(l *lips.Lips) {
		m.shaky.Store(true)
		defer m.shaky.Store(false) // so that it can be opened once more, at the end
		dice := rand.New(rand.NewPCG(4, 5))
		for i, c := range all {
			lengths := []int{30 + dice.IntN(60), 30 + dice.IntN(60)} // it comes, goes, and comes again
			wg.Go(func() {
				for k, n := range lengths {
					time.Sleep(time.Duration(i*37+k*400) * time.Millisecond)
					seen := speakIn(t, l, c, n)
					mu.Lock()
					mouths += len(seen)
					mu.Unlock()
					for _, s := range seen {
						if !near(s, alone[i], 2) {
							t.Errorf("colour %d: a mouth looks like %v, alone like %v", i, s, alone[i])
							return
						}
					}
				}
			})
		}
		wg.Wait()
	})
	t.Logf("%d mouths by the net, %d missed, up to %d in a batch", mouths, missed, m.largest)
	if mouths < 300 || missed == 0 || m.largest < 3 {
		t.Errorf("%d mouths, %d missed, up to %d in a batch: nothing was put to the test", mouths, missed, m.largest)
	}
}

func near(a, b [3]byte, by int) bool {
	for k := range a {
		if d := int(a[k]) - int(b[k]); d > by || d < -by {
			return false
		}
	}
	return true
}
