package lips

import (
	"context"
	"math"
	"slices"
	"sync/atomic"
	"time"

	"livedub/inference"
	"livedub/inference/lips/neural"
	"livedub/media"
)

// view is what was known of the mouths at one frame.
type view struct {
	face    int // ID; 0: no mouth can be made
	at      time.Duration
	who     inference.Person
	turn    float64 // 0..1: how far the mouth of Anyone is this one
	beside  []*view // of other faces in the frame
	turns   *turns
	pose    pose
	turned  [2]float64 // yaw and pitch
	middle  float64    // of eyes and mouth, beside the tip of the nose: a turned nose leads away from it
	shape   shape
	edge    *outline
	nose    *grid
	sharp   float64
	trust   float64 // 0..1: how far pose, size and confidence allow a mouth to be made
	habits  habits
	entries []*entry
}

// mouths learn one session's mouths.
type mouths struct {
	cfg       Config
	session   string            // whose they are, for a net
	*follower                   // at work: of whoever seems to speak, but while a face beside is learned
	beside    []*follower       // of other faces in the frame
	parked    []*atlas          // of faces that have left, latest last
	seen      map[int]*activity // of the mouths of all faces, by ID
	ear       ear
	turn      float64          // 0..1: how far the face that speaks has the word
	met       inference.Person // number of the last person
	turns     turns

	start start
	known atomic.Pointer[inference.MouthsKnown]

	given  atomic.Pointer[atlas] // that was kept, until Learn takes it over
	kept   *atlas                // likewise, until its face is seen
	whose  []*face               // that face, as it looked in each of kept's mouths
	took   bool                  // there was one
	like   int                   // frames in a row that look like its face
	frames int                   // that were compared with it, or might have been
}

const (
	maxParked = 4        // faces remembered that are not in the frame
	maxBytes  = 16 << 20 // of all mouths of a session
	newNormal = 60       // odd mouths in a row after which they are believed
)

// Learn implements inference.LipsSession.
func (m *mouths) Learn(ctx context.Context, f *media.Frame, faces []inference.Face) (inference.Snapshot, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	v := &view{at: f.PTS, turns: &m.turns}
	pic := frameOf(f)
	face, stays, ok := m.choose(faces, f)
	beside := m.toFollow(faces, face, ok, f)
	m.watch(pic, faces, face.ID, beside, f.PTS)
	if !ok {
		m.trust, m.turn = 0, 0
		return v, nil
	}
	if face.ID != m.face {
		m.turn = 0
	}
	for _, o := range beside {
		m.turnTo(o.ID, faces)
		w := &view{at: f.PTS, turns: &m.turns}
		m.study(w, pic, o, f)
		v.beside = append(v.beside, w)
	}
	m.turnTo(face.ID, faces)
	if trust(face) <= 0 {
		m.trust, m.turn = 0, 0
		return v, nil
	}
	m.study(v, pic, face, f)
	m.turn = slew(m.turn, 1, !stays)
	v.turn = m.turn
	m.start.see(m, f.PTS)
	return v, nil
}

// study measures a face's mouth, learns from it, and tells what is known then.
func (m *mouths) study(v *view, pic frame, face inference.Face, f *media.Frame) {
	e := m.see(v, pic, face, f.PTS)
	covered := m.covered(e)
	m.trust = slew(m.trust, trust(face), covered || m.atlas.habits.gauge.unsure())
	if v.trust = min(m.trust, whole(face, f)); covered && m.atlas.nearest(e) > stranger {
		v.trust = 0 // at once: a fading mouth on a hand would be seen
	}
	if !covered {
		m.admit(e, face, f)
	}
	a := m.atlas
	v.who, v.habits, v.entries = a.who, a.habits, a.lit(e.light)
	v.habits.reads, v.habits.widths, v.habits.detail.seen = nil, nil, nil // the atlas writes on there
	m.turns.see(a.who, face.Size, m.seen[face.ID], f.PTS)
}

// Hear implements inference.LipsHear.
func (m *mouths) Hear(at time.Duration, level float64) { m.ear.hear(at, level) }

// see measures a face's mouth at time at, with the atlas of whose face it is.
func (m *mouths) see(v *view, pic frame, face inference.Face, at time.Duration) *entry {
	p := poseOf(face)
	v.face, v.pose, v.turned = face.ID, p, [2]float64{face.Yaw, face.Pitch}
	for _, q := range []inference.Point{face.LeftEye, face.RightEye, face.MouthLeft, face.MouthRight} {
		v.middle += p.inFace(q).X / 4
	}
	v.nose, v.sharp = readGrid(pic, p), sharpness(pic.y, p)
	like := readLikeness(pic, face)
	if face.ID != m.face || m.atlas == nil || at-m.last > time.Second {
		m.meet(face.ID, &like, v.nose)
	} else if len(m.atlas.entries) < enough {
		m.resume(&like, v.nose)
	}
	m.recall(&like, v.nose)
	m.last = at
	v.shape = measure(pic, p, face, &m.atlas.habits)
	loud, heard := m.ear.loud(at)
	m.seen[face.ID].see(v.shape, at, loud, heard)
	e := newEntry(pic, p, v.shape, face, v.nose, at)
	v.edge = readOutline(pic, p, v.shape)
	e.like, e.light, e.middle, e.edge = like, readLight(pic, p), v.middle, v.edge
	return e
}

// covered tells whether something hides the mouth: it is like none before, and
// has not been so for long.
func (m *mouths) covered(e *entry) bool {
	if len(m.atlas.entries) < enough || m.atlas.nearest(e) <= strangest {
		m.odd = 0
		return false
	}
	m.odd++
	return m.odd < newNormal
}

// admit learns from a mouth, and keeps it where it is worth that.
func (m *mouths) admit(e *entry, face inference.Face, f *media.Frame) {
	if trust(face) <= .8 { // points that are doubtful teach nothing of how this mouth is read
		return
	}
	m.atlas.habits.see(e.shape, e.detail)
	m.atlas.again()
	if face.Confidence > .4 && e.sharp > .8*m.atlas.sharp() && (len(m.beside) == 0 || m.bytes() < maxBytes) {
		m.atlas.offer(e, f)
	}
}

// slew leads a trust to what it should be within some frames, so that no
// mouth comes or goes at once.
func slew(from, to float64, leave bool) float64 {
	if leave {
		to = 0
	}
	return min(max(to, from-.34), from+.2)
}

// choose returns the largest face that has been there for a while, among faces
// alike in size one whose mouth moves, most of all with the sound. stays is false while the face before has
// yet to fade out for another one.
func (m *mouths) choose(faces []inference.Face, f *media.Frame) (best inference.Face, stays, ok bool) {
	var before inference.Face
	var most float64
	for _, face := range faces {
		if !sane(face) || f.PTS-face.Since < 80*time.Millisecond {
			continue
		}
		size := m.counts(face, f.PTS)
		if face.ID == m.face {
			before = face
			size *= 1.25 // two faces of one size do not take turns
		}
		if size > most {
			best, most = face, size
		}
	}
	if before.ID != 0 && best.ID != before.ID && min(m.trust, m.turn) > 0 {
		return before, false, true
	}
	return best, true, best.ID != 0
}

// sane tells whether a face's points can be those of a face.
func sane(f inference.Face) bool {
	for _, q := range []inference.Point{f.LeftEye, f.RightEye, f.Nose, f.MouthLeft, f.MouthRight, f.UpperLip, f.LowerLip} {
		if math.IsNaN(q.X+q.Y) || math.Abs(q.X)+math.Abs(q.Y) > 1e5 {
			return false
		}
	}
	if f.RightEye.X-f.LeftEye.X < 4 {
		return false
	}
	p := poseOf(f)
	l, r, u, d := p.inFace(f.MouthLeft), p.inFace(f.MouthRight), p.inFace(f.UpperLip), p.inFace(f.LowerLip)
	return r.X-l.X > .3 && r.X-l.X < 1.8 && d.Y > u.Y && u.Y > 0 && d.Y < 1.6
}

// fade falls from 1 at from to 0 at to.
func fade(v, from, to float64) float64 { return min(max((to-v)/(to-from), 0), 1) }

// trust tells how far a face lets its mouth be made: wholly from 32 to 400
// pixels between the eyes and up to about 30 degrees from the front.
func trust(f inference.Face) float64 {
	eyes := math.Hypot(f.RightEye.X-f.LeftEye.X, f.RightEye.Y-f.LeftEye.Y)
	return min(
		fade(-eyes, -32, -20), fade(eyes, 400, 480),
		fade(math.Abs(f.Yaw), .5, .7), fade(math.Abs(f.Pitch), .45, .65), fade(math.Abs(f.Roll), .5, .7),
		fade(-f.Confidence, -.3, -.1),
	)
}

// whole tells how far the frame's border leaves a mouth: 0 where it cuts it.
func whole(face inference.Face, f *media.Frame) float64 {
	gap := math.Inf(1)
	for _, q := range []inference.Point{face.MouthLeft, face.MouthRight, face.UpperLip, face.LowerLip} {
		gap = min(gap, q.X, q.Y, float64(f.Width)-q.X, float64(f.Height)-q.Y)
	}
	return fade(-gap/(face.RightEye.X-face.LeftEye.X), -.2, -.07)
}

// meet goes on with the atlas of the face that looks like this, or a new one.
func (m *mouths) meet(id int, l *likeness, nose *grid) {
	if m.face != id {
		m.face, m.trust, m.like = id, 0, 0
	}
	if m.atlas != nil && m.atlas.knows(l, nose) {
		return
	}
	before := m.atlas
	m.met++
	m.atlas = &atlas{habits: habits{reach: usualReach}, who: m.met}
	new := m.atlas
	if m.resume(l, nose); m.atlas == new && before != nil && before.mayBe(l) {
		new.who = before.who
	}
	if before != nil && len(before.entries) > 0 {
		m.park(before)
	}
}

// resume takes the parked atlas of the face that looks like this, if there is
// one, instead of the present one.
func (m *mouths) resume(l *likeness, nose *grid) {
	for i, a := range slices.Backward(m.parked) {
		if a.knows(l, nose) {
			m.turns.same(m.atlas.who, a.who)
			m.atlas = a
			m.parked = slices.Delete(m.parked, i, i+1)
			return
		}
	}
}

// bytes returns the memory of all mouths.
func (m *mouths) bytes() (n int) {
	if m.atlas != nil {
		n = m.atlas.bytes()
	}
	for _, o := range m.beside {
		if o.atlas != nil {
			n += o.atlas.bytes()
		}
	}
	for _, a := range m.parked {
		n += a.bytes()
	}
	return n
}

// sharp returns the sharpness that most entries have.
func (a *atlas) sharp() float64 {
	var sum float64
	for _, e := range a.entries {
		sum += e.sharp
	}
	return sum / float64(max(len(a.entries), 1))
}

// Shape returns the mouth that is seen in the frame of k, as a dub would ask
// for it; false where none is.
func (m *mouths) Shape(k inference.Snapshot) (inference.MouthShape, bool) {
	v, ok := k.(*view)
	if !ok || v.face == 0 {
		return inference.MouthShape{}, false
	}
	return v.habits.shape(v.shape), true
}

// Dub implements inference.LipsSession.
func (m *mouths) Dub(ctx context.Context) (inference.LipsStream, error) {
	s := &stream{cfg: m.cfg}
	if m.cfg.Net != nil {
		return &netStream{stream: s, net: m.cfg.Net, ear: neural.NewEar(), session: m.session}, ctx.Err()
	}
	return s, ctx.Err()
}

// Close implements inference.LipsSession.
func (m *mouths) Close() error { return nil }
