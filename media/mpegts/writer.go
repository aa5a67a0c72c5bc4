package mpegts

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts/codecs"
	"golang.org/x/text/language"

	"livedub/media"
)

// Message is how many bytes are written at a time, at most: seven packets, which is
// what fits into a datagram.
const Message = 7 * packetSize

// lead is by how much times in a stream are later than those of the packets: its clock
// runs ahead of the first frame.
const lead = time.Second

// Track is one of a stream that is written: H.264, or AAC in a language.
type Track struct {
	media.Track
	Lang string // as "es"; "" for none
}

// Writer writes a transport stream of one picture at most and any number of sounds.
type Writer struct {
	out    *bufio.Writer
	muxer  *mpegts.Writer
	tracks []*mpegts.Track
}

// NewWriter returns a writer of tracks to w. It fails for one that it cannot write.
func NewWriter(w io.Writer, tracks []Track) (*Writer, error) {
	out := &Writer{out: bufio.NewWriterSize(w, Message)}
	for _, t := range tracks {
		switch t.Codec {
		case media.H264:
			out.tracks = append(out.tracks, &mpegts.Track{Codec: &codecs.H264{}})
		case media.AAC:
			c := &codecs.MPEG4Audio{}
			if err := c.Config.Unmarshal(t.Extradata); err != nil {
				return nil, fmt.Errorf("mpegts: the sound's configuration: %w", err)
			}
			out.tracks = append(out.tracks, &mpegts.Track{Codec: c, Language: Lang(t.Lang)})
		default:
			return nil, fmt.Errorf("mpegts: %s cannot be written: h264 and aac are", t.Codec)
		}
	}
	out.muxer = &mpegts.Writer{W: out.out, Tracks: out.tracks}
	if err := out.muxer.Initialize(); err != nil {
		return nil, fmt.Errorf("mpegts: %w", err)
	}
	return out, nil
}

// Lang returns what a descriptor has of a language: its code of ISO 639-2, "und" where
// there is none, "" for "".
func Lang(lang string) string {
	if lang == "" {
		return ""
	}
	t, err := language.Parse(lang)
	if err != nil {
		return "und"
	}
	base, _ := t.Base()
	return base.ISO3()
}

// Write writes an access unit of track i: a frame in Annex B form, or AAC. Times from
// 0 on have their place in the stream; they may go on for any time.
func (w *Writer) Write(i int, p media.Packet) error {
	if len(p.Data) == 0 {
		return nil
	}
	t := w.tracks[i]
	var err error
	switch t.Codec.(type) {
	case *codecs.H264:
		var nals h264.AnnexB
		if err := nals.Unmarshal(p.Data); err != nil {
			return fmt.Errorf("mpegts: a frame: %w", err)
		}
		err = w.muxer.WriteH264(t, ticks(p.PTS), ticks(p.DTS), nals)
	case *codecs.MPEG4Audio:
		if len(p.Data) > mostADTS {
			return errLong
		}
		err = w.muxer.WriteMPEG4Audio(t, ticks(p.PTS), [][]byte{p.Data})
	}
	if err != nil {
		return err
	}
	return w.out.Flush()
}

// mostADTS is how long a unit of AAC may be.
const mostADTS = mpeg4audio.MaxAccessUnitSize

var errLong = errors.New("mpegts: a unit of AAC is too long")

// ticks counts modulo 2^33.
func ticks(t time.Duration) int64 {
	t += lead
	whole, rest := int64(t/time.Second), int64(t%time.Second)
	return (whole*Rate + rest*Rate/int64(time.Second)) & (1<<33 - 1)
}
