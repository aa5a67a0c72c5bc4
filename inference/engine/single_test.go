package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"livedub/inference"
)

// voice is a net that takes a second for each number of its input [1,n], and gives
// so many thousand of sound, without a dimension for the batch.
type voice struct {
	mu     sync.Mutex
	runs   []int // lengths, in the order of their runs
	fail   error
	atWork *overlap
	closed int
}

// overlap finds out whether two nets are at work at once.
type overlap struct {
	sync.Mutex
	n, most int
	order   []string
}

func (b *overlap) begin(who string) {
	b.Lock()
	defer b.Unlock()
	b.n++
	b.most = max(b.most, b.n)
	b.order = append(b.order, who)
}

func (b *overlap) end() {
	b.Lock()
	defer b.Unlock()
	b.n--
}

func (v *voice) Inputs() []inference.TensorInfo {
	return []inference.TensorInfo{{Name: "tokens", Shape: []int{1, -1}, Type: "int64"}, {Name: "speed", Shape: []int{1}, Type: "fp32"}}
}

func (v *voice) Outputs() []inference.TensorInfo {
	return []inference.TensorInfo{{Name: "sound", Type: "fp32"}} // of a rank that its file does not tell
}

func (v *voice) Run(ctx context.Context, in []inference.Tensor) ([]inference.Tensor, error) {
	n := len(in[0].Data)
	v.mu.Lock()
	v.runs = append(v.runs, n)
	fail := v.fail
	v.mu.Unlock()
	if !slices.Equal(in[0].Shape, []int{1, n}) || !slices.Equal(in[1].Shape, []int{1}) {
		return nil, fmt.Errorf("inputs of %v and %v", in[0].Shape, in[1].Shape)
	}
	if v.atWork != nil {
		v.atWork.begin(fmt.Sprint("voice ", n))
		defer v.atWork.end()
	}
	select {
	case <-time.After(time.Duration(n) * time.Second):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if fail != nil {
		return nil, fail
	}
	return []inference.Tensor{{Shape: []int{1000 * n}, Data: make([]float32, 1000*n)}}, nil
}

func (v *voice) Close() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.closed++
	return nil
}

func (v *voice) ran() []int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.runs)
}

func text(n int) []inference.Tensor {
	return []inference.Tensor{{Shape: []int{1, n}, Data: make([]float32, n)}, {Shape: []int{1}, Data: []float32{1}}}
}

func single(t *testing.T, d *Device, open func(context.Context) (inference.Model, error)) *Single {
	t.Helper()
	s, err := NewSingle(t.Context(), Config{Name: "voice", Open: open, Example: text(1), Device: d, TimeLimit: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// said is what came of one text.
type said struct {
	out  []inference.Tensor
	took time.Duration
	err  error
	at   time.Time
}

// say has s say a text of so many symbols within a time; 0: when it likes.
func say(t *testing.T, s *Single, n int, within time.Duration) <-chan said {
	ctx := t.Context()
	if within > 0 {
		ctx = inference.WithBudget(ctx, time.Now().Add(within))
	}
	c := make(chan said, 1)
	go func() {
		out, took, err := s.RunTimed(ctx, text(n))
		c <- said{out, took, err, time.Now()}
	}()
	synctest.Wait()
	return c
}

// TestSingle: runs of any length, earliest deadline first; nobody who waits for a long
// one is refused before its time.
func TestSingle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := &voice{}
		s := single(t, nil, func(context.Context) (inference.Model, error) { return v, nil })
		if in := s.Inputs(); !slices.Equal(in[0].Shape, []int{1, -1}) || !slices.Equal(in[1].Shape, []int{1}) || len(s.Outputs()[0].Shape) != 0 {
			t.Errorf("%v, %v", in, s.Outputs())
		}
		warm := len(v.ran())
		began := time.Now()
		first := say(t, s, 9, time.Minute)
		late, idle, soon, early := say(t, s, 2, 30*time.Second), say(t, s, 3, 0), say(t, s, 1, 15*time.Second), say(t, s, 4, 5*time.Second)
		r := <-first
		if r.err != nil || r.took != 9*time.Second || !slices.Equal(r.out[0].Shape, []int{9000}) || len(r.out[0].Data) != 9000 {
			t.Errorf("%v, %v, %v", r.out, r.took, r.err)
		}
		if r := <-early; !errors.Is(r.err, inference.ErrModelLate) || r.at.Sub(began).Round(time.Millisecond) != 5*time.Second {
			t.Errorf("%v after %v", r.err, r.at.Sub(began))
		}
		for _, c := range []<-chan said{soon, late, idle} {
			if r := <-c; r.err != nil || r.took != time.Duration(len(r.out[0].Data)/1000)*time.Second {
				t.Errorf("%v, took %v", r.err, r.took)
			}
		}
		// Who has no deadline lets others pass for a second.
		if got := v.ran()[warm:]; !slices.Equal(got, []int{9, 3, 1, 2}) {
			t.Errorf("runs %v", got)
		}
		if st := s.Stats(); st.Items != 4 || st.Late+st.Missed != 1 || s.Capacity() != 0 {
			t.Errorf("%+v", st)
		}
	})
}

// TestSharedDevice: a net that speaks and one that makes mouths are never at work at
// once, and whoever waits with the earlier deadline is next.
func TestSharedDevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, at := new(Device), new(overlap)
		v := &voice{atWork: at}
		s := single(t, d, func(context.Context) (inference.Model, error) { return v, nil })
		e := &echo{time: func(int) time.Duration { return 10 * time.Millisecond }, start: time.Now()}
		mouths, err := New(t.Context(), Config{Name: "lips", Open: func(context.Context) (inference.Model, error) { return watched{e, at}, nil }, Buckets: []int{1}, MaxAge: -1, Device: d})
		if err != nil {
			t.Fatal(err)
		}
		defer mouths.Close()
		at.order, at.most = nil, 0
		first := say(t, s, 1, time.Minute)
		second := say(t, s, 2, 40*time.Second)
		mouth, err := mouths.Submit(inference.ModelRequest{Deadline: time.Now().Add(5 * time.Second), In: []inference.Tensor{{Shape: []int{2}, Data: make([]float32, 2)}}})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []<-chan said{first, second} {
			if r := <-c; r.err != nil {
				t.Error(r.err)
			}
		}
		if r := <-mouth; r.Err != nil || r.Took != 10*time.Millisecond {
			t.Errorf("%v, took %v", r.Err, r.Took)
		}
		if want := []string{"voice 1", "mouth", "voice 2"}; !slices.Equal(at.order, want) || at.most != 1 {
			t.Errorf("at work were %v, %d at once; want %v", at.order, at.most, want)
		}
	})
}

// watched tells when a net is at work.
type watched struct {
	*echo
	at *overlap
}

func (w watched) Run(ctx context.Context, in []inference.Tensor) ([]inference.Tensor, error) {
	w.at.begin("mouth")
	defer w.at.end()
	return w.echo.Run(ctx, in)
}

// TestDeviceGivenUp: who stops waiting holds nobody up, also if its turn came meanwhile.
func TestDeviceGivenUp(t *testing.T) {
	d := new(Device)
	leave, err := d.take(t.Context(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			if leave, err := d.take(ctx, time.Now().Add(time.Duration(i))); err == nil {
				leave()
			} else if !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
	}
	cancel()
	leave()
	wg.Wait()
	if leave, err = d.take(t.Context(), time.Now()); err != nil || len(d.waiting) != 0 {
		t.Fatal(err, d.waiting)
	}
	leave()
}

// TestSingleIsLost: what a lost device takes along fails, and the net is opened anew; a
// closed one fails at once, and what waits for its end is done.
func TestSingleIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var all []*voice
		s := single(t, new(Device), func(context.Context) (inference.Model, error) {
			all = append(all, &voice{})
			return all[len(all)-1], nil
		})
		all[0].mu.Lock()
		all[0].fail = fmt.Errorf("xid 79: %w", inference.ErrModelGone)
		all[0].mu.Unlock()
		if r := <-say(t, s, 1, time.Minute); !errors.Is(r.err, inference.ErrModelGone) {
			t.Error(r.err)
		}
		time.Sleep(time.Minute)
		if r := <-say(t, s, 1, time.Minute); r.err != nil || len(all) != 2 || all[0].closed != 1 {
			t.Errorf("%v, %d nets", r.err, len(all))
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := s.Run(ctx, text(1)); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		if _, err := s.Run(t.Context(), text(1)[:1]); err == nil {
			t.Error("half of what the net takes was taken")
		}
		var order []int
		s.OnClose(func() { order = append(order, 2) })
		s.OnClose(func() { order = append(order, 1) })
		waits := say(t, s, 5, 0)
		if err := s.Close(); err != nil || !slices.Equal(order, []int{1, 2}) || all[1].closed != 1 {
			t.Errorf("%v, %v", err, order)
		}
		if r := <-waits; !errors.Is(r.err, inference.ErrModelGone) {
			t.Error(r.err)
		}
		if _, err := s.Run(t.Context(), text(1)); !errors.Is(err, inference.ErrModelGone) {
			t.Error(err)
		}
	})
}

// TestSingleDoesNotOpen: what is wrong with a net is told when it is opened.
func TestSingleDoesNotOpen(t *testing.T) {
	for name, open := range map[string]func(context.Context) (inference.Model, error){
		"an error":    func(context.Context) (inference.Model, error) { return nil, errors.New("no such file") },
		"nothing":     func(context.Context) (inference.Model, error) { return nil, nil },
		"a first run": func(context.Context) (inference.Model, error) { return &voice{fail: errors.New("bad op")}, nil },
	} {
		synctest.Test(t, func(t *testing.T) {
			if s, err := NewSingle(t.Context(), Config{Open: open, Example: text(1)}); err == nil {
				s.Close()
				t.Errorf("%s: it opened", name)
			}
		})
	}
}
