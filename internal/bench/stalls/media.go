package stalls

import (
	"context"
	"io"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"livedub/media"
	"livedub/media/codec"
	"livedub/media/pace"
)

const (
	width, height = 160, 96
	fps           = 25
	rate          = 48000
	tone          = 300 // Hz, all the time: any silence is the session's
)

// mu guards what the fakes remember: their calls are few.
var mu sync.Mutex

// loop is a second of a track, said again and again.
type loop struct {
	track   media.Track
	packets []media.Packet
}

// loops encodes a second of frames and of sound.
func loops() (video, audio loop, err error) {
	v, err := codec.NewVideoEncoder(codec.VideoEncoderConfig{
		Codec: media.H264, Width: width, Height: height, FrameRate: fps, Bitrate: 400_000, Hardware: "off", Preset: "ultrafast",
	})
	if err != nil {
		return video, audio, err
	}
	defer v.Close()
	video.track = v.Track()
	for n := range fps {
		f := media.NewFrame(width, height)
		f.PTS = time.Duration(n) * frame
		for i := range f.Y {
			f.Y[i] = byte(60 + 5*n)
		}
		for i := range f.U {
			f.U[i], f.V[i] = 128, 128
		}
		p, err := v.Encode(f, n == 0)
		f.Release()
		if err != nil {
			return video, audio, err
		}
		video.packets = append(video.packets, p)
	}
	a, err := codec.NewAudioEncoder(codec.AudioEncoderConfig{Codec: media.Opus, Channels: 1, Bitrate: 64000})
	if err != nil {
		return video, audio, err
	}
	defer a.Close()
	audio.track = a.Track()
	pcm := make([]int16, 2*rate)
	for i := range pcm {
		pcm[i] = int16(10000 * math.Sin(2*math.Pi*tone*float64(i)/rate))
	}
	packets, err := a.Encode(media.Samples{Rate: rate, Channels: 1, Data: pcm})
	if err != nil {
		return video, audio, err
	}
	for i, p := range packets[10:60] { // past the encoder's beginning
		p.PTS = time.Duration(i) * 20 * time.Millisecond
		p.DTS, p.Duration, p.SkipStart = p.PTS, 20*time.Millisecond, 0
		audio.packets = append(audio.packets, p)
	}
	return video, audio, nil
}

// publisher says the loops as a camera would, for a while.
type publisher struct {
	clock       pace.Clock
	start, long time.Duration
	video       loop
	audio       loop
	v, a        int

	quit chan struct{}
	once sync.Once
	last atomic.Int64
}

func newPublisher(clock pace.Clock, video, audio loop, long time.Duration) *publisher {
	p := &publisher{clock: clock, start: clock.Now(), video: video, audio: audio, long: long, quit: make(chan struct{})}
	p.last.Store(time.Now().UnixNano())
	return p
}

func (p *publisher) Tracks() []media.Track       { return []media.Track{p.audio.track, p.video.track} }
func (p *publisher) Ready(context.Context) error { return nil }
func (p *publisher) Silent() time.Duration       { return time.Since(time.Unix(0, p.last.Load())) }
func (p *publisher) Done() <-chan struct{}       { return p.quit }

func (p *publisher) Close() error {
	p.once.Do(func() { close(p.quit) })
	return nil
}

// at returns the nth packet of a loop, at its time.
func (p *publisher) at(l loop, n int) media.Packet {
	out := l.packets[n%len(l.packets)]
	out.PTS += p.start + time.Duration(n/len(l.packets))*time.Second
	out.DTS = out.PTS
	return out
}

func (p *publisher) Read(ctx context.Context) (media.Packet, error) {
	next := p.at(p.video, p.v)
	if a := p.at(p.audio, p.a); a.PTS < next.PTS {
		next = a
		p.a++
	} else {
		p.v++
	}
	if next.PTS-p.start >= p.long {
		p.Close()
		return media.Packet{}, io.EOF
	}
	err := p.clock.Wait(ctx, next.PTS+next.Duration)
	p.last.Store(time.Now().UnixNano())
	return next, err
}

// sink keeps what it gets, as a viewer that takes its tracks as they come.
type sink struct {
	broken *lab // nil for one that works
	closed atomic.Bool
	open   context.Context // ends with Close, and with it a write that waits, as of a socket
	close  context.CancelFunc

	mu      sync.Mutex
	tracks  []media.Track
	packets []media.Packet
}

func newSink(broken *lab) *sink {
	s := &sink{broken: broken}
	s.open, s.close = context.WithCancel(context.Background())
	return s
}

func (s *sink) Codecs() (video, audio media.Codec) { return media.H264, media.Opus }
func (s *sink) Start(tracks []media.Track) error   { return s.add(tracks...) }
func (s *sink) AddTrack(t media.Track) error       { return s.add(t) }
func (s *sink) add(tracks ...media.Track) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tracks = append(s.tracks, tracks...)
	return nil
}

func (s *sink) Write(p media.Packet) error {
	if s.broken != nil {
		garbage, err := s.broken.breaks(s.open, p.Duration+4*frame)
		if err != nil {
			return err
		}
		if garbage {
			return io.ErrShortWrite
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.packets = append(s.packets, p)
	return nil
}

func (s *sink) Close() error {
	s.closed.Store(true)
	s.close()
	return nil
}

func (s *sink) got(k media.Kind) (t media.Track, out []media.Packet) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t = range s.tracks {
		if t.Kind == k {
			break
		}
	}
	for _, p := range s.packets {
		if p.Kind == k {
			out = append(out, p)
		}
	}
	return t, out
}

// silent counts the blocks of 20 ms from one output time to another that lack
// the tone or never came.
func (s *sink) silent(from, to time.Duration) (int, error) {
	t, packets := s.got(media.Audio)
	if len(packets) == 0 {
		return int((to - from) / (20 * time.Millisecond)), nil
	}
	dec, err := codec.NewAudioDecoder(t)
	if err != nil {
		return 0, err
	}
	defer dec.Close()
	heard := 0
	for _, p := range packets {
		out, err := dec.Decode(p)
		if err != nil {
			return 0, err
		}
		for _, b := range out {
			if b.PTS >= from && b.PTS < to && loud(b.Data) {
				heard += b.Frames()
			}
		}
	}
	all := media.TimeToSamples(to-from, rate)
	return max(0, (all-heard)/(rate/50)), nil
}

func loud(pcm []int16) bool {
	sum := 0.
	for _, v := range pcm {
		sum += float64(v) * float64(v)
	}
	return math.Sqrt(sum/float64(max(1, len(pcm)))) > 1500
}

// bare returns the last output time from one to another whose frame carries
// no mouth; 0 where all do. ok: there were frames with mouths.
func (s *sink) bare(from, to time.Duration) (last time.Duration, ok bool, err error) {
	t, packets := s.got(media.Video)
	dec, err := codec.NewVideoDecoder(t)
	if err != nil {
		return 0, false, err
	}
	defer dec.Close()
	for _, p := range packets {
		frames, err := dec.Decode(p)
		if err != nil {
			return 0, false, err
		}
		for _, f := range frames {
			if f.PTS >= from && f.PTS < to {
				// fake.Lips paints its bar from dark to light; the frames are grey.
				if v := f.Y[8*f.YStride+4]; v > 45 && v < 200 {
					last = f.PTS
				} else {
					ok = true
				}
			}
			f.Release()
		}
	}
	return last, ok, nil
}

// firstFrame returns when the sink's first frame was due, on the session clock.
func (s *sink) firstFrame() (time.Duration, bool) {
	_, packets := s.got(media.Video)
	if len(packets) == 0 {
		return 0, false
	}
	return packets[0].PTS, true
}
