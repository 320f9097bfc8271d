package deadletters

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/coretasks/core/sqsqueue"
	"github.com/coretasks/core/tasks"
)

// Anybody can send to a dead-letter queue. Whatever a message is, it is a letter that keeps its body, is found by its ID and
// can be shown, as a line and as JSON.
func FuzzLetter(f *testing.F) {
	const envelope = `{"v":1,"id":"1","task":"a","params":{},"enqueued_at":"2026-01-01T00:00:00Z"}`
	for _, at := range []string{"2026-01-01T00:00:00Z", "9999-12-31T23:59:59-23:59", "0000-01-01T00:00:00+23:59", "2026-01-01T00:00:00+24:00", "yesterday", ""} {
		f.Add(envelope, "exhausted", "boom\nat line 1", "4", at, "1767225600000", "")
		f.Add(strings.Replace(envelope, "2026-01-01T00:00:00Z", at, 1), "", "", "-4", at, "x", "arn:aws:sqs:us-east-1:000000000000:jobs")
	}
	f.Add("\xff", "\xff", "\n \n x", "99999999999999999999", "", "9223372036854775807", "")
	f.Add("", "malformed", "", "0x10", "", "-1", "")
	f.Fuzz(func(t *testing.T, body, reason, failure, attempts, failedAt, sentAt, source string) {
		m := types.Message{
			MessageId: aws.String("message"), Body: &body, MessageAttributes: map[string]types.MessageAttributeValue{
				"own": {DataType: aws.String("String"), StringValue: aws.String("kept")},
			},
			Attributes: map[string]string{"SentTimestamp": sentAt, "ApproximateReceiveCount": attempts, "DeadLetterQueueSourceArn": source},
		}
		for name, text := range map[string]string{
			sqsqueue.AttributeReason: reason, sqsqueue.AttributeError: failure, sqsqueue.AttributeAttempts: attempts, sqsqueue.AttributeFailedAt: failedAt,
		} {
			m.MessageAttributes[name] = types.MessageAttributeValue{DataType: aws.String("String"), StringValue: &text}
		}
		l := (&Queue{maxReceives: 5}).read(m)
		if _, err := json.Marshal(l); err != nil {
			t.Errorf("%+v can't be shown: %v", l, err)
		}
		env, malformed := tasks.DecodeEnvelope([]byte(body))
		switch {
		case l.Body != body || len(l.Attributes) != 1 || l.Attempts < 0 || l.Reason == "" || l.ID() == "":
			t.Errorf("%+v", l)
		case (malformed != nil) != (l.Malformed != ""), malformed == nil && (l.JobID != env.ID || l.Task != env.Task):
			t.Errorf("an envelope %+v, %v became %+v", env, malformed, l)
		case strings.ContainsAny(l.FirstLine(), "\n") || strings.TrimSpace(l.Error) != "" && l.FirstLine() == "":
			t.Errorf("the first line of %q is %q", l.Error, l.FirstLine())
		case !(Filter{ID: l.ID(), Reason: l.Reason, Task: l.Task, Since: l.FailedAt}).Match(l):
			t.Errorf("%+v does not match itself", l)
		case l.movedBySQS() != (reason == "" || source != "" || reason == string(ReasonMaxReceives)), l.movedBySQS() && l.Attempts > 5:
			t.Errorf("reason %q, source %q: %+v", reason, source, l)
		}
		if at, err := time.Parse(time.RFC3339, failedAt); err == nil && !l.movedBySQS() && writable(at.UTC()) && !l.FailedAt.Equal(at) {
			t.Errorf("failed at %s became %v", failedAt, l.FailedAt)
		}
	})
}
