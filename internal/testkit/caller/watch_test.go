package caller

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

// told is what a stream says, line by line, before it stays open or ends.
type told struct {
	fence int64
	lines string
	stays bool
}

// watched serves streams one after the other and returns what Watch made of them.
func watched(t *testing.T, f *Fence, streams ...told) chan news {
	t.Helper()
	var mu sync.Mutex
	next := 0
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		if next == len(streams) {
			mu.Unlock()
			http.NotFound(w, r)
			return
		}
		s := streams[next]
		next++
		mu.Unlock()
		w.Header().Set(fenceHeader, fmt.Sprint(s.fence))
		fmt.Fprint(w, "retry: 1000\n\n"+s.lines)
		w.(http.Flusher).Flush()
		if s.stays {
			<-r.Context().Done()
		}
	}))
	c := NewClient(web.URL, "", 1)
	ctx, cancel := context.WithCancel(context.Background())
	out := make(chan news, 10)
	var all sync.WaitGroup
	all.Go(func() {
		c.watch(ctx, web.URL+"/v1/sessions/x", f, func(how Move, fence int64) { out <- news{how, fence} })
	})
	t.Cleanup(func() {
		cancel()
		all.Wait()
		c.Close()
		web.Close()
	})
	return out
}

func expect(t *testing.T, got chan news, want ...news) {
	t.Helper()
	for _, w := range want {
		select {
		case n := <-got:
			if n != w {
				t.Errorf("told %+v, want %+v", n, w)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("not told %+v", w)
		}
	}
	select {
	case n := <-got:
		t.Errorf("told %+v, too", n)
	case <-time.After(100 * time.Millisecond):
	}
}

// TestWatch: a stream that tells of a move is one, and its successor none; one that breaks and comes back with a higher fence is a death.
func TestWatch(t *testing.T) {
	var f Fence
	got := watched(t, &f,
		told{5, "event: caption\ndata: {\"fence\":9}\n\nevent: moved\ndata: {\"fence\":7}\n\n", false},
		told{7, "event: moved\ndata: nonsense\n\n", false},
		told{8, "", true})
	expect(t, got, news{Drained, 7}, news{Died, 8})
	if f.High() != 8 {
		t.Errorf("fence %d", f.High())
	}
	// Another answer tells of a newer holder, which may not be ready yet, while the
	// stream says nothing; then a peer is connected there.
	if err := f.see(12); err != nil {
		t.Fatal(err)
	}
	expect(t, got)
	f.arrive(12)
	expect(t, got, news{Died, 12})
}

// TestWatchIgnoresOld: a stream of a claim that is over says nothing.
func TestWatchIgnoresOld(t *testing.T) {
	var f Fence
	got := watched(t, &f, told{5, "", false}, told{3, "event: moved\ndata: {\"fence\":4}\n\n", false}, told{5, "", true})
	expect(t, got)
	if err := f.see(4); err == nil || f.High() != 5 {
		t.Errorf("a lower fence: %v, high %d", err, f.High())
	}
}
