package caller

// Event is one line of JSON: something that happened at a moment. What does not
// belong to it is left out.
type Event struct {
	Event   string  `json:"event"` // connected, reconnected, moved, refused, lost, first_frame, first_dub, freeze, gap, failed
	At      float64 `json:"at"`    // seconds since the load began
	Session int     `json:"session"`
	ID      string  `json:"id,omitempty"` // of the session, as the server calls it
	Role    string  `json:"role,omitempty"`
	Viewer  *int    `json:"viewer,omitempty"`
	Lang    string  `json:"lang,omitempty"`

	ConnectMS    float64 `json:"connect_ms,omitempty"`
	FirstFrameMS float64 `json:"first_frame_ms,omitempty"`
	FirstDubMS   float64 `json:"first_dub_ms,omitempty"`
	GapMS        float64 `json:"gap_ms,omitempty"`
	Error        string  `json:"error,omitempty"`
}
