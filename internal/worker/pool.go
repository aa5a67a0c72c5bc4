package worker

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"livedub/internal/proc"
)

// Config says what the workers are. Zero values of times and MaxReply stand for the defaults.
type Config struct {
	Path string   // of the program; see Find
	Args []string // for it
	Env  []string // more variables for it
	Nice int      // added to our own niceness

	Memory   int64 // bytes a process may have for itself; 0: no limit
	MaxReply int   // bytes of an answer; 1 MB
	Max      int   // processes at most; 0: as many as there are users
	Spare    int   // idle ones to have ready for the next user
	Keep     int   // idle ones at most; no less than Spare

	Start time.Duration // from the start of a process to its hello; 10 s
	Limit time.Duration // for one answer, if the caller's ctx allows more; 10 s
	Grace time.Duration // for dropping what a user left behind, before it is killed; 250 ms

	// Check looks at the first worker's hello; its error keeps Open from opening. May be nil.
	Check func(hello []byte) error
}

// Pool is a set of like workers. It is safe for concurrent use.
type Pool struct {
	cfg    Config
	groups *proc.Groups
	life   context.Context // ends with Close
	quit   context.CancelFunc
	work   sync.WaitGroup // goroutines that start, settle and end workers

	mu       sync.Mutex
	all      map[*Worker]bool // those that run
	idle     []*Worker        // the last used at the end
	starting int              // processes that said no hello yet
	settling int              // of all, those that finish what a user left behind
	users    []chan handed    // that wait, the first first
	closed   bool
	used     time.Duration // CPU of workers that ended
}

// handed is what a user who waits gets.
type handed struct {
	w   *Worker
	err error
}

// Find returns the path of a worker's program: path, if it is set; else what
// is called name beside this program or in $PATH.
func Find(path, name string) (string, error) {
	if path != "" {
		return exec.LookPath(path)
	}
	if self, err := os.Executable(); err == nil {
		if p, err := exec.LookPath(filepath.Join(filepath.Dir(self), name)); err == nil {
			return p, nil
		}
	}
	p, err := exec.LookPath(name)
	if err != nil {
		return "", errors.New("no " + name + " beside this program nor in $PATH; make build")
	}
	return p, nil
}

// Open starts the first worker, so that a broken one shows at once. Close must be called.
func Open(ctx context.Context, cfg Config) (*Pool, error) {
	cfg.Start = or(cfg.Start, 10*time.Second)
	cfg.Limit = or(cfg.Limit, 10*time.Second)
	cfg.Grace = or(cfg.Grace, 250*time.Millisecond)
	cfg.MaxReply = or(cfg.MaxReply, 1<<20)
	cfg.Keep = max(cfg.Keep, cfg.Spare, 1)
	p := &Pool{cfg: cfg, groups: proc.NewNiceGroups(cfg.Nice), all: map[*Worker]bool{}}
	p.life, p.quit = context.WithCancel(context.Background())
	w, err := p.Take(ctx)
	if err == nil && cfg.Check != nil {
		err = cfg.Check(w.Hello())
	}
	if err != nil {
		p.Close()
		return nil, err
	}
	p.Give(w, nil)
	return p, nil
}

func or[T int | time.Duration](v, otherwise T) T {
	if v <= 0 {
		return otherwise
	}
	return v
}

// Take waits for a worker and lends it. Give must be called.
func (p *Pool) Take(ctx context.Context) (*Worker, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, ErrClosed
	}
	for n := len(p.idle); n > 0; n = len(p.idle) {
		w := p.idle[n-1]
		p.idle = p.idle[:n-1]
		if w.group.Exited() { // nobody has noticed yet
			p.drop(w)
			continue
		}
		p.fill(p.spare())
		p.mu.Unlock()
		return w, nil
	}
	turn := make(chan handed, 1)
	p.users = append(p.users, turn)
	p.fill(p.spare())
	p.mu.Unlock()

	select {
	case h := <-turn:
		return h.w, h.err
	case <-ctx.Done():
	}
	p.mu.Lock()
	for i, u := range p.users {
		if u == turn {
			p.users = append(p.users[:i], p.users[i+1:]...)
			break
		}
	}
	p.mu.Unlock()
	select {
	case h := <-turn: // it came too late
		if h.w != nil {
			p.Give(h.w, nil)
		}
	default:
	}
	return nil, ctx.Err()
}

// Give takes a worker back; err is how the last talk with it ended. A worker
// that failed otherwise than by a *Refusal or by its user's ctx is ended and
// replaced; one that has something left to do may finish it within Grace. If
// its user's deadline passed, another one is started at once.
func (p *Pool) Give(w *Worker, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.all[w] {
		return // it died while it was lent, or the pool is closed
	}
	well := err == nil || isRefusal(err) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
	switch {
	case well && w.idle():
		p.put(w)
	case well && w.last.Load() < maxLast:
		p.settling++
		p.work.Go(func() { p.settle(w) })
		if errors.Is(err, context.DeadlineExceeded) { // it is likely stuck
			p.fill(p.settling + 1)
		}
	default:
		p.drop(w)
	}
}

// put lends a worker to who waits first, else keeps it; p.mu is held.
func (p *Pool) put(w *Worker) {
	switch {
	case len(p.users) > 0:
		p.users[0] <- handed{w: w}
		p.users = p.users[1:]
	case len(p.idle) < p.cfg.Keep:
		p.idle = append(p.idle, w)
	default:
		p.retire(w)
	}
}

func (p *Pool) settle(w *Worker) {
	ok := w.settle(p.life)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.settling--
	switch {
	case !p.all[w]: // it died meanwhile
		p.fill(1)
	case ok:
		p.put(w)
	default:
		p.drop(w)
	}
}

// died is told of each worker whose process ended or said what it must not.
func (p *Pool) died(w *Worker) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, v := range p.idle {
		if v == w {
			p.idle = append(p.idle[:i], p.idle[i+1:]...)
			break
		}
	}
	p.drop(w)
}

// drop ends a worker and has another one ready for the next user; p.mu is held.
func (p *Pool) drop(w *Worker) {
	if !p.all[w] {
		return
	}
	p.retire(w)
	if w.last.Load() > 0 || time.Since(w.began) > p.cfg.Start {
		p.fill(max(p.cfg.Spare, 1))
	} else {
		p.fill(0) // one that dies before it was of any use would die again and again
	}
}

// retire ends a worker that nobody has; p.mu is held.
func (p *Pool) retire(w *Worker) {
	delete(p.all, w)
	before := w.group.CPU()
	p.used += before
	p.work.Go(func() {
		w.end()
		p.mu.Lock()
		p.used += max(w.group.CPU()-before, 0)
		p.mu.Unlock()
	})
}

// spare returns how many idle workers to have ready: none where memory is short.
func (p *Pool) spare() int {
	if p.cfg.Spare > 0 && proc.Available() < 2*p.cfg.Memory {
		return 0
	}
	return p.cfg.Spare
}

// fill starts workers for those who wait and for spare idle ones; p.mu is held.
func (p *Pool) fill(spare int) {
	for !p.closed && len(p.idle)+p.starting+p.settling < len(p.users)+spare {
		if p.cfg.Max > 0 && len(p.all)+p.starting >= p.cfg.Max {
			return
		}
		p.starting++
		p.work.Go(p.start)
	}
}

func (p *Pool) start() {
	w, err := launch(p.life, p.groups, &p.cfg)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.starting--
	switch {
	case err != nil && len(p.users) > 0:
		p.users[0] <- handed{err: err}
		p.users = p.users[1:]
	case err != nil: // the next user tries again
	case p.closed:
		p.retire(w)
	default:
		p.all[w] = true
		p.work.Go(func() {
			<-w.gone
			p.died(w)
		})
		p.put(w)
	}
	p.fill(0)
}

// Lent returns how many workers have a user, or finish what one left behind.
func (p *Pool) Lent() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.all) - len(p.idle)
}

// PIDs returns the ids of the live workers.
func (p *Pool) PIDs() []int {
	p.mu.Lock()
	defer p.mu.Unlock()
	var ids []int
	for w := range p.all {
		ids = append(ids, w.group.PIDs()...)
	}
	return ids
}

// CPU returns the time that all workers have used since Open.
func (p *Pool) CPU() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.used
	for w := range p.all {
		t += w.group.CPU()
	}
	return t
}

// Close ends all workers, those lent too: their users' calls fail. It returns
// when nothing is left of them.
func (p *Pool) Close() {
	p.quit()
	p.mu.Lock()
	p.closed = true
	for _, u := range p.users {
		u <- handed{err: ErrClosed}
	}
	p.users, p.idle = nil, nil
	for w := range p.all {
		w.doom(ErrClosed)
		p.retire(w)
	}
	p.mu.Unlock()
	p.work.Wait()
	p.groups.Close()
}
