package lips

import (
	"cmp"
	"slices"
	"time"

	"livedub/inference"
	"livedub/media"
)

// follower is one face in the picture, and what is known of whose it is.
type follower struct {
	atlas *atlas
	face  int // ID
	last  time.Duration
	trust float64 // of the last frame
	odd   int     // frames in a row with a mouth like none before
}

// mostFollowed is how many faces' mouths are learned at once.
const mostFollowed = 3

// toFollow returns the chosen face and those whose mouths are learned beside it, the
// ones that count most first, and parks what is known of faces that are gone.
func (m *mouths) toFollow(faces []inference.Face, chosen inference.Face, ok bool, f *media.Frame) (beside []inference.Face) {
	if !ok {
		return nil
	}
	for _, face := range faces {
		if face.ID != chosen.ID && sane(face) && trust(face) > 0 && f.PTS-face.Since >= 80*time.Millisecond {
			beside = append(beside, face)
		}
	}
	if len(beside) > mostFollowed-1 {
		slices.SortStableFunc(beside, func(a, b inference.Face) int {
			return cmp.Compare(m.counts(b, f.PTS), m.counts(a, f.PTS))
		})
		beside = beside[:mostFollowed-1]
	}
	follows := func(face int) bool {
		return face == chosen.ID || slices.ContainsFunc(beside, func(b inference.Face) bool { return b.ID == face })
	}
	m.beside = slices.DeleteFunc(m.beside, func(o *follower) bool {
		if !follows(o.face) {
			m.park(o.atlas)
			return true
		}
		return false
	})
	return beside
}

// turnTo makes the follower of a face the one that is at work. The one before stays
// beside it while its face does: else what is known of it is compared with the new face.
func (m *mouths) turnTo(id int, faces []inference.Face) {
	if m.face == id {
		return
	}
	before := m.follower
	stays := slices.ContainsFunc(faces, func(f inference.Face) bool { return f.ID == before.face })
	if i := slices.IndexFunc(m.beside, func(o *follower) bool { return o.face == id }); i >= 0 {
		m.follower = m.beside[i]
		m.beside = slices.Delete(m.beside, i, i+1)
	} else if stays {
		m.follower = &follower{}
	}
	if m.follower == before || before.atlas == nil {
		return
	}
	if stays {
		m.beside = append(m.beside, before)
	} else {
		m.park(before.atlas)
	}
}

// park keeps what is known of a face that has left.
func (m *mouths) park(a *atlas) {
	if a != nil && len(a.entries) > 0 {
		m.parked = append(m.parked, a)
	}
	for len(m.parked) > maxParked || len(m.parked) > 0 && m.bytes() > maxBytes*3/4 {
		m.parked = m.parked[1:]
	}
}
