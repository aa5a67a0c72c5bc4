package recording

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"livedub/media"
	"livedub/media/cmaf"
	"livedub/media/file"
)

// merge makes one MP4 of a language, without encoding anything anew, and returns its
// size. Its times are recording time.
func (r *Recorder) merge(ctx context.Context, id string, m Manifest, lang string, takes []Take, clock Clock) (int64, error) {
	key, line := fileKey(id, lang), Line(takes)
	var all int64
	merged := false
	for _, p := range line {
		all += p.Segment.Bytes
		merged = merged || p.Take.Merged
	}
	if merged { // by whoever finished it before
		return r.size(ctx, key, all)
	}
	if err := r.disk.admit(all + all/16); err != nil {
		return 0, fmt.Errorf("there is no room for one film, the segments stay: %w", err)
	}
	path := r.disk.path(key)
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return 0, err
	}
	out, err := file.Create(path, file.SinkConfig{
		Video: media.H264, Audio: media.AAC, IndexFirst: true, Tags: Tags(m.Session, m.From, lang, m.Created),
	})
	if err != nil {
		return 0, err
	}
	j := joiner{out: out, clock: clock}
	err = r.join(ctx, id, lang, line, &j)
	if err = errors.Join(err, out.Close()); err == nil {
		err = j.verify(ctx, path)
	}
	if err != nil {
		return 0, errors.Join(err, os.Remove(path))
	}
	if err := errors.Join(syncFile(path), syncFolder(filepath.Dir(path))); err != nil {
		return 0, err
	}
	r.announce(key)
	return r.size(ctx, key, all)
}

// size returns the size of a file, or what it is where it cannot be told.
func (r *Recorder) size(ctx context.Context, key string, about int64) (int64, error) {
	if st, err := os.Stat(r.disk.path(key)); err == nil {
		return st.Size(), nil
	}
	if r.cfg.Objects == nil {
		return about, nil
	}
	body, o, err := r.cfg.Objects.Open(ctx, key, 0, 0)
	if err != nil {
		return about, nil
	}
	return o.Size, body.Close()
}

func syncFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// join puts the segments of a line into one file.
func (r *Recorder) join(ctx context.Context, id, lang string, line []Part, j *joiner) error {
	readers := map[string]*cmaf.Reader{}
	var tracks []media.Track
	for _, p := range line {
		if readers[p.Take.Name] != nil {
			continue
		}
		init, err := r.files.read(ctx, initKey(id, lang, p.Take.Name))
		if err != nil {
			return err
		}
		reader, err := cmaf.NewReader(init)
		if err != nil {
			return err
		}
		readers[p.Take.Name] = reader
		for _, t := range reader.Tracks() {
			if media.FindTrack(tracks, t.Kind) == nil {
				tracks = append(tracks, t)
			}
		}
	}
	j.frames = media.FindTrack(tracks, media.Video)
	if err := j.out.Start(tracks); err != nil {
		return err
	}
	for _, p := range line {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		data, err := r.files.read(ctx, segmentKey(id, lang, p.Take.Name, p.Segment.N))
		if err != nil {
			return fmt.Errorf("segment %d of take %s: %w", p.Segment.N, p.Take.Name, err)
		}
		reader := readers[p.Take.Name]
		packets, err := reader.Packets(data)
		if err != nil {
			return fmt.Errorf("segment %d of take %s: %w", p.Segment.N, p.Take.Name, err)
		}
		if err := j.add(p, media.FindTrack(reader.Tracks(), media.Video), packets); err != nil {
			return err
		}
	}
	return nil
}

// joiner writes segments one behind the other.
type joiner struct {
	out    media.Sink
	clock  Clock
	frames *media.Track // as the file describes them; nil where there are none
	count  [media.Video + 1]int
}

// add writes what is played of a segment, whose frames are as described.
func (j *joiner) add(p Part, frames *media.Track, packets []media.Packet) error {
	var sets []byte // where they are others than the file describes they go before each keyframe
	if frames != nil && !bytes.Equal(frames.Extradata, j.frames.Extradata) {
		sets = frames.Extradata
	}
	at, _ := j.clock.FromOutput(p.From)
	shown := false // a frame that can be decoded
	for _, x := range packets {
		if x.PTS < p.From-frame/2 && p.From > p.Segment.At || x.PTS >= p.To && p.To < p.Segment.At+p.Segment.Duration {
			continue // another part has it
		}
		if x.Kind == media.Video {
			if shown = shown || x.Key; !shown {
				continue
			}
			if x.Key {
				x.Data = slices.Concat(sets, x.Data)
			}
		}
		x.PTS, x.DTS = x.PTS-p.From+at, x.DTS-p.From+at
		if err := j.out.Write(x); err != nil {
			return err
		}
		j.count[x.Kind]++
	}
	return nil
}

// frame is how long a frame is about.
const frame = time.Second / 30

// verify reads what was written, and fails where anything is missing.
func (j *joiner) verify(ctx context.Context, path string) error {
	src, err := file.Open(path)
	if err != nil {
		return err
	}
	defer src.Close()
	var count [media.Video + 1]int
	for {
		p, err := src.Read(ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		count[p.Kind]++
	}
	if count != j.count {
		return fmt.Errorf("%s has %d packets of sound and %d frames, and should have %d and %d: is the disk sound?",
			path, count[media.Audio], count[media.Video], j.count[media.Audio], j.count[media.Video])
	}
	return nil
}

// Tags returns what a film of a dub says of itself, for a player and whoever finds it.
func Tags(session, from, lang string, at time.Time) map[string]string {
	tags := map[string]string{"title": session + " (" + lang + ")", "creation_time": at.UTC().Format(time.RFC3339)}
	if lang != from {
		tags["title"] = session + " (" + lang + ", AI dubbed)"
		tags["comment"] = Notice
		tags["description"] = "Dubbed from " + from + " to " + lang + " by livedub."
	}
	return tags
}
