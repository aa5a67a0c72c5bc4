package main

import (
	"fmt"

	"livedub/media/pace"
	"livedub/media/rtmp"
	"livedub/media/srt"
	"livedub/signaling"
	"livedub/signaling/ingest"
)

// rtmpApp is the application that encoders publish in.
const rtmpApp = "live"

// rtmpConn is an encoder that publishes by RTMP.
type rtmpConn struct {
	*rtmp.Conn
	protocol string
}

func (c rtmpConn) Ask() ingest.Ask {
	ask := ingest.Ask{Protocol: c.protocol, From: c.From(), Query: c.Query}
	if c.App == rtmpApp {
		ask.Name = c.Name
	}
	return ask
}

func (c rtmpConn) Begin(clock pace.Clock) (ingest.Publisher, error) {
	p, err := c.Publish(clock)
	if err != nil {
		return nil, err
	}
	return p, nil
}

func (c rtmpConn) Refuse(why signaling.Error) {
	reason := rtmp.Rejected
	switch why.Kind {
	case signaling.ErrNotFound, signaling.ErrBusy, signaling.ErrExists:
		reason = rtmp.BadName
	case signaling.ErrFull, signaling.ErrClosing, signaling.ErrRate, signaling.ErrTimeout:
		reason = rtmp.Denied
	}
	c.Conn.Refuse(reason, fmt.Sprintf("%s; %s", why.Message, why.Hint))
}

// srtConn is an encoder that calls by SRT.
type srtConn struct{ *srt.Conn }

func (c srtConn) Ask() ingest.Ask {
	return ingest.Ask{Protocol: "srt", From: c.From(), Name: c.Name, Query: c.Query}
}

func (c srtConn) Begin(clock pace.Clock) (ingest.Publisher, error) {
	p, err := c.Publish(clock)
	if err != nil {
		return nil, err
	}
	return p, nil
}

func (c srtConn) Refuse(why signaling.Error) {
	reason := srt.BadRequest
	switch why.Kind {
	case signaling.ErrNotFound:
		reason = srt.NotFound
	case signaling.ErrBusy, signaling.ErrExists:
		reason = srt.Conflict
	case signaling.ErrFull, signaling.ErrRate:
		reason = srt.Overload
	case signaling.ErrClosing, signaling.ErrTimeout:
		reason = srt.Down
	}
	c.Conn.Refuse(reason)
}
