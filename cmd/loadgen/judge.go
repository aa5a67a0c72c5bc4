package main

import (
	"math"
	"slices"
	"time"

	"livedub/internal/testkit/testspeaker"
	"livedub/media"
	"livedub/media/codec"
)

const (
	maxQueue   = 512             // units and packets that wait to be judged
	markStep   = 2 * time.Second // sound in which markers are looked for at a time
	markOver   = 100 * time.Millisecond
	framesBack = 256 // frames that a marker may belong to
	loudDB     = -45 // of full scale: speech, even when it is turned down
	silentPart = .3  // of a phrase's time: below it nobody was heard
)

// judge decodes what one viewer gets and reads the marks in it, on a goroutine
// of its own. What does not fit into its queue is left out and counted.
type judge struct {
	m     *material
	delay time.Duration            // that is expected
	start func() (time.Time, bool) // of the material's time 0
	seen  func(glassMS float64)    // each frame
	apart func(offsetMS float64)   // each marker
	queue chan work                // closed by the viewer's owner
	out   bool                     // a unit was left out: wait for a keyframe; the viewer's own

	leftOut int       // the viewer's own
	until   time.Time // until when the viewer watched; set before the queue is closed

	frames  *codec.VideoDecoder
	codec   string
	sounds  *codec.AudioDecoder
	count   int
	last    int // highest number shown; -1 before the first
	shown   []shownFrame
	pcm     media.Samples // PTS is 0: its first sample sounded at pcmAt
	pcmAt   time.Time
	nextTS  int64
	phrases listener

	read, misread, missing, twice int
	glass, offset                 series
}

// work is one unit or packet to be judged.
type work struct {
	codec  string // "" for sound
	data   []byte
	ts     int64
	at     time.Time // of its arrival
	sent   time.Time // by sender reports
	mapped bool
}

// shownFrame is a frame by its number, with its times.
type shownFrame struct {
	sent     time.Time     // by sender reports
	material time.Duration // unwrapped
}

func newJudge(m *material, delay time.Duration, start func() (time.Time, bool), seen, apart func(float64)) *judge {
	return &judge{m: m, delay: delay, start: start, seen: seen, apart: apart, queue: make(chan work, maxQueue), last: -1,
		phrases: listener{m: m}}
}

// video takes a unit; false where it was left out, and all are up to the next keyframe.
func (j *judge) video(codec string, u unit, sent time.Time, mapped bool) bool {
	if j.out && !u.key {
		j.leftOut++
		return false
	}
	select {
	case j.queue <- work{codec, u.data, u.ts, u.at, sent, mapped}:
		j.out = false
		return true
	default:
		j.leftOut++
		j.out = true
		return false
	}
}

// audio takes a packet of sound.
func (j *judge) audio(a arrived, sent time.Time, mapped bool) {
	select {
	case j.queue <- work{"", a.data, a.ts, a.at, sent, mapped}:
	default:
		j.leftOut++
	}
}

// run judges until the queue is closed and empty.
func (j *judge) run() {
	for w := range j.queue {
		if w.codec == "" {
			j.hear(w)
		} else {
			j.look(w)
		}
	}
	j.mark(true)
	if began, started := j.start(); started && j.phrases.began && !j.until.IsZero() {
		j.phrases.pass(j.until.Sub(began) - j.delay - settle) // what did not come any more was silent
	}
	if j.frames != nil {
		j.frames.Close()
	}
	if j.sounds != nil {
		j.sounds.Close()
	}
}

// look decodes a frame and reads its number.
func (j *judge) look(w work) {
	if j.frames == nil || j.codec != w.codec {
		if j.frames != nil {
			j.frames.Close()
		}
		var err error
		if j.frames, err = codec.NewVideoDecoder(media.Track{Kind: media.Video, Codec: media.Codec(w.codec)}); err != nil {
			j.frames, j.misread = nil, j.misread+1
			return
		}
		j.codec = w.codec
	}
	j.count++
	decoded, err := j.frames.Decode(media.Packet{Kind: media.Video, PTS: time.Duration(j.count) * time.Millisecond, Data: w.data})
	if err != nil || len(decoded) == 0 {
		j.misread++
		return
	}
	n, ok := testspeaker.ReadBar(decoded[len(decoded)-1])
	for _, f := range decoded {
		f.Release()
	}
	began, started := j.start()
	if !ok || !started {
		j.misread++
		return
	}
	j.number(int(n), w, began)
}

// number places a frame that was read.
func (j *judge) number(n int, w work, began time.Time) {
	came := w.at.Sub(began)
	sent, index, ok := j.m.expected(n, came, j.delay)
	if !ok {
		j.misread++
		return
	}
	j.read++
	delay := ms(came - sent)
	j.glass.add(delay)
	j.seen(delay)
	switch {
	case j.last >= 0 && index <= j.last:
		j.twice++
	case j.last >= 0:
		j.missing += index - j.last - 1
	}
	j.last = max(j.last, index)
	if w.mapped {
		if len(j.shown) == framesBack {
			j.shown = slices.Delete(j.shown, 0, framesBack/2)
		}
		j.shown = append(j.shown, shownFrame{w.sent, sent})
	}
}

// hear decodes sound and looks for what is marked in it.
func (j *judge) hear(w work) {
	if j.sounds == nil {
		var err error
		if j.sounds, err = codec.NewAudioDecoder(media.Track{Kind: media.Audio, Codec: media.Opus, SampleRate: testspeaker.Rate, Channels: 2}); err != nil {
			return
		}
	}
	if len(j.pcm.Data) > 0 && w.ts != j.nextTS {
		j.mark(true) // something is missing
	}
	decoded, err := j.sounds.Decode(media.Packet{Kind: media.Audio, Data: w.data})
	if err != nil {
		j.mark(true)
		return
	}
	for _, s := range decoded {
		if !w.mapped {
			continue
		}
		if len(j.pcm.Data) == 0 {
			j.pcm, j.pcmAt = media.Samples{Rate: s.Rate, Channels: s.Channels}, w.sent
			j.nextTS = w.ts
		}
		j.pcm.Data = append(j.pcm.Data, s.Data...)
		j.nextTS += int64(s.Frames())
		if at, ok := j.material(w.sent); ok {
			j.phrases.block(at, s)
		}
	}
	if j.pcm.Duration() >= markStep {
		j.mark(false)
	}
}

// material returns what time of the material a moment of the sender's clock
// shows, by the frame nearest to it.
func (j *judge) material(at time.Time) (time.Duration, bool) {
	i, _ := slices.BinarySearchFunc(j.shown, at, func(f shownFrame, at time.Time) int { return f.sent.Compare(at) })
	best := time.Second
	var found time.Duration
	for _, f := range j.shown[max(i-1, 0):min(i+1, len(j.shown))] { // the one before and the one after
		if d := at.Sub(f.sent); d.Abs() < best {
			best, found = d.Abs(), f.material+d
		}
	}
	return found, best < time.Second
}

// mark finds the markers in the sound so far. last forgets the sound; else its
// end is kept, for a marker may go on.
func (j *judge) mark(last bool) {
	defer func() {
		if last {
			j.pcm.Data = nil
			return
		}
		keep := min(len(j.pcm.Data), media.TimeToSamples(markOver, j.pcm.Rate)*j.pcm.Channels)
		j.pcmAt = j.pcmAt.Add(media.SamplesToTime((len(j.pcm.Data)-keep)/j.pcm.Channels, j.pcm.Rate))
		j.pcm.Data = slices.Clone(j.pcm.Data[len(j.pcm.Data)-keep:])
	}()
	if len(j.pcm.Data) == 0 {
		return
	}
	found, err := testspeaker.FindMarkers(j.pcm)
	if err != nil {
		return
	}
	for _, at := range found {
		if !last && at >= j.pcm.Duration()-markOver {
			continue // found again, whole, the next time
		}
		shown, ok := j.material(j.pcmAt.Add(at))
		if !ok {
			continue
		}
		off := ms(shown - shown.Round(time.Second))
		j.offset.add(off)
		j.apart(off)
	}
}

// listener tells which of the material's phrases were to be heard.
type listener struct {
	m       *material
	began   bool
	next    int           // phrase, counted over the loops
	loud    time.Duration // of it
	sounded int
	silent  int
}

// phrase returns phrase i of the endless loop.
func (m *material) phrase(i int) (start, end time.Duration) {
	p := m.said[i%len(m.said)]
	loop := time.Duration(i/len(m.said)) * m.length
	return loop + p.start, loop + p.end
}

// block takes sound that belongs to a time of the material; blocks come in
// order, some may be missing.
func (l *listener) block(at time.Duration, s media.Samples) {
	if len(l.m.said) == 0 {
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
