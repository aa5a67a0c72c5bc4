package rtmp

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math/bits"
	"net"
	"sync"

	"github.com/bluenviron/gortmplib/pkg/amf0"
	"github.com/bluenviron/gortmplib/pkg/bytecounter"
	shake "github.com/bluenviron/gortmplib/pkg/handshake"
	"github.com/bluenviron/gortmplib/pkg/message"
	"github.com/bluenviron/gortmplib/pkg/rawmessage"

	"livedub/internal/guard"
	"livedub/media"
)

// Pusher publishes one stream of H.264 and AAC at a server. It implements media.Sink;
// times of packets are the stream's own.
type Pusher struct {
	nc     net.Conn
	count  *bytecounter.ReadWriter
	reader *rawmessage.Reader
	stream uint32 // as messages have it
	key    string
	sets   [2][]byte // SPS and PPS that were sent

	mu     sync.Mutex // of what is written
	writer *message.Writer

	wg   sync.WaitGroup
	done chan struct{}
	err  error
	shut sync.Once
}

var _ media.Sink = (*Pusher)(nil)

// Push connects and has the server take a stream. ctx bounds that. It fails with a
// *RefusedError where the server says why it does not.
func Push(ctx context.Context, t Target) (*Pusher, error) {
	nc, err := t.connect(ctx)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = nc.Close() })
	defer stop()
	b := newBound(nc)
	p := &Pusher{nc: nc, key: t.Key, done: make(chan struct{})}
	err = guard.Do("rtmp", func() error { return p.begin(t, b) })
	if err == nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	if err != nil {
		_ = nc.Close() // there is nobody to tell
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, err
	}
	b.unbounded()
	p.wg.Go(p.listen)
	return p, nil
}

// begin says what is published, and waits until that is taken.
func (p *Pusher) begin(t Target, b *bound) error {
	p.count = bytecounter.NewReadWriter(struct {
		io.Reader
		io.Writer
	}{b, limited{p.nc}})
	if _, _, err := shake.DoClient(p.count, false, false); left(err) {
		return errHungUp
	} else if err != nil {
		return fmt.Errorf("handshake: %w", err)
	}
	p.writer = message.NewWriter(p.count, p.count.Writer, false)
	p.reader = rawmessage.NewReader(p.count, p.count.Reader, func(n uint32) error { return p.put(&message.Acknowledge{Value: n}) })
	connect := amf0.Object{
		{Key: "app", Value: t.App}, {Key: "type", Value: "nonprivate"}, {Key: "flashVer", Value: "FMLE/3.0 (compatible; livedub)"},
		{Key: "tcUrl", Value: t.url()}, {Key: "objectEncoding", Value: float64(0)},
	}
	err := p.put(
		&message.SetChunkSize{Value: 65536},
		command("connect", 1, connect),
	)
	if err != nil {
		return err
	}
	if _, err := p.result(1); err != nil {
		return err
	}
	err = p.put(
		command("releaseStream", 2, nil, t.Key),
		command("FCPublish", 3, nil, t.Key),
		command("createStream", 4, nil),
	)
	if err != nil {
		return err
	}
	made, err := p.result(4)
	if err != nil {
		return err
	}
	id, ok := float64(0), false
	if len(made.args) > 1 {
		id, ok = made.args[1].(float64)
	}
	if !ok || id < 1 || id > 1<<24 {
		return fmt.Errorf("%w: createStream answers with no stream", ErrProtocol)
	}
	p.stream = bits.ReverseBytes32(uint32(id))
	publish := command("publish", 5, nil, t.Key, "live")
	publish.ChunkStreamID, publish.MessageStreamID = 4, p.stream
	if err := p.put(publish); err != nil {
		return err
	}
	return p.taken()
}

func command(name string, id int, args ...any) *message.CommandAMF0 {
	return &message.CommandAMF0{ChunkStreamID: 3, Name: name, CommandID: id, Arguments: args}
}

// put writes messages.
func (p *Pusher) put(all ...message.Message) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range all {
		if err := p.writer.Write(m); err != nil {
			return err
		}
	}
	return nil
}

// reply is a command of the server's.
type reply struct {
	name string
	id   int
	args amf0.Data
}

// next returns the next command, and answers what servers ask in between. What it
// cannot read is left out: servers differ in the commands that nobody needs.
func (p *Pusher) next() (r reply, err error) {
	for {
		raw, err := p.reader.Read()
		if err != nil {
			return reply{}, err
		}
		body := raw.Body
		switch typ := message.Type(raw.Type); {
		case typ == message.TypeSetChunkSize && len(body) == 4:
			err = p.reader.SetChunkSize(binary.BigEndian.Uint32(body))
		case typ == message.TypeAbortMessage && len(body) == 4:
			p.reader.AbortChunkStream(binary.BigEndian.Uint32(body))
		case typ == message.TypeSetWindowAckSize && len(body) == 4:
			p.reader.SetWindowAckSize(binary.BigEndian.Uint32(body))
		case typ == message.TypeUserControl && len(body) == 6 && binary.BigEndian.Uint16(body) == uint16(message.UserControlTypePingRequest):
			err = p.put(&message.UserControlPingResponse{ServerTime: binary.BigEndian.Uint32(body[2:])})
		case typ == message.TypeCommandAMF0:
			data, bad := amf0.Unmarshal(body)
			if bad != nil || len(data) < 2 {
				continue
			}
			name, _ := data[0].(string)
			id, _ := data[1].(float64)
			return reply{name, int(id), data[2:]}, nil
		}
		if err != nil {
			return reply{}, err
		}
	}
}

// early returns the next command before the stream is taken.
func (p *Pusher) early() (reply, error) {
	cmd, err := p.next()
	if err != nil && left(err) {
		err = errHungUp
	}
	return cmd, err
}

// result waits for the answer to a command.
func (p *Pusher) result(id int) (reply, error) {
	for range mostCommands {
		cmd, err := p.early()
		switch {
		case err != nil:
			return reply{}, err
		case cmd.name == "onStatus" || cmd.name == "_error" && cmd.id == id:
			if err := refusal(cmd); err != nil {
				return reply{}, err
			}
		case cmd.name == "_result" && cmd.id == id:
			return cmd, nil
		}
	}
	return reply{}, fmt.Errorf("%w: %d commands and none of them answers", ErrProtocol, mostCommands)
}

// taken waits until the stream is.
func (p *Pusher) taken() error {
	for range mostCommands {
		cmd, err := p.early()
		switch {
		case err != nil:
			return err
		case cmd.name == "onStatus" || cmd.name == "_error" && cmd.id == 5:
			if err := refusal(cmd); err != nil {
				return err
			}
			if cmd.name == "onStatus" {
				return nil
			}
		}
	}
	return fmt.Errorf("%w: %d commands and none of them takes the stream", ErrProtocol, mostCommands)
}

// listen hears what the server says until it hangs up, or Close.
func (p *Pusher) listen() {
	defer close(p.done)
	p.err = guard.Do("rtmp", func() error {
		for {
			cmd, err := p.next()
			if err != nil {
				if left(err) {
					return media.ErrGone
				}
				return err
			}
			if err := refusal(cmd); err != nil && cmd.name == "onStatus" {
				return err
			}
		}
	})
	_ = p.nc.Close() // so that nothing is written anymore
}
