package recognize

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"livedub/inference"
	"livedub/internal/worker"
)

const (
	defaultModelDir = "/usr/share/pocketsphinx/model/en-us"
	defaultMemory   = 512 << 20
	maxIdle         = 2 // decoders kept for the next speaker; each is a process
	aptLine         = "apt install pocketsphinx-en-us"
)

// Config tells where the model stands and how speech is cut to units.
type Config struct {
	ModelDir string        // "" for Debian's /usr/share/pocketsphinx/model/en-us
	MaxUnit  time.Duration // longest unit of speech; 0 for 3 s
	Hangover time.Duration // silence that ends a unit; 0 for 300 ms
	// Worker is the path of pocketsphinxworker; "": beside this program, then $PATH.
	Worker string
	// Spare is how many decoders are loaded ahead of their speakers, where memory
	// allows: loading takes half a second of CPU, and each keeps 95 MB.
	Spare int
	// Memory is what a decoder's process may have for itself, in bytes; 0 for
	// 512 MB. With Debian's model it has 180 MB and uses 95.
	Memory int64
	// Detector makes what tells speech from other sound, for one stream; nil for NewWebRTC.
	Detector func() (Detector, error)
}

// PocketSphinx is the recognizer. It is safe for concurrent use.
type PocketSphinx struct {
	cfg    Config
	speech Speech
	pool   *worker.Pool
}

var (
	_ inference.Recognizer = (*PocketSphinx)(nil)
	_ inference.Coster     = (*PocketSphinx)(nil)
)

// Version names the engine.
func Version() string { return "PocketSphinx 5prealpha en-US" }

// model is where the three parts of a PocketSphinx model stand.
type model struct{ dir, hmm, lm, dict string }

func findModel(dir string) (model, error) {
	m := model{
		dir:  dir,
		hmm:  filepath.Join(dir, "en-us"),
		lm:   filepath.Join(dir, "en-us.lm.bin"),
		dict: filepath.Join(dir, "cmudict-en-us.dict"),
	}
	for _, p := range []string{filepath.Join(m.hmm, "mdef"), m.lm, m.dict} {
		if _, err := os.Stat(p); err != nil {
			return model{}, fmt.Errorf("recognize: no speech model (%w); %s", err, aptLine)
		}
	}
	return m, nil
}

// NewPocketSphinx loads the model once, so that a broken one shows at start and
// the first speaker need not wait.
func NewPocketSphinx(c Config) (*PocketSphinx, error) {
	if c.ModelDir == "" {
		c.ModelDir = defaultModelDir
	}
	if c.Memory == 0 {
		c.Memory = defaultMemory
	}
	if c.Detector == nil {
		c.Detector = NewWebRTC
	}
	speech := Speech{Lang: "en", MaxUnit: c.MaxUnit, Hangover: c.Hangover}
	if err := speech.complete(); err != nil {
		return nil, err
	}
	m, err := findModel(c.ModelDir)
	if err != nil {
		return nil, err
	}
	pool, err := openDecoders(c, m)
	if err != nil {
		return nil, err
	}
	return &PocketSphinx{cfg: c, speech: speech, pool: pool}, nil
}

// Languages implements inference.Recognizer.
func (p *PocketSphinx) Languages() []inference.Lang { return []inference.Lang{"en"} }

var errClosed = errors.New("recognize: closed; open a new one")

// Open implements inference.Recognizer. It waits for a decoder to be loaded where no idle one is left.
func (p *PocketSphinx) Open(ctx context.Context, l inference.Listening) (inference.RecognizerStream, error) {
	if l.Lang != "en" {
		return nil, fmt.Errorf("recognize %q: %w; PocketSphinx has: en", l.Lang, inference.ErrUnsupported)
	}
	detector, err := p.cfg.Detector()
	if err != nil {
		return nil, err
	}
	w, err := p.pool.Take(ctx)
	if err != nil {
		return nil, explain(ctx, err)
	}
	d := pocketDecoder{p.pool, w}
	if err := d.reset(ctx); err != nil {
		d.Release(err)
		return nil, explain(ctx, err)
	}
	speech := p.speech
	speech.Policy = l.Policy
	return newStream(speech, d, detector), nil
}

// explain says what an error of a stream's parts is to who listens.
func explain(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, worker.ErrClosed):
		return errClosed
	}
	return fmt.Errorf("recognize: the stream failed: %w; open a new one", err)
}

// PIDs returns the ids of the decoders' processes.
func (p *PocketSphinx) PIDs() []int { return p.pool.PIDs() }

// CPU implements inference.Coster.
func (p *PocketSphinx) CPU() time.Duration { return p.pool.CPU() }

// Close ends the decoders; open streams fail from now on.
func (p *PocketSphinx) Close() error {
	p.pool.Close()
	return nil
}
