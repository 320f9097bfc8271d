// Package sqstest is the conformance suite for SQS standard queues: what AWS's API reference
// promises, as tests that any backend can be put through. The emulator runs it in process and over
// its socket, and LocalStack runs it too, so that a test which asks for more than a queue promises
// is noticed.
//
// Where the reference leaves a choice (which of two receipt handles deletes, say), the suite
// accepts every answer that it allows.
package sqstest

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/coretasks/core/internal/conformance"
)

// API is the part of *sqs.Client that the suite exercises.
type API interface {
	CreateQueue(context.Context, *sqs.CreateQueueInput, ...func(*sqs.Options)) (*sqs.CreateQueueOutput, error)
	GetQueueUrl(context.Context, *sqs.GetQueueUrlInput, ...func(*sqs.Options)) (*sqs.GetQueueUrlOutput, error)
	GetQueueAttributes(context.Context, *sqs.GetQueueAttributesInput, ...func(*sqs.Options)) (*sqs.GetQueueAttributesOutput, error)
	SetQueueAttributes(context.Context, *sqs.SetQueueAttributesInput, ...func(*sqs.Options)) (*sqs.SetQueueAttributesOutput, error)
	ListQueues(context.Context, *sqs.ListQueuesInput, ...func(*sqs.Options)) (*sqs.ListQueuesOutput, error)
	DeleteQueue(context.Context, *sqs.DeleteQueueInput, ...func(*sqs.Options)) (*sqs.DeleteQueueOutput, error)
	PurgeQueue(context.Context, *sqs.PurgeQueueInput, ...func(*sqs.Options)) (*sqs.PurgeQueueOutput, error)

	TagQueue(context.Context, *sqs.TagQueueInput, ...func(*sqs.Options)) (*sqs.TagQueueOutput, error)
	UntagQueue(context.Context, *sqs.UntagQueueInput, ...func(*sqs.Options)) (*sqs.UntagQueueOutput, error)
	ListQueueTags(context.Context, *sqs.ListQueueTagsInput, ...func(*sqs.Options)) (*sqs.ListQueueTagsOutput, error)

	SendMessage(context.Context, *sqs.SendMessageInput, ...func(*sqs.Options)) (*sqs.SendMessageOutput, error)
	SendMessageBatch(context.Context, *sqs.SendMessageBatchInput, ...func(*sqs.Options)) (*sqs.SendMessageBatchOutput, error)
	ReceiveMessage(context.Context, *sqs.ReceiveMessageInput, ...func(*sqs.Options)) (*sqs.ReceiveMessageOutput, error)
	DeleteMessage(context.Context, *sqs.DeleteMessageInput, ...func(*sqs.Options)) (*sqs.DeleteMessageOutput, error)
	DeleteMessageBatch(context.Context, *sqs.DeleteMessageBatchInput, ...func(*sqs.Options)) (*sqs.DeleteMessageBatchOutput, error)
	ChangeMessageVisibility(context.Context, *sqs.ChangeMessageVisibilityInput, ...func(*sqs.Options)) (*sqs.ChangeMessageVisibilityOutput, error)
	ChangeMessageVisibilityBatch(context.Context, *sqs.ChangeMessageVisibilityBatchInput, ...func(*sqs.Options)) (*sqs.ChangeMessageVisibilityBatchOutput, error)

	ListDeadLetterSourceQueues(context.Context, *sqs.ListDeadLetterSourceQueuesInput, ...func(*sqs.Options)) (*sqs.ListDeadLetterSourceQueuesOutput, error)
	StartMessageMoveTask(context.Context, *sqs.StartMessageMoveTaskInput, ...func(*sqs.Options)) (*sqs.StartMessageMoveTaskOutput, error)
	CancelMessageMoveTask(context.Context, *sqs.CancelMessageMoveTaskInput, ...func(*sqs.Options)) (*sqs.CancelMessageMoveTaskOutput, error)
	ListMessageMoveTasks(context.Context, *sqs.ListMessageMoveTasksInput, ...func(*sqs.Options)) (*sqs.ListMessageMoveTasksOutput, error)
}

// Harness is one backend.
type Harness struct {
	// API is shared by all tests of the suite, which run at the same time.
	API API
	// Elsewhere is the same backend for a client of another region; without it what regions have to do with each other is not
	// tried.
	Elsewhere API
	// Prefix begins every queue's name, so that two runs on one endpoint do not meet. Each queue
	// gets a random part as well. At most 20 characters; the default is "conf".
	Prefix string
	conformance.Known
}

const atOnce = 24

// Run puts a backend through the suite, which takes about ten seconds of real time.
func Run(t *testing.T, h Harness) {
	t.Helper()
	if h.Prefix == "" {
		h.Prefix = "conf"
	}
	var tests []conformance.Test
	for _, test := range suite() {
		tests = append(tests, conformance.Test{
			Name: conformance.Name(test), Run: func(c *conformance.Case) { test(newCheck(c, &h)) },
		})
	}
	conformance.Run(t, h.Known, atOnce, tests)
}

// suite lists the tests; a test's name is its function's.
func suite() []func(*check) {
	var all []func(*check)
	for _, part := range [][]func(*check){
		queueTests, attributeTests, messageTests, messageAttributeTests, limitTests, batchTests,
		delayTests, visibilityTests, longPollTests, deadLetterTests, moveTaskTests, concurrencyTests, regionTests,
	} {
		all = append(all, part...)
	}
	return all
}
