package sqstest

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

var (
	delayTests      = []func(*check){messageDelay, queueDelay, messageDelayOverQueueDelay, batchDelay}
	visibilityTests = []func(*check){
		visibilityExpires, visibilityOfOneReceive, visibilityGivenBack, visibilityExtended, visibilityShortened,
		visibilityOfEarlierHandle, visibilityAfterDelete, visibilityWithoutFlight, visibilityAfterTimeout, visibilityBatchTooLate,
		visibilityBeyondTwelveHours, visibilityKeepsTheTurn,
	}
	longPollTests = []func(*check){
		longPollWakesOnSend, longPollWakesOnDelay, longPollWakesOnExpiry, longPollWakesOnGiveBack, longPollEndsEmpty,
		longPollOfQueue, longPollReturnsAtOnce, longPollCancelled, longPollOneWinner,
	}
)

func messageDelay(c *check) {
	q := c.newQueue()
	start := time.Now()
	q.send("x", func(in *sqs.SendMessageInput) { in.DelaySeconds = 2 })
	if got := q.receive(); len(got) > 0 {
		c.Fatalf("received a message %v before its delay had passed", 2*time.Second-time.Since(start))
	}
	q.receiveOne()
	c.notBefore(start, 2*time.Second, "received")
}

func queueDelay(c *check) {
	q := c.newQueue("DelaySeconds", "1")
	start := time.Now()
	q.send("x")
	q.receiveOne()
	c.notBefore(start, time.Second, "received")
}

// messageDelayOverQueueDelay: a message's own delay counts, not the sum or the larger of the two.
func messageDelayOverQueueDelay(c *check) {
	q := c.newQueue("DelaySeconds", "900")
	start := time.Now()
	q.send("x", func(in *sqs.SendMessageInput) { in.DelaySeconds = 1 })
	q.receiveOne()
	c.notBefore(start, time.Second, "received")
}

func batchDelay(c *check) {
	q := c.newQueue()
	delayed := entry("delayed", "delayed")
	delayed.DelaySeconds = 1
	start := time.Now()
	_, err := q.sendBatch(delayed, entry("prompt", "prompt"))
	c.OK(err, "SendMessageBatch")
	if got := aws.ToString(q.receiveOne().Body); got != "prompt" {
		c.Errorf("received %q first, want prompt", got)
	}
	if got := aws.ToString(q.receiveOne().Body); got != "delayed" {
		c.Errorf("received %q second, want delayed", got)
	}
	c.notBefore(start, time.Second, "received")
}

// received is one message that was taken off a new queue, and when.
func (c *check) received(visibility string) (queue, types.Message, time.Time) {
	c.Helper()
	q := c.newQueue("VisibilityTimeout", visibility)
	q.send("x")
	start := time.Now() // before the request, so that a measured wait is never too short
	return q, q.receiveOne(), start
}

func visibilityExpires(c *check) {
	q, first, start := c.received("1")
	if got := q.receive(); len(got) > 0 {
		c.Fatalf("received a message in flight after %v", time.Since(start))
	}
	second := q.receiveOne()
	c.notBefore(start, time.Second, "received again")
	if aws.ToString(first.MessageId) != aws.ToString(second.MessageId) {
		c.Errorf("message ids %s and %s differ", aws.ToString(first.MessageId), aws.ToString(second.MessageId))
	}
	if aws.ToString(first.ReceiptHandle) == aws.ToString(second.ReceiptHandle) {
		c.Errorf("both receives answered the same receipt handle")
	}
	if got := system(second, types.MessageSystemAttributeNameApproximateReceiveCount); got != "2" {
		c.Errorf("ApproximateReceiveCount is %s, want 2", got)
	}
}

func visibilityOfOneReceive(c *check) {
	q := c.newQueue("VisibilityTimeout", "43200")
	q.send("x")
	start := time.Now()
	q.receiveOne(hiding(1))
	q.receiveOne()
	c.notBefore(start, time.Second, "received again")
}

func visibilityGivenBack(c *check) {
	q, first, start := c.received("60")
	c.OK(q.changeVisibility(first, 0), "ChangeMessageVisibility to 0")
	second := q.receiveOne()
	c.soonerThan(start, 20*time.Second, "receiving what was given back")
	if got := system(second, types.MessageSystemAttributeNameApproximateReceiveCount); got != "2" {
		c.Errorf("ApproximateReceiveCount is %s, want 2: giving back counts as a receive", got)
	}
}

func visibilityExtended(c *check) {
	q, first, start := c.received("1")
	c.OK(q.changeVisibility(first, 3), "ChangeMessageVisibility to 3")
	q.receiveOne()
	c.notBefore(start, 3*time.Second, "received again")
}

// visibilityShortened: the new timeout counts from the call, not from the receive.
func visibilityShortened(c *check) {
	q, first, start := c.received("60")
	changed := time.Now()
	c.OK(q.changeVisibility(first, 1), "ChangeMessageVisibility to 1")
	q.receiveOne()
	c.notBefore(changed, time.Second, "received again")
	c.soonerThan(start, 20*time.Second, "receiving")
}

// visibilityOfEarlierHandle: using an earlier receipt handle of a standard queue is no error. Whether it still changes the
// message is not known; whatever it does, the message is neither lost nor stuck.
func visibilityOfEarlierHandle(c *check) {
	q, first, _ := c.received("1")
	q.receiveOne(hiding(3)) // waits for the first to expire
	c.OK(q.changeVisibility(first, 0), "ChangeMessageVisibility with an earlier handle")
	third := q.receiveOne(hiding(60))
	c.OK(q.changeVisibility(third, 120), "ChangeMessageVisibility with the latest handle")
	q.delete(third)
	q.staysEmpty()
}

func visibilityAfterDelete(c *check) {
	q, m, _ := c.received("60")
	q.delete(m)
	c.Refused(q.changeVisibility(m, 10), "ChangeMessageVisibility of a deleted message", "InvalidParameterValue")
	q.staysEmpty()
}

// visibilityWithoutFlight: a change that comes too late is no error, and hides nothing from others.
func visibilityWithoutFlight(c *check) {
	q, m, start := c.received("60")
	c.OK(q.changeVisibility(m, 0), "ChangeMessageVisibility to 0")
	c.OK(q.changeVisibility(m, 60), "ChangeMessageVisibility of a message that waits")
	q.receiveOne()
	c.soonerThan(start, 20*time.Second, "receiving what was given back")
}

func visibilityAfterTimeout(c *check) {
	q, m, start := c.received("1")
	c.sleepUntil(start.Add(3 * time.Second)) // some backends look once a second
	c.OK(q.changeVisibility(m, 60), "ChangeMessageVisibility after the timeout")
	second := q.receiveOne()
	c.soonerThan(start, 20*time.Second, "receiving what was visible again")
	c.OK(q.changeVisibility(second, 60), "ChangeMessageVisibility with the latest handle")
	q.staysEmpty()
}

// visibilityBatchTooLate is the same for the entries of a batch.
func visibilityBatchTooLate(c *check) {
	q := c.newQueue("VisibilityTimeout", "60")
	q.send("given back")
	waits := q.receiveOne()
	c.OK(q.changeVisibility(waits, 0), "ChangeMessageVisibility to 0")
	again := q.receiveOne(hiding(60))
	q.send("deleted")
	deleted := q.receiveOne()
	q.delete(deleted)
	change := func(id string, m types.Message) types.ChangeMessageVisibilityBatchRequestEntry {
		return types.ChangeMessageVisibilityBatchRequestEntry{Id: &id, ReceiptHandle: m.ReceiptHandle, VisibilityTimeout: 30}
	}
	out, err := c.api.ChangeMessageVisibilityBatch(c.Ctx, &sqs.ChangeMessageVisibilityBatchInput{
		QueueUrl: &q.url, Entries: []types.ChangeMessageVisibilityBatchRequestEntry{
			change("earlier", waits), change("gone", deleted), change("latest", again),
		},
	})
	c.OK(err, "ChangeMessageVisibilityBatch")
	if len(out.Successful) != 2 || len(out.Failed) != 1 {
		c.Fatalf("%d entries succeeded and %d failed, want 2 and 1", len(out.Successful), len(out.Failed))
	}
	wantFailed(c, "ChangeMessageVisibilityBatch", out.Failed[0], "gone", "InvalidParameterValue")
}

// visibilityBeyondTwelveHours: the limit is 12 hours from the receive, however often it is extended.
func visibilityBeyondTwelveHours(c *check) {
	q, m, start := c.received("60")
	c.sleepUntil(start.Add(1500 * time.Millisecond))
	c.OK(q.changeVisibility(m, 43_190), "ChangeMessageVisibility to 10 seconds less")
	c.Refused(q.changeVisibility(m, 43_200), "ChangeMessageVisibility to 12 hours, a second after the receive", "InvalidParameterValue")
}

// visibilityKeepsTheTurn: what comes back after its timeout is received before what was sent later, although that was visible
// first. SQS promises no order; this is what it does.
func visibilityKeepsTheTurn(c *check) {
	q, first, start := c.received("2")
	c.sleepUntil(start.Add(time.Second))
	q.send("younger")
	c.sleepUntil(start.Add(5 * time.Second)) // some backends look once a second
	second := q.receive(func(in *sqs.ReceiveMessageInput) { in.MaxNumberOfMessages = 1 })
	if len(second) != 1 || aws.ToString(second[0].MessageId) != aws.ToString(first.MessageId) {
		c.Errorf("received %d messages, want the one that was sent first", len(second))
	}
}

// poll is a long poll of 15 seconds in the background.
// waking is much longer than an endpoint takes to answer a long poll on a busy machine, and well below what a poll waits.
const waking = 10 * time.Second

type poll struct {
	start    time.Time
	messages []types.Message
	err      error
	took     time.Duration
	done     chan struct{}
}

func (q queue) poll(ctx context.Context) *poll {
	p := &poll{start: time.Now(), done: make(chan struct{})}
	go func() {
		defer close(p.done)
		out, err := q.api.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &q.url, MaxNumberOfMessages: 10, WaitTimeSeconds: 15})
		p.took, p.err = time.Since(p.start), err
		if out != nil {
			p.messages = out.Messages
		}
	}()
	return p
}

// sleepUntil waits for a time, or for the end of the test's.
func (c *check) sleepUntil(t time.Time) {
	select {
	case <-time.After(time.Until(t)):
	case <-c.Ctx.Done():
	}
}

// settle gives a request that was just started the time to arrive. Nothing depends on it having
// arrived; it only makes it likely that the poll is waiting when the message comes.
func (c *check) settle() {
	c.sleepUntil(time.Now().Add(300 * time.Millisecond))
}

// brings checks that the poll brought its one message well before the end of its wait.
func (p *poll) brings(c *check) {
	c.Helper()
	<-p.done
	c.OK(p.err, "ReceiveMessage")
	if len(p.messages) != 1 {
		c.Fatalf("the long poll brought %d messages, want 1", len(p.messages))
	}
	if p.took > waking {
		c.Errorf("the long poll took %v, want it to wake", p.took)
	}
}

func longPollWakesOnSend(c *check) {
	q := c.newQueue()
	p := q.poll(c.Ctx)
	c.settle()
	sent := time.Now()
	q.send("x")
	p.brings(c)
	c.soonerThan(sent, waking, "waking")
}

func longPollWakesOnDelay(c *check) {
	q := c.newQueue()
	start := time.Now()
	q.send("x", func(in *sqs.SendMessageInput) { in.DelaySeconds = 2 })
	q.poll(c.Ctx).brings(c)
	c.notBefore(start, 2*time.Second, "received")
	c.soonerThan(start, waking, "waking")
}

func longPollWakesOnExpiry(c *check) {
	q, _, start := c.received("2")
	q.poll(c.Ctx).brings(c)
	c.notBefore(start, 2*time.Second, "received again")
	c.soonerThan(start, waking, "waking")
}

func longPollWakesOnGiveBack(c *check) {
	q, m, _ := c.received("60")
	p := q.poll(c.Ctx)
	c.settle()
	given := time.Now()
	c.OK(q.changeVisibility(m, 0), "ChangeMessageVisibility to 0")
	p.brings(c)
	c.soonerThan(given, waking, "waking")
}

func longPollEndsEmpty(c *check) {
	q := c.newQueue()
	start := time.Now()
	if got := q.receive(waiting(2)); len(got) > 0 {
		c.Errorf("received %d messages from an empty queue", len(got))
	}
	c.notBefore(start, 2*time.Second, "answered")
	c.soonerThan(start, 10*time.Second, "a long poll of 2 s")
}

func longPollOfQueue(c *check) {
	q := c.newQueue("ReceiveMessageWaitTimeSeconds", "2")
	start := time.Now()
	if got := q.receive(); len(got) > 0 {
		c.Errorf("received %d messages from an empty queue", len(got))
	}
	c.notBefore(start, 2*time.Second, "answered")
}

// longPollReturnsAtOnce: with a message there, a long poll does not wait to fill its ten.
func longPollReturnsAtOnce(c *check) {
	q := c.newQueue()
	q.send("x")
	q.poll(c.Ctx).brings(c)
}

func longPollCancelled(c *check) {
	q := c.newQueue()
	ctx, cancel := context.WithCancel(c.Ctx)
	p := q.poll(ctx)
	c.settle()
	cancel()
	<-p.done
	if !errors.Is(p.err, context.Canceled) {
		c.Errorf("a cancelled ReceiveMessage answered %v, want context.Canceled", p.err)
	}
	if p.took > waking {
		c.Errorf("a cancelled ReceiveMessage took %v", p.took)
	}
}

// longPollOneWinner: of several that wait, one gets the message and the others go on waiting.
func longPollOneWinner(c *check) {
	q := c.newQueue()
	ctx, cancel := context.WithCancel(c.Ctx)
	defer cancel()
	polls := make(chan *poll, 4)
	for range cap(polls) {
		p := q.poll(ctx)
		go func() { <-p.done; polls <- p }()
	}
	c.settle()
	q.send("x")
	(<-polls).brings(c)
	select {
	case p := <-polls:
		c.Errorf("a second long poll ended with %d messages and %v", len(p.messages), p.err)
	case <-time.After(time.Second):
	}
	cancel()
	for range cap(polls) - 1 {
		if p := <-polls; len(p.messages) > 0 {
			c.Errorf("the message came a second time")
		}
	}
}
