package recognize

import (
	"context"
	"errors"
	"fmt"
	"time"

	"livedub/inference"
	"livedub/inference/recognize/wire"
	"livedub/internal/worker"
	"livedub/media"
)

const (
	// nice is added to a decoder's niceness. It works in bursts of more than
	// 100 ms and has seconds of slack; audio and video have none.
	nice = 6
	// limit is for one answer where the caller's ctx allows more. The pipe holds
	// 2 s of sound at most, which take half a second of CPU.
	limit = 10 * time.Second
	// grace is for what a speaker left behind: the end of a unit takes 100 ms.
	grace = 300 * time.Millisecond
)

// FindWorker returns the path of pocketsphinxworker: path, if it is set; else
// that beside this program or in $PATH.
func FindWorker(path string) (string, error) {
	path, err := worker.Find(path, "pocketsphinxworker")
	if err != nil {
		return "", fmt.Errorf("recognize: %w", err)
	}
	return path, nil
}

// openDecoders starts the first decoder's process.
func openDecoders(c Config, m model) (*worker.Pool, error) {
	path, err := FindWorker(c.Worker)
	if err != nil {
		return nil, err
	}
	pool, err := worker.Open(context.Background(), worker.Config{
		Path: path, Args: []string{m.hmm, m.lm, m.dict}, Nice: nice, Memory: c.Memory, MaxReply: wire.MaxReply,
		Spare: c.Spare, Keep: maxIdle, Limit: limit, Grace: grace,
	})
	if err != nil {
		return nil, fmt.Errorf("recognize: %w; it may have %d MB; if the model is broken, reinstall it: %s", err, c.Memory>>20, aptLine)
	}
	return pool, nil
}

// pocketDecoder is one PocketSphinx decoder in a process of its own. What is sent
// to it is done in that order; only answers are waited for.
type pocketDecoder struct {
	pool *worker.Pool
	w    *worker.Worker
}

// decoderFrame is PocketSphinx's step: 10 ms, in samples.
const decoderFrame = sampleRate / 100

// reset forgets the last speaker.
func (d pocketDecoder) reset(ctx context.Context) error {
	_, err := d.w.Call(ctx, wire.OpReset.Encode())
	return err
}

// Start implements Decoder.
func (d pocketDecoder) Start(ctx context.Context) error { return d.w.Tell(ctx, wire.OpStart.Encode()) }

// Feed implements Decoder.
func (d pocketDecoder) Feed(ctx context.Context, pcm []int16) error {
	for len(pcm) > 0 {
		n := min(len(pcm), wire.MaxFeed)
		if err := d.w.Tell(ctx, wire.EncodeFeed(pcm[:n])); err != nil {
			return err
		}
		pcm = pcm[n:]
	}
	return nil
}

// pocketAnswer is a worker's answer about words.
type pocketAnswer struct{ *worker.Answer }

// Ready implements Answer: it is there by then, as a rule.
func (a pocketAnswer) Ready() bool { return true }

// Wait implements Answer.
func (a pocketAnswer) Wait(ctx context.Context) ([]inference.Word, error) {
	b, err := a.Answer.Wait(ctx)
	if err != nil {
		return nil, err
	}
	return wordsOf(b)
}

// Ask implements Decoder.
func (d pocketDecoder) Ask(ctx context.Context) (Answer, error) {
	a, err := d.w.Ask(ctx, wire.OpWords.Encode())
	if err != nil {
		return nil, err
	}
	return pocketAnswer{a}, nil
}

// Every implements Decoder: the words so far are there at once.
func (pocketDecoder) Every() time.Duration { return 250 * time.Millisecond }

// Abandon implements Decoder. The worker's answer is not waited for.
func (d pocketDecoder) Abandon(ctx context.Context) error {
	_, err := d.w.Ask(ctx, wire.OpEnd.Encode())
	return err
}

// End implements Decoder.
func (d pocketDecoder) End(ctx context.Context) ([]inference.Word, error) {
	b, err := d.w.Call(ctx, wire.OpEnd.Encode())
	if err != nil {
		return nil, err
	}
	return wordsOf(b)
}

// wordsOf reads a worker's answer.
func wordsOf(body []byte) ([]inference.Word, error) {
	heard, err := wire.DecodeWords(body)
	if err != nil {
		return nil, err
	}
	var out []inference.Word
	for _, g := range heard {
		out = append(out, inference.Word{
			Text: g.Word, Confidence: g.Confidence,
			Start: media.SamplesToTime(g.Start*decoderFrame, sampleRate), End: media.SamplesToTime(g.End*decoderFrame, sampleRate),
		})
	}
	return out, nil
}

// Release gives the process back; err is what the last call of it said. A
// decoder that refused is not trusted again.
func (d pocketDecoder) Release(err error) {
	if r := (*worker.Refusal)(nil); errors.As(err, &r) {
		err = errRefused
	}
	d.pool.Give(d.w, err)
}

var errRefused = errors.New("the decoder refused what it was asked")
