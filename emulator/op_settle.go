package emulator

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// changeVisibilityRequest is ChangeMessageVisibility's input with a 0, which gives a message back, told from nothing.
type changeVisibilityRequest struct {
	sqs.ChangeMessageVisibilityInput
	VisibilityTimeout *int32
}

// held finds the message of a receipt handle; nil where it is gone. current is false when the message was received
// again since the handle was given out. The lock is held.
func (q *queue) held(receipt *string) (m *message, current bool, err error) {
	if aws.ToString(receipt) == "" {
		return nil, false, faultMissing("ReceiptHandle")
	}
	h, err := parseHandle(*receipt, q)
	if err != nil {
		return nil, false, err
	}
	m = q.messages[h.seq]
	return m, m != nil && m.delivery.receives == h.receive, nil
}

// discard deletes the message of a receipt handle. An older handle than the latest succeeds and deletes nothing: the
// API reference of DeleteMessage says as much of standard queues. So does the handle of a message that is gone.
func (t *tx) discard(q *queue, receipt *string) error {
	m, current, err := q.held(receipt)
	if err != nil {
		return err
	}
	if current {
		t.deleteMessage(q, m)
	}
	return nil
}

// changeVisibility hides a message that is in flight for so many seconds more, counted from now. All in all it may be
// hidden for 12 hours from the receive; elapsed time counts in whole seconds. With the handle of a message that is visible
// again, or an earlier handle than the latest, it succeeds and changes nothing: so SQS answers, whatever its reference says.
func (t *tx) changeVisibility(q *queue, receipt *string, seconds *int32) error {
	if seconds == nil {
		return faultMissing("VisibilityTimeout")
	}
	if err := checkSeconds(seconds, "VisibilityTimeout", maxVisibilitySeconds,
		"VisibilityTimeout must be an integer between 0 and 43200."); err != nil {
		return err
	}
	m, current, err := q.held(receipt)
	if err != nil {
		return err
	}
	if m == nil {
		return faultValue(*receipt, "ReceiptHandle",
			"Message does not exist or is not available for visibility timeout change.")
	}
	now := nowMilli()
	q.advance(now)
	if !current || !m.delivery.inFlight {
		return nil
	}
	d := m.delivery
	if (now-d.receivedAt)/1000+int64(*seconds) > maxVisibilitySeconds {
		return faultValue(*seconds, "VisibilityTimeout",
			"Total VisibilityTimeout for the message is beyond the limit [43200 seconds]")
	}
	d.visibleAt = now + int64(*seconds)*1000
	t.setDelivery(q, m, d, now)
	return nil
}

func (s *SQS) deleteMessage(_ context.Context, in *sqs.DeleteMessageInput) (*sqs.DeleteMessageOutput, error) {
	err := s.e.update(func(t *tx) error {
		q, err := s.find(in.QueueUrl)
		if err != nil {
			return err
		}
		return t.discard(q, in.ReceiptHandle)
	})
	return &sqs.DeleteMessageOutput{}, err
}

func (s *SQS) deleteMessageBatch(
	_ context.Context, in *sqs.DeleteMessageBatchInput,
) (*sqs.DeleteMessageBatchOutput, error) {
	out := &sqs.DeleteMessageBatchOutput{}
	ids := make([]*string, len(in.Entries))
	for i := range in.Entries {
		ids[i] = in.Entries[i].Id
	}
	err := s.e.update(func(t *tx) error {
		q, err := s.find(in.QueueUrl)
		if err := firstError(err, checkBatch("DeleteMessageBatchRequestEntry", ids)); err != nil {
			return err
		}
		for _, entry := range in.Entries {
			if err := t.discard(q, entry.ReceiptHandle); err != nil {
				out.Failed = append(out.Failed, failedEntry(entry.Id, err))
				continue
			}
			out.Successful = append(out.Successful, types.DeleteMessageBatchResultEntry{Id: entry.Id})
		}
		return nil
	})
	return out, err
}

func (s *SQS) changeMessageVisibility(
	_ context.Context, in *changeVisibilityRequest,
) (*sqs.ChangeMessageVisibilityOutput, error) {
	err := s.e.update(func(t *tx) error {
		q, err := s.find(in.QueueUrl)
		if err != nil {
			return err
		}
		return t.changeVisibility(q, in.ReceiptHandle, in.VisibilityTimeout)
	})
	return &sqs.ChangeMessageVisibilityOutput{}, err
}

func (s *SQS) changeMessageVisibilityBatch(
	_ context.Context, in *sqs.ChangeMessageVisibilityBatchInput,
) (*sqs.ChangeMessageVisibilityBatchOutput, error) {
	out := &sqs.ChangeMessageVisibilityBatchOutput{}
	ids := make([]*string, len(in.Entries))
	for i := range in.Entries {
		ids[i] = in.Entries[i].Id
	}
	err := s.e.update(func(t *tx) error {
		q, err := s.find(in.QueueUrl)
		if err := firstError(err, checkBatch("ChangeMessageVisibilityBatchRequestEntry", ids)); err != nil {
			return err
		}
		for _, entry := range in.Entries {
			if err := t.changeVisibility(q, entry.ReceiptHandle, &entry.VisibilityTimeout); err != nil {
				out.Failed = append(out.Failed, failedEntry(entry.Id, err))
				continue
			}
			out.Successful = append(out.Successful, types.ChangeMessageVisibilityBatchResultEntry{Id: entry.Id})
		}
		return nil
	})
	return out, err
}
