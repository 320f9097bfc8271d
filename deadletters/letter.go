package deadletters

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/coretasks/core/sqsqueue"
	"github.com/coretasks/core/tasks"
)

// ReasonMaxReceives is the reason of a letter without one: SQS's redrive policy moved it, since its job was delivered as
// often as the queue allows and no worker lived to say how it ended. Usually the task kills its process (os.Exit, out
// of memory).
const ReasonMaxReceives tasks.Reason = "max-receives"

const maxReceivesText = "redrive policy: max receives exceeded; its workers died, or lost it, before they could say why"

// A Letter is one dead letter.
type Letter struct {
	// MessageID is SQS's, which changes when a letter is redriven.
	MessageID string `json:"message_id"`
	// JobID and Task are empty where the message is malformed.
	JobID string `json:"job_id,omitempty"`
	Task  string `json:"task,omitempty"`
	// Reason is why the job is dead; [ReasonMaxReceives] where SQS moved the message.
	Reason tasks.Reason `json:"reason"`
	Error  string       `json:"error,omitempty"`
	// Attempts is how often the job had been delivered. Where SQS moved the message it is the receive count, less the looks
	// at the letter as far as the queue's redrive policy tells them apart.
	Attempts int `json:"attempts"`
	// FailedAt is when the job failed for good. Where SQS moved the message that is not known, and it is when the message
	// was sent.
	FailedAt time.Time `json:"failed_at"`
	// SentAt is when the message was sent, to the dead-letter queue or, where SQS moved it, to the queue it comes from.
	SentAt time.Time `json:"sent_at"`
	// EnqueuedAt is when the job was made, zero where the message is malformed.
	EnqueuedAt time.Time `json:"enqueued_at,omitzero"`
	// Malformed says why the body is no envelope, or is empty.
	Malformed string `json:"malformed,omitempty"`
	// Body is the message as the job's producer sent it.
	Body string `json:"body,omitempty"`
	// Attributes are the message's own, without those of a dead letter.
	Attributes map[string]types.MessageAttributeValue `json:"-"`

	group string // the tenant of a fair queue
}

// ID is how to name a letter: its job's ID, or its message's where the job has none.
func (l *Letter) ID() string {
	if l.JobID != "" {
		return l.JobID
	}
	return l.MessageID
}

// movedBySQS reports whether the redrive policy moved the letter, so that no worker has said how its job ended.
func (l *Letter) movedBySQS() bool { return l.Reason == ReasonMaxReceives }

// ownAttributes are those that make a message a dead letter.
func ownAttributes() []string {
	return []string{
		sqsqueue.AttributeReason, sqsqueue.AttributeError, sqsqueue.AttributeAttempts, sqsqueue.AttributeJobID, sqsqueue.AttributeFailedAt,
	}
}

// read makes a letter of a message, whatever it is.
func (q *Queue) read(m types.Message) Letter {
	l := Letter{
		MessageID: aws.ToString(m.MessageId), Body: aws.ToString(m.Body), Attributes: map[string]types.MessageAttributeValue{},
		SentAt: sent(m), group: system(m, types.MessageSystemAttributeNameMessageGroupId),
	}
	for name, value := range m.MessageAttributes {
		if !slices.Contains(ownAttributes(), name) {
			l.Attributes[name] = value
		}
	}
	if env, err := tasks.DecodeEnvelope([]byte(l.Body)); err != nil {
		l.Malformed = err.Error()
	} else {
		l.JobID, l.Task = env.ID, env.Task
		if writable(env.EnqueuedAt) {
			l.EnqueuedAt = env.EnqueuedAt
		}
	}
	l.FailedAt = l.SentAt
	text := func(name string) string { return aws.ToString(m.MessageAttributes[name].StringValue) }
	l.Reason, l.Error = tasks.Reason(text(sqsqueue.AttributeReason)), text(sqsqueue.AttributeError)
	// What SQS moved can carry the reason of an earlier death, where a move task took it back to its queue with it.
	if l.Reason == "" || system(m, types.MessageSystemAttributeNameDeadLetterQueueSourceArn) != "" {
		l.Reason, l.Error = ReasonMaxReceives, maxReceivesText
		l.Attempts = max(number(system(m, types.MessageSystemAttributeNameApproximateReceiveCount))-1, 0)
		if q.maxReceives > 0 {
			l.Attempts = min(l.Attempts, q.maxReceives)
		}
		return l
	}
	l.Attempts = number(text(sqsqueue.AttributeAttempts))
	if at, err := time.Parse(time.RFC3339, text(sqsqueue.AttributeFailedAt)); err == nil && writable(at.UTC()) {
		l.FailedAt = at.UTC()
	}
	return l
}

func system(m types.Message, name types.MessageSystemAttributeName) string {
	return m.Attributes[string(name)]
}

func sent(m types.Message) time.Time {
	ms, err := strconv.ParseInt(system(m, types.MessageSystemAttributeNameSentTimestamp), 10, 64)
	if at := time.UnixMilli(ms).UTC(); err == nil && writable(at) {
		return at
	}
	return time.Time{}
}

// number is 0 for what is no count.
func number(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// writable reports whether JSON can hold a time. One letter with another, which anybody may have sent, must not keep all
// letters from being listed as JSON.
func writable(t time.Time) bool {
	_, err := t.MarshalJSON()
	return err == nil
}

// A Filter says which letters are meant. Empty fields allow all.
type Filter struct {
	// ID is a job's, or the message's of a letter that is malformed.
	ID     string
	Task   string
	Reason tasks.Reason
	// Since bounds [Letter].FailedAt. Letters that SQS moved match whatever it is: when that was, nobody knows.
	Since time.Time
}

// Match reports whether a letter is meant.
func (f Filter) Match(l Letter) bool {
	switch {
	case f.ID != "" && f.ID != l.JobID && f.ID != l.MessageID,
		f.Task != "" && f.Task != l.Task,
		f.Reason != "" && f.Reason != l.Reason,
		!f.Since.IsZero() && l.FailedAt.Before(f.Since) && !l.movedBySQS():
		return false
	}
	return true
}

// FirstLine is the first line of a letter's error.
func (l *Letter) FirstLine() string {
	line, _, _ := strings.Cut(strings.TrimSpace(l.Error), "\n")
	return strings.TrimSpace(line)
}
