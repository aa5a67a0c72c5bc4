package bot

import (
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/livekit/protocol/livekit"
	lksdk "github.com/livekit/server-sdk-go/v2"

	"livedub/connectors/livekit/doors"
)

// TextTopic is the topic of LiveKit's text streams that are transcriptions.
const TextTopic = "lk.transcription"

// Attributes of those text streams. The first three are LiveKit's own.
const (
	textSegment = "lk.segment_id"
	textFinal   = "lk.transcription_final"
	textTrack   = "lk.transcribed_track_id"
	textSpeaker = "livedub.speaker"
	textLang    = "livedub.lang"
)

// packet makes any message one that LiveKit's client sends.
type packet struct{ message *livekit.DataPacket }

func (p packet) ToProto() *livekit.DataPacket { return p.message }

// transcription returns a caption in both forms that LiveKit has: the packet that its
// clients tell as TranscriptionReceived, and a text stream, which takes its place.
// segment names the caption, in all its versions. The client's own StreamText would keep
// each stream for as long as the room is there.
func transcription(speaker, track, segment string, c doors.Caption) []lksdk.DataPacket {
	id := uuid.NewString()
	size := uint64(len(c.Text))
	return []lksdk.DataPacket{
		packet{&livekit.DataPacket{Value: &livekit.DataPacket_Transcription{Transcription: &livekit.Transcription{
			TranscribedParticipantIdentity: speaker, TrackId: track,
			Segments: []*livekit.TranscriptionSegment{{
				Id: segment, Text: c.Text, Language: c.Lang, Final: c.Final,
				StartTime: uint64(1000 * max(0, c.Start)), EndTime: uint64(1000 * max(0, c.End)),
			}},
		}}}},
		packet{&livekit.DataPacket{Value: &livekit.DataPacket_StreamHeader{StreamHeader: &livekit.DataStream_Header{
			StreamId: id, Topic: TextTopic, MimeType: "text/plain", Timestamp: time.Now().UnixMilli(), TotalLength: &size,
			Attributes: map[string]string{
				textSegment: segment, textFinal: fmt.Sprint(c.Final), textTrack: track, textSpeaker: speaker, textLang: c.Lang,
			},
			ContentHeader: &livekit.DataStream_Header_TextHeader{TextHeader: &livekit.DataStream_TextHeader{OperationType: livekit.DataStream_CREATE}},
		}}}},
		packet{&livekit.DataPacket{Value: &livekit.DataPacket_StreamChunk{StreamChunk: &livekit.DataStream_Chunk{StreamId: id, Content: []byte(c.Text)}}}},
		packet{&livekit.DataPacket{Value: &livekit.DataPacket_StreamTrailer{StreamTrailer: &livekit.DataStream_Trailer{StreamId: id}}}},
	}
}
