// Package hlspull takes live HLS playlists that somebody else serves, as sources on the
// session clock.
package hlspull

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bluenviron/gohlslib/v2"
	"github.com/bluenviron/gohlslib/v2/pkg/codecs"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/opus"

	"livedub/internal/guard"
	"livedub/media"
	"livedub/media/intake"
	"livedub/media/pace"
)

// rate is what timestamps count at here, Hz.
const rate = 90000

// ErrStalled ends a pull that has brought nothing for Config.GiveUp.
var ErrStalled = errors.New("nothing has come from the playlist")

// Config is how playlists are asked for.
type Config struct {
	Client *http.Client  // by which all is asked for; what it may ask is its own to know
	GiveUp time.Duration // without media, after which the pull ends; 0 for a minute
	// Final, if set, tells whether no other try makes sense after an error.
	Final func(error) bool
	Log   *slog.Logger // nil for none
}

// Publisher is a playlist that is followed: a source on the session clock. A playlist
// that fails, or stands still, is asked for again.
type Publisher struct {
	*intake.Source
	cfg   Config
	at    string        // its address
	count atomic.Uint64 // bytes of media
	last  atomic.Int64  // UnixNano of the last unit, or of the beginning

	pacer *pacer
	push  sync.Mutex // of units: each track has a goroutine

	mu      sync.Mutex
	windows map[string]*window // of all media playlists
	run     int                // of the library's client
	anew    bool               // what that asks for is to fail: another run follows
	final   error              // of a request, after which no other makes sense

	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
	err    error // why it ended
}

// Open follows the playlist at an address until Close, its end, or GiveUp.
func Open(at string, clock pace.Clock, c Config) *Publisher {
	if c.GiveUp <= 0 {
		c.GiveUp = time.Minute
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	p := &Publisher{cfg: c, at: at, windows: map[string]*window{}, pacer: &pacer{clock: clock}}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.Source = intake.New(clock, rate, p.stop)
	p.last.Store(time.Now().UnixNano())
	p.wg.Go(func() {
		defer p.End()
		defer c.Client.CloseIdleConnections()
		if err := guard.Do("hls", p.follow); !errors.Is(err, context.Canceled) {
			p.err = err
		}
	})
	return p
}

func (p *Publisher) stop() error {
	p.cancel()
	p.wg.Wait()
	return nil
}

// Err returns why the pull has ended, once it is done; nil where the playlist has.
func (p *Publisher) Err() error {
	<-p.Done()
	return p.err
}

// Received returns how many bytes of media have come.
func (p *Publisher) Received() uint64 { return p.count.Load() }

// idle returns how long nothing has come.
func (p *Publisher) idle() time.Duration { return time.Since(time.Unix(0, p.last.Load())) }

// tracks asks for the first track of each kind.
func (p *Publisher) tracks(c *gohlslib.Client, tracks []*gohlslib.Track) error {
	var video, audio bool
	for _, t := range tracks {
		var err error
		switch {
		case t.ClockRate <= 0:
		case !video && t.Codec.IsVideo():
			video, err = p.video(c, t)
		case !audio && !t.Codec.IsVideo():
			audio, err = p.audio(c, t)
		}
		if err != nil {
			return err
		}
	}
	if !video && !audio {
		return errors.New("no track of a codec that is known here")
	}
	return nil
}

// known makes a track known, or fails for one that is another than before.
func (p *Publisher) known(t media.Track) error {
	p.push.Lock()
	defer p.push.Unlock()
	if !p.SetTrack(t) {
		return fmt.Errorf("the %s has changed to other %s", t.Kind, t.Codec)
	}
	return nil
}

func (p *Publisher) video(c *gohlslib.Client, t *gohlslib.Track) (bool, error) {
	nal := func(codec media.Codec, params intake.Params) {
		c.OnDataH26x(t, func(pts, dts int64, nals [][]byte) {
			p.take(t, media.Video, dts, func() (data []byte, key bool, err error) {
				return intake.Frame(codec, nals, params, false)
			}, pts-dts)
		})
	}
	switch k := t.Codec.(type) {
	case *codecs.H264:
		nal(media.H264, intake.ParamsOf(media.H264, [][]byte{k.SPS, k.PPS}))
		return true, p.known(media.Track{Kind: media.Video, Codec: media.H264})
	case *codecs.H265:
		nal(media.HEVC, intake.ParamsOf(media.HEVC, [][]byte{k.VPS, k.SPS, k.PPS}))
		return true, p.known(media.Track{Kind: media.Video, Codec: media.HEVC})
	case *codecs.VP9:
		c.OnDataVP9(t, func(pts int64, frame []byte) {
			p.take(t, media.Video, pts, func() ([]byte, bool, error) { return frame, intake.VP9Key(frame), nil }, 0)
		})
		return true, p.known(media.Track{Kind: media.Video, Codec: media.VP9})
	case *codecs.AV1:
		c.OnDataAV1(t, func(pts int64, obus [][]byte) {
			p.take(t, media.Video, pts, func() ([]byte, bool, error) { return intake.AV1Units(obus, k.SequenceHeader) }, 0)
		})
		return true, p.known(media.Track{Kind: media.Video, Codec: media.AV1})
	}
	return false, nil
}

func (p *Publisher) audio(c *gohlslib.Client, t *gohlslib.Track) (bool, error) {
	switch k := t.Codec.(type) {
	case *codecs.MPEG4Audio:
		extra, err := k.Config.Marshal()
		if err != nil || k.Config.SampleRate <= 0 {
			return false, err
		}
		step := int64(mpeg4audio.SamplesPerAccessUnit) * int64(t.ClockRate) / int64(k.Config.SampleRate)
		c.OnDataMPEG4Audio(t, func(pts int64, units [][]byte) { p.sounds(t, pts, units, func([]byte) int64 { return step }) })
		return true, p.known(media.Track{Kind: media.Audio, Codec: media.AAC, Extradata: extra, SampleRate: k.Config.SampleRate})
	case *codecs.Opus:
		c.OnDataOpus(t, func(pts int64, units [][]byte) {
			p.sounds(t, pts, units, func(u []byte) int64 { return opus.PacketDuration2(u) * int64(t.ClockRate) / 48000 })
		})
		return true, p.known(media.Track{Kind: media.Audio, Codec: media.Opus, SampleRate: 48000, Channels: min(max(k.ChannelCount, 1), 2)})
	}
	return false, nil
}

func (p *Publisher) sounds(t *gohlslib.Track, pts int64, units [][]byte, lasts func([]byte) int64) {
	for _, u := range units {
		p.take(t, media.Audio, pts, func() ([]byte, bool, error) { return u, true, nil }, 0)
		pts += lasts(u)
	}
}

// take takes a unit whose times count by its track's clock; one that cannot be read is left out.
func (p *Publisher) take(t *gohlslib.Track, kind media.Kind, dts int64, unit func() (data []byte, key bool, err error), after int64) {
	err := guard.Do("hls", func() error {
		data, key, err := unit()
		if err != nil || len(data) == 0 {
			return nil //nolint:nilerr // there is nothing to decode
		}
		p.count.Add(uint64(len(data)))
		p.last.Store(time.Now().UnixNano())
		due := p.pacer.due(since(dts, t.ClockRate), p.segment())
		if err := p.pacer.clock.Wait(p.ctx, due); err != nil {
			return err
		}
		p.last.Store(time.Now().UnixNano())
		p.push.Lock()
		defer p.push.Unlock()
		return p.Push(p.ctx, intake.Unit{
			Kind: kind, DTS: uint32(due * rate / time.Second), Offset: since(after, t.ClockRate), Key: key, Data: data,
		})
	})
	if err != nil && p.ctx.Err() == nil {
		p.cfg.Log.Error("a unit of the pulled playlist", "err", err)
		p.cancel()
	}
}

// since returns a time of a track's clock as the time since its zero.
func since(v int64, rate int) time.Duration {
	whole, rest := v/int64(rate), v%int64(rate)
	return time.Duration(whole)*time.Second + time.Duration(rest)*time.Second/time.Duration(rate)
}
