package recognize

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"livedub/inference"
)

const (
	defaultModelDir = "/usr/share/pocketsphinx/model/en-us"
	defaultMaxUnit  = 3 * time.Second
	defaultHangover = 300 * time.Millisecond
	minMaxUnit      = 500 * time.Millisecond
	maxIdle         = 2 // decoders kept for the next speaker; each holds its own copy of the model
	aptLine         = "apt install pocketsphinx-en-us"
)

// Config tells where the model stands and how speech is cut to units.
type Config struct {
	ModelDir string        // "" for Debian's /usr/share/pocketsphinx/model/en-us
	MaxUnit  time.Duration // longest unit of speech; 0 for 3 s
	Hangover time.Duration // silence that ends a unit; 0 for 300 ms
	// Detector makes what tells speech from other sound, for one stream; nil for NewWebRTC.
	Detector func() (Detector, error)
}

// PocketSphinx is the recogniser. It is safe for concurrent use.
type PocketSphinx struct {
	cfg   Config
	model model

	mu     sync.Mutex
	idle   []*decoder
	closed bool
}

var _ inference.Recognizer = (*PocketSphinx)(nil)

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
	if c.MaxUnit == 0 {
		c.MaxUnit = defaultMaxUnit
	}
	if c.Hangover == 0 {
		c.Hangover = defaultHangover
	}
	if c.Detector == nil {
		c.Detector = NewWebRTC
	}
	if c.MaxUnit < minMaxUnit {
		return nil, fmt.Errorf("recognize: MaxUnit %v is too short for a word; use %v or more", c.MaxUnit, minMaxUnit)
	}
	if c.Hangover < frameTime || c.Hangover > c.MaxUnit {
		return nil, fmt.Errorf("recognize: Hangover %v must lie between %v and MaxUnit %v", c.Hangover, frameTime, c.MaxUnit)
	}
	m, err := findModel(c.ModelDir)
	if err != nil {
		return nil, err
	}
	d, err := newDecoder(m)
	if err != nil {
		return nil, err
	}
	return &PocketSphinx{cfg: c, model: m, idle: []*decoder{d}}, nil
}

// Languages implements inference.Recognizer.
func (p *PocketSphinx) Languages() []inference.Lang { return []inference.Lang{"en"} }

var errClosed = errors.New("recognize: closed; open a new one")

// Open implements inference.Recognizer. It loads a decoder where no idle one is left.
func (p *PocketSphinx) Open(ctx context.Context, lang inference.Lang) (inference.RecognizerStream, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if lang != "en" {
		return nil, fmt.Errorf("recognize %q: %w; PocketSphinx has: en", lang, inference.ErrUnsupported)
	}
	d, err := p.take()
	if err != nil {
		return nil, err
	}
	s, err := newStream(p, d)
	if err != nil {
		d.free()
		return nil, err
	}
	return s, nil
}

func (p *PocketSphinx) take() (*decoder, error) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, errClosed
	}
	if n := len(p.idle); n > 0 {
		d := p.idle[n-1]
		p.idle = p.idle[:n-1]
		p.mu.Unlock()
		return d, nil
	}
	p.mu.Unlock()
	return newDecoder(p.model)
}

// give takes a decoder back from a closed stream.
func (p *PocketSphinx) give(d *decoder) {
	p.mu.Lock()
	keep := !p.closed && len(p.idle) < maxIdle
	if keep {
		p.idle = append(p.idle, d)
	}
	p.mu.Unlock()
	if !keep {
		d.free()
	}
}

// Close frees the idle decoders; open streams go on and free theirs when they are closed.
func (p *PocketSphinx) Close() error {
	p.mu.Lock()
	idle := p.idle
	p.idle, p.closed = nil, true
	p.mu.Unlock()
	for _, d := range idle {
		d.free()
	}
	return nil
}
