package lips

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"image"
	"image/png"
	"math"
	"time"

	"livedub/inference"
	"livedub/inference/lips/opening"
)

// Kept mouths are keptMagic, what they were read by, the speaker's habits, the mouths, each
// with its picture as a PNG, and the SHA-256 of all that; numbers are little-endian.
const (
	keptMagic   = "mouths\x00\x02" // its last byte is the version
	mostPicture = 1024             // pixels along a side
	fine        = 4096             // steps of a number without a unit, as brightness freed from the light
)

// reader tells by which model openings are read: heights of another one mean something else.
var reader = func() uint64 {
	h := fnv.New64a()
	h.Write(opening.Learned.Bytes())
	return h.Sum64()
}()

// form writes kept mouths, or reads them, field by field in the same order.
type form struct {
	out   []byte // that was written
	in    []byte // that is left to be read
	reads bool
	err   error
}

func (f *form) fail(format string, args ...any) {
	if f.err == nil {
		f.err = fmt.Errorf(format, args...)
	}
}

// take returns the next n bytes to be read; nil where there are fewer.
func (f *form) take(n int) []byte {
	if f.err == nil && (n < 0 || n > len(f.in)) {
		f.fail("they end early")
	}
	if f.err != nil {
		return nil
	}
	b := f.in[:n:n]
	f.in = f.in[n:]
	return b
}

// whole passes a whole number from least to most.
func (f *form) whole(p *int, least, most int) {
	if !f.reads {
		f.out = binary.LittleEndian.AppendUint32(f.out, uint32(*p))
		return
	}
	if b := f.take(4); b != nil {
		if v := int64(binary.LittleEndian.Uint32(b)); v < int64(least) || v > int64(most) {
			f.fail("%d is not from %d to %d", v, least, most)
		} else {
			*p = int(v)
		}
	}
}

// numbers pass floats no further from 0 than most.
func (f *form) numbers(most float64, all ...*float64) {
	for _, p := range all {
		if !f.reads {
			f.out = binary.LittleEndian.AppendUint64(f.out, math.Float64bits(*p))
			continue
		}
		if b := f.take(8); b != nil {
			v := math.Float64frombits(binary.LittleEndian.Uint64(b))
			if !(math.Abs(v) <= most) { // NaN too
				f.fail("%v is more than %v", v, most)
				return
			}
			*p = v
		}
	}
}

// fine passes many small numbers.
func (f *form) fine(all []float32) {
	for i := range all {
		if !f.reads {
			v := math.Round(float64(all[i]) * fine)
			f.out = binary.LittleEndian.AppendUint16(f.out, uint16(int16(min(max(v, math.MinInt16), math.MaxInt16))))
		} else if b := f.take(2); b != nil {
			all[i] = float32(int16(binary.LittleEndian.Uint16(b))) / fine
		}
	}
}

// habits pass what was read of a speaker; what that means is worked out anew.
func (f *form) habits(h *habits) {
	n := len(h.reads)
	f.whole(&n, enough, seen)
	if f.reads && f.err == nil {
		h.reads, h.widths, h.detail.seen = make([]readings, n), make([]float64, n), make([]float64, n)
	}
	for i := range h.reads {
		for k := range h.reads[i] {
			f.numbers(9, &h.reads[i][k])
		}
		f.numbers(9, &h.widths[i])
		f.numbers(1000, &h.detail.seen[i])
	}
	f.numbers(1000, &h.reach)
	f.numbers(9, &h.jitter, &h.before[0], &h.before[1])
	if !f.reads || f.err != nil {
		return
	}
	for _, r := range h.reads {
		h.gauge.see(r)
	}
	h.next = n % seen
	if h.settle(); h.reach < 1 || h.resting < .1 {
		f.fail("no mouth has such habits")
	}
}

// entry passes one mouth.
func (f *form) entry(e *entry) {
	at := float64(e.at) / float64(time.Second)
	f.numbers(1e8, &at)
	e.at = time.Duration(at * float64(time.Second))
	s, p := &e.shape, &e.pose
	f.numbers(1e5, &p.x, &p.y, &p.c, &p.s, &e.pic.x0, &e.pic.y0)
	f.numbers(1, &e.pic.scale)
	f.numbers(3, &s.x, &s.y, &s.tilt, &s.width, &s.coloured, &s.top, &s.under, &s.middles[0], &s.middles[1], &e.yaw, &e.pitch, &e.middle)
	f.numbers(1000, &s.contrast, &e.sharp, &e.detail, &e.light[0], &e.light[1])
	for k := range s.read {
		f.numbers(9, &s.read[k])
	}
	for k := range s.lips {
		v := float64(s.lips[k])
		f.numbers(1000, &v)
		s.lips[k] = float32(v)
	}
	if f.reads {
		e.nose, e.edge = new(grid), &outline{near: rayEnd}
	}
	f.fine(e.nose[:])
	f.fine(e.like[:])
	f.fine(e.looks[:])
	f.fine(e.edge.reach[:])
	f.picture(&e.pic)
	if !f.reads || f.err != nil {
		return
	}
	for k := range e.edge.reach {
		r := &e.edge.reach[k]
		if *r > rayEnd-1./fine { // no edge was met
			*r = rayEnd
		}
		e.edge.near = min(e.edge.near, float64(*r))
	}
	if err := e.sane(); err != nil {
		f.fail("%w", err)
	}
}

// sane tells whether a mouth that was read can be one.
func (e *entry) sane() error {
	if eyes := e.pose.eyes(); eyes < 8 || eyes > 1000 {
		return fmt.Errorf("eyes are %.0f pixels apart", eyes)
	}
	if e.shape.width < .1 || e.pic.scale < .1 {
		return errors.New("a mouth has no width")
	}
	for _, x := range []float64{-.5, 0, .5} {
		px, py := e.pic.at(e.pose.out(e.shape.x+x*e.shape.width, e.shape.y))
		if px < 0 || py < 0 || px >= float64(e.pic.y.w) || py >= float64(e.pic.y.h) {
			return errors.New("a mouth lies beside its picture")
		}
	}
	return nil
}

// picture passes the planes of a picture, U and V beside each other below Y.
func (f *form) picture(p *frame) {
	if !f.reads {
		w, h := p.y.w, p.y.h
		img := image.NewGray(image.Rect(0, 0, w, h+p.u.h))
		for y := range h {
			copy(img.Pix[y*img.Stride:], p.y.b[y*p.y.stride:][:w])
		}
		for y := range p.u.h {
			row := img.Pix[(h+y)*img.Stride:]
			copy(row, p.u.b[y*p.u.stride:][:p.u.w])
			copy(row[w/2:], p.v.b[y*p.v.stride:][:p.v.w])
		}
		var b bytes.Buffer
		if err := png.Encode(&b, img); err != nil {
			f.fail("%w", err)
		}
		n := b.Len()
		f.whole(&n, 0, n)
		f.out = append(f.out, b.Bytes()...)
		return
	}
	n := 0
	f.whole(&n, 1, inference.MostKept)
	b := f.take(n)
	if f.err != nil {
		return
	}
	is, err := png.DecodeConfig(bytes.NewReader(b))
	switch {
	case err != nil:
		f.fail("a picture: %w", err)
		return
	case is.Width < 8 || is.Height < 12 || is.Width > mostPicture || is.Height > mostPicture*3/2 || is.Width%2 != 0 || is.Height%3 != 0:
		f.fail("a picture of %d by %d", is.Width, is.Height)
		return
	}
	img, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		f.fail("a picture: %w", err)
		return
	}
	grey, ok := img.(*image.Gray)
	if !ok {
		f.fail("a picture is not grey")
		return
	}
	w, h := is.Width, is.Height/3*2
	p.y = cut(grey.Pix, grey.Stride, 0, 0, w, h)
	p.u = cut(grey.Pix, grey.Stride, 0, h, w/2, h/2)
	p.v = cut(grey.Pix, grey.Stride, w/2, h, w/2, h/2)
}

// encode returns the first n mouths and the habits.
func (a *atlas) encode(n int) ([]byte, error) {
	f := form{out: binary.LittleEndian.AppendUint64([]byte(keptMagic), reader)}
	h := a.habits
	f.habits(&h)
	f.whole(&n, enough, most)
	for _, e := range a.entries[len(a.entries)-n:] {
		e := *e
		f.entry(&e)
	}
	sum := sha256.Sum256(f.out)
	return append(f.out, sum[:]...), f.err
}

// decode reads what encode wrote.
func decode(b []byte) (*atlas, error) {
	if len(b) > inference.MostKept {
		return nil, fmt.Errorf("%d bytes are more than %d", len(b), inference.MostKept)
	}
	if len(b) < len(keptMagic)+8+sha256.Size || string(b[:len(keptMagic)]) != keptMagic {
		return nil, errors.New("they begin otherwise, or are of another version")
	}
	body := b[:len(b)-sha256.Size]
	if sum := sha256.Sum256(body); !bytes.Equal(sum[:], b[len(body):]) {
		return nil, errors.New("they are damaged")
	}
	f := form{in: body[len(keptMagic):], reads: true}
	if by := f.take(8); by != nil && binary.LittleEndian.Uint64(by) != reader {
		return nil, errors.New("openings are read by another model now")
	}
	a := &atlas{}
	f.habits(&a.habits)
	n := 0
	f.whole(&n, enough, most)
	room := maxBytes * 3 / 4
	for range n {
		if f.err != nil {
			break
		}
		e := new(entry)
		if f.entry(e); f.err == nil {
			a.habits.part(&e.shape)
			a.entries = append(a.entries, e)
			if room -= e.bytes(); room < 0 {
				f.fail("their pictures are too large")
			}
		}
	}
	if f.err == nil && len(f.in) > 0 {
		f.fail("%d bytes follow", len(f.in))
	}
	return a, f.err
}
