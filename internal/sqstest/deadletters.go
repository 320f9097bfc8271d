package sqstest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/coretasks/core/internal/conformance"
)

var (
	deadLetterTests = []func(*check){
		redriveAtMaxReceiveCount, redriveKeepsMessage, redrivePolicyRefused, redrivePolicyNoJSON, redrivePolicyRemoved, redrivePolicyRoundTrip,
		deadLetterSources, ownDeadLetterQueue,
	}
	moveTaskTests = []func(*check){
		moveTaskToDestination, moveTaskToSources, moveTaskRenews, moveTaskRefused, moveTaskTooFast, moveTaskCancelled, moveTaskCancelEnded,
		moveTaskOneAtATime,
	}
)

func redrivePolicy(dlqARN string, maxReceiveCount int) string {
	return fmt.Sprintf(`{"deadLetterTargetArn":%q,"maxReceiveCount":%d}`, dlqARN, maxReceiveCount)
}

// newQueueWithDLQ makes a queue whose messages move on after one receive too many.
func (c *check) newQueueWithDLQ(maxReceiveCount int) (source, dlq queue) {
	c.Helper()
	dlq = c.newQueue()
	return c.newQueue("RedrivePolicy", redrivePolicy(dlq.arn(), maxReceiveCount)), dlq
}

// fail receives the message once and gives it back.
func (q queue) fail() types.Message {
	q.Helper()
	m := q.receiveOne()
	q.OK(q.changeVisibility(m, 0), "ChangeMessageVisibility to 0")
	return m
}

// deadLetter puts a body through its one receive into the dead-letter queue. SQS moves the message
// when a receive finds it past its count.
func (q queue) deadLetter(dlq queue, bodies ...string) {
	q.Helper()
	for _, body := range bodies {
		q.send(body)
		q.fail()
	}
	q.staysEmpty()
	dlq.Eventually("dead letters arrive", func() bool {
		return dlq.attributes()["ApproximateNumberOfMessages"] == fmt.Sprint(len(bodies))
	})
}

func redriveAtMaxReceiveCount(c *check) {
	q, dlq := c.newQueueWithDLQ(2)
	q.send("poison")
	for receive := range 2 {
		if got := system(q.fail(), types.MessageSystemAttributeNameApproximateReceiveCount); got != fmt.Sprint(receive+1) {
			c.Errorf("ApproximateReceiveCount of receive %d is %s", receive+1, got)
		}
	}
	q.staysEmpty()
	if got := aws.ToString(dlq.receiveOne().Body); got != "poison" {
		c.Errorf("the dead-letter queue holds %q", got)
	}
	q.staysEmpty()
}

// redriveKeepsMessage: SQS moves a message as it is, with its id, its attributes, its receive count
// and its age (which is why a dead-letter queue needs the longer retention), and says where from.
func redriveKeepsMessage(c *check) {
	q, dlq := c.newQueueWithDLQ(1)
	q.send("poison", func(in *sqs.SendMessageInput) {
		in.MessageAttributes = map[string]types.MessageAttributeValue{"a": text("x")}
	})
	before := q.fail()
	q.staysEmpty()
	after := dlq.receiveOne()
	if aws.ToString(before.MessageId) != aws.ToString(after.MessageId) {
		c.Errorf("the message id changed from %s to %s", aws.ToString(before.MessageId), aws.ToString(after.MessageId))
	}
	if got := aws.ToString(after.MessageAttributes["a"].StringValue); got != "x" {
		c.Errorf("the message attribute is %q, want x", got)
	}
	if sent := types.MessageSystemAttributeNameSentTimestamp; system(before, sent) != system(after, sent) {
		c.Errorf("SentTimestamp changed from %s to %s", system(before, sent), system(after, sent))
	}
	if got := system(after, types.MessageSystemAttributeNameDeadLetterQueueSourceArn); got != q.arn() {
		c.Errorf("DeadLetterQueueSourceArn is %q, want %q", got, q.arn())
	}
	if got := system(after, types.MessageSystemAttributeNameApproximateReceiveCount); got < "2" {
		c.Errorf("ApproximateReceiveCount is %s, want it to go on counting", got)
	}
}

func redrivePolicyRefused(c *check) {
	dlq := c.newQueue()
	arn := dlq.arn()
	q := c.newQueue()
	for name, policy := range map[string]string{
		"no target":            `{"maxReceiveCount":3}`,
		"no count":             fmt.Sprintf(`{"deadLetterTargetArn":%q}`, arn),
		"a count of 0":         redrivePolicy(arn, 0),
		"a count of 1001":      redrivePolicy(arn, 1001),
		"an unknown target":    redrivePolicy(strings.TrimSuffix(arn, dlq.name)+c.newName(), 3),
		"a target without arn": redrivePolicy("queue", 3),
	} {
		c.in(name, func(c *check) {
			c.Refused(q.setAttribute("RedrivePolicy", policy), "SetQueueAttributes", "InvalidParameterValue", "InvalidAttributeValue")
		})
	}
}

func redrivePolicyNoJSON(c *check) {
	q := c.newQueue()
	c.Refused(q.setAttribute("RedrivePolicy", "{"), "SetQueueAttributes", "InvalidParameterValue", "InvalidAttributeValue")
}

func redrivePolicyRemoved(c *check) {
	q, _ := c.newQueueWithDLQ(1)
	c.OK(q.setAttribute("RedrivePolicy", ""), "SetQueueAttributes with an empty RedrivePolicy")
	if got, set := q.attributes()["RedrivePolicy"]; set {
		c.Errorf("RedrivePolicy is %q, want it gone", got)
	}
	q.send("x")
	for range 3 {
		q.fail()
	}
}

// redrivePolicyRoundTrip: the count may come as text, as the console and older tools send it.
func redrivePolicyRoundTrip(c *check) {
	dlq := c.newQueue()
	policy := fmt.Sprintf(`{"maxReceiveCount":"7","deadLetterTargetArn":%q}`, dlq.arn())
	q := c.newQueue("RedrivePolicy", policy)
	got := q.attributes()["RedrivePolicy"]
	if !strings.Contains(got, dlq.arn()) || !strings.Contains(got, "7") {
		c.Errorf("RedrivePolicy is %q, want %q", got, policy)
	}
	q.send("x")
	for range 7 {
		q.fail()
	}
	q.staysEmpty()
	dlq.receiveOne()
}

func deadLetterSources(c *check) {
	dlq := c.newQueue()
	policy := redrivePolicy(dlq.arn(), 3)
	want := []string{c.newQueue("RedrivePolicy", policy).url, c.newQueue("RedrivePolicy", policy).url}
	slices.Sort(want)
	list := func(url string) []string {
		out, err := c.api.ListDeadLetterSourceQueues(c.Ctx, &sqs.ListDeadLetterSourceQueuesInput{QueueUrl: &url})
		c.OK(err, "ListDeadLetterSourceQueues")
		return slices.Sorted(slices.Values(out.QueueUrls))
	}
	if got := list(dlq.url); !slices.Equal(got, want) {
		c.Errorf("ListDeadLetterSourceQueues answered %v, want %v", got, want)
	}
	if got := list(want[0]); len(got) != 0 {
		c.Errorf("ListDeadLetterSourceQueues of a source answered %v, want none", got)
	}
}

// ownDeadLetterQueue: a queue may be its own dead-letter queue; nothing is lost by that.
func ownDeadLetterQueue(c *check) {
	q := c.newQueue()
	c.OK(q.setAttribute("RedrivePolicy", redrivePolicy(q.arn(), 2)), "SetQueueAttributes of a RedrivePolicy to the queue itself")
	if got := q.attributes()["RedrivePolicy"]; !strings.Contains(got, q.arn()) {
		c.Errorf("RedrivePolicy is %q", got)
	}
	q.send("x")
	for range 4 {
		if got := aws.ToString(q.fail().Body); got != "x" {
			c.Errorf("received %q", got)
		}
	}
	out, err := c.api.ListDeadLetterSourceQueues(c.Ctx, &sqs.ListDeadLetterSourceQueuesInput{QueueUrl: &q.url})
	c.OK(err, "ListDeadLetterSourceQueues")
	if !slices.Equal(out.QueueUrls, []string{q.url}) {
		c.Errorf("ListDeadLetterSourceQueues answered %v, want the queue itself", out.QueueUrls)
	}
}

// startMove starts a move task and returns its handle.
func (q queue) startMove(in sqs.StartMessageMoveTaskInput) string {
	q.Helper()
	in.SourceArn = aws.String(q.arn())
	out, err := q.api.StartMessageMoveTask(q.Ctx, &in)
	q.OK(err, "StartMessageMoveTask")
	if aws.ToString(out.TaskHandle) == "" {
		q.Errorf("StartMessageMoveTask answered no task handle")
	}
	return aws.ToString(out.TaskHandle)
}

// moveTask returns the latest of the queue's move tasks.
func (q queue) moveTask() types.ListMessageMoveTasksResultEntry {
	q.Helper()
	out, err := q.api.ListMessageMoveTasks(q.Ctx, &sqs.ListMessageMoveTasksInput{SourceArn: aws.String(q.arn())})
	q.OK(err, "ListMessageMoveTasks")
	if len(out.Results) != 1 { // the default of MaxResults
		q.Fatalf("ListMessageMoveTasks answered %d tasks, want 1", len(out.Results))
	}
	return out.Results[0]
}

// awaitMove waits until the task has ended and returns it.
func (q queue) awaitMove() types.ListMessageMoveTasksResultEntry {
	q.Helper()
	var task types.ListMessageMoveTasksResultEntry
	q.Eventually("the move task ends", func() bool {
		task = q.moveTask()
		return aws.ToString(task.Status) != "RUNNING" && aws.ToString(task.Status) != "CANCELLING"
	})
	return task
}

func moveTaskToDestination(c *check) {
	q, dlq := c.newQueueWithDLQ(1)
	destination := c.newQueue()
	q.deadLetter(dlq, "one", "two")
	before := time.Now().Add(-time.Minute)
	dlq.startMove(sqs.StartMessageMoveTaskInput{DestinationArn: aws.String(destination.arn())})
	task := dlq.awaitMove()
	if aws.ToString(task.Status) != "COMPLETED" || task.ApproximateNumberOfMessagesMoved != 2 ||
		aws.ToString(task.SourceArn) != dlq.arn() || aws.ToString(task.DestinationArn) != destination.arn() {
		c.Errorf("the move task is %s with %d moved from %s to %s", aws.ToString(task.Status), task.ApproximateNumberOfMessagesMoved,
			aws.ToString(task.SourceArn), aws.ToString(task.DestinationArn))
	}
	if started := time.UnixMilli(task.StartedTimestamp); started.Before(before) || started.After(time.Now().Add(time.Minute)) {
		c.Errorf("StartedTimestamp is %v, want now in milliseconds", started)
	}
	if task.TaskHandle != nil {
		c.Errorf("a task that has ended still has a handle: only a running one can be cancelled")
	}
	got := []string{}
	for _, m := range destination.receiveAll(2) {
		got = append(got, aws.ToString(m.Body))
	}
	slices.Sort(got)
	if !slices.Equal(got, []string{"one", "two"}) {
		c.Errorf("the destination holds %v", got)
	}
	dlq.staysEmpty()
}

// moveTaskToSources: with no destination, messages go back to where the redrive policy took them.
func moveTaskToSources(c *check) {
	first, dlq := c.newQueueWithDLQ(1)
	second := c.newQueue("RedrivePolicy", redrivePolicy(dlq.arn(), 1))
	first.send("first")
	first.fail()
	first.staysEmpty()
	second.deadLetterMore(dlq, "second", 2)
	dlq.startMove(sqs.StartMessageMoveTaskInput{})
	if task := dlq.awaitMove(); aws.ToString(task.Status) != "COMPLETED" {
		c.Errorf("the move task is %s: %s", aws.ToString(task.Status), aws.ToString(task.FailureReason))
	}
	if got := aws.ToString(first.receiveOne().Body); got != "first" {
		c.Errorf("the first source got %q back", got)
	}
	if got := aws.ToString(second.receiveOne().Body); got != "second" {
		c.Errorf("the second source got %q back", got)
	}
}

// deadLetterMore is deadLetter for a dead-letter queue that then holds total messages.
func (q queue) deadLetterMore(dlq queue, body string, total int) {
	q.Helper()
	q.send(body)
	q.fail()
	q.staysEmpty()
	dlq.Eventually("dead letters arrive", func() bool {
		return dlq.attributes()["ApproximateNumberOfMessages"] == fmt.Sprint(total)
	})
}

// moveTaskRenews: a moved message is a new one, with a new id, enqueue time and receive count.
func moveTaskRenews(c *check) {
	q, dlq := c.newQueueWithDLQ(1)
	destination := c.newQueue()
	q.send("x")
	before := q.fail()
	q.staysEmpty()
	dlq.Eventually("the dead letter arrives", func() bool { return dlq.attributes()["ApproximateNumberOfMessages"] == "1" })
	moved := time.Now()
	dlq.startMove(sqs.StartMessageMoveTaskInput{DestinationArn: aws.String(destination.arn())})
	after := destination.receiveOne()
	if aws.ToString(before.MessageId) == aws.ToString(after.MessageId) {
		c.Errorf("the message kept its id, want a new one")
	}
	if sent := milliseconds(after, types.MessageSystemAttributeNameSentTimestamp); sent.Before(moved.Add(-slack)) {
		c.Errorf("SentTimestamp is %v, want the time of the move, after %v", sent, moved)
	}
	if got := system(after, types.MessageSystemAttributeNameApproximateReceiveCount); got != "1" {
		c.Errorf("ApproximateReceiveCount is %s, want 1", got)
	}
}

func moveTaskRefused(c *check) {
	_, dlq := c.newQueueWithDLQ(1)
	plain := c.newQueue()
	start := func(in sqs.StartMessageMoveTaskInput) error {
		_, err := c.api.StartMessageMoveTask(c.Ctx, &in)
		return err
	}
	unknown := aws.String(strings.TrimSuffix(plain.arn(), plain.name) + c.newName())
	c.Refused(start(sqs.StartMessageMoveTaskInput{SourceArn: aws.String(plain.arn())}),
		"StartMessageMoveTask from a queue that is no dead-letter queue", "InvalidParameterValue")
	conformance.WantError[*types.ResourceNotFoundException](c.Case, start(sqs.StartMessageMoveTaskInput{SourceArn: unknown}), "StartMessageMoveTask from an unknown queue")
	conformance.WantError[*types.ResourceNotFoundException](c.Case, start(sqs.StartMessageMoveTaskInput{SourceArn: aws.String(dlq.arn()), DestinationArn: unknown}),
		"StartMessageMoveTask to an unknown queue")
	c.in("names for ARNs", func(c *check) {
		c.Refused(start(sqs.StartMessageMoveTaskInput{SourceArn: &dlq.name}), "StartMessageMoveTask from a name", "InvalidParameterValue")
		c.Refused(start(sqs.StartMessageMoveTaskInput{SourceArn: aws.String(dlq.arn()), DestinationArn: &plain.name}),
			"StartMessageMoveTask to a name", "InvalidParameterValue")
	})
	_, err := c.api.ListMessageMoveTasks(c.Ctx, &sqs.ListMessageMoveTasksInput{SourceArn: &dlq.name})
	c.Refused(err, "ListMessageMoveTasks of a name", "InvalidParameterValue")
	_, err = c.api.CancelMessageMoveTask(c.Ctx, &sqs.CancelMessageMoveTaskInput{TaskHandle: aws.String("invented")})
	c.Refused(err, "CancelMessageMoveTask of an invented handle", "InvalidParameterValue", "ResourceNotFound")
}

func moveTaskTooFast(c *check) {
	_, dlq := c.newQueueWithDLQ(1)
	_, err := c.api.StartMessageMoveTask(c.Ctx, &sqs.StartMessageMoveTaskInput{
		SourceArn: aws.String(dlq.arn()), MaxNumberOfMessagesPerSecond: aws.Int32(501),
	})
	c.Refused(err, "StartMessageMoveTask at 501 messages a second", "InvalidParameterValue")
}

func moveTaskCancelled(c *check) {
	q, dlq := c.newQueueWithDLQ(1)
	destination := c.newQueue()
	q.deadLetter(dlq, "1", "2", "3", "4", "5", "6")
	handle := dlq.startMove(sqs.StartMessageMoveTaskInput{
		DestinationArn: aws.String(destination.arn()), MaxNumberOfMessagesPerSecond: aws.Int32(1),
	})
	if running := dlq.moveTask(); aws.ToString(running.Status) != "RUNNING" || aws.ToString(running.TaskHandle) != handle ||
		aws.ToInt32(running.MaxNumberOfMessagesPerSecond) != 1 || aws.ToInt64(running.ApproximateNumberOfMessagesToMove) != 6 {
		c.Errorf("the running task is %s, %d a second, %d to move; want RUNNING, 1, 6", aws.ToString(running.Status),
			aws.ToInt32(running.MaxNumberOfMessagesPerSecond), aws.ToInt64(running.ApproximateNumberOfMessagesToMove))
	}
	_, err := c.api.CancelMessageMoveTask(c.Ctx, &sqs.CancelMessageMoveTaskInput{TaskHandle: &handle})
	c.OK(err, "CancelMessageMoveTask")
	task := dlq.awaitMove()
	if aws.ToString(task.Status) != "CANCELLED" {
		c.Errorf("the cancelled task is %s", aws.ToString(task.Status))
	}
	// What was moved stays moved; the rest stays where it was; nothing is lost or doubled.
	moved := int(task.ApproximateNumberOfMessagesMoved)
	if moved >= 6 {
		c.Fatalf("%d messages were moved at one a second before the task was cancelled", moved)
	}
	destination.receiveAll(moved)
	dlq.receiveAll(6 - moved)
}

// moveTaskCancelEnded: only a running task can be cancelled.
func moveTaskCancelEnded(c *check) {
	q, dlq := c.newQueueWithDLQ(1)
	q.deadLetter(dlq, "x")
	handle := dlq.startMove(sqs.StartMessageMoveTaskInput{})
	dlq.awaitMove()
	_, err := c.api.CancelMessageMoveTask(c.Ctx, &sqs.CancelMessageMoveTaskInput{TaskHandle: &handle})
	c.Refused(err, "CancelMessageMoveTask", "ResourceNotFound", "InvalidParameterValue", "UnsupportedOperation")
}

func moveTaskOneAtATime(c *check) {
	q, dlq := c.newQueueWithDLQ(1)
	q.deadLetter(dlq, "1", "2", "3")
	handle := dlq.startMove(sqs.StartMessageMoveTaskInput{MaxNumberOfMessagesPerSecond: aws.Int32(1)})
	_, err := c.api.StartMessageMoveTask(c.Ctx, &sqs.StartMessageMoveTaskInput{SourceArn: aws.String(dlq.arn())})
	c.Refused(err, "a second StartMessageMoveTask", "InvalidParameterValue", "UnsupportedOperation")
	_, err = c.api.CancelMessageMoveTask(c.Ctx, &sqs.CancelMessageMoveTaskInput{TaskHandle: &handle})
	c.OK(err, "CancelMessageMoveTask")
	dlq.awaitMove()
}
