package caller

import (
	"slices"
	"sync/atomic"
	"time"

	"livedub/internal/testkit/testspeaker"
	"livedub/media"
	"livedub/media/codec"
)

const (
	maxQueue   = 512                    // units and packets that wait to be judged
	markStep   = 2 * time.Second        // sound in which markers are looked for at a time
	hushTime   = 100 * time.Millisecond // without a loud block nobody speaks
	markOver   = 100 * time.Millisecond
	framesBack = 256 // frames that a marker may belong to
	loudDB     = -45 // of full scale: speech, even when it is turned down
	silentPart = .3  // of a phrase's time: below it nobody was heard
)

// Judge decodes what one viewer gets and reads the marks in it, on a goroutine
// of its own. What does not fit into its queue is left out and counted.
type Judge struct {
	m     *Material
	delay time.Duration            // that is expected
	start func() (time.Time, bool) // of the material's time 0
	seen  func(glassMS float64)    // each frame
	apart func(offsetMS float64)   // each marker
	queue chan work                // closed by Close
	out   bool                     // a unit was left out: wait for a keyframe; the viewer's own
	loud  atomic.Int64             // when somebody was heard last, in Unix nanoseconds

	leftOut int       // the viewer's own
	until   time.Time // until when the viewer watched; set before the queue is closed

	conn    int // of the viewer's connection
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
	ear     *ear // nil where the material has no tones

	read, misread, missing, twice int
	glass, offset                 Series
}

// work is one unit or packet to be judged.
type work struct {
	conn   int    // of the connection that it came by
	codec  string // "" for sound
	prime  bool   // it is decoded for those that follow, and not looked at
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

// NewJudge returns a judge of what a viewer gets that is expected to come so much later
// than it was sent. start tells when the sending began; seen and apart are told each
// frame's delay and each marker's offset, and may be nil.
func NewJudge(m *Material, delay time.Duration, start func() (time.Time, bool), seen, apart func(float64)) *Judge {
	nothing := func(float64) {}
	if seen == nil {
		seen = nothing
	}
	if apart == nil {
		apart = nothing
	}
	j := &Judge{m: m, delay: delay, start: start, seen: seen, apart: apart, queue: make(chan work, maxQueue), last: -1, phrases: listener{m: m}}
	if m.tones {
		j.ear = &ear{}
	}
	return j
}

// Close ends Run once all is judged; nothing may be given any more. The viewer watched until then.
func (j *Judge) Close(until time.Time) {
	j.until = until
	close(j.queue)
}

// quiet tells whether nobody speaks at this moment.
func (j *Judge) quiet() bool { return time.Since(time.Unix(0, j.loud.Load())) > hushTime }

// prime takes a unit that those after it build on.
func (j *Judge) prime(conn int, codec string, u unit) {
	if j.out && !u.key {
		return
	}
	select {
	case j.queue <- work{conn: conn, codec: codec, prime: true, data: u.data}:
		j.out = false
	default:
		j.out = true
	}
}

// video takes a unit; false where it was left out, and all are up to the next keyframe.
func (j *Judge) video(conn int, codec string, u unit, sent time.Time, mapped bool) bool {
	if j.out && !u.key {
		j.leftOut++
		return false
	}
	select {
	case j.queue <- work{conn, codec, false, u.data, u.ts, u.at, sent, mapped}:
		j.out = false
		return true
	default:
		j.leftOut++
		j.out = true
		return false
	}
}

// audio takes a packet of sound.
func (j *Judge) audio(conn int, a arrived, sent time.Time, mapped bool) {
	select {
	case j.queue <- work{conn, "", false, a.data, a.ts, a.at, sent, mapped}:
	default:
		j.leftOut++
	}
}

// Run judges until Close is called and all is judged.
func (j *Judge) Run() {
	for w := range j.queue {
		if w.conn != j.conn {
			j.anew(w.conn)
		}
		if w.codec == "" {
			j.hear(w)
		} else {
			j.look(w)
		}
	}
	j.anew(0)
	if began, started := j.start(); started && j.phrases.began && !j.until.IsZero() {
		j.phrases.pass(j.until.Sub(began) - j.delay - settle) // what did not come any more was silent
	}
}

// anew begins with what another connection brings: its streams and its server's clock.
func (j *Judge) anew(conn int) {
	j.mark(true)
	if j.frames != nil {
		j.frames.Close()
	}
	if j.sounds != nil {
		j.sounds.Close()
	}
	j.conn, j.frames, j.sounds, j.shown = conn, nil, nil, nil
}

// look decodes a frame and reads its number.
func (j *Judge) look(w work) {
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
	if w.prime {
		return
	}
	began, started := j.start()
	if !ok || !started {
		j.misread++
		return
	}
	j.number(int(n), w, began)
}

// number places a frame that was read.
func (j *Judge) number(n int, w work, began time.Time) {
	came := w.at.Sub(began)
	sent, index, ok := j.m.expected(n, came, j.delay)
	if !ok {
		j.misread++
		return
	}
	j.read++
	delay := MS(came - sent)
	j.glass.Add(delay)
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
func (j *Judge) hear(w work) {
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
		j.listen(w, s)
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

// listen notes who speaks in a block of sound.
func (j *Judge) listen(w work, s media.Samples) {
	if level(s.Data) > loudDB {
		j.loud.Store(w.at.UnixNano())
	}
	began, started := j.start()
	if j.ear == nil || !started {
		return
	}
	at, ok := j.material(w.sent)
	if !ok || !w.mapped { // no frame tells: it came as late as all do
		at = w.at.Sub(began) - j.delay
	}
	j.ear.block(at, w.at, s)
}

// material returns what time of the material a moment of the sender's clock
// shows, by the frame nearest to it.
func (j *Judge) material(at time.Time) (time.Duration, bool) {
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
func (j *Judge) mark(last bool) {
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
		off := MS(shown - shown.Round(time.Second))
		j.offset.Add(off)
		j.apart(off)
	}
}
