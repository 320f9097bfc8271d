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
	"flag"
	"reflect"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
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
	// Prefix begins every queue's name, so that two runs on one endpoint do not meet. Each queue
	// gets a random part as well. At most 20 characters; the default is "conf".
	Prefix string
	// Deviations maps a test's name, such as "PurgeTwice" or "AttributeRanges/DelaySeconds", to the
	// reason why this backend is known to differ there. Such a test runs all the same, and what it
	// finds is logged; when it finds nothing, it fails, so that the list cannot outlive the difference.
	Deviations map[string]string
	// Harmful maps a test's name to the reason why it is not even run: it would break the backend
	// for the tests beside it.
	Harmful map[string]string
}

// atOnce bounds the tests in flight: most of them wait for a clock, so the number of processors
// (which t.Parallel goes by) would be far too few, and all of them would swamp a small server.
const atOnce = 24

// Run puts a backend through the suite, which takes about ten seconds of real time.
func Run(t *testing.T, h Harness) {
	t.Helper()
	if h.Prefix == "" {
		h.Prefix = "conf"
	}
	r := &run{Harness: h, root: t.Name(), unseen: map[string]bool{}}
	for name := range h.Deviations {
		r.unseen[name] = true
	}
	for name := range h.Harmful {
		r.unseen[name] = true
	}

	var running sync.WaitGroup
	slots := make(chan struct{}, atOnce)
	for _, test := range suite() {
		running.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			r.test(t, testName(test), test)
		})
	}
	running.Wait()

	if chosen := flag.Lookup("test.run"); chosen != nil && chosen.Value.String() != "" {
		return // some tests were left out on purpose
	}
	for name := range r.unseen {
		t.Errorf("the harness names %s, which is no test of the suite", name)
	}
}

// run is one backend's way through the suite.
type run struct {
	Harness
	root string // name of the test that called Run

	mu     sync.Mutex
	unseen map[string]bool // tests that the harness names and that have not run yet
}

// test runs one test, or one case of a test, as a subtest of parent.
func (r *run) test(parent *testing.T, name string, test func(*check)) {
	parent.Run(name, func(t *testing.T) {
		name := strings.TrimPrefix(t.Name(), r.root+"/")
		r.mu.Lock()
		delete(r.unseen, name)
		r.mu.Unlock()
		if reason, harmful := r.Harmful[name]; harmful {
			t.Skip("not run: " + reason)
		}
		c := newCheck(t, r, r.Deviations[name])
		c.check(test)
	})
}

// suite lists the tests; a test's name is its function's.
func suite() []func(*check) {
	var all []func(*check)
	for _, part := range [][]func(*check){
		queueTests, attributeTests, messageTests, messageAttributeTests, limitTests, batchTests,
		delayTests, visibilityTests, longPollTests, deadLetterTests, moveTaskTests, concurrencyTests,
	} {
		all = append(all, part...)
	}
	return all
}

var packagePath = regexp.MustCompile(`^.*\.`)

// testName turns the function .../sqstest.createIsIdempotent into CreateIsIdempotent.
func testName(test func(*check)) string {
	name := packagePath.ReplaceAllString(runtime.FuncForPC(reflect.ValueOf(test).Pointer()).Name(), "")
	return strings.ToUpper(name[:1]) + name[1:]
}
