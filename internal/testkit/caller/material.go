package caller

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/pion/rtp/codecs"

	"livedub/internal/testkit/testspeaker"
	"livedub/media"
	"livedub/media/codec"
)

const (
	payloadSize = 1188             // bytes of an RTP payload, as the server sends them
	frameRate   = 30               // of the drawn face, a second
	keyEvery    = time.Second      // keyframes cannot be made on demand
	pause       = time.Second / 2  // before and after each sentence
	maxMaterial = 60 * time.Second // kept in memory once, for all speakers
	opusFrame   = 20 * time.Millisecond
)

// Material is what speakers send in a loop, encoded and cut to RTP payloads
// once. Its length is a whole number of seconds. Every frame carries its number
// as a bar code, and at every whole second a sound marker begins.
type Material struct {
	Length time.Duration
	Said   []phrase // nil where it is not known what is said when
	frames []frame
	sounds []sound // one for each 20 ms of Length
	tones  bool    // it is Tones'
}

// frame is one access unit of H.264.
type frame struct {
	at       time.Duration
	key      bool // decodable on its own
	payloads [][]byte
}

// sound is one packet of Opus; at is when its first sample sounds, which lies
// before 0 for the first.
type sound struct {
	at   time.Duration
	data []byte
}

// phrase is one sentence of the material.
type phrase struct {
	text       string
	start, end time.Duration
}

// drawn returns the drawn face, saying the test speaker's sentences.
func drawn(ctx context.Context, width, height int) (*Material, error) {
	var speech testspeaker.Speech
	var said []phrase
	for _, text := range testspeaker.Sentences {
		s, err := testspeaker.Speak(ctx, nil, pause, text)
		if err != nil {
			return nil, err
		}
		from := speech.Sound.Duration()
		speech.Sound.Rate, speech.Sound.Channels = s.Sound.Rate, s.Sound.Channels
		speech.Sound.Data = append(speech.Sound.Data, s.Sound.Data...)
		for _, m := range s.Marks {
			m.At += from
			speech.Marks = append(speech.Marks, m)
		}
		said = append(said, phrase{text, from + pause, speech.Sound.Duration() - pause})
	}
	length := speech.Sound.Duration().Truncate(time.Second) + time.Second
	speaker, err := testspeaker.New(testspeaker.Config{Width: width, Height: height, FPS: frameRate, Speech: speech, BarCode: true, Markers: true})
	if err != nil {
		return nil, err
	}
	src, err := testspeaker.NewSource(speaker, testspeaker.SourceConfig{KeyInterval: keyEvery, Length: length})
	if err != nil {
		return nil, err
	}
	defer src.Close()
	m := &Material{Length: length, Said: said}
	for {
		p, err := src.Read(ctx)
		if errors.Is(err, io.EOF) {
			return m, m.check()
		}
		if err != nil {
			return nil, err
		}
		m.take(p)
	}
}

// take adds an encoded packet.
func (m *Material) take(p media.Packet) {
	if p.Kind == media.Audio {
		if len(m.sounds) < int(m.Length/opusFrame) { // the encoder's rest would not fit into the loop
			m.sounds = append(m.sounds, sound{p.PTS, p.Data})
		}
		return
	}
	pay := &codecs.H264Payloader{} // a new one: it keeps parameter sets back for the frame after
	m.frames = append(m.frames, frame{p.PTS, p.Key, pay.Payload(payloadSize, p.Data)})
}

// record encodes sound that begins at 0; what is longer than the material is left out.
func (m *Material) record(pcm media.Samples) error {
	enc, err := codec.NewAudioEncoder(codec.AudioEncoderConfig{Codec: media.Opus, Channels: 1})
	if err != nil {
		return err
	}
	defer enc.Close()
	for block := range slices.Chunk(pcm.Data, testspeaker.Rate/50) {
		packets, err := enc.Encode(media.Samples{PTS: pcm.PTS, Rate: pcm.Rate, Channels: 1, Data: block})
		if err != nil {
			return err
		}
		pcm.PTS += opusFrame
		for _, p := range packets {
			m.take(p)
		}
	}
	return nil
}

// check tells what no loop can be made of.
func (m *Material) check() error {
	switch {
	case m.Length < minMaterial || m.Length > maxMaterial || m.Length%time.Second != 0:
		return fmt.Errorf("%v are not 5 to 60 whole seconds", m.Length)
	case len(m.frames) == 0 || len(m.frames) > 1<<16:
		return fmt.Errorf("%d frames do not fit the 16 bits that number them", len(m.frames))
	case len(m.sounds) != int(m.Length/opusFrame):
		return fmt.Errorf("%d packets of sound are not %v", len(m.sounds), m.Length)
	}
	if !m.frames[0].key {
		return errors.New("it does not begin with a keyframe")
	}
	last := time.Duration(-1)
	for _, f := range m.frames {
		if f.at <= last || f.at >= m.Length {
			return errors.New("its frames are not in order")
		}
		last = f.at
	}
	for i, s := range m.sounds {
		if (s.at - time.Duration(i)*opusFrame).Abs() > opusFrame {
			return errors.New("its packets of sound are not in order")
		}
	}
	last = 0
	for _, p := range m.Said {
		if p.start < last || p.end <= p.start || p.end > m.Length {
			return errors.New("its phrases are not in order")
		}
		last = p.end
	}
	return nil
}

// expected returns when number n was sent, given that it came after so long,
// from the beginning of the sending on: of the loops that it may be of, the one
// whose delay is nearest to want. False where it is no frame of the material or
// was not sent yet.
func (m *Material) expected(n int, came, want time.Duration) (sent time.Duration, index int, ok bool) {
	if n >= len(m.frames) || came < m.frames[n].at {
		return 0, 0, false
	}
	at := m.frames[n].at
	loop := max(0, (came-want-at+m.Length/2)/m.Length)
	if loop*m.Length+at > came { // not before it was sent
		loop--
	}
	return loop*m.Length + at, int(loop)*len(m.frames) + n, true
}

// frame returns frame i of the endless loop and when it is due.
func (m *Material) frame(i int) (time.Duration, frame) {
	f := m.frames[i%len(m.frames)]
	return time.Duration(i/len(m.frames))*m.Length + f.at, f
}

// sound likewise.
func (m *Material) sound(i int) (time.Duration, sound) {
	s := m.sounds[i%len(m.sounds)]
	return time.Duration(i/len(m.sounds))*m.Length + s.at, s
}

// keyAfter returns the first keyframe that is due at t or later: a connection
// begins with one.
func (m *Material) keyAfter(t time.Duration) int {
	i := max(0, int(t/m.Length)*len(m.frames)-1)
	for {
		if at, f := m.frame(i); at >= t && f.key {
			return i
		}
		i++
	}
}

// soundAfter returns the first packet of sound that is due at t or later.
func (m *Material) soundAfter(t time.Duration) int {
	i := max(0, int(t/m.Length)*len(m.sounds)-1)
	for {
		if at, _ := m.sound(i); at >= t {
			return i
		}
		i++
	}
}
