package session_test

import (
	"cmp"
	"context"
	"errors"
	"io"
	"math"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"livedub/inference"
	"livedub/inference/fake"
	"livedub/inference/viseme"
	"livedub/media"
	"livedub/media/codec"
	"livedub/media/pace"
	"livedub/session"
	"livedub/session/record"
	"livedub/session/spec"
	"livedub/session/timeline"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// voice is the frequency of the source's speech, Hz: far from fake.Tone.
const voice = 300

const (
	testW, testH = 160, 96
	testFPS      = 25
)

type burst struct{ from, to time.Duration }

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// said is the speech that most tests dub.
var said = []burst{{seconds(.5), seconds(1.7)}, {seconds(2.6), seconds(4.2)}, {seconds(6.5), seconds(7.5)}}

// memory is a source or a sink in memory.
type memory struct {
	tracks  []media.Track
	packets []media.Packet
	next    int

	mu      sync.Mutex
	closed  int
	closing func()                   // called by Close
	fail    func(media.Packet) error // of Write
	video   media.Codec              // that it takes; "" for H264
}

func (m *memory) Tracks() []media.Track { return m.tracks }

func (m *memory) Read(ctx context.Context) (media.Packet, error) {
	if err := ctx.Err(); err != nil {
		return media.Packet{}, err
	}
	if m.next == len(m.packets) {
		return media.Packet{}, io.EOF
	}
	m.next++
	return m.packets[m.next-1], nil
}

func (m *memory) Codecs() (video, audio media.Codec) { return m.codec(), media.Opus }

func (m *memory) codec() media.Codec { return cmp.Or(m.video, media.H264) }

func (m *memory) Start(tracks []media.Track) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tracks = slices.Clone(tracks)
	return nil
}

// AddTrack makes it a sink that begins at once, as a viewer is.
func (m *memory) AddTrack(t media.Track) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tracks = append(m.tracks, t)
	return nil
}

// known returns the track of a kind, as it was announced.
func (m *memory) known(k media.Kind) *media.Track {
	m.mu.Lock()
	defer m.mu.Unlock()
	return media.FindTrack(m.tracks, k)
}

func (m *memory) Write(p media.Packet) error {
	if m.fail != nil {
		if err := m.fail(p); err != nil {
			return err
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.packets = append(m.packets, p)
	return nil
}

// got returns what has been written so far.
func (m *memory) got() []media.Packet {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.packets)
}

// closes returns how often it was closed.
func (m *memory) closes() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.closed
}

func (m *memory) Close() error {
	if m.closing != nil {
		m.closing()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed++
	return nil
}

// speaker returns a source of the given length: a tone where speech is said,
// and frames whose brightness counts them.
func speaker(t *testing.T, length time.Duration, said []burst, sound, frames bool) *memory {
	t.Helper()
	src := &memory{}
	if sound {
		enc, err := codec.NewAudioEncoder(codec.AudioEncoderConfig{Codec: media.Opus, Channels: 1, Bitrate: 64000})
		if err != nil {
			t.Fatal(err)
		}
		defer enc.Close()
		src.tracks = append(src.tracks, enc.Track())
		pcm := make([]int16, media.TimeToSamples(length, timeline.Rate))
		for _, b := range said {
			for i := media.TimeToSamples(b.from, timeline.Rate); i < media.TimeToSamples(b.to, timeline.Rate); i++ {
				pcm[i] = int16(10000 * math.Sin(2*math.Pi*voice*float64(i)/timeline.Rate))
			}
		}
		packets, err := enc.Encode(media.Samples{Rate: timeline.Rate, Channels: 1, Data: pcm})
		if err != nil {
			t.Fatal(err)
		}
		rest, err := enc.Flush()
		if err != nil {
			t.Fatal(err)
		}
		src.packets = append(packets, rest...)
	}
	if frames {
		enc, err := codec.NewVideoEncoder(codec.VideoEncoderConfig{
			Codec: media.H264, Width: testW, Height: testH, FrameRate: testFPS, Bitrate: 400_000, Hardware: "off",
		})
		if err != nil {
			t.Fatal(err)
		}
		defer enc.Close()
		src.tracks = append(src.tracks, enc.Track())
		for n := range int(length.Seconds() * testFPS) {
			f := media.NewFrame(testW, testH)
			f.PTS = time.Duration(n) * time.Second / testFPS
			paint(f, n)
			p, err := enc.Encode(f, n == 0)
			f.Release()
			if err != nil {
				t.Fatal(err)
			}
			src.packets = append(src.packets, p)
		}
	}
	slices.SortStableFunc(src.packets, func(a, b media.Packet) int { return int(a.DTS - b.DTS) })
	return src
}

func paint(f *media.Frame, n int) {
	for i := range f.Y {
		f.Y[i] = byte(40 + 10*(n%16))
	}
	for i := range f.U {
		f.U[i], f.V[i] = 128, 128
	}
}

// number reads what paint wrote.
func number(f *media.Frame) int {
	return int(math.Round((float64(f.Y[f.Height/2*f.YStride+f.Width/2])-40)/10)) % 16
}

type rig struct {
	cfg     spec.Config
	engines spec.Engines
	clock   pace.Clock
	src     *memory
	out     map[inference.Lang]*memory
	s       *session.Session
}

// newRig returns a session of fakes in virtual time that dubs said to Spanish.
func newRig(t *testing.T) *rig {
	return &rig{
		cfg: spec.Config{
			From: "en", To: []inference.Lang{"es"}, Profile: spec.Sync, Delay: spec.Sync.DefaultDelay(), BackgroundGain: .15,
			Consent: spec.Consent{Given: true},
			Video:   spec.VideoConfig{MaxWidth: 1920, MaxHeight: 1080, File: true, Hardware: "off"},
		},
		engines: spec.Engines{Recognizer: &fake.Recognizer{}, Translator: &fake.Translator{}, Synthesizer: &fake.Synthesizer{}},
		clock:   pace.NewVirtual(),
	}
}

// follow returns what happens in a session from now on: all of it, once it has ended.
func follow(t *testing.T, s *session.Session) func() []record.Record {
	t.Helper()
	r := s.Records().From(1)
	t.Cleanup(r.Close)
	return func() (out []record.Record) {
		t.Helper()
		for {
			switch got, err := r.Next(t.Context()); {
			case errors.Is(err, io.EOF):
				return out
			case err != nil:
				t.Fatal(err)
			default:
				out = append(out, got)
			}
		}
	}
}

// run dubs until the end and checks that nothing is left behind.
func (r *rig) run(t *testing.T, ctx context.Context) error {
	t.Helper()
	if r.src == nil {
		r.src = speaker(t, seconds(9), said, true, true)
	}
	return r.dub(t, ctx, r.src)
}

// dub is run with a source that may be paced.
func (r *rig) dub(t *testing.T, ctx context.Context, src media.Source) error {
	t.Helper()
	frames := media.LiveFrames()
	var err error
	if r.s, err = session.New(r.cfg, r.engines, r.clock); err != nil {
		t.Fatal(err)
	}
	if r.out == nil {
		r.out = map[inference.Lang]*memory{}
	}
	for _, to := range r.cfg.To {
		if r.out[to] == nil {
			r.out[to] = &memory{}
		}
		if _, err := r.s.Subscribe(to, r.out[to]); err != nil {
			t.Fatal(err)
		}
	}
	err = r.s.Dub(ctx, src)
	for to, out := range r.out {
		if out.closed != 1 {
			t.Errorf("%s: sink closed %d times", to, out.closed)
		}
	}
	if n := media.LiveFrames(); n != frames {
		t.Errorf("%d frames leaked", n-frames)
	}
	return err
}

// sound returns what a sink got, on the output timeline, mono at timeline.Rate.
func sound(t *testing.T, m *memory) []int16 {
	t.Helper()
	tr := m.known(media.Audio)
	if tr == nil {
		t.Fatal("no sound track was written")
	}
	dec, err := codec.NewAudioDecoder(*tr)
	if err != nil {
		t.Fatal(err)
	}
	defer dec.Close()
	var pcm []int16
	for _, p := range m.got() {
		if p.Kind != media.Audio {
			continue
		}
		out, err := dec.Decode(p)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range out {
			at := max(0, media.TimeToSamples(s.PTS, timeline.Rate))
			if at > len(pcm) {
				pcm = append(pcm, make([]int16, at-len(pcm))...)
			}
			pcm = append(pcm[:at], s.Data...)
		}
	}
	return pcm
}

// level returns the amplitude of a frequency around a time, by one bin of a Fourier transform over 20 ms.
func level(pcm []int16, hz float64, at time.Duration) float64 {
	from := media.TimeToSamples(at, timeline.Rate) - 480
	if from < 0 || from+960 > len(pcm) {
		return 0
	}
	var re, im float64
	for i, v := range pcm[from : from+960] {
		a := 2 * math.Pi * hz * float64(i) / timeline.Rate
		re += float64(v) * math.Cos(a)
		im += float64(v) * math.Sin(a)
	}
	return 2 * math.Hypot(re, im) / 960
}

type shown struct {
	at     time.Duration
	number int
	bar    float64
}

// frames returns what a sink got to see, on the output timeline.
func shownFrames(t *testing.T, m *memory) []shown {
	t.Helper()
	tr := m.known(media.Video)
	if tr == nil {
		t.Fatal("no frame track was written")
	}
	dec, err := codec.NewVideoDecoder(*tr)
	if err != nil {
		t.Fatal(err)
	}
	defer dec.Close()
	var out []shown
	for _, p := range m.got() {
		if p.Kind != media.Video {
			continue
		}
		frames, err := dec.Decode(p)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range frames {
			out = append(out, shown{f.PTS, number(f), fake.ReadBar(f)})
			f.Release()
		}
	}
	return out
}

// mouthAt returns whether a dub sounds at source time at, and how open its mouth is then.
func mouthAt(records []spec.Record, at time.Duration) (bool, float64) {
	for _, r := range records {
		if r.DubStart <= at && at < r.DubEnd {
			return true, viseme.At(r.Marks, at-r.DubStart).Open
		}
	}
	return false, 0
}
