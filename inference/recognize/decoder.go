package recognize

import (
	"context"
	"errors"
	"fmt"
	"time"

	"livedub/inference/recognize/wire"
	"livedub/internal/worker"
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

// decoder is one PocketSphinx decoder in a process of its own. What is sent to
// it is done in that order; only answers are waited for.
type decoder struct {
	pool *worker.Pool
	w    *worker.Worker
}

// reset forgets the last speaker.
func (d decoder) reset(ctx context.Context) error {
	_, err := d.w.Call(ctx, wire.OpReset.Encode())
	return err
}

// start begins an utterance.
func (d decoder) start(ctx context.Context) error { return d.w.Tell(ctx, wire.OpStart.Encode()) }

// feed sends the next sound of the utterance.
func (d decoder) feed(ctx context.Context, pcm []int16) error {
	for len(pcm) > 0 {
		n := min(len(pcm), wire.MaxFeed)
		if err := d.w.Tell(ctx, wire.EncodeFeed(pcm[:n])); err != nil {
			return err
		}
		pcm = pcm[n:]
	}
	return nil
}

// ask asks for the words so far; answer waits for them.
func (d decoder) ask(ctx context.Context) (*worker.Answer, error) {
	return d.w.Ask(ctx, wire.OpWords.Encode())
}

// answer waits for what was asked.
func (d decoder) answer(ctx context.Context, a *worker.Answer) ([]wire.Segment, error) {
	b, err := a.Wait(ctx)
	if err != nil {
		return nil, err
	}
	return wire.DecodeWords(b)
}

// end ends the utterance and returns its final words.
func (d decoder) end(ctx context.Context) ([]wire.Segment, error) {
	b, err := d.w.Call(ctx, wire.OpEnd.Encode())
	if err != nil {
		return nil, err
	}
	return wire.DecodeWords(b)
}

// release gives the process back; err is what the last call of it said. A
// decoder that refused is not trusted again.
func (d decoder) release(err error) {
	if r := (*worker.Refusal)(nil); errors.As(err, &r) {
		err = errRefused
	}
	d.pool.Give(d.w, err)
}

var errRefused = errors.New("PocketSphinx failed")
