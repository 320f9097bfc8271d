package emulator

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"

	"github.com/coretasks/core/emulator/internal/jsontext"
)

const targetPrefix = "AmazonSQS."

// call reads a request's body, runs the operation that its X-Amz-Target names, and gives its output.
func (s *SQS) call(ctx context.Context, target string, body []byte) (any, error) {
	name, ok := strings.CutPrefix(target, targetPrefix)
	if !ok {
		return nil, faultUnknownOperation(target)
	}
	body, err := s.readable(body, name == "SendMessage" || name == "SendMessageBatch")
	if err != nil {
		return nil, err
	}
	switch name {
	case "SendMessage":
		return run(ctx, body, s.sendMessage)
	case "SendMessageBatch":
		return run(ctx, body, s.sendMessageBatch)
	case "ReceiveMessage":
		return run(ctx, body, s.receiveMessage)
	case "ChangeMessageVisibility":
		return run(ctx, body, s.changeMessageVisibility)
	case "AddPermission":
		return run(ctx, body, s.addPermission)
	case "CancelMessageMoveTask":
		return run(ctx, body, s.cancelMessageMoveTask)
	case "ChangeMessageVisibilityBatch":
		return run(ctx, body, s.changeMessageVisibilityBatch)
	case "CreateQueue":
		return run(ctx, body, s.createQueue)
	case "DeleteMessage":
		return run(ctx, body, s.deleteMessage)
	case "DeleteMessageBatch":
		return run(ctx, body, s.deleteMessageBatch)
	case "DeleteQueue":
		return run(ctx, body, s.deleteQueue)
	case "GetQueueAttributes":
		return run(ctx, body, s.getQueueAttributes)
	case "GetQueueUrl":
		return run(ctx, body, s.getQueueURL)
	case "ListDeadLetterSourceQueues":
		return run(ctx, body, s.listDeadLetterSourceQueues)
	case "ListMessageMoveTasks":
		return run(ctx, body, s.listMessageMoveTasks)
	case "ListQueueTags":
		return run(ctx, body, s.listQueueTags)
	case "ListQueues":
		return run(ctx, body, s.listQueues)
	case "PurgeQueue":
		return run(ctx, body, s.purgeQueue)
	case "RemovePermission":
		return run(ctx, body, s.removePermission)
	case "SetQueueAttributes":
		return run(ctx, body, s.setQueueAttributes)
	case "StartMessageMoveTask":
		return run(ctx, body, s.startMessageMoveTask)
	case "TagQueue":
		return run(ctx, body, s.tagQueue)
	case "UntagQueue":
		return run(ctx, body, s.untagQueue)
	}
	return nil, faultUnknownOperation(target)
}

// readable refuses a body that encoding/json would read as something else. A send's surrogate without its other half is
// refused later, with the field that it is in and, in a batch, with its entry alone.
func (s *SQS) readable(body []byte, send bool) ([]byte, error) {
	if !send {
		if err := jsontext.Check(body); err != nil {
			return nil, faultSerialization(err)
		}
		return body, nil
	}
	if err := jsontext.CheckUTF8(body); err != nil {
		return nil, faultSerialization(err)
	}
	half, at := jsontext.Lone(body)
	if at < 0 {
		return body, nil
	}
	s.half = half
	return jsontext.Replace(body), nil
}

func run[In, Out any](ctx context.Context, body []byte, op func(context.Context, *In) (*Out, error)) (any, error) {
	in := new(In)
	if len(bytes.TrimSpace(body)) > 0 {
		if err := json.Unmarshal(body, in); err != nil {
			return nil, faultSerialization(err)
		}
	}
	return op(ctx, in)
}

func faultUnknownOperation(target string) error {
	if target == "" {
		return newFault(coralPrefix+"UnknownOperationException", "", "The request has no X-Amz-Target header. This "+
			"endpoint speaks the AWS JSON 1.0 protocol of Amazon SQS, as AWS's SDKs since November 2023 do, and not the query "+
			"protocol of before.")
	}
	return newFault(coralPrefix+"UnknownOperationException", "", "Unknown operation: %s", target)
}

func faultSerialization(err error) error {
	return newFault(coralPrefix+"SerializationException", "", "The request can't be read: %v", err)
}
