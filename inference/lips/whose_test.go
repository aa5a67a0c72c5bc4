package lips

import (
	"math"
	"testing"
	"time"

	"livedub/inference"
)

// conversation has two people take turns of some frames, each with an own mouth, and
// returns the last snapshot, which frame i is at, and who is on the left and on the right.
func conversation(t *testing.T, turn int) (last *view, at func(i int) time.Duration, left, right inference.Person) {
	t.Helper()
	m, _ := open(t, Config{})
	at = func(i int) time.Duration { return time.Second + time.Duration(i)*tick }
	for i := range 2 * turn {
		open, level := .13+.12*math.Sin(float64(i)*.9), -22.
		if i%40 >= 25 {
			open, level = .02, -70
		}
		l := drawn{x: 100, y: 75, eyes: 46, width: .8, skin: 150, height: open}
		r := drawn{x: 300, y: 75, eyes: 46, width: .8, skin: 150, height: .02 + .005*math.Sin(float64(i))}
		if i >= turn {
			l.height, r.height = r.height, l.height
		}
		m.Hear(at(i), level)
		f, faces := couple(l, r)
		f.PTS = at(i)
		s, err := m.Learn(t.Context(), f, faces)
		f.Release()
		if err != nil {
			t.Fatal(err)
		}
		last = s.(*view)
	}
	for _, v := range append([]*view{last}, last.beside...) {
		switch v.face {
		case 1:
			left = v.who
		case 2:
			right = v.who
		}
	}
	if left <= inference.Anyone || right <= inference.Anyone || left == right {
		t.Fatalf("the two are person %d and %d", left, right)
	}
	return last, at, left, right
}

// TestWhosePhrase: when a dub comes late, its phrase is still whose mouth moved with the
// sound while it was said, whoever speaks meanwhile.
func TestWhosePhrase(t *testing.T) {
	const turn = 170
	last, at, left, right := conversation(t, turn)
	for _, c := range []struct {
		name     string
		from, to int
		want     inference.Person
	}{
		{"the left one's", 40, 105, left},
		{"the left one's last", 120, 165, left},
		{"the right one's", turn + 40, turn + 105, right},
	} {
		said := inference.Said{Start: at(c.from), End: at(c.to)}
		if got := last.Whose(said); got != c.want {
			t.Errorf("%s: person %d, want %d", c.name, got, c.want)
		}
		if v := last.of(c.want); v == nil || v.who != c.want {
			t.Errorf("%s: no mouth of person %d is there", c.name, c.want)
		}
	}
	if got := last.of(right + left + 1); got != nil {
		t.Error("somebody who is not in the picture has a mouth there")
	}
}

// talk has somebody be seen to talk for a phrase.
func (h *turns) talk(who, other inference.Person, from time.Duration) inference.Said {
	for i := range 50 {
		a, at := activity{moved: .05, stirs: .1, loud: 1, heard: true}, from+time.Duration(i)*tick
		if i%2 == 0 {
			a.stirs, a.loud = .01, .1
		}
		h.see(who, 100, &a, at)
		h.see(other, 100, &activity{loud: a.loud, heard: true}, at)
	}
	return inference.Said{Start: from, End: from + 50*tick}
}

// TestPhrasesAreRemembered: phrases that are dubbed now go on being whose they are, however
// many are asked about, and what is remembered is bounded.
func TestPhrasesAreRemembered(t *testing.T) {
	var h turns
	p := h.talk(1, 2, 0)
	now := p.End + time.Second
	if got := h.whose(p, now, 2); got != 1 {
		t.Fatalf("person %d said it, want 1", got)
	}
	for i := range mostAsked - 1 {
		h.whose(inference.Said{Start: p.End + time.Duration(i+1)*time.Hour, End: p.End + time.Duration(i+1)*time.Hour}, now, 2)
	}
	if d := h.decided[p.Start]; d == nil || d.who != 1 {
		t.Error("the phrase is forgotten before there is need")
	}
	newest := inference.Said{Start: 1000 * time.Hour, End: 1000 * time.Hour}
	h.whose(newest, now, 2)
	if len(h.decided) > mostAsked || h.decided[newest.Start] == nil || h.decided[p.End+time.Duration(mostAsked-1)*time.Hour] == nil {
		t.Errorf("%d phrases are remembered, want %d: all but the oldest", len(h.decided), mostAsked)
	}
	for i := range 3 {
		h.talk(1, 2, time.Duration(i+1)*remembered)
	}
	if first := h.seen[0].at; h.seen[len(h.seen)-1].at-first > remembered+2*time.Second {
		t.Errorf("sightings of %v are kept", h.seen[len(h.seen)-1].at-first)
	}
}

// TestTimeSetBack: after another source has begun, phrases are no more those of the one
// before that began at the same time, nor are there the people of then.
func TestTimeSetBack(t *testing.T) {
	var h turns
	p := h.talk(1, 2, 0)
	h.whose(p, p.End+time.Second, 2)
	p = h.talk(2, 1, 0)
	if got := h.whose(p, p.End+time.Second, 1); got != 2 {
		t.Errorf("person %d said it, want 2", got)
	}
	h.see(3, 100, &activity{}, 0)
	if h.people > 1 {
		t.Error("people of before are counted")
	}
}

// TestSamePerson: who seemed to be new is who was seen before, in what was seen too.
func TestSamePerson(t *testing.T) {
	var h turns
	p := h.talk(7, 2, 0)
	h.whose(p, p.End+time.Second, 2)
	h.same(7, 1)
	if got := h.whose(p, p.End+time.Second, 2); got != 1 {
		t.Errorf("person %d said it, want 1", got)
	}
	for _, s := range h.seen {
		if s.who == 7 {
			t.Fatal("a sighting of the one who seemed new is left")
		}
	}
}
