package bot

import (
	"testing"

	"github.com/livekit/protocol/livekit"

	"livedub/connectors/livekit/doors"
)

func TestTranscription(t *testing.T) {
	all := transcription("ana", "TR_mic", "s-es-7", doors.Caption{Lang: "es", ID: 7, Text: "Añil.", Final: true, Start: 1.5, End: -1})
	var kinds []string
	for _, p := range all {
		switch v := p.ToProto().GetValue().(type) {
		case *livekit.DataPacket_Transcription:
			kinds = append(kinds, "packet")
			s := v.Transcription.GetSegments()[0]
			if v.Transcription.GetTranscribedParticipantIdentity() != "ana" || v.Transcription.GetTrackId() != "TR_mic" ||
				s.GetId() != "s-es-7" || !s.GetFinal() || s.GetStartTime() != 1500 || s.GetEndTime() != 0 {
				t.Errorf("%v", v.Transcription)
			}
		case *livekit.DataPacket_StreamHeader:
			kinds = append(kinds, "header")
			if h := v.StreamHeader; h.GetTopic() != "lk.transcription" || h.GetTotalLength() != 6 || h.GetAttributes()["lk.segment_id"] != "s-es-7" || h.GetAttributes()["lk.transcription_final"] != "true" {
				t.Errorf("%v", h)
			}
		case *livekit.DataPacket_StreamChunk:
			kinds = append(kinds, "chunk")
			if string(v.StreamChunk.GetContent()) != "Añil." {
				t.Errorf("%q", v.StreamChunk.GetContent())
			}
		case *livekit.DataPacket_StreamTrailer:
			kinds = append(kinds, "trailer")
		}
	}
	if len(kinds) != 4 || kinds[0] != "packet" || kinds[1] != "header" || kinds[2] != "chunk" || kinds[3] != "trailer" {
		t.Errorf("%v", kinds)
	}
}
