package hls

import (
	"bytes"
	"fmt"
	"time"
)

// dateTime is ISO 8601 as a playlist has it.
const dateTime = "2006-01-02T15:04:05.000Z07:00"

// playlist returns the media playlist; the caller has the lock.
func (r *Rendition) playlist() []byte {
	var b bytes.Buffer
	done := r.segments
	var open *segment
	if last := done[len(done)-1]; !last.done {
		done, open = done[:len(done)-1], last
	}
	done = done[max(0, len(done)-listed):]
	low := r.parts > 1
	fmt.Fprintf(&b, "#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-TARGETDURATION:%d\n#EXT-X-INDEPENDENT-SEGMENTS\n", int(SegmentLength/time.Second))
	b.WriteString("#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES")
	if low {
		fmt.Fprintf(&b, ",PART-HOLD-BACK=%.3f\n#EXT-X-PART-INF:PART-TARGET=%.3f", (3 * PartLength).Seconds(), PartLength.Seconds())
	}
	fmt.Fprintf(&b, "\n#EXT-X-MEDIA-SEQUENCE:%d\n", done[0].n)
	var init *initial
	for i, s := range done {
		parts := low && i >= len(done)-withParts
		init = r.list(&b, s, init, parts)
		fmt.Fprintf(&b, "#EXTINF:%.3f,\n%s\n", (time.Duration(len(s.parts)) * SegmentLength / time.Duration(r.parts)).Seconds(), r.segmentName(Place{s.n, -1}))
	}
	if open != nil && low {
		r.list(&b, open, init, true)
		fmt.Fprintf(&b, "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"%s\"\n", r.segmentName(r.next()))
	}
	for _, p := range r.peers {
		if v := p.now.Load(); v.playlist != nil && !v.ended {
			last := v.next
			if last.Part--; last.Part < 0 {
				last = Place{last.Segment - 1, p.parts - 1}
			}
			fmt.Fprintf(&b, "#EXT-X-RENDITION-REPORT:URI=\"%s.m3u8\",LAST-MSN=%d,LAST-PART=%d\n", p.name, last.Segment, last.Part)
		}
	}
	if r.ended {
		b.WriteString("#EXT-X-ENDLIST\n")
	}
	return b.Bytes()
}

// list writes what stands before a segment's own lines, and returns the initialization
// section that is in force behind it.
func (r *Rendition) list(b *bytes.Buffer, s *segment, init *initial, parts bool) *initial {
	if s.init != nil && (init == nil || s.init.name != init.name) {
		init = s.init
		fmt.Fprintf(b, "#EXT-X-MAP:URI=\"%s\"\n", init.name)
	}
	if s.done && s.missing() {
		b.WriteString("#EXT-X-GAP\n")
	}
	if s.done || len(s.parts) > 0 {
		fmt.Fprintf(b, "#EXT-X-PROGRAM-DATE-TIME:%s\n", r.zero.Add(time.Duration(s.n)*SegmentLength).UTC().Format(dateTime))
	}
	for i, p := range s.parts {
		if !parts {
			break
		}
		fmt.Fprintf(b, "#EXT-X-PART:DURATION=%.3f,URI=\"%s\"", PartLength.Seconds(), r.segmentName(Place{s.n, i}))
		switch {
		case p.data == nil:
			b.WriteString(",GAP=YES")
		case p.key:
			b.WriteString(",INDEPENDENT=YES")
		}
		b.WriteByte('\n')
	}
	return init
}
