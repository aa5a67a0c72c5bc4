package caller

import (
	"math"
	"time"

	"livedub/media"
)

// listener tells which of the material's phrases were to be heard.
type listener struct {
	m       *Material
	began   bool
	next    int           // phrase, counted over the loops
	loud    time.Duration // of it
	sounded int
	silent  int
}

// phrase returns phrase i of the endless loop.
func (m *Material) phrase(i int) (start, end time.Duration) {
	p := m.Said[i%len(m.Said)]
	loop := time.Duration(i/len(m.Said)) * m.Length
	return loop + p.start, loop + p.end
}

// block takes sound that belongs to a time of the material; blocks come in
// order, some may be missing.
func (l *listener) block(at time.Duration, s media.Samples) {
	if len(l.m.Said) == 0 {
		return
	}
	if !l.began { // with the first phrase that is heard from its beginning
		l.began = true
		for start, _ := l.m.phrase(l.next); start < at; start, _ = l.m.phrase(l.next) {
			l.next++
		}
	}
	l.pass(at)
	if start, _ := l.m.phrase(l.next); at >= start && level(s.Data) > loudDB {
		l.loud += s.Duration()
	}
}

// pass judges the phrases that ended before a time of the material.
func (l *listener) pass(at time.Duration) {
	start, end := l.m.phrase(l.next)
	for at >= end {
		if l.loud >= time.Duration(silentPart*float64(end-start)) {
			l.sounded++
		} else {
			l.silent++
		}
		l.next, l.loud = l.next+1, 0
		start, end = l.m.phrase(l.next)
	}
}

// level returns how loud samples are, in dB of full scale.
func level(data []int16) float64 {
	sum := 0.0
	for _, v := range data {
		sum += float64(v) * float64(v)
	}
	return 10 * math.Log10(sum/float64(max(len(data), 1))/(32768*32768)+1e-12)
}
