// Package rtmp takes what encoders publish by RTMP, and by its enhanced form, as
// sources on the session clock. What a peer may cost is bounded before anything is read.
package rtmp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/bluenviron/gortmplib/pkg/amf0"
	"github.com/bluenviron/gortmplib/pkg/bytecounter"
	shake "github.com/bluenviron/gortmplib/pkg/handshake"
	"github.com/bluenviron/gortmplib/pkg/message"

	"livedub/internal/guard"
)

// Times of a connection.
const (
	announce = 10 * time.Second // from the first byte to the publish command
	quiet    = 30 * time.Second // without a message, after which a publisher is gone
	writing  = 5 * time.Second
	farewell = 2 * time.Second // for a refused peer to read why
)

// mostCommands is how many commands come before publish; encoders send up to five.
const mostCommands = 32

// streamID is of the one message stream that a connection gets.
const streamID = 1

// Conn is a peer that asks to publish. Publish or Refuse follows.
type Conn struct {
	Asked

	nc    net.Conn
	bound *bound
	count *bytecounter.ReadWriter
	mrw   *message.ReadWriter
	reply int // command that asked
	close sync.Once
}

// Accept shakes hands with the peer at nc, which it owns from then on, and returns
// once that says what it publishes. It fails for one that does not, and closes nc.
func Accept(ctx context.Context, nc net.Conn) (*Conn, error) {
	c := &Conn{nc: nc, bound: newBound(nc)}
	stop := context.AfterFunc(ctx, c.hangUp)
	defer stop()
	err := guard.Do("rtmp", c.greet)
	if err == nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	if err != nil {
		c.hangUp()
		return nil, err
	}
	return c, nil
}

func (c *Conn) hangUp() { c.close.Do(func() { _ = c.nc.Close() }) } // there is nobody to tell

// Received returns how many bytes have come.
func (c *Conn) Received() uint64 { return c.count.Reader.Count() }

// limited writes within a time.
type limited struct{ net.Conn }

func (l limited) Write(b []byte) (int, error) {
	if err := l.SetWriteDeadline(time.Now().Add(writing)); err != nil {
		return 0, err
	}
	return l.Conn.Write(b)
}

func (c *Conn) greet() error {
	if err := c.nc.SetReadDeadline(time.Now().Add(announce)); err != nil {
		return err
	}
	c.count = bytecounter.NewReadWriter(struct {
		io.Reader
		io.Writer
	}{c.bound, limited{c.nc}})
	if _, _, err := shake.DoServer(c.count, false); err != nil {
		return fmt.Errorf("handshake: %w", err)
	}
	c.mrw = message.NewReadWriter(c.count, c.count, false)
	app := ""
	for range mostCommands {
		cmd, err := c.command()
		if err != nil {
			return err
		}
		switch cmd.Name {
		case "connect":
			if app, err = c.connected(cmd); err != nil {
				return err
			}
		case "createStream":
			err = c.mrw.Write(&message.CommandAMF0{ChunkStreamID: cmd.ChunkStreamID, Name: "_result", CommandID: cmd.CommandID, Arguments: []any{nil, float64(streamID)}})
		case "publish":
			return c.publish(app, cmd)
		case "play":
			c.reply = cmd.CommandID
			c.Refuse(NotFound, "nothing is played by RTMP here")
			return fmt.Errorf("%w: it asks to play", ErrProtocol)
		}
		if err != nil {
			return err
		}
	}
	return fmt.Errorf("%w: %d commands and none of them publish", ErrProtocol, mostCommands)
}

// command returns the next command. Media is not due yet.
func (c *Conn) command() (*message.CommandAMF0, error) {
	for {
		msg, err := c.mrw.Read()
		if err != nil {
			return nil, err
		}
		switch msg := msg.(type) {
		case *message.CommandAMF0:
			return msg, nil
		case *message.Audio, *message.Video:
			return nil, fmt.Errorf("%w: media before it is published", ErrProtocol)
		}
	}
}

// codecs are those of enhanced RTMP that are taken.
var codecs = amf0.StrictArray{"av01", "vp09", "hvc1", "avc1", "Opus", "mp4a", ".mp3", "ac-3"}

func (c *Conn) connected(cmd *message.CommandAMF0) (app string, err error) {
	said, _ := cmd.Arguments[0].(amf0.Object)
	if said == nil {
		array, _ := cmd.Arguments[0].(amf0.ECMAArray)
		said = amf0.Object(array)
	}
	app, ok := said.GetString("app")
	if !ok {
		return "", fmt.Errorf("%w: connect names no app", ErrProtocol)
	}
	for _, msg := range []message.Message{
		&message.SetWindowAckSize{Value: 2_500_000},
		&message.SetPeerBandwidth{Value: 2_500_000, Type: 2},
		&message.SetChunkSize{Value: 65536},
		&message.CommandAMF0{
			ChunkStreamID: cmd.ChunkStreamID, Name: "_result", CommandID: cmd.CommandID,
			Arguments: []any{
				amf0.Object{{Key: "fmsVer", Value: "FMS/3,5,7,7009"}, {Key: "capabilities", Value: float64(31)}},
				amf0.Object{
					{Key: "level", Value: "status"}, {Key: "code", Value: "NetConnection.Connect.Success"},
					{Key: "description", Value: "connected"}, {Key: "objectEncoding", Value: float64(0)}, {Key: "fourCcList", Value: codecs},
				},
			},
		},
	} {
		if err := c.mrw.Write(msg); err != nil {
			return "", err
		}
	}
	return app, nil
}

func (c *Conn) publish(app string, cmd *message.CommandAMF0) (err error) {
	if len(cmd.Arguments) < 2 {
		return fmt.Errorf("%w: publish names no stream", ErrProtocol)
	}
	name, ok := cmd.Arguments[1].(string)
	if !ok {
		return fmt.Errorf("%w: publish names no stream", ErrProtocol)
	}
	c.reply = cmd.CommandID
	if c.Asked, err = parse(app, name); err != nil {
		c.Refuse(Rejected, "the stream's address cannot be read")
	}
	return err
}

// Reason is why a peer is refused, in the protocol's words.
type Reason string

const (
	Rejected Reason = "NetStream.Publish.Rejected" // it asks for what cannot be
	BadName  Reason = "NetStream.Publish.BadName"  // it has no right to the name, or another publishes by it
	Denied   Reason = "NetStream.Publish.Denied"   // not now
	NotFound Reason = "NetStream.Play.StreamNotFound"
)

// Refuse tells the peer why it is not taken, in at most 2 s, and hangs up.
func (c *Conn) Refuse(r Reason, why string) {
	defer c.hangUp()
	if c.status("error", string(r), why) != nil {
		return
	}
	// Closed at once, what the peer has sent meanwhile would have its kernel drop the answer.
	if half, ok := c.nc.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite() // fails with the read
	}
	if c.nc.SetReadDeadline(time.Now().Add(farewell)) == nil {
		_, _ = io.Copy(io.Discard, io.LimitReader(c.nc, mostUnfinish))
	}
}

func (c *Conn) status(level, code, what string) error {
	return c.mrw.Write(&message.CommandAMF0{
		ChunkStreamID: 5, MessageStreamID: streamID << 24, Name: "onStatus", CommandID: c.reply,
		Arguments: []any{nil, amf0.Object{{Key: "level", Value: level}, {Key: "code", Value: code}, {Key: "description", Value: what}}},
	})
}

// gone tells whether an error is of a peer that has left, or was let go.
func gone(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, context.Canceled)
}
