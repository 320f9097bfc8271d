package tasks_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/coretasks/core/tasks"
)

func benchEnvelope() tasks.Envelope {
	return tasks.Envelope{
		ID: "0193a5c0-0000-7000-8000-000000000000", Task: "reports.generate", EnqueuedAt: time.Date(2026, 1, 2, 3, 4, 5, 6e6, time.UTC),
		Params: json.RawMessage(`{"user_id":1,"report_type":"monthly","note":"` + strings.Repeat("abcdefghij", 15) + `"}`),
	}
}

// BenchmarkEnvelopeEncode writes a job with about 200 bytes of parameters as a message's body.
func BenchmarkEnvelopeEncode(b *testing.B) {
	envelope := benchEnvelope()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := envelope.Encode(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkEnvelopeDecode reads one.
func BenchmarkEnvelopeDecode(b *testing.B) {
	body, err := benchEnvelope().Encode()
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := tasks.DecodeEnvelope(body); err != nil {
			b.Fatal(err)
		}
	}
}
