package emulator

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/uuid"
)

// sendRequest is SendMessage's input. Unlike the SDK's struct it tells a DelaySeconds of 0 from none: the first
// overrides the queue's delay, and over HTTP both can be said.
type sendRequest struct {
	sqs.SendMessageInput
	DelaySeconds *int32
}

// sendEntry is the same for an entry of SendMessageBatch.
type sendEntry struct {
	types.SendMessageBatchRequestEntry
	DelaySeconds *int32
}

type sendBatchRequest struct {
	QueueUrl *string
	Entries  []sendEntry
}

// optional is the reading of the SDK's int32 members, where 0 is never sent.
func optional(n int32) *int32 {
	if n == 0 {
		return nil
	}
	return &n
}

// outgoing is a message that has passed the checks which need no queue.
type outgoing struct {
	message
	delay    *int32
	size     int
	attrsMD5 *string
	traceMD5 *string
}

// prepare checks a message and computes its digests, outside the lock.
func (s *SQS) prepare(entry *sendEntry) (*outgoing, error) {
	if aws.ToString(entry.MessageBody) == "" {
		return nil, faultMissing("MessageBody")
	}
	out := &outgoing{delay: entry.DelaySeconds}
	out.body = *entry.MessageBody
	out.sender, out.trace = s.e.cfg.AccountID, s.trace
	if entry.MessageDeduplicationId != nil {
		return nil, faultQueueType(*entry.MessageDeduplicationId, "MessageDeduplicationId")
	}
	err := firstError(
		checkBody(out.body, s.half),
		checkToken(entry.MessageGroupId, "MessageGroupId"),
		checkSeconds(entry.DelaySeconds, "DelaySeconds", maxDelaySeconds, "DelaySeconds must be >= 0 and <= 900."),
	)
	if err != nil {
		return nil, err
	}
	out.group = aws.ToString(entry.MessageGroupId)
	if out.attrs, err = toAttributes(entry.MessageAttributes, s.half); err != nil {
		return nil, err
	}
	trace, err := toTrace(entry.MessageSystemAttributes, s.half)
	if err != nil {
		return nil, err
	}
	out.digest(trace)
	return out, nil
}

// digest fills in what is computed from a message's content. The trace header does not count towards its size.
func (o *outgoing) digest(trace map[string]attribute) {
	o.id = uuid.NewString()
	o.bodyMD5 = md5Hex(o.body)
	o.size = len(o.body)
	for name, a := range o.attrs {
		o.size += a.size(name)
	}
	if len(o.attrs) > 0 {
		o.attrsMD5 = aws.String(attributesMD5(o.attrs))
	}
	if len(trace) > 0 {
		o.trace = trace["AWSTraceHeader"].String
		o.traceMD5 = aws.String(attributesMD5(trace))
	}
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// fits checks a message against its queue's MaximumMessageSize.
func (o *outgoing) fits(q *queue) error {
	if o.size > q.settings.maxSize {
		return faultInvalidParameter(
			"One or more parameters are invalid. Reason: Message must be shorter than %d bytes.", q.settings.maxSize)
	}
	return nil
}

// send puts a message into a queue; the lock is held.
func (t *tx) send(q *queue, o *outgoing) {
	now := nowMilli()
	o.seq, o.sentAt = t.e.newID(), now
	delay := q.settings.delay
	if o.delay != nil {
		delay = int64(*o.delay) * 1000
	}
	o.delivery.visibleAt = now + delay
	t.addMessage(q, &o.message)
}

func (s *SQS) sendMessage(_ context.Context, in *sendRequest) (*sqs.SendMessageOutput, error) {
	p := s.prepareOne(in)
	err := s.e.update(func(t *tx) error { return t.sendOne(p) })
	if err != nil {
		return nil, err
	}
	o := p.message
	return &sqs.SendMessageOutput{
		MessageId: &o.id, MD5OfMessageBody: &o.bodyMD5,
		MD5OfMessageAttributes: o.attrsMD5, MD5OfMessageSystemAttributes: o.traceMD5,
	}, nil
}

// preparedSend is a SendMessage that has been checked as far as it can be without its queue.
type preparedSend struct {
	sqs      *SQS
	queueURL *string
	message  *outgoing
	invalid  error // said only after what is wrong with the queue
}

func (s *SQS) prepareOne(in *sendRequest) preparedSend {
	o, invalid := s.prepare(&sendEntry{
		SendMessageBatchRequestEntry: types.SendMessageBatchRequestEntry{
			MessageBody: in.MessageBody, MessageAttributes: in.MessageAttributes, MessageGroupId: in.MessageGroupId,
			MessageDeduplicationId: in.MessageDeduplicationId, MessageSystemAttributes: in.MessageSystemAttributes,
		},
		DelaySeconds: in.DelaySeconds,
	})
	return preparedSend{s, in.QueueUrl, o, invalid}
}

// sendOne sends, or changes nothing.
func (t *tx) sendOne(p preparedSend) error {
	q, err := p.sqs.find(p.queueURL)
	if err := firstError(err, p.invalid); err != nil {
		return err
	}
	if err := p.message.fits(q); err != nil {
		return err
	}
	q.sweep(t, nowMilli())
	t.send(q, p.message)
	return nil
}

func (s *SQS) sendMessageBatch(_ context.Context, in *sendBatchRequest) (*sqs.SendMessageBatchOutput, error) {
	p := s.prepareBatch(in)
	var out *sqs.SendMessageBatchOutput
	err := s.e.update(func(t *tx) (err error) {
		out, err = t.sendBatch(p)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// preparedBatch is the same for SendMessageBatch.
type preparedBatch struct {
	sqs      *SQS
	in       *sendBatchRequest
	messages []*outgoing
	invalid  []error
}

// sendBatch sends what it can, or changes nothing where the batch as a whole is refused.
func (t *tx) sendBatch(p preparedBatch) (*sqs.SendMessageBatchOutput, error) {
	q, err := p.sqs.find(p.in.QueueUrl)
	if err != nil {
		return nil, err
	}
	if err := checkSendBatch(p.in.Entries); err != nil {
		return nil, err
	}
	out := &sqs.SendMessageBatchOutput{}
	q.sweep(t, nowMilli())
	for i, o := range p.messages {
		id, err := p.in.Entries[i].Id, p.invalid[i]
		if err == nil {
			err = o.fits(q)
		}
		if err != nil {
			out.Failed = append(out.Failed, failedEntry(id, err))
			continue
		}
		t.send(q, o)
		out.Successful = append(out.Successful, types.SendMessageBatchResultEntry{
			Id: id, MessageId: &o.id, MD5OfMessageBody: &o.bodyMD5,
			MD5OfMessageAttributes: o.attrsMD5, MD5OfMessageSystemAttributes: o.traceMD5,
		})
	}
	return out, nil
}

// prepareBatch prepares what entries a batch may have; a longer one is refused as a whole later.
func (s *SQS) prepareBatch(in *sendBatchRequest) preparedBatch {
	n := min(len(in.Entries), maxBatchEntries)
	p := preparedBatch{sqs: s, in: in, messages: make([]*outgoing, n), invalid: make([]error, n)}
	for i := range n {
		p.messages[i], p.invalid[i] = s.prepare(&in.Entries[i])
	}
	return p
}

// checkSendBatch checks a batch as a whole. Its entries together may weigh as much as one message of the largest size,
// whatever the queue's own MaximumMessageSize.
func checkSendBatch(entries []sendEntry) error {
	ids, size := make([]*string, len(entries)), 0
	for i := range entries {
		ids[i] = entries[i].Id
		size += len(aws.ToString(entries[i].MessageBody))
		for name, v := range entries[i].MessageAttributes {
			size += len(name) + len(aws.ToString(v.DataType)) + len(aws.ToString(v.StringValue)) + len(v.BinaryValue)
		}
	}
	if err := checkBatch("SendMessageBatchRequestEntry", ids); err != nil {
		return err
	}
	if size > maxMessageBytes {
		return faultBatch("BatchRequestTooLong",
			"Batch requests cannot be longer than %d bytes. You have sent %d bytes.", maxMessageBytes, size)
	}
	return nil
}
