package signaling

import "time"

// OutputInfo is how one of a session's outputs does, which is sent to a server elsewhere.
type OutputInfo struct {
	ID        string    `json:"id"`
	URL       string    `json:"url"` // its secrets are hidden
	Langs     []string  `json:"langs"`
	State     string    `json:"state"` // "waiting", "connecting", "live", "refused", "ended"
	Since     time.Time `json:"since"`
	Retries   int       `json:"retries"`
	LastError string    `json:"last_error,omitempty"` // why the last connection ended, or did not come to be
	Bytes     uint64    `json:"bytes"`
	Dropped   uint64    `json:"dropped_frames"` // that the far end was too slow for
	Bitrate   int       `json:"bitrate"`        // bit/s
}

// OutputState is the state that an output has come to.
type OutputState struct {
	ID    string `json:"id"`
	State string `json:"state"`
}
