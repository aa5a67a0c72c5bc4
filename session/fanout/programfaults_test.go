package fanout

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"livedub/media"
	"livedub/media/cmaf"
)

// TestProgramKeepsNobodyWaiting: where its encoder is stuck, frames and sound are left
// out, and counted, and given back.
func TestProgramKeepsNobodyWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		stuck, written := make(chan struct{}), 0
		p := startProgram(&s.env, s.env.Stage("program"), nil, func(_ *media.Track, packets ...media.Packet) {
			<-stuck
			written += len(packets)
		})
		began := time.Now()
		for i := range 2000 {
			s.at = time.Duration(i) * 20 * time.Millisecond
			f := media.NewFrame(64, 64)
			p.show(f, s.at, 25)
			f.Release()
			p.play(s.block())
		}
		if took := time.Since(began); took > 0 {
			t.Errorf("the call waited %v", took)
		}
		if n := media.LiveFrames(); n > maxFrames+1 { // and the encoder's view of one
			t.Errorf("%d frames are held", n)
		}
		if n := p.stage.Read().Dropped; n < 4000-maxFrames-maxPending-200 {
			t.Errorf("%d of 4000 were counted as left out", n)
		}
		p.end()                             // gives up on it
		if n := media.LiveFrames(); n > 2 { // the one at work, and the encoder's view of it
			t.Errorf("%d frames are held behind the end", n)
		}
		close(stuck)
		synctest.Wait()
		if written == 0 {
			t.Error("nothing was written")
		}
		s.finish()
	})
}

// TestProgramOddInput: broken frames and holes in the sound cost themselves, and the
// grid holds.
func TestProgramOddInput(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.at = time.Second
		out := s.tape()
		s.pass(900*time.Millisecond, 25, true)
		broken := media.NewFrame(s.w, s.h)
		broken.Y = broken.Y[:s.w]
		for at := s.at; at < s.at+200*time.Millisecond; at += 40 * time.Millisecond { // over a keyframe's place
			if _, err := s.Frame(broken, at, 25); err != nil {
				t.Error(err)
			}
			time.Sleep(time.Millisecond)
		}
		broken.Release()
		s.pass(200*time.Millisecond, 0, true)
		s.pass(time.Second, 25, true)
		s.pass(300*time.Millisecond, 25, false) // a short hole
		s.pass(time.Second, 25, true)
		s.pass(3*time.Second, 25, false) // a long one
		s.pass(time.Second, 25, true)
		late := media.NewFrame(1, 1)
		if _, err := s.Frame(late, s.at-4*time.Second, 25); err != nil {
			t.Error(err)
		}
		late.Release()
		s.finish()
		onItsGrid(t, out, 25)
		if n := s.env.Failures()["encode_program"]; n != 5 {
			t.Errorf("%d failures, want the 5 broken frames", n)
		}
		if keys := keysAt(out); !slices.Equal(keys, []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 6 * time.Second, 8 * time.Second}) {
			t.Errorf("keyframes at %v", keys)
		}
		var gaps []time.Duration
		last := out.of(media.Audio)[0]
		for _, p := range out.of(media.Audio)[1:] {
			if p.PTS-last.PTS > last.Duration+time.Millisecond {
				gaps = append(gaps, p.PTS-last.PTS)
				if !p.Gap {
					t.Errorf("the gap before %v is not told", p.PTS)
				}
			}
			last = p
		}
		if len(gaps) != 1 || gaps[0] < 2900*time.Millisecond {
			t.Errorf("gaps in the sound: %v", gaps)
		}
	})
}

// TestProgramsJoin: two nodes that encode one output from other times on make segments
// of which any follows any.
func TestProgramsJoin(t *testing.T) {
	nodes := [2][]cmaf.Segment{}
	var inits [2]cmaf.Init
	for i, from := range []time.Duration{5300 * time.Millisecond, 9140 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			s := newStage(t)
			s.at = from
			m := cmaf.New(cmaf.Config{Segment: 2 * ProgramKey, Init: func(in cmaf.Init) error {
				inits[i] = in
				return nil
			}, Closed: func(c cmaf.Segment) error {
				nodes[i] = append(nodes[i], c)
				return nil
			}})
			if _, err := s.Subscribe(m, []Option{Program(), Recording()}); err != nil {
				t.Fatal(err)
			}
			s.pass(21*time.Second-from, 25, true)
			s.finish()
		})
	}
	if string(inits[0].Data) != string(inits[1].Data) {
		t.Error("the initialization sections differ")
	}
	whole := func(segments []cmaf.Segment) (n []int64) {
		for _, s := range segments {
			if s.Whole {
				n = append(n, s.N)
			}
		}
		return n
	}
	if a, b := whole(nodes[0]), whole(nodes[1]); !slices.Equal(a, []int64{2, 3, 4}) || !slices.Equal(b, []int64{3, 4}) {
		t.Fatalf("whole are %v and %v", a, b)
	}
	r, err := cmaf.NewReader(inits[0].Data)
	if err != nil {
		t.Fatal(err)
	}
	var ends [media.Video + 1]time.Duration
	for i, s := range []cmaf.Segment{nodes[0][1], nodes[1][1], nodes[0][3], nodes[1][3]} { // 2, 3, 4, 5
		if s.N != int64(i+2) {
			t.Fatalf("segment %d has place %d", i, s.N)
		}
		packets, err := r.Packets(s.Data)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range packets {
			if end := ends[p.Kind]; end > 0 && (p.PTS-end).Abs() > 50*time.Microsecond {
				t.Errorf("%v: from %v to %v", p.Kind, end, p.PTS)
			}
			ends[p.Kind] = p.PTS + p.Duration
		}
	}
}
