package caller

import (
	"slices"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
)

// arrivals pushes packets by their numbers, 10 ms apart, and returns the numbers
// that came out; negative ones came after a gap.
func arrivals(o *order, numbers ...int) []int64 {
	var out []int64
	at := time.Unix(1000, 0)
	for _, n := range numbers {
		at = at.Add(10 * time.Millisecond)
		o.push(&rtp.Packet{Header: rtp.Header{SequenceNumber: uint16(n), Timestamp: uint32(n) * 3000}, Payload: []byte{1}}, at, func(a arrived, gap bool) {
			if a.ts != int64(uint32(n)*3000) && a.seq == int64(n) {
				out = append(out, 1<<40) // its time is wrong
			}
			if gap {
				a.seq = -a.seq
			}
			out = append(out, a.seq)
		})
	}
	return out
}

func TestOrder(t *testing.T) {
	for _, tt := range []struct {
		name       string
		numbers    []int
		want       []int64
		lost, late int
	}{
		{"in order", []int{5, 6, 7}, []int64{5, 6, 7}, 0, 0},
		{"swapped", []int{5, 7, 6, 8}, []int64{5, 6, 7, 8}, 0, 0},
		{"twice", []int{5, 6, 6, 7, 5}, []int64{5, 6, 7}, 0, 2},
		{"twice while it waits", []int{5, 7, 7, 6}, []int64{5, 6, 7}, 0, 1},
		{"wraps", []int{65534, 65535, 65536, 65537}, []int64{65534, 65535, 65536, 65537}, 0, 0},
	} {
		var o order
		if got := arrivals(&o, tt.numbers...); !slices.Equal(got, tt.want) || o.lost != tt.lost || o.late != tt.late {
			t.Errorf("%s: %v, lost %d, late %d", tt.name, got, o.lost, o.late)
		}
	}
}

// TestOrderGivesUp: a hole is waited for no longer than holeTime, and what comes for it then is late.
func TestOrderGivesUp(t *testing.T) {
	var o order
	numbers := []int{1, 2}
	for n := 5; n < 60; n++ {
		numbers = append(numbers, n)
	}
	got := arrivals(&o, append(numbers, 3)...)
	if len(got) != 57 || got[2] != -5 || got[3] != 6 || o.lost != 2 || o.late != 1 || len(o.waiting) != 0 {
		t.Errorf("%v, lost %d, late %d, %d wait", got, o.lost, o.late, len(o.waiting))
	}
}

func FuzzOrder(f *testing.F) {
	f.Add([]byte{1, 2, 3})
	f.Add([]byte{0, 255, 1, 254, 130, 7, 7})
	f.Fuzz(func(t *testing.T, steps []byte) {
		var o order
		last, at, n := int64(-1), time.Unix(1000, 0), uint16(65000)
		for _, s := range steps {
			n += uint16(int8(s))
			at = at.Add(time.Duration(s) * time.Millisecond)
			o.push(&rtp.Packet{Header: rtp.Header{SequenceNumber: n}}, at, func(a arrived, _ bool) {
				if last >= 0 && a.seq <= last {
					t.Fatalf("%d after %d", a.seq, last)
				}
				last = a.seq
			})
			if len(o.waiting) > maxWaiting {
				t.Fatalf("%d wait", len(o.waiting))
			}
		}
	})
}

// vp8 returns the packets of a frame, made of so many.
func vp8(first, packets, frame int, key bool) []arrived {
	var out []arrived
	for i := range packets {
		data := []byte{0, 1, 2}
		if i == 0 {
			data[0] = 0x10 // the start of partition 0
		}
		if !key && i == 0 {
			data[1] = 0x01
		} else if i == 0 {
			data[1] = 0x00
		}
		out = append(out, arrived{seq: int64(first + i), ts: int64(frame) * 3000, marker: i == packets-1, data: data, at: time.Unix(int64(first+i), 0)})
	}
	return out
}

// TestAssembler: after a loss nothing is shown before a keyframe, which is asked for.
func TestAssembler(t *testing.T) {
	asked := 0
	a := &assembler{depacketizer: func() rtp.Depacketizer { return &codecs.VP8Packet{} }, key: keyVP8, ask: func() { asked++ }}
	var frames []int64
	var when []int64
	take := func(gap bool, packets ...arrived) {
		for i, p := range packets {
			a.packet(p, gap && i == 0, func(u unit) {
				frames, when = append(frames, u.ts/3000), append(when, u.at.Unix())
			})
		}
	}
	take(false, vp8(1, 2, 1, false)...) // before any keyframe
	if len(frames) != 0 || asked != 1 {
		t.Fatalf("shown %v, asked %d times", frames, asked)
	}
	take(false, vp8(3, 3, 2, true)...)
	take(false, vp8(6, 1, 3, false)...)
	take(true, vp8(7, 3, 4, false)[1:]...)                                                   // its first packet is lost
	take(false, vp8(10, 2, 5, false)...)                                                     // whole, without its reference
	take(true, vp8(13, 2, 7, true)...)                                                       // frame 6 is lost, this begins anew
	take(false, vp8(15, 3, 8, false)[:2]...)                                                 // its marker is lost
	take(false, vp8(18, 1, 9, false)...)                                                     // so this has no reference
	take(false, append(vp8(19, 1, 10, true), arrived{seq: 20, ts: 30000, marker: false})...) // padding behind it
	if want := []int64{2, 3, 7, 10}; !slices.Equal(frames, want) {
		t.Errorf("shown %v, want %v", frames, want)
	}
	if want := []int64{5, 6, 14, 19}; !slices.Equal(when, want) {
		t.Errorf("whole at %v, want %v", when, want)
	}
	if a.damaged != 2 || asked < 5 {
		t.Errorf("%d damaged, asked %d times", a.damaged, asked)
	}
}

func TestKeyframes(t *testing.T) {
	if !keyH264([]byte{0, 0, 0, 1, 0x67, 1, 0, 0, 1, 0x65, 2}) || keyH264([]byte{0, 0, 0, 1, 0x41, 2}) || keyH264(nil) {
		t.Error("H.264")
	}
	if !keyVP8([]byte{0x10}) || keyVP8([]byte{0x11}) || keyVP8(nil) {
		t.Error("VP8")
	}
}
