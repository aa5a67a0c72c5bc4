package recording

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"livedub/store"
)

// listed returns what of a language's line a playlist can have: segments that are there
// still, and are played whole. Of one that another part has a share in, HLS could but play
// all, and so a moment twice; it is left to the MP4.
func listed(takes []Take) []Part {
	there := slices.DeleteFunc(slices.Clone(takes), func(t Take) bool { return t.Merged })
	return slices.DeleteFunc(Line(there), func(p Part) bool {
		all := p.Segment.span()
		return p.From > all.at+touch || p.To < all.end-touch
	})
}

// Playlist returns the HLS playlist of a language (RFC 8216, fragmented MP4). Its addresses
// lie below the playlist's own. EXT-X-PROGRAM-DATE-TIME is the recording's creation and
// the recording time since: by it a player knows the time that all languages share,
// whatever its own timeline makes of a hole. It fails with store.ErrNotFound, also where
// the segments are gone and the MP4 has all of them.
func (l *Library) Playlist(ctx context.Context, id, lang string) ([]byte, error) {
	h, err := l.look(ctx, id)
	if err != nil {
		return nil, err
	}
	known := slices.ContainsFunc(h.row.Languages, func(r store.RecordedLanguage) bool { return r.Lang == lang })
	if len(h.takes[lang]) == 0 && !known {
		return nil, store.ErrNotFound
	}
	parts := listed(h.takes[lang])
	if len(parts) == 0 && slices.ContainsFunc(h.takes[lang], func(t Take) bool { return t.Merged }) {
		return nil, store.ErrNotFound
	}
	return playlist(parts, h.clock, h.row.Created, h.row.State != store.Growing), nil
}

// dateTime is ISO 8601 as a playlist has it.
const dateTime = "2006-01-02T15:04:05.000Z07:00"

func playlist(parts []Part, clock Clock, created time.Time, ended bool) []byte {
	kind := "EVENT"
	if ended {
		kind = "VOD"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:%d\n#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-PLAYLIST-TYPE:%s\n#EXT-X-INDEPENDENT-SEGMENTS\n",
		int(SegmentLength/time.Second), kind)
	for i, p := range parts {
		take := p.Take.Name
		another := i == 0 || parts[i-1].Take.Name != take
		if another || p.From-parts[i-1].To > touch {
			if i > 0 {
				b.WriteString("#EXT-X-DISCONTINUITY\n")
			}
			if another {
				fmt.Fprintf(&b, "#EXT-X-MAP:URI=\"%s/%s\"\n", take, initName)
			}
			t, _ := clock.FromOutput(p.From)
			fmt.Fprintf(&b, "#EXT-X-PROGRAM-DATE-TIME:%s\n", created.Add(t).UTC().Format(dateTime))
		}
		fmt.Fprintf(&b, "#EXTINF:%.3f,\n%s/%s\n", (p.To - p.From).Seconds(), take, segmentName(p.Segment.N))
	}
	if ended {
		b.WriteString("#EXT-X-ENDLIST\n")
	}
	return []byte(b.String())
}
