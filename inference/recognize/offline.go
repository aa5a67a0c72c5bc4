package recognize

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"

	"livedub/inference"
	"livedub/inference/recognize/whisper"
	"livedub/inference/recognize/wire"
	"livedub/internal/worker"
)

const (
	// wholeLoading is how long the worker of an offline model may take to load it:
	// Parakeet's weights are 670 MB.
	wholeLoading = time.Minute
	// wholeGrace is for a unit that nobody waits for any more: a worker that was
	// ended in it would have to load its weights again.
	wholeGrace = 3 * time.Second
)

// OfflineConfig says which model hears whole units, and how speech is cut to them.
type OfflineConfig struct {
	// Dir has the model as sherpa-onnx takes it, and its files tell which it is: a
	// Parakeet, or another transducer of NeMo's, is encoder*.onnx, decoder*.onnx,
	// joiner*.onnx and tokens.txt; a SenseVoice is model*.onnx and tokens.txt. Where
	// a net is there twice, its int8 form is used.
	Dir string
	// Languages are those that are heard; nil: all of SenseVoice's. Other models' files do not tell theirs.
	Languages []inference.Lang
	MaxUnit   time.Duration // longest unit of speech; 0 for 3 s
	Hangover  time.Duration // silence that ends a unit; 0 for 300 ms
	// Worker is the path of transducerworker; "": beside this program, then $PATH.
	Worker string
	// Memory is what a process may have for itself, in bytes; 0: by its files' sizes.
	Memory  int64
	Threads int // of a process; 0 for 1
	// Detector makes what tells speech from other sound, for one stream; nil for NewWebRTC.
	Detector func() (Detector, error)
}

// Offline is a recognizer by a model that hears whole units, in a worker process
// that all streams share, as those of Whisper share its net. It is safe for
// concurrent use.
type Offline struct {
	*Whisper
	model *offlineModel
}

var (
	_ inference.Recognizer = (*Offline)(nil)
	_ inference.Coster     = (*Offline)(nil)
)

// NewOffline loads the model once, so that a broken one shows at start.
func NewOffline(c OfflineConfig) (*Offline, error) {
	m, err := openOffline(c)
	if err != nil {
		return nil, fmt.Errorf("recognize: %w", err)
	}
	w, err := NewWhisper(WhisperConfig{Model: m, Untold: !m.tells, MaxUnit: c.MaxUnit, Hangover: c.Hangover, Detector: c.Detector})
	if err != nil {
		return nil, err
	}
	return &Offline{w, m}, nil
}

// Open implements inference.Recognizer. It waits for the model to be loaded for
// the language, where nobody has spoken it yet.
func (o *Offline) Open(ctx context.Context, l inference.Listening) (inference.RecognizerStream, error) {
	s, err := o.Whisper.Open(ctx, l)
	if err != nil {
		return nil, err
	}
	lang := string(l.Lang)
	if l.Lang == inference.Auto {
		lang = ""
	}
	if _, err := o.model.workers(lang).open(ctx); err != nil {
		return nil, errors.Join(explain(ctx, err), s.Close())
	}
	return s, nil
}

// PIDs returns the ids of the workers' processes.
func (o *Offline) PIDs() []int {
	var ids []int
	for _, w := range o.model.byLang {
		if p := w.opened(); p != nil {
			ids = append(ids, p.PIDs()...)
		}
	}
	return ids
}

// CPU implements inference.Coster.
func (o *Offline) CPU() time.Duration {
	var sum time.Duration
	for _, w := range o.model.byLang {
		if p := w.opened(); p != nil {
			sum += p.CPU()
		}
	}
	return sum
}

// offlineModel decodes units in workers. It implements WhisperModel.
type offlineModel struct {
	langs  []string
	tells  bool                      // the language, where it is told none
	byLang map[string]*offlineWorker // "" for no language; alone where a model takes none
}

// offlineWorker is the process for one language, started when it is first wanted.
type offlineWorker struct {
	cfg worker.Config

	mu     sync.Mutex
	pool   *worker.Pool // nil before
	closed bool
}

// senseLanguages are those that SenseVoice knows.
var senseLanguages = []string{"zh", "en", "ja", "ko", "yue"}

// openOffline finds a model's files and loads them.
func openOffline(c OfflineConfig) (*offlineModel, error) {
	files, kind, err := findOffline(c.Dir)
	if err != nil {
		return nil, err
	}
	m := &offlineModel{tells: kind == "sensevoice"}
	for _, l := range c.Languages {
		m.langs = append(m.langs, string(l))
	}
	switch {
	case m.tells && m.langs == nil:
		m.langs = senseLanguages
	case m.langs == nil:
		return nil, errors.New("no languages: name those that the model knows, its files do not tell")
	}
	if c.Memory == 0 {
		if c.Memory, err = memoryFor(files); err != nil {
			return nil, err
		}
	}
	path, err := worker.Find(c.Worker, "transducerworker")
	if err != nil {
		return nil, err
	}
	process := func(args ...string) *offlineWorker {
		return &offlineWorker{cfg: worker.Config{
			Path: path, Args: append(args, files...), Nice: nice, MaxReply: wire.MaxReply, Memory: c.Memory, Keep: 1,
			Max:   2, // one more than works: another must be able to take the place of one that hangs
			Start: wholeLoading, Limit: limit, Grace: wholeGrace,
		}}
	}
	threads := strconv.Itoa(max(c.Threads, 1))
	m.byLang = map[string]*offlineWorker{"": process(kind, threads)}
	if m.tells {
		m.byLang[""] = process(kind, threads, "auto")
		for _, lang := range m.langs {
			if !slices.Contains(senseLanguages, lang) {
				return nil, fmt.Errorf("SenseVoice does not know the language %q: it knows %v", lang, senseLanguages)
			}
			m.byLang[lang] = process(kind, threads, lang)
		}
	}
	if _, err := m.workers(m.langs[0]).open(context.Background()); err != nil {
		return nil, fmt.Errorf("%w; the model is in %s: a Parakeet or a SenseVoice as sherpa-onnx has them is wanted there, and it may take %d MB (recognize.memory_mb)",
			err, c.Dir, c.Memory>>20)
	}
	return m, nil
}

// findOffline returns the paths of a model's files, in the order of the worker's arguments, and its kind.
func findOffline(dir string) (files []string, kind string, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, "", fmt.Errorf("no folder of a model: %w", err)
	}
	kind = "tdt"
	parts := []string{"encoder", "decoder", "joiner"}
	if len(netsOf(entries, "model")) > 0 {
		kind, parts = "sensevoice", []string{"model"}
	}
	files, err = findNets(dir, entries, parts, "a Parakeet has encoder, decoder, joiner and tokens.txt, a SenseVoice model and tokens.txt")
	return files, kind, err
}

// memoryFor returns what a process may take that loads the files: their bytes are
// there as they are read, as the net has them, and once more laid out for the CPU.
func memoryFor(files []string) (int64, error) {
	sum := int64(defaultMemory)
	for _, f := range files {
		i, err := os.Stat(f)
		if err != nil {
			return 0, err
		}
		sum += 3 * i.Size()
	}
	return sum, nil
}

// workers returns those that hear a language, or any where it is "".
func (m *offlineModel) workers(lang string) *offlineWorker {
	if w, ok := m.byLang[lang]; ok {
		return w
	}
	return m.byLang[""]
}

// open returns the pool, whose process it starts if that was not done.
func (w *offlineWorker) open(ctx context.Context) (*worker.Pool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.closed:
		return nil, worker.ErrClosed
	case w.pool != nil:
		return w.pool, nil
	}
	p, err := worker.Open(ctx, w.cfg)
	w.pool = p
	return p, err
}

// opened returns the pool if it was opened.
func (w *offlineWorker) opened() *worker.Pool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.pool
}

// Languages implements WhisperModel.
func (m *offlineModel) Languages() []string { return m.langs }

// Decode implements WhisperModel. If ctx ends, nobody waits for the worker, which
// comes to its end by itself.
func (m *offlineModel) Decode(ctx context.Context, pcm []float32, o whisper.Options) (whisper.Result, error) {
	pool, err := m.workers(o.Lang).open(ctx)
	if err != nil {
		return whisper.Result{}, err
	}
	w, err := pool.Take(ctx)
	if err != nil {
		return whisper.Result{}, err
	}
	d := pocketDecoder{pool, w}
	words, lang, err := d.whole(ctx, pcm, o.Lang == "")
	d.Release(err)
	if err != nil {
		return whisper.Result{}, err
	}
	r := whisper.Result{Text: sentence(words), Lang: cmp.Or(o.Lang, lang)}
	for _, word := range words {
		r.Words = append(r.Words, whisper.Word{Text: word.Text, Start: word.Start, End: word.End, Confidence: word.Confidence})
	}
	if o.Lang == "" && slices.Contains(m.langs, lang) {
		r.LangProbs = map[string]float64{lang: 1}
	}
	return r, nil
}

// whole has a unit heard at once, and its language told if that is wanted.
func (d pocketDecoder) whole(ctx context.Context, pcm []float32, tell bool) (words []inference.Word, lang string, err error) {
	if _, err := d.w.Ask(ctx, wire.OpReset.Encode()); err != nil { // what was before may have been left half done
		return nil, "", err
	}
	if err := d.Start(ctx); err != nil {
		return nil, "", err
	}
	if err := d.Feed(ctx, integers(pcm)); err != nil {
		return nil, "", err
	}
	if words, err = d.End(ctx); err != nil || !tell {
		return words, "", err
	}
	b, err := d.w.Call(ctx, wire.OpLang.Encode())
	return words, string(b), err
}

// integers returns sound as workers take it.
func integers(pcm []float32) []int16 {
	out := make([]int16, len(pcm))
	for i, v := range pcm {
		out[i] = int16(min(max(v*32768, -32768), 32767))
	}
	return out
}

// Close implements WhisperModel: it ends the workers.
func (m *offlineModel) Close() error {
	for _, w := range m.byLang {
		w.mu.Lock()
		w.closed = true
		if w.pool != nil {
			w.pool.Close()
		}
		w.mu.Unlock()
	}
	return nil
}
