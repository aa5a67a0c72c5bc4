package rtc

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtp"

	"livedub/media"
	"livedub/media/clock"
	"livedub/media/pace"
)

// wire is an RTPSource that a test fills.
type wire struct {
	packets  chan *rtp.Packet
	deadline time.Time
}

type timeout struct{}

func (timeout) Error() string   { return "timeout" }
func (timeout) Timeout() bool   { return true }
func (timeout) Temporary() bool { return true }

var errEnd = errors.New("end")

func (w *wire) SetReadDeadline(t time.Time) error { w.deadline = t; return nil }

func (w *wire) ReadRTP() (*rtp.Packet, interceptor.Attributes, error) {
	var late <-chan time.Time
	if !w.deadline.IsZero() {
		late = time.After(time.Until(w.deadline))
	}
	select {
	case p, ok := <-w.packets:
		if !ok {
			return nil, nil, errEnd
		}
		return p, nil, nil
	case <-late:
		return nil, nil, timeout{}
	}
}

// rig is a Receiver in false time.
type rig struct {
	clock *pace.Wall
	wire  *wire
	got   []media.Packet
	at    []time.Duration // when got came
	nacks [][]uint16
	plis  int
	ended chan error
}

func newRig(c media.Codec, hold time.Duration, repair bool) *rig {
	r := &rig{clock: pace.NewWall(), wire: &wire{packets: make(chan *rtp.Packet)}, ended: make(chan error, 1)}
	rate := 90000
	if c == media.Opus {
		rate = 48000
	}
	config := ReceiverConfig{Codec: c, Times: clock.NewTimebase().Track(rate), Clock: r.clock, JitterDelay: hold,
		PLI: func() { r.plis++ },
		Out: func(p media.Packet) { r.got, r.at = append(r.got, p), append(r.at, r.clock.Now()) }}
	if repair {
		config.NACK = func(n []uint16) { r.nacks = append(r.nacks, n) }
	}
	receiver := NewReceiver(config)
	go func() { r.ended <- receiver.Run(r.wire) }()
	return r
}

// vp8 is one VP8 packet of the shape of ours.
func vp8(seq uint16, ts time.Duration, start, end, key bool, body byte) *rtp.Packet {
	p := &rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: seq, Timestamp: uint32(ts * 9 / 100000), Marker: end}}
	p.Payload = []byte{0x80, 0x80, 0x80, 1}
	if start {
		p.Payload[0] |= 0x10
	}
	first := byte(1)
	if key {
		first = 0
	}
	p.Payload = append(p.Payload, first, body, 0, 0x9d, 0x01, 0x2a, 8, 0, 8, 0)
	return p
}

func TestReceiverHandsOnAtTheMarkerAndSorts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(media.VP8, time.Second, true)
		const step = time.Second / 30
		// Three packets a frame; the packets of frames 1 and 2 arrive shuffled.
		order := []int{0, 1, 2, 5, 3, 4, 8, 7, 6, 9, 10, 11}
		for i, n := range order {
			if i > 0 && i%3 == 0 {
				time.Sleep(step)
			}
			r.wire.packets <- vp8(uint16(65530+n), time.Duration(n/3)*step, n%3 == 0, n%3 == 2, n < 3, byte(n))
		}
		synctest.Wait()
		if len(r.got) != 4 {
			t.Fatalf("%d frames", len(r.got))
		}
		for i, p := range r.got {
			if p.Data[1] != byte(3*i) || p.Data[11] != byte(3*i+1) || r.at[i] != time.Duration(i)*step || p.Gap || p.Key != (i == 0) {
				t.Errorf("frame %d: %v at %v: %x", i, p, r.at[i], p.Data)
			}
		}
		if len(r.nacks) != 0 || r.plis != 0 {
			t.Errorf("asked for %v, %d keyframes", r.nacks, r.plis)
		}
		close(r.wire.packets)
		if err := <-r.ended; !errors.Is(err, errEnd) {
			t.Error(err)
		}
	})
}

// TestReceiverStartsWithWhatWasOvertaken begins with packets out of order.
func TestReceiverStartsWithWhatWasOvertaken(t *testing.T) {
	for _, order := range [][]int{{1, 0, 2}, {2, 1, 0}, {2, 0, 1}, {1, 2, 0}} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(media.VP8, 0, false)
			for _, n := range order {
				r.wire.packets <- vp8(uint16(n), 0, n == 0, n == 2, true, byte(n))
				time.Sleep(2 * time.Millisecond)
			}
			synctest.Wait()
			if len(r.got) != 1 || r.got[0].Gap || !r.got[0].Key || len(r.got[0].Data) != 30 || r.plis != 0 {
				t.Errorf("%v: %d frames, %d keyframes asked for", order, len(r.got), r.plis)
			}
			close(r.wire.packets)
			<-r.ended
		})
	}
	// What began inside a frame is not waited for longer.
	synctest.Test(t, func(t *testing.T) {
		r := newRig(media.VP8, 0, false)
		r.wire.packets <- vp8(7, 0, false, true, false, 1)
		time.Sleep(2 * startWait)
		synctest.Wait()
		if r.plis != 1 {
			t.Errorf("%d keyframes asked for by a stream that began inside a frame", r.plis)
		}
		close(r.wire.packets)
		<-r.ended
	})
}

func TestReceiverAsksWaitsAndGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const step, hold = time.Second / 30, 300 * time.Millisecond
		r := newRig(media.VP8, hold, true)
		send := func(n int, key bool) {
			r.wire.packets <- vp8(uint16(n), time.Duration(n)*step, true, true, key, byte(n))
		}
		for n := range 40 {
			if n > 0 {
				time.Sleep(step)
			}
			switch n {
			case 5, 10: // 5 comes late, 10 never
			case 8:
				send(8, false)
				send(5, false) // repaired
			default:
				send(n, n == 0 || n == 30)
			}
		}
		synctest.Wait()
		want := []byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 30, 31}
		for i, b := range want {
			if r.got[i].Data[1] != b || r.got[i].Gap != (b == 30) {
				t.Errorf("%d: frame %d gap %v, want %d", i, r.got[i].Data[1], r.got[i].Gap, b)
			}
		}
		if got := slices.Concat(r.nacks...); len(got) < 5 || got[0] != 5 || slices.Contains(got, 30) {
			t.Errorf("asked for %v", r.nacks)
		}
		for i, at := range []time.Duration{8 * step, 8 * step, 8 * step, 8 * step, 9 * step} {
			if r.at[5+i] != at {
				t.Errorf("frame %d handed on at %v, want %v", 5+i, r.at[5+i], at)
			}
		}
		// 10 counts as lost when 11's time + hold has passed; until 30 a keyframe is asked for, every 500 ms.
		if r.plis != 1 {
			t.Errorf("%d keyframes asked for within %v", r.plis, 30*step-(11*step+hold))
		}
		close(r.wire.packets)
		<-r.ended
	})
}

// TestReceiverAsksForKeyframesEvery500ms never gets one.
func TestReceiverAsksForKeyframesEvery500ms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(media.VP8, 0, false)
		for n := range 60 {
			r.wire.packets <- vp8(uint16(n), time.Duration(n)*time.Second/30, true, true, false, 0)
			time.Sleep(time.Second / 30)
		}
		synctest.Wait()
		if r.plis != 4 || len(r.got) != 0 {
			t.Errorf("%d keyframes asked for in 2 s, %d frames", r.plis, len(r.got))
		}
		close(r.wire.packets)
		<-r.ended
	})
}

func TestReceiverSoundDoesNotWaitLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(media.Opus, 4*time.Second, false)
		for n := range 50 {
			if n != 10 && n != 11 {
				r.wire.packets <- &rtp.Packet{Header: rtp.Header{SequenceNumber: uint16(n), Timestamp: uint32(n * 960)}, Payload: []byte{0x78, byte(n)}}
			}
			time.Sleep(20 * time.Millisecond)
		}
		synctest.Wait()
		if len(r.got) != 48 {
			t.Fatalf("%d packets", len(r.got))
		}
		for i, p := range r.got {
			n := i
			if i >= 10 {
				n += 2
			}
			if p.PTS != time.Duration(n)*20*time.Millisecond || p.Data[1] != byte(n) || p.Gap != (i == 10) || p.Duration != 20*time.Millisecond {
				t.Errorf("packet %d: %v gap %v %v", i, p.PTS, p.Gap, p.Duration)
			}
			if wait := r.at[i] - p.PTS; wait > audioJitterDelay+pollInterval {
				t.Errorf("packet %d waited for %v", i, wait)
			}
		}
		close(r.wire.packets)
		<-r.ended
	})
}

// TestReceiverBFrames hands on reordered frames in decoding order: PTS as
// they are, DTS rising and never after PTS once the depth is known.
func TestReceiverBFrames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(media.VP8, 0, false)
		seq := uint16(0)
		show := []int{0, 3, 1, 2, 6, 4, 5, 9, 7, 8, 12, 10, 11}
		for i, n := range show {
			time.Sleep(time.Duration(i+3)*40*time.Millisecond - r.clock.Now())
			r.wire.packets <- vp8(seq, time.Duration(n)*40*time.Millisecond, true, true, n == 0, byte(n))
			seq++
		}
		synctest.Wait()
		if len(r.got) != len(show) {
			t.Fatalf("%d of %d frames", len(r.got), len(show))
		}
		// The first packets find the anchor: frames ahead of their turn come early.
		base := r.got[4].PTS - 6*40*time.Millisecond
		for i, p := range r.got {
			if d := p.PTS - base - time.Duration(show[i])*40*time.Millisecond; i > 3 && (d < -time.Millisecond || d > time.Millisecond) {
				t.Errorf("frame %d shown at %v", show[i], p.PTS-base)
			}
			if i > 0 && p.DTS <= r.got[i-1].DTS || i > 3 && p.DTS > p.PTS {
				t.Errorf("frame %d: DTS %v PTS %v after DTS %v", show[i], p.DTS, p.PTS, r.got[i-1].DTS)
			}
		}
		close(r.wire.packets)
		<-r.ended
	})
}

// TestReceiverSurvivesRestartAndNoise: a sender that begins anew is followed; single strays are not.
func TestReceiverSurvivesRestartAndNoise(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(media.VP8, 0, false)
		n := 0
		send := func(seq uint16, key bool) {
			r.wire.packets <- vp8(seq, time.Duration(n)*time.Second/30, true, true, key, byte(n))
			n++
			time.Sleep(time.Second / 30)
		}
		for i := range 5 {
			send(uint16(100+i), i == 0)
		}
		send(30000, true) // a stray
		for i := range 5 {
			send(uint16(105+i), false)
		}
		for i := range 5 {
			send(uint16(20000+i), i == 1)
		}
		synctest.Wait()
		if len(r.got) != 14 {
			t.Fatalf("%d frames, want 10 and 4", len(r.got))
		}
		if !r.got[10].Gap || !r.got[10].Key {
			t.Errorf("the restart is not marked: %+v", r.got[10])
		}
		close(r.wire.packets)
		<-r.ended
	})
}

// TestReceiverHostile throws noise at every codec: nothing is handed on that is
// not whole, nothing panics, nothing grows.
func TestReceiverHostile(t *testing.T) {
	noise := rand.New(rand.NewPCG(7, 8))
	for _, c := range []media.Codec{media.H264, media.VP8, media.Opus} {
		r := NewReceiver(ReceiverConfig{Codec: c, Times: clock.NewTimebase().Track(90000), Clock: pace.NewWall(), PLI: func() {}, NACK: func([]uint16) {}, Out: func(media.Packet) {}})
		seq := uint16(0)
		for i := range 30000 {
			p := &rtp.Packet{Header: rtp.Header{SequenceNumber: seq, Timestamp: noise.Uint32N(4) * 3000, Marker: noise.IntN(50) == 0}, Payload: make([]byte, noise.IntN(20))}
			for j := range p.Payload {
				p.Payload[j] = byte(noise.Uint32())
			}
			seq += uint16(noise.IntN(3))
			if noise.IntN(1000) == 0 {
				seq += uint16(noise.Uint32())
				p.Timestamp = noise.Uint32()
			}
			at := time.Duration(i) * time.Millisecond
			r.take(p, at)
			r.tick(at)
			if len(r.jitter.wait) > maxWaiting+1 || len(r.jitter.gaps) > maxGaps+maxSeqJump {
				t.Fatalf("%s: %d packets wait behind %d gaps", c, len(r.jitter.wait), len(r.jitter.gaps))
			}
		}
	}
}

// TestReceiverBoundsHoles sends every 3000th number only, to a receiver that
// would wait for the others for a minute; then all of them.
func TestReceiverBoundsHoles(t *testing.T) {
	got := 0
	r := NewReceiver(ReceiverConfig{Codec: media.VP8, Times: clock.NewTimebase().Track(90000), Clock: pace.NewWall(), JitterDelay: time.Minute,
		PLI: func() {}, NACK: func([]uint16) {}, Out: func(media.Packet) { got++ }})
	n, seq := 0, uint16(0)
	send := func(key bool) {
		at := time.Duration(n) * time.Second / 30
		r.take(vp8(seq, at, true, true, key, 1), at)
		r.tick(at)
		n++
	}
	for range 600 {
		seq += maxSeqJump
		if send(false); len(r.jitter.gaps) > maxGaps {
			t.Fatalf("packet %d: %d gaps", n, len(r.jitter.gaps))
		}
	}
	for i := range 3 * maxGaps {
		seq++
		send(i == 2*maxGaps)
	}
	if got != maxGaps {
		t.Errorf("%d frames after it, want %d", got, maxGaps)
	}
}
