package recording

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"livedub/store"
)

// Piece is a segment of a playlist.
type Piece struct {
	Take string
	Segment
}

// Merge returns the segments that are shown of a language's takes, which come the oldest
// first: one for each part of the grid. The later take wins where both have all of that
// time; one that has all of it wins over one that has not. Of two that have parts of it,
// both are shown where one follows the other, else the longer.
func Merge(takes []Take) []Piece {
	by := map[int64][]Piece{}
	for _, t := range takes {
		for _, s := range t.Segments {
			p := s.span()
			if p.end <= p.at {
				continue
			}
			old := by[s.N]
			switch n := len(old); {
			case n == 0, s.Whole:
				by[s.N] = []Piece{{t.Name, s}}
			case old[0].Whole:
			case p.at+touch >= old[n-1].span().end:
				by[s.N] = append(old, Piece{t.Name, s})
			case n == 1 && p.end-p.at >= old[0].span().end-old[0].span().at:
				by[s.N] = []Piece{{t.Name, s}}
			}
		}
	}
	var out []Piece
	for _, pieces := range by {
		out = append(out, pieces...)
	}
	slices.SortFunc(out, func(a, b Piece) int {
		return cmp.Or(cmp.Compare(a.N, b.N), cmp.Compare(a.At, b.At), cmp.Compare(a.Take, b.Take))
	})
	return out
}

// Playlist returns the HLS playlist of a language (RFC 8216, fragmented MP4). Its addresses
// lie below the playlist's own. EXT-X-PROGRAM-DATE-TIME is the recording's creation and
// the recording time since: by it a player knows the time that all languages share,
// whatever its own timeline makes of a hole. It fails with store.ErrNotFound.
func (l *Library) Playlist(ctx context.Context, id, lang string) ([]byte, error) {
	h, err := l.look(ctx, id)
	if err != nil {
		return nil, err
	}
	known := slices.ContainsFunc(h.row.Languages, func(r store.RecordedLanguage) bool { return r.Lang == lang })
	if len(h.takes[lang]) == 0 && !known {
		return nil, store.ErrNotFound
	}
	return playlist(Merge(h.takes[lang]), h.clock, h.row.Created, h.row.State != store.Growing), nil
}

// dateTime is ISO 8601 as a playlist has it.
const dateTime = "2006-01-02T15:04:05.000Z07:00"

func playlist(pieces []Piece, clock Clock, created time.Time, ended bool) []byte {
	kind := "EVENT"
	if ended {
		kind = "VOD"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:%d\n#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-PLAYLIST-TYPE:%s\n#EXT-X-INDEPENDENT-SEGMENTS\n",
		int(SegmentLength/time.Second), kind)
	for i, p := range pieces {
		at := p.span()
		if i == 0 || breaks(pieces[i-1], p) {
			if i > 0 {
				b.WriteString("#EXT-X-DISCONTINUITY\n")
			}
			if i == 0 || pieces[i-1].Take != p.Take {
				fmt.Fprintf(&b, "#EXT-X-MAP:URI=\"%s/%s\"\n", p.Take, initName)
			}
			t, _ := clock.FromOutput(at.at)
			fmt.Fprintf(&b, "#EXT-X-PROGRAM-DATE-TIME:%s\n", created.Add(t).UTC().Format(dateTime))
		}
		fmt.Fprintf(&b, "#EXTINF:%.3f,\n%s/%s\n", (at.end - at.at).Seconds(), p.Take, segmentName(p.N))
	}
	if ended {
		b.WriteString("#EXT-X-ENDLIST\n")
	}
	return []byte(b.String())
}

// breaks tells whether the next segment is of another take, or of a time that is not next.
func breaks(before, next Piece) bool {
	return before.Take != next.Take || next.span().at > before.span().end+touch
}
