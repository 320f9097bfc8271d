package sqstest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"
)

// patience is how long a test waits for what must happen. It is long because a loaded machine is
// no error; what must happen quickly has its own, shorter bound.
const patience = 30 * time.Second

// slack is by how much a backend's clock may run ahead of ours: SQS counts whole seconds from a
// timestamp in milliseconds.
const slack = 100 * time.Millisecond

// check is one running test. It hides Errorf and Fatalf of testing.T, so that a known deviation is
// noted instead of failing.
type check struct {
	*testing.T
	run       *run
	api       API
	ctx       context.Context
	deviation string
	noted     []string
}

func newCheck(t *testing.T, r *run, deviation string) *check {
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	t.Cleanup(cancel)
	return &check{T: t, run: r, api: r.API, ctx: ctx, deviation: deviation}
}

// in runs one case of a table as a subtest, which a harness may list on its own.
func (c *check) in(name string, test func(*check)) {
	c.run.test(c.T, name, test)
}

// Errorf fails the test, or notes how the backend deviates. Only the test's own goroutine calls it.
func (c *check) Errorf(format string, args ...any) {
	c.Helper()
	if c.deviation == "" {
		c.T.Errorf(format, args...)
		return
	}
	c.noted = append(c.noted, fmt.Sprintf(format, args...))
}

// deviated ends a test whose deviation has shown itself: neither failed nor skipped, which testing
// has no call for.
type deviated struct{}

// Fatalf is Errorf and ends the test. Only the test's own goroutine calls it.
func (c *check) Fatalf(format string, args ...any) {
	c.Helper()
	c.Errorf(format, args...)
	if c.deviation == "" {
		c.FailNow()
	}
	panic(deviated{})
}

// check runs the test's function and tells what was noted.
func (c *check) check(test func(*check)) {
	c.Helper()
	func() {
		defer func() {
			switch reason := recover().(type) {
			case nil, deviated:
			default:
				panic(reason)
			}
		}()
		test(c)
	}()
	switch {
	case c.deviation == "" || c.Failed() || c.Skipped():
	case len(c.noted) > 0:
		c.Logf("known deviation: %s: %s", c.deviation, strings.Join(c.noted, "; "))
	default:
		c.T.Errorf("finds no deviation, although one is listed (%s): take it off the list", c.deviation)
	}
}

// ok ends the test when a call that must succeed did not.
func (c *check) ok(err error, doing string) {
	c.Helper()
	if err != nil {
		c.Fatalf("%s: %v", doing, err)
	}
}

// refused checks that a call failed with one of the codes, in whatever form: the JSON protocol
// says InvalidParameterValueException where the query protocol says InvalidParameterValue.
func (c *check) refused(err error, doing string, codes ...string) {
	c.Helper()
	var api smithy.APIError
	if !errors.As(err, &api) {
		c.Errorf("%s: got %v, want an API error %v", doing, err, codes)
		return
	}
	if !codeIn(api.ErrorCode(), codes) {
		c.Errorf("%s: got %s (%s), want %v", doing, api.ErrorCode(), api.ErrorMessage(), codes)
	}
}

func codeIn(code string, codes []string) bool {
	plain := strings.TrimSuffix(strings.TrimPrefix(code, "AWS.SimpleQueueService."), "Exception")
	for _, want := range codes {
		if plain == want {
			return true
		}
	}
	return false
}

// wantError checks that err is an E, which is how Go programs tell the service's errors apart.
func wantError[E error](c *check, err error, doing string) {
	c.Helper()
	var want E
	if !errors.As(err, &want) {
		c.Errorf("%s: got %v (%T), want a %T", doing, err, err, want)
	}
}

// newName makes a queue name that nobody else uses.
func (c *check) newName() string {
	return c.run.Prefix + "-" + rand.Text()[:12]
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
	out, err := c.api.CreateQueue(c.ctx, &sqs.CreateQueueInput{QueueName: &name, Attributes: pairs(attributes)})
	c.ok(err, "CreateQueue")
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
	out, err := q.api.SendMessage(q.ctx, in)
	q.ok(err, "SendMessage")
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
	out, err := q.api.ReceiveMessage(q.ctx, in)
	q.ok(err, "ReceiveMessage")
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
	_, err := q.api.DeleteMessage(q.ctx, &sqs.DeleteMessageInput{QueueUrl: &q.url, ReceiptHandle: m.ReceiptHandle})
	q.ok(err, "DeleteMessage")
}

func (q queue) changeVisibility(m types.Message, seconds int32) error {
	_, err := q.api.ChangeMessageVisibility(q.ctx, &sqs.ChangeMessageVisibilityInput{
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
	out, err := q.api.GetQueueAttributes(q.ctx, &sqs.GetQueueAttributesInput{QueueUrl: &q.url, AttributeNames: names})
	q.ok(err, "GetQueueAttributes")
	return out.Attributes
}

func (q queue) arn() string {
	q.Helper()
	return q.attributes(types.QueueAttributeNameQueueArn)["QueueArn"]
}

// eventually asks again until done answers true: counts and move tasks are approximate and slow.
func (c *check) eventually(what string, done func() bool) {
	c.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !done(); <-tick.C {
		if time.Now().After(deadline) {
			c.Fatalf("%s: not within %v", what, patience)
		}
	}
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
