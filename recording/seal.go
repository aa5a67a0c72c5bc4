package recording

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"

	"livedub/media/cmaf"
)

// seal returns the takes of a recording, by language, having closed those that this
// node has left open: what is on the disk is what they have. Nobody may be recording here.
func (r *Recorder) seal(ctx context.Context, id string) (takes map[string][]Take, sealed int, err error) {
	if takes, err = r.files.takes(ctx, id); err != nil {
		return nil, 0, err
	}
	langs, err := r.disk.names(Dir(id))
	if err != nil {
		return nil, 0, err
	}
	for _, e := range langs { // of a take whose description is lost there are only files
		lang := e.Name()
		if !e.IsDir() || !validLang(lang) {
			continue
		}
		names, err := r.disk.names(langDir(id, lang))
		if err != nil {
			return nil, 0, err
		}
		for _, e := range names {
			known := slices.ContainsFunc(takes[lang], func(t Take) bool { return t.Name == e.Name() })
			if e.IsDir() && validTake.MatchString(e.Name()) && !known {
				takes[lang] = append(takes[lang], Take{Name: e.Name(), Node: r.cfg.Node})
			}
		}
	}
	for lang, of := range takes {
		for i, t := range of {
			if t.Closed || !r.mine(id, lang, t) {
				continue
			}
			closed, err := r.rebuild(ctx, id, lang, t)
			if err != nil {
				return nil, 0, err
			}
			if err := r.keep(takeKey(id, lang, t.Name), closed); err != nil {
				return nil, 0, err
			}
			of[i] = closed
			sealed++
		}
		slices.SortFunc(of, func(a, b Take) int { return cmp.Compare(a.Name, b.Name) })
		if !slices.ContainsFunc(of, func(t Take) bool { return len(t.Segments) > 0 }) {
			delete(takes, lang)
		}
	}
	return takes, sealed, nil
}

// mine tells whether this node has recorded a take, or another that works in the same
// folder, which nobody is at now.
func (r *Recorder) mine(id, lang string, t Take) bool {
	names, err := r.disk.names(takeDir(id, lang, t.Name))
	return t.Node == r.cfg.Node || err == nil && len(names) > 0
}

// rebuild returns a take with what is there of it: segments that it does not tell of,
// or otherwise, are read; those that are none are left out.
func (r *Recorder) rebuild(ctx context.Context, id, lang string, t Take) (Take, error) {
	sizes, err := r.segments(ctx, id, lang, t.Name)
	if err != nil {
		return Take{}, err
	}
	known := map[int64]Segment{}
	for _, s := range t.Segments {
		known[s.N] = s
	}
	init, err := r.files.read(ctx, initKey(id, lang, t.Name))
	var reader *cmaf.Reader
	if err == nil {
		reader, err = cmaf.NewReader(init)
	}
	if err != nil && len(sizes) > 0 {
		r.cfg.Log.Error("segments of a recording cannot be played: what leads them is missing", "take", takeKey(id, lang, t.Name), "err", err)
		sizes = nil
	}
	closed := t
	closed.Closed, closed.Segments = true, []Segment{}
	for n, size := range sizes {
		s, ok := known[n]
		if !ok || s.Bytes != size {
			read, err := r.inspect(ctx, reader, segmentKey(id, lang, t.Name, n), n)
			if err != nil {
				r.cfg.Log.Warn("a segment of a recording is damaged, and left out", "segment", segmentKey(id, lang, t.Name, n), "err", err)
				continue
			}
			s = read
		}
		closed.Segments = append(closed.Segments, s)
	}
	slices.SortFunc(closed.Segments, func(a, b Segment) int { return cmp.Compare(a.N, b.N) })
	return closed, nil
}

// segments returns the sizes of a take's segments, by their numbers, wherever they lie.
func (r *Recorder) segments(ctx context.Context, id, lang, take string) (map[int64]int64, error) {
	sizes := map[int64]int64{}
	add := func(name string, size int64) {
		if m := segmentFile.FindStringSubmatch(name); m != nil {
			if n, err := strconv.ParseInt(m[1], 10, 64); err == nil {
				sizes[n] = size
			}
		}
	}
	if r.cfg.Objects != nil {
		objects, err := r.cfg.Objects.List(ctx, takeDir(id, lang, take))
		if err != nil {
			return nil, err
		}
		for _, o := range objects {
			add(strings.TrimPrefix(o.Key, takeDir(id, lang, take)), o.Size)
		}
	}
	names, err := r.disk.names(takeDir(id, lang, take))
	for _, e := range names {
		var info fs.FileInfo
		if info, err = e.Info(); err == nil && info.Mode().IsRegular() {
			add(e.Name(), info.Size())
		}
	}
	return sizes, err
}

// inspect returns what a segment has.
func (r *Recorder) inspect(ctx context.Context, reader *cmaf.Reader, key string, n int64) (Segment, error) {
	data, err := r.files.read(ctx, key)
	if err != nil {
		return Segment{}, err
	}
	packets, err := reader.Packets(data)
	if err != nil {
		return Segment{}, err
	}
	if len(packets) == 0 {
		return Segment{}, errors.New("it is empty")
	}
	at, end := packets[0].PTS, packets[0].PTS
	for _, p := range packets {
		at, end = min(at, p.PTS), max(end, p.PTS+p.Duration)
	}
	if int64(at/SegmentLength) != n {
		return Segment{}, fmt.Errorf("it begins at %v, which is of another", at)
	}
	// A whole one begins with a frame on the grid, and has all up to the next.
	grid := span{time.Duration(n) * SegmentLength, time.Duration(n+1) * SegmentLength}
	end = min(end, grid.end)
	whole := at <= grid.at+frame && end >= grid.end-frame
	return Segment{N: n, At: at, Duration: end - at, Bytes: int64(len(data)), Whole: whole}, nil
}
