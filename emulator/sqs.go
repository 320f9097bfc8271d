package emulator

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// SQS has the methods of *sqs.Client and answers as that does: with the SDK's own error types, wrapped in a
// *smithy.OperationError. The functions that change the client's options are accepted and not called.
type SQS struct {
	e        *Emulator
	base     string // of the queue URLs that it gives out
	region   string
	unsigned bool   // the region is only a default
	trace    string // the request's trace header, for messages that carry none of their own
	half     rune   // a surrogate of the request that lacks its other half; 0: none
}

// In returns the queues of another region, as the client of that region has them. No call makes a queue in what is no region: 1 to
// 64 of a-z 0-9 -.
func (s *SQS) In(region string) *SQS { return &SQS{e: s.e, base: s.base, region: region} }

// do runs one operation for one of the SDK's methods: a missing input is an empty one, an ended context ends it.
func do[In, Out any](
	ctx context.Context, operation string, in *In, run func(context.Context, *In) (*Out, error),
) (*Out, error) {
	return doFor(ctx, sqsErrors, operation, in, run)
}

func doFor[In, Out any](
	ctx context.Context, errs serviceErrors, operation string, in *In, run func(context.Context, *In) (*Out, error),
) (*Out, error) {
	if err := ctx.Err(); err != nil {
		return nil, errs.operation(operation, canceled(ctx))
	}
	if in == nil {
		in = new(In)
	}
	out, err := run(ctx, in)
	if err != nil {
		return nil, errs.operation(operation, err)
	}
	return out, nil
}

func newReceive(in *sqs.ReceiveMessageInput) *receiveRequest {
	return &receiveRequest{
		ReceiveMessageInput: *in, MaxNumberOfMessages: optional(in.MaxNumberOfMessages),
		AttributeNames:    in.AttributeNames, //nolint:staticcheck // deprecated, and many programs use it still
		VisibilityTimeout: optional(in.VisibilityTimeout), WaitTimeSeconds: optional(in.WaitTimeSeconds),
	}
}

func newSendBatch(in *sqs.SendMessageBatchInput) *sendBatchRequest {
	out := &sendBatchRequest{QueueUrl: in.QueueUrl, Entries: make([]sendEntry, len(in.Entries))}
	for i, entry := range in.Entries {
		out.Entries[i] = sendEntry{SendMessageBatchRequestEntry: entry, DelaySeconds: optional(entry.DelaySeconds)}
	}
	return out
}

// SendMessage puts a message into a queue. As with *sqs.Client a DelaySeconds of 0 means the queue's own delay.
func (s *SQS) SendMessage(
	ctx context.Context, in *sqs.SendMessageInput, _ ...func(*sqs.Options),
) (*sqs.SendMessageOutput, error) {
	return do(ctx, "SendMessage", in, func(ctx context.Context, in *sqs.SendMessageInput) (*sqs.SendMessageOutput, error) {
		return s.sendMessage(ctx, &sendRequest{SendMessageInput: *in, DelaySeconds: optional(in.DelaySeconds)})
	})
}

// SendMessageBatch is SendMessage for up to 10 messages. Look at Failed: the call succeeds when entries fail.
func (s *SQS) SendMessageBatch(
	ctx context.Context, in *sqs.SendMessageBatchInput, _ ...func(*sqs.Options),
) (*sqs.SendMessageBatchOutput, error) {
	return do(ctx, "SendMessageBatch", in, func(ctx context.Context, in *sqs.SendMessageBatchInput) (*sqs.SendMessageBatchOutput, error) {
		return s.sendMessageBatch(ctx, newSendBatch(in))
	})
}

// ReceiveMessage takes up to 10 messages, waiting for the first as long as WaitTimeSeconds or the queue says. As with *sqs.Client
// a 0 means the default: one message, the queue's visibility timeout, the queue's wait. A context that ends ends the wait.
func (s *SQS) ReceiveMessage(
	ctx context.Context, in *sqs.ReceiveMessageInput, _ ...func(*sqs.Options),
) (*sqs.ReceiveMessageOutput, error) {
	return do(ctx, "ReceiveMessage", in, func(ctx context.Context, in *sqs.ReceiveMessageInput) (*sqs.ReceiveMessageOutput, error) {
		return s.receiveMessage(ctx, newReceive(in))
	})
}

// ChangeMessageVisibility hides a message in flight for so many seconds from now; 0 gives it back at once.
func (s *SQS) ChangeMessageVisibility(
	ctx context.Context, in *sqs.ChangeMessageVisibilityInput, _ ...func(*sqs.Options),
) (*sqs.ChangeMessageVisibilityOutput, error) {
	return do(ctx, "ChangeMessageVisibility", in, func(ctx context.Context, in *sqs.ChangeMessageVisibilityInput) (*sqs.ChangeMessageVisibilityOutput, error) {
		return s.changeMessageVisibility(ctx, &changeVisibilityRequest{
			ChangeMessageVisibilityInput: *in, VisibilityTimeout: &in.VisibilityTimeout,
		})
	})
}

// AddPermission adds a statement to the queue's Policy, which is stored and not enforced.
func (s *SQS) AddPermission(
	ctx context.Context, in *sqs.AddPermissionInput, _ ...func(*sqs.Options),
) (*sqs.AddPermissionOutput, error) {
	return do(ctx, "AddPermission", in, s.addPermission)
}

// CancelMessageMoveTask stops a running move task; what it moved stays moved.
func (s *SQS) CancelMessageMoveTask(
	ctx context.Context, in *sqs.CancelMessageMoveTaskInput, _ ...func(*sqs.Options),
) (*sqs.CancelMessageMoveTaskOutput, error) {
	return do(ctx, "CancelMessageMoveTask", in, s.cancelMessageMoveTask)
}

// ChangeMessageVisibilityBatch is ChangeMessageVisibility for up to 10 messages.
func (s *SQS) ChangeMessageVisibilityBatch(
	ctx context.Context, in *sqs.ChangeMessageVisibilityBatchInput, _ ...func(*sqs.Options),
) (*sqs.ChangeMessageVisibilityBatchOutput, error) {
	return do(ctx, "ChangeMessageVisibilityBatch", in, s.changeMessageVisibilityBatch)
}

// CreateQueue creates a standard queue, or gives the URL of the one that is already there with the same attributes.
func (s *SQS) CreateQueue(
	ctx context.Context, in *sqs.CreateQueueInput, _ ...func(*sqs.Options),
) (*sqs.CreateQueueOutput, error) {
	return do(ctx, "CreateQueue", in, s.createQueue)
}

// DeleteMessage deletes the message that a receive gave this handle for.
func (s *SQS) DeleteMessage(
	ctx context.Context, in *sqs.DeleteMessageInput, _ ...func(*sqs.Options),
) (*sqs.DeleteMessageOutput, error) {
	return do(ctx, "DeleteMessage", in, s.deleteMessage)
}

// DeleteMessageBatch is DeleteMessage for up to 10 messages. Look at Failed: the call succeeds when entries fail.
func (s *SQS) DeleteMessageBatch(
	ctx context.Context, in *sqs.DeleteMessageBatchInput, _ ...func(*sqs.Options),
) (*sqs.DeleteMessageBatchOutput, error) {
	return do(ctx, "DeleteMessageBatch", in, s.deleteMessageBatch)
}

// DeleteQueue deletes a queue and its messages at once.
func (s *SQS) DeleteQueue(
	ctx context.Context, in *sqs.DeleteQueueInput, _ ...func(*sqs.Options),
) (*sqs.DeleteQueueOutput, error) {
	return do(ctx, "DeleteQueue", in, s.deleteQueue)
}

// GetQueueAttributes gives the attributes that are asked for; its counts are exact.
func (s *SQS) GetQueueAttributes(
	ctx context.Context, in *sqs.GetQueueAttributesInput, _ ...func(*sqs.Options),
) (*sqs.GetQueueAttributesOutput, error) {
	return do(ctx, "GetQueueAttributes", in, s.getQueueAttributes)
}

// GetQueueUrl gives the URL of a queue by its name.
func (s *SQS) GetQueueUrl(
	ctx context.Context, in *sqs.GetQueueUrlInput, _ ...func(*sqs.Options),
) (*sqs.GetQueueUrlOutput, error) {
	return do(ctx, "GetQueueUrl", in, s.getQueueURL)
}

// ListDeadLetterSourceQueues lists the queues that have this one as their dead-letter queue.
func (s *SQS) ListDeadLetterSourceQueues(
	ctx context.Context, in *sqs.ListDeadLetterSourceQueuesInput, _ ...func(*sqs.Options),
) (*sqs.ListDeadLetterSourceQueuesOutput, error) {
	return do(ctx, "ListDeadLetterSourceQueues", in, s.listDeadLetterSourceQueues)
}

// ListMessageMoveTasks lists the latest move tasks of a dead-letter queue, up to 10.
func (s *SQS) ListMessageMoveTasks(
	ctx context.Context, in *sqs.ListMessageMoveTasksInput, _ ...func(*sqs.Options),
) (*sqs.ListMessageMoveTasksOutput, error) {
	return do(ctx, "ListMessageMoveTasks", in, s.listMessageMoveTasks)
}

// ListQueueTags gives the tags of a queue.
func (s *SQS) ListQueueTags(
	ctx context.Context, in *sqs.ListQueueTagsInput, _ ...func(*sqs.Options),
) (*sqs.ListQueueTagsOutput, error) {
	return do(ctx, "ListQueueTags", in, s.listQueueTags)
}

// ListQueues lists queues by name.
func (s *SQS) ListQueues(
	ctx context.Context, in *sqs.ListQueuesInput, _ ...func(*sqs.Options),
) (*sqs.ListQueuesOutput, error) {
	return do(ctx, "ListQueues", in, s.listQueues)
}

// PurgeQueue deletes all messages of a queue at once; once in 60 seconds.
func (s *SQS) PurgeQueue(
	ctx context.Context, in *sqs.PurgeQueueInput, _ ...func(*sqs.Options),
) (*sqs.PurgeQueueOutput, error) {
	return do(ctx, "PurgeQueue", in, s.purgeQueue)
}

// RemovePermission takes a statement out of the queue's Policy.
func (s *SQS) RemovePermission(
	ctx context.Context, in *sqs.RemovePermissionInput, _ ...func(*sqs.Options),
) (*sqs.RemovePermissionOutput, error) {
	return do(ctx, "RemovePermission", in, s.removePermission)
}

// SetQueueAttributes changes attributes of a queue.
func (s *SQS) SetQueueAttributes(
	ctx context.Context, in *sqs.SetQueueAttributesInput, _ ...func(*sqs.Options),
) (*sqs.SetQueueAttributesOutput, error) {
	return do(ctx, "SetQueueAttributes", in, s.setQueueAttributes)
}

// StartMessageMoveTask moves a dead-letter queue's messages back to their sources, or to DestinationArn.
func (s *SQS) StartMessageMoveTask(
	ctx context.Context, in *sqs.StartMessageMoveTaskInput, _ ...func(*sqs.Options),
) (*sqs.StartMessageMoveTaskOutput, error) {
	return do(ctx, "StartMessageMoveTask", in, s.startMessageMoveTask)
}

// TagQueue sets tags of a queue, at most 50 in all.
func (s *SQS) TagQueue(
	ctx context.Context, in *sqs.TagQueueInput, _ ...func(*sqs.Options),
) (*sqs.TagQueueOutput, error) {
	return do(ctx, "TagQueue", in, s.tagQueue)
}

// UntagQueue takes tags off a queue.
func (s *SQS) UntagQueue(
	ctx context.Context, in *sqs.UntagQueueInput, _ ...func(*sqs.Options),
) (*sqs.UntagQueueOutput, error) {
	return do(ctx, "UntagQueue", in, s.untagQueue)
}
