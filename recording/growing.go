package recording

import (
	"context"
	"errors"
	"os"
	"slices"
	"sync"
	"time"

	"livedub/media"
	"livedub/store"
)

// growing is the recording of a call that goes on here.
type growing struct {
	r        *Recorder
	manifest Manifest // as it began
	id       string
	attach   func(lang string, sink media.Sink) (detach func(), err error)
	change   chan struct{} // holds one when there may be something to do
	over     chan struct{} // closed when the call has ended
	tending  sync.WaitGroup

	opening sync.Mutex // over open
	lock    *os.File   // of the recording's folder; nil before open, and where it cannot be had

	mu     sync.Mutex
	want   []string // languages
	why    string   // nothing is recorded, though it was asked for
	tapes  []*tape
	leave  map[*tape]func() // those that are attached
	opened bool             // something is on the disk
	erased bool
	lost   string // why something is missing; "" where nothing is
	bad    string // why nothing can be written now; "" where it can
}

func (r *Recorder) newGrowing(m Manifest, attach func(string, media.Sink) (func(), error)) *growing {
	return &growing{r: r, manifest: m, id: m.ID, attach: attach, leave: map[*tape]func(){}, change: make(chan struct{}, 1), over: make(chan struct{})}
}

// record has the languages be recorded from now on, and no others.
func (g *growing) record(langs []string) {
	g.mu.Lock()
	g.want = langs
	g.mu.Unlock()
	g.changed()
}

// consent takes what the speaker agreed to. Who takes it back is recorded no longer.
func (g *growing) consent(given bool, at time.Time) {
	const none = "the speaker has not agreed to it"
	g.mu.Lock()
	was := g.why
	switch {
	case given:
		g.manifest.Consent = at.UTC()
		if was == none {
			g.why = ""
		}
	case was == "":
		g.why = none
	}
	g.mu.Unlock()
	if !given && was == "" {
		g.r.cfg.Log.Info("the session is not recorded: its speaker has not agreed to it", "session", g.manifest.Session)
		g.detach()
	}
	g.changed()
}

// missing returns why something of the recording is missing, "" where nothing is.
func (g *growing) missing() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.lost
}

// known returns the manifest, with the fence of the session's claim here, or the last one.
func (g *growing) known() Manifest {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.manifest.Fence = max(g.manifest.Fence, g.r.cfg.Fence(g.manifest.Session))
	return g.manifest
}

func (g *growing) changed() {
	select {
	case g.change <- struct{}{}:
	default:
	}
}

// tend attaches tapes and writes rows until the call is over.
func (g *growing) tend(ctx context.Context) {
	rows := time.NewTicker(rowEvery)
	defer rows.Stop()
	again := time.NewTimer(0)
	defer again.Stop()
	told := false
	for {
		select {
		case <-g.change:
			again.Reset(againAfter / 100)
			if g.isOpen() && !told {
				told = true
				g.row(ctx)
			}
		case <-again.C:
			if !g.attachAll() {
				again.Reset(againAfter)
			}
		case <-rows.C:
			if told {
				g.row(ctx)
			}
		case <-g.over:
			return
		}
	}
}

// attachAll attaches a tape for every language that has none, and tells whether all have one.
func (g *growing) attachAll() bool {
	g.mu.Lock()
	var missing []string
	for _, lang := range g.want {
		if g.erased || g.why != "" {
			break
		}
		if !slices.ContainsFunc(g.tapes, func(t *tape) bool { return t.lang == lang && !isClosed(t.ended) }) {
			missing = append(missing, lang)
		}
	}
	g.mu.Unlock()
	all := true
	for _, lang := range missing {
		t := g.newTape(lang)
		detach, err := g.attach(lang, t.sink())
		if err != nil {
			g.r.count("attach")
			all = false
			continue
		}
		g.r.writers.Go(t.run)
		g.mu.Lock()
		g.tapes = append(g.tapes, t)
		g.leave[t] = detach
		over := g.erased || g.why != ""
		g.mu.Unlock()
		if over { // since
			detach()
		}
	}
	return all
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// open makes the recording known, before its first file.
func (g *growing) open() error {
	g.opening.Lock()
	defer g.opening.Unlock()
	if g.isOpen() {
		return nil
	}
	if g.lock == nil {
		lock, err := g.r.disk.lock(Dir(g.id), false)
		if err != nil && !errors.Is(err, errHeld) { // by who finishes what was recorded before: that ends soon
			return err
		}
		g.lock = lock
	}
	m := g.known()
	m.Languages = g.languages()
	if before, err := g.r.marked(g.id); err == nil && before.Lost != "" {
		g.mu.Lock()
		g.lost = before.Lost
		g.mu.Unlock()
	}
	if err := g.r.disk.writeJSON(markerKey(g.id), marker{Manifest: m}); err != nil {
		return err
	}
	if err := g.r.disk.writeJSON(manifestKey(g.id), m); err != nil {
		return err
	}
	g.r.announce(manifestKey(g.id))
	g.mu.Lock()
	g.opened = true
	g.mu.Unlock()
	g.changed()
	return nil
}

func (g *growing) isOpen() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.opened
}

func (g *growing) isErased() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.erased
}

// wrote takes note of a segment on the disk.
func (g *growing) wrote(c cut) {
	g.mu.Lock()
	was := g.bad
	g.bad = ""
	g.mu.Unlock()
	g.r.wrote(c)
	if was != "" {
		g.r.cfg.Log.Info("recording goes on", "recording", g.id)
	}
}

// failed takes note that something of the recording is lost.
func (g *growing) failed(err error) {
	g.mu.Lock()
	was := g.bad
	g.bad = err.Error()
	if g.lost == "" {
		g.lost = g.bad
	}
	g.mu.Unlock()
	g.r.dropped()
	if was == "" {
		g.r.cfg.Log.Error("recording has a gap: the call goes on, and it too, as soon as it can", "recording", g.id, "err", err)
	}
}

// languages returns those of which something was recorded here, or is about to be.
func (g *growing) languages() (out []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, t := range g.tapes {
		if !slices.Contains(out, t.lang) {
			out = append(out, t.lang)
		}
	}
	return out
}

// state tells how the recording is doing.
func (g *growing) state() State {
	langs := g.languages()
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.erased:
		return State{State: Off, Why: "what was recorded was deleted"}
	case g.why != "":
		return State{State: Off, Why: g.why}
	case g.bad != "":
		return State{State: Failing, Why: g.bad, Languages: langs}
	}
	return State{State: On, Languages: langs}
}

// row tells the journal what there is so far.
func (g *growing) row(ctx context.Context) {
	m := g.known()
	row := m.row()
	g.mu.Lock()
	tapes := slices.Clone(g.tapes)
	g.mu.Unlock()
	takes := map[string][]Take{}
	for _, t := range tapes {
		takes[t.lang] = append(takes[t.lang], t.taken()...)
	}
	row.Languages = languageRows(m.From, takes)
	if errors.Is(g.r.write(ctx, row), store.ErrErased) {
		g.r.cfg.Log.Info("recording ends: it was deleted", "recording", g.id)
		g.erase()
	}
}

// erase has nothing more be recorded.
func (g *growing) erase() {
	g.mu.Lock()
	g.erased = true
	g.mu.Unlock()
	g.detach()
}

// detach ends all tapes, and waits for what they write.
func (g *growing) detach() {
	g.mu.Lock()
	leave := g.leave
	g.leave = map[*tape]func(){}
	tapes := slices.Clone(g.tapes)
	g.mu.Unlock()
	for _, detach := range leave {
		detach()
	}
	for _, t := range tapes {
		t.end()
	}
	wait := time.NewTimer(lastWrites)
	defer wait.Stop()
	for _, t := range tapes {
		select {
		case <-t.written:
		case <-wait.C:
			g.failed(errors.New("the disk does not answer"))
			return
		}
	}
}
