package sqstest

import (
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/coretasks/core/internal/conformance"
)

var regionTests = []func(*check){regionsAreApart, regionsOfPolicies, regionsOfMoveTasks}

// elsewhere is the test with a client of another region.
func (c *check) elsewhere() *check {
	c.Helper()
	if c.harness.Elsewhere == nil {
		c.Skip("the harness has no client of another region")
	}
	there := *c
	there.api = c.harness.Elsewhere
	return &there
}

// region is the fourth part of an ARN.
func region(arn string) string {
	if parts := strings.Split(arn, ":"); len(parts) == 6 {
		return parts[3]
	}
	return ""
}

// regionsAreApart: two regions have queues of the same name that are not the same.
func regionsAreApart(c *check) {
	there := c.elsewhere()
	q := c.newQueue()
	out, err := there.api.CreateQueue(c.Ctx, &sqs.CreateQueueInput{QueueName: &q.name, Attributes: map[string]string{"DelaySeconds": "0", "VisibilityTimeout": "77"}})
	c.OK(err, "CreateQueue of the same name in another region")
	other := queue{check: there, name: q.name, url: aws.ToString(out.QueueUrl)}
	other.deleteLater()
	if region(q.arn()) == region(other.arn()) || region(q.arn()) == "" {
		c.Errorf("one is %s, the other %s", q.arn(), other.arn())
	}
	q.send("here")
	other.staysEmpty()
	if got := aws.ToString(q.receiveOne().Body); got != "here" {
		c.Errorf("received %q", got)
	}
	for _, queue := range []queue{q, other} {
		list, err := queue.api.ListQueues(c.Ctx, &sqs.ListQueuesInput{QueueNamePrefix: &q.name})
		c.OK(err, "ListQueues")
		if !slices.Equal(list.QueueUrls, []string{queue.url}) {
			c.Errorf("ListQueues answered %v, want %s alone", list.QueueUrls, queue.url)
		}
		found, err := queue.api.GetQueueUrl(c.Ctx, &sqs.GetQueueUrlInput{QueueName: &q.name})
		c.OK(err, "GetQueueUrl")
		if aws.ToString(found.QueueUrl) != queue.url {
			c.Errorf("GetQueueUrl answered %s, want %s", aws.ToString(found.QueueUrl), queue.url)
		}
	}
	_, err = other.api.DeleteQueue(c.Ctx, &sqs.DeleteQueueInput{QueueUrl: &other.url})
	c.OK(err, "DeleteQueue")
	_, err = other.api.GetQueueUrl(c.Ctx, &sqs.GetQueueUrlInput{QueueName: &q.name})
	conformance.WantError[*types.QueueDoesNotExist](c.Case, err, "GetQueueUrl of what was deleted in this region")
	q.attributes()
}

// regionsOfPolicies: a redrive policy works in any region, and only within it.
func regionsOfPolicies(c *check) {
	there := c.elsewhere()
	q, dlq := there.newQueueWithDLQ(1)
	q.deadLetter(dlq, "dead")
	if got := aws.ToString(dlq.receiveOne().Body); got != "dead" {
		c.Errorf("the dead-letter queue holds %q", got)
	}
	c.in("into another region", func(c *check) {
		err := c.newQueue().setAttribute("RedrivePolicy", redrivePolicy(dlq.arn(), 1))
		c.Refused(err, "SetQueueAttributes of a RedrivePolicy into another region", "InvalidParameterValue")
	})
}

// regionsOfMoveTasks: so does a move task.
func regionsOfMoveTasks(c *check) {
	there := c.elsewhere()
	q, dlq := there.newQueueWithDLQ(1)
	q.deadLetter(dlq, "dead")
	dlq.startMove(sqs.StartMessageMoveTaskInput{})
	if task := dlq.awaitMove(); aws.ToString(task.Status) != "COMPLETED" {
		c.Errorf("the move task is %s: %s", aws.ToString(task.Status), aws.ToString(task.FailureReason))
	}
	if got := aws.ToString(q.receiveOne().Body); got != "dead" {
		c.Errorf("the source got %q back", got)
	}
	c.in("of another region", func(c *check) {
		_, err := c.api.StartMessageMoveTask(c.Ctx, &sqs.StartMessageMoveTaskInput{SourceArn: aws.String(dlq.arn())})
		conformance.WantError[*types.ResourceNotFoundException](c.Case, err, "StartMessageMoveTask of another region's queue")
	})
}
