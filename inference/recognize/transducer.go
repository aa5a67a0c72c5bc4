package recognize

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"livedub/inference"
	"livedub/inference/recognize/wire"
	"livedub/internal/worker"
)

// loading is how long a transducer's worker may take to load its model.
const loading = 30 * time.Second

// TransducerConfig says which streaming transducer hears, and how speech is cut to units.
type TransducerConfig struct {
	// Dir has the model: encoder*.onnx, decoder*.onnx, joiner*.onnx and tokens.txt,
	// as sherpa-onnx takes them. Where a net is there twice, its int8 form is used.
	Dir       string
	Languages []inference.Lang // that the model knows: its files do not tell
	MaxUnit   time.Duration    // longest unit of speech; 0 for 3 s
	Hangover  time.Duration    // silence that ends a unit; 0 for 300 ms
	// Worker is the path of transducerworker; "": beside this program, then $PATH.
	Worker string
	// Spare is how many decoders are loaded ahead of their speakers, where memory allows.
	Spare int
	// Memory is what a decoder's process may have for itself, in bytes; 0 for 512 MB.
	Memory int64
	// Detector makes what tells speech from other sound, for one stream; nil for NewWebRTC.
	Detector func() (Detector, error)
}

// Transducer is a recognizer by a streaming transducer of the operator's, in
// worker processes. It is safe for concurrent use.
type Transducer struct {
	cfg    TransducerConfig
	speech Speech
	pool   *worker.Pool
}

var (
	_ inference.Recognizer = (*Transducer)(nil)
	_ inference.Coster     = (*Transducer)(nil)
)

// NewTransducer loads the model once, so that a broken one shows at start.
func NewTransducer(c TransducerConfig) (*Transducer, error) {
	if c.Memory == 0 {
		c.Memory = defaultMemory
	}
	if c.Detector == nil {
		c.Detector = NewWebRTC
	}
	speech := Speech{MaxUnit: c.MaxUnit, Hangover: c.Hangover}
	if err := speech.complete(); err != nil {
		return nil, err
	}
	if len(c.Languages) == 0 {
		return nil, errors.New("recognize: no languages: name those that the model knows")
	}
	files, err := findTransducer(c.Dir)
	if err != nil {
		return nil, fmt.Errorf("recognize: %w", err)
	}
	path, err := worker.Find(c.Worker, "transducerworker")
	if err != nil {
		return nil, fmt.Errorf("recognize: %w", err)
	}
	pool, err := worker.Open(context.Background(), worker.Config{
		Path: path, Args: append([]string{"streaming"}, files...), Nice: nice, Memory: c.Memory, MaxReply: wire.MaxReply,
		Spare: c.Spare, Keep: maxIdle, Start: loading, Limit: limit, Grace: grace,
	})
	if err != nil {
		return nil, fmt.Errorf("recognize: %w; the model is in %s, and may take %d MB (recognize.memory_mb)", err, c.Dir, c.Memory>>20)
	}
	return &Transducer{cfg: c, speech: speech, pool: pool}, nil
}

// findTransducer returns the paths of a model's encoder, decoder, joiner and tokens.
func findTransducer(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("no folder of a transducer: %w", err)
	}
	return findNets(dir, entries, []string{"encoder", "decoder", "joiner"}, "a streaming transducer has encoder, decoder, joiner and tokens.txt")
}

// findNets returns the path of one net for each part of a model, and that of
// tokens.txt; has says what such models have.
func findNets(dir string, entries []os.DirEntry, parts []string, has string) ([]string, error) {
	var out []string
	for _, part := range parts {
		nets := netsOf(entries, part)
		switch len(nets) {
		case 0:
			return nil, fmt.Errorf("%s has no %s*.onnx: %s", dir, part, has)
		case 1:
			out = append(out, filepath.Join(dir, nets[0]))
		default:
			return nil, fmt.Errorf("%s has %s: keep one %s", dir, strings.Join(nets, " and "), part)
		}
	}
	tokens := filepath.Join(dir, "tokens.txt")
	if _, err := os.Stat(tokens); err != nil {
		return nil, err
	}
	return append(out, tokens), nil
}

// netsOf returns the names of the nets of a part, those of int8 alone where there are any.
func netsOf(entries []os.DirEntry, part string) []string {
	var small, all []string
	for _, e := range entries {
		name := e.Name()
		if e.IsDir() || !strings.HasPrefix(name, part) || !strings.HasSuffix(name, ".onnx") {
			continue
		}
		if strings.Contains(name, "int8") {
			small = append(small, name)
		}
		all = append(all, name)
	}
	if len(small) > 0 {
		return small
	}
	return all
}

// Languages implements inference.Recognizer.
func (t *Transducer) Languages() []inference.Lang { return t.cfg.Languages }

// Open implements inference.Recognizer. It waits for a decoder to be loaded where no idle one is left.
func (t *Transducer) Open(ctx context.Context, l inference.Listening) (inference.RecognizerStream, error) {
	if !slices.Contains(t.cfg.Languages, l.Lang) {
		return nil, fmt.Errorf("recognize %q: %w; the transducer has: %v", l.Lang, inference.ErrUnsupported, t.cfg.Languages)
	}
	detector, err := t.cfg.Detector()
	if err != nil {
		return nil, err
	}
	w, err := t.pool.Take(ctx)
	if err != nil {
		return nil, explain(ctx, err)
	}
	d := pocketDecoder{t.pool, w} // both kinds of workers are spoken to in the same way
	if err := d.reset(ctx); err != nil {
		d.Release(err)
		return nil, explain(ctx, err)
	}
	speech := t.speech
	speech.Lang, speech.Policy = l.Lang, l.Policy
	return newStream(speech, d, detector), nil
}

// PIDs returns the ids of the decoders' processes.
func (t *Transducer) PIDs() []int { return t.pool.PIDs() }

// CPU implements inference.Coster.
func (t *Transducer) CPU() time.Duration { return t.pool.CPU() }

// Close ends the decoders; open streams fail from now on.
func (t *Transducer) Close() error {
	t.pool.Close()
	return nil
}
