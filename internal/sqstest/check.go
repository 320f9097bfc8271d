package sqstest

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/coretasks/core/internal/conformance"
)

// slack is by how much a backend's clock may run ahead of ours: SQS counts whole seconds from a
// timestamp in milliseconds.
const slack = 100 * time.Millisecond

// patience is how long a test waits for what must happen.
const patience = conformance.Patience

// check is one running test.
type check struct {
	*conformance.Case
	harness *Harness
	api     API
}

func newCheck(c *conformance.Case, h *Harness) *check { return &check{c, h, h.API} }

// in runs one case of a table as a subtest, which a harness may list on its own.
func (c *check) in(name string, test func(*check)) {
	c.In(name, func(one *conformance.Case) { test(newCheck(one, c.harness)) })
}

// newName makes a queue name that nobody else uses.
func (c *check) newName() string {
	return c.harness.Prefix + "-" + rand.Text()[:12]
}

// queue is a queue of one test; its methods end the test on an unexpected error.
type queue struct {
	*check
	name, url string
}

// newQueue creates a queue that is deleted when the test ends. Attributes come in pairs.
func (c *check) newQueue(attributes ...string) queue {
	c.Helper()
	name := c.newName()
	out, err := c.api.CreateQueue(c.Ctx, &sqs.CreateQueueInput{QueueName: &name, Attributes: pairs(attributes)})
	c.OK(err, "CreateQueue")
	q := queue{check: c, name: name, url: aws.ToString(out.QueueUrl)}
	q.deleteLater()
	return q
}

func (q queue) deleteLater() {
	q.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience) // the test's own has ended
		defer cancel()
		_, _ = q.api.DeleteQueue(ctx, &sqs.DeleteQueueInput{QueueUrl: &q.url}) // the test may have deleted it
	})
}

func pairs(list []string) map[string]string {
	m := make(map[string]string, len(list)/2)
	for i := 0; i < len(list); i += 2 {
		m[list[i]] = list[i+1]
	}
	return m
}

// send sends one message, after changes to the request.
func (q queue) send(body string, changes ...func(*sqs.SendMessageInput)) *sqs.SendMessageOutput {
	q.Helper()
	in := &sqs.SendMessageInput{QueueUrl: &q.url, MessageBody: &body}
	for _, change := range changes {
		change(in)
	}
	out, err := q.api.SendMessage(q.Ctx, in)
	q.OK(err, "SendMessage")
	return out
}

// receive asks once, with every attribute wanted, after changes to the request.
func (q queue) receive(changes ...func(*sqs.ReceiveMessageInput)) []types.Message {
	q.Helper()
	in := &sqs.ReceiveMessageInput{
		QueueUrl:                    &q.url,
		MaxNumberOfMessages:         10,
		MessageAttributeNames:       []string{"All"},
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameAll},
	}
	for _, change := range changes {
		change(in)
	}
	out, err := q.api.ReceiveMessage(q.Ctx, in)
	q.OK(err, "ReceiveMessage")
	return out.Messages
}

// waiting makes a receive a long poll.
func waiting(seconds int32) func(*sqs.ReceiveMessageInput) {
	return func(in *sqs.ReceiveMessageInput) { in.WaitTimeSeconds = seconds }
}

// hiding sets a receive's visibility timeout.
func hiding(seconds int32) func(*sqs.ReceiveMessageInput) {
	return func(in *sqs.ReceiveMessageInput) { in.VisibilityTimeout = seconds }
}

// receiveAll polls until it has n messages: a queue may hand out fewer than it holds.
func (q queue) receiveAll(n int, changes ...func(*sqs.ReceiveMessageInput)) []types.Message {
	q.Helper()
	var got []types.Message
	for deadline := time.Now().Add(patience); len(got) < n; {
		if time.Now().After(deadline) {
			q.Fatalf("received %d of %d messages within %v", len(got), n, patience)
		}
		got = append(got, q.receive(append(changes, waiting(2))...)...)
	}
	if len(got) > n {
		q.Fatalf("received %d messages, want %d", len(got), n)
	}
	return got
}

// receiveOne polls until the queue's only message comes.
func (q queue) receiveOne(changes ...func(*sqs.ReceiveMessageInput)) types.Message {
	q.Helper()
	return q.receiveAll(1, changes...)[0]
}

// staysEmpty checks that a long poll of a second brings nothing.
func (q queue) staysEmpty() {
	q.Helper()
	if got := q.receive(waiting(1)); len(got) > 0 {
		q.Errorf("received %q, want nothing", aws.ToString(got[0].Body))
	}
}

func (q queue) delete(m types.Message) {
	q.Helper()
	_, err := q.api.DeleteMessage(q.Ctx, &sqs.DeleteMessageInput{QueueUrl: &q.url, ReceiptHandle: m.ReceiptHandle})
	q.OK(err, "DeleteMessage")
}

func (q queue) changeVisibility(m types.Message, seconds int32) error {
	_, err := q.api.ChangeMessageVisibility(q.Ctx, &sqs.ChangeMessageVisibilityInput{
		QueueUrl: &q.url, ReceiptHandle: m.ReceiptHandle, VisibilityTimeout: seconds,
	})
	return err
}

// attributes returns the queue's attributes, all of them when none is named.
func (q queue) attributes(names ...types.QueueAttributeName) map[string]string {
	q.Helper()
	if len(names) == 0 {
		names = []types.QueueAttributeName{types.QueueAttributeNameAll}
	}
	out, err := q.api.GetQueueAttributes(q.Ctx, &sqs.GetQueueAttributesInput{QueueUrl: &q.url, AttributeNames: names})
	q.OK(err, "GetQueueAttributes")
	return out.Attributes
}

func (q queue) arn() string {
	q.Helper()
	return q.attributes(types.QueueAttributeNameQueueArn)["QueueArn"]
}

// notBefore checks that what happened now was not due earlier than wait after start.
func (c *check) notBefore(start time.Time, wait time.Duration, what string) {
	c.Helper()
	if passed := time.Since(start); passed < wait-slack {
		c.Errorf("%s after %v, want not before %v", what, passed.Round(time.Millisecond), wait)
	}
}

// soonerThan checks that what happened now took less than limit since start.
func (c *check) soonerThan(start time.Time, limit time.Duration, what string) {
	c.Helper()
	if passed := time.Since(start); passed > limit {
		c.Errorf("%s took %v, want less than %v", what, passed.Round(time.Millisecond), limit)
	}
}

func system(m types.Message, name types.MessageSystemAttributeName) string {
	return m.Attributes[string(name)]
}
