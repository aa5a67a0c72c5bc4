package main

import (
	"context"
	"errors"
	"math"
	"path/filepath"
	"time"

	"livedub/inference"
	"livedub/inference/lips"
	"livedub/inference/lips/opening"
	"livedub/inference/viseme"
	"livedub/internal/bench/lipseval"
	"livedub/media"
)

// shapeReader is what an engine's LipsSession implement that tell the mouth they read in
// a frame, in the words of a request.
type shapeReader interface {
	Shape(inference.Snapshot) (inference.MouthShape, bool)
}

// lipsAhead is how far the mouth's plan is known: what a session's sync profile freezes.
const lipsAhead = 500 * time.Millisecond

// lipsRun is one clip on its way through tracker and engine, with all that is
// measured on it. Series have one entry for each frame scored; NaN is unknown.
type lipsRun struct {
	b     *lipsBench
	clip  *lipsClip
	faces [][]inference.Face
	given []sight // where the eyes are, if not by faces
	est   *lipseval.Estimator
	trace lips.Trace // of the last frame rendered

	mouths inference.LipsSession
	dub    inference.LipsStream // with the text
	self   inference.LipsStream // with the speaker's own mouth
	ahead  []ahead              // what was learned, from the frame shown now on

	targetHeight, targetWidth []float64 // asked for, in the estimator's unit
	height, width             []float64 // seen in the dub
	sourceHeight, sourceWidth []float64 // seen in the source
	edges, sourceEdges        []float64 // heights by edges in the dub and in the source
	readWidth                 []float64 // by the engine in the source
	mouthHeight, mouthWidth   []float64 // of the mouth that was taken, as it was, and what was added to it
	readHeight                []float64 // by the engine in the source
	readOpen                  []float64 // likewise, in the words of a request
	open                      []float64 // of the plan
	planWide                  []float64
	methods                   map[inference.LipsMethod]int
	frames                    int
	eyes                      float64
	outside                   int

	noise       float64
	reliable    float64
	reliableW   float64
	distortion  lipseval.Distortion
	ssim, ssimN float64
	seam        [2]float64 // of the source, of the dub
	remade      []remade
	sharp       [2]float64
	flicker     [2]float64
	before      *media.Frame // the self-reconstruction before
	beforeAt    int
	crops       []lipsCrop
	tears       []lipseval.Tear
	torn        []tornFrame
	sources     map[int]*lipseval.Face // of mouths, by number in the clip
	judged      map[int]lipseval.Mouth // likewise, by the truth
	truth       *lipsRun               // of the clip as it was taken; nil: this one
	unseen      *opening.Model         // of openings, not learned from this clip; nil: none
	byEye       []float64              // heights that an eye has read, by number in the clip; nil: none
}

// sight is where a frame shows eyes.
type sight struct {
	eyes lipseval.Eyes
	ok   bool
}

// eyesIn returns the eyes of a face in frame i.
func (r *lipsRun) eyesIn(i, face int) (lipseval.Eyes, bool) {
	if r.given != nil {
		return r.given[i].eyes, r.given[i].ok
	}
	return eyesOf(r.faces[i], face)
}

// ahead is what is known of a frame that is still to be shown.
type ahead struct {
	known inference.Snapshot
	shape inference.MouthShape
	ok    bool
}

// clip measures one clip, but for its cost.
func (b *lipsBench) clip(ctx context.Context, path string) (lipsFigures, error) {
	c, err := readLipsClip(ctx, path, b.frame.MaxWidth, b.frame.MaxHeight, false, mostLipsClip)
	if err != nil {
		return lipsFigures{}, err
	}
	defer c.release()
	r := newLipsRun(b, c)
	defer r.release()
	if r.byEye, err = lipsByEye(filepath.Base(path)); err != nil {
		return lipsFigures{}, err
	}
	if r.unseen, err = unseenModel(path); err != nil {
		return lipsFigures{}, err
	}
	if err := r.run(ctx); err != nil {
		return lipsFigures{}, err
	}
	f := r.figures()
	f.Clip = filepath.Base(path)
	if b.sheet != "" {
		if err := r.writeSheets(f.Clip); err != nil {
			return lipsFigures{}, err
		}
	}
	return f, nil
}

func newLipsRun(b *lipsBench, c *lipsClip) *lipsRun {
	return &lipsRun{b: b, clip: c, methods: map[inference.LipsMethod]int{}, beforeAt: -2, sources: map[int]*lipseval.Face{}, judged: map[int]lipseval.Mouth{}}
}

// release gives back the frames that were kept for sheets.
func (r *lipsRun) release() {
	for _, c := range r.crops {
		c.src.Release()
		c.made.Release()
	}
	for _, t := range r.torn {
		t.release()
	}
	r.before.Release()
	r.crops, r.torn, r.before = nil, nil, nil
}

// shown returns how many frames are shown, and how far ahead the mouth is known, in frames.
func (r *lipsRun) shown() (n, look int) {
	return int(r.b.length.Seconds() * r.clip.fps), int((lipsAhead + r.clip.step() - 1) / r.clip.step())
}

func (r *lipsRun) run(ctx context.Context) error {
	n, look := r.shown()
	var err error
	if r.faces, err = r.clip.track(ctx, r.b.faces, n+look); err != nil {
		return err
	}
	if err := r.learn(ctx); err != nil {
		return err
	}
	if err := r.play(ctx, true); err != nil {
		return err
	}
	return r.calibrate(ctx)
}

// play shows the clip to the engine, and measures what it makes of it: with the
// text, and if self is set with the speaker's own mouth.
func (r *lipsRun) play(ctx context.Context, self bool) error {
	engine := r.b.lips(lips.Config{Exclude: r.clip.near, Trace: func(t lips.Trace) { r.trace = t }})
	defer engine.Close()
	var err error
	if r.mouths, err = engine.Open(ctx); err != nil {
		return err
	}
	defer r.mouths.Close()
	if r.dub, err = r.mouths.Dub(ctx); err != nil {
		return err
	}
	defer r.dub.Close()
	if self {
		if r.self, err = r.mouths.Dub(ctx); err != nil {
			return err
		}
		defer r.self.Close()
	}
	n, look := r.shown()
	for i := range n + look {
		if err := r.ready(ctx, i); err != nil {
			return err
		}
		if i >= look {
			if err := r.show(ctx, i-look, look); err != nil {
				return err
			}
			r.ahead = r.ahead[1:]
		}
	}
	return nil
}

// learn makes the estimator from the clip as it was taken.
func (r *lipsRun) learn(ctx context.Context) error {
	var views []lipseval.View
	for i := range min(len(r.clip.frames), len(r.faces)) {
		if eyes, ok := eyesOf(r.faces[i], 0); ok {
			views = append(views, lipseval.View{Frame: r.clip.frames[i], Eyes: eyes})
		}
	}
	if len(views) < 10 {
		return errors.New("no face was found in it")
	}
	var err error
	r.est, err = lipseval.Learn(ctx, views)
	return err
}

// ready has the engine learn from frame i.
func (r *lipsRun) ready(ctx context.Context, i int) error {
	f := r.clip.at(i)
	defer f.Release()
	known, err := r.mouths.Learn(ctx, f, r.faces[i])
	if err != nil {
		return err
	}
	a := ahead{known: known}
	if s, ok := r.mouths.(shapeReader); ok {
		a.shape, a.ok = s.Shape(known)
	}
	r.ahead = append(r.ahead, a)
	return nil
}

// show dubs frame i twice, with the text and with the speaker's own mouth, and measures both.
func (r *lipsRun) show(ctx context.Context, i, look int) error {
	src := r.clip.at(i)
	defer src.Release()
	step := r.clip.step()
	var plan, own []inference.MouthShape
	last := inference.MouthShape{Wide: .5}
	for j := range look {
		plan = append(plan, viseme.At(r.b.marks, src.PTS+time.Duration(j)*step))
		if r.ahead[j].ok {
			last = r.ahead[j].shape
		}
		own = append(own, last)
	}
	made, err := r.render(ctx, r.dub, src, i, plan)
	if err != nil {
		return err
	}
	defer made.Release()
	if src.PTS >= r.b.warm {
		r.score(i, src, made, r.trace, plan)
	}
	if r.self == nil {
		return nil
	}
	again, err := r.render(ctx, r.self, src, i, own)
	if err != nil {
		return err
	}
	defer again.Release()
	if src.PTS >= r.b.warm {
		r.scoreSelf(i, src, again, r.trace)
	}
	return nil
}

func (r *lipsRun) render(ctx context.Context, s inference.LipsStream, src *media.Frame, i int, mouth []inference.MouthShape) (*media.Frame, error) {
	f := src.Clone()
	r.trace = lips.Trace{}
	method, err := s.Render(ctx, inference.LipsRequest{
		Frame: f, Faces: r.faces[i], Snapshot: r.ahead[0].known, Mouth: mouth, Amount: 1, Step: r.clip.step(),
	})
	r.trace.Method = method
	if err != nil {
		f.Release()
		return nil, err
	}
	return f, nil
}

// fresh is how long after a cut, which is where a clip begins again, nobody can know the face.
const fresh = 300 * time.Millisecond

// score measures the frame dubbed with the text.
func (r *lipsRun) score(i int, src, made *media.Frame, t lips.Trace, plan []inference.MouthShape) {
	r.frames++
	r.methods[t.Method]++
	r.outside += lipseval.ChangedOutside(src, made, t.Mask)
	nan := math.NaN()
	target, targetW, height, width, was, wasW := nan, nan, nan, nan, nan, nan
	var tear lipseval.Tear
	eyes, seen := r.eyesIn(i, t.Face)
	since := time.Duration(i%len(r.clip.frames)) * r.clip.step()
	if seen && (t.Method != inference.Untouched || since >= fresh) {
		m, s := r.est.Read(lipseval.View{Frame: made, Eyes: eyes}), r.est.Read(lipseval.View{Frame: src, Eyes: eyes})
		height, width, was, wasW = m.Height, m.Width, s.Height, s.Width
		if t.Method != inference.Untouched {
			unit := t.Eyes / eyes.Distance()
			target, targetW = t.Height*unit, t.Width*unit
			tear = r.tear(src, made, eyes, t, m, s)
		}
	}
	if seen {
		r.eyes += eyes.Distance()
		if r.b.sheet != "" {
			r.keepCrop(src, made, eyes)
		}
	} else if r.b.sheet != "" {
		r.crops = append(r.crops, lipsCrop{})
	}
	r.tears = append(r.tears, tear)
	if r.b.sheet != "" && tear.Torn() {
		r.keepTorn(i, tear, src, made)
	}
	r.targetHeight, r.targetWidth = append(r.targetHeight, target), append(r.targetWidth, targetW)
	r.height, r.width = append(r.height, height), append(r.width, width)
	r.sourceHeight, r.sourceWidth = append(r.sourceHeight, was), append(r.sourceWidth, wasW)
	read := nan
	if r.ahead[0].ok {
		read = r.ahead[0].shape.Open * (1 - r.ahead[0].shape.Close)
	}
	r.readOpen = append(r.readOpen, read)
	r.edges, r.sourceEdges = append(r.edges, r.edgesIn(made, i, t.Face)), append(r.sourceEdges, r.edgesIn(src, i, t.Face))
	had, hadW := r.taken(t, eyes)
	r.mouthHeight, r.mouthWidth = append(r.mouthHeight, had), append(r.mouthWidth, hadW)
	r.open, r.planWide = append(r.open, plan[0].Open*(1-plan[0].Close)), append(r.planWide, plan[0].Wide)
	if t.Method == inference.Untouched {
		return
	}
	region := lipseval.Changed(src, made, t.Mask)
	reach := max(2, int(eyes.Distance()*.05))
	r.seam[0] += region.Seam(src, reach)
	r.seam[1] += region.Seam(made, reach)
}

// scoreSelf measures the frame dubbed with the speaker's own mouth.
func (r *lipsRun) scoreSelf(i int, src, made *media.Frame, t lips.Trace) {
	read, readWide := math.NaN(), math.NaN()
	defer func() { r.readHeight, r.readWidth = append(r.readHeight, read), append(r.readWidth, readWide) }()
	r.outside += lipseval.ChangedOutside(src, made, t.Mask)
	eyes, seen := eyesOf(r.faces[i], t.Face)
	if t.Method == inference.Untouched || !seen {
		return
	}
	read, readWide = t.Height*t.Eyes/eyes.Distance(), t.Width*t.Eyes/eyes.Distance()
	region := lipseval.Changed(src, made, t.Mask)
	r.distortion.Add(src, made, region.Box)
	if i%2 == 0 {
		if s := lipseval.SSIM(src, made, region.Box); !math.IsNaN(s) {
			r.ssim, r.ssimN = r.ssim+s, r.ssimN+1
		}
	}
	r.keepRemade(i, src, made, eyes)
	r.sharp[0] += region.Sharpness(src)
	r.sharp[1] += region.Sharpness(made)
	if r.beforeAt == i-1 && i%len(r.clip.frames) != 0 {
		radius := max(2, int(eyes.Distance()/20))
		was := r.clip.at(i - 1)
		r.flicker[0] += region.Flicker(was, src, radius)
		r.flicker[1] += region.Flicker(r.before, made, radius)
		was.Release()
	}
	r.before.Release()
	r.before, r.beforeAt = made.Retain(), i
}
