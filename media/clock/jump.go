package clock

import "time"

// jump follows the sender's clock; held is what offset is to hold of the lag.
func (t *TrackTime) jump(ext int64, at, held time.Duration) {
	t.jumps++
	t.jumped, t.biases = true, nil
	m, last := t.media(ext), t.media(t.top)+t.offset
	t.reanchor(m, at, held)
	if m+t.offset <= last { // time never runs back
		t.offset = last + time.Millisecond - m
	}
	t.top, t.at = ext, at
}

// reanchor takes a packet for the earliest.
func (t *TrackTime) reanchor(m, at, held time.Duration) {
	t.window = append(t.window[:0], bucket{int64(at / time.Second), at - m})
	t.offset, t.anchor, t.at = at-m+held, at, at
}
