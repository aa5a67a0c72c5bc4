// Package neural speaks with lip-sync nets: what a manifest says of a net, the
// features of sound that it hears, the tensors it takes and gives. Where a
// face is and how its new mouth gets into the frame is package lips' affair.
package neural

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Kind is what a net takes.
type Kind string

const (
	// Wav2Lip takes face[N,6,S,S] (the face with the mask blackened, then the
	// face) and mel[N,1,80,T], and gives [N,3,S,S].
	Wav2Lip Kind = "wav2lip"
	// Latent takes masked[N,3,S,S], ref[N,3,S,S] and audio[N,T,D], and gives
	// [N,3,S,S]; the frame's encoder and decoder are inside. Audio is T columns
	// of D = 80 mel bands, or what an Encoder makes of the sound.
	Latent Kind = "latent"
)

// Manifest describes a net. It is a JSON file beside the .onnx file.
type Manifest struct {
	Kind     Kind              `json:"kind"`
	Model    string            `json:"model"`    // the .onnx file, in the manifest's folder or below
	Remote   *Remote           `json:"remote"`   // instead of Model: served elsewhere
	Encoder  *Encoder          `json:"encoder"`  // of sound, for a latent net; nil: it takes mel columns
	Size     int               `json:"size"`     // S: 96, 256 or 512
	Align    Align             `json:"align"`    // how the face is cut out
	Pad      Pad               `json:"pad"`      // around that
	Mask     string            `json:"mask"`     // "lower_half", or a PNG of which white is made anew
	Channels string            `json:"channels"` // "BGR" or "RGB"
	Range    string            `json:"range"`    // "0..1" or "-1..1"
	Layout   string            `json:"layout"`   // "NCHW": nothing else is known
	Type     string            `json:"type"`     // "fp32" or "fp16", checked if it is given: the net tells it
	Batch    int               `json:"batch"`    // the largest
	Offset   int               `json:"audio_ms"` // by how much later sound is shown to it, milliseconds
	Inputs   map[string]string `json:"inputs"`   // role to tensor, where shapes do not tell: face, mel; masked, ref, audio
	Output   string            `json:"output"`   // likewise, of several
	Notice   string            `json:"notice"`   // for people: where the net comes from, its licence

	dir  string
	mask *image.Gray // of Size by Size; nil for the lower half
}

// Pad is how much is added around a face: top, bottom, left, right, in parts of its
// height and width. In JSON it is four numbers, or one for all.
type Pad [4]float64

// UnmarshalJSON implements json.Unmarshaler.
func (p *Pad) UnmarshalJSON(b []byte) error {
	var all float64
	if json.Unmarshal(b, &all) == nil {
		*p = Pad{all, all, all, all}
		return nil
	}
	var each []float64
	if err := json.Unmarshal(b, &each); err != nil || len(each) != len(p) {
		return fmt.Errorf("pad is %.60s: give four numbers, for top, bottom, left and right, or one for all", b)
	}
	copy(p[:], each)
	return nil
}

// Remote is a net served by KServe's protocol, version 2, over gRPC.
type Remote struct {
	Addr    string `json:"addr"` // host:port
	Model   string `json:"model"`
	Version string `json:"version"`
	TLS     bool   `json:"tls"`
}

// Encoder is a net that makes audio[N,T,D] of sound, as HuBERT's do: its input is
// [N,L], L samples at 16 kHz, -1..1.
type Encoder struct {
	Model  string  `json:"model"`     // as Manifest's
	Remote *Remote `json:"remote"`    // likewise
	Before *int    `json:"before_ms"` // how much of what it hears lies before the frame; half, if it is left out
}

// Align is how a face is cut out.
type Align string

const (
	Box        Align = "box"        // upright in the frame, as a face detector's box
	Similarity Align = "similarity" // turned so that the eyes are level
)

const (
	mostManifest = 64 << 10
	mostMask     = 4 << 20
)

// Load reads a manifest and checks all that can be known without the net.
func Load(path string) (*Manifest, error) {
	if filepath.Ext(path) == ".onnx" {
		return nil, fmt.Errorf("%s is the net itself: name its manifest, a JSON file beside it (docs/LIPS.md)", path)
	}
	b, err := readFile(path, mostManifest)
	if err != nil {
		return nil, fmt.Errorf("lips manifest: %w", err)
	}
	m, err := parse(b)
	if err != nil {
		return nil, fmt.Errorf("lips manifest %s: %w", path, err)
	}
	m.dir = filepath.Dir(path)
	if m.Model == "" && m.Remote == nil {
		m.Model = strings.TrimSuffix(filepath.Base(path), filepath.Ext(path)) + ".onnx"
	}
	if m.Mask != "lower_half" {
		if m.mask, err = m.readMask(); err != nil {
			return nil, fmt.Errorf("lips manifest %s: mask: %w", path, err)
		}
	}
	if m.Remote == nil {
		if _, err := m.Path(); err != nil {
			return nil, fmt.Errorf("lips manifest %s: model: %w", path, err)
		}
	}
	if m.Encoder != nil && m.Encoder.Remote == nil {
		if _, err := m.EncoderPath(); err != nil {
			return nil, fmt.Errorf("lips manifest %s: encoder: %w", path, err)
		}
	}
	return m, nil
}

// parse reads a manifest's text, fills in what it leaves out and checks it.
func parse(b []byte) (*Manifest, error) {
	m := &Manifest{Kind: Wav2Lip, Mask: "lower_half", Channels: "BGR", Range: "0..1", Layout: "NCHW", Batch: 32}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(m); err != nil {
		return nil, fmt.Errorf("%w: see docs/LIPS.md for what it may say", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the end: one JSON object is wanted")
	}
	if m.Align == "" {
		m.Align = Box
		if m.Kind == Latent {
			m.Align = Similarity
		}
	}
	return m, m.check()
}

func (m *Manifest) check() error {
	one := func(what, is string, of ...string) error {
		if slices.Contains(of, is) {
			return nil
		}
		return fmt.Errorf("%s is %.40q: choose %s", what, is, strings.Join(of, " or "))
	}
	roles := []string{"face", "mel"}
	if m.Kind == Latent {
		roles = []string{"masked", "ref", "audio"}
	}
	errs := []error{
		one("kind", string(m.Kind), string(Wav2Lip), string(Latent)),
		one("align", string(m.Align), string(Box), string(Similarity)),
		one("channels", m.Channels, "BGR", "RGB"),
		one("range", m.Range, "0..1", "-1..1"),
		one("layout", m.Layout, "NCHW"),
		one("type", m.Type, "", "fp32", "fp16"),
	}
	for _, role := range slices.Sorted(maps.Keys(m.Inputs)) {
		errs = append(errs, one("a key of inputs", role, roles...))
	}
	if m.Model != "" && m.Remote != nil {
		errs = append(errs, errors.New("name the net as model or as remote, not both"))
	}
	remotes := []*Remote{m.Remote}
	if e := m.Encoder; e != nil {
		remotes = append(remotes, e.Remote)
		if (e.Model == "") == (e.Remote == nil) {
			errs = append(errs, errors.New("name the encoder as model or as remote, not both"))
		}
		if m.Kind != Latent {
			errs = append(errs, errors.New("encoder is for the latent kind: others hear mel columns"))
		}
		if e.Before != nil && (*e.Before < 0 || *e.Before > 3000) {
			errs = append(errs, fmt.Errorf("before_ms is %d: choose 0 to 3000", *e.Before))
		}
	}
	for _, r := range remotes {
		if r != nil && (r.Addr == "" || r.Model == "") {
			errs = append(errs, errors.New("remote wants addr, as host:8001, and model"))
		}
	}
	if m.Size < 32 || m.Size > 1024 || m.Size%2 != 0 {
		errs = append(errs, fmt.Errorf("size is %d: choose the side of the net's frame, as 96, 256 or 512", m.Size))
	}
	if m.Batch < 1 || m.Batch > 256 {
		errs = append(errs, fmt.Errorf("batch is %d: choose 1 to 256", m.Batch))
	}
	if m.Offset < -200 || m.Offset > 200 {
		errs = append(errs, fmt.Errorf("audio_ms is %d: choose -200 to 200", m.Offset))
	}
	for _, p := range m.Pad {
		if !(p >= -.4 && p <= 2) { // written so that NaN fails
			errs = append(errs, fmt.Errorf("pad holds %v: choose -0.4 to 2, in parts of the face's box", p))
		}
	}
	return errors.Join(errs...)
}

// Path returns where the .onnx file is.
func (m *Manifest) Path() (string, error) { return m.inside(m.Model) }

// EncoderPath returns where the encoder's .onnx file is.
func (m *Manifest) EncoderPath() (string, error) { return m.inside(m.Encoder.Model) }

// AudioOffset is by how much later sound is shown to the net.
func (m *Manifest) AudioOffset() time.Duration { return time.Duration(m.Offset) * time.Millisecond }

// inside returns the path of a file that a manifest names. It must lie in the
// manifest's folder, links followed: a manifest from elsewhere reads nothing else.
func (m *Manifest) inside(name string) (string, error) {
	if !filepath.IsLocal(name) {
		return "", fmt.Errorf("%.80q leads out of the manifest's folder: put the file there", name)
	}
	path, err := filepath.EvalSymlinks(filepath.Join(m.dir, name))
	if err != nil {
		return "", err
	}
	dir, err := filepath.EvalSymlinks(m.dir)
	if err != nil {
		return "", err
	}
	if rel, err := filepath.Rel(dir, path); err != nil || !filepath.IsLocal(rel) {
		return "", fmt.Errorf("%.80q links out of the manifest's folder: put the file there", name)
	}
	return path, nil
}

func (m *Manifest) readMask() (*image.Gray, error) {
	path, err := m.inside(m.Mask)
	if err != nil {
		return nil, fmt.Errorf("%w; or lower_half", err)
	}
	b, err := readFile(path, mostMask)
	if err != nil {
		return nil, err
	}
	c, err := png.DecodeConfig(bytes.NewReader(b))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if c.Width != m.Size || c.Height != m.Size {
		return nil, fmt.Errorf("%s has %dx%d pixels: the net's size is %d", path, c.Width, c.Height, m.Size)
	}
	p, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	g := image.NewGray(image.Rect(0, 0, m.Size, m.Size))
	for y := range m.Size {
		for x := range m.Size {
			g.Set(x, y, p.At(p.Bounds().Min.X+x, p.Bounds().Min.Y+y))
		}
	}
	return g, nil
}

// readFile reads a file of at most n bytes.
func readFile(path string, n int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, n+1))
	if err == nil && int64(len(b)) > n {
		err = fmt.Errorf("%s is larger than %d bytes", path, n)
	}
	return b, err
}
