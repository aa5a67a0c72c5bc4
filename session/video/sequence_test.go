package video

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"livedub/inference/fake"
	"livedub/media"
	"livedub/media/pace"
	"livedub/session/spec"
	"livedub/session/work"
)

// TestSequence gives decoded frames: each time is handed on once, in order, none
// from before the session; without faces at once, with them when those after it were seen.
func TestSequence(t *testing.T) {
	at := func(ms int) time.Duration { return time.Duration(ms) * time.Millisecond }
	for name, c := range map[string]struct {
		mouths bool
		come   []int
		first  string // what was handed on before the end
		all    string
	}{
		"without mouths": {false, []int{-40, 0, 40, 40, 30, 80}, "[0 40 80]", "[0 40 80]"},
		"with mouths":    {true, []int{0, 40, 80, 120, 160, 200, 240, 280, 320}, "[0 40 80 120 160]", "[0 40 80 120 160 200 240 280 320]"},
	} {
		t.Run(name, func(t *testing.T) {
			before := media.LiveFrames()
			cfg := &spec.Config{Delay: 4 * time.Second, Log: slog.New(slog.DiscardHandler), Video: spec.VideoConfig{MaxWidth: 64, MaxHeight: 64}}
			shared := work.NewShared(pace.NewVirtual(), cfg.Log, nil)
			mouths := NewMouths(shared, cfg, &fake.Lips{}, func() {})
			if c.mouths {
				mouths.Open(t.Context())
			}
			v := &pipeline{
				Input: NewInput(Env{Shared: shared, Config: cfg, Faces: fake.Faces{}, Mouths: mouths}),
				track: &media.Track{Kind: media.Video, Width: 64, Height: 48, FrameRate: 25}, ahead: make(chan Frame, 30),
			}
			s := newSequence(v)
			for _, ms := range c.come {
				f := media.NewFrame(64, 48)
				f.PTS = at(ms)
				if err := s.add(t.Context(), []*media.Frame{f}); err != nil {
					t.Fatal(err)
				}
			}
			var got []int64
			take := func() string {
				for len(v.ahead) > 0 {
					f := <-v.ahead
					got = append(got, f.Pixels.PTS.Milliseconds())
					f.Pixels.Release()
				}
				return fmt.Sprint(got)
			}
			if got := take(); got != c.first {
				t.Errorf("handed on %s, want %s", got, c.first)
			}
			if err := s.flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := take(); got != c.all {
				t.Errorf("at the end %s, want %s", got, c.all)
			}
			s.close()
			if f := v.faces.Load(); f != nil {
				f.close()
			}
			if err := mouths.Close(); err != nil {
				t.Fatal(err)
			}
			if n := media.LiveFrames() - before; n != 0 {
				t.Errorf("%d frames leaked", n)
			}
		})
	}
}
