package rtmp

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/bluenviron/gortmplib/pkg/message"

	"livedub/internal/guard"
	"livedub/media/intake"
	"livedub/media/pace"
)

// Publisher is a peer that publishes: a source on the session clock.
type Publisher struct {
	*intake.Source
	conn  *Conn
	media receiver

	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
	err    error // why it ended; nil where the peer just left
}

// Publish tells the peer that it may begin, and receives until it ends, or Close.
func (c *Conn) Publish(clock pace.Clock) (*Publisher, error) {
	if err := c.status("status", "NetStream.Publish.Start", "published"); err != nil {
		c.hangUp()
		return nil, err
	}
	c.bound.unbounded()
	p := &Publisher{conn: c}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.Source = intake.New(clock, 1000, p.stop)
	p.media.out = p.Source
	p.wg.Go(func() {
		defer p.End()
		defer c.hangUp()
		if err := guard.Do("rtmp", p.receive); !gone(err) {
			p.err = err
		}
	})
	return p, nil
}

func (p *Publisher) stop() error {
	p.cancel()
	p.conn.hangUp()
	p.wg.Wait()
	return nil
}

// Err returns why the stream has ended, once it is done; nil where its peer has left.
func (p *Publisher) Err() error {
	<-p.Done()
	return p.err
}

// Received returns how many bytes have come.
func (p *Publisher) Received() uint64 { return p.conn.Received() }

// receive takes messages in until the peer leaves or sends what cannot be taken.
func (p *Publisher) receive() error {
	for {
		if err := p.conn.nc.SetReadDeadline(time.Now().Add(quiet)); err != nil {
			return err
		}
		msg, err := p.conn.mrw.Read()
		if err != nil {
			return err
		}
		if cmd, ok := msg.(*message.CommandAMF0); ok {
			switch cmd.Name {
			case "deleteStream", "closeStream", "FCUnpublish":
				return nil
			case "publish":
				return fmt.Errorf("%w: it publishes twice", ErrProtocol)
			}
			continue
		}
		if err := p.media.take(p.ctx, msg); err != nil {
			return err
		}
	}
}
