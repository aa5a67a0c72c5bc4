package file

import (
	"strings"
	"testing"
	"time"

	"livedub/media"
)

// Tracks come out in one order of decoding, none waits without bound for
// another, and each packet lasts until the next.
func TestQueueOrdersAndBounds(t *testing.T) {
	q := newQueue(2)
	most, written := 0, 0
	var last int64
	for i := range 3000 { // the second track sends nothing until the end
		at := int64(i) * 40e6
		q.push(0, entry{dts: int64(i) * 3600, when: at})
		for {
			track, e, ok := q.pop(false)
			if !ok {
				break
			}
			if track != 0 || e.duration != 3600 || e.when < last {
				t.Fatalf("track %d, %+v", track, e)
			}
			last = e.when
			written++
		}
		most = max(most, len(q.tracks[0]))
	}
	if most > 52 || written < 2940 {
		t.Errorf("%d packets waited, %d written", most, written)
	}
	q.push(1, entry{dts: 48000, when: 119_900_000_000, duration: 1024})
	var order []string
	for {
		track, e, ok := q.pop(true)
		if !ok {
			break
		}
		order = append(order, string(rune('0'+track)))
		if e.duration != 3600 && track == 0 || e.duration != 1024 && track == 1 {
			t.Errorf("track %d lasts %d", track, e.duration)
		}
	}
	if got := strings.TrimLeft(strings.Join(order, ""), "0"); got != "100" {
		t.Errorf("order %v", order)
	}
}

// Times that MP4 cannot hold are mended as little as can be.
func TestEntriesAreWhatMP4CanHold(t *testing.T) {
	tr := &target{ticks: 90000}
	var last entry
	for i, p := range []media.Packet{
		{PTS: 40 * time.Millisecond, DTS: 80 * time.Millisecond},
		{PTS: 120 * time.Millisecond, DTS: 80 * time.Millisecond},
		{PTS: 120 * time.Millisecond, DTS: 80 * time.Millisecond},
		{PTS: 80 * time.Millisecond, DTS: 0},
	} {
		e := tr.entry(p, 0)
		if e.pts < e.dts || i > 0 && e.dts <= last.dts {
			t.Errorf("%d: shown %d, decoded %d after %d", i, e.pts, e.dts, last.dts)
		}
		if want := toTicks(p.PTS, 90000); e.pts-want > 2 {
			t.Errorf("%d: shown at %d, want %d", i, e.pts, want)
		}
		last = e
	}
}
