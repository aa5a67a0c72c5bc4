package inference

import (
	"context"
	"errors"
	"time"

	"livedub/media"
)

// Point is a place in a frame, in pixels from its top left corner.
type Point struct{ X, Y float64 }

// Face is one tracked face in one frame.
type Face struct {
	ID         int           // stable while the same face is followed
	Confidence float64       // 0..1
	Since      time.Duration // when it was first seen, on the session clock
	Center     Point
	Size       float64 // side of the box around the face, pixels

	LeftEye, RightEye     Point // as seen in the frame: LeftEye has the smaller X on an upright face
	Nose                  Point // tip
	MouthLeft, MouthRight Point // corners
	UpperLip, LowerLip    Point // outer edges, middle

	// Rotation of the head in radians: Yaw > 0 turns the nose to the frame's
	// right, Pitch > 0 lifts it, Roll > 0 is clockwise in the frame.
	Yaw, Pitch, Roll float64
}

// FaceTracker finds and follows faces.
type FaceTracker interface {
	// Open starts following the faces of one speaker's frame.
	Open(ctx context.Context) (FaceStream, error)
	Close() error
}

// FaceWindow is how much of what came after a frame its faces may rest on.
const FaceWindow = 160 * time.Millisecond

// FaceStream follows the faces of one stream of frames. Frames are shown
// some time after they were tracked, so that their faces can be smoothed
// without lag. Faces may be asked while Track runs.
type FaceStream interface {
	// Track looks at the next frame in presentation order. It neither keeps nor changes the frame.
	Track(ctx context.Context, f *media.Frame) error
	// Faces returns the faces of the frame of time t, which was tracked not
	// long ago, largest first. Once a frame later than t + FaceWindow was
	// tracked, or the last one, the answer never changes.
	Faces(t time.Duration) []Face
	Close() error
}

// MouthShape is what a mouth should look like at one moment. Every field runs 0..1.
type MouthShape struct {
	Open  float64 // height of the opening between the lips against the speaker's widest
	Wide  float64 // distance between the corners: 0 narrowest, .5 at rest, 1 widest
	Round float64 // lips rounded and pushed forward
	Close float64 // lips pressed together (p b m)
}

// LipsMethod tells how a frame's mouth was made.
type LipsMethod uint8

const (
	Untouched LipsMethod = iota // the frame passed as it came
	Own                         // one of the speaker's own mouths
	Warp                        // geometric warp
	Net                         // a neural net
)

func (m LipsMethod) String() string {
	return [...]string{"untouched", "own", "warp", "net"}[m]
}

// LipsRequest asks for one frame's mouth.
type LipsRequest struct {
	Frame    *media.Frame  // private to the request and writable; its pixels are changed in place
	Faces    []Face        // of this frame, largest first
	Snapshot Snapshot      // what Learn told of this frame
	Mouth    []MouthShape  // for this frame, then for those that follow as far as the plan is frozen; never empty
	Amount   float64       // 0..1, how far the dub's mouth replaces the speaker's: below 1 where a dub begins or ends
	Person   Person        // whose mouth it is
	Also     []LipsPart    // other people's mouths in the same frame, those of one person once
	Step     time.Duration // from one Mouth entry to the next
	Due      time.Time     // when the frame is shown, by the wall's clock; zero: whenever it is ready

	// Voice fills pcm, mono at VoiceRate, with the dub's voice alone, as far as it is
	// Person's, from a time on that is relative to the frame, as far as it is known.
	// It may be nil.
	Voice func(from time.Duration, pcm []int16)
}

// LipsPart is the mouth of one more person, as a LipsRequest has them.
type LipsPart struct {
	Person Person
	Mouth  []MouthShape // never empty
	Amount float64
}

// Person numbers who is seen in a session, whatever faces a tracker takes them for.
type Person int

const (
	Anyone Person = 0  // whoever speaks now: there was but one, or nobody knows
	Unseen Person = -1 // somebody who is not in the picture
)

// Said is a phrase of the source, to find out whose it is.
type Said struct {
	Start, End time.Duration // source times
	Pitch      float64       // median of the voice's, Hz; 0 for unknown
}

// LipsWhose is what a Snapshot implements whose engine tells people apart.
type LipsWhose interface {
	// Whose tells who said a phrase, as far as that is known at the frame: the longer
	// the phrase has gone on, the better. A person may have left the picture since.
	// It may be called from any goroutine.
	Whose(p Said) Person
}

// VoiceRate is the rate of LipsRequest.Voice, Hz.
const VoiceRate = 48000

// Lips re-renders mouths.
type Lips interface {
	// Open begins with the frame of one session.
	Open(ctx context.Context) (LipsSession, error)
	Close() error
}

// Snapshot is what an engine knew of a speaker's mouths at one frame. Only the
// engine looks inside; it never changes once it was handed out.
type Snapshot any

// LipsSession learn from one session's frame what all its dubs share.
type LipsSession interface {
	// Learn looks at the next frame in presentation order, whether or not a
	// dub will change it, and returns what is known now. It neither keeps nor
	// changes the frame. One goroutine calls it.
	Learn(ctx context.Context, f *media.Frame, faces []Face) (Snapshot, error)
	// Dub starts rendering for one dub, as often as there are dubs. The caller
	// closes each stream before the LipsSession.
	Dub(ctx context.Context) (LipsStream, error)
	Close() error
}

// LipsHear is what a LipsSession implements that finds out whose mouth the sound comes from.
type LipsHear interface {
	// Hear tells the level, dB of full scale, of the source's sound around a time: some
	// ten to a hundred times a second, in the order of time, mostly long before the
	// frame of that time is learned. Any one goroutine calls it, and it does not wait.
	Hear(at time.Duration, level float64)
}

// MouthsKnown is how far an engine knows a speaker's mouths.
type MouthsKnown struct {
	Mouths  int           // of the face that is dubbed now
	Enough  int           // from which on the speaker's own are shown
	Speech  time.Duration // that the face was seen to speak
	Reached bool          // there have been enough
	Ready   time.Duration // of Speech when there were; 0 where they were known before it spoke
	Warm    bool          // those that were taken (LipsKeep) are this face's
}

// LipsKnows is what a LipsSession implements that must see a speaker before it shows
// mouths of their own. Known may be called from any goroutine.
type LipsKnows interface{ Known() MouthsKnown }

// ErrNotMouths is returned for bytes that are no mouths which were kept, and for such as
// this engine does not read anymore.
var ErrNotMouths = errors.New("not the mouths of a speaker that were kept")

// MostKept is how many bytes the kept mouths of a speaker have at most.
const MostKept = 8 << 20

// LipsKeep is what a LipsSession implements whose mouths of a speaker can be kept, so
// that another session of theirs begins with them.
type LipsKeep interface {
	// Keep returns the mouths of the one who has spoken, MostKept bytes at most; nil where
	// too few are known, and where mouths were taken which are of nobody who was seen.
	// Nothing is learned anymore.
	Keep() ([]byte, error)
	// Take has mouths that were kept wait for the face that they are of: another one does
	// not get them. It fails with ErrNotMouths, and is called once, by any goroutine.
	Take(kept []byte) error
}

// LipsLead is what an engine implements whose mouths take time: its streams
// are LipsAhead, and want to begin frames so long before they are due.
type LipsLead interface{ Lead() time.Duration }

// LipsAhead is a LipsStream that can begin a frame before it is rendered.
type LipsAhead interface {
	LipsStream
	// Begin starts what Render of the same frame will end. The frame is neither
	// kept nor changed. One goroutine calls it, in the order of Render, which
	// another one calls meanwhile; frames may be rendered that were never begun.
	Begin(ctx context.Context, r LipsRequest)
}

// LipsStream renders the mouths of one dub, frame by frame. It is used by one goroutine.
type LipsStream interface {
	// Render makes the mouth of one frame and tells how. After an error the frame's pixels are undefined.
	Render(ctx context.Context, r LipsRequest) (LipsMethod, error)
	Close() error
}
