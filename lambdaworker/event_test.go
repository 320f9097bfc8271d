package lambdaworker_test

import (
	"encoding/json"
	"errors"
	"log/slog"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"github.com/coretasks/core/lambdaworker"
	"github.com/coretasks/core/tasks"
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

// queueURL is the only form that a queue's URL may have: an ARN must not name a host.
var queueURL = regexp.MustCompile(`^https://(sqs\.[a-z0-9-]+\.amazonaws\.com(\.cn)?/[0-9]{12}|asked)/[A-Za-z0-9_-]{1,80}(\.fifo)?$`)

// FuzzInvoke tries events of every shape: each is an error, or an answer that names only messages of the event. A message
// that no task understands is let go only when its dead letter was sent, to a queue of SQS.
func FuzzInvoke(f *testing.F) {
	f.Add(eventOf(f, 2))
	for _, seed := range []string{
		`{"Records":[{"eventSource":"aws:sqs","messageId":"1","body":"x","eventSourceARN":"arn:aws:sqs:r:1:q","attributes":{"ApproximateReceiveCount":"x"}}]}`,
		`{"Records":null,"detail-type":1}`, `{"Records":[null]}`, `{"warmup":true,"Records":{}}`,
		`{"Records":[{"eventSource":"aws:sqs","messageId":"1","body":"x","eventSourceARN":"QUEUE"},{"eventSource":"aws:sqs","messageId":"1","body":"{}","eventSourceARN":"QUEUE"}]}`,
		`{"Records":[{"eventSource":"aws:sqs","messageId":"1","body":"{\"v\":1,\"id\":\"a\",\"task\":\"nope\",\"params\":{}}","eventSourceARN":"QUEUE","attributes":{"ApproximateReceiveCount":"9999999999999"}}]}`,
		`{"Records":[{"eventSource":"aws:sqs","messageId":"1","body":"x","eventSourceARN":"QUEUE","messageAttributes":{"a":{"dataType":"Binary","binaryValue":"AQ=="},"reason":{"stringValue":"r","dataType":"String"}}}]}`,
	} {
		for _, arn := range []string{
			arn, arn + ".fifo", "arn:aws-cn:sqs:cn-north-1:123456789012:q", "arn:aws:sqs:evil.example/:123456789012:q", "arn:aws:sqs:r:../x:q", "arn:aws:sqs:::q", "arn:aws:sqs:r:123456789012:a/b",
		} {
			f.Add([]byte(strings.ReplaceAll(seed, "QUEUE", arn)))
		}
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		sqs := &api{}
		h, err := lambdaworker.New(registry(), lambdaworker.SQS(sqs), lambdaworker.Logger(slog.New(slog.DiscardHandler)))
		if err != nil {
			t.Fatal(err)
		}
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
		ids, failed := map[string]bool{}, map[string]bool{}
		for _, r := range event.Records {
			ids[r.MessageId] = true
		}
		for _, item := range response.BatchItemFailures {
			failed[item.ItemIdentifier] = true
			if !ids[item.ItemIdentifier] {
				t.Fatalf("%s names a message that %s lacks", answer, payload)
			}
		}
		letters := map[string]bool{}
		for i, entry := range sqs.sent {
			letters[*entry.MessageBody] = true
			if !queueURL.MatchString(sqs.sentTo[i]) {
				t.Errorf("a dead letter was sent to %q", sqs.sentTo[i])
			}
		}
		for _, r := range event.Records {
			if _, err := tasks.DecodeEnvelope([]byte(r.Body)); err != nil && len(ids) > 0 && !failed[r.MessageId] && !letters[r.Body] {
				t.Errorf("the message %q with the body %q is let go", r.MessageId, r.Body)
			}
		}
	})
}
