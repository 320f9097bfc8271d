package lambdaworker_test

import (
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"github.com/coretasks/core/lambdaworker"
)

func eventOf(t testing.TB, n int) []byte {
	t.Helper()
	e := events.SQSEvent{}
	for i := range n {
		e.Records = append(e.Records, job("ok", i))
	}
	payload, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return payload
}

func TestEvents(t *testing.T) {
	t.Parallel()
	const ok = `{"batchItemFailures":[]}`
	for _, tt := range []struct{ name, payload, want, err string }{
		{name: "an empty batch", payload: `{"Records":[]}`, want: ok},
		{name: "a warm-up", payload: `{"warmup":true}`, want: ok},
		{name: "the console's default test event", payload: `{"key1":"value1","key2":"value2"}`, err: `has no Records; a test event must have the shape of the console's template "SQS"`},
		{name: "nothing", payload: ``, err: "the event is not JSON"},
		{name: "null", payload: `null`, err: "has no Records"},
		{name: "a list", payload: `[1]`, err: "the event's whole is a JSON array"},
		{name: "records that are none", payload: `{"Records":{}}`, err: "the event's field Records is a JSON object"},
		{name: "of EventBridge", payload: `{"version":"0","detail-type":"Scheduled Event","source":"aws.events","detail":{}}`,
			err: `this is an event of EventBridge ("Scheduled Event" from "aws.events")`},
		{name: "of S3", payload: `{"Records":[{"eventSource":"aws:s3"}]}`, err: `record 0 is of "aws:s3"`},
		{name: "of SNS", payload: `{"Records":[{"EventSource":"aws:sns"}]}`, err: `record 0 is of "aws:sns"`},
		{name: "without an id", payload: `{"Records":[{"eventSource":"aws:sqs"}]}`, err: "record 0 has no messageId"},
		{name: "without a queue", payload: `{"Records":[{"eventSource":"aws:sqs","messageId":"1","eventSourceARN":"arn:aws:s3:::b"}]}`, err: `eventSourceARN is "arn:aws:s3:::b"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFunction(t, registry())
			got, err := f.handler.Invoke(t.Context(), []byte(tt.payload))
			if tt.err != "" {
				if wrong := (*lambdaworker.EventError)(nil); !errors.As(err, &wrong) || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("error %v, want one that says %q", err, tt.err)
				}
				return
			}
			if err != nil || string(got) != tt.want {
				t.Errorf("%s, %v; want %s", got, err, tt.want)
			}
		})
	}
}

// FuzzInvoke tries events of every shape: each is an error, or an answer that names only messages of the event.
func FuzzInvoke(f *testing.F) {
	f.Add(eventOf(f, 2))
	f.Add([]byte(`{"Records":[{"eventSource":"aws:sqs","messageId":"1","body":"x","eventSourceARN":"arn:aws:sqs:r:1:q","attributes":{"ApproximateReceiveCount":"x"}}]}`))
	f.Add([]byte(`{"Records":null,"detail-type":1}`))
	h, err := lambdaworker.New(registry(), lambdaworker.SQS(&api{}), lambdaworker.Logger(slog.New(slog.DiscardHandler)))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		answer, err := h.Invoke(t.Context(), payload)
		if err != nil {
			return
		}
		var event events.SQSEvent
		var response events.SQSEventResponse
		if err := json.Unmarshal(answer, &response); err != nil {
			t.Fatalf("%s: %v", answer, err)
		}
		_ = json.Unmarshal(payload, &event) // it was read
		ids := map[string]bool{}
		for _, r := range event.Records {
			ids[r.MessageId] = true
		}
		for _, item := range response.BatchItemFailures {
			if !ids[item.ItemIdentifier] {
				t.Fatalf("%s names a message that %s lacks", answer, payload)
			}
		}
	})
}
