// Package recording records calls, each language by itself, in segments that can be
// played while they come, and shows what was recorded.
//
// Segments lie on the grid of the session's output clock: segment n has what leaves
// from n*SegmentLength on. Two nodes that record one session at the same time make
// segments of the same times, of which a playlist takes one.
//
//	recordings/ID/recording.json            Manifest: what it is, that it is dubbed by AI, by what, with whose consent
//	recordings/ID/LANG/TAKE.json            Take: the segments that one node has made
//	recordings/ID/LANG/TAKE/init.mp4        the initialization section of its segments
//	recordings/ID/LANG/TAKE/00000012.m4s    segment 12 (CMAF); gone once the take is Merged
//	recordings/ID/LANG/captions.vtt         when the recording has ended
//	recordings/ID/LANG/transcript.json      likewise
//	recordings/ID/LANG/LANG.mp4             all of it in one file, likewise
//
// ID is the session's epoch.
package recording

import (
	"fmt"
	"regexp"
	"time"
)

const (
	// SegmentLength is the length of a segment on the session's output clock. A segment
	// begins with a keyframe; the program encoder makes one every 2 s, on the same grid.
	SegmentLength = 4 * time.Second

	root     = "recordings"
	manifest = "recording.json"
)

// Manifest is the sidecar of a recording.
type Manifest struct {
	Version   int               `json:"version"` // 1
	ID        string            `json:"id"`
	Session   string            `json:"session"`
	Node      string            `json:"node,omitempty"` // that has written this
	From      string            `json:"from"`
	DelayMS   int               `json:"delay_ms"` // source time to output time
	Created   time.Time         `json:"created"`
	Ended     time.Time         `json:"ended,omitzero"`
	State     string            `json:"state"` // as store.Recording has it
	Why       string            `json:"why,omitempty"`
	AIDubbed  bool              `json:"ai_dubbed"` // a machine made the voice and re-rendered the mouth
	Notice    string            `json:"notice"`    // that, in words
	Consent   time.Time         `json:"consent,omitzero"`
	Engines   map[string]string `json:"engines,omitempty"` // by stage: recognizer, translator, voice, lips
	Languages []string          `json:"languages"`
	Fence     int64             `json:"fence,omitempty"`
}

// Notice says what a recording is, in words.
const Notice = "AI dubbed: a machine translated what was said, made the voice and re-rendered the mouth. The speaker agreed to it."

// Take is what one node has recorded of one language from when it began to. Numbers of
// segments may be left out where the disk was full, or the node too busy.
type Take struct {
	Name     string    `json:"name"` // sorts by age: the later of two takes wins where both have a segment
	Node     string    `json:"node,omitempty"`
	Fence    int64     `json:"fence,omitempty"`
	Width    int       `json:"width"`
	Height   int       `json:"height"`
	Codecs   string    `json:"codecs"`           // as a playlist states them, "avc1.42c01f,mp4a.40.2"
	Closed   bool      `json:"closed"`           // nothing more comes
	Merged   bool      `json:"merged,omitempty"` // the segments were deleted: the one MP4 has all of them
	Segments []Segment `json:"segments"`
}

// Segment is one segment of a take.
type Segment struct {
	N        int64         `json:"n"`
	At       time.Duration `json:"at"`       // output time of its first frame
	Duration time.Duration `json:"duration"` // of what is in it
	Bytes    int64         `json:"bytes"`
	Whole    bool          `json:"whole"` // it has all of its time: false for the first and last of a take
}

// ValidID tells whether a recording can have that ID: it is a part of keys and paths.
func ValidID(id string) bool { return validID.MatchString(id) }

// validLang tells whether a language can be a part of keys and paths.
func validLang(lang string) bool { return validLanguage.MatchString(lang) }

var (
	validID       = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$`)
	validLanguage = regexp.MustCompile(`^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,3}$`)
	validTake     = regexp.MustCompile(`^[0-9a-z][0-9a-z-]{0,63}$`)
	segmentFile   = regexp.MustCompile(`^([0-9]{8,18})\.m4s$`)
)

// takeName returns the name of a take that begins now, by a claim with that fence; tail
// tells it from others of that moment.
func takeName(fence int64, now time.Time, tail string) string {
	return fmt.Sprintf("%016d-%016d-%s", fence, now.UnixMicro(), tail)
}

// Dir returns the key that all of a recording lies below, with a slash behind it.
func Dir(id string) string { return root + "/" + id + "/" }

// The keys of a recording's files.
func manifestKey(id string) string         { return Dir(id) + manifest }
func langDir(id, lang string) string       { return Dir(id) + lang + "/" }
func takeKey(id, lang, take string) string { return langDir(id, lang) + take + ".json" }
func takeDir(id, lang, take string) string { return langDir(id, lang) + take + "/" }
func initKey(id, lang, take string) string { return takeDir(id, lang, take) + "init.mp4" }
func captionsKey(id, lang string) string   { return langDir(id, lang) + "captions.vtt" }
func transcriptKey(id, lang string) string { return langDir(id, lang) + "transcript.json" }
func fileKey(id, lang string) string       { return langDir(id, lang) + lang + ".mp4" }
func segmentKey(id, lang, take string, n int64) string {
	return takeDir(id, lang, take) + segmentName(n)
}

func segmentName(n int64) string { return fmt.Sprintf("%08d.m4s", n) }
