package rtc

import (
	"context"
	"net"
	"time"

	"github.com/pion/rtcp"

	"livedub/media/pace"
)

// skewClock runs speed times as fast as the wall's.
type skewClock struct {
	pace.Clock
	start time.Time
	speed float64
}

func (c *skewClock) Now() time.Duration { return time.Duration(float64(time.Since(c.start)) * c.speed) }

func (c *skewClock) Wait(ctx context.Context, t time.Duration) error {
	d := time.Duration(float64(t-c.Now()) / c.speed)
	if d <= 0 {
		return ctx.Err()
	}
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func isLoopback(ip net.IP) bool { return ip.IsLoopback() }

func isKeyRequest(k rtcp.Packet) bool {
	switch k.(type) {
	case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
		return true
	}
	return false
}
