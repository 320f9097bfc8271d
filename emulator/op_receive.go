package emulator

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"
)

// receiveRequest is ReceiveMessage's input with a 0 told from nothing, as in [sendRequest].
type receiveRequest struct {
	sqs.ReceiveMessageInput
	AttributeNames      []types.QueueAttributeName // the older name of MessageSystemAttributeNames
	MaxNumberOfMessages *int32
	VisibilityTimeout   *int32
	WaitTimeSeconds     *int32
}

func (r *receiveRequest) check() error {
	if r.ReceiveRequestAttemptId != nil {
		return faultQueueType(*r.ReceiveRequestAttemptId, "ReceiveRequestAttemptId")
	}
	return firstError(
		checkRange(r.MaxNumberOfMessages, "MaxNumberOfMessages", 1, 10),
		checkSeconds(r.VisibilityTimeout, "VisibilityTimeout", maxVisibilitySeconds,
			"Must be >= 0 and <= 43200, if provided."),
		checkSeconds(r.WaitTimeSeconds, "WaitTimeSeconds", maxWaitSeconds, "Must be >= 0 and <= 20, if provided."),
		r.checkNames(),
	)
}

// checkNames refuses system attributes that do not exist. The older AttributeNames has the same values.
func (r *receiveRequest) checkNames() error {
	known := types.MessageSystemAttributeName("").Values()
	for _, name := range r.MessageSystemAttributeNames {
		if !slices.Contains(known, name) {
			return faultAttributeName(string(name))
		}
	}
	for _, name := range r.AttributeNames {
		// Names of queue attributes pass: SQS's model has them in this list, though no message has them.
		if !slices.Contains(known, types.MessageSystemAttributeName(name)) && !knownAttribute(string(name)) {
			return faultAttributeName(string(name))
		}
	}
	return nil
}

// attempt is what one look at a queue gave: messages, or a place in the line of those who wait.
type attempt struct {
	queue  *queue
	waiter *waiter
	due    time.Time // when the next hidden message becomes visible; zero: none is hidden
	until  time.Time // when the wait is over
}

func (s *SQS) receiveMessage(ctx context.Context, r *receiveRequest) (*sqs.ReceiveMessageOutput, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	out := &sqs.ReceiveMessageOutput{}
	a := &attempt{}
	for start := time.Now(); ; {
		err := s.e.update(func(t *tx) error { return s.look(t, r, a, start, out) })
		if err != nil {
			return nil, err
		}
		if a.waiter == nil {
			return out, nil
		}
		if err := s.e.wait(ctx, a); err != nil {
			return nil, err
		}
	}
}

// look takes messages, or else joins the line of waiters while there is time left.
func (s *SQS) look(t *tx, r *receiveRequest, a *attempt, start time.Time, out *sqs.ReceiveMessageOutput) error {
	a.waiter = nil
	q, err := s.find(r.QueueUrl)
	if err != nil {
		return err
	}
	wait := q.settings.wait
	if r.WaitTimeSeconds != nil {
		wait = int64(*r.WaitTimeSeconds) * 1000
	}
	if s.e.waitsEnded() {
		wait = 0
	}
	now := nowMilli()
	q.advance(now)
	if q.inFlight >= maxInFlight && wait == 0 {
		return faultOverLimit()
	}
	q.sweep(t, now)
	for _, m := range s.e.take(t, q, r, now) {
		out.Messages = append(out.Messages, r.render(q, m))
	}
	waited := a.queue != nil
	a.queue, a.until = q, start.Add(time.Duration(wait)*time.Millisecond)
	if len(out.Messages) > 0 || !time.Now().Before(a.until) {
		if waited || len(q.ready) > 0 {
			q.wakeOne() // the rest, and the timer, are for the next in line
		}
		return nil
	}
	a.waiter, a.due = q.addWaiter(), time.Time{}
	if m := q.hidden.top(); m != nil {
		a.due = time.UnixMilli(m.delivery.visibleAt)
	}
	return nil
}

// wait returns when the queue should be looked at again, or with an error when the caller's context ends first.
func (e *Emulator) wait(ctx context.Context, a *attempt) error {
	next := a.until
	if !a.due.IsZero() && a.due.Before(next) {
		next = a.due
	}
	timer := time.NewTimer(time.Until(next))
	defer timer.Stop()
	var err error
	select {
	case <-a.waiter.wake:
		if ctx.Err() == nil {
			return nil
		}
		err = canceled(ctx) // a message taken now would go to nobody
	case <-timer.C:
	case <-e.done:
	case <-e.endWaits:
	case <-ctx.Done():
		err = canceled(ctx)
	}
	e.mu.Lock()
	a.queue.leave(a.waiter)
	e.mu.Unlock()
	return err
}

// canceled is the error that *sqs.Client gives when its context ends; errors.Is finds the context's own in it.
func canceled(ctx context.Context) error { return &smithy.CanceledError{Err: ctx.Err()} }

// take receives up to as many messages as asked for; the lock is held.
func (e *Emulator) take(t *tx, q *queue, r *receiveRequest, now int64) []*message {
	limit, timeout := 1, q.settings.visibility
	if r.MaxNumberOfMessages != nil {
		limit = int(*r.MaxNumberOfMessages)
	}
	if r.VisibilityTimeout != nil {
		timeout = int64(*r.VisibilityTimeout) * 1000
	}
	limit = min(limit, maxInFlight-q.inFlight)
	dead := e.deadLetterQueue(q)
	var taken []*message
	for len(taken) < limit {
		m := q.ready.top()
		if m == nil {
			break
		}
		switch {
		case q.expired(m, now):
			t.deleteMessage(q, m)
		case dead != nil && m.delivery.receives >= q.settings.redrive.max:
			t.redrive(q, dead, m, now)
		default:
			q.detach(m) // not back before all are taken, or a timeout of 0 would give the same one twice
			taken = append(taken, m)
		}
	}
	for _, m := range taken {
		t.receive(q, m, now, timeout)
	}
	return taken
}

// receive counts a receive of a message that take has detached.
func (t *tx) receive(q *queue, m *message, now, timeout int64) {
	d := m.delivery
	d.receives++
	d.receivedAt = now
	if d.firstReceived == 0 {
		d.firstReceived = now
	}
	d.visibleAt, d.inFlight = now+timeout, timeout > 0
	t.setDelivery(q, m, d, now)
}

// render gives a message the form in which a receive returns it, sharing nothing with the queue's own.
func (r *receiveRequest) render(q *queue, m *message) types.Message {
	out := types.Message{
		MessageId:     aws.String(m.id),
		Body:          aws.String(m.body),
		MD5OfBody:     aws.String(m.bodyMD5),
		ReceiptHandle: aws.String(handle{queue: q.id, seq: m.seq, receive: m.delivery.receives}.String()),
		Attributes:    r.systemAttributes(m),
	}
	attrs := map[string]attribute{}
	for name, a := range m.attrs {
		if wantsAttribute(r.MessageAttributeNames, name) {
			attrs[name] = a
		}
	}
	if len(attrs) == 0 {
		return out
	}
	out.MessageAttributes = make(map[string]types.MessageAttributeValue, len(attrs))
	for name, a := range attrs {
		v := types.MessageAttributeValue{DataType: aws.String(a.Type)}
		if a.isBinary() {
			v.BinaryValue = slices.Clone(a.Binary)
		} else {
			v.StringValue = aws.String(a.String)
		}
		out.MessageAttributes[name] = v
	}
	out.MD5OfMessageAttributes = aws.String(attributesMD5(attrs))
	return out
}

// wantsAttribute matches an attribute's name with a receive's filters: a name, All, *, .*, or a prefix with .* at its end. A
// filter that no name can match is no error.
func wantsAttribute(filters []string, name string) bool {
	for _, f := range filters {
		prefix, wild := strings.CutSuffix(f, ".*")
		if f == name || f == "All" || f == "*" || wild && strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

func (r *receiveRequest) systemAttributes(m *message) map[string]string {
	if len(r.MessageSystemAttributeNames)+len(r.AttributeNames) == 0 {
		return nil
	}
	all := map[string]string{
		"SenderId":                         m.sender,
		"SentTimestamp":                    strconv.FormatInt(m.sentAt, 10),
		"ApproximateReceiveCount":          strconv.Itoa(m.delivery.receives),
		"ApproximateFirstReceiveTimestamp": strconv.FormatInt(m.delivery.firstReceived, 10),
	}
	for name, value := range map[string]string{
		"MessageGroupId": m.group, "AWSTraceHeader": m.trace, "DeadLetterQueueSourceArn": m.source,
	} {
		if value != "" {
			all[name] = value
		}
	}
	out := map[string]string{}
	pick := func(name string) bool {
		if value, ok := all[name]; ok {
			out[name] = value
		}
		return name == "All"
	}
	for _, name := range r.MessageSystemAttributeNames {
		if pick(string(name)) {
			return all
		}
	}
	for _, name := range r.AttributeNames {
		if pick(string(name)) {
			return all
		}
	}
	return out
}
