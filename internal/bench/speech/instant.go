package speech

import (
	"context"
	"fmt"
	"time"

	"livedub/inference"
	"livedub/inference/recognize"
	"livedub/media"
)

// hearRate is what recognizers hear, Hz.
const hearRate = 16000

// instant is a recognizer that knows what is said: it tells each word once it has
// ended, and costs nothing. What a dub lags with it is the policy's and the voice's doing.
type instant struct {
	lang  inference.Lang
	words []inference.Word // times count from the beginning of the speech
}

// Languages implements inference.Recognizer.
func (r *instant) Languages() []inference.Lang { return []inference.Lang{r.lang} }

// Open implements inference.Recognizer.
func (r *instant) Open(ctx context.Context, l inference.Listening) (inference.RecognizerStream, error) {
	if l.Lang != r.lang {
		return nil, fmt.Errorf("instant: %q: %w; there is %s", l.Lang, inference.ErrUnsupported, r.lang)
	}
	detector, err := recognize.NewWebRTC()
	if err != nil {
		return nil, err
	}
	d := &instantDecoder{r: r, began: -1}
	s, err := recognize.NewStream(recognize.Speech{Lang: l.Lang, Policy: l.Policy}, d, detector)
	if err != nil {
		return nil, err
	}
	return &instantStream{s, d}, ctx.Err()
}

// Close implements inference.Recognizer.
func (r *instant) Close() error { return nil }

// instantStream tells the decoder the time.
type instantStream struct {
	inference.RecognizerStream
	d *instantDecoder
}

// Write implements inference.RecognizerStream.
func (s *instantStream) Write(ctx context.Context, in media.Samples) ([]inference.Phrase, error) {
	if s.d.began < 0 {
		s.d.began = in.PTS
	}
	s.d.now = in.End()
	return s.RecognizerStream.Write(ctx, in)
}

// instantDecoder implements recognize.Decoder.
type instantDecoder struct {
	r          *instant
	began, now time.Duration // session times: of the speech's beginning, of what was heard last
	fed        int           // samples of the unit
}

func (d *instantDecoder) Start(context.Context) error   { d.fed = 0; return nil }
func (d *instantDecoder) Abandon(context.Context) error { return nil }
func (d *instantDecoder) Every() time.Duration          { return 100 * time.Millisecond }
func (d *instantDecoder) Release(error)                 {}

func (d *instantDecoder) Feed(_ context.Context, pcm []int16) error {
	d.fed += len(pcm)
	return nil
}

// Ask implements recognize.Decoder.
func (d *instantDecoder) Ask(context.Context) (recognize.Answer, error) { return known(d.said()), nil }

// End implements recognize.Decoder.
func (d *instantDecoder) End(context.Context) ([]inference.Word, error) { return d.said(), nil }

// said returns the words that ended within the unit.
func (d *instantDecoder) said() []inference.Word {
	now := d.now - d.began
	unit := now - media.SamplesToTime(d.fed, hearRate)
	var out []inference.Word
	for _, w := range d.r.words {
		if (w.Start+w.End)/2 >= unit && w.End <= now {
			w.Start, w.End = max(0, w.Start-unit), w.End-unit
			out = append(out, w)
		}
	}
	return out
}

// known is an answer that is there at once.
type known []inference.Word

func (k known) Ready() bool                                    { return true }
func (k known) Wait(context.Context) ([]inference.Word, error) { return k, nil }
