package sqsqueue

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/coretasks/core/emulator"
	"github.com/coretasks/core/tasks"
)

// outcome is that of a job that died, with an error of that text.
func outcome(text string) tasks.Outcome {
	return tasks.Outcome{
		Verdict: tasks.Dead, Reason: tasks.ReasonUnknownTask, Err: errors.New(text),
		Attempt: tasks.Attempt{Job: tasks.Job{ID: strings.Repeat("i", 36)}, Deliveries: 1000},
	}
}

func foreign(n, size int) map[string]types.MessageAttributeValue {
	attributes := map[string]types.MessageAttributeValue{}
	for i := range n {
		attributes[fmt.Sprintf("own%d", i)] = types.MessageAttributeValue{DataType: aws.String("String"), StringValue: aws.String(strings.Repeat("x", size))}
	}
	return attributes
}

func TestDeadLetterFits(t *testing.T) {
	t.Parallel()
	const largest = maxBytes - deadLetterRoom // of a job that Delay accepts
	all := []string{AttributeReason, AttributeAttempts, AttributeFailedAt, AttributeJobID, AttributeError}
	tests := []struct {
		name    string
		body    int
		own     map[string]types.MessageAttributeValue
		outcome tasks.Outcome
		has     []string
		total   int // attributes
	}{
		{"a small job", 100, nil, outcome("broken"), all, 5},
		{"the largest job", largest, nil, outcome("broken"), all, 5},
		{"the largest job and error", largest, nil, outcome(strings.Repeat("é", maxBytes/2)), all, 5},
		{"a small job with a large error", 100, nil, outcome(strings.Repeat("é", maxBytes/2)), all, 5},
		{"no error text", 100, nil, outcome(""), all[:4], 4},
		{"a malformed message has no id", 100, nil, tasks.Outcome{Reason: tasks.ReasonMalformed, Err: errors.New("x")}, []string{AttributeReason, AttributeError}, 4},
		{"ten attributes of its own", 100, foreign(10, 10), outcome("broken"), append([]string{"own0", "own4"}, all...), 10},
		{"five attributes of its own", 100, foreign(5, 10), outcome("broken"), append([]string{"own0", "own4"}, all...), 10},
		{"attributes that are too large", largest, foreign(3, 600), outcome(strings.Repeat("x", 100)), append([]string{"own0", "own1"}, all...), 7},
		{"a letter that dies again", 100, map[string]types.MessageAttributeValue{
			AttributeReason: {DataType: aws.String("String"), StringValue: aws.String("exhausted")},
			AttributeError:  {DataType: aws.String("String"), StringValue: aws.String("old")},
		}, outcome("broken"), all, 5},
		{"a foreign message that fills the limit", maxBytes, nil, outcome("broken"), nil, 0},
		{"room for the reason only", maxBytes - 40, nil, outcome("broken"), []string{AttributeReason}, 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			body := strings.Repeat("b", test.body)
			out := deadLetter(types.Message{Body: &body, MessageAttributes: test.own}, test.outcome)
			if out.body != body {
				t.Error("the body was changed")
			}
			if size := out.size(); size > maxBytes {
				t.Errorf("%d bytes, %d too many", size, size-maxBytes)
			}
			for _, name := range test.has {
				if _, ok := out.attributes[name]; !ok {
					t.Errorf("attribute %q is missing", name)
				}
			}
			if len(out.attributes) != test.total {
				t.Errorf("%d attributes, want %d", len(out.attributes), test.total)
			}
			if own := aws.ToString(out.attributes[AttributeReason].StringValue); own != "" && own != string(test.outcome.Reason) {
				t.Errorf("reason %q", own)
			}
			checkText(t, aws.ToString(out.attributes[AttributeError].StringValue), 8<<10)
			accepted(t, out)
		})
	}
}

// accepted sends a message to the emulator, which checks what SQS checks.
func accepted(t *testing.T, out outgoing) {
	t.Helper()
	em, err := emulator.Open(emulator.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := em.Close(); err != nil {
			t.Error(err)
		}
	}()
	queue, err := em.SQS().CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("q")})
	if err != nil {
		t.Fatal(err)
	}
	answer, err := em.SQS().SendMessageBatch(t.Context(), &sqs.SendMessageBatchInput{QueueUrl: queue.QueueUrl, Entries: sendEntries([]outgoing{out})})
	if err != nil || len(answer.Failed) > 0 {
		t.Errorf("SQS refuses it: %v %+v", err, answer)
	}
}

// checkText holds a text to the characters of the API reference (SendMessage).
func checkText(t *testing.T, s string, limit int) {
	t.Helper()
	if len(s) > limit {
		t.Errorf("%d bytes, want at most %d", len(s), limit)
	}
	if !utf8.ValidString(s) {
		t.Errorf("%q is not valid UTF-8", s)
	}
	for _, r := range s {
		ok := r == 0x9 || r == 0xA || r == 0xD || r >= 0x20 && r <= 0xD7FF || r >= 0xE000 && r <= 0xFFFD || r >= 0x10000 && r <= 0x10FFFF
		if !ok {
			t.Fatalf("%q has %U", s, r)
		}
	}
}

func TestSQSText(t *testing.T) {
	t.Parallel()
	tests := []struct {
		in    string
		limit int
		want  string
	}{
		{"plain", 5, "plain"},
		{"plain text", 8, "plain…"},
		{"éééé", 8, "éééé"},
		{"ééééé", 8, "éé…"},
		{"日本語日本語", 10, "日本…"},
		{"\U0001F600\U0001F600", 7, "\U0001F600…"},
		{"a\x00b\x1fc\uFFFEd\xffe\tf\n", 100, "a\uFFFDb\uFFFDc\uFFFDd\uFFFDe\tf\n"},
		{"abcdef", 3, "…"},
		{"abcdef", 2, ""},
		{"", 0, ""},
	}
	for _, test := range tests {
		if got := sqsText(test.in, test.limit); got != test.want {
			t.Errorf("sqsText(%q, %d) = %q, want %q", test.in, test.limit, got, test.want)
		}
	}
}

func FuzzSQSText(f *testing.F) {
	f.Add("plain", 3)
	f.Add("日本\x00\xff\uFFFE", 5)
	f.Add("\xed\xa0\x80", 16)
	f.Add(strings.Repeat("\U0001F600", 9), 17)
	f.Fuzz(func(t *testing.T, s string, limit int) {
		limit = max(limit, 0)
		got := sqsText(s, limit)
		checkText(t, got, limit)
		clean := sqsText(s, 4*len(s)+16)
		if sqsText(clean, len(clean)) != clean {
			t.Errorf("%q is changed again", clean)
		}
		if len(clean) <= limit && got != clean {
			t.Errorf("%q fits into %d and became %q", s, limit, got)
		}
		if kept, cut := strings.CutSuffix(got, "…"); cut && len(clean) > limit && !strings.HasPrefix(clean, kept) {
			t.Errorf("%q is no beginning of %q", kept, clean)
		}
	})
}

// A lease that expired in memory is told apart from one that is good, before the heartbeat has looked.
func TestLeaseStart(t *testing.T) {
	t.Parallel()
	now := time.Now()
	s := &source{visibility: time.Minute}
	if l := newLease(s, types.Message{}, now); !l.start(now.Add(58*time.Second), nil) {
		t.Error("a message that is ours was not started")
	}
	l := newLease(s, types.Message{}, now)
	if l.start(now.Add(time.Minute-expiryMargin), nil) || l.decide(leaseWaiting) {
		t.Error("a message that others may have received was started, or given back")
	}
}
